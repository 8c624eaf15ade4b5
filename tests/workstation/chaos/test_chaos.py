"""Live desks trade through exchanges and a network that fail all the time, and lose, double, invent nothing.

Every seed is a different run of faults; TWS_CHAOS_SEEDS="1-20" tries more of them. Four desks trade side by side, two
on each dialect, until TWS_CHAOS_FAULTS faults have struck them together (the exchanges count them); with
`--log-cli-level=INFO` each says what befell it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import time
from collections import Counter, deque
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.desk import GENEROUS
from tests.support.exchange import RICH, Fault, Kind, Login, LoopbackExchange
from tests.support.exchange.floor import PublicBook
from tests.support.live_desk import Truth, clear, live_desk_on, paths_in, told, until
from workstation.domain.instrument import Instrument
from workstation.domain.order import OrderDraft, OrderState, OrderType, Side
from workstation.engine import Engine
from workstation.market.book import OrderBook
from workstation.trading.errors import Refused

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

FAULTS = int(os.environ.get("TWS_CHAOS_FAULTS", "520"))
#: Seconds of trading after which a run ends with fewer of them, and fails.
LONGEST = 180.0
#: A book that a desk may trade on is a picture of the exchange no older than this: detection of a dead line and more.
OLDEST = 8.0


#: Errors of the venue must not stop the trading: errors are what is tried here.
RISK = msgspec.structs.replace(
    GENEROUS, breakers=msgspec.structs.replace(GENEROUS.breakers, venue_errors_per_minute=100_000)
)


def seeds() -> list[int]:
    text = os.environ.get("TWS_CHAOS_SEEDS", "1")
    first, _, last = text.partition("-")
    return list(range(int(first), int(last or first) + 1))


def plan(exchange: LoopbackExchange) -> dict[str, tuple[float, Iterable[Fault]]]:
    """Which share of the messages at each place is struck, and by what."""
    lost = [Fault(Kind.LOST), Fault(Kind.CUT), Fault(Kind.UNANSWERED), Fault(Kind.SLOW, 0.6), Fault(Kind.LATE, 0.4)]
    lost += [Fault(Kind.STATUS, status=502), Fault(Kind.STATUS, status=503), Fault(Kind.STATUS_AFTER, status=504)]
    lost += [Fault(Kind.GARBLED)]
    told = [Fault(Kind.DROP), Fault(Kind.DELAY, 0.7), Fault(Kind.DUPLICATE), Fault(Kind.REORDER), Fault(Kind.CORRUPT)]
    # A cut of a stream costs a reconnect of a second or more: rarer, or nothing would ever be traded.
    streams = [*told, *told, *told, Fault(Kind.CLOSE), Fault(Kind.SILENCE)]
    commands = {"binance": "rest * /api/v3/order*", "bybit": "rest POST /v5/order/*"}[exchange.name]
    throttled = [Fault(Kind.STATUS, status=429)]
    own = "executionReport" if exchange.name == "binance" else "order"
    fills = "outboundAccountPosition" if exchange.name == "binance" else "execution"
    return {
        commands: (0.3, [*lost, *lost, *throttled]),
        "rest *": (0.06, [*lost, *throttled]),
        f"ws {own}": (0.25, streams),
        f"ws {fills}": (0.25, streams),
        "ws *": (0.015, streams),
        "ws-api *": (0.1, [Fault(Kind.LOST), Fault(Kind.STATUS)]),
        "connect *": (0.1, [Fault(Kind.LOST), Fault(Kind.STATUS), Fault(Kind.LATE, 0.5)]),
    }


def picture(book: OrderBook) -> tuple[tuple[int, int], ...]:
    return (*book.bid_levels(5), (-1, -1), *book.ask_levels(5))


class Memory:
    """What the exchange's books have looked like, and when."""

    def __init__(self, exchange: LoopbackExchange) -> None:
        self.seen: dict[str, deque[tuple[float, Any]]] = {}
        self._exchange = exchange
        exchange.do(self._begin)

    def _begin(self) -> None:
        floor = self._exchange.floor
        for public in floor.public.values():  # as they stand: a quiet book may stay so for a while
            self._remember(public)
        floor.listeners.append(lambda event, _changed: self._remember(floor.public[event.instrument]))

    def _remember(self, public: PublicBook) -> None:
        symbol = public.instrument.symbol
        self.seen.setdefault(symbol, deque(maxlen=20_000)).append((time.monotonic(), picture(public.book)))

    def age(self, symbol: str, shown: Any) -> float | None:
        """Seconds since the exchange's book last looked like that; None if it never did."""
        now, later = time.monotonic(), time.monotonic()
        for at, was in reversed(list(self.seen.get(symbol, ()))):
            if was == shown:
                return max(0.0, now - later)
            later = at
            if now - at > 60:
                break
        return None


