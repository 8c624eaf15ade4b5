"""How far the exchange's clock is from ours, by half the way of a question; ccxt signs by what comes of it.

A way that is long tells little: the answer may have been given at any moment of it. So a question's wait in our own
queue is not of its way, and a longer way than the last one corrects what is known no further than it contradicts it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workstation.clock import MILLISECOND, SECOND
from workstation.venues.ccxt.gate import on_leaving
from workstation.venues.patience import answer_within

if TYPE_CHECKING:
    from workstation.venues.ccxt.venue import CcxtVenue

#: Clock drift that the trader is told of.
DRIFT_TOLD = SECOND
#: A way that is longer by no more than this is as good as the last one.
_AS_GOOD = 100 * MILLISECOND


def time_there(venue: CcxtVenue) -> int | None:
    """The time at the exchange now, UTC ms; None while its clock is not known."""
    return None if venue.drift is None else (venue.clock.now() + venue.drift) // MILLISECOND


async def measure_clock(venue: CcxtVenue, exchange: Any, patience: float) -> None:
    """Ask for the exchange's time. What is signed goes by this machine's own clock, which may be set while the desk
    runs, as it often is when the machine has slept."""
    if not exchange.has.get("fetchTime"):
        return
    asked, signed = venue.clock.now(), exchange.milliseconds()

    def leaves() -> None:
        nonlocal asked, signed
        asked, signed = venue.clock.now(), exchange.milliseconds()

    token = on_leaving.set(leaves)
    try:
        server = int(await answer_within(patience, exchange.fetch_time()))
    finally:
        on_leaving.reset(token)
    answered = venue.clock.now()
    way = answered - asked
    before, known, known_way, venue.round_trip = venue.drift, venue.signs_ahead, venue.clock_way, way
    drift, ahead = server * MILLISECOND - (asked + answered) // 2, (signed + exchange.milliseconds()) // 2 - server
    if before is not None and way > known_way + _AS_GOOD:
        half = way // 2
        drift = max(drift - half, min(before, drift + half))
        half = half // MILLISECOND + 1
        ahead = max(ahead - half, min(known, ahead + half))
    else:
        venue.clock_way = way
    venue.drift = drift
    venue.signs_ahead = exchange.options["timeDifference"] = ahead
    if abs(drift) > DRIFT_TOLD and (before is None or abs(before) <= DRIFT_TOLD):
        venue.on_notice(
            "warning", f"{venue.name}'s clock is {drift / SECOND:+.1f} s from this machine's: check the time here."
        )
