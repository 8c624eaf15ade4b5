"""The words of margin: `leverage 5`, `leverage BTC-PERP 5`, `margin isolated`, `margin BTC-PERP cross`."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from workstation.domain import margin
from workstation.domain.instrument import Instrument
from workstation.domain.margin import MarginMode
from workstation.domain.numbers import plain
from workstation.trading.command_orders import instrument_named, instrument_near, venues_of
from workstation.trading.command_words import CommandError, Token, number, suggestion
from workstation.trading.commands import Context, SetLeverage, SetMarginMode

_MODES = tuple(mode.value for mode in MarginMode)


def parse_leverage(word: Token, rest: Sequence[Token], end: int, context: Context) -> SetLeverage:
    """The line after its first word. Raises `CommandError`."""
    instrument, value = _named(word, rest, end, context, "leverage 5 or leverage BTC-USDT-PERP 5")
    highest = margin.max_leverage(instrument)
    leverage = number(value.text.rstrip("x×"))
    if highest <= 1 and instrument.is_spot and leverage != 1:
        where = f"{instrument.symbol} is spot without margin at {instrument.venue}"
        raise CommandError(f"{where}: no leverage can be set, and no more sold than is held.", value.at)
    if leverage is None or not 1 <= leverage <= highest or leverage != leverage.to_integral_value():
        raise CommandError(
            f"The leverage of {instrument.symbol} is a whole number from 1 to {plain(highest)}, not {value.raw}.",
            value.at,
        )
    return SetLeverage(instrument.id, Decimal(int(leverage)))


def parse_margin(word: Token, rest: Sequence[Token], end: int, context: Context) -> SetMarginMode:
    """The line after its first word. Raises `CommandError`."""
    instrument, value = _named(word, rest, end, context, "margin isolated or margin BTC-USDT-PERP cross")
    if value.text not in _MODES:
        near = suggestion(value.text, _MODES)
        raise CommandError(f"Margin is isolated or cross, not {value.raw}.{near}", value.at)
    if instrument.is_spot:
        raise CommandError(f"{instrument.symbol} is spot: its margin is always cross.", word.at)
    return SetMarginMode(instrument.id, MarginMode(value.text))


def _named(word: Token, rest: Sequence[Token], end: int, context: Context, usage: str) -> tuple[Instrument, Token]:
    """The instrument named before or after the last word, or the selected one, and that word."""
    if not rest:
        raise CommandError(f"Type {usage}.", end)
    if len(rest) > 2:
        raise CommandError(f"{rest[2].raw} is one word too many.", rest[2].at)
    if len(rest) == 1:
        if context.instrument is None:
            raise CommandError(f"Select an instrument first, or name it after {word.raw}.", end)
        return context.instrument, rest[0]
    name, value = rest
    instrument = instrument_named(name.text, context)
    if instrument is None and (swapped := instrument_named(value.text, context)) is not None:
        instrument, value, name = swapped, name, value
    if instrument is None:
        if several := venues_of(name.text, context):
            raise CommandError(f"{name.raw} is listed at more than one venue: {' or '.join(several)}.", name.at)
        near = instrument_near(name.text, context)
        raise CommandError(f"There is no instrument {name.raw}.{near}", name.at)
    return instrument, value