class Trader:
    """Trades at random, and watches that no market order leaves on a book that is no true picture."""

    def __init__(self, engine: Engine, memory: Memory, seed: int) -> None:
        self.engine, self.memory = engine, memory
        self.chance = random.Random(seed)
        self.sent = self.refused = 0
        self.wrong: list[str] = []
        self._judge = engine.core.judge
        engine.core.judge = self._judged  # type: ignore[method-assign]

    def _judged(self, draft: OrderDraft, *arguments: Any, **terms: Any) -> Any:
        """The instant at which an order is let through: what the desk sees of its market must be true."""
        verdicts = self._judge(draft, *arguments, **terms)
        shrinks = self.engine.core.question(draft, self.engine.clock.now()).shrinks  # may leave, whatever is known
        if draft.type is OrderType.MARKET and not shrinks and all(verdict.ok for verdict in verdicts):
            book = self.engine.book(draft.instrument)
            symbol = self.engine.instrument(draft.instrument).symbol
            age = self.memory.age(symbol, picture(book))
            if book.stale is not None:
                self.wrong.append(f"an order was let through on a stale book ({book.stale})")
            elif age is None:
                self.wrong.append(f"an order was let through on a book that {symbol} never had: {picture(book)}")
            elif age > OLDEST:
                self.wrong.append(f"an order was let through on a book {age:.1f} s old")
        return verdicts

    async def run(self, until_done: Any) -> None:
        jobs: set[asyncio.Task[None]] = set()
        while not until_done():
            job = asyncio.create_task(self._act())
            jobs.add(job)
            job.add_done_callback(jobs.discard)
            job.add_done_callback(self._ended)
            await asyncio.sleep(self.chance.uniform(0.02, 0.12))
        await asyncio.gather(*jobs)

    def _ended(self, job: asyncio.Task[None]) -> None:
        if not job.cancelled() and (error := job.exception()) is not None:
            self.wrong.append(f"a command ended with {error!r}")

    async def _act(self) -> None:
        engine, chance = self.engine, self.chance
        working = [order for order in engine.open_orders() if order.price is not None]
        what = chance.random()
        try:
            if what < 0.6 and len(working) < 60:
                await self._enter(chance.choice(engine.instruments()))
            elif what < 0.8 and working:
                await engine.cancel(chance.choice(working).client_id)
            elif what < 0.9 and working:
                order = chance.choice(working)
                tick = engine.instrument(order.instrument).tick
                assert order.price is not None
                await engine.amend(order.client_id, price=order.price - tick * chance.randint(1, 50) * order.side.sign)
            elif what < 0.93:
                await engine.cancel_all(chance.choice(engine.instruments()).id)
        except Refused:
            self.refused += 1

    async def _enter(self, instrument: Instrument) -> None:
        engine, chance = self.engine, self.chance
        book = engine.book(instrument.id)
        side = chance.choice((Side.BUY, Side.SELL))
        touch = book.best_ask if side is Side.BUY else book.best_bid
        if touch is None:
            return
        lots = chance.randint(1, 8)
        quantity = max(instrument.lot, Decimal("0.001")) * lots
        if chance.random() < 0.45:
            draft = OrderDraft(instrument=instrument.id, side=side, quantity=quantity, type=OrderType.MARKET)
        else:
            price = instrument.price(touch - chance.randint(-20, 400) * side.sign)
            draft = OrderDraft(instrument=instrument.id, side=side, quantity=quantity, price=price)
        order = await engine.submit(draft)
        self.sent += order.state is not OrderState.DENIED


