"""The blotter's pane."""

from __future__ import annotations

from collections.abc import Coroutine, Hashable, Sequence
from typing import Any, ClassVar

from rich.style import Style
from textual import events
from textual.app import ComposeResult

from plugins.orders.amend import AmendBar
from plugins.orders.history import History
from screens.actions import Action
from screens.figures import figure_within, local_time, name_text, price_text, quantity_text, sentence
from screens.order_words import STATES, TYPES, kind, terms
from screens.pane import Desk
from screens.table import COPY_ACTIONS, TABLE_ACTIONS, Column, TablePane
from workstation.domain.order import Order, OrderState, OrderType, Side
from workstation.trading.command_run import cancelled
from workstation.trading.command_text import spell
from workstation.trading.errors import Refused
from workstation.trading.plans.rows import BLIND, NO_STOP, is_head, is_kept
from workstation.trading.rebalancing.head import REBALANCE
from workstation.trading.routing.words import BEST_OF

SHOWN = ("all", "working", "done")
_UNPROTECTED = (NO_STOP, BLIND)
_BAD = (OrderState.DENIED, OrderState.REJECTED, OrderState.UNKNOWN)
_MOVING = (
    OrderState.INITIALIZED,
    OrderState.SUBMITTED,
    OrderState.PENDING_CANCEL,
    OrderState.PENDING_AMEND,
)


def _price(order: Order) -> float:
    return float(order.price or order.stop_price or 0)


