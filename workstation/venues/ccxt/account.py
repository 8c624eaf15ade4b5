"""Money, positions, open orders and trades of an account at an exchange, by ccxt's questions."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from workstation.clock import MILLISECOND
from workstation.domain import events as e
from workstation.domain.instrument import ContractType, InstrumentId
from workstation.domain.numbers import ZERO, add
from workstation.venues.ccxt.errors import not_found
from workstation.venues.ccxt.instruments import exact
from workstation.venues.contract import VenueError

if TYPE_CHECKING:
    from workstation.venues.ccxt.venue import CcxtVenue

#: The most pages of trades that one question reads.
_PAGES = 50


async def open_orders(venue: CcxtVenue, exchange: Any) -> list[Mapping[str, Any]]:
    """Every open order of the account: by one question where the exchange takes it, else market by market."""
    if exchange.id in _ASKED_BY_KIND:
        return await _by_kind(venue, exchange.fetch_open_orders)
    if _needs_symbol(venue, exchange, "fetchOpenOrders"):
        pages = await asyncio.gather(*(exchange.fetch_open_orders(symbol) for symbol in venue.markets))
        return [order for page in pages for order in page]
    return list(await exchange.fetch_open_orders())


#: Exchanges whose account-wide questions are put for each kind of market by itself.
_ASKED_BY_KIND = ("bybit", "okx", "kucoin", "gate", "bitget")


def _kinds(venue: CcxtVenue) -> list[dict[str, Any]]:
    """ccxt's parameters for each kind of market that the desk has open there."""
    kinds: dict[tuple[str, str], dict[str, Any]] = {}
    for symbol, instrument in venue.markets.items():
        if instrument.is_spot:
            kinds["spot", ""] = {"type": "spot"}
        elif instrument.contract is ContractType.INVERSE:
            kinds["inverse", ""] = {"type": "swap", "subType": "inverse"}
        else:
            settle = symbol.partition(":")[2].partition("-")[0]
            kinds["linear", settle] = {
                "type": "swap",
                "subType": "linear",
                "settleCoin": settle,
                "settle": settle.lower(),
            }
    return list(kinds.values())


async def _by_kind(venue: CcxtVenue, ask: Any) -> list[Mapping[str, Any]]:
    pages = await asyncio.gather(*(ask(None, None, None, kind) for kind in _kinds(venue)))
    found: dict[str, Mapping[str, Any]] = {}
    for page in pages:
        for each in page:
            found[str(each["id"])] = each
    return list(found.values())


def _needs_symbol(venue: CcxtVenue, exchange: Any, method: str) -> bool:
    for instrument in venue.markets.values():
        kind = "spot" if instrument.is_spot else "swap"
        feature = (exchange.features or {}).get(kind) or {}
        if not instrument.is_spot:
            side = "inverse" if instrument.contract is ContractType.INVERSE else "linear"
            feature = feature.get(side, feature) if isinstance(feature, Mapping) else {}
        asked = (feature or {}).get(method) or {}
        return bool(asked.get("symbolRequired"))
    return False


async def cancel_account(venue: CcxtVenue, exchange: Any) -> None:
    """The exchange's own call that cancels everything, for each kind of market."""
    if exchange.id == "kraken":
        await exchange.cancel_all_orders()
        return

    async def cancel(kind: dict[str, Any]) -> None:
        try:
            await exchange.cancel_all_orders(None, kind)
        except Exception as error:
            if not not_found(error):
                raise

    await asyncio.gather(*(cancel(kind) for kind in _kinds(venue)))


async def my_trades(venue: CcxtVenue, exchange: Any, since: int) -> list[Mapping[str, Any]]:
    """The account's trades since a time (UTC ms)."""
    pages = await asyncio.gather(*(trades_of(venue, exchange, symbol, since) for symbol in venue.markets))
    return [trade for page in pages for trade in page]


async def trades_of(venue: CcxtVenue, exchange: Any, symbol: str, since: int) -> list[Mapping[str, Any]]:
    """The account's trades of one market since a time (UTC ms), page by page: what a page leaves out comes next."""
    found: dict[str, Mapping[str, Any]] = {}
    start = since
    for _ in range(_PAGES):
        page = await exchange.fetch_my_trades(symbol, start)
        fresh = [trade for trade in page if str(trade["id"]) not in found]
        found.update({str(trade["id"]): trade for trade in fresh})
        newest = max((int(trade["timestamp"] or 0) for trade in page), default=0)
        if not fresh or len(page) < 50 or newest < start:
            break
        start = newest
    return list(found.values())


