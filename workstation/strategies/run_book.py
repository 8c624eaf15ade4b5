"""What a run of a strategy has on the desk, ended runs too: its position, its money, its working orders."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from workstation.clock import Clock
from workstation.domain.numbers import ZERO, add
from workstation.domain.order import ClientOrderId, Order
from workstation.domain.strategy_run import StrategyRun
from workstation.log import DeskLog
from workstation.trading.core import TradingCore
from workstation.trading.errors import Refused
from workstation.trading.gateway import OrderGateway
from workstation.trading.results import owner_result

#: How long a cancelled order is waited for before what comes after it is sent.
_PULL_TIMEOUT = 5.0


@dataclass(frozen=True, slots=True)
class StrategyDesk:
    """The parts of the desk that runs need. `failed(run_id, reason)` stops one; `save` keeps what `on_save` gives;
    `stop_after()`: seconds of one call of a strategy's own code at which it is stopped."""

    core: TradingCore
    gateway: OrderGateway
    clock: Clock
    log: DeskLog
    failed: Callable[[str, str], None]
    save: Callable[[str, dict[str, Any]], None]
    stop_after: Callable[[], float]


class RunBook:
    """By the origin of the orders, which is the run's id."""

    def __init__(self, run: StrategyRun, desk: StrategyDesk) -> None:
        self._run, self._desk = run, desk
        self._pulled: set[ClientOrderId] = set()

    @property
    def position(self) -> Decimal:
        """Signed quantity that the strategy holds."""
        owned = self._desk.core.results.owners.get((self._run.run_id, self._run.instrument))
        return ZERO if owned is None else owned.position.quantity

    @property
    def equity(self) -> Decimal:
        """Its capital with what it has won and lost, in the account currency."""
        core = self._desk.core
        book, mark = core.portfolio, core.market.mark
        result = owner_result(
            self._run.run_id, core.results, core.instruments, lambda venue, cur: book.rate(venue, cur, mark), mark
        )
        return add(self._run.capital, result.net)

    def orders(self) -> list[Order]:
        """Its working orders."""
        return [order for order in self._desk.core.orders.open_orders() if order.origin == self._run.run_id]

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
                        self._desk.log.warning("strategies", f"An order of {self._run.run_id} stays: {refused}")
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _PULL_TIMEOUT
        while any((order := orders.get(one)) is not None and order.is_open for one in wanted):
            if loop.time() > deadline:
                self._desk.log.warning("strategies", f"Orders of {self._run.run_id} are not confirmed gone yet.")
                return
            await asyncio.sleep(0.01)