class OrdersPane(TablePane[Order]):
    """Working orders first, then what is done, newest first. The last line tells what the columns have no room for."""

    PANE = "orders"
    FROM_ENGINE = True
    TITLE = "Orders"
    DEFAULT_KEY = "r"
    LEAST = (40, 5)
    FOLLOWS = False
    EMPTY = "No orders to show. o opens the ticket."
    ACTIONS = (
        Action("amend", "Amend / send", "Opens the order's quantity and price in its row; again sends the change.",
               ("enter",), trades=True, footer=85, short="Amend", group="Trade"),
        Action("tick_down", "A tick down", "Moves the order's price a tick down; Enter sends, Esc discards.", ("J",),
               trades=True, footer=70, short="Down", group="Trade"),
        Action("tick_up", "A tick up", "Moves the order's price a tick up; Enter sends, Esc discards.", ("K",),
               trades=True, footer=70, short="Up", group="Trade"),
        Action("discard", "Discard the change", "Leaves the order as it is.", ("escape",), group="Trade",
               palette=False),
        Action("cancel", "Cancel the order",
               "Cancels the order under the cursor; on the own row of a plan or a set all of it.",
               ("x",), trades=True, pulls=True, footer=84, short="Cancel", group="Trade"),
        Action("cancel_all", "Cancel all of this instrument",
               "Cancels every working order of the instrument under the cursor, protective stops too.", ("X",),
               trades=True, pulls=True, footer=82, short="Cancel all", group="Trade"),
        Action("history", "Order history", "Shows everything that happened to the order.", ("e",), footer=66,
               short="Events", group="View"),
        Action("show", "Working / done / all", "Shows working orders, done ones, or all.", ("f",), footer=64,
               short="Filter", group="View"),
        Action("here", "This instrument only", "Shows the orders of the desk's instrument, or of all.", ("i",),
               group="View"),
        Action("choose", "Select its instrument", "Selects the order's instrument on the desk.", ("space",),
               group="View"),
        Action("copy_line", "Copy as a command",
               "Copies the line that enters the same order again on the command line.", ("Y",), group="View"),
        *COPY_ACTIONS,
        *TABLE_ACTIONS,
    )  # fmt: skip
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column("time", "Time", 8, keep=6, sort=lambda order: order.created_at),
        Column("instrument", "Instrument", 13, keep=11, flex=True, most=20, sort=lambda order: order.instrument),
        Column("side", "Side", 4, keep=8, sort=lambda order: order.side),
        Column("type", "Type", 8, keep=5, sort=kind),
        Column("quantity", "Qty", 9, right=True, keep=12, sort=lambda order: order.quantity),
        Column("filled", "Filled", 8, right=True, keep=7, sort=lambda order: order.filled),
        Column("price", "Price", 10, right=True, keep=10, sort=_price),
        Column("stop", "Stop", 10, right=True, keep=3, sort=lambda order: order.stop_price or 0),
        Column("average", "Average", 11, right=True, keep=4, sort=lambda order: order.average_price or 0),
        Column("state", "State", 9, keep=9, sort=lambda order: order.state),
        Column("terms", "TIF", 10, keep=2, flex=True, most=18, sort=terms),
        Column("reason", "Reason", 16, keep=1, flex=True),
    )

    def __init__(self, desk: Desk, slot: str) -> None:
        super().__init__(desk, slot)
        self.shown_states: str = self.settings.get("show", "all")
        self.here_only = bool(self.settings.get("here", False))
        self.bar = AmendBar()
        self._rows: Sequence[Order] = ()
        self._rows_key: Hashable = None
        self._at_top = True

    def compose(self) -> ComposeResult:
        yield self.bar

    # -- the table

    def rows(self) -> Sequence[Order]:
        wanted = self.desk.selected if self.here_only else None
        key = (
            self.engine.orders_version,
            self.engine.plans_version,
            self.engine.sets_version,
            self.shown_states,
            wanted,
        )
        if key != self._rows_key:
            self._rows_key = key
            orders = [order for order in reversed(self.engine.orders()) if wanted in (None, order.instrument)]
            working = self._grouped([order for order in orders if order.is_open], wanted)
            done = [order for order in orders if order.is_closed]
            self._rows = {"working": working, "done": done}.get(self.shown_states, working + done)
        return self._rows

    def _grouped(self, orders: Sequence[Order], instrument: str | None) -> list[Order]:
        """Each set (route, rebalance) and each plan with its legs under it, the newest first, then the orders that
        stand alone."""
        sets = [row for row in self.engine.set_rows() if is_head(row) or instrument in (None, row.instrument)]
        wanted = {row.plan for row in sets if not is_head(row)}
        rows = [row for row in sets if instrument is None or row.plan in wanted]
        rows += [row for plan in reversed(self.engine.plans(instrument)) for row in self.engine.plan_rows(plan)]
        kept = {row.client_id for row in rows}
        return rows + [order for order in orders if order.client_id not in kept]

    def row_id(self, row: Order) -> Hashable:
        return row.client_id

    def row_style(self, row: Order) -> Style | None:
        return self.ink.on_ask if row.state is OrderState.UNKNOWN or row.note in _UNPROTECTED else None

    def cell(self, row: Order, column: str) -> tuple[str, Style]:
        if is_head(row) and row.origin == REBALANCE:
            return self._rebalance_cell(row, column)
        ink, instrument = self.ink, self.engine.instrument(row.instrument)
        text = ink.text if row.is_open else ink.dim
        match column:
            case "time":
                return local_time(row.created_at), ink.dim
            case "instrument":
                if is_head(row) and row.origin == BEST_OF:
                    return instrument.symbol, text
                if row.leg and row.leg != row.instrument and row.is_open and not self._shows("type"):
                    return f" {kind(row)}", text  # the plan's own row above names the instrument
                return name_text(instrument, self._width_of(column)), text
            case "side":
                colour = ink.bid if row.side is Side.BUY else ink.ask
                return row.side.upper(), colour if row.is_open or row.filled else ink.dim
            case "type":
                return kind(row), ink.strong if is_head(row) else text
            case "quantity":
                size = quantity_text(row.quantity, instrument)
                if self._shows("side"):
                    return size, text
                buy = row.side is Side.BUY
                return ("+" if buy else "-") + size, (ink.bid if buy else ink.ask) if row.is_open else ink.dim
            case "filled":
                return (quantity_text(row.filled, instrument) if row.filled else "–"), text
            case "price":
                if row.type is OrderType.STOP and not self._shows("stop"):
                    stop = price_text(row.stop_price, instrument)
                    return (f"s {stop}" if len(stop) + 2 <= self._width_of(column) else stop), text
                if is_head(row):
                    return ("" if self._shows("type") else kind(row)), ink.strong
                return ("market" if row.price is None else price_text(row.price, instrument)), text
            case "stop":
                return price_text(row.stop_price, instrument), text
            case "average":
                return price_text(row.average_price, instrument), text
            case "state":
                words = row.note if is_head(row) or is_kept(row) else STATES[row.state]
                return words, self._state_style(row)
            case "terms":
                return ("kept" if is_kept(row) else "" if is_head(row) else terms(row)), ink.dim
            case _:
                return row.reason, ink.error if row.state in _BAD else ink.dim

    def shown(self, row: Order, column: str, width: int) -> tuple[str, Style]:
        text, style = self.cell(row, column)
        if column in ("quantity", "filled"):
            return figure_within(text, width), style
        return (sentence(text) if column == "reason" else text), style  # a copy keeps the point

    def _rebalance_cell(self, row: Order, column: str) -> tuple[str, Style]:
        """Over many instruments: its name, how many trades, and how much of their value has traded."""
        ink = self.ink
        match column:
            case "time":
                return local_time(row.created_at), ink.dim
            case "instrument":
                return row.reason.partition(":")[0], ink.strong
            case "type":
                return kind(row)[: self._width_of(column)], ink.strong
            case "quantity":
                return f"{row.quantity} trades", ink.text
            case "filled":
                return f"{row.filled / row.quantity:.0%}", ink.text
            case "state":
                return row.note, ink.warning if row.note == "PAUSED" else ink.own
            case "reason":
                return row.reason, ink.dim
            case _:
                return "", ink.dim

    def _shows(self, key: str) -> bool:
        return any(column.key == key for column, _, _ in self._layout)

    def _width_of(self, key: str) -> int:
        return next((width for column, _, width in self._layout if column.key == key), 99)

    def _state_style(self, order: Order) -> Style:
        ink = self.ink
        if order.state is OrderState.UNKNOWN or order.note in _UNPROTECTED:
            return ink.error + Style(bold=True)
        if order.state in _BAD:
            return ink.error
        if order.state in _MOVING:
            return ink.warning
        if order.is_open:
            return ink.own
        return ink.text if order.state is OrderState.FILLED else ink.dim

    def empty(self) -> str:
        return self.EMPTY if self.engine.ready else "Opening: the orders are not known yet …"

    def footer(self) -> Sequence[tuple[str, Style]] | None:
        ink, order = self.ink, self.selected_row
        if order is None:
            return [("", ink.dim)]
        words = []
        if is_head(order):
            words = [kind(order), order.note, sentence(order.reason)]
            return [(" " + " · ".join(filter(None, words)), ink.dim)]
        if is_kept(order):
            if order.note == BLIND:
                return [(f" {order.leg} kept by the desk · {sentence(order.reason)}", ink.error)]
            return [(f" {order.leg} kept by the desk · {order.note}", ink.dim)]
        if not self._shows("terms") or len(terms(order)) > self._width_of("terms"):
            words.append(f"{TYPES[order.type]} {terms(order)}")
        if not self._shows("stop") and order.type is OrderType.STOP_LIMIT:
            words.append(f"stop {self.cell(order, 'stop')[0]}")
        if order.average_price is not None and not self._shows("average"):
            words.append(f"{self.cell(order, 'filled')[0]} filled @ {self.cell(order, 'average')[0]}")
        if order.reason and (not self._shows("reason") or len(order.reason) > self._layout[-1][2]):
            words.append(sentence(order.reason))
        return [(" " + " · ".join(words), ink.error if order.state in _BAD else ink.dim)]

    def paint(self, now: int) -> None:
        self._follow_amendment()
        if self._at_top and not self.has_focus_within:
            self._cursor, self._cursor_id = 0, None  # nobody is here: the newest is what matters
        self.rows()
        if self.up_to_date(self._rows_key):
            return
        super().paint(now)
        self._at_top = self._cursor == 0
        self._place_bar()

    def status(self) -> str:
        working = len(self.engine.open_orders())
        where = f" {self.desk.selected}" if self.here_only else ""
        return f"{self.shown_states}{where} · {working} working"

    # -- amending

    @property
    def amending(self) -> Order | None:
        """The order whose terms are open in its row."""
        return self.bar.order if self.bar.display else None

    def move_within(self, by: int) -> bool:
        if self.amending is not None:
            self.bar.move(by)
        return self.amending is not None

    def _follow_amendment(self) -> None:
        """An order that is done while its terms are open has nothing to amend any more."""
        before = self.amending
        if before is None:
            return
        order = self.engine.order(before.client_id)
        if order is None or order.is_closed:
            self._close_bar()
            state = "gone" if order is None else STATES[order.state]
            self.toast(f"The order is {state}: there is nothing left to amend.")

    def _place_bar(self) -> None:
        if self.amending is not None:
            self.bar.styles.offset = (0, 1 + self._cursor - self.top)

    def _close_bar(self) -> None:
        focused = self.bar.has_focus_within
        self.bar.close()
        if focused:
            self.screen.set_focus(self)

    def _open_bar(self) -> bool:
        """Open the terms of the order under the cursor. Raises `Refused` where they cannot be changed."""
        order = self.selected_row
        if order is None:
            raise Refused("There is no order under the cursor.")
        if is_head(order):
            if order.origin in (BEST_OF, REBALANCE):
                raise Refused("This row stands for several orders: x cancels what is left of them.")
            raise Refused("Move the plan's stop or target in its own row below.")
        if order.is_closed:
            raise Refused(f"The order is {STATES[order.state]}: it cannot be amended.")
        if order.type is OrderType.MARKET:
            raise Refused("A market order has no price to amend: cancel it.")
        self.bar.open(order, self.engine.instrument(order.instrument), self.width)
        self._place_bar()
        return True

    def action_amend(self) -> Coroutine[Any, Any, None] | None:
        """Open the terms at once, for keys of the same burst are meant for them; or send what was typed there."""
        if (order := self.amending) is not None:
            return self._send_amendment(order)
        self._open_bar()
        return None

    async def _send_amendment(self, order: Order) -> None:
        change = self.bar.terms()
        self._close_bar()
        if change.nothing:
            return
        after = await self.engine.amend(
            order.client_id, quantity=change.quantity, price=change.price, stop_price=change.stop_price
        )
        if after.reason and after.is_open and after.reason != order.reason:
            self.toast(f"The change was rejected: {sentence(after.reason)}", error=True)

    def _tick(self, by: int) -> None:
        if self.amending is None:
            self._open_bar()
        order = self.amending
        if order is not None:
            self.bar.tick(by, self.engine.instrument(order.instrument))

    def action_tick_down(self) -> None:
        self._tick(-1)

    def action_tick_up(self) -> None:
        self._tick(1)

    def action_discard(self) -> None:
        self._close_bar()

    # -- the other keys

    async def action_cancel(self) -> None:
        order = self.selected_row
        if order is None:
            raise Refused("There is no order under the cursor.")
        after = await self.engine.cancel(order.client_id)
        if after.is_open and after.reason and after.reason != order.reason:
            self.toast(f"The cancel was rejected: {sentence(after.reason)}", error=True)

    async def action_cancel_all(self) -> None:
        order = self.selected_row
        if order is not None and is_head(order) and order.origin == REBALANCE:
            raise Refused("This row stands for orders in several instruments: x cancels what is left of them.")
        instrument = self.desk.selected if order is None else order.instrument
        if instrument is None:
            raise Refused("Select an instrument first.")
        self.toast(f"{instrument}: {cancelled(await self.engine.cancel_all(instrument))}")

    def action_history(self) -> None:
        if (order := self._sent_order()) is not None:
            self.app.push_screen(History(self.engine, order.client_id, self.ink))

    def _sent_order(self) -> Order | None:
        """The order under the cursor. Raises `Refused` for a plan's own row, which no venue has seen."""
        order = self.selected_row
        if order is not None and (is_head(order) or is_kept(order)):
            raise Refused("This row is the plan itself: what happened to it is in the log.")
        return order

    def chosen(self, row: Order) -> None:
        self.action_history()

    def action_show(self) -> None:
        self.shown_states = SHOWN[(SHOWN.index(self.shown_states) + 1) % len(SHOWN)]
        self.settings["show"] = self.shown_states
        self.save_settings()

    def action_here(self) -> None:
        self.here_only = not self.here_only
        self.settings["here"] = self.here_only
        self.save_settings()

    def action_choose(self) -> None:
        if (order := self.selected_row) is not None:
            self.select_instrument(order.instrument)

    def action_copy_line(self) -> None:
        if (order := self._sent_order()) is not None:
            line = spell(order, order.created_at)
            self.app.copy_to_clipboard(line)
            self.toast(f"Copied: {line}")

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        """The change is discarded when the focus goes elsewhere."""
        self.call_after_refresh(self._discard_if_left)

    def _discard_if_left(self) -> None:
        if self.amending is not None and not self.bar.has_focus_within:
            self.bar.close()
