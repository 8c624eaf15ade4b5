"""The exchange's own dead man's switch: should this desk fall silent, the exchange cancels its orders by itself.

Most exchanges count down and want to be told again before the end: OKX, Kraken and Hyperliquid for the account,
Binance's futures for each instrument (`countdowns`). Bybit watches the private socket instead: once it has been told
the time, the socket subscribes to a topic of its own, and when no such socket has been there for that time, the orders
go. A desk that is closed lets the switch go first, so that working orders stay; while a kill is unfinished it leaves it
set. A desk that was cut off for longer learns when it is back that its orders are gone, and by what.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from workstation.clock import MILLISECOND, SECOND
from workstation.venues.ccxt.errors import is_passing, words_of
from workstation.venues.ccxt.gate import backoff

if TYPE_CHECKING:
    from workstation.venues.ccxt.venue import CcxtVenue

#: The stream's name where the switch hangs on a topic of the private socket.
STREAM = "dead man's switch"
#: Seconds after a refusal until it is asked for again: of the first one, and at most.
AGAIN, AGAIN_MOST = 10.0, 300.0
#: Why an order is gone that was cancelled while the desk could not be heard.
BY_SWITCH = "the venue's dead man's switch: this desk was not heard there"


class DeadMan:
    """The switch of one venue."""

    def __init__(self, venue: CcxtVenue) -> None:
        self._venue = venue
        #: UTC ns at which the exchange was last told, or was last seen to be listening; 0 while the switch is not held.
        self.held = 0
        self._heard = 0  # UTC ns of the last time, over whichever connection; 0: not since it was let go
        #: Why the exchange would not have it, in its words; empty once it has it.
        self.refused = ""
        self._refusals, self._again = 0, 0  # one after the other; when it is asked again (UTC ns)
        #: The last silence in which the time ran out: its begin and when the desk was heard again, UTC ns; or zeros.
        self.silence = (0, 0)
        self._told = False  # Bybit knows the time
        self._asked = False  # the exchange was asked for it, over whichever connection
        #: A desk that closes does not let it go: an unfinished kill leaves nothing working.
        self.stays = False

    @property
    def wanted(self) -> bool:
        """Whether the exchange has one for this account and the set-up asks for it."""
        venue = self._venue
        return venue.keys is not None and venue.facts.dead_man > 0 and venue.settings.dead_man_seconds > 0

    @property
    def seconds(self) -> float:
        """After which silence the orders go."""
        return self._venue.facts.dead_man_of(self._venue.settings.dead_man_seconds)

    def holds(self, now: int) -> bool | None:
        """Whether the exchange would cancel by itself now; None where that is not asked of it."""
        if not self.wanted:
            return None
        return bool(self.held) and now - self.held <= self.seconds * SECOND

    def count(self) -> tuple[int, int] | None:
        """Instruments for which it is held, of those with working orders; None where it is held for all of them."""
        return None

    def order_sent(self, symbol: str) -> None:
        """An order of a symbol is on its way."""

    def fresh(self) -> None:
        """Another connection: what was told before may be gone."""
        self._notice_silence()
        self.held, self._told, self._again = 0, False, 0

    def explains(self, updated: int | None) -> bool:
        """Whether the switch is what cancelled an order that the desk did not cancel; `updated`: the order's last
        change in UTC ms by the exchange's clock, None where it does not tell."""
        began, heard = self.silence
        tolerance = abs(self._venue.drift or 0) + SECOND
        return bool(heard) and (updated is None or began - tolerance <= updated * MILLISECOND <= heard + tolerance)

    def _notice_silence(self) -> None:
        """The exchange hears of the desk again. If that took longer than it was told to wait, the orders are gone: the
        trader is told, and the desk compares."""
        now = self._venue.clock.now()
        if not self._heard or now - self._heard <= self.seconds * SECOND:
            return
        began, self._heard = self._heard, 0  # it is told once
        self._tell_silence(began, now, self.seconds)

    def _tell_silence(self, began: int, now: int, seconds: float) -> None:
        venue, self.silence = self._venue, (began, now)
        venue.anew("its dead man's switch has cancelled orders")
        venue.on_notice(
            "warning",
            f"{venue.name} heard nothing of this desk for {(now - began) / SECOND:.0f} s, longer than its dead "
            f"man's switch of {seconds:g} s: it has cancelled what worked there. Orders are compared now.",
        )

    @property
    def _rests(self) -> bool:
        """Whether the exchange has refused it, and is left alone for a while."""
        return bool(self.refused) and self._venue.clock.now() < self._again

    def _hold(self) -> None:
        self._notice_silence()
        self._armed()
        self.held = self._heard = self._venue.clock.now()

    async def hold(self, exchange: Any) -> None:
        """Arm it, or say that the desk still lives. Raises ccxt's exceptions where the exchange does not answer; an
        exchange that refuses it is asked again after growing pauses, and the trader is told."""
        if not self.wanted or self._rests:
            return
        venue, self._asked = self._venue, True
        try:
            if not venue.facts.dead_man_topics:
                await _count_down(venue, exchange, self.seconds)
                self._hold()
                return
            if not self._told:
                for product in sorted(_products(venue)):
                    terms = {"timeWindow": int(self.seconds), "product": product}
                    await exchange.privatePostV5OrderDisconnectedCancelAll(terms)
                self._told = True
        except Exception as error:
            if is_passing(error):
                raise
            self._refuse(error)
            return
        states = {state.name: state for state in venue.stream_states()}
        if self._told and STREAM in states and states[STREAM].up:
            self._hold()

    def _refuse(self, error: BaseException) -> None:
        venue, first = self._venue, not self.refused
        self._asked = self._told = False
        self.held, self._heard, self.refused = 0, 0, words_of(error) or type(error).__name__
        self._again, self._refusals = self._try_again(self._refusals), self._refusals + 1
        if first:
            venue.on_notice(
                "warning",
                f"{venue.name} does not hold the dead man's switch ({self.refused}): should this desk die, working "
                "orders stay there. It is asked again.",
            )

    def _try_again(self, refusals: int) -> int:
        """UTC ns of the next try after so many refusals before this one."""
        pause = backoff(refusals, self._venue.jitter, AGAIN, AGAIN_MOST)
        return self._venue.clock.now() + round(pause * SECOND)

    def _armed(self) -> None:
        """The exchange has it."""
        if self.refused:
            venue = self._venue
            venue.on_notice(
                "info", f"{venue.name} holds the dead man's switch now: should this desk die, working orders go."
            )
        self.refused, self._refusals = "", 0

    def watching(self, exchange: Any) -> Callable[[], Awaitable[Any]] | None:
        """The watch that keeps the topic of the private socket, where the switch hangs on one. Nothing ever comes."""
        if not self.wanted or not self._venue.facts.dead_man_topics:
            return None

        async def watch() -> Any:
            url = await exchange.get_url_by_market_type(None, True, "watchOrders")
            await exchange.authenticate(url)
            topics = _topics(self._venue)
            return await exchange.watch_topics(url, topics, topics)

        return watch

    async def leave(self, exchange: Any) -> None:
        """The desk closes, and its orders are not meant to stay: it is told a last time."""
        await self.hold(exchange)

    async def let_go(self, exchange: Any) -> None:
        """The desk closes: its orders are meant to stay."""
        venue = self._venue
        if not (self.held if venue.facts.dead_man_topics else self._asked):  # whether or not a countdown was answered
            return
        self.held, self._heard, self._asked = 0, 0, False
        if not venue.facts.dead_man_topics:
            await _count_down(venue, exchange, 0)
            return
        url = await exchange.get_url_by_market_type(None, True, "watchOrders")
        await exchange.client(url).send({"op": "unsubscribe", "args": _topics(venue)})
        await asyncio.sleep(0.1)  # what follows on the wire is the end of the connection


async def _count_down(venue: CcxtVenue, exchange: Any, seconds: float) -> None:
    await exchange.cancel_all_orders_after(int(seconds * 1_000), venue.facts.dead_man_params)


def _products(venue: CcxtVenue) -> set[str]:
    """Bybit's kinds of orders that the desk may have there."""
    return {"SPOT" if instrument.is_spot else "DERIVATIVES" for instrument in venue.markets.values()}


def _topics(venue: CcxtVenue) -> list[str]:
    topics = {"SPOT": "dcp.spot", "DERIVATIVES": "dcp.future"}
    return [topics[product] for product in sorted(_products(venue))]
