"""The desk's one screen: status bar, workspace, command line, footer, and notices over them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.geometry import Size
from textual.reactive import Reactive
from textual.widget import Widget

from screens.bars import Footer, StatusBar
from screens.command_line import CommandLine
from screens.layout import Page
from screens.notices import Notices
from screens.painted import Painted
from screens.pane import Pane
from screens.prompt import PromptScreen
from screens.workspace import Workspace

if TYPE_CHECKING:
    from screens.app import TwsApp

LEAST = Size(60, 16)


def too_small(size: Size) -> str | None:
    """The sentence for a terminal that is too small, or None."""
    if size.width >= LEAST.width and size.height >= LEAST.height:
        return None
    if size.width * size.height < 120:
        return f"Too small: needs {LEAST.width}×{LEAST.height}"
    return (
        f"The desk needs {LEAST.width}×{LEAST.height} characters; this terminal has {size.width}×{size.height}. "
        "Make it larger. The desk goes on working, and the kill key works."
    )


class TooSmall(Painted):
    """Stands over everything while the terminal is too small."""

    DEFAULT_CSS = """
    TooSmall { layer: cover; width: 100%; height: 100%; background: $background; display: none; }
    """

    def repaint(self) -> None:
        import textwrap

        margin = 2 if self.width >= 20 else 0
        lines = textwrap.wrap(too_small(self.screen.size) or "", max(1, self.width - margin))
        top = max(0, (self.height - len(lines)) // 2)
        for y in range(self.height):
            line = lines[y - top] if top <= y < top + len(lines) else ""
            self.put(y, line, lambda line=line: [Segment(line.center(self.width), self.ink.warning)])  # type: ignore[misc]
        self.flush()


class DeskScreen(PromptScreen[None]):
    """Everything but dialogs."""

    DEFAULT_CSS = """
    DeskScreen { layers: base typed notices letters cover; layout: vertical; overflow: hidden;
                 background: $background; }
    """
    BINDINGS: ClassVar[list[BindingType]] = []
    AUTO_FOCUS = ""
    #: Textual's own paints the whole screen whenever the focus moves, 25 ms of a key's answer at 160×48: here the panes
    #: and fields that lose and gain it paint themselves, and the title bars with them.
    focused: Reactive[Widget | None] = Reactive(None, repaint=False)

    def __init__(self, app: TwsApp, pages: list[Page], classes: Mapping[str, type[Pane]]) -> None:
        super().__init__()
        self._bars_due = False
        self.shell = app
        self.workspace = Workspace(app.desk, pages, classes)
        self.notices = Notices()
        self.status = StatusBar(app.engine, lambda: app.armed, self.workspace.page_titles, self._show_page, app.travel)
        typed = app.typed
        history = app.state.values.get("commands", ())
        self.command_line = CommandLine(
            typed.meaning, typed.questions, history, typed.completion, self.notices.make_room
        )
        self.footer = Footer(app.footer_actions, lambda: app.armed, app.run_named, app.mode_word)

    def compose(self) -> ComposeResult:
        yield self.status
        yield self.workspace
        yield self.command_line
        yield self.footer
        yield self.notices
        yield TooSmall()

    def on_mount(self) -> None:
        self.call_after_refresh(self._first_focus)
        self.watch(self, "focused", self._focus_moved, init=False)

    def _first_focus(self) -> None:
        """The ladder has the focus when the desk opens."""
        slot = self.workspace.first_slot()
        if slot is not None and self.focused is None and self.workspace.is_attached:  # else it was left at once
            self.workspace.focus_slot(slot)

    def _first_pane(self) -> Pane | None:
        return self.workspace.panes.get(self.workspace.first_slot() or "")

    def _show_page(self, index: int) -> None:
        self.workspace.show_page(index)
        self.shell.refresh_bars()

    def _focus_moved(self, focused: Widget | None) -> None:
        before = self.workspace.current
        self.workspace.focus_moved()
        self.shell.layouts.page_shown(self.workspace.page)
        for slot in {before, self.workspace.current}:
            pane = self.workspace.panes.get(slot or "")
            if pane is not None and pane.display and not self._comes(pane):
                self.workspace.guard(pane, pane.repaint)
        self.bars_due()

    def _comes(self, pane: Pane) -> bool:
        """Whether the pane is on its way: it is painted when the screen has been laid out, and only then."""
        return isinstance(pane, Painted) and self._layout_required and pane not in self._compositor.visible_widgets

    def at_hand(self) -> list[Widget]:
        if self.command_line.is_open:
            return self.command_line.parts()
        pane = self.workspace.focused_pane
        return [] if pane is None else [pane]

    def lay_out(self) -> None:
        super().lay_out()
        self.bars_due()

    def bars_due(self) -> None:
        """Status bar, footer and title bars are to be painted: once, after all that one key does."""
        if not self._bars_due:
            self._bars_due = True
            self.call_next(self._before_painting)

    def _before_painting(self) -> None:
        if self._bars_due:
            self.repaint_bars()

    def repaint_bars(self) -> None:
        """Paint status bar, footer and title bars as they are now."""
        if not (self.footer.is_attached and self.workspace.is_attached):
            return  # before the first frame, or after the last
        self._bars_due = False
        self.status.repaint()
        self.footer.repaint()
        self.workspace.repaint()

    def on_resize(self, event: events.Resize) -> None:
        self.query_one(TooSmall).display = too_small(self.size) is not None  # the event may be an older one
        self.notices.arrange_lines()

    def themed(self) -> None:
        """Paint all that is painted in the other theme's inks."""
        for widget in self.query(Painted):
            if not isinstance(widget, Pane):
                widget.invalidate()
                widget.repaint()

    def paints_at_once(self, widget: Painted) -> bool:
        """At the start panes come one after the other, the one that gets the focus in the first picture: not all at
        once when the last is ready, which works out a day of candles of everything that it lists."""
        return self.shell.first_frame.is_set() or self.workspace.pane_with(widget) in (None, self._first_pane())

    def _compositor_refresh(self) -> None:
        """As Textual's, but a pane whose widgets fail to render is replaced instead of ending the app."""
        try:
            super()._compositor_refresh()
        except Exception as error:
            self.app._handle_exception(error)
