"""The ladder's mouse: a click stages and sends, the right button cancels, an order of ours is dragged to its price."""

from __future__ import annotations

from collections.abc import Callable

from textual import events

from plugins.books.columns import Columns
from plugins.books.entry import OrderEntry
from plugins.books.own import Moved, Staged
from screens.figures import refusal_text
from screens.pane import Desk
from workstation.domain.order import Order, Side
from workstation.trading.errors import Refused


class LadderMouse(OrderEntry):
    """What presses, moves and clicks do in the rows. Painting, and with it the place of rows, is the subclass's."""

    def __init__(self, desk: Desk, slot: str) -> None:
        super().__init__(desk, slot)
        self.columns: Columns | None = None
        self._held: list[Order] = []  # our orders under the button that is down
        self._held_row = 0  # where the button has them now
        self._dragged = False  # whether the click that ends the press is only that

    @property
    def header(self) -> int:
        """Lines above the rows."""
        raise NotImplementedError

    def _at(self, event: events.MouseEvent) -> tuple[int, Side | None, bool] | None:
        """The row, the side, and whether it is the column of our orders; None outside the rows."""
        y = event.y - self.header
        if self.columns is None or self.book is None or self.instrument is None or not 0 <= y < self.ladder.rows:
            return None
        return (self.ladder.row(y), *self.columns.side_at(event.x))

    def on_mouse_down(self, event: events.MouseDown) -> None:
        self._held, self._dragged = [], False
        at = self._at(event)
        if event.button == 1 and at is not None and at[2]:
            self._held_row, side, _ = at
            self._held = self.orders_at(self._held_row, side)
            self.ladder.put(self.ladder.price(self._held_row), self._now())  # the window stands still meanwhile

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if not self._held:
            return
        if event.button != 1:  # it was let go elsewhere
            self._held = []
            return
        at = self._at(event)
        if at is None or at[0] == self._held_row or at[0] < 1:
            return
        self._held_row = at[0]
        if not self._dragged:
            self._dragged = True
            if not self._if_armed(lambda: self.pick_up(self._held)):
                self._held = []
                return
        if isinstance(staged := self.staged, Moved):
            self._drag(self.ladder.price(self._held_row) - staged.price)
            self.repaint()

    def on_mouse_up(self, _: events.MouseUp) -> None:
        held, self._held = self._held, []
        if held and self._dragged and isinstance(staged := self.staged, Moved):
            if staged.ticks == 0:
                self.staged = None
            elif self.one_click:
                self._if_armed(self.action_send)
            self.repaint()

    def on_click(self, event: events.Click) -> None:
        at = self._at(event)
        if at is None:
            return
        event.stop()
        if self._dragged:
            self._dragged = False
            return
        (row, side, ours), now = at, self._now()
        if ours and (orders := self.orders_at(row, side)):
            if event.button == 3:
                self._if_armed(lambda: self.cancel([order.client_id for order in orders]))
            self.ladder.side = orders[0].side
            self.ladder.put(self.ladder.price(row), now)
        elif side is None or ours or row < 1:
            self.ladder.put(self.ladder.price(row), now)
        elif event.button == 1:
            self._if_armed(lambda: self._click(side, self.ladder.price(row)))
        self.repaint()

    def _if_armed(self, act: Callable[[], None]) -> bool:
        """Whether the desk was armed and nothing refused it."""
        if not self.armed:
            self.toast("DISARMED: nothing was sent. ctrl+l arms the desk.", error=True)
            return False
        try:
            act()
        except Refused as refusal:
            self.toast(refusal_text(refusal), error=True)
            return False
        return True

    def _click(self, side: Side, ticks: int) -> None:
        """Stage an order; send it on a second click in the same place, or at once in one-click mode."""
        self.trusted()
        again = isinstance(self.staged, Staged) and (self.staged.side, self.staged.ticks) == (side, ticks)
        if not again:
            self.stage(side, ticks)
        if again or self.one_click:
            self.action_send()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._scroll(2, event)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._scroll(-2, event)

    def _scroll(self, rows: int, event: events.MouseEvent) -> None:
        self.ladder.scroll(rows, self._now())
        self.repaint()
        event.stop()
