"""What a run of a strategy has on the desk, ended runs too: its position, its money, its working orders."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from workstation.clock import Clock
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.numbers import ZERO, add, floor_to, plain
from workstation.domain.order import ClientOrderId, Order, OrderDraft, OrderType, Side
from workstation.domain.position import Position
from workstation.domain.strategy_run import RunId, Signal, StrategyRun
from workstation.log import DeskLog
from workstation.trading import pools
from workstation.trading.core import TradingCore
from workstation.trading.errors import Refused
from workstation.trading.gateway import OrderGateway
from workstation.trading.lost_orders import LostOrders
from workstation.trading.results import OwnerResult, owner_result

#: How long a cancelled order is waited for before what comes after it is sent.
_PULL_TIMEOUT = 5.0


class StrategyDesk(msgspec.Struct, frozen=True):
    """The parts of the desk that runs need. `failed(run_id, reason)` stops one; `save` keeps what `on_save` gives;
    `stop_after()`: seconds of one call of a strategy's own code at which it is stopped; `hold(run_id, equity, weights,
    band)` brings its holdings to weights; `why_not_compared(venue)`: why it could not be, or ""."""

    core: TradingCore
    gateway: OrderGateway
    clock: Clock
    log: DeskLog
    failed: Callable[[str, str], None]
    save: Callable[[str, dict[str, Any]], None]
    stop_after: Callable[[], float]
    hold: Callable[[str, Decimal, Mapping[str, float], float], Awaitable[None]]
    lost: LostOrders
    why_not_compared: Callable[[str], str] = lambda _venue: ""


class LegView(msgspec.Struct, frozen=True):
    """What a run has in one instrument: `position` is signed, `entry` its average price, `result` what it brought."""

    instrument: InstrumentId
    position: Decimal
    entry: Decimal | None
    result: OwnerResult


class RunView(msgspec.Struct, frozen=True):
    """What a screen shows of a run. `position` is signed, `entry` its average price; `orders` work; `result` is what it
    has brought, in parts; `slowest` ms of its longest call; `code` the signals of its last bar (see
    `SignalStrategy.codes`), None for one without signals; `signals` the newest ones, oldest first. `legs`: of more than
    one instrument each, the first one first; `position` and `entry` are those of the first. `waits`: the data that it
    does not have now, as a sentence. `held`: its stops that this desk holds, since the venue takes none."""

    run: StrategyRun
    position: Decimal
    entry: Decimal | None
    orders: list[Order]
    result: OwnerResult
    calls: int = 0
    slowest: float = 0.0
    code: int | None = None
    signals: tuple[Signal, ...] = ()
    legs: tuple[LegView, ...] = ()
    waits: str = ""
    held: tuple[OrderDraft, ...] = ()

    @property
    def holds(self) -> dict[InstrumentId, Decimal]:
        """What it holds, signed, by instrument."""
        if self.legs:
            return {leg.instrument: leg.position for leg in self.legs if leg.position}
        return {self.run.instrument: self.position} if self.position else {}

    @property
    def holdings(self) -> str:
        """What it holds, in words; "" for nothing."""
        return " and ".join(f"{plain(quantity)} {one}" for one, quantity in self.holds.items())

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
    of = instruments_of(run, core)
    legs = tuple(_leg_of(run, one, core, result_of(run, core, one)) for one in of) if len(of) > 1 else ()
    whole = result_of(run, core)
    first = legs[0] if legs else _leg_of(run, run.instrument, core, whole)
    return RunView(run, first.position, first.entry, _orders_of(run, core), whole, legs=legs)


def _leg_of(run: StrategyRun, instrument: InstrumentId, core: TradingCore, result: OwnerResult) -> LegView:
    position = _position_of(run, core, instrument)
    if position is None:
        return LegView(instrument, ZERO, None, result)
    entry = None if position.is_flat else position.average_price(core.instruments[instrument])
    return LegView(instrument, position.quantity, entry, result)


def instruments_of(run: StrategyRun, core: TradingCore) -> list[InstrumentId]:
    """What it was started on, then what it has traded beside that (a strategy that holds weights does)."""
    traded = (instrument for name, instrument in core.results.owners if name == run.run_id)
    return list(dict.fromkeys((*run.instruments, *traded)))


def result_of(run: StrategyRun, core: TradingCore, only: InstrumentId | None = None) -> OwnerResult:
    """What it has brought under its name, in all or `only` in one instrument."""
    book, mark = core.portfolio, core.market.mark
    return owner_result(
        run.run_id, core.results, core.instruments, lambda venue, cur: book.rate(venue, cur, mark), mark, only
    )


def _position_of(run: StrategyRun, core: TradingCore, instrument: InstrumentId) -> Position | None:
    owned = core.results.owners.get((run.run_id, instrument))
    return None if owned is None else owned.position


def _orders_of(run: StrategyRun, core: TradingCore) -> list[Order]:
    return [order for order in core.orders.open_orders() if order.origin == run.run_id]


def closing(
    run_id: RunId, core: TradingCore, instrument: Instrument, held: Decimal, tag: str = ""
) -> OrderDraft | None:
    """The order that closes what a run holds, at the market and reduce-only; None for less than a lot. Of a short on
    margin it buys the fee that is taken in coins too."""
    quantity = floor_to(abs(held), instrument.lot)
    if not quantity:
        return None
    if held < 0:
        quantity = _with_fee(core, instrument, held, quantity)
    return OrderDraft(
        instrument=instrument.id,
        side=Side.SELL if held > 0 else Side.BUY,
        quantity=quantity,
        type=OrderType.MARKET,
        reduce_only=True,
        origin=run_id,
        note=tag or "close",
    )


def _with_fee(core: TradingCore, instrument: Instrument, held: Decimal, quantity: Decimal) -> Decimal:
    """What buys back a whole short of a run, and the fee that is taken in coins."""
    return add(quantity, min(pools.fee_in_coins(core, instrument, abs(held)), pools.spare(core, instrument, quantity)))


def whole(run_id: RunId, core: TradingCore, draft: OrderDraft) -> OrderDraft:
    """An order of a strategy's own that closes all that it is short of on margin closes it with the fee that is taken
    in coins: what the strategy knows is its position, not what the exchange takes off."""
    instrument, owned = core.instruments[draft.instrument], core.results.owners.get((run_id, draft.instrument))
    held = ZERO if owned is None else owned.position.quantity
    closes = instrument.pooled and draft.reduce_only and draft.side is Side.BUY and held < 0
    if not closes or draft.quantity != floor_to(abs(held), instrument.lot):
        return draft
    return msgspec.structs.replace(draft, quantity=_with_fee(core, instrument, held, draft.quantity))


class RunBook:
    """By the origin of the orders, which is the run's id. `run` as it is configured now."""

    def __init__(self, run: StrategyRun, desk: StrategyDesk) -> None:
        self.run, self._desk = run, desk
        self._pulled: set[ClientOrderId] = set()

    def entry(self, instrument: InstrumentId) -> Decimal | None:
        """Average price of what it holds of an instrument; None where it holds nothing."""
        position = _position_of(self.run, self._desk.core, instrument)
        return None if position is None else position.average_price(self._desk.core.instruments[instrument])

    def position(self, instrument: InstrumentId) -> Decimal:
        """Signed quantity that the strategy holds of an instrument."""
        position = _position_of(self.run, self._desk.core, instrument)
        return ZERO if position is None else position.quantity

    @property
    def holds(self) -> dict[InstrumentId, Decimal]:
        """What it holds, signed, by instrument: as `RunView.holds`."""
        found = {one: self.position(one) for one in instruments_of(self.run, self._desk.core)}
        return {instrument: quantity for instrument, quantity in found.items() if quantity}

    @property
    def equity(self) -> Decimal:
        """Its capital with what it has won and lost, in the account currency."""
        return add(self.run.capital, result_of(self.run, self._desk.core).net)

    def orders(self, instrument: InstrumentId | None = None) -> list[Order]:
        """Its working orders, or those of one instrument."""
        found = _orders_of(self.run, self._desk.core)
        return found if instrument is None else [order for order in found if order.instrument == instrument]

    def pulled(self, client_id: ClientOrderId) -> bool:
        """Whether the order was cancelled from here."""
        return client_id in self._pulled

    def unended(self, instrument: InstrumentId | None = None) -> list[Order]:
        """Its orders that were cancelled from here and still work, as far as is known."""
        return [order for order in self.orders(instrument) if order.client_id in self._pulled]

    def leave(self, client_id: ClientOrderId) -> None:
        """It counts as cancelled from here: what comes in its place is sent, and it is pulled should it come."""
        self._pulled.add(client_id)

    async def cancel(self, ids: Iterable[ClientOrderId]) -> None:
        """Cancel orders; whether they end is not waited for."""
        orders = self._desk.core.orders.orders
        for client_id in ids:
            if (order := orders.get(client_id)) is not None and order.is_open:
                self._pulled.add(client_id)
                try:
                    await self._desk.gateway.cancel(client_id)
                except Refused as refused:
                    if orders[client_id].is_open:
                        self._desk.log.warning("strategies", f"An order of {self.run.run_id} stays: {refused}")

    async def pull(self, ids: Iterable[ClientOrderId] | None = None, instrument: InstrumentId | None = None) -> bool:
        """Cancel orders (None: all, or all of an instrument) and wait for a while until the venue has confirmed it.
        Whether all of them have ended: what comes in place of one that has not would stand beside it. Those that their
        venue denies are not waited for: they may come for minutes yet."""
        orders = self._desk.core.orders.orders
        wanted = [order.client_id for order in self.orders(instrument)] if ids is None else list(ids)
        await self.cancel(wanted)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _PULL_TIMEOUT
        while left := [one for one in wanted if (order := orders.get(one)) is not None and order.is_open]:
            if all(self._desk.lost.denied(one) for one in left):
                return False
            if loop.time() > deadline:
                self._desk.log.warning("strategies", f"Orders of {self.run.run_id} are not confirmed gone yet.")
                return False
            await asyncio.sleep(0.01)
        return True
