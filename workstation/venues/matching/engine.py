"""The matching engine: our orders in one instrument against an external market of books and trades.

The recorded or simulated market does not know of our orders, so what we do lies over it:

- Taking consumes visible depth, and what was taken stays taken until the feed changes that level.
- A resting order knows the quantity ahead of it. A trade at its price first reduces that, then fills it; each trade's
  quantity is used once, first in first out over our orders. A trade beyond its price, or the opposite side of the
  book reaching it, fills it at its own price as far as that trade or that depth goes.
- An iceberg shows one slice at a time; each further one goes to the back of the queue.
- Stops, take-profits and trailing stops sleep until the market reaches them (the rules stand in `triggers`).
- Reduce-only orders shrink and go with the position. Our own orders never trade with each other.

Everything is in whole ticks and lots; results leave through `emit` as order events, exact decimals again.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from decimal import Decimal

from workstation.domain import events as e
from workstation.domain.fill import Fill, Liquidity
from workstation.domain.instrument import Instrument
from workstation.domain.market import BookDelta, BookSnapshot, BookStale, MarketEvent, Trade
from workstation.domain.numbers import plain
from workstation.domain.order import ClientOrderId, Order, OrderType, Side, TimeInForce
from workstation.venues.matching import models, rules
from workstation.venues.matching.depth import VisibleDepth
from workstation.venues.matching.resting import RestingOrders
from workstation.venues.matching.triggers import Triggers
from workstation.venues.matching.working import WorkingOrder

type Emit = Callable[[e.OrderEvent], None]
#: Lots of the order's next taker fill of `lots` at `ticks` that its owner can pay for: (order, ticks, lots) → lots.
type Affordable = Callable[[WorkingOrder, int, int], int]


class MatchingEngine:
    """Matches the orders of one account in one instrument. Synchronous: a call emits all that follows from it.

    `position` gives the signed lots that reduce-only orders may reduce; by default the engine counts its own fills
    (start from `self.position`). `trade_ids` must be unique on the venue for ever, `numbers` of fills must grow.
    `emit` may not call back into it.
    """

    def __init__(
        self,
        instrument: Instrument,
        emit: Emit,
        *,
        fees: models.FeeModel | None = None,
        queue: models.QueueModel | None = None,
        slippage: models.SlippageModel | None = None,
        position: Callable[[], int] | None = None,
        affordable: Affordable | None = None,
        trade_ids: Iterator[str] | None = None,
        numbers: Iterator[int] | None = None,
    ) -> None:
        self.instrument = instrument
        self._depth = VisibleDepth(instrument.id)
        self.book = self._depth.book
        self.position = 0
        self.orders: dict[ClientOrderId, WorkingOrder] = {}
        self._emit = emit
        self._fees = fees or models.InstrumentFees()
        self._slippage = slippage or models.NoSlippage()
        self._held = position or (lambda: self.position)
        self._affordable = affordable
        self._trade_ids = trade_ids or (str(n) for n in itertools.count(1))
        self._numbers = numbers or itertools.count(1)
        self._resting = RestingOrders(self._depth, queue or models.RiskAverseQueue(), self._fill_maker)
        self._triggers = Triggers(self._depth, self._trigger, self._trailed)
        self._reduce_only: dict[ClientOrderId, WorkingOrder] = {}

    # The market

    def on_market(self, event: MarketEvent) -> None:
        """Take one event of the external market; orders match at the event's time."""
        kind = type(event)
        if kind is BookDelta:
            self._on_delta(event)  # type: ignore[arg-type]
        elif kind is Trade:
            self._on_trade(event)  # type: ignore[arg-type]
        elif isinstance(event, BookSnapshot):
            self._on_snapshot(event)
        elif isinstance(event, BookStale):
            self.book.apply(event)

    def _on_delta(self, event: BookDelta) -> None:
        before = self._resting.shown() if self.orders else None
        if self._depth.apply_delta(event) and self.orders:
            if before is not None:
                self._resting.advance(before)
            self._match_book(event.ts)

    def _on_snapshot(self, event: BookSnapshot) -> None:
        before = self._resting.shown()
        self._depth.apply_snapshot(event)
        if before is not None:
            self._resting.advance(before)
        self._resting.place()
        self._match_book(event.ts)

    def _match_book(self, now: int) -> None:
        self._resting.on_book(now)
        if self._triggers.count:
            self._triggers.on_book(now)

    def _on_trade(self, trade: Trade) -> None:
        triggers = self._triggers
        if self.orders:
            self._resting.on_trade(trade)
            if triggers.count:
                triggers.on_trade(trade.price, trade.ts)
        triggers.last = trade.price

    @property
    def last(self) -> int | None:
        """Ticks of the last trade."""
        return self._triggers.last

    def rejoin(self) -> None:
        """Send every resting order to the back of its queue, as of the next snapshot (a seek)."""
        self._resting.rejoin()

    def queue_ahead(self, client_id: ClientOrderId) -> int | None:
        """Lots of others before a resting order; None if it does not rest or its place is not known yet."""
        order = self.orders.get(client_id)
        return None if order is None or order.waits or order.rejoins else order.ahead

    # Orders

    def submit(self, order: Order, order_id: str, now: int) -> None:
        """Take the order or reject it; what follows at once (trigger, fills, cancel of a remainder) follows at once.

        Raises ValueError if the client id works already: ids are the caller's business.
        """
        if order.client_id in self.orders:
            raise ValueError(f"order {order.client_id} works already")
        reason = self.refusal(order, now)
        if reason is not None:
            self._emit(e.OrderRejected(client_id=order.client_id, ts=now, reason=reason))
            return
        self.accept(order, order_id, now)

    def accept(self, order: Order, order_id: str, now: int) -> None:
        """`submit` for who has asked for a `refusal`, and whether the client id works."""
        working = WorkingOrder(order, order_id, self.instrument)
        self._register(working)
        self._emit(e.OrderAccepted(client_id=order.client_id, ts=now, venue_order_id=order_id))
        if working.reduce_only:
            self._shrink(working, now)
        if not working.open:
            return
        self._begin(working, now)

    def restore(self, order: Order, order_id: str) -> None:
        """Take back an order that was working before a restart, at the back of its queue; nothing is emitted."""
        working = WorkingOrder(order, order_id, self.instrument)
        self._register(working)
        if working.waits:
            self._triggers.restore(working)
        else:
            self._resting.add(working.price or 0, working)

    def refusal(self, order: Order, now: int) -> str | None:
        """Why the order would be rejected, as a sentence; None if it would be accepted."""
        problem = rules.malformed(order, self.instrument, now)
        if problem is not None:
            return problem
        best = self.book.best_ask if order.side is Side.BUY else self.book.best_bid
        if order.type is OrderType.MARKET and best is not None and not order.reduce_only:
            problem = rules.too_small(self.instrument, order.quantity, self.instrument.price(best))
            if problem is not None:
                return problem
        if not order.reduce_only and not order.post_only:
            return None
        working = WorkingOrder(order, "", self.instrument)
        if working.reduce_only and self._reducible(working) <= 0:
            return "Reduce-only: there is no position that this order would reduce."
        return self._crossing(working, order.price)

    def _crossing(self, order: WorkingOrder, price: Decimal | None) -> str | None:
        """The sentence for a post-only order that would trade at once at its new price."""
        if not order.post_only or order.waits or price is None:
            return None
        ticks = self.instrument.to_ticks(price)
        rests_there = order.client_id in self.orders and ticks == order.price
        if rests_there or not self._depth.can_take(order.is_buy, ticks):
            return None
        return "Post-only: the order would trade at once at this price."

    def amend(
        self,
        client_id: ClientOrderId,
        quantity: Decimal | None,
        price: Decimal | None,
        stop_price: Decimal | None,
        now: int,
    ) -> None:
        """Change terms; `quantity` is the new total. A new price or a larger quantity loses the place in the queue."""
        order = self.orders.get(client_id)
        instrument = self.instrument
        reason = (
            f"Order {client_id} is not working."
            if order is None
            else rules.bad_amendment(order, instrument, quantity, price, stop_price) or self._crossing(order, price)
        )
        if order is None or reason is not None:
            self._emit(e.OrderAmendRejected(client_id=client_id, ts=now, reason=reason or ""))
            return
        lots = order.quantity if quantity is None else max(order.filled, instrument.to_lots(quantity))
        limit = order.price if price is None else instrument.to_ticks(price)
        stop = order.stop if stop_price is None else instrument.to_ticks(stop_price)
        moves = limit != order.price or stop != order.stop or lots > order.quantity
        if moves:
            self._leave_queue(order)
        order.quantity, order.price, order.stop = lots, limit, stop
        total = None if quantity is None else instrument.quantity(lots)
        self._emit(e.OrderAmended(client_id=client_id, ts=now, quantity=total, price=price, stop_price=stop_price))
        if not order.leaves:
            self._close(order)
            return
        if order.reduce_only:
            self._shrink(order, now)
        if moves and order.open:
            self._begin(order, now)

    def cancel(self, client_id: ClientOrderId, now: int, reason: str = "") -> None:
        order = self.orders.get(client_id)
        if order is None:
            reason = f"Order {client_id} is not working."
            self._emit(e.OrderCancelRejected(client_id=client_id, ts=now, reason=reason))
        else:
            self._cancel(order, reason, now)

    def expire(self, client_id: ClientOrderId, now: int) -> None:
        """End an order whose time has come; nothing happens if it is no longer working."""
        order = self.orders.get(client_id)
        if order is not None:
            self._close(order)
            self._emit(e.OrderExpired(client_id=client_id, ts=now, reason=f"The order's time has come ({order.tif})."))

    def enforce_reduce_only(self, now: int) -> None:
        """Shrink or cancel reduce-only orders after the position changed by anything but this engine's fills."""
        for order in list(self._reduce_only.values()):
            if order.open:
                self._shrink(order, now)

    def preview(self, order: Order) -> list[tuple[int, int]]:
        """What the order would take from the visible depth now: (ticks, lots) with the worst slippage, best first."""
        working = WorkingOrder(order, "", self.instrument)
        left, takes = working.leaves, []
        for level, lots in self._depth.available(working.is_buy, working.price):
            if not left:
                break
            takes.append((self._slipped(working, level, self._slippage.worst), min(left, lots)))
            left -= takes[-1][1]
        return takes

    # An order's ways through the engine

    def _begin(self, order: WorkingOrder, now: int) -> None:
        if order.waits:
            self._triggers.add(order, now)
        else:
            self._work(order, now)

    def _trailed(self, order: WorkingOrder, now: int) -> None:
        stop = self.instrument.price(order.stop or 0)
        self._emit(e.OrderTrailed(client_id=order.client_id, ts=now, stop_price=stop))

    def _trigger(self, order: WorkingOrder, now: int) -> None:
        self._emit(e.OrderTriggered(client_id=order.client_id, ts=now))
        if order.post_only and self._depth.can_take(order.is_buy, order.price):
            self._cancel(order, "Post-only: when its trigger was reached the order would have traded at once.", now)
        else:
            self._work(order, now)

    def _work(self, order: WorkingOrder, now: int) -> None:
        """Take what the order may take; then rest, or cancel what must not rest."""
        if order.tif is TimeInForce.FOK:
            depth = sum(lots for _, lots in self._depth.available(order.is_buy, order.price))
            if depth < order.leaves:
                self._cancel(order, f"FOK: only {self._amount(depth)} of {self._amount(order.leaves)} to be had.", now)
                return
        short = self._take(order, now)
        if not order.open:
            return
        done = f"{self._amount(order.filled)} of {self._amount(order.quantity)} filled"
        if short:
            self._cancel(order, f"The balance does not pay for more: {done}.", now)
        elif order.price is None:
            self._cancel(order, f"The visible depth is used up: {done}.", now)
        elif order.tif in (TimeInForce.IOC, TimeInForce.FOK):
            self._cancel(order, f"{order.tif}: {done}, the rest is not to be had at this price.", now)
        else:
            self._resting.add(order.price, order)

    def _take(self, order: WorkingOrder, now: int) -> bool:
        """Fill from the visible depth; True if money ran out before the depth did."""
        for level, visible in self._depth.available(order.is_buy, order.price):
            lots = min(visible, order.leaves)
            if not order.open or not lots:
                break
            ticks = self._slipped(order, level, self._slippage.ticks())
            wanted = lots
            if self._affordable is not None:
                lots = self._affordable(order, ticks, lots)
            if lots > 0:
                self._depth.take(order.is_buy, level, lots)
                self._fill(order, ticks, lots, Liquidity.TAKER, now)
            if lots < wanted:
                return True
        return False

    def _fill_maker(self, order: WorkingOrder, ticks: int, lots: int, now: int) -> None:
        self._fill(order, ticks, lots, Liquidity.MAKER, now)

    def _fill(self, order: WorkingOrder, ticks: int, lots: int, liquidity: Liquidity, now: int) -> None:
        order.filled += lots
        order.slice -= lots
        self.position += lots if order.is_buy else -lots
        instrument = self.instrument
        quantity, price = instrument.quantity(lots), instrument.price(ticks)
        fill = Fill(
            trade_id=next(self._trade_ids),
            client_id=order.client_id,
            instrument=order.instrument,
            side=order.side,
            quantity=quantity,
            price=price,
            fee=self._fees.fee(instrument, quantity, price, liquidity),
            fee_currency=instrument.settlement,
            liquidity=liquidity,
            ts=now,
            number=next(self._numbers),
        )
        if not order.leaves:
            self._close(order)
        self._emit(e.OrderFilled(client_id=order.client_id, ts=now, fill=fill))
        if self._reduce_only:
            self.enforce_reduce_only(now)

    def _shrink(self, order: WorkingOrder, now: int) -> None:
        room = self._reducible(order)
        if room <= 0:
            self._cancel(order, "Reduce-only: there is no position left to reduce.", now)
        elif order.leaves > room:
            order.quantity = order.filled + room
            quantity = self.instrument.quantity(order.quantity)
            self._emit(e.OrderAmended(client_id=order.client_id, ts=now, quantity=quantity))

    def _cancel(self, order: WorkingOrder, reason: str, now: int) -> None:
        self._close(order)
        self._emit(e.OrderCanceled(client_id=order.client_id, ts=now, reason=reason))

    def _register(self, order: WorkingOrder) -> None:
        self.orders[order.client_id] = order
        if order.reduce_only:
            self._reduce_only[order.client_id] = order

    def _close(self, order: WorkingOrder) -> None:
        order.open = False
        del self.orders[order.client_id]
        self._reduce_only.pop(order.client_id, None)
        self._leave_queue(order)

    def _leave_queue(self, order: WorkingOrder) -> None:
        if order.waits:
            self._triggers.remove(order)
        elif order.price is not None:
            self._resting.remove(order.price, order)

    def _reducible(self, order: WorkingOrder) -> int:
        return -self._held() if order.is_buy else self._held()

    def _slipped(self, order: WorkingOrder, ticks: int, slippage: int) -> int:
        if order.is_buy:
            worse = ticks + slippage
            return worse if order.price is None else min(worse, order.price)
        worse = max(1, ticks - slippage)
        return worse if order.price is None else max(worse, order.price)

    def _amount(self, lots: int) -> str:
        return plain(self.instrument.quantity(lots))
