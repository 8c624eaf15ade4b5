"""Order entry in the ladder: staging, sending, moving, cancelling, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from plugins.books.cursor import LadderCursor
from plugins.books.keys import LADDER_ACTIONS
from plugins.books.model import row_of
from plugins.books.own import Moved, Staged
from screens.figures import plain_text, price_text, quantity_text, sentence
from screens.own_orders import left_of, order_ticks, sum_of
from screens.pane import Desk
from workstation.domain.instrument import Instrument
from workstation.domain.numbers import ZERO, add, counted, divide, multiply
from workstation.domain.order import ClientOrderId, Order, OrderDraft, Side
from workstation.market.book import OrderBook
from workstation.trading.command_run import outcome
from workstation.trading.errors import Refused
from workstation.trading.exits import held_words


class OrderEntry(LadderCursor):
    """The ladder's hands: everything that its keys and clicks do to orders. Painting is the subclass's."""

    ACTIONS = LADDER_ACTIONS

    def __init__(self, desk: Desk, slot: str) -> None:
        super().__init__(desk, slot)
        self._fills_told: int | None = None  # fills that the trader knows of; None before the first look
        self._orders_version = -1

    # -- what the actions need

    def trusted(self) -> tuple[Instrument, OrderBook]:
        """As `market_here`, if what is painted can be traded on. Raises `Refused` where it cannot."""
        instrument, book = self.market_here()
        if book.stale is not None:
            raise Refused(f"Nothing was sent: the book of {instrument.symbol} is stale ({book.stale}).")
        self.sight.seen_at(self._now(), instrument, book)
        return instrument, book

    def tell_fills(self) -> None:
        """Say what was filled since the last look: orders that rested, those of other panes, protective stops."""
        instrument = self.instrument
        if instrument is None or not self.engine.ready or self.engine.orders_version == self._orders_version:
            return  # what the store brings at the start is no news
        self._orders_version = self.engine.orders_version
        fills = self.engine.fills(instrument.id)
        told, self._fills_told = self._fills_told, len(fills)
        if told is None or told >= len(fills):
            return
        newest = fills[-1]
        same = [fill for fill in fills[told:] if fill.side is newest.side]
        quantity = value = ZERO
        for fill in same:
            quantity = add(quantity, fill.quantity)
            value = add(value, multiply(fill.quantity, fill.price))
        average = divide(value, quantity, instrument.tick)
        done = "Bought" if newest.side is Side.BUY else "Sold"
        self.say(f"{done} {plain_text(quantity)} at {price_text(average, instrument)}.")

    def forget_fills(self) -> None:
        """The ladder shows another instrument: what was filled there is old news."""
        self._fills_told, self._orders_version = None, -1

    def orders_at(self, row: int, side: Side | None = None) -> list[Order]:
        """Our working orders in a row: those of `side`, or all."""
        instrument = self.instrument
        if instrument is None:
            return []
        found = []
        for order in self.engine.working(instrument.id):
            ticks = order_ticks(order, instrument)
            if ticks is not None and row_of(ticks, order.side, self.ladder.group) == row and side in (None, order.side):
                found.append(order)
        return found

    def _orders_here(self) -> list[Order]:
        """Our orders at the cursor: those of its side, else those of the other. Raises `Refused` if there are none."""
        instrument, book = self.market_here()
        row = self.ladder.cursor_row(book)
        if row is not None and (orders := self.orders_at(row, self.ladder.side) or self.orders_at(row)):
            return orders
        where = "" if row is None else f" at {price_text(instrument.price(self.ladder.price(row)), instrument)}"
        raise Refused(f"You have no working order{where}: move the cursor onto one.")

    # -- staging and sending

    def action_buy(self) -> None:
        self._stage_at_cursor(Side.BUY)

    def action_sell(self) -> None:
        self._stage_at_cursor(Side.SELL)

    def _stage_at_cursor(self, side: Side) -> None:
        _, book = self.trusted()
        if isinstance(self.staged, Staged):  # the other side at the same price
            ticks: int | None = self.staged.ticks
        elif self.ladder.cursor is not None:
            ticks = self.ladder.cursor
        else:  # a cursor that rests on the touch joins the best price
            ticks = book.best_bid if side is Side.BUY else book.best_ask
        if ticks is None:
            raise Refused("There is no price to stage the order at: move the cursor to one.")
        self.stage(side, ticks)

    def stage(self, side: Side, ticks: int) -> None:
        """Let a limit order wait in the ladder for Enter."""
        instrument, _ = self.market_here()
        self.staged = Staged(side, ticks, self.desk.size(instrument.id))
        self.ladder.side = side
        self.ladder.put(ticks, self._now())

    def draft(self) -> OrderDraft | None:
        """The staged order as it would be sent."""
        instrument = self.instrument
        if instrument is None or not isinstance(self.staged, Staged):
            return None
        staged = self.staged
        return OrderDraft(
            instrument=instrument.id,
            side=staged.side,
            quantity=staged.quantity,
            price=instrument.price(staged.ticks),
        )

    def action_discard(self) -> None:
        if self.staged is None:
            self.ladder.release()
        self.staged = None

    def action_send(self) -> None:
        instrument, _ = self.trusted()
        staged = self.staged
        if staged is None:
            raise Refused("Nothing is staged: b stages a buy, s a sell, J and K move the order at the cursor.")
        if isinstance(staged, Staged):
            draft = self.draft()
            assert draft is not None
            self.staged = None
            self.send(draft)
            return
        self.staged = None
        if staged.ticks == 0:
            raise Refused("The order stands where it stood: there is nothing to amend.")
        for client_id, stood in zip(staged.orders, staged.stood, strict=True):
            order = self.engine.order(client_id)
            if order is None or order.is_closed:
                self.say("The order was done before it could be amended.", bad=True)
            elif order_ticks(order, instrument) != stood:
                self.say("Nothing was amended: the order has moved since it was picked up.", bad=True)
            else:
                self.spawn(self.amend_by(order, instrument.price(staged.ticks)))

    def send(self, draft: OrderDraft) -> None:
        """Send an order and tell what came of it. It says how old the book is that the trader saw."""
        instrument, book = self.market_here()
        self.spawn(self._send(replace(draft, seen_at=self.sight.seen_at(self._now(), instrument, book))))

    async def _send(self, draft: OrderDraft) -> None:
        instrument = self.engine.instrument(draft.instrument)
        price = "" if draft.price is None else f" @ {price_text(draft.price, instrument)}"
        what = f"{draft.side.capitalize()} {plain_text(draft.quantity)}{price}"
        await self.enter(what, draft)

    def tell(self, what: str, order: Order) -> None:
        super().tell(what, order)
        if order.filled and order.instrument == self.instrument_id:
            self._fills_told = len(self.engine.fills(order.instrument))

    def _strike(self, side: Side) -> None:
        """Send a limit at the best price of the other side."""
        instrument, book = self.trusted()
        ticks = book.best_ask if side is Side.BUY else book.best_bid
        if ticks is None:
            raise Refused(f"Nobody {'offers' if side is Side.BUY else 'bids for'} {instrument.symbol} now.")
        quantity = self.desk.size(instrument.id)
        self.send(OrderDraft(instrument=instrument.id, side=side, quantity=quantity, price=instrument.price(ticks)))

    def action_take(self) -> None:
        self._strike(Side.BUY)

    def action_hit(self) -> None:
        self._strike(Side.SELL)

    def _resize(self, steps: int) -> None:
        instrument, _ = self.market_here()
        quantity = self.desk.step_size(instrument.id, steps)
        if isinstance(self.staged, Staged):
            self.staged = Staged(self.staged.side, self.staged.ticks, quantity)
        self.outcome = (f"Size {quantity_text(quantity, instrument)} {instrument.base}", False)

    def action_smaller(self) -> None:
        self._resize(-1)

    def action_larger(self) -> None:
        self._resize(1)

    # -- moving orders

    def action_move_down(self) -> None:
        self._move_order(-1)

    def action_move_up(self) -> None:
        self._move_order(1)

    def _move_order(self, ticks: int) -> None:
        if self.staged is None:
            self.pick_up(self._orders_here())
        self._drag(ticks)

    def pick_up(self, orders: Sequence[Order]) -> None:
        """Let the orders of the first one's side wait for Enter where they stand, to be moved."""
        instrument, _ = self.market_here()
        first = orders[0]
        moved = [
            (order, ticks)
            for order in orders
            if order.side is first.side and (ticks := order_ticks(order, instrument)) is not None
        ]
        quantity = sum_of(order.leaves for order, _ in moved)
        ids, stood = tuple(order.client_id for order, _ in moved), tuple(ticks for _, ticks in moved)
        self.staged = Moved(first.side, ids, stood[0], 0, quantity, stood)

    def follow_move(self) -> None:
        """What is picked up fills and ends like any other order: keep its quantity, drop it when it is done."""
        moved = self.staged
        if not isinstance(moved, Moved):
            return
        quantity = left_of(map(self.engine.order, moved.orders))
        if not quantity:
            self.staged = None
            self.say("The order that was picked up is done.")
        elif quantity != moved.quantity:
            self.staged = replace(moved, quantity=quantity)

    # -- cancelling and the position

    def action_cancel(self) -> None:
        if isinstance(self.staged, Moved):
            orders: Sequence[ClientOrderId] = self.staged.orders
            self.staged = None
        else:
            orders = [order.client_id for order in self._orders_here()]
        self.cancel(orders)

    def cancel(self, orders: Sequence[ClientOrderId]) -> None:
        """Cancel these orders, each by itself."""
        for client_id in orders:
            self.spawn(self._cancel(client_id))

    async def _cancel(self, client_id: ClientOrderId) -> None:
        order = await self.answered(await self.engine.cancel(client_id))
        what = f"{order.side.capitalize()} {plain_text(order.quantity)}"
        if reason := self.refusal(order):
            self.say(f"{what} was not cancelled: {reason}", bad=True)
        else:
            self.say(f"{what}: {sentence(outcome(order, self.engine.instrument(order.instrument)))}")

    async def action_cancel_all(self) -> None:
        instrument, _ = self.market_here()
        self.staged = None
        orders = await self.engine.cancel_all(instrument=instrument.id)
        if not orders:
            raise Refused(f"There is no working order in {instrument.symbol}.")
        self.say(f"{counted(len(orders), 'order')} of {instrument.symbol} pulled.")

    async def action_close(self) -> None:
        instrument, _ = self.market_here()
        self.tell("Close", await self.answered(await self.engine.close_position(instrument.id)))

    async def action_reverse(self) -> None:
        instrument, _ = self.market_here()
        self.tell("Reverse", await self.answered(await self.engine.reverse(instrument.id)))

    async def action_break_even(self) -> None:
        instrument, _ = self.market_here()
        stop = await self.engine.break_even(instrument.id)
        if isinstance(stop, Order):
            self.tell("Break-even stop", await self.answered(stop))
        else:
            self.say(f"Break-even stop: {held_words(stop, instrument)}")
