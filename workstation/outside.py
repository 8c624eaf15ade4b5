"""`tws kill`: the kill switch from another shell, whether the desk lives, hangs or is gone.

First a halt request is made durable beside the store: whatever happens from here on, the desk that has the store, or
the next one that opens it, honours it. Then, in this order: a desk that answers carries it out (its watchdog does what
it can if its event loop stands still); where no desk has the store, this process opens it, leaves it HALTED, and pulls
and closes on the venues itself; a desk that has the store and answers nothing is named, with what to do about it, and
on real venues its orders are pulled without it.
"""

from __future__ import annotations

import asyncio
import getpass
import os
import socket
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from workstation.domain.numbers import counted
from workstation.outside_report import Outcome, Report, stopped
from workstation.outside_request import NOTHING_DONE, Leaving
from workstation.paths import Paths
from workstation.settings import Settings, SettingsError
from workstation.store import StoreError
from workstation.store.beside import MEMORY  # a store that is thrown away has room there when the disk has none
from workstation.store.lock import holder
from workstation.trading.kill_status import KillPhase
from workstation.venues.contract import RealLink, VenueError
from workstation.watch.control import answers, progress
from workstation.watch.requests import Doors, HaltRequests, new_request

if TYPE_CHECKING:
    from workstation.engine import Engine
    from workstation.venues.ccxt.settings import VenueSettings

#: Seconds without any answer after which a desk that has the store counts as hung.
PATIENCE = 4.0
_CONNECT, _PAUSE = 1.0, 0.1
#: What the system, the store, a venue and the settings say of what they cannot do.
_SAID = (OSError, StoreError, VenueError, SettingsError)


def stores_of(mode: str, paths: Paths, profile: str | None = None) -> list[Path]:
    """The stores that a kill of the mode is for: of replays those that are being played, of paper and live desks that
    of the profile, or without one every one that there is."""
    if mode in ("paper", "live") and profile is None:
        every = sorted(paths.data.glob(f"{mode}-*.sqlite"))
        plain = paths.store(mode)
        ledgers = [each for each in every if each.name.endswith(".ledger.sqlite")]
        return [each for each in every if each not in ledgers] + ([plain] if plain.exists() or not every else [])
    if mode != "replay":
        return [paths.store(mode, profile)]
    return [store for store in sorted((paths.data / "replays").glob("*.sqlite")) if holder(store) is not None]