async def balances(venue: CcxtVenue, exchange: Any) -> dict[str, Decimal]:
    """Totals by currency, what working orders bind included, unrealised profit not."""
    kind = {"type": venue.settings.account} if venue.settings.account else {}
    answer = await exchange.fetch_balance(kind)
    found: dict[str, Decimal] = {}
    for currency, amount in (answer.get("total") or {}).items():
        total = exact(amount)
        if total:
            found[str(currency).upper()] = total
    if exchange.id == "okx":  # ccxt's total is equity there, which moves with unrealised profit
        for account in (answer.get("info") or {}).get("data", ()):
            for detail in account.get("details", ()):
                if (cash := exact(detail.get("cashBal"))) is not None:
                    found[str(detail["ccy"]).upper()] = cash
    return {currency: amount for currency, amount in found.items() if amount}


async def positions(venue: CcxtVenue, exchange: Any) -> dict[InstrumentId, Decimal]:
    """Signed contracts of every open derivative position that the desk has open there."""
    symbols = [symbol for symbol, instrument in venue.markets.items() if not instrument.is_spot]
    if not symbols:
        return {}
    found: dict[InstrumentId, Decimal] = {}
    for position in await exchange.fetch_positions(symbols):
        instrument = venue.markets.get(str(position.get("symbol")))
        quantity = exact(position.get("contracts"))
        if instrument is None or not quantity:
            continue
        signed = -abs(quantity) if position.get("side") == "short" else quantity
        found[instrument.id] = add(found.get(instrument.id, ZERO), signed)
    return {name: quantity for name, quantity in found.items() if quantity}


async def entry_prices(venue: CcxtVenue, exchange: Any) -> dict[InstrumentId, Decimal]:
    """Average entry prices of the open derivative positions."""
    symbols = [symbol for symbol, instrument in venue.markets.items() if not instrument.is_spot]
    shown = await exchange.fetch_positions(symbols) if symbols else ()
    return {
        venue.markets[position["symbol"]].id: price
        for position in shown
        if position.get("symbol") in venue.markets and (price := exact(position.get("entryPrice")))
    }


async def entries(venue: CcxtVenue, exchange: Any, since: int) -> Sequence[e.VenueEntry]:
    """Funding that was paid or received since a time (UTC ns), oldest first. What came before the desk first looked is
    in the opening balance: a desk without entries begins at its first look."""
    symbols = [symbol for symbol, instrument in venue.markets.items() if not instrument.is_spot]
    if not symbols or not exchange.has.get("fetchFundingHistory"):
        return ()
    begin = max(since, venue.first_seen)
    found: list[e.VenueEntry] = []
    for symbol in symbols:
        instrument = venue.markets[symbol]
        for payment in await exchange.fetch_funding_history(symbol, begin // MILLISECOND):
            amount, ts = exact(payment.get("amount")), int(payment["timestamp"]) * MILLISECOND
            if not amount or ts < begin:
                continue
            mark = venue.last_mark(instrument.id)
            found.append(
                e.FundingPaid(
                    ts=ts,
                    venue=venue.name,
                    entry_id=f"funding-{instrument.symbol}-{payment.get('id') or payment['timestamp']}",
                    instrument=instrument.id,
                    currency=str(payment.get("code") or instrument.settlement).upper(),
                    amount=amount,
                    quantity=ZERO,  # the exchange does not say of how much, nor at which rate
                    mark=mark or ZERO,
                    rate=ZERO,
                )
            )
    return sorted(found, key=lambda entry: entry.ts)


async def may_withdraw(exchange: Any, method: str, path: Sequence[str]) -> bool | None:
    """Whether the key may move money away; None where the exchange does not tell."""
    ask = getattr(exchange, method, None) if method else None
    if ask is None:
        return None
    answer: Any = await ask()
    for name in path:
        if isinstance(answer, Mapping):
            answer = answer.get(name)
        elif isinstance(answer, list) and name.isdigit() and int(name) < len(answer):
            answer = answer[int(name)]
        else:  # permissions as a list of words
            return name.lower() in str(answer or "").lower()
    if isinstance(answer, list):
        return bool(answer)
    return str(answer).lower() in ("true", "1", "yes")


def refuse_withdrawal(venue: str, allowed: bool | None) -> None:
    """Raises `VenueError` for a key that may withdraw."""
    if allowed:
        raise VenueError(
            f"The API key of {venue} may withdraw money: tws does not use such a key. Make one that may only trade."
        )
