"""Positions, open orders, funding and rights of an account at an exchange, by ccxt's questions."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from workstation.clock import DAY, HOUR, MILLISECOND
from workstation.domain import events as e
from workstation.domain.instrument import ContractType, InstrumentId
from workstation.domain.numbers import ZERO, add, counted
from workstation.venues.ccxt import borrowing
from workstation.venues.ccxt.errors import not_found
from workstation.venues.ccxt.instruments import exact
from workstation.venues.ccxt.market_terms import if_listed
from workstation.venues.ccxt.pages import to_the_end
from workstation.venues.contract import VenueError
from workstation.venues.urgency import Urgency, urgency_now

if TYPE_CHECKING:
    from workstation.venues.ccxt.venue import CcxtVenue


#: Seconds for which a kill goes by what the last whole list showed of markets that are not open here.
_WHOLE_LIST = 30.0


async def working(venue: CcxtVenue, exchange: Any) -> list[Mapping[str, Any]]:
    """Every open order, and what there is of others is kept. A kill looks again and again, and what it waits for in the
    queue is time for which orders work: it names the markets where that costs less, until they are empty."""
    now, dear = asyncio.get_running_loop().time(), len(venue.markets) * 2 <= venue.facts.list_cost
    if urgency_now() is Urgency.KILL and dear and not venue.terms.gone:
        found = await open_orders(venue, exchange, list(venue.markets))
        if found or now - venue.others.seen < _WHOLE_LIST:
            return found
    found = await open_orders(venue, exchange)
    venue.others.see(venue, found, now)
    return found


async def open_orders(
    venue: CcxtVenue, exchange: Any, symbols: Collection[str] | None = None
) -> list[Mapping[str, Any]]:
    """Every open order of the account, or of these markets: by one question where the exchange takes it, else market by
    market or by kind of market; page after page."""

    async def whole(symbol: str | None, terms: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        question = to_the_end(exchange.id, lambda params: exchange.fetch_open_orders(symbol, None, None, params), terms)
        return await (question if symbol is None else if_listed(venue, symbol, question))

    if symbols is not None:
        wanted: list[tuple[str | None, Mapping[str, Any]]] = [(symbol, {}) for symbol in symbols]
    elif exchange.id in _ASKED_BY_KIND:
        wanted = [(None, kind) for kind in kinds(venue)]
    elif _needs_symbol(venue, exchange, "fetchOpenOrders"):
        wanted = [(symbol, {}) for symbol in venue.markets]
    else:
        wanted = [(None, {})]
    lists = await asyncio.gather(*(whole(symbol, terms) for symbol, terms in wanted))
    return list({(order.get("symbol"), str(order["id"])): order for each in lists for order in each}.values())


def lists_all(venue: CcxtVenue, exchange: Any) -> bool:
    """Whether `open_orders` has those in markets that are listed no more: no market is named by it."""
    return exchange.id in _ASKED_BY_KIND or not _needs_symbol(venue, exchange, "fetchOpenOrders")


#: Exchanges whose account-wide questions are put for each kind of market by itself.
_ASKED_BY_KIND = ("bybit", "kucoin", "gate", "bitget")


def kinds(venue: CcxtVenue, symbols: Collection[str] | None = None) -> list[dict[str, Any]]:
    """ccxt's parameters for each kind of market that the desk has open there, be it that they are listed no more; or of
    these markets."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for symbol, instrument in {**venue.markets, **venue.terms.gone}.items():
        if symbols is not None and symbol not in symbols:
            continue
        if instrument.is_spot:
            found["spot", ""] = {"type": "spot"}
            continue
        settle = symbol.partition(":")[2].partition("-")[0]
        side = "inverse" if instrument.contract is ContractType.INVERSE else "linear"
        found[side, settle] = {
            "type": "swap",
            "subType": side,
            "settleCoin": settle,
            "settle": settle.lower(),
        }
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

    await asyncio.gather(*(cancel(kind) for kind in kinds(venue)))


async def shown_positions(venue: CcxtVenue, exchange: Any) -> list[Mapping[str, Any]]:
    """The account's positions in the derivatives that the desk has open there, as ccxt shows them."""
    symbols = [symbol for symbol, instrument in venue.markets.items() if not instrument.is_spot]
    if not symbols:
        return []
    if exchange.id == "bybit":  # its question is for one market, or for all of one kind
        wanted = [kind for kind in kinds(venue) if kind["type"] != "spot"]
        pages = await asyncio.gather(*(exchange.fetch_positions(None, kind) for kind in wanted))
        shown = [position for page in pages for position in page]
    else:  # Binance's is for all, whatever is asked
        shown = await exchange.fetch_positions(None if exchange.id == "binanceusdm" else symbols)
    venue.others.positions = [str(each["symbol"]) for each in shown if each.get("contracts") and _other(venue, each)]
    ours = [position for position in shown if position.get("symbol") in venue.markets]
    venue.shown_positions = asyncio.get_running_loop().time(), ours
    return ours


def _other(venue: CcxtVenue, structure: Mapping[str, Any]) -> bool:
    return bool(structure.get("symbol")) and structure["symbol"] not in venue.markets


