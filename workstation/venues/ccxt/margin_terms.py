"""Leverage, margin mode and liquidation price of an account's derivatives, as the exchange tells them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from workstation.domain.instrument import InstrumentId
from workstation.domain.margin import MarginMode, MarginTold
from workstation.domain.numbers import ONE, ZERO
from workstation.venues.ccxt.account import shown_positions, signed_contracts
from workstation.venues.ccxt.instruments import exact

if TYPE_CHECKING:
    from workstation.venues.ccxt.venue import CcxtVenue


async def margin_told(venue: CcxtVenue, exchange: Any) -> dict[InstrumentId, MarginTold]:
    """Of every derivative that is open there; a part that the exchange does not tell is None. Others than Binance and
    Bybit tell of instruments with a position only: their other questions answer with the highest leverage, or of
    spot."""
    symbols = [symbol for symbol, each in venue.markets.items() if not each.is_spot]
    if not symbols:
        return {}
    rows = {symbol: [] for symbol in symbols}  # type: dict[str, list[Mapping[str, Any]]]
    settings: Mapping[str, Any] = {}
    if exchange.id == "binanceusdm":  # its positions say neither, and those that are closed are not among them
        settings, shown = await asyncio.gather(exchange.fetch_leverages(symbols), shown_positions(venue, exchange))
    elif exchange.id == "bybit":  # asked for one market it tells of a closed position too; the mode is the account's
        mode, *each = await asyncio.gather(
            exchange.fetch_margin_mode(symbols[0]), *(exchange.fetch_positions([symbol]) for symbol in symbols)
        )
        shown = [position for page in each for position in page]
        settings = {symbol: {"marginMode": mode.get("marginMode")} for symbol in symbols}
    else:
        shown = await shown_positions(venue, exchange)
    for position in shown:
        rows.get(str(position.get("symbol")), []).append(position)
    return {venue.markets[name].id: told_of(rows[name], settings.get(name) or {}) for name in symbols}


def told_of(positions: Sequence[Mapping[str, Any]], setting: Mapping[str, Any]) -> MarginTold:
    """From ccxt's positions of one market (two in hedge mode) and ccxt's leverage of it."""
    held = [each for each in positions if signed_contracts(each)]
    levers = {lever for name in ("longLeverage", "shortLeverage") if (lever := _lever(setting.get(name)))}
    levers = levers or {lever for each in held or positions if (lever := _lever(each.get("leverage")))}
    word = setting.get("marginMode")
    modes = {word} if word else {each.get("marginMode") for each in held or positions}
    mode = modes.pop() if len(modes) == 1 else None
    alone = held[0] if len(held) == 1 else None
    return MarginTold(
        leverage=levers.pop() if len(levers) == 1 else None,
        mode=MarginMode(mode) if mode in tuple(MarginMode) else None,
        quantity=ZERO if alone is None else signed_contracts(alone),
        liquidation=None if alone is None else exact(alone.get("liquidationPrice")) or None,
    )


def _lever(shown: Any) -> Decimal | None:
    """None for what is below one: Gate's 0 is "as the account's cross margin has it"."""
    lever = exact(shown)
    return lever if lever is not None and lever >= ONE else None
