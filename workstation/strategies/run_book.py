"""What a run of a strategy has on the desk, ended runs too: its position, its money, its working orders."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from workstation.clock import Clock
from workstation.domain.numbers import ZERO, add
from workstation.domain.order import ClientOrderId, Order
from workstation.domain.position import Position
from workstation.domain.strategy_run import Signal, StrategyRun
from workstation.log import DeskLog
from workstation.trading.core import TradingCore
from workstation.trading.errors import Refused
from workstation.trading.gateway import OrderGateway
from workstation.trading.results import OwnerResult, owner_result

#: How long a cancelled order is waited for before what comes after it is sent.
_PULL_TIMEOUT = 5.0


@dataclass(frozen=True, slots=True)
class StrategyDesk:
    """The parts of the desk that runs need. `failed(run_id, reason)` stops one; `save` keeps what `on_save` gives;
    `stop_after()`: seconds of one call of a strategy's own code at which it is stopped; `hold(run_id, equity, weights,
    band)` brings its holdings to weights."""

    core: TradingCore
    gateway: OrderGateway
    clock: Clock
    log: DeskLog
    failed: Callable[[str, str], None]
    save: Callable[[str, dict[str, Any]], None]
    stop_after: Callable[[], float]
    hold: Callable[[str, Decimal, Mapping[str, float], float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class RunView:
    """What a screen shows of a run. `position` is signed, `entry` its average price; `orders` work; `result` is what it
    has brought, in parts; `slowest` ms of its longest call; `code` the signals of its last bar (see
    `SignalStrategy.codes`), None for one without signals; `signals` the newest ones, oldest first."""

    run: StrategyRun
    position: Decimal
    entry: Decimal | None
    orders: list[Order]
    result: OwnerResult
    calls: int = 0
    slowest: float = 0.0
    code: int | None = None
    signals: tuple[Signal, ...] = ()

    @property
    def pnl(self) -> Decimal:
        """Won and lost, in the account currency."""
        return self.result.net

    @property
    def equity(self) -> Decimal:
        """The capital with it."""
        return add(self.run.capital, self.pnl)


def view_of(run: StrategyRun, core: TradingCore) -> RunView:
    """A run as its orders and fills show it."""
    position = _position_of(run, core)
    entry = None if position is None or position.is_flat else position.average_price(core.instruments[run.instrument])
    quantity = ZERO if position is None else position.quantity
    return RunView(run, quantity, entry, _orders_of(run, core), result_of(run, core))


def result_of(run: StrategyRun, core: TradingCore) -> OwnerResult:
    """What it has brought under its name."""
    book, mark = core.portfolio, core.market.mark
    return owner_result(
        run.run_id, core.results, core.instruments, lambda venue, cur: book.rate(venue, cur, mark), mark
    )


def _position_of(run: StrategyRun, core: TradingCore) -> Position | None:
    owned = core.results.owners.get((run.run_id, run.instrument))
    return None if owned is None else owned.position


def _orders_of(run: StrategyRun, core: TradingCore) -> list[Order]:
    return [order for order in core.orders.open_orders() if order.origin == run.run_id]


class RunBook:
    """By the origin of the orders, which is the run's id. `run` as it is configured now."""

    def __init__(self, run: StrategyRun, desk: StrategyDesk) -> None:
        self.run, self._desk = run, desk
        self._pulled: set[ClientOrderId] = set()

    @property
    def position(self) -> Decimal:
        """Signed quantity that the strategy holds."""
        position = _position_of(self.run, self._desk.core)
        return ZERO if position is None else position.quantity

    @property
    def equity(self) -> Decimal:
        """Its capital with what it has won and lost, in the account currency."""
        return add(self.run.capital, result_of(self.run, self._desk.core).net)

    def orders(self) -> list[Order]:
        """Its working orders."""
        return _orders_of(self.run, self._desk.core)

    def pulled(self, client_id: ClientOrderId) -> bool:
        """Whether the order was cancelled from here."""
        return client_id in self._pulled

    async def pull(self, ids: Iterable[ClientOrderId] | None = None) -> None:
        """Cancel orders (None: all) and wait until the venue has confirmed it."""
        orders = self._desk.core.orders.orders
        wanted = [order.client_id for order in self.orders()] if ids is None else list(ids)
        for client_id in wanted:
            if (order := orders.get(client_id)) is not None and order.is_open:
                self._pulled.add(client_id)
                try:
                    await self._desk.gateway.cancel(client_id)
                except Refused as refused:
                    if orders[client_id].is_open:
                        self._desk.log.warning("strategies", f"An order of {self.run.run_id} stays: {refused}")
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _PULL_TIMEOUT
        while any((order := orders.get(one)) is not None and order.is_open for one in wanted):
            if loop.time() > deadline:
                self._desk.log.warning("strategies", f"Orders of {self.run.run_id} are not confirmed gone yet.")
                return
            await asyncio.sleep(0.01)
