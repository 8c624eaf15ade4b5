"""What venues report, in the order in which it is to be booked: behind what the desk missed of them.

Average cost, and so what a sale realises, depends on the order of fills: reports wait until the store is open and what
was missed of their venue is booked.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from workstation.domain.events import OrderEvent, VenueBooked, VenueEntry
from workstation.trading.gateway import OrderGateway
from workstation.trading.venue_entries import VenueEntries


class VenueReports:
    """Of the venues by these names."""

    def __init__(self, venues: Iterable[str], gateway: OrderGateway, entries: VenueEntries) -> None:
        self._gateway, self._entries = gateway, entries
        self._early: dict[str, deque[OrderEvent | VenueEntry]] = {name: deque() for name in venues}

    def of(self, venue: str) -> Callable[[OrderEvent | VenueEntry], None]:
        """What a venue is to tell its reports."""

        def report(event: OrderEvent | VenueEntry) -> None:
            if venue in self._early:
                self._early[venue].append(event)
            else:
                self._report(venue, event)

        return report

    def caught_up(self, venue: str) -> None:
        """All that the desk missed of a venue is booked: what it has reported since comes next."""
        for event in self._early.pop(venue, ()):
            self._report(venue, event)

    def _report(self, venue: str, event: OrderEvent | VenueEntry) -> None:
        if isinstance(event, VenueBooked):
            self._entries.report(venue, event)
        else:
            self._gateway.report(venue, event)
