"""Spot on margin at real exchanges: what each wants with an order, and how it shows debts and interest.

Coins are borrowed when an order needs them and paid back by what closes: the exchange does both by itself, as the order
says. What an account has of a coin is what is there less what is owed of it, interest included (`domain.loans`). The
sources are the exchanges' API documents and ccxt's own code; an exchange that is not in the table is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from workstation.clock import DAY, MILLISECOND
from workstation.domain import events as e
from workstation.domain.instrument import Instrument
from workstation.domain.margin import tiers
from workstation.domain.numbers import ZERO, add, divide, multiply, negate, plain
from workstation.domain.order import Order, Side
from workstation.venues.ccxt.errors import is_passing
from workstation.venues.ccxt.instruments import exact
from workstation.venues.contract import NoAnswer, VenueError

if TYPE_CHECKING:
    from workstation.venues.ccxt.particulars import Particulars
    from workstation.venues.ccxt.settings import VenueSettings
    from workstation.venues.ccxt.venue import CcxtVenue

#: The account of the settings that this is about.
MARGIN = "margin"
#: Assets are this many times what is the account's own until the trader sets less or more.
_LEVERAGE = Decimal(3)

type _Row = Mapping[str, Any]


class Charge(msgspec.Struct, frozen=True):
    """Interest that an exchange has charged: `amount` (> 0) of a `coin`, for `borrowed` of the coin `loan`, at UTC ms.
    They are two where the trader has it converted (Binance: into BNB)."""

    number: str
    loan: str
    coin: str
    amount: Decimal
    borrowed: Decimal
    ms: int


class Lending(msgspec.Struct, frozen=True, kw_only=True):
    """How an exchange lends. `highest` leverage of an account; it is liquidated when its own has fallen to `share` of
    what it owes."""

    highest: Decimal
    share: Decimal
    order: Callable[[Order], dict[str, Any]]
    #: Of the exchange's own answer on the balances: coin → what is owed of it, interest included; None if it does not
    #: say.
    debts: Callable[[Any], dict[str, Decimal] | None]
    interest: Callable[[Any, int, int], Any]
    #: ccxt's options that turn every question to the margin account.
    options: dict[str, Any] = {}
    #: ccxt's parameters of the question for the balances.
    balance: dict[str, Any] = {}
    #: Whether its test network has it.
    sandbox: bool = True


# Binance: "Margin Account New Order", sideEffectType. A sale that closes borrows nothing (AUTO_REPAY): it is refused
# rather than going short. A purchase that closes may borrow the money for it, for it must go through.


def _binance_order(order: Order) -> dict[str, Any]:
    closes = order.reduce_only and order.side is Side.SELL
    return {"marginMode": "cross", "sideEffectType": "AUTO_REPAY" if closes else "AUTO_BORROW_REPAY"}


def _binance_debts(info: Any) -> dict[str, Decimal] | None:
    rows = info.get("userAssets") if isinstance(info, Mapping) else None
    if not isinstance(rows, list):
        return None
    return {
        str(row["asset"]).upper(): add(exact(row.get("borrowed")) or ZERO, exact(row.get("interest")) or ZERO)
        for row in rows
    }


async def _binance_interest(exchange: Any, since: int, until: int) -> list[Charge]:
    """Pages of the newest first, a month at a time at most."""
    found: dict[str, Charge] = {}
    span = 30 * DAY // MILLISECOND
    for start in range(since, until + 1, span) or (since,):
        end = min(until, start + span - 1)
        for page in range(1, _PAGES + 1):
            rows = await exchange.fetch_borrow_interest(None, None, start, 100, {"endTime": end, "current": page})
            for row in rows:
                info, ms = row["info"], int(row["timestamp"])
                amount = exact(info.get("interest"))
                if not amount:
                    continue
                coin = str(row["currency"]).upper()  # its asset: what was taken; rawAsset: what it was taken for
                loan = str(info.get("rawAsset") or coin).upper()
                number = str(info.get("txId") or f"{loan}-{ms}-{info.get('type')}")
                found[number] = Charge(number, loan, coin, amount, exact(info.get("principal")) or ZERO, ms)
            if len(rows) < 100:
                break
    return list(found.values())


# Bybit's unified account: an order of spot says that it may borrow (isLeverage), and what comes in pays debts back. A
# sale that closes does not say so. What is owed of a coin is in spotBorrow, beside a walletBalance that has the loan in
# it.


def _bybit_order(order: Order) -> dict[str, Any]:
    return {"isLeverage": 0 if order.reduce_only and order.side is Side.SELL else 1}


def _bybit_debts(info: Any) -> dict[str, Decimal] | None:
    found: dict[str, Decimal] = {}
    result = info.get("result") if isinstance(info, Mapping) else None
    for wallet in (result or {}).get("list") or ():
        for row in wallet.get("coin") or ():
            if "spotBorrow" not in row:
                return None
            found[str(row["coin"]).upper()] = exact(row["spotBorrow"]) or ZERO
    return found


async def _bybit_interest(exchange: Any, since: int, until: int) -> list[Charge]:
    """The account's ledger, a week at a time at most."""
    found: dict[str, Charge] = {}
    span = 7 * DAY // MILLISECOND
    for start in range(since, until + 1, span) or (since,):
        cursor: dict[str, Any] = {}
        for _ in range(_PAGES):
            terms = {"type": "INTEREST", "endTime": min(until, start + span - 1), **cursor}
            rows = await exchange.fetch_ledger(None, start, 50, terms)
            for row in rows:
                info, ms = row["info"], int(row["timestamp"])
                amount = exact(info.get("change"))
                if not amount:
                    continue
                coin = str(info["currency"]).upper()
                number = str(info.get("id") or f"{coin}-{ms}")
                found[number] = Charge(number, coin, coin, negate(amount), abs(exact(info.get("size")) or ZERO), ms)
            after = next((row["info"]["nextPageCursor"] for row in rows if row["info"].get("nextPageCursor")), "")
            if len(rows) < 50 or not after:
                break
            cursor = {"cursor": after}
    return list(found.values())


