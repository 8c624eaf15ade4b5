"""What the account holds of each currency: money and coins, what working orders bind included, unrealised profit not.

ccxt's total is the equity of a margin account on several exchanges, which moves with every price; the cash beneath it
is in the exchange's own answer. An exchange that keeps spot and contracts in two wallets is asked for each that the
desk trades in. What a margin account owes of a currency is taken off.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from workstation.domain.numbers import ZERO, add
from workstation.venues.ccxt import account, borrowing
from workstation.venues.ccxt.instruments import exact
from workstation.venues.contract import NoAnswer

if TYPE_CHECKING:
    from workstation.venues.ccxt.venue import CcxtVenue

type _Cash = Iterator[tuple[str, Decimal]]

#: Exchanges that keep a wallet for each kind of market.
WALLETS = ("kucoin", "bitget", "gate")


async def balances(venue: CcxtVenue, exchange: Any) -> dict[str, Decimal]:
    """By currency, zeros left out; raises ccxt's exceptions."""
    lending = venue.lending
    if lending is not None:
        kinds: list[dict[str, Any]] = [lending.balance]
    elif venue.settings.account:
        kinds = [{"type": venue.settings.account}]
    elif exchange.id in WALLETS:
        kinds = account.kinds(venue)
        if exchange.id == "kucoin":  # a wallet of contracts for each currency that they settle in
            kinds = [kind | {"code": kind["settleCoin"]} if "settleCoin" in kind else kind for kind in kinds]
    else:
        kinds = [{}]
    found: dict[str, Decimal] = {}
    for answer in await asyncio.gather(*(exchange.fetch_balance(kind) for kind in kinds)):
        if not isinstance(answer.get("info"), Mapping | list):
            raise NoAnswer(f"{venue.name} answered on the balances in a way that cannot be read.")
        if exchange.id == "hyperliquid" and exchange.options.get("enableUnifiedMargin") is None:
            # ccxt asks that first, and reads the wallet of contracts alone where it is not told
            raise NoAnswer(f"{venue.name} has not said whether spot and contracts are one account.")
        cash = cash_in(exchange.id, answer)
        if lending is not None:
            cash = borrowing.less_debts(lending, venue.name, cash, answer["info"])
        for currency, amount in cash.items():
            found[currency] = add(found.get(currency, ZERO), amount)
    return {currency: amount for currency, amount in found.items() if amount}


def cash_in(exchange: str, answer: Mapping[str, Any]) -> dict[str, Decimal]:
    """What ccxt's balance of one wallet holds, by currency."""
    totals = {str(name).upper(): exact(amount) or ZERO for name, amount in (answer.get("total") or {}).items()}
    own = _OWN.get(exchange)
    return totals | (dict(own(answer.get("info"))) if own is not None else {})


def _row(info: Any, *path: str) -> Any:
    for name in path:
        info = info.get(name) if isinstance(info, Mapping) else None
    return info


def _rows(info: Any, *path: str) -> list[Mapping[str, Any]]:
    found = _row(info, *path) if path else info
    return [row for row in found if isinstance(row, Mapping)] if isinstance(found, list) else []


def _less(total: Any, unrealised: Any) -> Decimal | None:
    equity = exact(total)
    return None if equity is None else add(equity, -(exact(unrealised) or ZERO))


def _binance_usdm(info: Any) -> _Cash:
    for row in _rows(info, "assets"):
        if (cash := exact(row.get("walletBalance"))) is not None:
            yield str(row["asset"]).upper(), cash


def okx_cash(info: Any) -> _Cash:
    """Of an answer, and of a message of its stream alike."""
    for wallet in _rows(info, "data"):
        for row in _rows(wallet, "details"):
            if (cash := exact(row.get("cashBal"))) is not None:
                yield str(row["ccy"]).upper(), cash


def _kucoin(info: Any) -> _Cash:
    row = _row(info, "data")
    if isinstance(row, Mapping) and (cash := _less(row.get("accountEquity"), row.get("unrealisedPNL"))) is not None:
        currency = str(row["currency"]).upper()
        yield "BTC" if currency == "XBT" else currency, cash


def _bitget(info: Any) -> _Cash:
    for row in _rows(info) or _rows(info, "data"):
        if "marginCoin" in row and (cash := _less(row.get("accountEquity"), row.get("unrealizedPL"))) is not None:
            yield str(row["marginCoin"]).upper(), cash


def _hyperliquid(info: Any) -> _Cash:
    """The value of the account less the profit of its positions, both in USDC."""
    positions = _rows(info, "assetPositions")
    profit = sum((exact(_row(row, "position", "unrealizedPnl")) or ZERO for row in positions), ZERO)
    if (cash := _less(_row(info, "marginSummary", "accountValue"), profit)) is not None:
        yield "USDC", cash


#: Reads the cash of an exchange's own answer, where ccxt's total is something else.
_OWN: dict[str, Callable[[Any], _Cash]] = {
    "binanceusdm": _binance_usdm,
    "okx": okx_cash,
    "kucoin": _kucoin,
    "bitget": _bitget,
    "hyperliquid": _hyperliquid,
}
