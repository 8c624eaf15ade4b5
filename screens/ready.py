"""What stands ready: palette and help, made before they are asked for and used again and again, and unseen panes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from screens.theme import Ink

if TYPE_CHECKING:
    from screens.actions import Action
    from screens.app import TwsApp
    from screens.dialog import Dialog
    from screens.finder import Entry

#: So long after the first frame the dialogs are made: what the desk does when it opens comes before.
READY_SECONDS = 2.0
#: Between two panes that are made before they are asked for.
_PAUSE_SECONDS = 0.15


class ReadyDialogs:
    """To make a dialog, to style its widgets and to lay it out takes longer than all else that its key does."""

    def __init__(self, app: TwsApp) -> None:
        self._app = app
        self._kept: dict[str, tuple[Dialog[Any], Ink]] = {}

    async def prepare(self) -> None:
        """Make the dialogs, one after the other, and what the palette lists."""
        from screens.finder import Finder, Help

        self._app.live.book.defaults  # noqa: B018  # what the palette lists is read from the comments of its source
        for name, make in (("finder", lambda: Finder("", "", [], "")), ("help", lambda: Help(None, [], [], ""))):
            await asyncio.sleep(0)
            if name not in self._kept and self._app.is_running:
                dialog: Dialog[Any] = make()
                self._keep(name, dialog)
                await self._app._get_screen(dialog)[1]
                if dialog.is_running:
                    dialog.lay_out_unseen()

    async def prepare_panes(self) -> None:
        """Make the panes of the pages that nobody has opened yet, one at a time: to make and to style those of a page
        takes longer than all else when it is opened. Keys and a market in between find the loop free."""
        app = self._app
        while app.is_running and (unseen := app.workspace.unseen()):
            await asyncio.sleep(_PAUSE_SECONDS)
            if not app.arrivals.near() and app.is_running:
                await app.workspace.prepare(unseen[0])
        for pane in list(app.workspace.panes.values()):
            if pane.is_attached and not pane.display:
                try:
                    await pane.make_ready()
                except Exception as error:
                    app.workspace.fail(pane, error)

    def find(
        self,
        title: str,
        placeholder: str,
        entries: Sequence[Entry],
        empty: str,
        recent: Sequence[str],
        run: Callable[[Entry | None], None],
    ) -> None:
        """Open a list to choose from."""
        from screens.finder import Finder

        kept = self._free("finder")
        if isinstance(kept, Finder):
            kept.offer(title, placeholder, entries, empty, recent)
        self._open("finder", kept or Finder(title, placeholder, entries, empty, recent), run)

    def help(self, pane_title: str | None, pane: Sequence[Action], desk: Sequence[Action], note: str) -> None:
        """Open the help."""
        from screens.finder import Help

        kept = self._free("help")
        if isinstance(kept, Help):
            kept.explain(pane_title, pane, desk, note)
        self._open("help", kept or Help(pane_title, pane, desk, note), None)

    def _open(self, name: str, dialog: Dialog[Any], then: Callable[[Any], None] | None) -> None:
        ready = dialog.is_running
        if not ready and name not in self._kept:
            self._keep(name, dialog)
        self._app.push_screen(dialog, then)
        if ready:
            dialog.open()

    def _keep(self, name: str, dialog: Dialog[Any]) -> None:
        self._app.install_screen(dialog, name)  # it is not removed when it is closed
        self._kept[name] = dialog, self._app.ink

    def _free(self, name: str) -> Dialog[Any] | None:
        """The kept dialog, if it can be opened now: mounted, on no screen, and of the theme in force."""
        if name not in self._kept:
            return None
        dialog, ink = self._kept[name]
        if dialog in self._app.screen_stack or not dialog.is_mounted:
            return None
        if ink is not self._app.ink:
            del self._kept[name]
            self._app.uninstall_screen(dialog)
            dialog.remove()
            return None
        return dialog
