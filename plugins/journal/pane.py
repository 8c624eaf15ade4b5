"""The journal of a session: every event with its time. Moving the cursor moves the whole desk in time."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import partial
from typing import ClassVar, NamedTuple, overload

from rich.segment import Segment
from rich.style import Style
from textual import events, on
from textual.app import ComposeResult
from textual.widgets import Input

from plugins.journal.timebar import cell_of, density
from plugins.journal.words import instrument_of, kind, reference, sentence
from screens.actions import Action
from screens.field import Field
from screens.figures import local_time, moment, money_text, name_text
from screens.pane import Desk
from screens.parts import count
from screens.table import Column, TablePane
from workstation.clock import MINUTE, SECOND
from workstation.domain import events as e
from workstation.domain.instrument import InstrumentId
from workstation.domain.numbers import counted
from workstation.past.desk import PastDesk
from workstation.past.market import PriceFrom
from workstation.past.timeline import Event

_BAD = (
    e.OrderDenied, e.OrderRejected, e.OrderUnknown, e.OrderCancelRejected, e.OrderAmendRejected, e.KillRequested,
    e.OrderReopened, e.BreakerTripped, e.PositionLiquidated,
)  # fmt: skip


class Row(NamedTuple):
    """The moment after event number `number` of the session; 0 is its start."""

    number: int
    event: Event | None


class _Rows(Sequence[Row]):
    """The moments of a session, made when they are looked at: a long one has 100,000."""

    def __init__(self, events: Sequence[Event], first: int, count: int) -> None:
        self._events, self._first, self._count = events, first, count

    def __len__(self) -> int:
        return self._count + 1

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | Sequence[Row]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        return Row(index, self._events[self._first + index - 1] if index else None)


class JournalPane(TablePane[Row]):
    """Oldest first; the cursor is the moment that the desk shows. Off the newest event it is in the past."""

    PANE = "journal"
    TITLE = "Journal"
    DEFAULT_KEY = "j"
    LEAST = (40, 6)
    FOLLOWS = False
    EMPTY = "Nothing has been journalled yet: the first order begins it."
    PACE = 2
    ACTIONS = (
        Action("back", "One event back", "Shows the desk before the last event.", ("left", "up", "h", "k"), footer=95,
               short="Back", group="Time"),
        Action("on", "One event on", "Shows the desk after the next event.", ("right", "down", "l", "j"), footer=94,
               short="On", group="Time"),
        Action("minute_back", "A minute back", "Shows the desk a minute earlier.", ("t",), footer=88, short="–1 min",
               group="Time"),
        Action("minute_on", "A minute on", "Shows the desk a minute later.", ("y",), footer=87, short="+1 min",
               group="Time"),
        Action("hour_back", "An hour back", "Shows the desk an hour earlier.", ("e",), footer=60, short="–1 h",
               group="Time"),
        Action("hour_on", "An hour on", "Shows the desk an hour later.", ("r",), footer=59, short="+1 h",
               group="Time"),
        Action("day_back", "A day back", "Shows the desk a day earlier.", ("q",), footer=50, short="–1 d",
               group="Time"),
        Action("day_on", "A day on", "Shows the desk a day later.", ("w",), footer=49, short="+1 d", group="Time"),
        Action("page_back", "A page of events back", "Goes back as many events as the pane shows.", ("pageup",),
               group="Time"),
        Action("page_on", "A page of events on", "Goes on as many events as the pane shows.", ("pagedown",),
               group="Time"),
        Action("first", "Start of the session", "Shows the desk as the session began.", ("home", "g"), footer=70,
               short="Start", group="Time"),
        Action("last", "End of the session", "Shows the desk after the session's last event.", ("end", "G"),
               footer=69, short="End", group="Time"),
        Action("now", "Back to now", "Leaves the past.", ("escape",), footer=92, short="Now", group="Time"),
        Action("what_if", "What if: go on from here", "Goes on from this moment in a simulator, with what was held and "
               "had working then: what if I had not closed? Nothing reaches the desk itself.", ("b",), footer=82,
               short="What if", group="Time"),
        Action("session", "Another session", "Chooses a session of the store.", ("s",), footer=80, short="Sessions",
               group="Time"),
        Action("find", "Search", "Goes back to an event with an order id, an instrument, a kind or words of its text.",
               ("f",), footer=85, short="Search", group="Find"),
        Action("older", "Found before", "Goes to the match before.", ("n",), group="Find"),
        Action("newer", "Found after", "Goes to the match after.", ("m",), group="Find"),
        Action("copy", "Copy the event", "Copies the event to the clipboard.", ("c",), group="Find"),
    )  # fmt: skip
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column("time", "Time", 12, keep=10),
        Column("kind", "What", 9, keep=9),
        Column("instrument", "Instrument", 14, keep=6),
        Column("text", "How", 30, keep=10, flex=True),
        Column("id", "Id", 13, keep=3),
    )
    DEFAULT_CSS = """
    JournalPane > Field, JournalPane > Field:focus {
        dock: bottom; display: none; border: none; height: 1; padding: 0 1; background: $cursor-row;
    }
    JournalPane.searching > Field { display: block; }
    """

    def __init__(self, desk: Desk, slot: str) -> None:
        super().__init__(desk, slot)
        self._words = ""
        self._line: tuple[Hashable, str] = (None, "")

    def compose(self) -> ComposeResult:
        yield Field(placeholder="an order id, an instrument, a kind, words", select_on_focus=False)

    # -- the table

    @property
    def past(self) -> PastDesk | None:
        return self.desk.travel.past

    def rows(self) -> Sequence[Row]:
        journal = self.desk.travel.present.journal
        if (past := self.past) is not None:
            return _Rows(journal, past.timeline.first, past.timeline.count)
        sessions = self.desk.travel.present.sessions()
        if not sessions:
            return ()
        return _Rows(journal, sessions[-1].first, len(journal) - sessions[-1].first)

    def row_id(self, row: Row) -> Hashable:
        return row.number

    def _instrument(self, event: Event) -> InstrumentId:
        orders = self.desk.travel.present.core.orders.orders
        return instrument_of(event, lambda client_id: orders[client_id].instrument if client_id in orders else "")

    def cell(self, row: Row, column: str) -> tuple[str, Style]:
        ink, event = self.ink, row.event
        if event is None:
            start = self._span()[0]
            words = {"time": local_time(start, True), "kind": "start", "text": f"{moment(start):%A %d %B %Y}"}
            return words.get(column, ""), ink.dim
        name = self._instrument(event)
        known = self.desk.travel.present.core.instruments.get(name)
        match column:
            case "time":
                return local_time(event.ts, True), ink.dim
            case "kind":
                return kind(event), self._colour(event)
            case "instrument":
                return (name if known is None else name_text(known, 14)), ink.text
            case "id":
                return reference(event), ink.dim
            case _:
                return sentence(event, known), ink.error if isinstance(event, _BAD) else ink.text

    def _colour(self, event: Event) -> Style:
        ink = self.ink
        if isinstance(event, _BAD):
            return ink.error
        if isinstance(event, e.OrderFilled):
            return ink.bid if event.fill.side == "buy" else ink.ask
        return ink.text

    def status(self) -> str:
        if self.desk.travel.opening is not None:
            return "reading the session …"
        past = self.past
        if past is None:
            return "now" if self.desk.travel.what_if is None else "WHAT IF"
        step, steps = count(past.step), count(past.timeline.count)
        return f"PAST {moment(past.at):%d %b %H:%M:%S} · event {step} of {steps}"

    def stale(self) -> str | None:
        return None

    # -- painting

    @property
    def under(self) -> int:
        return 2 if self.height >= 9 else 0

    def _span(self) -> tuple[int, int]:
        """Start and end of the session that shows."""
        if (past := self.past) is not None:
            return past.began, past.ended
        present = self.desk.travel.present
        sessions = present.sessions()
        now = present.clock.now()
        return (sessions[-1].start, now) if sessions else (now, now)

    def paint(self, now: int) -> None:
        past, travel = self.past, self.desk.travel
        present = travel.present
        beat = now // ((5 if travel.what_if is None else 1) * SECOND) if past is None else 0
        if self.up_to_date(len(present.journal), travel.version, present.ready, self.has_class("searching"), beat):
            return
        self._shown = self.rows()
        self.move_to(len(self._shown) - 1 if past is None else past.step)
        super().paint(now)
        if self.under and self._shown:
            self._paint_line()

    def _paint_line(self) -> None:
        ink, past = self.ink, self.past
        start, end = self._span()
        width = max(1, self.width - 2)
        if past is not None:
            times: Sequence[int] = past.timeline.times[1:]
        else:
            times = [row.event.ts for row in self._shown if row.event is not None]
        key = (start, end, width, len(times))
        if self._line[0] != key:
            self._line = (key, density(times, start, end, width))
        line = self._line[1]
        at = cell_of(end if past is None else past.at, start, end, width)
        here = ink.badges["paper"] if past is not None else ink.accent
        self.put(
            self.height - 2,
            (line, at, here),
            lambda: [
                Segment(" " + line[:at], ink.dim), Segment("┃", here), Segment(line[at + 1 :], ink.faint),
            ],
        )  # fmt: skip
        left, right = f" {moment(start):%d %b %H:%M:%S}", f"{moment(end):%H:%M:%S} "
        room = self.width - len(left) - len(right) - 2
        words, style = self._words_of(past, room)
        middle = words[:room].center(room)
        self.put(
            self.height - 1,
            (left, middle, right, style),
            lambda: [
                Segment(left + " ", ink.dim), Segment(middle, style), Segment(" " + right, ink.dim),
            ],
        )  # fmt: skip

    def _words_of(self, past: PastDesk | None, room: int) -> tuple[str, Style]:
        """What the desk was worth at the moment, and by which prices, in so many cells."""
        if past is None and (what_if := self.desk.travel.what_if) is not None:
            worth, own = what_if.engine.equity(), what_if.own_equity()
            invented = ", invented prices" if what_if.invented else ""
            forms = [f"what if: equity {money_text(worth)}{invented}", f"what if: equity {money_text(worth)}"]
            if own is not None:
                than = f"{money_text(own)} ({money_text(worth - own, sign=True)})"
                forms[:0] = [f"what if: equity {money_text(worth)}, the desk itself had {than} then{invented}",
                             f"{money_text(worth)}, the desk itself {than}"]  # fmt: skip
            return next((one for one in forms if len(one) <= room), forms[-1]), self.ink.text
        if past is None:
            return "now: ← goes back, s chooses another session", self.ink.dim
        equity = past.equity_detail()
        if equity.unpriced:
            return f"no price was kept of {', '.join(equity.unpriced)}: its equity is not known", self.ink.warning
        words = f"equity {money_text(equity.total)}"
        if by_fill := past.prices_from(PriceFrom.FILL):
            words += f", {counted(len(by_fill), 'position')} at the last fill price"
        return words, self.ink.text

    # -- moving in time

    def _step(self, by: int) -> None:
        if self.past is None and by > 0:
            return
        self.desk.travel.move(lambda past: past.go(past.step + by))

    def _by(self, nanoseconds: int) -> None:
        if self.past is None and nanoseconds > 0:
            return
        self.desk.travel.move(lambda past: past.go_to(past.at + nanoseconds))

    def action_back(self) -> None:
        self._step(-1)

    def action_on(self) -> None:
        self._step(1)

    def action_minute_back(self) -> None:
        self._by(-MINUTE)

    def action_minute_on(self) -> None:
        self._by(MINUTE)

    def action_hour_back(self) -> None:
        self._by(-60 * MINUTE)

    def action_hour_on(self) -> None:
        self._by(60 * MINUTE)

    def action_day_back(self) -> None:
        self._by(-1_440 * MINUTE)

    def action_day_on(self) -> None:
        self._by(1_440 * MINUTE)

    def action_page_back(self) -> None:
        self._step(1 - self.body_height)

    def action_page_on(self) -> None:
        self._step(self.body_height - 1)

    def action_first(self) -> None:
        self.desk.travel.move(lambda past: past.go(0))

    def action_last(self) -> None:
        if self.past is not None:
            self.desk.travel.move(lambda past: past.go(past.timeline.count))

    def action_now(self) -> None:
        if self.has_class("searching"):
            self._close_field()
        else:
            self.desk.travel.leave()

    def action_what_if(self) -> None:
        self.desk.travel.branch()

    def action_session(self) -> None:
        self.app.run_named("sessions")  # type: ignore[attr-defined]

    def chosen(self, row: Row) -> None:
        self.desk.travel.move(lambda past: past.go(row.number))

    def on_click(self, event: events.Click) -> None:
        if event.widget not in (None, self):
            return  # in a field that stands in the pane, with that field's coordinates
        if (row := self.row_at(event.y)) is not None:
            self.chosen(row)
            event.prevent_default()  # the rows stand round the moment that was chosen

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._step(3)
        event.stop()
        event.prevent_default()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._step(-3)
        event.stop()
        event.prevent_default()

    # -- searching

    def search(self) -> bool:
        self.action_find()
        return True

    def action_find(self) -> None:
        self.add_class("searching")
        field = self.query_one(Field)
        field.value = self._words
        field.cursor_position = len(self._words)
        self.screen.set_focus(field)

    def _close_field(self) -> None:
        self.remove_class("searching")
        self.screen.set_focus(self)

    def on_descendant_blur(self) -> None:
        self.remove_class("searching")

    @on(Input.Submitted)
    def _search(self, event: Input.Submitted) -> None:
        event.stop()
        self._words = event.value.strip()
        self._close_field()
        if self._words:
            self._seek(-1, here=True)

    def action_older(self) -> None:
        self._seek(-1)

    def action_newer(self) -> None:
        self._seek(1)

    def _matches(self, event: Event, words: Sequence[str]) -> bool:
        name = self._instrument(event)
        known = self.desk.travel.present.core.instruments.get(name)
        tag = event.__struct_config__.tag
        where = f"{tag} {kind(event)} {name} {reference(event)} {sentence(event, known)}".casefold()
        return all(word in where for word in words)

    def _seek(self, way: int, here: bool = False) -> None:
        """Go to the next match before (−1) or after (1) the moment; `here` counts the moment itself."""
        words = self._words.casefold().split()
        if not words:
            self.action_find()
            return
        rows = self.rows()
        at = len(rows) - 1 if self.past is None else self.past.step
        number = at if here else at + way
        while 0 < number < len(rows):
            event = rows[number].event
            if event is not None and self._matches(event, words):
                self.desk.travel.move(partial(_go, number))
                return
            number += way
        self.toast(f"No event {'before' if way < 0 else 'after'} this moment has “{self._words}”.")

    def action_copy(self) -> None:
        if (row := self.selected_row) is not None:
            self.app.copy_to_clipboard("\t".join(self.cell(row, column.key)[0] for column in self.COLUMNS))
            self.toast("The event is in the clipboard.")


def _go(step: int, past: PastDesk) -> None:
    past.go(step)
