"""The status bar above the panes and the footer of keys below them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events

from screens.actions import Action
from screens.figures import moment, places_of, shown
from screens.painted import Painted
from screens.sight import age_words
from workstation.clock import SECOND
from workstation.desk_view import Link
from workstation.domain.events import TradingState
from workstation.engine import Engine
from workstation.trading.risk_breakers import time_left

if TYPE_CHECKING:
    from screens.time_travel import TimeTravel
    from workstation.trading.portfolio import Equity

type Part = tuple[str, Style]

#: How long (ns) the status bar shows that the desk stood still.
_STALL_SHOWN = 60 * SECOND
#: Difference (ns) between a venue's clock and ours that the status bar shows.
_DRIFT_SHOWN = SECOND
#: Letters that a longer title of a page is cut to where all titles together are too long.
_SHORT = 4
type _PageText = tuple[int, list[Part]]


def money(value: Decimal, places: int = 2, sign: bool = False) -> str:
    """With thousands separators: 12,345.60 (and a + if asked)."""
    return shown(f"{value:+,.{places}f}" if sign else f"{value:,.{places}f}")


def age(nanoseconds: int) -> str:
    """How old something is, in at most four cells: 0.2s, 15s, 3m, 2h."""
    seconds = max(0, nanoseconds) / SECOND
    if seconds < 9.95:
        return shown(f"{seconds:.1f}s")
    if seconds < 100:
        return f"{seconds:.0f}s"
    return f"{seconds / 60:.0f}m" if seconds < 5_400 else f"{seconds / 3_600:.0f}h"


class _Bar(Painted):
    """One line."""

    DEFAULT_CSS = """
    _Bar { height: 1; width: 1fr; background: $bar; }
    """

    def parts(self) -> list[Part]:
        raise NotImplementedError

    def repaint(self) -> None:
        parts = self.parts()
        bar = self.ink.bar
        used = sum(cell_len(text) for text, _ in parts)
        parts.append((" " * max(0, self.width - used), bar))
        self.put(0, tuple(parts), lambda: [Segment(text, bar + style) for text, style in parts])
        self.flush()


class StatusBar(_Bar):
    """Mode, armed, trading state, pages, equity, day's profit, venues and the age of their data, replay, recording,
    clock.

    Where the line is too short the least important goes first; mode, armed and trading state stay always. A click on
    a page shows it.
    """

    def __init__(
        self,
        engine: Engine,
        armed: Callable[[], bool],
        pages: Callable[[], tuple[Sequence[str], int]],
        show_page: Callable[[int], None],
        travel: TimeTravel,
    ) -> None:
        """`pages`: the titles of the pages and which of them shows; `show_page` is told the one that was clicked;
        `travel`: where in time the panes are."""
        super().__init__()
        self.real = engine
        self.travel = travel
        self.armed = armed
        self.pages = pages
        self.show_page = show_page
        #: Where the pages' names stand: page → (first cell, cell after the last).
        self.page_spans: dict[int, tuple[int, int]] = {}

    @property
    def engine(self) -> Engine:
        """What goes on: the desk's own engine, or that of a what-if."""
        return self.travel.present

    def reads(self) -> Engine:
        """What the panes read: `engine`, or a moment of its past."""
        return self.travel.engine

    def parts(self) -> list[Part]:
        always = self._state()
        equity = self.reads().equity_detail() if self.engine.ready else None
        groups = [
            self._money(equity), self._day(equity), self._links(True), self._replay(), self._recording(),
            self._stall(True),
        ]  # fmt: skip
        pages, narrower = self._pages()
        money_at, day, links, replay, stall = 0, 1, 2, 3, 5
        clock = self._clock()
        room = self.width - _length(always) - 1
        measured: dict[int, tuple[list[Part], int]] = {}

        def length(some: list[Part]) -> int:
            """Of what is weighed against the room again and again."""
            if (known := measured.get(id(some))) is None:
                known = measured[id(some)] = some, _length(some)
            return known[1]

        def full() -> bool:
            used = sum(length(group) + 2 for group in groups if group) + length(clock)
            return used + sum(length(text) for _, text in pages) + bool(pages) > room

        if pages and full():  # the beginnings of the titles are worth more than zone, words and currency
            whole, pages = (pages, groups, clock), self._short_pages()
            if full():
                groups, clock = list(groups), clock[:1]
            if full():
                groups[stall], groups[money_at] = self._stall(False), groups[money_at][:2]
            if full():
                pages, groups, clock = whole
        if narrower and full():
            pages = narrower.pop(0)
        if full():  # how old the data is is worth more than that all is well with the rest
            groups[links] = self._links(True, words=False)
        while narrower and full():
            pages = narrower.pop(0)
        if full():
            clock = clock[:1]  # without the zone
        if full():
            groups[links] = self._links(False, words=False)
        if full():
            groups[stall] = self._stall(False)
        if full():
            groups[money_at] = groups[money_at][:2]  # without the currency
        if full():
            clock = []
        if full():
            groups[replay] = self._replay(day=False)
        if full() and groups[replay]:
            groups[links] = self._links(False, names=False, words=False)
        if full() and pages:
            pages = [self._one_page()]
        if full():
            pages = []
        if full():
            groups[replay] = self._replay(day=False, speed=False)
        for index in (money_at, day, links):
            if full():
                groups[index] = []
        line = list(always)
        self.page_spans = {}
        at = _length(always)
        if pages:
            line.append((" ", self.ink.text))
            at += 1
        for page, text in pages:
            self.page_spans[page] = (at, at + _length(text))
            at += _length(text)
            line += text
        for group in groups:
            if group:
                line += [("  ", self.ink.text), *group]
        gap = self.width - _length(line) - _length(clock)
        return [*line, (" " * max(1, gap), self.ink.text), *clock]

    def _state(self) -> list[Part]:
        ink, engine = self.ink, self.engine
        state = str(engine.trading_state)
        parts = [(f" {self.real.mode.upper()} ", ink.badges[self.real.mode])]
        if engine is not self.real:
            if (own := self.real.trading_state) is not TradingState.ACTIVE:
                parts.append((f" {own.upper()} ", ink.badges["live"]))
            parts += [(" WHAT IF ", ink.badges["replay"]), (" ", ink.text)]
        if self.reads() is not engine:
            past = moment(self.reads().clock.now())
            parts += [(f" PAST {past:%d %b %H:%M:%S} ", ink.badges["paper"]), (" ", ink.text)]
            if state == "active":
                return parts
        elif self.armed():
            parts.append((" ARMED ", ink.good + Style(bold=True)))
        else:
            parts.append((" DISARMED ", ink.warning + Style(bold=True)))
        if state == "halted":
            parts.append((" HALTED ", ink.badges["live"]))
        elif state == "reducing":
            parts.append((" REDUCING ", ink.badges["paper"]))
        elif unproven := [link.venue for link in engine.links() if link.unproven]:
            # what the venue shows has not been compared with the books: only what shrinks a position goes there
            parts.append((f" REDUCING {' '.join(unproven)} ", ink.badges["paper"]))
        elif not engine.ready:  # the store is being opened: the state that it kept is not known yet
            parts.append(("OPENING", ink.warning))
        else:
            parts.append((state.upper(), ink.dim))
        return [*parts, *self._breakers()]

    def _breakers(self) -> list[Part]:
        """The tripped breaker that lasts longest with its time left, and how many there are."""
        tripped = self.engine.risk.tripped()
        if not tripped:
            return []
        now = self.engine.clock.now()
        last = max(tripped, key=lambda trip: float("inf") if trip.until is None else trip.until)
        left = "" if last.until is None else f" {time_left(last.until - now)}"
        more = f" +{len(tripped) - 1}" if len(tripped) > 1 else ""
        text = f" {last.name.upper().replace('_', ' ')}{left}{more} "
        return [(" ", self.ink.text), (text, self.ink.badges["live"])]

    def _pages(self) -> tuple[list[_PageText], list[list[_PageText]]]:
        """The pages by number and title, and what may stand there instead: numbers alone; which of how many shows, with
        its title."""
        titles, here = self.pages()
        full = [self._page(index, title) for index, title in enumerate(titles)]
        numbers = [self._page(index, title if index == here else "") for index, title in enumerate(titles)]
        return ([] if len(titles) < 2 else full), ([numbers, [self._one_page(titles[here])]] if len(titles) > 1 else [])

    def _one_page(self, title: str = "") -> _PageText:
        """Which page shows and how many there are: 2/6 Books; without its title where there is no room for it."""
        titles, here = self.pages()
        words = [(f" {here + 1}", self.ink.accent + Style(bold=True)), (f"/{len(titles)} ", self.ink.dim)]
        return here, [*words, *([(f"{title} ", self.ink.strong)] if title else [])]

    def _short_pages(self) -> list[_PageText]:
        """The title of the page that shows and the beginnings of the others, close together."""
        titles, here = self.pages()

        def short(index: int, title: str) -> str:
            return title if index == here or len(title) <= _SHORT + 1 else title[:_SHORT].rstrip()

        return [self._page(index, short(index, title), before="") for index, title in enumerate(titles)]

    def _page(self, index: int, title: str, before: str = " ") -> _PageText:
        ink, here = self.ink, index == self.pages()[1]
        number = (f"{before}{index + 1} ", (ink.accent + Style(bold=True)) if here else ink.dim)
        return index, [number, *([(f"{title} ", ink.strong if here else ink.dim)] if title else [])]

    def on_click(self, event: events.Click) -> None:
        for page, (start, end) in self.page_spans.items():
            if start <= event.x < end:
                self.show_page(page)
                return

    def _money(self, equity: Equity | None) -> list[Part]:
        currency = self.engine.currency
        if equity is None:  # the store is being opened: what there is is not known yet
            return [("Equity ", self.ink.dim), ("opening …", self.ink.warning)]
        if unread := self.engine.unread():
            return [("Equity ", self.ink.dim), (f"– {unread[0]} not read yet", self.ink.warning)]
        worth, old = money(equity.total, places_of(currency)), self.reads().equity_stale_for()
        if old is not None:
            warning = self.ink.warning
            return [("Equity ", self.ink.dim), (f"~{worth}", warning), (f" {currency} {age_words(old)} old", warning)]
        if equity.unpriced:
            what = min(equity.unpriced, key=lambda name: (":" in name, name))  # the coin, rather than its market
            warning = self.ink.warning
            return [("Equity ", self.ink.dim), (f"~{worth}", warning), (f" {currency} without {what}", warning)]
        return [("Equity ", self.ink.dim), (worth, self.ink.strong), (f" {currency}", self.ink.dim)]

    def _day(self, equity: Equity | None) -> list[Part]:
        if equity is None:
            return []
        profit = self.reads().day_pnl()
        made = money(profit, places_of(self.engine.currency), sign=True)
        if equity.unpriced or self.engine.unread():
            return [("Day ", self.ink.dim), ("–", self.ink.warning)]
        if self.reads().equity_stale_for() is not None:
            return [("Day ", self.ink.dim), (f"~{made}", self.ink.warning)]
        return [("Day ", self.ink.dim), (made, self.ink.signed(profit))]

    def _links(self, ages: bool, names: bool = True, words: bool = True) -> list[Part]:
        """The venues; without `names` those of which all is well are a dot, without `words` nothing more is said of
        them."""
        ink, now = self.ink, self.engine.clock.now()
        stale = self.engine.settings.market.stale_after_ms * 1_000_000
        parts: list[Part] = []
        for link in self.engine.links():
            old = now - link.last_data if link.last_data else None
            if str(link.state) == "down":
                colour = ink.error
            elif str(link.state) != "connected" or old is None or old > stale:
                colour = ink.warning
            else:
                colour = ink.good
            if parts:
                parts.append((" ", ink.dim))
            parts += [("● ", colour), (link.venue, ink.text)] if names or colour is not ink.good else [("●", colour)]
            if str(link.state) != "connected":
                parts.append((f" {link.state}", colour))
            elif ages:
                parts.append((f" {age(old) if old is not None else '–':>4}", ink.dim if colour is ink.good else colour))
            if abs(link.drift) > _DRIFT_SHOWN:
                parts.append((f" clock {shown(f'{link.drift / SECOND:+.1f}')}s", ink.warning))
            if link.late:
                parts.append((f" {link.late}", ink.warning))
            if link.hears_orders is False and not link.late and str(link.state) == "connected":
                parts.append((" own orders not heard", ink.warning))
            parts += self._dead_man(link, words)
        return parts

    def _dead_man(self, link: Link, words: bool) -> list[Part]:
        """Of the venue's own switch, where the desk has asked for it; that it is not held is always said."""
        held, of = link.dead_man_count or (0, 0)
        if str(link.state) != "connected":
            return [(" dead man's switch runs out", self.ink.warning)] if link.dead_man else []
        if link.dead_man is None:
            waits = words and link.dead_man_count is not None
            return [(" dead man's switch waits for orders", self.ink.dim)] if waits else []
        if not link.dead_man:
            some = f" dead man's switch for {held} of {of}" if held else " no dead man's switch"
            return [(some, self.ink.warning)]
        where = f" for {of} instrument{'s' if of > 1 else ''}" if of else ""
        return [(f" dead man's switch held{where}", self.ink.dim)] if words else []

    def _replay(self, day: bool = True, speed: bool = True) -> list[Part]:
        replay = self.engine.replay
        if replay is None:
            return []
        now = moment(self.engine.clock.now())
        time = f"{now:%Y-%m-%d %H:%M:%S}" if day else f"{now:%H:%M:%S}"
        sign = ("‖ ", self.ink.warning) if replay.paused else ("▶ ", self.ink.good)
        sign, words = (("■ ", self.ink.warning), "end") if replay.at_end else (sign, f"{shown(f'{replay.speed:g}')}×")
        return [sign, (words, self.ink.strong), (f" {time}", self.ink.text)] if speed else [sign, (time, self.ink.text)]

    def _recording(self) -> list[Part]:
        return [("● REC", self.ink.error)] if self.real.recording is not None else []

    def _stall(self, words: bool) -> list[Part]:
        """For a minute after the desk stood still: for how long, and how often so far."""
        stalls = self.real.stalls
        if not stalls or self.real.clock.now() - stalls[-1].ended > _STALL_SHOWN:
            return []
        often = f" ×{len(stalls)}" if len(stalls) > 1 else ""
        return [
            ("‼ ", self.ink.error),
            (f"{'stood still ' if words else ''}{shown(f'{stalls[-1].seconds:.1f}')}s{often}", self.ink.warning),
        ]

    def _clock(self) -> list[Part]:
        if self.engine.replay is not None:
            return []
        now = moment(self.engine.clock.now())
        return [(f"{now:%H:%M:%S} ", self.ink.text), (f"{now:%Z} ", self.ink.dim)]