_PAGES = 50

LENDING: dict[str, Lending] = {
    "binance": Lending(
        highest=Decimal(5),
        share=Decimal("0.1"),  # at assets of 1.1 times the debt
        order=_binance_order,
        debts=_binance_debts,
        interest=_binance_interest,
        options={"defaultType": "margin", "defaultMarginMode": "cross"},
        balance={"type": "margin"},
        sandbox=False,
    ),
    "bybit": Lending(
        highest=Decimal(10),
        share=Decimal("0.04"),  # its maintenance margin of the great coins, in their first tier
        order=_bybit_order,
        debts=_bybit_debts,
        interest=_bybit_interest,
    ),
}
#: Why an exchange that is offered lends no spot here, in words.
_WHY_NOT = {
    "binanceusdm": "it trades futures alone: spot on margin is exchange binance",
    "kraken": "it keeps spot on margin as positions of their own, which this desk does not read there",
    "coinbase": "it lends nothing",
    "hyperliquid": "its spot is not lent by its interface",
}


def lending_of(facts: Particulars, settings: VenueSettings) -> Lending | None:
    """How a venue lends; None for one that is not set up for it."""
    return LENDING.get(facts.ccxt) if settings.account == MARGIN else None


def refusal(name: str, facts: Particulars, settings: VenueSettings) -> str:
    """Why a venue cannot be opened with this account, a sentence; empty where it can."""
    if settings.account != MARGIN:
        return ""
    lending = LENDING.get(facts.ccxt)
    if lending is None:
        why = _WHY_NOT.get(facts.ccxt, "its way of lending has not been tried with this desk")
        offered = " and ".join(LENDING)
        return (
            f"venues.{name.lower()}.account: spot on margin is not traded at {facts.title}: {why} (it is at {offered})."
        )
    if settings.margin_mode != "cross":
        return f"venues.{name.lower()}.margin_mode: spot on margin is traded with cross margin alone."
    if settings.sandbox and not lending.sandbox:
        return f"venues.{name.lower()}.account: {facts.title}'s test network has no margin account."
    return ""


