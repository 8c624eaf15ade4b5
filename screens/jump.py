"""Jump mode: a letter on each pane, page and control that shows; pressing it goes there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import msgspec
from rich.segment import Segment

from screens.layout import pane_of
from screens.painted import Painted
from screens.pane import Pane

if TYPE_CHECKING:
    from screens.app import TwsApp

_LETTERS = "asdfghjklqwertyuiopzxcvbnm"
_POOL = _LETTERS + _LETTERS.upper()


class _Spot(msgspec.Struct, frozen=True):
    """Where a letter stands on the screen and what it does."""

    x: int
    y: int
    run: Callable[[], object]
    wish: str = ""  # the letter it would like


class JumpLetter(Painted):
    """One or two cells over what they lead to. The market goes on moving around them."""

    DEFAULT_CSS = """
    JumpLetter { layer: letters; position: absolute; width: 1; height: 1; display: none; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.text = ""

    def put_at(self, text: str, x: int, y: int) -> None:
        self.text = text
        self.styles.width = len(text)
        self.styles.offset = (x, y)
        self.display = True
        self.repaint()

    def repaint(self) -> None:
        style = self.ink.badges["paper"]
        self.put(0, (self.text, style), lambda: [Segment(self.text, style)])
        self.flush()


class Jump:
    """The letters that stand on the screen, and the key that was pressed of a letter of two."""

    def __init__(self, app: TwsApp) -> None:
        self._app = app
        self._spots: dict[str, _Spot] = {}
        self._typed = ""
        self._widgets: list[JumpLetter] = []

    @property
    def active(self) -> bool:
        return bool(self._spots)

    @property
    def letters(self) -> list[str]:
        """What can be pressed."""
        return list(self._spots)

    def start(self) -> None:
        """Put the letters on the screen."""
        self._typed = ""
        self._spots = labelled(list(self._find()))
        missing = len(self._spots) - len(self._widgets)
        if missing > 0:
            fresh = [JumpLetter() for _ in range(missing)]
            self._widgets += fresh
            self._app.desk_screen.mount(*fresh)
        self._show()

    def _show(self) -> None:
        for widget, (text, spot) in zip(self._widgets, self._spots.items(), strict=False):
            if text.startswith(self._typed):
                widget.put_at(text[len(self._typed) :], spot.x, spot.y)
            elif widget.display:
                widget.display = False

    def _find(self) -> Iterator[_Spot]:
        app = self._app
        workspace = app.workspace
        top = workspace.region
        for region, slot in workspace.titles.hits:
            wish = workspace.pane_classes[pane_of(slot)].DEFAULT_KEY
            yield _Spot(top.x + region.x, top.y + region.y, partial(workspace.focus_slot, slot), wish)
        bar = app.desk_screen.status
        for page, (start, _) in bar.page_spans.items():
            go = partial(workspace.show_page, page)
            yield _Spot(bar.region.x + start + 1, bar.region.y, go, str(page + 1))
        shown = sorted(workspace.shown(), key=lambda pane: pane.slot != workspace.current)
        for pane in shown:
            targets: list[tuple[int, int, Callable[[], object]]] = []
            workspace.guard(pane, lambda pane=pane, targets=targets: targets.extend(pane.jump_targets()))  # type: ignore[misc]
            for x, y, run in targets:
                if 0 <= x < pane.region.width and 0 <= y < pane.region.height:
                    yield _Spot(pane.region.x + x, pane.region.y + y, partial(self._into, pane, run))

    def _into(self, pane: Pane, run: Callable[[], object]) -> None:
        self._app.workspace.focus_slot(pane.slot)
        self._app.workspace.guard(pane, run)

    def press(self, key: str) -> None:
        """Go where the letter leads; any other key takes the letters off the screen."""
        self._typed += key
        spot = self._spots.get(self._typed)
        if spot is None and any(text.startswith(self._typed) for text in self._spots):
            self._show()
            return
        self.stop()
        if spot is not None:
            spot.run()
        elif key.isdigit() and int(key) in range(1, len(self._app.workspace.pages) + 1):
            self._app.workspace.show_page(int(key) - 1)  # a narrow status bar does not show the pages

    def stop(self) -> None:
        self._spots, self._typed = {}, ""
        for widget in self._widgets:
            widget.display = False


def labelled(spots: list[_Spot]) -> dict[str, _Spot]:
    """A label for each spot: the one it wishes for where that is free, else a letter; where these do not suffice the
    last ones begin labels of two."""
    taken: dict[str, _Spot] = {}
    waiting = []
    for spot in spots:
        if spot.wish and spot.wish not in taken:
            taken[spot.wish] = spot
        else:
            waiting.append(spot)
    free = [letter for letter in _POOL if letter not in taken]
    prefixes = 0
    while len(free) - prefixes + prefixes * len(_POOL) < len(waiting):
        prefixes += 1
    heads = free[len(free) - prefixes :]
    labels = [*free[: len(free) - prefixes], *(head + letter for head in heads for letter in _POOL)]
    order = {id(spot): label for spot, label in zip(waiting, labels, strict=False)}
    order |= {id(spot): label for label, spot in taken.items()}
    return {order[id(spot)]: spot for spot in spots if id(spot) in order}
