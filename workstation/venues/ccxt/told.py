"""What the streams of the account's balances and positions tell: a hint for the desk, never its books.

The desk's books are a fold over orders, fills and payments. These streams say at once what would else be seen at the
next comparison: a deposit, funding that was paid, a position that somebody else has opened. What they tell is kept
here as it was told last; who compares decides whether it differs, and then asks the exchange.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.numbers import ZERO, add
from workstation.venues.ccxt import margin_terms
from workstation.venues.ccxt.account import signed_contracts
from workstation.venues.ccxt.instruments import exact
from workstation.venues.ccxt.money import WALLETS, okx_cash

if TYPE_CHECKING:
    from workstation.venues.ccxt.streams import Streams
    from workstation.venues.ccxt.venue import CcxtVenue

#: The streams' names.
BALANCES, POSITIONS = "balances", "positions"


class AccountNews:
    """The newest word of each currency and of each position; `version` grows with every word."""

    def __init__(self) -> None:
        self.version = 0
        self.balances: dict[str, Decimal] = {}
        self.positions: dict[InstrumentId, Decimal] = {}
        #: A stream was away: what it would have told is not known.
        self.missed = False
        #: Money and positions both are listened to, as far as there are any.
        self.whole = False

    def forget(self) -> None:
        """Another connection: what was told over the last one may be old."""
        self.balances.clear()
        self.positions.clear()

    def take(
        self, balances: Mapping[str, Decimal] | None = None, positions: Mapping[InstrumentId, Decimal] | None = None
    ) -> None:
        self.version += 1
        self.balances |= balances or {}
        self.positions |= positions or {}


def watch(venue: CcxtVenue, exchange: Any, streams: Streams) -> None:
    """Listen to the account's balances and positions, where the exchange streams them in a way that is known here."""
    told, read = venue.told, _CASH.get(exchange.id)
    told.forget()
    told.whole = False
    if read is None or venue.keys is None:
        return

    def balances(answer: Mapping[str, Any]) -> None:
        told.take(balances=dict(read(answer.get("info"))))

    def positions(rows: Sequence[Mapping[str, Any]]) -> None:
        known = ((venue.markets.get(str(row.get("symbol"))), row) for row in rows)
        found: dict[InstrumentId, Decimal] = {}
        for market, row in known:
            if market is not None:  # a long and a short of one instrument count together, as where they are asked for
                found[market.id] = add(found.get(market.id, ZERO), signed_contracts(row))
        if exchange.id == "bybit":
            margin_terms.heard(venue, rows)
        if exchange.id == "bitget":  # each message shows all that is open: what it does not show is closed
            found = {market.id: ZERO for market in venue.markets.values() if not market.is_spot} | found
        told.take(positions=found)

    money = exchange.has.get("watchBalance") and not venue.settings.account
    derivatives = not all(market.is_spot for market in venue.markets.values())
    held = derivatives and exchange.has.get("watchPositions")
    if derivatives and exchange.id in WALLETS:
        money = False  # each wallet's stream tells of itself, the desk's books of all together
        held = exchange.id in _HELD and all(_linear(market) for market in venue.markets.values() if not market.is_spot)
    told.whole = bool(money and (held or not derivatives))
    if money:
        streams.keep_topic(BALANCES, exchange.watch_balance, balances)
    if held:
        streams.keep_topic(POSITIONS, exchange.watch_positions, positions)


def own_of_contracts(venue: CcxtVenue, exchange: Any, own: Iterable[str]) -> dict[str, Callable[[], Awaitable[Any]]]:
    """Where spot and contracts are two accounts, the streams of `own` orders and fills tell of spot unless they are
    asked for the others: how those are watched, by name."""
    sides = {"inverse" if market.is_inverse else "linear" for market in venue.markets.values() if not market.is_spot}
    if exchange.id not in WALLETS or (venue.facts.number and not exchange.uid):
        return {}
    if exchange.id == "kucoin":  # it has them in one
        asked = {"contracts": {"type": "swap"}} if sides else {}
    else:
        asked = {f"{side} contracts": {"type": "swap", "subType": side} for side in sorted(sides)}
    return {
        f"{method} of {what}": partial(getattr(exchange, method), None, None, None, params)
        for method in own
        for what, params in asked.items()
    }


