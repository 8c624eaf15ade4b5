"""The ladder's cursor, window and grouping, by keys; and what is staged, which moves with the cursor."""

from __future__ import annotations

from msgspec.structs import replace

from plugins.books.model import Ladder, row_of, step_group
from plugins.books.own import Moved, Staged
from screens.figures import plain_text
from screens.order_entry import OrderEntryPane
from screens.pane import Desk
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.order import Side
from workstation.market.book import OrderBook
from workstation.trading.errors import Refused


class LadderCursor(OrderEntryPane):
    """Where the trader is in the ladder. Order entry and painting are the subclasses'."""

    def __init__(self, desk: Desk, slot: str) -> None:
        super().__init__(desk, slot)
        self.ladder = Ladder()
        self.staged: Staged | Moved | None = None

    def market_here(self) -> tuple[Instrument, OrderBook]:
        """The instrument and its book. Raises `Refused` where there is none."""
        instrument, book = self.instrument, self.book
        if instrument is None or book is None:
            raise Refused("No instrument is selected: / finds one.")
        return instrument, book

    def _now(self) -> int:
        return self.engine.clock.now()

    # -- the cursor and the window

    def _go(self, rows: int) -> None:
        _, book = self.market_here()
        if self.staged is not None:
            at = self.staged.price
            self._drag(self.ladder.price(row_of(at, self.staged.side, self.ladder.group) + rows) - at)
        else:
            self.ladder.move(rows, book, self._now())

    def action_up(self) -> None:
        self._go(1)

    def action_down(self) -> None:
        self._go(-1)

    def action_page_up(self) -> None:
        self._go(max(1, self.ladder.rows // 2))

    def action_page_down(self) -> None:
        self._go(-max(1, self.ladder.rows // 2))

    def action_left(self) -> None:
        self._choose(Side.BUY)

    def action_right(self) -> None:
        self._choose(Side.SELL)

    def _choose(self, side: Side) -> None:
        _, book = self.market_here()
        self.ladder.choose(side, book, self._now())

    def action_recentre(self) -> None:
        _, book = self.market_here()
        if self.staged is None:
            self.ladder.release()
        self.ladder.centre(book)

    def _regroup(self, group: int | None) -> None:
        instrument, book = self.market_here()
        groups = {name: known for name, known in self.groups.items() if name != instrument.id}
        if group is not None:
            groups[instrument.id] = group
        self.settings["groups"] = groups
        if group is not None:
            self.ladder.regroup(group, book)
        else:
            self.fit()
        self.save_settings()

    @property
    def groups(self) -> dict[InstrumentId, int]:
        """The groupings that the trader has chosen, by instrument."""
        saved = self.settings.get("groups")
        return saved if isinstance(saved, dict) else {}

    def fit(self) -> None:
        """Choose the grouping: the trader's, else one that fits the market."""
        raise NotImplementedError

    def action_coarser(self) -> None:
        self._regroup(step_group(self.ladder.group, 1))

    def action_finer(self) -> None:
        self._regroup(step_group(self.ladder.group, -1))

    def action_fit(self) -> None:
        self._regroup(None)

    def action_one_click(self) -> None:
        self.settings["one_click"] = not self.one_click
        self.save_settings()
        self.toast("One click sends an order." if self.one_click else "A click stages an order; a second click sends.")

    @property
    def one_click(self) -> bool:
        return bool(self.settings.get("one_click", False))

    def action_alert(self) -> None:
        instrument, book = self.market_here()
        ticks = self.ladder.cursor
        best = book.best_bid if self.ladder.side is Side.BUY else book.best_ask
        if ticks is None:
            ticks = best
        if ticks is None:
            raise Refused("There is no price to set the alert at: move the cursor to one.")
        above = book.best_ask is not None and ticks >= book.best_ask
        self.desk.begin_line(f"alert {instrument.id} {'>' if above else '<'} {plain_text(instrument.price(ticks))}")

    def action_pin(self) -> None:
        instrument, _ = self.market_here()
        if self.settings.get("instrument"):
            self.pin(None)
        else:
            self.pin(instrument.id)
            self.toast(f"This ladder stays with {instrument.id}; P lets it follow the desk again.")

    def _drag(self, ticks: int) -> None:
        """Move what is staged, and the cursor with it."""
        staged = self.staged
        if isinstance(staged, Staged):
            price = max(1, staged.ticks + ticks)
            self.staged = Staged(staged.side, price, staged.quantity)
        elif isinstance(staged, Moved):
            price = max(1, staged.price + ticks)
            self.staged = replace(staged, ticks=price - staged.start)
        else:
            return
        self.ladder.side = staged.side
        self.ladder.put(price, self._now())
