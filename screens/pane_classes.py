"""The panes' classes by name. Those of the desk's own panes are loaded when they are first asked for."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from screens.pane import Desk, Pane
from screens.plugins import PaneInfo

if TYPE_CHECKING:
    from screens.app import TwsApp


class PaneClasses(dict[str, type[Pane]]):
    """By a pane's name its class. To load the panes of all pages takes as long as to load Textual, and the first frame
    shows one page: the others are loaded by their first use, or by `load_rest`, whatever comes first."""

    def __init__(self, app: TwsApp, infos: Iterable[PaneInfo]) -> None:
        """`infos`: what `list_plugins` found."""
        self._app = app
        self._infos = {(info.name, info.source): info for info in infos}
        super().__init__({info.name: info.cls for info in self._infos.values() if info.cls is not None})
        self._late = {info.name: info for info in self._infos.values() if info.late}

    @property
    def infos(self) -> list[PaneInfo]:
        """What there is, all loaded."""
        for name in list(self._late):
            self[name]  # to ask for it loads it
        return list(self._infos.values())

    @property
    def names(self) -> list[str]:
        """All panes that can be used, as far as is known."""
        return [info.name for info in self._infos.values() if info.late or info.cls is not None]

    @property
    def late(self) -> bool:
        """Whether there are panes that nobody has asked for yet."""
        return bool(self._late)

    def __missing__(self, name: str) -> type[Pane]:
        info = self._late.pop(name, None)
        if info is None:
            raise KeyError(name)
        found = info.loaded()
        self._infos[info.name, info.source] = found
        self[name] = found.cls or _unusable(found)
        self._loaded(found)
        return self[name]

    def _loaded(self, info: PaneInfo) -> None:
        """Its actions are in the table now, and the keys that the trader has given them."""
        app, problems = self._app, []
        if info.cls is None:
            problems.append(f"The pane {info.name} cannot be used: {info.error}")
        else:
            if app.live.own_keys:  # judge its keys beside those that all came with, as those of the first panes
                app.table.rekey({}, {})
            problems += app.table.add_pane(info.name, info.cls.ACTIONS)
        unknown = app.live.rekey() if app.live.own_keys or not self._late else []
        if not self._late:  # else a key may be of a pane that comes
            problems += unknown
            app.table.in_order(self.names)
        app.say_problems(problems)

    async def load_rest(self) -> None:
        """Load those that nobody has asked for yet, off the event loop."""
        for info in list(self._late.values()):
            if info.point is not None:
                with contextlib.suppress(Exception):  # it is told when the class is asked for
                    await asyncio.to_thread(importlib.import_module, info.point.module)
            if info.name in self._late:
                self[info.name]


def _unusable(info: PaneInfo) -> type[Pane]:
    """What stands for a class that cannot be loaded: where it is to show, an error card comes."""

    class Unusable(Pane):
        PANE = info.name
        TITLE = info.name.capitalize()
        FOLLOWS = False

        def __init__(self, desk: Desk, slot: str) -> None:
            raise RuntimeError(info.error)

    return Unusable
