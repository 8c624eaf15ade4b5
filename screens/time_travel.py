"""Time travel: while the desk shows a moment of a stored session, every pane reads the desk as it stood then. A what-if
goes on from there in a simulator, which every pane then reads and commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from screens.figures import moment, money_text
from screens.keys import display
from workstation.clock import span
from workstation.domain.numbers import counted
from workstation.engine import Engine
from workstation.past.desk import PastDesk, open_past
from workstation.past.what_if import WhatIf, branch
from workstation.store import StoreError
from workstation.store.sessions import Session
from workstation.trading.errors import Refused
from workstation.venues.contract import VenueError

if TYPE_CHECKING:
    from screens.app import TwsApp


class TimeTravel:
    """Where in time the screen is. The engine goes on in the present all the while."""

    def __init__(self, app: TwsApp) -> None:
        self._app = app
        self.past: PastDesk | None = None
        self.version = 0  # grows with every step
        self.opening: Session | None = None  # the session that is being read
        self.what_if: WhatIf | None = None
        self._branching = False
        self._armed = False  # whether the desk was, before the what-if

    @property
    def engine(self) -> Engine:
        """What the panes hold: the engine, or what reads as it did at a moment of the past."""
        return self.present if self.past is None else cast(Engine, self.past)

    @property
    def present(self) -> Engine:
        """What goes on: the engine, in a what-if that one's."""
        return self._app.engine if self.what_if is None else self.what_if.engine

    def session_words(self) -> list[tuple[Session, str, str]]:
        """Each session with its title and how long and busy it was, the newest first; without those that went by
        without an event, of which there is nothing to see."""
        engine, found = self.present, []
        for session in reversed(engine.sessions()):
            if session.end is not None and not session.count:
                continue
            end = session.end or engine.clock.now()
            running = "" if session.end else ", goes on"
            events = counted(session.count, "event")
            title = f"{moment(session.start):%Y-%m-%d %H:%M:%S}"
            found.append((session, title, f"{span(end - session.start)}{running} · {events}"))
        return found

    # -- going there and back

    def open(self, session: Session, then: Callable[[PastDesk], None] | None = None) -> None:
        """Show the end of a session, or the moment to which `then` goes. Reading a long one takes a moment."""
        self._app.run_apart(self._open(session, then))

    async def _open(self, session: Session, then: Callable[[PastDesk], None] | None) -> None:
        if self.opening is not None or (past := await self._read(session)) is None:
            return
        if then is not None:
            then(past)
        before, self.past = self.past, past
        self._show()
        if before is None:
            now = self._app.table.get("now")
            key = f"{display(now.keys[0])} goes" if now is not None and now.keys else "The palette goes"
            self._app.toast(f"PAST: every pane shows the desk as it was; nothing is sent. {key} back to now.")

    async def _read(self, session: Session) -> PastDesk | None:
        """The end of a session; None if it cannot be read, which is said."""
        self.opening = session
        try:
            return await open_past(self.present, session)
        except StoreError as error:
            self._app.toast(str(error), error=True)
            return None
        finally:
            self.opening = None

    def move(self, go: Callable[[PastDesk], None]) -> None:
        """Go elsewhere in the session that is shown; from the present, in the one that runs."""
        if self.past is not None:
            go(self.past)
            self._show()
        elif sessions := self.present.sessions():
            self.open(sessions[-1], go)

    def leave(self) -> None:
        """Back to now: out of the past, else out of the what-if."""
        if self.past is not None:
            self.past = None
            self._show()
            now = "NOW" if self.what_if is None else "The what-if goes on"
            self._app.toast(f"{now}: the desk shows the present again.")
        elif self.what_if is not None:
            self._app.toast(self._ended(self.what_if))
            self._enter(None)

    def leave_all(self) -> None:
        """Back to what is real, at once: the kill switch acts there."""
        self.past, before = None, self.past
        if self.what_if is not None:
            self._enter(None)
        elif before is not None:
            self._show()

    # -- what if

    def branch(self) -> None:
        """Go on from the moment that shows, or from now, in a simulator. Raises `Refused`."""
        if self.what_if is not None:
            raise Refused(f"The desk is in a what-if already: leave it first ({self._now_key()}).")
        if self._app.what_ifs is None:
            raise Refused("This desk has no folder for a what-if.")
        if self._branching or self.opening is not None:
            return
        if self.past is not None:
            self._app.run_apart(self._branch(self.past))
        elif sessions := self.present.sessions():
            self._app.run_apart(self._branch_now(sessions[-1]))
        else:
            raise Refused("The desk is still opening its store.")

    async def _branch_now(self, session: Session) -> None:
        if (past := await self._read(session)) is not None:
            await self._branch(past)

    async def _branch(self, past: PastDesk) -> None:
        assert self._app.what_ifs is not None
        self._branching = True
        try:
            what_if = await branch(past, self._app.what_ifs)
        except (Refused, StoreError, VenueError) as error:
            self._app.toast(str(error), error=True)
            return
        finally:
            self._branching = False
        self._enter(what_if)
        actions = {name: self._app.table.get(name) for name in ("replay_pause", "replay_faster")}
        pause, faster = (display(one.keys[0]) if one and one.keys else "the palette" for one in actions.values())
        prices = "invented prices"
        if not what_if.invented:
            prices = f"the prices of then until {moment(what_if.known_until):%H:%M:%S}, invented ones after that"
        self._app.toast(
            f"WHAT IF from {moment(what_if.moment):%d %b %H:%M:%S}: simulated, with {prices}. {pause} lets time go on, "
            f"{faster} faster; {self._now_key()} leaves."
        )

    def _enter(self, what_if: WhatIf | None) -> None:
        """Into a what-if, or out of it. Every pane is made anew: nothing that one has staged goes along."""
        app, before = self._app, self.what_if
        if before is None:
            self._armed = app.armed
        self.what_if, self.past = what_if, None
        self.version += 1
        if what_if is not None:
            app.armed = True
        else:
            app.armed = self._armed and app.engine.mode in ("demo", "replay")
        app.replay_keys()
        app.typed.forget()
        app.workspace.afresh()
        app.refresh_bars()
        if before is not None:
            app.run_apart(before.close())

    def _ended(self, what_if: WhatIf) -> str:
        """What became of it, beside what became of the desk itself."""
        engine = what_if.engine
        equity, own = engine.equity(), what_if.own_equity()
        words = f"The what-if ends at {moment(engine.clock.now()):%H:%M:%S} with {money_text(equity)}"
        if own is not None:
            words += f"; the desk itself had {money_text(own)} then ({money_text(equity - own, sign=True)})"
        return f"{words}. NOW: the desk shows the present again."

    async def close(self) -> None:
        """The desk closes."""
        if self.what_if is not None:
            what_if, self.what_if = self.what_if, None
            await what_if.close()

    def _now_key(self) -> str:
        now = self._app.table.get("now")
        return display(now.keys[0]) if now is not None and now.keys else "the palette"

    def _show(self) -> None:
        self.version += 1
        workspace = self._app.workspace
        for pane in list(workspace.panes.values()):
            workspace.guard(pane, pane.changed if pane.display else pane.instrument_changed)
        self._app.refresh_bars()
