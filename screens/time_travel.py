"""Time travel: while the desk shows a moment of a stored session, every pane reads the desk as it stood then."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from screens.figures import moment
from screens.keys import display
from workstation.clock import span
from workstation.engine import Engine
from workstation.past.desk import PastDesk, open_past
from workstation.store import StoreError
from workstation.store.sessions import Session

if TYPE_CHECKING:
    from screens.app import TwsApp


class TimeTravel:
    """Where in time the screen is. The engine goes on in the present all the while."""

    def __init__(self, app: TwsApp) -> None:
        self._app = app
        self.past: PastDesk | None = None
        self.version = 0  # grows with every step
        self.opening: Session | None = None  # the session that is being read

    @property
    def engine(self) -> Engine:
        """What the panes hold: the engine, or what reads as it did at a moment of the past."""
        return self._app.engine if self.past is None else cast(Engine, self.past)

    @property
    def present(self) -> Engine:
        return self._app.engine

    def session_words(self) -> list[tuple[Session, str, str]]:
        """Each session with its title and how long and busy it was, the newest first."""
        engine, found = self._app.engine, []
        for session in reversed(engine.sessions()):
            end = session.end or engine.clock.now()
            running = "" if session.end else ", goes on"
            events = f"{session.count:,} event{'s' if session.count != 1 else ''}"
            title = f"{moment(session.start):%Y-%m-%d %H:%M:%S}"
            found.append((session, title, f"{span(end - session.start)}{running} · {events}"))
        return found

    # -- going there and back

    def open(self, session: Session, then: Callable[[PastDesk], None] | None = None) -> None:
        """Show the end of a session, or the moment to which `then` goes. Reading a long one takes a moment."""
        self._app.run_apart(self._open(session, then))

    async def _open(self, session: Session, then: Callable[[PastDesk], None] | None) -> None:
        if self.opening is not None:
            return
        self.opening = session
        try:
            past = await open_past(self._app.engine, session)
        except StoreError as error:
            self._app.toast(str(error), error=True)
            return
        finally:
            self.opening = None
        if then is not None:
            then(past)
        before, self.past = self.past, past
        self._show()
        if before is None:
            now = self._app.table.get("now")
            key = f"{display(now.keys[0])} goes" if now is not None and now.keys else "The palette goes"
            self._app.toast(f"PAST: every pane shows the desk as it was; nothing is sent. {key} back to now.")

    def move(self, go: Callable[[PastDesk], None]) -> None:
        """Go elsewhere in the session that is shown; from the present, in the one that runs."""
        if self.past is not None:
            go(self.past)
            self._show()
        elif sessions := self._app.engine.sessions():
            self.open(sessions[-1], go)

    def leave(self) -> None:
        """Back to now."""
        if self.past is not None:
            self.past = None
            self._show()
            self._app.toast("NOW: the desk shows the present again.")

    def _show(self) -> None:
        self.version += 1
        workspace = self._app.workspace
        for pane in list(workspace.panes.values()):
            workspace.guard(pane, pane.changed if pane.display else pane.instrument_changed)
        self._app.refresh_bars()
