"""Downloads against a loopback exchange that answers with recorded Binance bars, through ccxt's own class."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from tests.support.bars import RECORDED
from workstation.history.ccxt_class import UnknownExchange, exchange_class, exchange_names
from workstation.history.download import WAITS, Download, DownloadError
from workstation.history.feeds import CcxtFeed, YahooFeed, yahoo_rows
from workstation.history.library import CandleLibrary
from workstation.history.names import HistoryError, HistoryName

NAME = HistoryName.parse("binance:BTC-USDT:1h")
HOUR_MS = 3_600_000
ANSWERS = RECORDED.parent / "rest" / "gocryptotrader" / "binance_http.json.gz"


class Exchange:
    """Answers as Binance does, from recordings. `faults` holds what happens to the n-th request for bars (from 0):
    a status, "cut", "twice" (the page before once more) or "short" (ten bars only)."""

    def __init__(self) -> None:
        if not ANSWERS.exists():
            pytest.skip(f"the recording {ANSWERS} is not here")
        routes = json.loads(gzip.decompress(ANSWERS.read_bytes()))["routes"]
        self.info = {path: routes[path]["GET"][0]["data"] for path in routes if path.endswith("/exchangeInfo")}
        pages = [each["data"] for each in routes["/api/v3/klines"]["GET"] if "interval=1h" in each["queryString"]]
        bars = {row[0]: row for page in pages for row in page}
        self.bars = [bars[at] for at in sorted(bars) if at < 1_600_000_000_000]
        self.faults: dict[int, int | str] = {}
        self.asked: list[int] = []
        self.last_page: list[Any] = []
        self.hole = range(0)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def page(self, query: dict[str, list[str]]) -> list[Any]:
        since, limit = int(query["startTime"][0]), int(query["limit"][0])
        return [bar for bar in self.bars if bar[0] >= since and bar[0] not in self.hole][:limit]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        exchange = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                if parts.path in exchange.info:
                    self._answer(200, exchange.info[parts.path])
                    return
                query = parse_qs(parts.query)
                fault = exchange.faults.get(len(exchange.asked))
                exchange.asked.append(int(query["startTime"][0]))
                page = exchange.page(query)
                if fault == "cut":
                    self.send_response(200)
                    self.send_header("Content-Length", "100000")
                    self.end_headers()
                    self.wfile.write(json.dumps(page).encode()[:500])
                    self.close_connection = True
                elif fault == "twice":
                    self._answer(200, exchange.last_page)
                elif isinstance(fault, int):
                    self._answer(fault, {"code": -1003, "msg": "Too many requests."})
                else:
                    exchange.last_page = page[:10] if fault == "short" else page
                    self._answer(200, exchange.last_page)

            def _answer(self, status: int, body: object) -> None:
                data = json.dumps(body).encode()
                self.send_response(status)
                if status == 429:
                    self.send_header("Retry-After", "7")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler


@pytest.fixture
def exchange() -> Iterator[Exchange]:
    one = Exchange()
    yield one
    one.server.shutdown()
    one.server.server_close()


@pytest.fixture
def download(exchange: Exchange, tmp_path: Path) -> Callable[..., Download]:
    binance = exchange_class("binance")({"enableRateLimit": True})
    for key, address in binance.urls["api"].items():  # nothing of the class is changed but where it looks
        binance.urls["api"][key] = exchange.url + urlsplit(address).path
    library, first, last = CandleLibrary(tmp_path), exchange.bars[0][0], exchange.bars[-1][0]

    def make(since: int = first, until: int = last + HOUR_MS, limit: int = 200, **other: Any) -> Download:
        slept: list[float] = []
        made = Download(
            library, NAME, CcxtFeed(NAME, binance), since * 10**6, until * 10**6, limit=limit,
            now=lambda: (last + HOUR_MS) * 10**6, sleep=slept.append, **other,
        )  # fmt: skip
        made.__dict__["slept"] = slept
        return made

    return make


def stored(download: Download) -> list[list[float]]:
    bars = download.library.load(NAME)
    return np.array([bars.time / 1e6, bars.open, bars.high, bars.low, bars.close, bars.volume]).T.tolist()


def recorded_bars(exchange: Exchange) -> list[list[float]]:
    return [[float(value) for value in row[:6]] for row in exchange.bars if row[0] not in exchange.hole]


def test_all_pages_are_stored_to_the_digit(exchange: Exchange, download: Callable[..., Download]) -> None:
    run = download()
    (merged,) = run.run()
    assert merged.added == len(exchange.bars) == 1_468
    assert stored(run) == recorded_bars(exchange)
    assert len(exchange.asked) == 8
    assert run.library.entries()[0].source == "ccxt binance"


@pytest.mark.parametrize(
    "faults",
    [
        {1: 429, 2: 429, 4: 418},
        {0: 500, 3: 502, 5: 503},
        {2: "cut", 3: "cut"},
        {1: "short", 2: "short"},
        {2: "twice", 5: "twice"},
        {1: "short", 2: 429, 3: "cut", 4: "twice", 6: 500},
    ],
)
def test_faults_on_the_way_change_nothing(
    exchange: Exchange, download: Callable[..., Download], faults: dict[int, int | str]
) -> None:
    exchange.faults = faults
    run = download()
    run.run()
    assert stored(run) == recorded_bars(exchange)
    waits = [fault for fault in faults.values() if fault != "short"]
    assert len(run.__dict__["slept"]) == len(waits), "one wait for each fault"


def test_waits_grow_and_heed_what_the_exchange_asks_for(exchange: Exchange, download: Callable[..., Download]) -> None:
    exchange.faults = dict.fromkeys(range(4), 429)
    run = download()
    run.run()
    assert run.__dict__["slept"] == [7, 7, 7, 8]


def test_an_exchange_that_stays_away_ends_it_and_the_next_run_goes_on(
    exchange: Exchange, download: Callable[..., Download]
) -> None:
    exchange.faults = dict.fromkeys(range(3, 3 + len(WAITS) + 1), 503)
    run = download()
    with pytest.raises(DownloadError, match=r"asked 8 times; what came before is stored"):
        run.run()
    assert run.__dict__["slept"] == list(WAITS)
    assert stored(run) == recorded_bars(exchange)[:600]
    exchange.asked.clear()
    exchange.faults = {}
    download().run()
    assert exchange.asked[0] == exchange.bars[600][0], "what is stored is not asked for again"
    assert stored(run) == recorded_bars(exchange)


def test_stopped_by_hand_it_keeps_what_came(exchange: Exchange, download: Callable[..., Download]) -> None:
    def stop(progress: Any) -> None:
        if progress.rows >= 400:
            raise KeyboardInterrupt

    run = download(progress=stop)
    with pytest.raises(KeyboardInterrupt):
        run.run()
    assert stored(run) == recorded_bars(exchange)[:400]


def test_what_lies_before_the_stored_bars_is_filled_in(exchange: Exchange, download: Callable[..., Download]) -> None:
    bars = exchange.bars
    download(since=bars[900][0], until=bars[1_200][0]).run()
    exchange.asked.clear()
    run = download()
    run.run()
    assert stored(run) == recorded_bars(exchange)
    assert not [at for at in exchange.asked if bars[900][0] <= at < bars[1_200][0]]


def test_an_outage_longer_than_a_page_stays_a_gap(exchange: Exchange, download: Callable[..., Download]) -> None:
    exchange.hole = range(exchange.bars[300][0], exchange.bars[450][0], HOUR_MS)
    run = download(limit=100)
    run.run()
    assert stored(run) == recorded_bars(exchange)
    assert run.library.entries()[0].quality["gaps"] >= 1


def test_a_source_that_looks_only_a_page_ahead_gets_over_an_outage(
    exchange: Exchange, download: Callable[..., Download], monkeypatch: pytest.MonkeyPatch
) -> None:
    def window(query: dict[str, list[str]]) -> list[Any]:
        since, limit = int(query["startTime"][0]), int(query["limit"][0])
        end = since + limit * HOUR_MS
        return [bar for bar in exchange.bars if since <= bar[0] < end and bar[0] not in exchange.hole]

    monkeypatch.setattr(exchange, "page", window)
    exchange.hole = range(exchange.bars[300][0], exchange.bars[550][0], HOUR_MS)
    run = download(limit=100)
    run.run()
    assert stored(run) == recorded_bars(exchange)


def test_the_bar_that_forms_is_left_out(exchange: Exchange, download: Callable[..., Download]) -> None:
    last = exchange.bars[-1][0]
    run = download(until=last + 10 * HOUR_MS)
    run.now = lambda: (last + HOUR_MS // 2) * 10**6
    run.run()
    assert stored(run) == recorded_bars(exchange)[:-1]


def test_nothing_new_is_no_change(exchange: Exchange, download: Callable[..., Download]) -> None:
    download().run()
    exchange.asked.clear()
    assert download().run() == []
    assert exchange.asked == []


def test_bars_that_cannot_be_are_refused(exchange: Exchange, download: Callable[..., Download]) -> None:
    exchange.bars[450] = [*exchange.bars[450][:2], "1.0", *exchange.bars[450][3:]]
    with pytest.raises(DownloadError, match=r"unusable bars, not stored(.|\n)*1 row with a high below"):
        download().run()


def test_what_an_exchange_does_not_have_is_said(exchange: Exchange, download: Callable[..., Download]) -> None:
    binance = download().feed.__dict__["_exchange"]
    with pytest.raises(HistoryError, match=r"no candles of 7m; it has 1s, 1m, 3m"):
        CcxtFeed(HistoryName.parse("binance:BTC-USDT:7m"), binance)
    with pytest.raises(DownloadError, match="lists no BTC-USDX; did you mean BTC-USDT"):
        CcxtFeed(HistoryName.parse("binance:BTC-USDX:1h"), binance).page(0, 10)
    with pytest.raises(HistoryError, match="knows no exchange 'binanze'; did you mean 'binance'"):
        CcxtFeed(HistoryName.parse("binanze:BTC-USDT:1h"))


def test_one_exchange_is_loaded_and_the_rest_only_when_it_is_asked_for() -> None:
    code = (
        "import sys; from workstation.history.ccxt_class import exchange_class; exchange_class('binance');"
        "loaded = [name for name in sys.modules if name.startswith('ccxt.') and name.count('.') == 1];"
        "import ccxt; print(len(loaded), 'ccxt.kraken' in sys.modules, ccxt.binance.__name__, ccxt.kraken.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["3", "False", "binance", "kraken"]


def test_one_exchange_with_streams_is_loaded_without_the_hundred_others() -> None:
    code = (
        "import sys; from workstation.history.ccxt_class import exchange_class, pro_class;"
        "pro_class('binanceusdm'); exchange_class('binanceusdm');"
        "parts = [name.split('.') for name in sys.modules if name.startswith('ccxt.')];"
        "found = {part[-1] for part in parts if part[1] in ('pro', 'async_support') and len(part) == 3};"
        "print(sorted(found - {'base'}), 'ccxt.kraken' in sys.modules);"
        "import ccxt.pro; print(ccxt.pro.kraken.__name__, ccxt.NetworkError.__name__, ccxt.async_support.okx.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded, later = done.stdout.splitlines()
    assert loaded == "['binance', 'binanceusdm'] False"
    assert later.split() == ["kraken", "NetworkError", "okx"]


def test_exchanges_are_known_by_name_only() -> None:
    assert {"binance", "kraken", "binanceusdm"} <= set(exchange_names())
    for wrong in ("base", "os", "../x", "async_support", "Exchange"):
        with pytest.raises(UnknownExchange):
            exchange_class(wrong)


def test_yahoo_without_yfinance_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(HistoryError, match="need yfinance: install tws with its extra 'data'"):
        YahooFeed(HistoryName.parse("yahoo:AAPL:1d"), "AAPL")


def test_days_of_yahoo_stand_at_their_date_and_hours_at_their_moment() -> None:
    import pandas as pd

    columns = {"Open": [1.0], "High": [2.0], "Low": [1.0], "Close": [2.0], "Adj Close": [1.9], "Volume": [7]}
    day = pd.DataFrame(columns, index=pd.DatetimeIndex(["2024-07-01"], tz="America/New_York"))
    hour = pd.DataFrame(columns, index=pd.DatetimeIndex(["2024-07-01 09:30"], tz="America/New_York"))
    assert yahoo_rows(day) == [(1_719_792_000_000, 1, 2, 1, 2, 7)]
    assert yahoo_rows(hour) == [(1_719_840_600_000, 1, 2, 1, 2, 7)]
