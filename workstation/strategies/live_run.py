"""One strategy at work on the desk: its events in, in order and one at a time; what it asks for out to the gateway."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from workstation.clock import Timer
from workstation.domain.fill import Fill
from workstation.domain.instrument import InstrumentId
from workstation.domain.market import Trade
from workstation.domain.order import ClientOrderId, Order, OrderDraft
from workstation.domain.strategy_run import StrategyRun
from workstation.strategies.bar_window import late_after
from workstation.strategies.blame import file_of, own_trace, raised
from workstation.strategies.contract import Strategy
from workstation.strategies.desk_trader import DeskTrader
from workstation.strategies.heard import Heard
from workstation.strategies.held_back import Seen, is_stop
from workstation.strategies.orders_out import OrdersOut
from workstation.strategies.run_book import RunBook, StrategyDesk
from workstation.strategies.strategy_thread import StrategyThread

#: Seconds of one call of a strategy's own code above which it is warned about; and how long the first calls and the
#: first bars may take, which load libraries and compile indicators.
WARN_AFTER, FIRST_CALLS = 0.25, 60.0


class LiveRun:
    """Started by `begin`; `halt` silences it at once, `end` lets it say goodbye and pulls its orders."""

    def __init__(self, run: StrategyRun, strategy: Strategy, desk: StrategyDesk, state: dict[str, Any] | None) -> None:
        self.run, self.strategy, self._desk = run, strategy, desk
        self.book = RunBook(run, desk)
        self.stands_by = ""  # what it waits for before it begins, a sentence
        of, markets = desk.core.instruments, desk.core.market.markets
        further = {name: of[instrument] for name, instrument in run.further.items()}
        self.trader = DeskTrader(of[run.instrument], run.run_id, desk.gateway.next_id, further)
        strategy.trader = self.trader
        self._out = OrdersOut(self.book, desk, self.trader, self)
        self.calls = self._bars = 0
        self.slowest = 0.0  # seconds of the longest call
        self._thread = StrategyThread(run.run_id)
        self.heard = {run.instrument: Heard("", markets[run.instrument], run.interval)}
        self.heard |= {one: Heard(name, markets[one], run.interval) for name, one in run.further.items()}
        self._events: deque[Callable[[], None]] = deque()
        if state is not None:
            self._events.append(partial(strategy.on_load, state))
        self._events.append(strategy.on_start)
        self._hears_book = _hears_book(strategy)
        self._hears_trades = type(strategy).on_trade is not Strategy.on_trade
        self._saved: dict[str, Any] = state or {}
        self._wake = asyncio.Event()
        self._wake.set()
        self._timers: set[Timer] = set()
        self._tasks: list[asyncio.Task[None]] = []

    # Events in.

    def begin(self) -> None:
        name = self.run.run_id
        self._tasks = [
            asyncio.create_task(self._work(), name=f"strategy {name}"),
            asyncio.create_task(self._out.work(), name=f"orders of {name}"),
        ]

    def begin_late(self) -> None:
        """Begin after a wait. Nothing is decided now on bars that closed meanwhile: they are of before."""
        bars = (self.strategy.on_bar, self.strategy.on_further_bar)
        self._events = deque(one for one in self._events if getattr(one, "func", None) not in bars)
        self.rejoin()
        if (warm := getattr(self.strategy, "warm", None)) is not None:
            warm(*(list(heard.series.closed) for heard in self.heard.values()))
        self.stands_by = ""
        self.begin()

    def leave(self, order: Order) -> bool:
        """Whether an order of before that has no answer is not waited for any more: it is pulled should it come."""
        if not self._out.held_back.passes(order):
            return False
        self.book.leave(order.client_id)
        self._out.held_back.follow(order.client_id)
        return True

    def market_moved(self, instrument: InstrumentId, trade: Trade | None) -> None:
        """The market of one of its instruments moved: closed bars are queued, book and trade wait conflated. Cheap:
        called for every event."""
        heard = self.heard[instrument]
        if self.stands_by:
            return
        self._out.held_stops.market_moved(instrument)
        if trade is not None:
            if self._hears_trades:
                heard.trade = trade
            for bar in heard.new_bars():
                on_bar = partial(self.strategy.on_further_bar, heard.name) if heard.name else self.strategy.on_bar
                self._queue(partial(on_bar, bar))
        if self._hears_book or heard.trade is not None:
            heard.book_moved = self._hears_book
            self._wake.set()

    def filled(self, fill: Fill) -> None:
        self._queue(partial(self.strategy.on_fill, fill))

    def ended_unfilled(self, client_id: ClientOrderId, reason: str) -> None:
        if self.book.pulled(client_id):
            self.pulled(client_id)
        else:
            reason = reason or "its venue took no more of it"
            unsent = self._out.held_back.unsent(client_id, reason)
            self._queue(partial(self.strategy.on_unsent if unsent else self.strategy.on_reject, client_id, reason))
            self._deaf_to(client_id, reason)

    def _deaf_to(self, client_id: ClientOrderId, reason: str) -> None:
        """The desk sees to a stop's order that came to nothing where the strategy hears of none."""
        if type(self.strategy).on_reject is Strategy.on_reject:
            self._out.held_stops.came_to_nothing(client_id, reason)

    def lost(self, client_id: ClientOrderId, reason: str) -> None:
        order = self._desk.core.orders.orders[client_id]
        self._deaf_to(client_id, reason)
        self._queue(partial(self.strategy.on_unsent if is_stop(order) else self.strategy.on_reject, client_id, reason))

    def pulled(self, client_id: ClientOrderId) -> None:
        if type(self.strategy).on_pulled is not Strategy.on_pulled:
            self._queue(partial(self.strategy.on_pulled, client_id))

    def change(self, work: Callable[[], None]) -> None:
        """Something of the runner's own between two calls: new parameters and rules."""
        self._queue(work)

    def _queue(self, call: Callable[[], None]) -> None:
        self._events.append(call)
        self._wake.set()

    def rejoin(self) -> None:
        """The market jumped to another time: bars of before it are void."""
        for heard in self.heard.values():
            heard.rejoin()

    async def _work(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while (call := self._next_event()) is not None:
                try:
                    await self._call(call)
                except TimeoutError:
                    self._fail(f"one call took longer than {self._limit:g} s")
                    return
                except Exception as error:
                    trace = own_trace(error, _timed.__name__)
                    self._desk.log.error("strategies", f"{self.run.run_id} raised {type(error).__name__}", trace)
                    own = getattr(self.strategy, "inner", self.strategy)
                    self._fail(f"it raised {raised(error, file_of(type(own)))}")
                    return

    def _next_event(self) -> Callable[[], None] | None:
        if self._events:
            return self._events.popleft()
        for heard in self.heard.values():
            if (trade := heard.trade) is not None:
                heard.trade = None
                return partial(self.strategy.on_trade, trade)
        for heard in self.heard.values():
            if heard.book_moved:
                heard.book_moved = False
                if heard.market.book.stale is None:
                    return partial(self.strategy.on_book, heard.market.book.snapshot(25))
        return None

    async def _call(self, call: Callable[[], None]) -> None:
        seen, early = self._refresh(), self._early
        taken, state = await self._thread.call(partial(_timed, call, self.strategy), self._limit)
        self.calls += 1
        if isinstance(call, partial) and call.func == self.strategy.on_bar:
            self._bars += 1
        self.slowest = max(self.slowest, taken)
        self._hears_book = _hears_book(self.strategy)  # other exits may need it
        if taken > WARN_AFTER and not early:
            self._desk.log.warning("strategies", f"{self.run.run_id} took {1000 * taken:.0f} ms for one event.")
        if wishes := self.trader.take():
            self._out.put(seen, wishes)
        if state != self._saved:
            self._saved = state
            self._desk.save(self.run.run_id, state)

    @property
    def _early(self) -> bool:
        """Books may come long before the first bar, with which signals begin."""
        return self.calls < 3 or self._bars < 2

    @property
    def _limit(self) -> float:
        return FIRST_CALLS if self._early else self._desk.stop_after()

    def _refresh(self) -> Seen:
        for leg in self.trader.legs:
            leg.position, leg.entry = self.book.position(leg.instrument.id), self.book.entry(leg.instrument.id)
            leg.price = self.heard[leg.instrument.id].lowest()
        self.trader.begin(self._desk.clock.now(), self.book.equity, self._blind())
        positions = {leg.instrument.id: leg.position for leg in self.trader.legs}
        return Seen(positions, {order.client_id: order.filled for order in self.book.orders()})

    def _blind(self) -> str:
        for heard in self.heard.values():
            book, symbol = heard.market.book, heard.market.instrument.symbol
            if book.stale is not None:
                return f"the book of {symbol} is stale ({book.stale})"
            if book.best_bid is None or book.best_ask is None:
                return f"the book of {symbol} is not known"
        return ""

    @property
    def held_stops(self) -> tuple[OrderDraft, ...]:
        """Its stops that this desk holds, since its venue takes none."""
        return self._out.held_stops.drafts()

    @property
    def waits(self) -> str:
        """What it waits for before it begins, or with a stop; why it enters nothing; of a strategy on events with
        several instruments the data that is not there now, as what it does then is its own. A sentence, or ""."""
        if held := self.stands_by or self._out.held_stops.waits or self._out.held_back.waits:
            return held
        several = len(self.heard) > 1
        missing = (self._blind() or self._behind()) if several else ""
        barred = self.strategy.barred
        if barred or (missing and self.strategy.WAITS_FOR_ALL):
            return f"Nothing is entered: {barred or missing}."
        return f"{missing[0].upper()}{missing[1:]}." if missing else ""

    def _behind(self) -> str:
        interval = self.run.interval
        newest = max(heard.last_bar for heard in self.heard.values())
        over = self._desk.clock.now() - (newest + interval)
        for heard in self.heard.values():
            symbol = heard.market.instrument.symbol
            if heard.last_bar < 0 <= newest:
                return f"{symbol} has no bar yet"
            behind = (newest - heard.last_bar) // interval
            if behind > (over <= late_after(interval)):
                return f"{symbol} is {'a bar' if behind == 1 else f'{behind:,} bars'} behind"
        return ""

    def _fail(self, reason: str) -> None:
        self.silence()
        self._desk.failed(self.run.run_id, reason)

    # Its timers and its end.

    def set_timer(self, at: int, name: str) -> None:
        def due() -> None:
            self._timers.discard(timer)
            self._queue(partial(self.strategy.on_timer, name))

        timer = self._desk.clock.call_at(at, due)
        self._timers.add(timer)

    def silence(self) -> None:
        """From here on nothing of it is heard or sent; what is with the venue is not touched."""
        self.trader.end()
        self._out.end()
        self._events.clear()
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        current = asyncio.current_task()
        for task in self._tasks:
            if task is not current:
                task.cancel()
        self._thread.end()

    async def end(self, *, say: bool) -> None:
        """Let `on_stop` run (`say`, if it has begun), then silence it and pull its orders."""
        if say and self.trader.alive and self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._out.clear()
            self._refresh()
            try:
                await self._call(self.strategy.on_stop)
            except Exception as error:  # it is being stopped all the same
                self._desk.log.error("strategies", f"{self.run.run_id} raised as it was stopped: {error!r}")
            self._out.clear()
        self.silence()
        await self._out.handed_over()
        await self.book.pull()


def _hears_book(strategy: Strategy) -> bool:
    return type(strategy).on_book is not Strategy.on_book and getattr(strategy, "wants_book", True)


def _timed(call: Callable[[], None], strategy: Strategy) -> tuple[float, dict[str, Any]]:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start, strategy.on_save()