def pooled(facts: Particulars, instruments: Mapping[str, Instrument]) -> dict[str, Instrument]:
    """The instruments as a margin account trades them. Raises `VenueError` for a contract among them."""
    lending = LENDING[facts.ccxt]
    contracts = [each.symbol for each in instruments.values() if not each.is_spot]
    if contracts:
        raise VenueError(
            f'A venue with account = "margin" trades spot alone: open {", ".join(contracts)} as another venue.'
        )
    table = tiers([(None, lending.share, lending.highest)])
    return {
        symbol: msgspec.structs.replace(each, pooled=True, leverage=_LEVERAGE, tiers=table)
        for symbol, each in instruments.items()
    }


def less_debts(lending: Lending, venue: str, cash: Mapping[str, Decimal], info: Any) -> dict[str, Decimal]:
    """What the account has of each coin less what it owes of it. Raises `NoAnswer` if the exchange did not say."""
    found, debts = dict(cash), lending.debts(info)
    if debts is None:
        raise NoAnswer(f"{venue} has not said what the account owes.")
    for coin, owed in debts.items():
        if owed:
            found[coin] = add(found.get(coin, ZERO), negate(owed))
    return found


async def interest(venue: CcxtVenue, exchange: Any, lending: Lending, since: int) -> Sequence[e.InterestCharged]:
    """What was charged since a time (UTC ns), oldest first."""
    now = (venue.clock.now() + (venue.drift or 0)) // MILLISECOND
    begin = max(0, since // MILLISECOND)
    charges = sorted(await lending.interest(exchange, begin, max(begin, now)), key=lambda each: (each.ms, each.number))
    prices = _Prices(venue, exchange)
    found = [await _entry(venue, each, prices) for each in charges if each.ms >= begin]
    return [charged for charged in found if charged is not None]


async def _entry(venue: CcxtVenue, charge: Charge, prices: _Prices) -> e.InterestCharged | None:
    """The instrument is the one whose coin is borrowed, else the first that is paid in it. A loan without one here is
    none of this desk's business: the balance is corrected when it is compared."""
    spots = list(venue.markets.values())
    instrument = next((each for each in spots if each.base == charge.loan), None)
    instrument = instrument or next((each for each in spots if each.quote == charge.loan), None)
    if instrument is None:
        return None
    amount, worth = negate(charge.amount), None
    mark = await prices.of(instrument.base, instrument.quote)
    if charge.coin != instrument.settlement:
        price = mark if charge.coin == instrument.base else await prices.of(charge.coin, instrument.settlement)
        worth = ZERO if price is None else multiply(amount, price)
        if price is None and charge.coin not in venue.unpriced:
            venue.unpriced.add(charge.coin)
            venue.notice(
                "warning",
                f"Nothing prices {charge.coin} at {venue.name} now: interest of {plain(charge.amount)} {charge.coin} "
                "is taken off the balance, and does not count in the results.",
            )
    return e.InterestCharged(
        ts=charge.ms * MILLISECOND,
        venue=venue.name,
        entry_id=f"interest-{charge.number}",
        instrument=instrument.id,
        currency=charge.coin,
        amount=amount,
        borrowed=charge.borrowed,
        rate=divide(charge.amount, charge.borrowed) if charge.borrowed and charge.coin == charge.loan else ZERO,
        hours=1,
        mark=mark or ZERO,
        worth=worth,
    )


class _Prices:
    """What coins are worth, for one question: by the desk's books, else by what the exchange says of the market, be it
    open on the desk or not."""

    def __init__(self, venue: CcxtVenue, exchange: Any) -> None:
        self._venue = venue
        self._exchange = exchange
        self._told: dict[str, Decimal | None] = {}

    async def of(self, coin: str, currency: str) -> Decimal | None:
        """None where nothing tells. Raises what is worth another try."""
        symbol = f"{coin}/{currency}"
        book = (self._exchange.orderbooks or {}).get(symbol)
        levels = [] if not book else book["asks"] or book["bids"]
        if levels:
            return exact(levels[0][0])
        if symbol not in self._told:
            self._told[symbol] = await self._last(symbol) if symbol in (self._exchange.markets or {}) else None
        return self._told[symbol]

    async def _last(self, symbol: str) -> Decimal | None:
        try:
            ticker = await self._exchange.fetch_ticker(symbol)
        except Exception as error:
            if is_passing(error):
                raise
            return None  # the market does not trade any more
        return exact(ticker.get("last")) or None
