"""A live desk in several troubles at once, and the one judgement of how it came through them.

    async with troubled("bybit", tmp_path) as scene:
        order = await scene.rests(scene.contract)
        ...
    # here it has been judged: what is still missing, doubled, invented or untrue is an AssertionError

The exchange's market stands still but for the scene's `hand`. The desk may be left and opened again (`again`), and
there may be several desks on one account (`desk_beside`).
"""

from __future__ import annotations

import asyncio
import itertools
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.support.exchange import RICH, Fault, Kind, Login, LoopbackExchange
from tests.support.exchange.dialect import After, Answer, Wire, nothing
from tests.support.exchange_hand import Hand
from tests.support.live_desk import SYMBOLS, Truth, clear, live_desk_on, paths_in, told, until
from tests.support.real_venue import keys_of, settings_for
from tests.support.wire_desks import CREATE
from workstation.domain.order import Order, OrderDraft, OrderState, OrderType, Side
from workstation.engine import Engine
from workstation.trading.kill_status import KillPhase
from workstation.venues.ccxt.client import open_exchange
from workstation.venues.ccxt.particulars import particulars

BTC, PERP = "LOOP:BTC-USDT", "LOOP:BTC-USDT-PERP"
#: Where a change and a cancel of an order go, what the streams call a report of an order and one of a fill.
AMEND = {"bybit": "rest POST /v5/order/amend", "binanceusdm": "rest PUT /fapi/v1/order"}
CANCEL = {
    "binance": "rest DELETE /api/v3/order",
    "binanceusdm": "rest DELETE /fapi/v1/order",
    "bybit": "rest POST /v5/order/cancel",
}
CANCEL_ALL = {
    "binance": "rest DELETE /api/v3/openOrders",
    "binanceusdm": "rest DELETE /fapi/v1/allOpenOrders",
    "bybit": "rest POST /v5/order/cancel-all",
}
ORDER_TOLD = {"binance": "ws executionReport", "binanceusdm": "ws ORDER_TRADE_UPDATE", "bybit": "ws order"}
FILL_TOLD = {"binance": "ws executionReport", "binanceusdm": "ws ORDER_TRADE_UPDATE", "bybit": "ws execution"}
#: Middle of the market at the beginning.
MIDDLE = 64_000