class Footer(_Bar):
    """The keys that matter where the focus is: the pane's own first, then the desk's, as many as fit."""

    def __init__(
        self,
        actions: Callable[[], Sequence[Action]],
        armed: Callable[[], bool],
        run: Callable[[str], None],
        mode: Callable[[], str],
    ) -> None:
        """`mode`: the word for what the keys do now, "" where they do what they always do."""
        super().__init__()
        self.actions = actions
        self.armed = armed
        self.run = run
        self.mode = mode
        self._hits: list[tuple[int, int, str]] = []
        self._shows: tuple[object, ...] = ()  # what the line was made of, and the line
        self._parts: list[Part] = []

    def parts(self) -> list[Part]:
        shows = (self.mode(), self.ink, self.width, self.armed(), *self.actions())
        if shows != self._shows:
            self._shows, self._parts = shows, self._made()
        return list(self._parts)

    def _made(self) -> list[Part]:
        ink = self.ink
        self._hits = []
        mode = self.mode()
        if mode == "JUMP":
            return [(f" {mode} ", ink.badges["paper"]), ("  Press a letter to go there, Esc to stay", ink.own)]
        hints = [action for action in self.actions() if action.footer and action.keys]
        room = self.width - (cell_len(mode) + 3 if mode else 0)
        chosen: set[str] = set()
        first = "" if self.armed() else "arm"  # what the trading keys wait for
        for action in sorted(hints, key=lambda one: (one.name != first, -one.footer)):
            length = cell_len(self._key(action)) + cell_len(action.label) + 3
            if length <= room:
                room -= length
                chosen.add(action.name)
        parts: list[Part] = []
        x = 0
        if mode:
            parts += [(f" {mode} ", ink.badges["paper"]), (" ", ink.text)]
            x = cell_len(mode) + 3
        for action in hints:
            if action.name not in chosen:
                continue
            off = action.trades and not self.armed()
            key, label = f" {self._key(action)} ", f"{action.label} "
            parts += [
                (key, ink.faint if off else ink.accent + Style(bold=True)),
                (label, ink.faint if off else ink.text),
            ]
            width = cell_len(key) + cell_len(label)
            self._hits.append((x, x + width, action.name))
            x += width
        return parts

    @staticmethod
    def _key(action: Action) -> str:
        from screens.keys import display

        return display(action.keys[0])

    def on_click(self, event: events.Click) -> None:
        for start, end, name in self._hits:
            if start <= event.x < end:
                self.run(name)
                return


def _length(parts: Sequence[Part]) -> int:
    cells = 0
    for text, _ in parts:
        cells += len(text) if text.isascii() else cell_len(text)
    return cells
