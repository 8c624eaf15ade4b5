"""What orders of an instrument begin with: sizes, and the exits that an entry brings along."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from fnmatch import fnmatchcase

import msgspec

from workstation.domain.instrument import Instrument
from workstation.domain.numbers import ONE, add, divide, multiply, plain, subtract
from workstation.domain.order import OrderDraft
from workstation.domain.plan import Distance, Plan, Trail
from workstation.trading.plans import terms

_DISTANCE = re.compile(r"(\d+(?:\.\d+)?)(%?)")


class OrderDefaults(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Defaults of one instrument: `size` and the `sizes` between which keys step are quantities of its own units;
    `stop`, `target` and `trail` are distances from the entry, "1%" or an amount of the quote currency ("300")."""

    size: Decimal | None = None
    sizes: tuple[Decimal, ...] = ()
    stop: str = ""
    target: str = ""
    trail: str = ""

    @property
    def has_exits(self) -> bool:
        return bool(self.stop or self.target or self.trail)

    @property
    def words(self) -> str:
        """The exits as they are typed: "stop 1% tp 2%"."""
        parts = (("stop", self.stop), ("tp", self.target), ("trail", self.trail))
        return " ".join(f"{word} {text}" for word, text in parts if text)


NONE = OrderDefaults()


def distance(text: str) -> Distance:
    """Raises ValueError with a sentence for what is no distance."""
    found = _DISTANCE.fullmatch(text.strip())
    amount = Decimal(found[1]) if found else Decimal(0)
    percent = found is not None and found[2] == "%"
    if amount <= 0 or (percent and amount >= 100):
        raise ValueError(f"{text!r} is not a distance: 1% or an amount like 300")
    return Distance(amount, percent)


def problem(defaults: OrderDefaults) -> str | None:
    """What is wrong with defaults, as the end of a sentence; None if they are right."""
    if any(size <= 0 for size in (*defaults.sizes, *([] if defaults.size is None else [defaults.size]))):
        return "must have sizes above 0"
    if any(a >= b for a, b in zip(defaults.sizes, defaults.sizes[1:], strict=False)):
        return "must have its sizes in ascending order"
    for text in (defaults.stop, defaults.target, defaults.trail):
        if text:
            try:
                distance(text)
            except ValueError as error:
                return f"has a wrong exit: {error}"
    return None


def defaults_of(table: Mapping[str, OrderDefaults], instrument: str) -> OrderDefaults:
    """Those of the instrument itself, else of the first pattern ("*:BTC-*") that fits."""
    if instrument in table:
        return table[instrument]
    return next((one for pattern, one in table.items() if fnmatchcase(instrument, pattern)), NONE)


def price_away(far: Distance, sign: int, instrument: Instrument, entry: Decimal) -> Decimal:
    """The price so far above (1) or below (-1) the entry, rounded to the tick."""
    price = add(entry, far.of(entry)) if sign > 0 else subtract(entry, far.of(entry))
    return multiply(divide(price, instrument.tick, ONE), instrument.tick)


def with_exits(draft: OrderDraft, defaults: OrderDefaults, instrument: Instrument, entry: Decimal) -> Plan | None:
    """The entry with its default exits, measured from the price `entry` and rounded to the tick; None without any."""
    if not defaults.has_exits or draft.reduce_only:
        return None

    def away(text: str, sign: int) -> Decimal | None:
        return price_away(distance(text), sign, instrument, entry) if text else None

    trail = Trail(distance(defaults.trail)) if defaults.trail else None
    way = draft.side.sign
    return terms.bracket(draft, stop=away(defaults.stop, -way), target=away(defaults.target, way), trail=trail)


def size_problem(size: Decimal, instrument: Instrument) -> str | None:
    """Why a size cannot be one of the instrument's, as a sentence."""
    whole = divide(size, instrument.lot, ONE)
    if multiply(whole, instrument.lot) != size:
        return f"{plain(size)} is not a multiple of the lot {plain(instrument.lot)} of {instrument.symbol}."
    return None