class OutsideKill:
    """One kill of one store. `say` gets a sentence whenever there is news."""

    def __init__(
        self,
        settings: Settings,
        paths: Paths,
        mode: str,
        store: Path,
        *,
        flatten: bool,
        wait: float,
        say: Callable[[str], None],
        profile: str | None = None,
    ) -> None:
        """`wait`: seconds in which everything should be confirmed; `profile`: that of the settings, which name the real
        venues that can be reached without a desk."""
        self._profile = profile
        self._settings = settings
        self._paths = paths
        self._mode = mode
        self._store = store
        self._doors = Doors.of(store, paths.state)
        self._requests = HaltRequests(store)
        self._request = new_request(flatten, f"tws kill by {_user()} (process {os.getpid()})")
        self._asked = time.time_ns()
        self._wait = wait
        self._say = say
        self._heard = time.monotonic()  # when a desk last gave a sign of life, or there was none
        self._deadline = self._heard + wait
        self._pid: int | None = None
        self._leaving: Leaving | None = None
        self._told: object = None
        self._apart = False  # this process works with a store that is thrown away: the desk's own has nothing of it
        self._last: Mapping[str, Any] = {}

    def run(self) -> Report:
        """Never raises what the system, the store, the settings or a venue may say: a report comes of everything."""
        try:
            return self._run()
        except _SAID as error:
            return self._report(Outcome.FAILED, str(error))

    def _run(self) -> Report:
        self._leaving = Leaving(self._requests, self._request, self._paths.state)
        if problem := self._leaving.problem():
            self._say(f"No halt request can be written beside the store ({problem}): trying the desk itself.")
        while True:
            report = self._ask_desk()
            if report is not None:
                return report
            self._pid = holder(self._store)
            report = self._act() if self._pid is None else self._by_file(self._pid)
            if report is not None:
                return report
            time.sleep(_PAUSE)

    @property
    def _written(self) -> bool:  # it may come late
        return self._leaving is not None and self._leaving.written

    def _report(self, outcome: Outcome, text: str, receipt: str = "") -> Report:
        if outcome is Outcome.FAILED and self._written and self._requests.path(self._request.id).exists():
            text += " The halt request stays beside the store: the next desk that opens it halts at once."
        return Report(
            outcome=outcome,
            text=text,
            store=str(self._store),
            kill_id=self._request.id,
            pid=self._pid,
            receipt=receipt,
        )

    # A desk that answers.

    def _ask_desk(self) -> Report | None:
        """Have the running desk do it; None if there is none that answers (any more)."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as desk:
            desk.settimeout(_CONNECT)
            try:
                desk.connect(os.fspath(self._doors.socket))
                question = {"ask": "kill", "request": self._request}
                desk.sendall(msgspec.json.encode(question) + b"\n")
                for answer in answers(desk, PATIENCE):
                    self._heard = time.monotonic()
                    if (report := self._hear(answer)) is not None:
                        return report
            except PermissionError as error:
                return self._report(Outcome.FAILED, f"The desk's control socket is another user's: {error}.")
            except (OSError, msgspec.MsgspecError):  # gone, hung or never there: whoever has the store is asked next
                return None
        return None

    def _hear(self, answer: Mapping[str, Any]) -> Report | None:
        match answer.get("event"):
            case "heard":
                self._pid = answer["pid"]
                self._tell(f"The {self._mode} desk (process {self._pid}) has the request.")
            case "blocked":
                self._last = answer
                self._tell(f"Its event loop does not answer. {answer['text']}")
            case "progress":
                self._progress(answer)
            case "done":
                return self._done(answer["receipt"], bool(answer["durable"]), bool(answer.get("left")))
            case "closing":
                self._tell("That desk is closing.")
            case "error":
                return self._report(Outcome.FAILED, str(answer["text"]))
        return self._late(f"the desk (process {self._pid}) goes on by itself") if self._over() else None

    def _over(self) -> bool:
        return time.monotonic() > self._deadline

    def _progress(self, answer: Mapping[str, Any]) -> None:
        self._last = answer
        done, positions = answer["orders"] - answer["orders_left"], answer["positions"] - answer["positions_left"]
        head = "Without the desk's store" if self._apart else "HALTED"
        words = f"{head}; {done} of {counted(answer['orders'], 'working order')} gone"
        if self._request.flatten:
            words += f", {positions} of {counted(answer['positions'], 'position')} closed"
        self._tell(f"{words}.")

    def _tell(self, sentence: str) -> None:
        if sentence != self._told:
            self._told = sentence
            self._say(sentence)

    def _done(self, receipt: str, durable: bool, left: bool = False) -> Report:
        if durable:  # `left`: a venue of the desk itself has stopped
            return self._report(Outcome.HALTED if left else Outcome.DONE, receipt, receipt)
        return self._report(Outcome.HALTED, f"{receipt} HALTED could not be stored.", receipt)

    def _late(self, goes_on: str) -> Report:
        venues: Mapping[str, str] = self._last.get("venues", {})
        shown = self._last.get("text") or "; ".join(f"{venue} {words}" for venue, words in venues.items())
        shown = f"{shown.rstrip('. ')}." if shown else ""
        head = "HALTED; not" if self._last.get("durable") else "Halted, but HALTED is not stored yet; not"
        text = f"{'Not' if self._apart else head} everything is confirmed after {self._wait:g} s; {goes_on}. {shown}"
        return self._report(Outcome.HALTED if self._last else Outcome.LEFT, text.strip())

    # A desk that has the store and does not answer.

    def _by_file(self, pid: int) -> Report | None:
        """Somebody has the store and no socket answers: the request's file may still be honoured."""
        if self._written and not self._requests.path(self._request.id).exists():
            from workstation.outside_books import receipt_since

            self._heard = time.monotonic()
            self._last = {"durable": True}
            self._tell(f"The {self._mode} desk (process {pid}) has taken the request: HALTED is in its store.")
            if (receipt := receipt_since(self._store, self._asked)) is not None:
                return self._report(Outcome.DONE, receipt, receipt)
            return self._late(f"the desk (process {pid}) goes on by itself") if self._over() else None
        if time.monotonic() - self._heard < PATIENCE:
            return None
        what = f"The {self._mode} desk (process {pid}) has the store and does not answer{stopped(pid)}."
        report = self._beside(what) if self._mode == "live" and self._reaches() else None
        if not self._written:  # the venues are asked all the same
            end = f"No request could be left: if it runs again it trades on. End it with `kill -9 {pid}`."
            pulled, receipt = (report.text, report.receipt) if report else (what, "")
            return self._report(Outcome.FAILED, f"{pulled} {end}", receipt)
        asleep, awake = "no order leaves that desk when it runs again", "that desk may trade on until it sees it"
        runs = asleep if stopped(pid) else awake
        waits = f"A halt request is durable beside the store: {runs}, and the next start begins HALTED."
        again = f"end the desk with `kill -9 {pid}` and repeat this command."
        if report is not None:
            return self._report(report.outcome, f"{report.text} {waits} To have it stored now, {again}", report.receipt)
        text = f"{what} {waits} Working orders stand until then: to pull them now, {again}"
        return self._report(Outcome.LEFT, text)

    def _beside(self, what: str) -> Report | None:
        """Real venues can be reached past a desk that hangs; what it missed there it finds when it compares itself with
        them. None where nothing could be asked of them from here."""
        self._tell(f"{what} Pulling what the venues show without it.")
        self._deadline = time.monotonic() + self._wait  # waiting for the desk has taken a part of it
        try:
            report = self._thrown_away()
        except _SAID as error:
            self._tell(f"The venues cannot be asked from here: {error}")
            return None
        done = report.outcome is Outcome.DONE
        return self._report(Outcome.HALTED if done else report.outcome, f"{what} {report.text}", report.receipt)

    # No desk: act from here.

    def _act(self) -> Report | None:
        """Open the store, be the desk until the kill is done; None if another process came first."""
        if self._leaving is not None and self._leaving.hangs():
            return self._report(Outcome.FAILED, NOTHING_DONE) if self._over() else None
        if self._mode == "replay":
            self._requests.remove(self._request.id)
            return self._report(Outcome.DONE, "The replay has ended, and its simulated orders with it.")
        if self._mode != "demo" and (not self._store.exists() or not self._reaches()):
            return self._store_alone()
        from workstation.outside_books import is_stored

        try:
            desk = self._desk(self._store)
            self._tell(f"No {self._mode} desk runs: this process stops everything itself.")
            report = asyncio.run(self._as_desk(desk))
            if report.outcome is Outcome.DONE and not is_stored(self._store, self._asked):
                report = self._done(report.receipt, durable=False)
            return self._with_left(report, desk, books=True)
        except StoreError as error:
            return None if holder(self._store) is not None else self._without_store(error)
        except SettingsError as error:
            return self._store_alone(error)
        except VenueError as error:  # its ledger is another process's: a desk that just starts, say
            return self._report(Outcome.FAILED, str(error)) if self._over() else None

    def _reaches(self) -> bool:
        """Whether the settings name the real venues of this store's desk."""
        return self._settings.mode == self._mode and self._store == self._paths.store(self._mode, self._profile)

    def _desk(self, store: Path) -> Engine:
        """A desk on the store; what it needs of real venues is asked for before any event loop runs."""
        if self._mode == "demo":
            from workstation.assembly import demo_desk

            return demo_desk(self._settings, self._paths, store=store)
        from workstation import real_desks
        from workstation.real_keys import keys_of

        if self._mode == "paper":
            return real_desks.paper_desk(self._settings, self._paths, self._profile, store=store)
        credentials = keys_of(self._paths, must=False)  # what the environment's keys reach is stopped at least
        settings = self._settings
        if self._apart:  # what it took for its own it would sell, and a desk that wakes would sell it once more
            settings = msgspec.structs.replace(settings, venues={n: _ignoring(v) for n, v in settings.venues.items()})
        return real_desks.live_desk(
            settings, self._paths, self._profile, credentials=credentials, store=store, traded=self._store
        )

    async def _as_desk(self, engine: Engine) -> Report:
        confirmed = False
        try:
            press = engine.flatten if self._request.flatten else engine.kill
            if not self._written and not self._apart:
                press(self._request.reason)
            await engine.start()
            await engine.wait_ready()
            if engine.kill_status.phase is KillPhase.IDLE:
                press(self._request.reason)  # whoever took the request with his own has ended: what is there is asked
            told = -1
            while engine.kill_status.phase is not KillPhase.DONE and not self._over():
                if engine.kill_status.version != told and engine.kill_status.phase is not KillPhase.IDLE:
                    told = engine.kill_status.version
                    self._progress(progress(engine.kill_status, True))
                await asyncio.sleep(0.02)
            if confirmed := engine.kill_status.phase is KillPhase.DONE:
                return self._done(engine.kill_status.receipt, durable=True, left=engine.kill_status.stopped)
        finally:
            if self._pid is not None or not confirmed:
                engine.leave_armed()  # a hung desk's switch is not ours; and what still works is watched by nobody
            await engine.close()
        armed = [name for name, at in engine.venues.items() if isinstance(at, RealLink) and at.dead_man_holds()]
        goes_on = "repeat this command to go on"
        if not self._apart:
            goes_on = "the next start of the desk or of this command goes on"
        return self._late(goes_on + (f"; the dead man's switch stays set at {', '.join(armed)}" if armed else ""))

    def _without_store(self, error: StoreError) -> Report:
        """The store cannot be used: pull what the venues show, with a store that is thrown away after."""
        self._tell(f"{error} Pulling what the venues show without it.")
        try:
            report = self._thrown_away()
        except _SAID as why:
            return self._report(Outcome.FAILED, f"{error} The venues cannot be asked from here: {why}")
        text = f"{report.text} {error}"
        if self._written:
            text += " The halt request stays beside the store."
        return self._report(Outcome.HALTED, text, report.receipt)

    def _thrown_away(self) -> Report:
        """What the venues show, without the desk's books: its instruments are read from its store where that can be.
        The report and its receipt say what is not done so."""
        self._apart = True
        try:
            return self._in_folder(None)
        except (OSError, StoreError):
            if not os.access(MEMORY, os.W_OK | os.X_OK):
                raise
            return self._in_folder(MEMORY)  # the usual one may be on the same full disk as the store

    def _in_folder(self, parent: Path | None) -> Report:
        self._last = {}
        with tempfile.TemporaryDirectory(prefix="tws-kill-", dir=parent, ignore_cleanup_errors=True) as folder:
            store = Path(folder) / self._store.name
            HaltRequests(store).write(self._request)
            engine = self._desk(store)
            report = asyncio.run(self._as_desk(engine))
        return self._with_left(report, engine, books=False)

    def _with_left(self, report: Report, engine: Engine, *, books: bool) -> Report:
        """The report with what the kill did not ask for, which is not confirmed then."""
        from workstation.outside_books import left_out

        asked = [each.id for each in engine.instruments()]
        if not (left := left_out(self._store, asked, self._request.flatten, books=books)):
            return report
        return msgspec.structs.replace(
            report,
            outcome=Outcome.HALTED if report.outcome is Outcome.DONE else report.outcome,
            text=f"{report.text}{left}",
            receipt=f"{report.receipt}{left}" if report.receipt else "",
        )

    def _store_alone(self, error: SettingsError | None = None) -> Report | None:
        """A desk whose real venues the settings do not name, or for this error cannot be opened."""
        from workstation.outside_books import leave_halted

        if not self._store.exists():
            self._requests.remove(self._request.id)
            return self._report(Outcome.FAILED, f"There is no {self._mode} desk here: no store {self._store}.")
        why = "Its venues are not in the settings of this command: name the profile (tws kill --profile NAME)"
        if error is not None:
            why = f"Its venues cannot be opened from here: {error} Mend that and repeat this command"
        try:
            leave_halted(self._store, self._mode, self._request)
        except StoreError as damage:
            if holder(self._store) is not None:  # a desk came first: it is asked
                return None
            return self._report(Outcome.FAILED, f"{damage} {why}, or pull the orders at the venues.")
        self._requests.remove(self._request.id)
        return self._report(
            Outcome.HALTED,
            f"The {self._mode} store is HALTED and its next desk goes on with the kill. {why}, or pull the orders at "
            "the venues.",
        )


def _ignoring(venue: VenueSettings) -> VenueSettings:
    return msgspec.structs.replace(venue, external_orders="ignore")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"
