"""What goes wrong between a desk and its exchange: told message by message, or drawn at random from a seed.

A fault strikes a place. Places are named by text:

    "rest GET /api/v3/depth"     a request, by method and path
    "ws depthUpdate"             a message of a stream, by its kind
    "ws-api userDataStream.subscribe.signature"    a request over a socket, by its method
    "connect /stream/0"          a socket that is being opened, by its path

and rules match them with shell patterns ("rest POST *", "ws *").
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from random import Random


class Kind(StrEnum):
    # Requests
    LOST = "lost"  # never arrives: the connection is cut before anything is done
    UNANSWERED = "unanswered"  # done, and no answer ever comes (the client's own time-out ends it)
    CUT = "cut"  # done, and the connection is cut instead of an answer
    SLOW = "slow"  # done at once, answered late
    LATE = "late"  # arrives late, done then
    STATUS = "status"  # refused with an HTTP status (429, 418, 503…), nothing is done
    STATUS_AFTER = "status after"  # done, and yet answered with an HTTP error
    GARBLED = "garbled"  # done, and the answer is no whole JSON
    PRETENDED = "pretended"  # answered as if done, and nothing is done (a lost cancel)
    # Messages of streams
    DROP = "drop"  # never sent; of a numbered stream that is a gap
    DELAY = "delay"  # sent later than those behind it
    DUPLICATE = "duplicate"  # sent twice
    REORDER = "reorder"  # sent after the next message
    CORRUPT = "corrupt"  # sent broken
    CLOSE = "close"  # the socket is closed instead
    SILENCE = "silence"  # nothing more is sent on this socket, nor heard: half open


REQUEST_KINDS = (
    Kind.LOST,
    Kind.UNANSWERED,
    Kind.CUT,
    Kind.SLOW,
    Kind.LATE,
    Kind.STATUS,
    Kind.STATUS_AFTER,
    Kind.GARBLED,
)
STREAM_KINDS = (Kind.DROP, Kind.DELAY, Kind.DUPLICATE, Kind.REORDER, Kind.CORRUPT, Kind.CLOSE, Kind.SILENCE)


@dataclass(frozen=True)
class Fault:
    """`seconds` is how late or how long, `status` the HTTP status of those that have one."""

    kind: Kind
    seconds: float = 0.2
    status: int = 503


@dataclass
class Rule:
    place: str
    fault: Fault
    times: int  # how often it strikes yet
    skip: int  # how many matching messages pass before


@dataclass
class Chance:
    """Random faults: each matching message is struck with `rate`, by one of `faults`."""

    place: str
    rate: float
    faults: Sequence[Fault]
    random: Random


@dataclass
class Hold:
    """Requests at a place stand still at one point of their way until they are let go (see `Faults.hold`)."""

    place: str
    at: str  # "arrived": nothing is done yet; "done": the exchange has done it, the answer is not sent
    times: int
    skip: int = 0
    reached: threading.Event = field(default_factory=threading.Event)
    _go: threading.Event = field(default_factory=threading.Event)

    def release(self) -> None:
        self._go.set()

    async def wait(self) -> None:
        self.reached.set()
        while not self._go.is_set():
            await asyncio.sleep(0.005)


class Faults:
    """The plan. It may be changed from any thread; `struck` tells what happened, in order."""

    def __init__(self) -> None:
        self.struck: list[tuple[str, Fault]] = []
        self.seen: dict[str, int] = {}
        self._rules: list[Rule] = []
        self._chances: list[Chance] = []
        self._holds: list[Hold] = []
        self._lock = threading.Lock()

    def script(self, place: str, fault: Fault | Kind, *, times: int = 1, skip: int = 0) -> None:
        """Let the next `times` messages at the place be struck, after `skip` of them have passed."""
        with self._lock:
            self._rules.append(Rule(place, fault if isinstance(fault, Fault) else Fault(fault), times, skip))

    def chances(self, seed: int, plan: Mapping[str, tuple[float, Iterable[Fault]]]) -> None:
        """Random faults from now on: place → (share of messages struck, what strikes them)."""
        with self._lock:
            self._chances = [
                Chance(place, rate, tuple(faults), Random(f"{seed}/{place}")) for place, (rate, faults) in plan.items()
            ]

    def hold(self, place: str, at: str = "done", *, times: int = 1, skip: int = 0) -> Hold:
        hold = Hold(place, at, times, skip)
        with self._lock:
            self._holds.append(hold)
        return hold

    def clear(self) -> None:
        """No more faults; what is held goes on."""
        with self._lock:
            self._rules.clear()
            self._chances.clear()
            for hold in self._holds:
                hold.release()
            self._holds.clear()

    def strike(self, place: str, kinds: Iterable[Kind]) -> Fault | None:
        """What strikes the message that is now at this place; None if it passes unharmed."""
        allowed = frozenset(kinds)
        with self._lock:
            self.seen[place] = self.seen.get(place, 0) + 1
            fault = self._scripted(place, allowed) or self._drawn(place, allowed)
            if fault is not None:
                self.struck.append((place, fault))
            return fault

    def held(self, place: str, at: str) -> Hold | None:
        with self._lock:
            for hold in self._holds:
                if hold.at == at and hold.times and fnmatchcase(place, hold.place):
                    if hold.skip:
                        hold.skip -= 1
                        continue
                    hold.times -= 1
                    return hold
        return None

    def _scripted(self, place: str, allowed: frozenset[Kind]) -> Fault | None:
        for rule in self._rules:
            if rule.times and rule.fault.kind in allowed and fnmatchcase(place, rule.place):
                if rule.skip:
                    rule.skip -= 1
                    continue
                rule.times -= 1
                return rule.fault
        return None

    def _drawn(self, place: str, allowed: frozenset[Kind]) -> Fault | None:
        for chance in self._chances:
            if fnmatchcase(place, chance.place):
                faults = [fault for fault in chance.faults if fault.kind in allowed]
                if faults and chance.random.random() < chance.rate:
                    return chance.random.choice(faults)
                return None  # the first place that fits decides
        return None
