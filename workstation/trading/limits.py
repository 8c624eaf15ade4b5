"""The trader's own limits, checked before every order. Money is in the account currency, fractions are fractions."""

from __future__ import annotations

from decimal import Decimal
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

import msgspec

from workstation.domain.formats import NotANumber, ungrouped


class RiskGroup(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Instruments that count as one bet: `members` are patterns ("*:BTC-*"); a leading "-" counts the other way."""

    members: tuple[str, ...] = ()
    max_exposure: Decimal = Decimal("250000")


class StrategyLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits of one origin of orders (a strategy, an algorithm), beside those of the whole desk; None is no limit."""

    max_order_value: Decimal | None = None
    max_position_value: Decimal | None = None
    max_working_orders: int | None = None
    max_orders_per_day: int | None = None


class BreakerLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Thresholds of the circuit breakers; see `workstation.trading.breakers`."""

    #: Loss since the UTC day began, as a fraction, above which no position is opened.
    daily_loss: Decimal = Decimal("0.05")
    #: For how many minutes no new position is opened after the daily loss.
    daily_loss_minutes: int = 60
    #: Fall of the equity from its peak, as a fraction, above which no position is opened.
    drawdown: Decimal = Decimal("0.10")
    #: For how many minutes no new position is opened after the drawdown.
    drawdown_minutes: int = 1_440
    #: Fall from the peak at which the size limits, shrinking from drawdown on, are zero.
    drawdown_zero_size: Decimal = Decimal("0.15")
    #: Fall from the peak above which everything is flattened and the desk halts.
    drawdown_kill: Decimal = Decimal("0.20")
    #: Errors of a venue in a minute above which it gets no order that opens a position.
    venue_errors_per_minute: int = 10
    #: For how many minutes the venue gets none then.
    venue_pause_minutes: int = 5
    #: Move of a price in a minute, as a fraction, above which its orders are pulled.
    price_move: Decimal = Decimal("0.10")
    #: For how many minutes no position is opened in it then.
    price_move_minutes: int = 5


class RiskLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits of the pre-trade checks; see `workstation.trading.risk.CHECKS` for what each of them does."""

    #: Share of the price by which an order may reach through the middle of the market.
    price_collar: Decimal = Decimal("0.02")
    #: Share of the price by which an order may rest away from the middle: a slipped digit.
    price_collar_resting: Decimal = Decimal("0.30")
    #: The most that one order may be worth, in the account's currency.
    max_order_value: Decimal = Decimal("100000")
    #: The most that a position may be worth, working orders at their worst included.
    max_position_value: Decimal = Decimal("250000")
    #: The most that all positions may be worth, working orders at their worst included.
    max_exposure: Decimal = Decimal("500000")
    #: The same as max_exposure, in times of the desk's equity.
    max_leverage: Decimal = Decimal(5)
    #: The same as max_position_value, in times of the desk's equity.
    max_instrument_leverage: Decimal = Decimal(5)
    #: Orders that may work at once, in all.
    max_working_orders: int = 500
    #: Orders that may work at once in one instrument.
    max_working_orders_per_instrument: int = 200
    #: Orders that may be sent in any one second.
    max_orders_per_second: int = 10
    #: Orders that may be sent in one UTC day.
    max_orders_per_day: int = 10_000
    #: An order equal to one within this many milliseconds is taken for a bounced key.
    duplicate_window_ms: int = 250
    #: Prices older than this many milliseconds are no basis for an order.
    max_price_age_ms: int = 10_000
    #: An order from a ladder painted longer ago than this many milliseconds is refused.
    max_painted_age_ms: int = 2_000
    #: Instruments that may be traded, as "VENUE:SYMBOL" with * and ? as wildcards; empty for all.
    #: For example: NOVA:*, *:BTC-*
    allow_instruments: tuple[str, ...] = ()
    #: Instruments that may not be traded, as "VENUE:SYMBOL" with * and ? as wildcards.
    #: For example: *:DOGE-*
    deny_instruments: tuple[str, ...] = ()
    breakers: BreakerLimits = BreakerLimits()
    #: Groups of instruments that count as one bet, longs against shorts, by name: members and max_exposure.
    #: For example: {majors = {members = ["*:BTC-*", "*:ETH-*"], max_exposure = 250000}}
    groups: dict[str, RiskGroup] = msgspec.field(default_factory=dict)
    #: Limits of single strategies by their name (* and ? as wildcards; the first that fits counts): max_order_value,
    #: max_position_value, max_working_orders, max_orders_per_day.
    #: For example: {"sma_cross*" = {max_order_value = 5000}}
    strategies: dict[str, StrategyLimits] = msgspec.field(default_factory=dict)


#: How "no limit" is written, for limits that may be missing.
NONE = "none"


def matches(pattern: str, name: str) -> bool:
    """Whether a name fits a pattern with * and ?, upper and lower case apart."""
    return fnmatchcase(name, pattern)


#: Where the limits of single strategies stand: "strategies.sma_cross@NOVA:BTC-USDT.max_order_value".
OWN = "strategies."


def own_field(origin: str, name: str) -> str:
    """The path of one of an origin's own limits."""
    return f"{OWN}{origin}.{name}"


def own_parts(field: str) -> tuple[str, str] | None:
    """(origin, name) of the path of an origin's own limit; None for any other path."""
    origin, _, name = field.removeprefix(OWN).rpartition(".")
    return (origin, name) if field.startswith(OWN) and origin and name in _OWN_KINDS else None


def limits_of(limits: RiskLimits, origin: str) -> StrategyLimits | None:
    """The limits of an origin's own, if it has any."""
    return next((own for pattern, own in limits.strategies.items() if matches(pattern, origin)), None)


def sign_in(group: RiskGroup, instrument: str) -> int:
    """+1 if a long position is a bet on the group's rise, −1 on its fall, 0 if the instrument is not in the group."""
    for member in group.members:
        if matches(member.removeprefix("-"), instrument):
            return -1 if member.startswith("-") else 1
    return 0


#: Fields whose value must be a fraction between 0 and 1.
_FRACTIONS = frozenset(
    {"price_collar", "price_collar_resting", "breakers.daily_loss", "breakers.drawdown", "breakers.drawdown_zero_size",
     "breakers.drawdown_kill", "breakers.price_move"}
)  # fmt: skip

_UNITS = {"ms": " ms", "minutes": " min"}


#: What a strategy's own limits are called, with their types.
_OWN_KINDS: dict[str, type] = {
    "max_order_value": Decimal, "max_position_value": Decimal, "max_working_orders": int, "max_orders_per_day": int,
}  # fmt: skip
OWN_NAMES = tuple(_OWN_KINDS)


def limit_kind(field: str) -> type | None:
    """The type of a limit by its path, one of a strategy's own too; None where there is no such limit."""
    if (own := own_parts(field)) is not None:
        return _OWN_KINDS[own[1]]
    return dict(limit_fields()).get(field)


@cache
def limit_fields() -> tuple[tuple[str, type], ...]:
    """(path, type) of every limit that can be changed on the desk: "max_order_value", "breakers.daily_loss"."""
    return tuple(
        (prefix + name, type(default))
        for prefix, struct in (("", RiskLimits()), ("breakers.", BreakerLimits()))
        for name, default in msgspec.structs.asdict(struct).items()
        if isinstance(default, int | Decimal | tuple)
    )


def limit_problem(field: str, value: Any) -> str | None:
    """What is wrong with a limit's value, as the end of a sentence: "must be above 0"."""
    if value is None or isinstance(value, tuple):
        return None
    if field in _FRACTIONS:
        return None if 0 < value < 1 else "must be a fraction between 0 and 1 (0.02 is 2 %)"
    if field == "duplicate_window_ms":
        return None if value >= 0 else "must be 0 (off) or above"
    return None if value > 0 else "must be above 0"


def limit_value(limits: RiskLimits, field: str) -> Any:
    """The value of a limit by its path; None for a strategy's own that is not set. Raises KeyError for an unknown."""
    if (own := own_parts(field)) is not None:
        found = limits_of(limits, own[0])
        return None if found is None else getattr(found, own[1])
    if field not in dict(limit_fields()):
        raise KeyError(field)
    section, _, name = field.rpartition(".")
    return getattr(limits.breakers if section else limits, name)


def limit_text(value: Any) -> str:
    """A limit's value as text that `limit_from_text` reads: 50000, 0.05, a list by commas, none for no limit."""
    if value is None:
        return NONE
    if isinstance(value, tuple):
        return ", ".join(value)
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def limit_words(field: str, value: Any) -> str:
    """A limit's value, or what is used of it, as it is shown: 50,000 · 5 % · 250 ms · 60 min · 5×."""
    if value is None:
        return limit_text(value)
    if isinstance(value, tuple):
        return limit_text(value) or ("none" if field.startswith("deny") else "all")
    number = Decimal(value)
    if field in _FRACTIONS:
        share = number * 100
        if 0 < abs(share) < Decimal("0.01"):  # else a limit that is almost nothing would be called nothing
            return f"{share.normalize():f} %"
        return f"{share:.2f}".rstrip("0").rstrip(".") + " %"
    if "leverage" in field:
        return f"{number:.2f}".rstrip("0").rstrip(".") + "×"
    text = f"{number:,.0f}" if number == int(number) or abs(number) > 1_000 else f"{number:,.2f}"
    return text + _UNITS.get(field.rpartition("_")[2], "")


def limit_from_text(field: str, text: str) -> Any:
    """The value that a text means for a limit: 50000, 50,000, 5 % of a fraction, a list by commas.

    Raises ValueError with a sentence.
    """
    kind = limit_kind(field)
    if kind is None:
        raise ValueError(f"There is no limit {field}.")
    if text.strip().lower() == NONE and own_parts(field) is not None:
        return None
    if kind is tuple:
        return tuple(part for part in (part.strip() for part in text.split(",")) if part)
    share = text.strip().endswith("%")
    try:
        plainly = ungrouped(text.strip().removesuffix("%").strip())
    except NotANumber as error:
        raise ValueError(f"{field}: {error}") from None
    try:
        number = Decimal(plainly.replace("_", ""))
        value: Any = int(number) if kind is int else number
    except (ArithmeticError, ValueError):
        raise ValueError(f"{text.strip() or 'nothing'} is not a number for {field}.") from None
    if not number.is_finite() or value != number or len(number.as_tuple().digits) > 20 or abs(number.adjusted()) > 15:
        raise ValueError(f"{field} must be a {'whole ' if kind is int else ''}number, not {text.strip()}.")
    if share:
        if field not in _FRACTIONS:
            raise ValueError(f"{field} is not a share: give a number without %.")
        value = number.scaleb(-2)
    if problem := limit_problem(field, value):
        raise ValueError(f"{field} {problem}, not {text.strip()}.")
    return value


def with_limit(limits: RiskLimits, field: str, value: Any) -> RiskLimits:
    """The limits with one of them changed. A strategy's own then stand by its whole name before all patterns, beginning
    with what the pattern that fits it says."""
    if (own := own_parts(field)) is not None:
        origin, name = own
        changed = msgspec.structs.replace(limits_of(limits, origin) or StrategyLimits(), **{name: value})
        if origin in limits.strategies and any(sign in origin for sign in "*?["):
            strategies = limits.strategies | {origin: changed}  # a pattern keeps its place among the patterns
        else:
            strategies = {origin: changed} | {one: own for one, own in limits.strategies.items() if one != origin}
        return msgspec.structs.replace(limits, strategies=strategies)
    section, _, name = field.rpartition(".")
    if section:
        return msgspec.structs.replace(limits, breakers=msgspec.structs.replace(limits.breakers, **{name: value}))
    return msgspec.structs.replace(limits, **{name: value})