class Others:
    """What the account has that this desk cannot close, by ccxt's symbols: orders (as often as there are any) and
    positions in markets that are not open here, and what is long and short at once (hedge mode; the desk nets)."""

    def __init__(self) -> None:
        self.orders: list[str] = []
        self.seen = float("-inf")  # when (by the loop's clock) all were listed last
        self.positions: list[str] = []
        self.both: list[str] = []

    def see(self, venue: CcxtVenue, orders: Sequence[Mapping[str, Any]], now: float) -> None:
        self.seen = now
        self.orders = [str(each["symbol"]) for each in orders if _other(venue, each)]

    def words(self, positions: bool) -> str:
        parts = [counted(len(self.orders), "order")] if self.orders else []
        parts += [counted(len(self.positions), "position")] if positions and self.positions else []
        names = sorted({*self.orders, *(self.positions if positions else ())})
        untouched = [f"{' and '.join(parts)} in {', '.join(names)}, not open here and not touched"] if parts else []
        both = [f"{', '.join(self.both)} long and short at once, not touched"] if positions and self.both else []
        return " and ".join([*untouched, *both])


def _see_both(venue: CcxtVenue, shown: Sequence[Mapping[str, Any]]) -> None:
    """Tell once of what is long and short at once."""
    sides = {(str(each["symbol"]), signed > 0) for each in shown if (signed := signed_contracts(each))}
    both = sorted({symbol for symbol, long in sides if long and (symbol, False) in sides})
    if both and both != venue.others.both:
        venue.notice(
            "error",
            f"{venue.name} holds {', '.join(both)} long and short at once (hedge mode): this desk knows the difference "
            "alone, and cannot close it. Put the account into one-way mode.",
        )
    venue.others.both = both


async def positions(venue: CcxtVenue, exchange: Any) -> dict[InstrumentId, Decimal]:
    """Signed contracts of every open derivative position that the desk has open there."""
    found: dict[InstrumentId, Decimal] = {}
    shown = await shown_positions(venue, exchange)
    _see_both(venue, shown)
    for position in shown:
        if signed := signed_contracts(position):
            instrument = venue.markets[position["symbol"]]
            found[instrument.id] = add(found.get(instrument.id, ZERO), signed)
    return {name: quantity for name, quantity in found.items() if quantity}


def signed_contracts(position: Mapping[str, Any]) -> Decimal:
    """Of ccxt's position: below zero where it is short."""
    quantity = exact(position.get("contracts")) or ZERO
    return -abs(quantity) if position.get("side") == "short" else quantity


async def entry_prices(venue: CcxtVenue, exchange: Any) -> dict[InstrumentId, Decimal]:
    """Average entry prices of the open derivative positions."""
    return {
        venue.markets[position["symbol"]].id: price
        for position in await shown_positions(venue, exchange)
        if (price := exact(position.get("entryPrice")) or _entry_of(position.get("info")))
    }


def _entry_of(info: Any) -> Decimal | None:
    """Coinbase's word for it, which ccxt does not read."""
    entry = info.get("avg_entry_price") if isinstance(info, Mapping) else None
    return exact(entry.get("value")) if isinstance(entry, Mapping) else None


#: A little less than the week for which Bybit answers a question that bears a beginning alone: with the week that
#: follows it, not with the newest.
_FUNDING_BACK = 7 * DAY - HOUR


async def entries(venue: CcxtVenue, exchange: Any, since: int) -> Sequence[e.VenueEntry]:
    """Funding that was paid or received since a time (UTC ns), or a margin account's interest; oldest first. What came
    before the desk first looked is in the opening balance: a desk without entries begins at its first look. Funding of
    more than a week ago is not asked for: the balance has it, as a drift."""
    if venue.lending is not None:
        return await borrowing.interest(venue, exchange, venue.lending, max(since, venue.first_seen))
    symbols = [symbol for symbol, instrument in venue.markets.items() if not instrument.is_spot]
    if not symbols or not exchange.has.get("fetchFundingHistory"):
        return ()
    begin = max(since, venue.first_seen, venue.clock.now() - _FUNDING_BACK)
    found: list[e.VenueEntry] = []
    limit = venue.facts.funding_whole
    for asked in [None] if limit and len(symbols) > 1 else symbols:
        question = exchange.fetch_funding_history(asked, begin // MILLISECOND, limit or None)
        for payment in await (question if asked is None else if_listed(venue, asked, question)):
            amount, ts = exact(payment.get("amount")), int(payment["timestamp"]) * MILLISECOND
            instrument = venue.markets.get(asked or str(payment.get("symbol")))
            if not amount or ts < begin or instrument is None:
                continue
            mark, code = venue.last_mark(instrument.id), payment.get("code")
            if venue.facts.funding_as_fee:
                amount, code = -amount, None
            found.append(
                e.FundingPaid(
                    ts=ts,
                    venue=venue.name,
                    entry_id=f"funding-{instrument.symbol}-{payment.get('id') or payment['timestamp']}",
                    instrument=instrument.id,
                    currency=str(code or instrument.settlement).upper(),
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