class Scene:
    """`engine` is the desk of now."""

    def __init__(self, exchange: LoopbackExchange, folder: Path, terms: dict[str, Any]) -> None:
        self.exchange, self.folder = exchange, folder
        self.hand = Hand(exchange)
        self.truth = Truth(exchange)
        self.account = exchange.floor.account()
        self.engine: Engine
        #: Corrections that the scene has earned: money or positions that were moved from outside.
        self.moved = False
        self._terms = {"compare_seconds": 5.0} | terms
        self._desk = AsyncExitStack()
        self._beside: list[Engine] = []
        self._commands: list[asyncio.Task[Any]] = []
        self._elsewhere: Any = None
        self._hands = itertools.count(1)

    @property
    def dialect(self) -> str:
        return self.exchange.name

    @property
    def spot(self) -> str:
        return PERP if self.dialect == "binanceusdm" else BTC

    @property
    def contract(self) -> str:
        return BTC if self.dialect == "binance" else PERP

    # The desk.

    async def open(self, **terms: Any) -> Engine:
        self.engine = await self._desk.enter_async_context(
            live_desk_on(self.exchange, self.folder, **self._terms | terms)
        )
        return self.engine

    async def close(self) -> None:
        """The desk is closed; it ends within ten seconds whatever the exchange does."""
        elsewhere, self._elsewhere = self._elsewhere, None
        if elsewhere is not None:
            await elsewhere.close()
        await asyncio.wait_for(self._desk.aclose(), 20)
        self._desk = AsyncExitStack()

    async def again(self, **terms: Any) -> Engine:
        await self.close()
        return await self.open(**terms)

    @asynccontextmanager
    async def desk_beside(self, name: str, **terms: Any) -> AsyncIterator[Engine]:
        """Another desk on the same account, with a store of its own."""
        async with live_desk_on(self.exchange, self.folder / name, **self._terms | terms) as engine:
            self._beside.append(engine)
            yield engine

    # What it does.

    def command[T](self, what: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begun beside; that it has ended is a part of the judgement."""
        task = asyncio.create_task(what)
        self._commands.append(task)
        return task

    def bid(self, instrument: str, quantity: str = "0.1", price: int = 63_000, **terms: Any) -> OrderDraft:
        return OrderDraft(
            instrument=instrument, side=Side.BUY, quantity=Decimal(quantity), price=Decimal(price), **terms
        )

    def taking(self, instrument: str, quantity: str = "0.1", side: Side = Side.BUY) -> OrderDraft:
        return OrderDraft(instrument=instrument, side=side, quantity=Decimal(quantity), type=OrderType.MARKET)

    def order(self, client_id: str, engine: Engine | None = None) -> Order:
        return (engine or self.engine).core.orders.orders[client_id]

    async def rests(self, instrument: str, engine: Engine | None = None, **terms: Any) -> Order:
        """A bid that works."""
        desk = engine or self.engine
        order: Order = await desk.submit(self.bid(instrument, **terms))
        await until(lambda: self.order(order.client_id, desk).state is OrderState.ACCEPTED, say=lambda: told(desk))
        return self.order(order.client_id, desk)

    async def holds(self, instrument: str, quantity: str = "0.1", engine: Engine | None = None) -> None:
        """A position bought at the market."""
        desk = engine or self.engine
        order = await desk.submit(self.taking(instrument, quantity))
        filled = OrderState.FILLED
        await until(lambda: self.order(order.client_id, desk).state is filled, say=lambda: told(desk))

    async def sold_into(self, instrument: str, *quantities: str, price: int = 62_990) -> None:
        """Strangers sell below the bids that rest at 63,000."""
        for number, quantity in enumerate(quantities):
            await asyncio.to_thread(self.hand.sold, quantity, str(price - 10 * number), instrument.partition(":")[2])

    def shows_the_book(self, instrument: str) -> bool:
        """Whether the desk has the exchange's own book of it."""
        book = self.engine.book(instrument)
        theirs = self.hand.book(instrument.partition(":")[2])
        return book.stale is None and (dict(book.bids), dict(book.asks)) == theirs

    # What the exchange does.

    def working(self) -> int:
        return self.exchange.do(lambda: len(self.account.working()))

    def contracts(self) -> dict[str, Decimal]:
        """Open positions there."""
        return self.exchange.do(lambda: {i: q for i, q in self.account.books.account.derivatives().items() if q})

    def coins(self, currency: str = "BTC") -> Decimal:
        return self.exchange.do(lambda: self.account.total(currency))

    def sent(self, place: str) -> int:
        return sum(where == place for where, _ in self.exchange.done)

    async def by_hand(self, instrument: str, side: Side, quantity: str, price: int | None = None) -> str:
        """An order that the trader makes elsewhere on the same account; its client id."""
        if self._elsewhere is None:
            terms = settings_for(self.exchange, SYMBOLS[self.dialect])
            keys = keys_of(self.exchange)("LOOP")
            self._elsewhere = await asyncio.to_thread(open_exchange, particulars(self.dialect), terms, keys)
            await self._elsewhere.load_markets()
        symbol = "BTC/USDT:USDT" if instrument == PERP else "BTC/USDT"
        kind = "market" if price is None else "limit"
        name = f"byhand{next(self._hands)}"
        terms = {"clientOrderId": name}
        await self._elsewhere.create_order(symbol, kind, side.value, float(quantity), price, terms)
        return name

    def answers(self, instead: Callable[[Wire], Answer | None]) -> Callable[[], None]:
        """Requests are answered by `instead` where that gives something, and not done; what ends that."""
        real = self.exchange.dialect.answer

        def answer(wire: Wire, *, pretend: bool) -> tuple[Answer, After]:
            found = instead(wire)
            return real(wire, pretend=pretend) if found is None else (found, nothing)

        def over() -> None:
            self.exchange.dialect.answer = real

        self.exchange.dialect.answer = answer
        return over

    def banned(self, status: int, seconds: float) -> list[Wire]:
        """For so long every request is refused, and told when to come back; those that came all the same."""
        loop, came = asyncio.get_running_loop(), list[Wire]()
        ends = loop.time() + seconds

        def refused(wire: Wire) -> Answer | None:
            if (left := ends - loop.time()) <= 0:
                return None
            came.append(wire)
            return Answer('{"code":-1003,"msg":"Way too many requests."}', status, {"Retry-After": str(int(left) + 1)})

        self.answers(refused)
        return came

    def unreachable(self) -> None:
        """No request arrives and no socket lives until the faults are cleared."""
        self.always("rest *", Kind.LOST)
        self.always("connect *", Kind.LOST)
        self.exchange.cut()

    def always(self, place: str, fault: Fault | Kind) -> None:
        """Until the faults are cleared."""
        self.exchange.faults.script(place, fault, times=1_000_000)

    # The judgement.

    async def killed(self, seconds: float = 60.0, engine: Engine | None = None) -> str:
        """The receipt, which is true: the exchange shows what it says at the moment that it is there."""
        desk = engine or self.engine
        done = KillPhase.DONE
        await until(lambda: desk.kill_status.phase is done, seconds, lambda: f"{desk.kill_status}\n{told(desk)}")
        receipt = desk.kill_status.receipt
        assert receipt
        if "shows no working order" in receipt:
            assert self.working() == 0, receipt
        if re.search(r"no position \(", receipt):
            assert not self.contracts(), receipt
        return receipt

    async def agrees(self, seconds: float = 60.0, engine: Engine | None = None) -> None:
        """Desk and exchange come to the same, by fills and reports that were found and by nothing made up."""
        desk = engine or self.engine
        await until(lambda: clear(desk), seconds, lambda: told(desk))
        await until(lambda: not self.wrong(desk), seconds, lambda: f"{self.wrong(desk)}\n{told(desk)}")
        if not self.moved:
            assert self.truth.invented(desk) == [], told(desk)

    def wrong(self, desk: Engine) -> list[str]:
        """In what it differs from the exchange. What others entered and took back again it need not have seen."""
        theirs = [order for other in self._beside for order in other.orders() if order.is_closed and not order.filled]
        unseen = {f"the desk does not know order {order.client_id}" for order in theirs}
        return [each for each in self.truth.differences(desk) if each not in unseen]

    async def compared(self, engine: Engine | None = None) -> None:
        """One more comparison with the exchange, which ends well."""
        compared = (engine or self.engine).comparisons._next
        compared.clear()
        await until(lambda: compared, say=lambda: told(engine or self.engine))

    async def judge(self) -> None:
        self.exchange.faults.clear()
        self.exchange.drift(0.0)
        await self.agrees()
        await self.compared()
        await self.agrees()
        assert self.doubled() == []
        self.ended()

    def ended(self) -> None:
        """Every command that was begun has come back."""
        left = [task for task in self._commands if not task.done()]
        assert left == [], "a command never ended"
        for task in self._commands:
            if not task.cancelled() and (error := task.exception()) is not None:
                raise AssertionError(f"a command ended with {error!r}") from error

    def doubled(self) -> list[str]:
        """Client ids that were sent more than once."""
        place, by = CREATE[self.dialect]
        ids = Counter(params[by] for where, params in self.exchange.done if where == place and by in params)
        return [name for name, count in ids.items() if count > 1]

    def told_of(self, words: str) -> bool:
        """Whether the log has it."""
        return any(words in entry.text for entry in self.engine.log.entries)


@asynccontextmanager
async def troubled(dialect: str, folder: Path, *, judged: bool = True, **terms: Any) -> AsyncIterator[Scene]:
    """A desk on an exchange, compared and ready; `terms` as of `live_desk_on`. What is left in its store is judged
    too."""
    with LoopbackExchange(dialect, logins=[Login(balances=RICH)], seed=None) as exchange:
        scene = Scene(exchange, folder, terms)
        try:
            await scene.open()
            yield scene
            if judged:
                await scene.judge()
        finally:
            exchange.faults.clear()
            await scene.close()
        if judged:
            assert scene.truth.in_store(paths_in(folder).store("live", None)) == []