def _linear(market: Instrument) -> bool:
    return market.settlement == "USDT" and not market.is_inverse


def _rows(found: Any) -> Iterator[Mapping[str, Any]]:
    return (row for row in found or () if isinstance(row, Mapping))


def _binance(message: Any) -> Iterator[tuple[str, Decimal]]:
    """outboundAccountPosition: free and locked of what an event has touched. A balanceUpdate tells a difference alone
    and is followed by one."""
    for row in _rows(message.get("B")):
        free, locked = exact(row.get("f")), exact(row.get("l"))
        if free is not None and locked is not None:
            yield str(row["a"]).upper(), add(free, locked)


def _binance_usdm(message: Any) -> Iterator[tuple[str, Decimal]]:
    """ACCOUNT_UPDATE: the wallet's balance of each currency that an event has touched."""
    update = message.get("a")
    for row in _rows(update.get("B") if isinstance(update, Mapping) else None):
        if (cash := exact(row.get("wb"))) is not None:
            yield str(row["a"]).upper(), cash


def _bybit(wallets: Any) -> Iterator[tuple[str, Decimal]]:
    """wallet: every coin of the account. ccxt's total is the equity, which moves with every price."""
    for wallet in _rows(wallets):
        for row in _rows(wallet.get("coin")):
            if (cash := exact(row.get("walletBalance"))) is not None:
                yield str(row["coin"]).upper(), cash


def _kraken(message: Any) -> Iterator[tuple[str, Decimal]]:
    """balances: at first every asset with its wallets, then each change with the wallet that it was in. What is lent or
    staked is in others and not traded."""
    for row in _rows(message.get("data") if isinstance(message, Mapping) else None):
        wallets = list(_rows(row.get("wallets"))) or [{**row, "type": row.get("wallet_type")}]
        for wallet in wallets:
            if wallet.get("type") == "spot" and (cash := exact(wallet.get("balance"))) is not None:
                yield str(row["asset"]).upper(), cash


def _kucoin(row: Any) -> Iterator[tuple[str, Decimal]]:
    """/account/balance: one currency of one account, of which only that of trades is told to who listens."""
    if str(row.get("relationEvent", "")).startswith("trade.") and (cash := exact(row.get("total"))) is not None:
        yield str(row["currency"]).upper(), cash


def _bitget(message: Any) -> Iterator[tuple[str, Decimal]]:
    """account: what is free, what orders bind, and what is locked otherwise."""
    for row in _rows(message.get("data")):
        if "coin" in row and (free := exact(row.get("available"))) is not None:
            bound = add(exact(row.get("frozen")) or ZERO, exact(row.get("locked")) or ZERO)
            yield str(row["coin"]).upper(), add(free, bound)


def _gate(rows: Any) -> Iterator[tuple[str, Decimal]]:
    """spot.balances: each currency that an event has touched."""
    for row in _rows(rows):
        if "currency" in row and (cash := exact(row.get("total"))) is not None:
            yield str(row["currency"]).upper(), cash


#: Reads the cash of the message that ccxt hands on, of exchanges whose streams were tried: Binance's and Bybit's on a
#: connection, the others' messages as their documents and ccxt show them. Coinbase streams none, and what Hyperliquid
#: tells is the worth of the account.
_CASH: dict[str, Callable[[Any], Iterator[tuple[str, Decimal]]]] = {
    "binance": _binance,
    "binanceusdm": _binance_usdm,
    "bybit": _bybit,
    "okx": okx_cash,
    "kraken": _kraken,
    "kucoin": _kucoin,
    "bitget": _bitget,
    "gate": _gate,
}


#: Exchanges with wallets whose positions in USDT are listened to all the same. KuCoin's come over another connection,
#: which is begun with another account's token.
_HELD = ("bitget", "gate")


def streamed(exchange: str) -> str:
    """Whether balances and positions of an exchange are listened to, in words for the doctor: none for no."""
    if exchange not in _CASH:
        return ""
    if exchange in WALLETS:
        held = "positions in USDT streamed, " if exchange in _HELD else ""
        return f"{held}balances streamed to a desk of spot alone, and "
    return "streamed, and "