async def disturb(exchange: LoopbackExchange, seed: int) -> None:
    """What no single message has: cut lines, restarts, clocks that drift, cancels that are lost."""
    chance = random.Random(f"{seed}/disturb")
    cancel = {"binance": "rest DELETE /api/v3/order", "bybit": "rest POST /v5/order/cancel"}[exchange.name]
    while True:
        await asyncio.sleep(chance.uniform(3.0, 6.0))
        what = chance.choice(("cut", "restart", "drift", "lost cancel", "lost cancel"))
        if what == "cut":
            await asyncio.to_thread(exchange.cut)
        elif what == "restart":
            await asyncio.to_thread(exchange.restart, chance.uniform(0.1, 1.5))
        elif what == "drift":
            exchange.drift(chance.uniform(-0.8, 0.8))
        else:
            exchange.faults.script(cancel, Kind.PRETENDED)
        exchange.faults.struck.append((what, Fault(Kind.CUT)))


@pytest.mark.parametrize("seed", seeds())
async def test_desks_trade_through_faults_and_their_books_are_the_exchanges(seed: int, tmp_path: Path) -> None:
    runs = [(dialect, seed * 1_000 + n) for dialect in ("binance", "bybit") for n in range(2)]
    all_struck: list[list[Any]] = []  # of each exchange
    await asyncio.gather(*(run(dialect, each, tmp_path / f"{dialect}-{each}", all_struck) for dialect, each in runs))
    assert sum(map(len, all_struck)) >= FAULTS


async def run(dialect: str, seed: int, folder: Path, all_struck: list[list[Any]]) -> None:
    with LoopbackExchange(dialect, logins=[Login(balances=RICH)], seed=seed, rate=0.3) as exchange:
        memory = Memory(exchange)
        truth = Truth(exchange)
        async with live_desk_on(exchange, folder, silence_ms=2_000, risk=RISK) as engine:
            trader = Trader(engine, memory, seed)
            began = time.monotonic()
            exchange.faults.chances(seed, plan(exchange))
            all_struck.append(exchange.faults.struck)
            disturbing = asyncio.create_task(disturb(exchange, seed))

            def met() -> bool:
                return sum(map(len, all_struck)) >= FAULTS or time.monotonic() - began > LONGEST

            await trader.run(met)
            disturbing.cancel()
            struck, traded = Counter(fault.kind for _, fault in exchange.faults.struck), time.monotonic() - began
            exchange.faults.clear()
            exchange.drift(0.0)
            await until(lambda: clear(engine), 150, say=lambda: told(engine))
            await until(
                lambda: not truth.differences(engine), 60, say=lambda: f"{truth.differences(engine)}\n{told(engine)}"
            )
            exchange.do(exchange.pause)  # or orders that rest would be filled while the desk closes
            await until(
                lambda: not truth.differences(engine), 60, say=lambda: f"{truth.differences(engine)}\n{told(engine)}"
            )
            compared = engine.comparisons._next  # one more comparison of all books finds nothing
            compared.clear()
            await until(lambda: compared and not engine.comparisons._failures, say=lambda: told(engine))
            assert truth.differences(engine) == []
            invented = truth.invented(engine)  # fills that were found late are booked in the exchange's order
            fills, differences = engine.fills(), engine.comparisons.differences
        logging.getLogger(__name__).info(
            f"{dialect} seed {seed}: {struck.total()} faults in {traded:.0f} s, "
            f"{time.monotonic() - began:.0f} s in all; {trader.sent} orders sent, "
            f"{trader.refused} refused by the desk, {len(fills)} fills; "
            f"found and repaired: {dict(Counter(each.kind for each in differences))}; struck by {dict(struck)}"
        )
        assert trader.wrong == []
        assert invented == []
        assert truth.in_store(paths_in(folder).store("live", None)) == []
        assert fills
