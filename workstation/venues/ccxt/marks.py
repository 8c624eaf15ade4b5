"""Mark prices and funding of perpetuals: streamed where the exchange does, else asked for time and again.

A question shares the loop, and the exchange's patience, with orders: one is put where nothing is streamed, and now and
then beside a stream for what that leaves out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from workstation.clock import MILLISECOND, Clock
from workstation.domain.instrument import Instrument
from workstation.domain.market import MarketEvent, MarkPrice
from workstation.market.funding import interval_of
from workstation.venues.ccxt.errors import words_of
from workstation.venues.ccxt.instruments import exact
from workstation.venues.ccxt.stream_state import StreamState

#: Seconds between two questions where nothing is streamed; beside a stream that tells no funding; and beside one that
#: does, for how often it is paid.
_ASKED, _FUNDING, _INTERVAL = 10.0, 60.0, 900.0
#: Milliseconds by which what a stream tells may be late.
_LATE = 3_000


class Marks:
    """Of one exchange object."""

    def __init__(
        self,
        exchange: Any,
        markets: Mapping[str, Instrument],
        clock: Clock,
        told: Callable[[StreamState], None],
        sink: Callable[[MarketEvent], None],
        there: Callable[[], int | None],
    ) -> None:
        """`there`: the time at the exchange in ms; None while it is not known."""
        self._exchange = exchange
        self._markets = markets
        self._clock = clock
        self._told = told
        self._sink = sink
        self._there = there
        self._silent: set[str] = set()  # markets whose ticker brings no mark price

    async def watch(self, state: StreamState, symbol: str) -> None:
        """Tell of a market's mark price until something fails."""
        loop, has, funding = asyncio.get_running_loop(), self._exchange.has, _Funding()
        while True:
            if has.get("fetchFundingRate"):
                funding.asked(answer := await self._exchange.fetch_funding_rate(symbol))
                self._told(state)
                self._tell(symbol, answer.get("markPrice"), funding)
            stream = self._stream(symbol)
            state.asked = stream is None
            if stream is None:
                await asyncio.sleep(_ASKED)
                continue
            names = _FUNDING_IN.get(self._exchange.id)
            until = loop.time() + (_INTERVAL if names is not None else _FUNDING)
            while loop.time() < until:
                ticker = await self._told_by(stream, state, symbol)
                price = ticker.get("markPrice")
                if price is None and stream != self._exchange.watch_mark_price:
                    self._silent.add(symbol)
                    break
                self._told(state)
                if names is not None:
                    funding.streamed(*map((ticker.get("info") or {}).get, names))
                stamped = names is not None  # a ticker of others may bear the time of the last trade
                self._tell(symbol, price, funding, ticker.get("timestamp") if stamped else None)

    def _stream(self, symbol: str) -> Callable[[str], Any] | None:
        if self._exchange.has.get("watchMarkPrice"):
            return self._exchange.watch_mark_price  # type: ignore[no-any-return]
        if self._exchange.has.get("watchTicker") and symbol not in self._silent:
            return self._exchange.watch_ticker  # type: ignore[no-any-return]
        return None

    async def _told_by(self, stream: Callable[[str], Any], state: StreamState, symbol: str) -> Mapping[str, Any]:
        try:
            return await stream(symbol)  # type: ignore[no-any-return]
        except Exception as error:
            if (
                stream == self._exchange.watch_ticker
                and state.faults > 2
                and self._exchange.has.get("fetchFundingRate")
            ):
                self._silent.add(symbol)  # what can be asked for is better than a stream that breaks again and again
                raise ConnectionError(
                    f"{words_of(error) or type(error).__name__}: it is asked for from now on"
                ) from error
            raise

    def _tell(self, symbol: str, price: Any, funding: _Funding, stamp: int | None = None) -> None:
        exact_price = exact(price)
        if exact_price is None or exact_price <= 0:  # of a contract that does not trade yet, or no longer
            return
        rate, following, interval = funding.terms()
        there = self._there()
        late = there - stamp if there and stamp else 0  # one that lags tells of then
        at = self._clock.now() - (late * MILLISECOND if late > _LATE else 0)
        self._sink(MarkPrice(self._markets[symbol].id, at, exact_price, rate, following, interval))


class _Funding:
    """The rate, when it is paid, and how often."""

    def __init__(self) -> None:
        self._answer: dict[str, Any] = {}

    def asked(self, answer: Mapping[str, Any]) -> None:
        self._answer = dict(answer)

    def streamed(self, rate: Any, following: Any) -> None:
        news = {"fundingRate": rate, "fundingTimestamp": following}
        self._answer |= {name: value for name, value in news.items() if value not in (None, "")}

    def terms(self) -> tuple[Any, int | None, int | None]:
        answer = self._answer
        following = answer.get("fundingTimestamp") or answer.get("nextFundingTimestamp")
        due = int(following) * MILLISECOND if following else None
        return exact(answer.get("fundingRate")), due, interval_of(answer.get("interval"))


#: What the message of an exchange whose stream tells of funding calls the rate, and when it is paid next. Bybit's is a
#: ticker with its changes put on top of it.
_FUNDING_IN = {
    "binance": ("r", "T"),
    "binanceusdm": ("r", "T"),
    "bybit": ("fundingRate", "nextFundingTime"),
}
