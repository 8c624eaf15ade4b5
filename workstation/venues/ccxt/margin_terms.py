"""Leverage, margin mode and liquidation price of an account's derivatives, as the exchange tells them.

Most of it comes with the positions, which are one question. What they leave out (Binance's tell neither leverage nor
mode; most exchanges show open positions only) is asked for by one question where the exchange has such a one, and else
instrument by instrument, one after the other with pauses: nothing of it is as urgent as an order. What streams tell of
it by the way is taken too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from workstation.domain.instrument import InstrumentId
from workstation.domain.margin import MarginMode, MarginTold
from workstation.domain.numbers import ONE, ZERO
from workstation.venues.ccxt.account import shown_positions, signed_contracts
from workstation.venues.ccxt.errors import translated
from workstation.venues.ccxt.instruments import exact
from workstation.venues.contract import VenueError

if TYPE_CHECKING:
    from workstation.venues.ccxt.venue import CcxtVenue

type _Rows = list[Mapping[str, Any]]

#: Seconds for which the positions that a comparison has asked for stand for this too, once.
_FRESH = 5.0
#: Seconds between two questions for one instrument each.
_PAUSE = 0.2


async def margin_told(
    venue: CcxtVenue, exchange: Any, wanted: Sequence[InstrumentId]
) -> dict[InstrumentId, MarginTold]:
    """Of every derivative that is open there; a part that the exchange does not tell, or was not asked for, is None:
    single questions are put for the `wanted` alone. Without an answer to one, the rest is left for the next time."""
    rows: dict[str, _Rows] = {symbol: [] for symbol, each in venue.markets.items() if not each.is_spot}
    if not rows:
        return {}
    for position in await _positions(venue, exchange):
        rows.get(str(position.get("symbol")), []).append(position)
    settings = await _settings(venue, exchange, list(rows))
    ask = _SINGLY.get(exchange.id)
    if ask is not None:  # what is open need not wait for all that is not
        for symbol, shown in rows.items():
            if shown:
                _hand_on(venue, symbol, told_of(shown, settings.get(symbol, {})))
    for instrument in wanted if ask is not None else ():
        symbol = venue.symbols.get(instrument, "")
        if ask is None or symbol not in rows or told_of(rows[symbol], settings.get(symbol, {})).known:
            continue
        await asyncio.sleep(_PAUSE)
        try:
            more, setting = await ask(venue, exchange, symbol)
        except Exception as error:
            venue.note_limit(error)
            if type(translated(error, venue.name, "leverage and margin mode")) is VenueError:
                continue  # it has no answer of this one (Gate: where there never was a position)
            break
        rows[symbol] += more
        settings[symbol] = {**settings.get(symbol, {}), **setting}
        _hand_on(venue, symbol, told_of(rows[symbol], settings[symbol]))
    return {venue.markets[symbol].id: told_of(each, settings.get(symbol, {})) for symbol, each in rows.items()}


async def _positions(venue: CcxtVenue, exchange: Any) -> _Rows:
    """As a comparison has just been shown them, else asked for."""
    at, shown = venue.shown_positions
    venue.shown_positions = float("-inf"), []
    if asyncio.get_running_loop().time() - at <= _FRESH:
        return shown
    shown = await shown_positions(venue, exchange)
    venue.shown_positions = float("-inf"), []
    return shown


def heard(venue: CcxtVenue, shown: Sequence[Mapping[str, Any]]) -> None:
    """Positions as Bybit streams them, each whole. The mode is the account's, and no part of them."""
    rows: dict[str, _Rows] = {}
    for position in shown:
        rows.setdefault(str(position.get("symbol")), []).append(position)
    for symbol, each in rows.items():
        _hand_on(venue, symbol, msgspec.structs.replace(told_of(each, {}), mode=None))


def reset(venue: CcxtVenue, exchange: Any, message: Mapping[str, Any]) -> None:
    """Binance's ACCOUNT_CONFIG_UPDATE: a leverage that was set. The liquidation price that was told before is of
    another one."""
    change = message.get("ac")
    if isinstance(change, Mapping):
        symbol = exchange.safe_symbol(change.get("s"), None, None, "contract")
        _hand_on(venue, symbol, MarginTold(leverage=_lever(change.get("l"))))


def _hand_on(venue: CcxtVenue, symbol: str, word: MarginTold) -> None:
    instrument = venue.markets.get(symbol)
    if instrument is not None and instrument.id not in venue.changing:
        venue.on_margin(instrument.id, word)


