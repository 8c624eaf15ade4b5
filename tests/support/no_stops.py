"""Venues that take market and limit orders alone from this desk, like the real ones."""

from __future__ import annotations

import msgspec

from workstation.domain.order import OrderType
from workstation.venues.contract import Capabilities
from workstation.venues.faulty import FaultyVenue
from workstation.venues.simulated import SimulatedVenue


class NoStops(FaultyVenue):
    @property
    def capabilities(self) -> Capabilities:
        plain = frozenset({OrderType.MARKET, OrderType.LIMIT})
        return msgspec.structs.replace(self.inner.capabilities, order_types=plain)


def no_stops(venue: SimulatedVenue) -> NoStops:
    return NoStops(venue, venue._clock)
