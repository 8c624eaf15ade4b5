"""A desk that comes back after longer than a comparison reaches back: what was traded elsewhere before that it does not
hear of. Of contracts the exchange shows the position; of spot nobody does, and the trader is told."""

from __future__ import annotations

from datetime import UTC, datetime

from workstation.clock import DAY, SECOND
from workstation.comparison_rounds import FURTHEST, Rounds
from workstation.desk_view import DeskView
from workstation.domain.numbers import plain
from workstation.log import DeskLog


class LongAbsences:
    """Of all venues; each is told of once in a run of the desk."""

    def __init__(self, desk: DeskView, rounds: Rounds, log: DeskLog) -> None:
        self._desk, self._rounds, self._log = desk, rounds, log
        self._told: set[str] = set()

    def look(self, venue: str, now: int) -> None:
        """A comparison of the venue begins."""
        last, of = self._rounds.beyond(venue, now), self._desk.core.instruments
        here = [one for one in self._desk.positions() if one.instrument.startswith(f"{venue}:")]
        held = [f"{plain(one.quantity)} {one.instrument}" for one in here if of[one.instrument].is_spot]
        if last is None or not held or venue in self._told:
            return
        self._told.add(venue)
        when = datetime.fromtimestamp(last // SECOND, UTC)
        self._log.error(
            "orders",
            f"{venue} was last compared on {when:%Y-%m-%d}, and trades of more than {FURTHEST // DAY} days ago are not "
            f"asked for: what was sold elsewhere before is still in this desk's books ({' and '.join(held)}), and "
            "would be sold again by its exits and by flatten. See at the exchange whether it is there.",
        )
