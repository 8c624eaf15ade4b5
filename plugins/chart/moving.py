"""Working orders and kept exits, dragged on the chart by keys and by the mouse."""

from __future__ import annotations

from dataclasses import replace

from plugins.chart.entry import ChartControl
from plugins.chart.marks import Moved, movable
from screens.own_orders import is_stop, left_of, order_ticks
from screens.pane import Desk
from workstation.domain.instrument import Instrument
from workstation.trading.errors import Refused


class ChartMoving(ChartControl):
    """Picks up an order, moves it, and amends it at Enter."""

    def __init__(self, desk: Desk, slot: str) -> None:
        super().__init__(desk, slot)
        self._held: list[Moved] = []  # under the button that is down
        self._held_row = 0  # where the button has it now
        self.dragged = False  # whether the click that ends the press is only that

    def _movable(self, instrument: Instrument) -> list[Moved]:
        return movable(self.engine.working(instrument.id), instrument)

    def _pick(self, moved: Moved) -> None:
        self.show_crosshair()
        self.staged, self.crosshair, self.outcome = moved, moved.start, ("", False)

    def action_pick(self) -> None:
        instrument, _ = self.trusted()
        orders = self._movable(instrument)
        if not orders:
            raise Refused(f"You have no working order in {instrument.symbol} to move.")
        picked = self.staged
        if isinstance(picked, Moved):
            at = next((index for index, one in enumerate(orders) if one.orders == picked.orders), -1)
            self._pick(orders[(at + 1) % len(orders)])
            return
        near = self.last_ticks(instrument) if self.crosshair is None else self.crosshair
        self._pick(min(orders, key=lambda one: abs(one.start - near)))

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

    def _send_move(self, instrument: Instrument, moved: Moved) -> None:
        """Send the amendment of orders that still stand as they stood when they were picked up."""
        self.staged = None
        if moved.ticks == moved.start:
            raise Refused("The order stands where it stood: there is nothing to amend.")
        by = instrument.price(moved.ticks - moved.start)
        for client_id in moved.orders:
            order = self.engine.order(client_id)
            if order is None or order.is_closed:
                self.say("The order was done before it could be amended.", bad=True)
            elif is_stop(order) != moved.stop or order_ticks(order, instrument) != moved.start:
                self.say("Nothing was amended: the order has moved since it was picked up.", bad=True)
            else:
                self.spawn(self.amend_by(order, by))

    async def action_send(self) -> None:
        if not isinstance(self.staged, Moved):
            await super().action_send()
            return
        instrument, _ = self.trusted()
        self.sight.must_be_new(self.engine, instrument)
        self._send_move(instrument, self.staged)

    def grab(self, row: int) -> None:
        """The button goes down at a row of the plot."""
        self._held, self._held_row, self.dragged = [], row, False
        if self.instrument is not None and self.plot is not None:
            tick = float(self.instrument.tick)
            self._held = [one for one in self._movable(self.instrument) if self.scale.row(one.start * tick) == row]

    def drag(self, row: int) -> bool:
        """The button moves to a row of the plot; False where it holds nothing."""
        if not self._held or self.plot is None or self.instrument is None:
            return False
        if row == self._held_row or not 0 <= row < self.plot.rows:
            return True
        self._held_row = row
        if not self.dragged:
            self.dragged = True
            if not self.armed:
                self._held = []
                self.toast("DISARMED: nothing was sent. ctrl+l arms the desk.", error=True)
                return True
            self._pick(self._held[0])
        if isinstance(self.staged, Moved):
            ticks = max(1, round(self.scale.price(row) / float(self.instrument.tick)))
            self.staged, self.crosshair = replace(self.staged, ticks=ticks), ticks
            self.repaint()
        return True

    def let_go(self) -> None:
        self._held = []

    def _nudge(self, direction: int) -> None:
        instrument, _ = self.here()
        if self.staged is None and self.crosshair is not None and not self.hovering and self.desk.armed:
            tick = float(instrument.tick)
            row, at = self.scale.row(self.crosshair * tick), self.crosshair
            here = [one for one in self._movable(instrument) if self.scale.row(one.start * tick) == row]
            if here:
                self._pick(min(here, key=lambda one: abs(one.start - at)))
        super()._nudge(direction)
