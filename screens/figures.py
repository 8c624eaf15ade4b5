"""Prices, quantities, money and times as the screen shows them and as the trader types them: the one place that knows
his locale's signs and his time zone.

`use` sets both for the whole screen. Everything else here formats by them; text that Python has formatted with a
thousands comma and a decimal point gets the signs by `shown`.
"""

from __future__ import annotations

import time
from datetime import datetime, tzinfo
from decimal import Decimal
from functools import lru_cache

from workstation.clock import SECOND
from workstation.domain.formats import POINT, NotANumber, NumberStyle
from workstation.domain.instrument import Instrument
from workstation.domain.numbers import places, plain
from workstation.trading.errors import Refused

_style: NumberStyle = POINT
_zone: tzinfo | None = None


def use(style: NumberStyle, zone: tzinfo | None) -> None:
    """Write numbers in `style` and times in `zone` (None for the machine's) from now on."""
    global _style, _zone
    _style, _zone = style, zone


def style() -> NumberStyle:
    """The style in which numbers are written and read."""
    return _style


# -- numbers that are shown


def shown(text: str) -> str:
    """Text that Python formatted (64,200.50) with the signs of the user's locale."""
    return _style.localised(text)


def sentence(text: str) -> str:
    """A sentence of the engine's with its numbers in the signs of the user's locale. Not for what shows numbers in
    those already, or as they were typed."""
    return _style.sentence(text)


def refusal_text(error: BaseException, typed: str = "") -> str:
    """What was refused and why, in the signs of the user's locale. What he typed (`typed`, if it was a line) is quoted
    as it was typed: a number that cannot be read, or could be two, stays what it is."""
    return str(error) if isinstance(error.__cause__, NotANumber) else _style.sentence(str(error), typed)


def price_text(price: Decimal | None, instrument: Instrument) -> str:
    """With the tick's decimals and thousands separators: 64,200.50; – for none."""
    return "–" if price is None else shown(f"{price:,.{places(instrument.tick)}f}")


def price_within(price: Decimal | None, instrument: Instrument, width: int) -> str:
    """As `price_text`, without the decimals where they do not fit: a price far from the market needs none."""
    text = price_text(price, instrument)
    return text if price is None or len(text) <= width else shown(f"{price:,.0f}")


def quantity_text(quantity: Decimal | None, instrument: Instrument) -> str:
    """With the lot's decimals: 0.0500; – for none."""
    return "–" if quantity is None else shown(f"{quantity:,.{places(instrument.lot)}f}")


def figure_within(text: str, width: int) -> str:
    """A number's text as it was made, without the zeros at its end where they do not fit. Where digits do not fit
    either, an ellipsis stands for them: rounded away, a small loss would read as none, and what is left to fill as
    filled. Where not even the whole part fits, the text as it is."""
    if len(text) <= width or (point := text.rfind(_style.decimal)) < 0:
        return text
    whole = text.rstrip("0").rstrip(_style.decimal)
    return whole if len(whole) <= width or width <= point + 1 else f"{whole[: width - 1]}…"


def money_text(value: Decimal | None, sign: bool = False, decimals: int = 2) -> str:
    """Money with fixed decimals, with a sign if asked (none for what rounds to zero); – for none."""
    if value is None:
        return "–"
    text = f"{value:{'+' if sign else ''},.{decimals}f}"
    return shown(text if text.strip("+-0.,") else f"{0:.{decimals}f}")


def small_money_text(value: Decimal | None) -> str:
    """Money by itself: two decimals, and below one unit as many as show three digits (0.00128)."""
    if value is None or value == 0 or abs(value) >= 1:
        return money_text(value)
    return money_text(value, decimals=min(8, max(2, 2 - value.adjusted())))


#: Currencies of states; of coins, those that stand for a dollar have it in their names (DAI apart).
_MONEY = frozenset(
    (
        "EUR",
        "GBP",
        "CHF",
        "JPY",
        "AUD",
        "CAD",
        "NZD",
        "SGD",
        "HKD",
        "KRW",
        "BRL",
        "TRY",
        "INR",
        "MXN",
        "ZAR",
        "PLN",
        "DAI",
    )
)


