"""What others send to the account while a kill is at work: another desk, a bot, the trader's telephone.

What worked there when the kill first looked is pulled whoever made it. What others send after that is pulled too, as
often as it comes, but nothing waits for an end of it: positions are closed beside, and after a bounded time the kill
ends and says that somebody else goes on. This desk cannot stop him.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from itertools import islice

from workstation.domain.numbers import counted
from workstation.domain.order import EXTERNAL, ClientOrderId, Order
from workstation.trading.core import TradingCore
from workstation.trading.gateway import OrderGateway
from workstation.trading.kill_words import as_order
from workstation.venues.contract import Venue, VenueError, VenueOrder
from workstation.venues.patience import answer_within

#: Seconds from the first order of others that came after the kill, until the kill ends though more come.
PATIENCE = 30.0
#: Seconds after the last of them until which they count as going on.
_LATELY = 10.0
#: More of them at once are pulled by the venue's own call for all.
_MANY = 3
#: Seconds between two looks at the venue for them while positions are closed.
_BESIDE = 1.0


class _Of:
    """One venue's."""

    def __init__(self) -> None:
        self.before: set[ClientOrderId] | None = None  # what was there at the first look
        self.came: set[ClientOrderId] = set()
        self.shown: set[ClientOrderId] = set()  # those of `came` that it showed when it was asked last
        self.pulled: set[ClientOrderId] = set()  # of which a cancel was sent
        self.first: float | None = None  # loop's times
        self.last = 0.0


class Others:
    """Of one kill."""

    def __init__(self, core: TradingCore, gateway: OrderGateway, timeout: float, since: int) -> None:
        """`timeout`: seconds for one question to a venue; `since`: when the kill was pressed (UTC ns)."""
        self._core = core
        self._gateway = gateway
        self._timeout = timeout
        self._since = since
        self._known = len(core.orders.orders)
        self._of: dict[str, _Of] = {}

    def look(self, venue: Venue, shown: Mapping[ClientOrderId, VenueOrder]) -> dict[ClientOrderId, VenueOrder]:
        """What of the orders that the venue shows has come from others since the kill first looked."""
        of = self._of.setdefault(venue.name, _Of())
        if of.before is None:
            of.before = {*shown, *(order.client_id for order in self._core.orders.open_at(venue.name))}
        theirs = {name: order for name, order in shown.items() if name not in of.before and self._not_sent(name)}
        of.shown = set(theirs)
        adopted = islice(self._core.orders.orders.values(), self._known, None)
        # one that is heard of late may be of long before: what another shell has closed, say
        lately = [one for one in adopted if one.origin == EXTERNAL and one.created_at >= self._since]
        names = {one.client_id for one in lately if _at(one, venue)} - of.before
        if not {*theirs, *names} <= of.came:
            of.last = asyncio.get_running_loop().time()
            of.first = of.last if of.first is None else of.first
        of.came |= {*theirs, *names}
        return theirs

    def _not_sent(self, client_id: ClientOrderId) -> bool:
        order = self._core.orders.orders.get(client_id)
        return order is None or order.origin == EXTERNAL

    def without(self, venue: Venue, orders: Iterable[Order]) -> list[Order]:
        """The orders of the desk's books but those that came so."""
        of = self._of.get(venue.name)
        before = None if of is None else of.before
        return [one for one in orders if before is None or one.client_id in before or one.origin != EXTERNAL]

    def count(self, venue: str) -> int:
        """How many have come so far."""
        of = self._of.get(venue)
        return 0 if of is None else len(of.came)

    def go_on(self, venue: str) -> bool:
        """Whether one came lately."""
        of = self._of.get(venue)
        return of is not None and of.first is not None and asyncio.get_running_loop().time() - of.last < _LATELY

    def too_long(self, venue: str) -> bool:
        """Whether they go on, and have for so long that nothing waits for their end any more."""
        of = self._of.get(venue)
        if of is None or of.first is None or not self.go_on(venue):
            return False
        return asyncio.get_running_loop().time() - of.first >= PATIENCE

    def words(self, venue: str) -> str:
        """About them, as the end of a sentence; empty where none came."""
        of = self._of.get(venue)
        if of is None or not of.came:
            return ""
        count = len(of.pulled - of.shown)
        if self.go_on(venue):
            return f"; somebody else goes on sending orders on this account ({count} pulled since the press)"
        return f"; somebody else sent orders on this account after the press ({count} pulled)"

    def left(self, venue: str) -> str:
        """What of theirs was there when the venue was asked last, in words."""
        of = self._of.get(venue)
        return counted(len(of.shown), "order") if of is not None and of.shown else ""

    async def pull(self, venue: Venue, theirs: Iterable[VenueOrder]) -> None:
        """Cancel these. One that cannot be is still there at the next look."""
        theirs = list(theirs)
        self._of[venue.name].pulled |= {order.client_id for order in theirs}
        if len(theirs) > _MANY:
            try:
                await answer_within(self._timeout, venue.cancel_all())  # closing orders do not rest: they are untouched
                return
            except (VenueError, TimeoutError, OSError):
                pass  # one by one then
        await asyncio.gather(*(self._cancel(venue, order) for order in theirs))

    async def _cancel(self, venue: Venue, shown: VenueOrder) -> None:
        try:
            if shown.client_id in self._core.orders.orders:
                await self._gateway.pull(shown.client_id)
            else:
                await answer_within(self._timeout, venue.cancel(as_order(shown)))
        except (VenueError, TimeoutError, OSError):
            pass  # it is there at the next look

    async def pull_on(self, venue: Venue) -> None:
        """Where any have come: look for more and pull them, until cancelled."""
        while True:
            await asyncio.sleep(_BESIDE)
            if not self.go_on(venue.name):
                continue
            try:
                shown = await answer_within(self._timeout, venue.open_orders())
            except (VenueError, TimeoutError, OSError):
                continue  # the work on positions beside tells of it
            await self.pull(venue, self.look(venue, {order.client_id: order for order in shown}).values())


def _at(order: Order, venue: Venue) -> bool:
    return order.instrument.startswith(f"{venue.name}:")
