"""Events a second through matching engine and book, 20 orders of ours resting: `pytest -m benchmark tests/benchmarks`.

An event is a book delta or a trade. A recorded delta names many levels (the figure stands in the table as
`levels_per_event`), a synthetic one names one to three. `venue` is the same events through `SimulatedVenue.feed`.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from workstation.clock import SimClock
from workstation.domain.instrument import ContractType, Instrument
from workstation.domain.market import BookDelta, BookSnapshot, MarketEvent, Trade
from workstation.domain.order import Order, OrderDraft, Side
from workstation.market.book import OrderBook
from workstation.venues.matching import MatchingEngine, ProbabilisticQueue
from workstation.venues.simulated import SimulatedVenue

pytestmark = pytest.mark.benchmark

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "orderbook" / "hftbacktest"
RECORDINGS = {
    "binance spot": ["binance_spot_btcusdt_20240808.gz", "binance_spot_btcusdt_20240809.gz"],
    "binance usd-m": ["binance_usdm_btcusdt_20240808.gz"],
}
PERP = Instrument(
    venue="NOVA",
    symbol="BTC-PERP",
    base="BTC",
    quote="USDT",
    tick=Decimal("0.1"),
    lot=Decimal("0.001"),
    contract=ContractType.LINEAR,
    leverage=Decimal(20),
    maker_fee=Decimal("0.0002"),
    taker_fee=Decimal("0.0004"),
)
RESTING = 20
SYNTHETIC = 200_000


@cache
def synthetic() -> tuple[Instrument, list[MarketEvent]]:
    """A walking market: four deltas near the touch for each trade."""
    chance = random.Random(1)
    middle, sequence = 600_000, 1
    bids = tuple((middle - n, chance.randint(1, 5000)) for n in range(1, 201))
    asks = tuple((middle + n, chance.randint(1, 5000)) for n in range(1, 201))
    events: list[MarketEvent] = [BookSnapshot(PERP.id, 0, sequence, bids, asks)]
    for ts in range(1, SYNTHETIC):
        if ts % 5:
            sequence += 1
            levels = tuple(
                (middle - chance.randint(1, 60), chance.choice((0, chance.randint(1, 5000))))
                for _ in range(chance.randint(1, 3))
            )
            other = tuple((2 * middle - price, lots) for price, lots in levels)
            sides = (levels, ()) if chance.random() < 0.5 else ((), other)
            events.append(BookDelta(PERP.id, ts, sequence, sequence - 1, *sides))
        else:
            buyer = chance.random() < 0.5
            price = middle + chance.randint(1, 3) * (1 if buyer else -1)
            events.append(Trade(PERP.id, ts, price, chance.randint(1, 200), buyer))
    return PERP, events


@cache
def recorded(name: str) -> tuple[Instrument, list[MarketEvent]]:
    from workstation.market.recording import open_recording

    paths = [DATA / file for file in RECORDINGS[name]]
    if not all(path.exists() for path in paths):
        pytest.skip(f"the recordings are not here: {DATA}")
    source = open_recording(paths)
    try:
        kinds = BookSnapshot | BookDelta | Trade
        return source.instruments[0], [e for e in source.until(1 << 62) if isinstance(e, kinds)]
    finally:
        source.close()


def market(name: str) -> tuple[Instrument, list[MarketEvent]]:
    return synthetic() if name == "synthetic" else recorded(name)


class Quoter:
    """Keeps `RESTING` orders of ours around the market, near and far; replaces what fills, now and then."""

    def __init__(self, instrument: Instrument, book: OrderBook, send: Callable[[Order, int], None]) -> None:
        self.instrument, self.book, self.send, self.count = instrument, book, send, 0

    def fill_up(self, working: int, ts: int) -> None:
        bid, ask = self.book.best_bid, self.book.best_ask
        if bid is None or ask is None:
            return
        for _ in range(RESTING - working):
            self.count += 1
            side = Side.BUY if self.count % 2 else Side.SELL
            best = bid if side is Side.BUY else ask
            draft = OrderDraft(
                instrument=self.instrument.id,
                side=side,
                quantity=self.instrument.quantity(2),
                price=self.instrument.price(best - side.sign * (self.count % 10)),
            )
            self.send(Order.from_draft(draft, f"o{self.count}", ts), ts)


def measure(benchmark: Any, name: str, build: Callable[[Instrument], tuple[Any, ...]]) -> None:
    instrument, events = market(name)
    snapshot = next(n for n, event in enumerate(events) if isinstance(event, BookSnapshot))
    fills: list[int] = []

    def setup() -> tuple[tuple[Any, ...], dict[str, Any]]:
        give, quoter, working, filled = build(instrument)
        give(events[snapshot])
        quoter.fill_up(0, events[snapshot].ts)
        return (give, quoter, working, filled), {}

    def run(give: Callable[[MarketEvent], None], quoter: Quoter, working: Any, filled: Callable[[], int]) -> None:
        for number, event in enumerate(events[snapshot + 1 :]):
            give(event)
            if not number % 256:
                quoter.fill_up(len(working), event.ts)
        fills.append(filled())

    benchmark.pedantic(run, setup=setup, rounds=5, warmup_rounds=1)
    deltas = [event for event in events if isinstance(event, BookDelta)]
    benchmark.extra_info["events_per_second"] = round((len(events) - snapshot - 1) / benchmark.stats["median"])
    benchmark.extra_info["levels_per_event"] = round(sum(len(d.bids) + len(d.asks) for d in deltas) / len(events), 1)
    benchmark.extra_info["own_fills"] = fills[-1]
    print(f"\n{name}: {benchmark.extra_info}")


def engine_only(queue: Any = None) -> Callable[[Instrument], tuple[Any, ...]]:
    def build(instrument: Instrument) -> tuple[Any, ...]:
        reports: list[Any] = []
        engine = MatchingEngine(instrument, reports.append, queue=queue)
        quoter = Quoter(instrument, engine.book, lambda order, ts: engine.submit(order, order.client_id, ts))
        filled = lambda: sum(type(report).__name__ == "OrderFilled" for report in reports)  # noqa: E731
        return engine.on_market, quoter, engine.orders, filled

    return build


def whole_venue(instrument: Instrument) -> tuple[Any, ...]:
    clock, money = SimClock(), {instrument.quote: Decimal(10**9), instrument.base: Decimal(10**6)}
    venue = SimulatedVenue(instrument.venue, [instrument], clock, money)
    exchange = venue._exchange
    quoter = Quoter(instrument, venue.book(instrument.id), lambda order, ts: void(exchange.submit(order, ts)))
    return venue.feed, quoter, exchange.open, lambda: sum(len(part) for part in exchange.ledger.fill_slices(0))


def void(_: object) -> None:
    return None


MARKETS = pytest.mark.parametrize("name", ["synthetic", *RECORDINGS])


@MARKETS
def test_matching_engine(benchmark: Any, name: str) -> None:
    measure(benchmark, name, engine_only())


@MARKETS
def test_matching_engine_with_probabilistic_queue(benchmark: Any, name: str) -> None:
    measure(benchmark, name, engine_only(ProbabilisticQueue()))


@MARKETS
def test_venue(benchmark: Any, name: str) -> None:
    measure(benchmark, name, whole_venue)


@MARKETS
def test_book_alone(benchmark: Any, name: str) -> None:
    """What the book itself costs: the floor under the figures above."""
    instrument, events = market(name)
    snapshot = next(n for n, event in enumerate(events) if isinstance(event, BookSnapshot))
    books = [event for event in events[snapshot:] if not isinstance(event, Trade)]

    def run() -> None:
        book = OrderBook(instrument.id)
        for event in books:
            book.apply(event)  # type: ignore[arg-type]

    benchmark.pedantic(run, rounds=5, warmup_rounds=1)
    benchmark.extra_info["events_per_second"] = round(len(books) / benchmark.stats["median"])
    print(f"\n{name}: {benchmark.extra_info}")
