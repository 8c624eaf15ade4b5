"""Where candles are downloaded from: exchanges by ccxt's `fetch_ohlcv`, and Yahoo by yfinance where it is installed."""

from __future__ import annotations

from typing import Any

from workstation.history.ccxt_class import UnknownExchange, exchange_class
from workstation.history.download import CandleFeed, DownloadError, Page, PassingFault
from workstation.history.names import HistoryError, HistoryName, plain_symbol
from workstation.market.timeframes import BadTimeframe, Timeframe


class CcxtFeed:
    """Candles of one market of one exchange. ccxt keeps the exchange's own rate limit; the tries are ours."""

    def __init__(self, name: HistoryName, exchange: Any = None) -> None:
        """`exchange` is an instance of a ccxt class in place of a new one. Raises `HistoryError` for what ccxt or the
        exchange does not have. The exchange is asked for nothing yet."""
        if exchange is None:
            try:
                exchange = exchange_class(name.venue)({"enableRateLimit": True, "timeout": 20_000})
            except UnknownExchange as error:
                raise HistoryError(str(error)) from None
        self._exchange, self._name = exchange, name
        self._symbol = ""
        if not exchange.has.get("fetchOHLCV"):
            raise HistoryError(f"{name.venue} gives no candles.")
        known = exchange.timeframes or {}
        if known and str(name.timeframe) not in known:
            raise HistoryError(f"{name.venue} has no candles of {name.timeframe}; it has {', '.join(_sorted(known))}.")

    @property
    def source(self) -> str:
        return f"ccxt {self._name.venue}"

    def page(self, since: int, limit: int) -> Page:
        try:
            if not self._symbol:
                self._exchange.load_markets()
                self._symbol = self._market()
            page: Page = self._exchange.fetch_ohlcv(self._symbol, str(self._name.timeframe), since, limit)
        except Exception as error:
            raise _fault(self._name, error, self._exchange) from error
        return page

    def _market(self) -> str:
        """ccxt's symbol of the market that is called by our name."""
        markets = self._exchange.markets
        for symbol, market in markets.items():
            if plain_symbol(symbol) == self._name.symbol and (market.get("swap") or ":" not in symbol):
                return str(symbol)
        import difflib

        near = difflib.get_close_matches(self._name.symbol, [plain_symbol(each) for each in markets], n=1)
        hint = f"; did you mean {near[0]}?" if near else "."
        raise DownloadError(f"{self._name.venue} lists no {self._name.symbol}{hint}")


def _sorted(timeframes: dict[str, Any]) -> list[str]:
    def length(word: str) -> int:
        try:
            return Timeframe.parse(word).ns
        except BadTimeframe:
            return 0

    return sorted(timeframes, key=length)


def _fault(name: HistoryName, error: Exception, exchange: Any) -> Exception:
    """ccxt's exceptions by what a download can do about them."""
    if isinstance(error, DownloadError):
        return error
    from ccxt.base.errors import BaseError, OperationFailed

    text = " ".join(str(error).split())[:200]
    if isinstance(error, OperationFailed):  # time-outs, too many requests, maintenance, cut connections
        wait = (getattr(exchange, "last_response_headers", None) or {}).get("Retry-After", "")
        return PassingFault(f"{name.venue} did not answer ({text}).", float(wait) if str(wait).isdigit() else 0.0)
    if isinstance(error, BaseError):
        return DownloadError(f"{name.venue} refused the candles of {name}: {text}.")
    return error


class YahooFeed:
    """Candles of shares, funds, indices and currencies from Yahoo by yfinance, unadjusted. Venue: yahoo."""

    #: Our names of the timeframes that Yahoo has.
    TIMEFRAMES = {"1m": "1m", "5m": "5m", "15m": "15m", "30m": "30m", "1h": "1h", "1d": "1d", "1w": "1wk", "1M": "1mo"}

    def __init__(self, name: HistoryName, ticker: str) -> None:
        """`ticker` is Yahoo's symbol. Raises `HistoryError` where yfinance is not installed or has no such bars."""
        import importlib.util

        if importlib.util.find_spec("yfinance") is None:
            raise HistoryError("Candles from Yahoo need yfinance: install tws with its extra 'data' (tws[data]).")
        if str(name.timeframe) not in self.TIMEFRAMES:
            raise HistoryError(f"Yahoo has no candles of {name.timeframe}; it has {', '.join(self.TIMEFRAMES)}.")
        self._name, self._ticker, self._asked = name, ticker, False

    @property
    def source(self) -> str:
        return "yfinance"

    def page(self, since: int, limit: int) -> Page:
        """All bars from `since` on: Yahoo knows no pages, so the second one is empty."""
        if self._asked:
            return []
        import yfinance

        interval = self.TIMEFRAMES[str(self._name.timeframe)]
        try:
            frame = yfinance.Ticker(self._ticker).history(
                start=since // 1_000, interval=interval, auto_adjust=False, actions=False, raise_errors=True
            )
        except Exception as error:
            text = " ".join(str(error).split())[:200]
            raise DownloadError(f"Yahoo gave no candles of {self._ticker}: {text}.") from error
        self._asked = True
        return yahoo_rows(frame)


def yahoo_rows(frame: Any) -> list[tuple[float, ...]]:
    """The rows of yfinance's frame. Days, weeks and months stand at midnight of the exchange: at their date in UTC."""
    index = frame.index
    daily = len(index) > 0 and bool((index == index.normalize()).all())
    stamps = index.tz_localize(None).tz_localize("UTC") if daily else index.tz_convert("UTC")
    times = (stamps.as_unit("ms").astype("int64")).tolist()
    values = frame[["Open", "High", "Low", "Close", "Volume"]].astype("float64")
    return [(time, *row) for time, row in zip(times, values.to_numpy().tolist(), strict=True)]


def feed_for(name: HistoryName, word: str) -> CandleFeed:
    """The feed of a history by its venue; `word` is what the user typed, whose spelling Yahoo's symbols keep.
    Raises `HistoryError`."""
    if name.venue == "yahoo":
        return YahooFeed(name, word.partition(":")[2].rpartition(":")[0])
    return CcxtFeed(name)
