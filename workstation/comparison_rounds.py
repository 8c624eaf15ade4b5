"""How far a comparison of a real venue goes, at many of which trades are asked for market by market; what one finds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from workstation.clock import MINUTE, SECOND
from workstation.venues.contract import RealLink, VenueError

#: How far behind the last comparison fills are asked for, and the furthest that is looked back.
BACK, FURTHEST = 30 * SECOND, 7 * 86_400 * SECOND
#: How often all instruments are asked about, though nothing is known to have worked in most of them.
_WHOLE_EVERY = 15 * MINUTE


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One difference between a venue and the desk's books, as it was found: `kind` in a word or two."""

    ts: int
    venue: str
    kind: str
    text: str


class Differs(Exception):
    """A round that asked about some instruments only has found a difference: whose it is, only a whole one says."""


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """`whole`: of all instruments; otherwise of those in which orders have worked. `since` (UTC ns): of when fills are
    asked for; None for the oldest open order's."""

    whole: bool
    since: int | None


class Rounds:
    """What was asked about, by venue. That of the last whole round is kept: a desk that starts goes on from there."""

    def __init__(self, get_setting: Callable[[str, Any], Any], set_setting: Callable[[str, Any], None]) -> None:
        self._get_setting, self._set_setting = get_setting, set_setting
        #: Why the last one failed, in words, of venues where it did.
        self.why: dict[str, str] = {}
        self._done: dict[str, tuple[int, int]] = {}  # epoch and beginning of the last one in this run

    def begin(self, name: str, venue: RealLink, now: int, whole: bool = False) -> Round:
        """The next round: a whole one where `whole` is wanted, the last of them was long ago, or link or streams were
        away since."""
        last = int(self._get_setting(f"compared:{name}", 0))
        epoch, began = self._done.get(name, (-1, 0))
        if whole or epoch != venue.epoch or not last or now - last >= _WHOLE_EVERY:
            return Round(whole=True, since=max(last - BACK, now - FURTHEST) if last else None)
        return Round(whole=False, since=max(began - BACK, now - FURTHEST))

    def beyond(self, name: str, now: int) -> int | None:
        """When the venue was last compared whole (UTC ns), where not all that happened since is asked for."""
        last = int(self._get_setting(f"compared:{name}", 0))
        return last if last and last - BACK < now - FURTHEST else None

    def failed(self, name: str, error: Exception) -> str:
        """Why, in words."""
        words = "no answer in time" if isinstance(error, TimeoutError) else repr(error)
        self.why[name] = str(error) if isinstance(error, VenueError) else words
        return self.why[name]

    def ended(self, name: str, done: Round, epoch: int, began: int) -> None:
        """It has been compared: nothing that happened before `began` is missing of what was asked about."""
        self._done[name] = epoch, began
        self.why.pop(name, None)
        if done.whole:
            self._set_setting(f"compared:{name}", began)
