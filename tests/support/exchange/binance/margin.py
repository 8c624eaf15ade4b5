"""Binance's cross margin account: the same orders at other addresses, loans, interest."""

from __future__ import annotations

import itertools
from typing import Any

from tests.support.exchange.binance.listing import eight
from tests.support.exchange.binance.orders import integer
from tests.support.exchange.binance.private import Handler, Private, Result
from tests.support.exchange.binance.public import Public
from tests.support.exchange.binance.refusals import Refused
from tests.support.exchange.dialect import nothing
from tests.support.exchange.floor import Account, Floor
from workstation.domain.numbers import ZERO

_EFFECTS = {
    "NO_SIDE_EFFECT": (False, False),
    "MARGIN_BUY": (True, False),
    "AUTO_REPAY": (False, True),
    "AUTO_BORROW_REPAY": (True, True),
}
_DAYS_30_MS = 30 * 86_400_000
#: How long a token of the account's stream is good, unless its asker wants less.
TOKEN_MS = 86_400_000


class Margin(Private):
    """Under /sapi/v1/margin. `tokens`: what subscribes to the account's stream, and until when (ms)."""

    def __init__(self, floor: Floor, public: Public) -> None:
        super().__init__(floor, public)
        self.tokens: dict[str, tuple[Account, int]] = {}
        self.token_ms = TOKEN_MS
        self._numbers = itertools.count(1)

    def routes(self) -> dict[tuple[str, str], tuple[Handler, int]]:
        own = self._only
        return {
            ("POST", "/sapi/v1/margin/order"): (own(self.place), 6),
            ("GET", "/sapi/v1/margin/order"): (own(self.order), 10),
            ("DELETE", "/sapi/v1/margin/order"): (own(self.cancel), 10),
            ("GET", "/sapi/v1/margin/openOrders"): (own(self.open_orders), 10),
            ("DELETE", "/sapi/v1/margin/openOrders"): (own(self.cancel_all), 1),
            ("GET", "/sapi/v1/margin/myTrades"): (own(self.my_trades), 10),
            ("GET", "/sapi/v1/margin/account"): (own(self.account), 10),
            ("GET", "/sapi/v1/margin/interestHistory"): (own(self.interest), 1),
            ("POST", "/sapi/v1/userListenToken"): (own(self.listen_token), 1),
        }

    @staticmethod
    def _only(handler: Handler) -> Handler:
        def handled(account: Account, params: dict[str, str]) -> Result:
            if account.loans is None:
                raise Refused(-3003, "Margin account does not exist.")
            if params.get("isIsolated", "FALSE").upper() == "TRUE":
                raise Refused(-3003, "Isolated margin account does not exist.")
            return handler(account, params)

        return handled

    def _loans(self, account: Account, params: dict[str, str]) -> dict[str, Any]:
        effect = params.get("sideEffectType", "NO_SIDE_EFFECT")
        if effect not in _EFFECTS:
            raise Refused(-1102, "Mandatory parameter 'sideEffectType' was not sent, was empty/null, or malformed.")
        borrows, repays = _EFFECTS[effect]
        returns = borrows and params.get("autoRepayAtCancel", "TRUE").upper() != "FALSE"
        return {"borrows": borrows, "repays": repays, "returns": returns}

    def account(self, account: Account, params: dict[str, str]) -> Result:
        loans, rows = account.loans, []
        assert loans is not None
        own = owed = ZERO
        for coin in account.currencies:
            net, debt = account.total(coin), loans.debt(coin)
            free = account.free(coin)
            own += net * account.books.rate(coin)
            owed += debt * account.books.rate(coin)
            rows.append(
                {
                    "asset": coin,
                    "borrowed": eight(loans.owed[coin]),
                    "free": eight(free),
                    "interest": eight(loans.interest[coin]),
                    "locked": eight(net + debt - free),
                    "netAsset": eight(net),
                }
            )
        answer = {
            "created": True,
            "borrowEnabled": True,
            "marginLevel": eight((own + owed) / owed) if owed else "999.00000000",
            "totalAssetOfBtc": "0",
            "totalLiabilityOfBtc": "0",
            "totalNetAssetOfBtc": "0",
            "tradeEnabled": account.login.may_trade,
            "transferInEnabled": True,
            "transferOutEnabled": True,
            "accountType": "MARGIN_1",
            "userAssets": rows,
        }
        return answer, nothing

    def interest(self, account: Account, params: dict[str, str]) -> Result:
        """The newest first, by pages; a month at most."""
        assert account.loans is not None
        start, end = integer(params, "startTime"), integer(params, "endTime")
        if start is not None and end is not None and end - start > _DAYS_30_MS:
            raise Refused(-1127, "More than 30 days between startTime and endTime.")
        size, page = min(integer(params, "size") or 10, 100), integer(params, "current") or 1
        ms = self.floor.ms
        rows = [
            {
                "txId": each.number,
                "interestAccuredTime": ms(each.ts),
                "asset": each.coin,
                "rawAsset": each.loan,
                "principal": eight(each.principal),
                "interest": eight(each.amount),
                "interestRate": "0.00001250",
                "type": "PERIODIC" if each.coin == each.loan else "PERIODIC_CONVERTED",
            }
            for each in reversed(account.loans.charges)
            if (start is None or ms(each.ts) >= start) and (end is None or ms(each.ts) <= end)
        ]
        return {"rows": rows[(page - 1) * size : page * size], "total": len(rows)}, nothing

    def listen_token(self, account: Account, params: dict[str, str]) -> Result:
        token = f"loopback-token-{next(self._numbers)}"
        until = self.floor.now_ms() + min(integer(params, "validity") or self.token_ms, self.token_ms)
        self.tokens[token] = account, until
        return {"token": token, "expirationTime": until}, nothing

    def holder(self, token: str) -> tuple[Account, int]:
        """Whose stream a token subscribes to, and until when (ms). Raises `Refused`."""
        account, until = self.tokens.get(token, (None, 0))
        if account is None or until <= self.floor.now_ms():
            raise Refused(-1209, "The listenToken is invalid or has expired.")
        return account, until