def places_of(currency: str) -> int:
    """Decimals of money in a currency: two, or eight in a coin, of which a hundredth is much money."""
    return 2 if "USD" in currency or currency in _MONEY else 8


def settlement_places(instrument: Instrument) -> int:
    """Decimals of money in the instrument's settlement currency."""
    return places_of(instrument.settlement)


#: A venue's name of so many letters is not shortened further.
_SHORT_VENUE = 5


def name_text(instrument: Instrument, width: int) -> str:
    """VENUE:SYMBOL; where that does not fit, a derivative's without its quote currency: NOVA:BTC-PERP; and a long
    venue's by its first letters: what is traded stays whole (BIN…:BTC-USDT)."""
    name = instrument.id
    if len(name) > width and not instrument.is_spot:
        name = name.replace(f"-{instrument.quote}", "")
    venue, _, symbol = name.partition(":")
    if len(name) <= width or len(venue) <= _SHORT_VENUE:
        return name
    return f"{venue[: max(3, width - len(symbol) - 2)]}…:{symbol}"


def plain_text(value: Decimal) -> str:
    """Without separators and trailing zeros: 0.05."""
    return shown(plain(value))


# -- numbers that are typed


def field_text(value: Decimal, decimals: int | None = None) -> str:
    """A number as it stands in a text field: without separators, in the decimals asked for or as few as it has."""
    return plain_text(value) if decimals is None else shown(f"{value:.{decimals}f}")


def typed_number(text: str, what: str = "number") -> Decimal:
    """The number that the trader typed, in his locale's signs. Raises `Refused` for what is none, or could be two."""
    try:
        return _style.read(text)
    except NotANumber as error:
        raise Refused(str(error).replace("a number", f"a {what}", 1) if what != "number" else str(error)) from error


def typed_signed(text: str, what: str = "number") -> Decimal:
    """As `typed_number`, of a number that may be below zero."""
    text = text.strip()
    below = text.startswith(("-", "−"))
    return typed_number(text[1:], what).copy_negate() if below else typed_number(text, what)


def plain_word(word: str) -> str:
    """A word with a number in it in the plain notation, for what reads the command line's words. Raises `Refused`."""
    try:
        return _style.plain_word(word)
    except NotANumber as error:
        raise Refused(str(error)) from error


def number_in(text: str) -> Decimal | None:
    """As `typed_number`; None for what is no number."""
    try:
        return _style.read(text)
    except NotANumber:
        return None


# -- times


def zone() -> tzinfo:
    """The user's zone; the machine's by its offset of now."""
    here = _zone or datetime.now().astimezone().tzinfo
    assert here is not None
    return here


def moment(ts: int) -> datetime:
    """UTC ns as a moment in the user's zone, to the second."""
    return datetime.fromtimestamp(ts // SECOND, _zone) if _zone else datetime.fromtimestamp(ts // SECOND).astimezone()


def calendar(ts: int) -> time.struct_time:
    """UTC ns as the calendar of the user's zone, with its `tm_gmtoff`."""
    return time.localtime(ts // SECOND) if _zone is None else _calendar(ts // SECOND, _zone)


@lru_cache(maxsize=4096)
def _calendar(seconds: int, zone: tzinfo) -> time.struct_time:
    one = datetime.fromtimestamp(seconds, zone)
    offset = one.utcoffset()
    assert offset is not None
    dst = -1 if (saved := one.dst()) is None else int(bool(saved))
    return time.struct_time((*one.timetuple()[:8], dst, one.tzname(), int(offset.total_seconds())))


@lru_cache(maxsize=512)
def _clock_text(seconds: int, zone: tzinfo | None, machine: tuple[str, str]) -> str:
    """In the zone that is in force; `zone`, and for None the names of the `machine`'s, say which that is."""
    return f"{moment(seconds * SECOND):%H:%M:%S}"


def local_time(ts: int, milliseconds: bool = False) -> str:
    """UTC ns as the time of day in the user's zone: 14:03:05 or 14:03:05.120."""
    text = _clock_text(ts // SECOND, _zone, time.tzname)
    return f"{text}.{ts % SECOND // 1_000_000:03d}" if milliseconds else text