async def _settings(venue: CcxtVenue, exchange: Any, symbols: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What one question tells of every instrument, and what the desk's own orders say."""
    if exchange.id == "binanceusdm":
        return {symbol: dict(each) for symbol, each in (await exchange.fetch_leverages(list(symbols))).items()}
    if exchange.id == "bybit":  # the mode is the account's
        mode = (await exchange.fetch_margin_mode(symbols[0])).get("marginMode")
        return {symbol: {"marginMode": mode} for symbol in symbols}
    if not venue.facts.order_margin_mode:
        return {}
    mode = {"ordered": venue.settings.margin_mode}
    if not venue.facts.order_leverage:
        return {symbol: dict(mode) for symbol in symbols}
    return {symbol: mode | {"lever": venue.leverage_of(venue.markets[symbol])} for symbol in symbols}


async def _bybit(venue: CcxtVenue, exchange: Any, symbol: str) -> tuple[_Rows, dict[str, Any]]:
    """Asked for one market it tells of a closed position too."""
    return await exchange.fetch_positions([symbol]), {}


async def _leverage(venue: CcxtVenue, exchange: Any, symbol: str) -> tuple[_Rows, dict[str, Any]]:
    found = await exchange.fetch_leverage(symbol, {"marginMode": venue.settings.margin_mode})
    return [], {name: found.get(name) for name in ("longLeverage", "shortLeverage", "marginMode")}


async def _gate(venue: CcxtVenue, exchange: Any, symbol: str) -> tuple[_Rows, dict[str, Any]]:
    """It tells of one contract whether there is a position or not."""
    return [await exchange.fetch_position(symbol)], {}


#: How an exchange is asked of one instrument. The others' single questions answer with the highest leverage, or of
#: spot: of an instrument without a position they tell nothing.
_SINGLY: dict[str, Callable[[CcxtVenue, Any, str], Awaitable[tuple[_Rows, dict[str, Any]]]]] = {
    "bybit": _bybit,
    "gate": _gate,
    "okx": _leverage,
    "bitget": _leverage,
}


def told_of(positions: Sequence[Mapping[str, Any]], setting: Mapping[str, Any]) -> MarginTold:
    """From ccxt's positions of one market (two in hedge mode) and what is known of its setting."""
    held = [each for each in positions if signed_contracts(each)]
    shown = held or positions
    levers = (
        _only(_lever(setting.get(name)) for name in ("longLeverage", "shortLeverage"))
        or _only(_position_lever(each) for each in shown)
        or _only([_lever(setting.get("lever"))])
    )
    modes = {setting["marginMode"]} if setting.get("marginMode") else {each.get("marginMode") for each in shown}
    modes = modes if any(modes) else {setting.get("ordered")}
    mode = modes.pop() if len(modes) == 1 else None
    alone = held[0] if len(held) == 1 else None
    return MarginTold(
        leverage=levers.pop() if len(levers) == 1 else None,
        mode=MarginMode(mode) if mode in tuple(MarginMode) else None,
        quantity=ZERO if alone is None else signed_contracts(alone),
        liquidation=None if alone is None else _liquidation(alone),
    )


def _only(found: Iterable[Decimal | None]) -> set[Decimal]:
    return {lever for lever in found if lever is not None}


def _position_lever(position: Mapping[str, Any]) -> Decimal | None:
    """As it is set for a position. KuCoin's "real" one is its value by its margin, which moves with the price; Gate's
    cross margin has another word for it, and 0 in the usual one."""
    info = position.get("info")
    info = info if isinstance(info, Mapping) else {}
    if "realLeverage" in info:
        return None
    own = info.get("leverage") if isinstance(info.get("liquidation_price"), Mapping) else None  # Coinbase's
    return _lever(position.get("leverage")) or _lever(info.get("cross_leverage_limit")) or _lever(own)


def _liquidation(position: Mapping[str, Any]) -> Decimal | None:
    """None where it tells none, or 0. Coinbase's word for it ccxt does not read."""
    info = position.get("info")
    own = info.get("liquidation_price") if isinstance(info, Mapping) else None
    at = exact(position.get("liquidationPrice")) or (exact(own.get("value")) if isinstance(own, Mapping) else None)
    return at if at is not None and at > 0 else None


def _lever(shown: Any) -> Decimal | None:
    lever = exact(shown)
    if lever is None or lever < ONE:
        return None
    return lever.to_integral_value() if lever == lever.to_integral_value() else lever


#: Exchanges where a leverage is set for one margin mode, and a mode with its leverage: ccxt makes it cross (Gate's
#: isolated) unless it is told.
_TOGETHER = ("gate", "hyperliquid", "okx")


async def set_leverage(venue: CcxtVenue, exchange: Any, symbol: str, leverage: Decimal) -> MarginMode | None:
    """The mode for which it was set, where the exchange takes both at once."""
    if exchange.id not in _TOGETHER:
        await exchange.set_leverage(int(leverage), symbol)
        return None
    mode = venue.modes.get(venue.markets[symbol].id, MarginMode(venue.settings.margin_mode))
    await exchange.set_leverage(int(leverage), symbol, {"marginMode": str(mode)})
    return mode


def mode_refusal(venue: CcxtVenue, instrument: InstrumentId, mode: MarginMode) -> str | None:
    """Why the margin mode of an instrument cannot be set so from here, a sentence."""
    if venue.facts.order_margin_mode and str(mode) != venue.settings.margin_mode:
        return (
            f"{venue.name}'s orders name their margin mode, {venue.settings.margin_mode} for this desk: "
            f'margin_mode = "{mode}" in the venue\'s table of the config file changes it.'
        )
    if venue.facts.ccxt in _TOGETHER and instrument not in venue.modes:
        return f"{venue.name} sets margin mode and leverage together, and has not told the leverage: set that first."
    return None


async def set_mode(venue: CcxtVenue, exchange: Any, symbol: str, mode: MarginMode) -> None:
    leverage = int(venue.leverage_of(venue.markets[symbol]))
    if exchange.id == "gate":
        await exchange.set_leverage(leverage, symbol, {"marginMode": str(mode)})
    elif exchange.id in _TOGETHER:
        await exchange.set_margin_mode(str(mode), symbol, {"leverage": leverage})
    else:
        await exchange.set_margin_mode(str(mode), symbol)


def told_words(exchange: str) -> str:
    """For the doctor: when leverage and margin mode of an exchange are known."""
    if exchange in ("binanceusdm", *_SINGLY):
        return "read from the exchange at every comparison"
    return "read from the exchange where there is a position; without one not known until it is set from here"
