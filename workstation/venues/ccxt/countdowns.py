"""A dead man's switch that is told instrument by instrument: set where orders work, let go where none do any more.

Telling it is dear there (Binance's futures count 10 requests each time), so that all instruments of a desk cannot be
held all the time. It is told beside the first order of an instrument, told again after a third of its time as long as
an order works, and let go before it would run out otherwise. One telling waits in the queue at a time, behind cancels,
and all together spend no more than their share of the rate limit; where many instruments have orders, the time is set
longer for it, up to the longest that the exchange takes.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from workstation.clock import SECOND
from workstation.venues.ccxt.dead_man import DeadMan
from workstation.venues.ccxt.errors import is_passing, words_of
from workstation.venues.ccxt.gate import RequestGate
from workstation.venues.ccxt.particulars import Particulars
from workstation.venues.contract import Withheld
from workstation.venues.patience import Patience
from workstation.venues.urgency import Urgency, urgent

if TYPE_CHECKING:
    from workstation.venues.ccxt.venue import CcxtVenue

#: Share of the rate limit that is spent on telling it, at most.
_SHARE = 0.6
#: Shares of its time after which it is told again, is let go where no order works, and is told before all others.
_AGAIN, _IDLE, _FIRST = 1 / 3, 2 / 3, 3 / 4
#: Seconds by which that may be too early (and no more than a twelfth of its time): probes are not to the tick.
_EARLIER = 1.0
#: Seconds in which all are told at the end.
_PARTING = 1.8
#: Seconds that the first telling of an instrument waits behind others, and each for its answer.
_PATIENT, _ANSWER = 1.0, 10.0


def time_for(count: int, wanted: float, facts: Particulars, gate: RequestGate | None) -> float:
    """Seconds that it is set to where orders work in so many instruments: as wanted, or longer where telling it so
    often would cost too much."""
    wanted = facts.dead_man_of(wanted)
    if gate is None:
        return wanted
    return max(wanted, min(count * facts.dead_man_cost / (_AGAIN * _SHARE * gate.rate), facts.dead_man))


def most(facts: Particulars, gate: RequestGate | None) -> int:
    """Instruments for which it can be kept alive at once: each is told again before two thirds of the longest time."""
    return 10_000 if gate is None else int(_SHARE * gate.rate * facts.dead_man * _IDLE / facts.dead_man_cost)


class Countdown(msgspec.Struct):
    """What the exchange was told last of an instrument; `sure`: it has answered."""

    at: int  # UTC ns
    seconds: float
    sure: bool = False

    def age(self, now: int) -> float:
        return (now - self.at) / SECOND

    def past(self, share: float, now: int) -> bool:
        return self.age(now) >= share * self.seconds - min(_EARLIER, self.seconds / 12)

    def over(self, now: int) -> bool:
        return self.age(now) > self.seconds

    def holds(self, now: int) -> bool:
        return self.sure and not self.over(now)


class Countdowns(DeadMan):
    """The switches of a venue, by ccxt's symbol."""

    def __init__(self, venue: CcxtVenue) -> None:
        super().__init__(venue)
        self.running: dict[str, Countdown] = {}
        self._telling = self._waits = False
        self._spent, self._drained = 0.0, 0  # of the share of the rate limit, and when that was reckoned (UTC ns)
        self._said: tuple[str, int] = ("", 0)  # what was said of their number last
        #: Symbols that the exchange has refused: how often in a row, and when it is asked again (UTC ns).
        self._without: dict[str, tuple[int, int]] = {}

    @property
    def seconds(self) -> float:
        return self._time(len(self._watched()[0]))

    def _time(self, count: int) -> float:
        return time_for(count, self._venue.settings.dead_man_seconds, self._venue.facts, self._venue.gate)

    def needed(self) -> dict[str, int]:
        """Symbols in which orders of the desk work, and when the oldest of them was made (UTC ns)."""
        symbols, found = self._venue.symbols, dict[str, int]()
        for order in self._venue.working():
            symbol = symbols.get(order.instrument)
            if symbol is not None:
                found[symbol] = min(found.get(symbol, order.created_at), order.created_at)
        return found

    def _watched(self) -> tuple[list[str], int]:
        """Symbols that are told of, and how many have working orders: more than can be told are held for those that
        are held already."""
        needed, now = self.needed(), self._venue.clock.now()
        wanted = sorted(
            (symbol for symbol in needed if self._without.get(symbol, (0, 0))[1] <= now),
            key=lambda symbol: symbol not in self.running,
        )
        return wanted[: self._most], len(needed) - len(needed.keys() & self._without.keys() - set(wanted))

    @property
    def _most(self) -> int:
        return most(self._venue.facts, self._venue.gate)

    # What is held.

    def count(self) -> tuple[int, int] | None:
        """Instruments for which it is held, of those with working orders; None where it is not asked for."""
        if not self.wanted or self.refused:
            return None
        now, needed = self._venue.clock.now(), self.needed()
        return sum(symbol in self.running and self.running[symbol].holds(now) for symbol in needed), len(needed)

    def holds(self, now: int) -> bool | None:
        """Also None where no order works: nothing is asked of it then."""
        if not self.wanted:
            return None
        if self.refused:
            return False
        held = {symbol for symbol, countdown in self.running.items() if countdown.holds(now)}
        if self.stays:
            return bool(held)
        needed = self.needed()
        return held >= needed.keys() if needed else None

    def fresh(self) -> None:
        """Another connection: what was told counts on all the same."""
        self._notice_silence()
        self._again = 0
        self._without = {symbol: (refusals, 0) for symbol, (refusals, _) in self._without.items()}

    def _notice_silence(self) -> None:
        now, needed = self._venue.clock.now(), self.needed()
        over = {symbol: countdown for symbol, countdown in self.running.items() if countdown.over(now)}
        # an order that was sent since is not cancelled by it
        gone = [
            countdown
            for symbol, countdown in over.items()
            if countdown.sure and needed.get(symbol, now) < countdown.at + countdown.seconds * SECOND
        ]
        for symbol in over:
            del self.running[symbol]
        if gone:
            self._tell_silence(min(each.at for each in gone), now, min(each.seconds for each in gone))

    # Telling.

    def order_sent(self, symbol: str) -> None:
        if not self.wanted or self._rests:
            return
        running = self.running.get(symbol)
        if running is None or running.past(_FIRST, self._venue.clock.now()):
            self._go_on()

    async def hold(self, exchange: Any) -> None:
        """At every probe: what is due is told beside. The probe does not wait for it, and does not fail by it."""
        if self.wanted and not self._rests:
            self._go_on()

    def _go_on(self) -> None:
        if not self._telling:
            contextvars.Context().run(self._venue.later, self.tell)  # not as urgent as who sent an order

    async def tell(self) -> None:
        """Tell what is due, as far as the share of the rate limit goes; the rest a moment later."""
        exchange = self._venue.exchange
        if self._telling or self._rests or exchange is None:
            return
        self._telling, due = True, None
        try:
            while self._venue.exchange is exchange and (due := self._next()) is not None:
                if (pause := self._lacking()) > 0:
                    if not self._waits:
                        self._waits = True
                        self._venue.later(self._resume, pause)
                    return
                self._spent += self._venue.facts.dead_man_cost
                try:
                    await self._in_time(exchange, *due)
                except Exception as error:
                    self._venue.note_limit(error)
                    if self._venue.exchange is not exchange or is_passing(error):
                        return  # the next probe goes on
                    self._failed(due[0], error)
                    if self._rests:
                        return
        finally:
            self._telling = False

    async def _in_time(self, exchange: Any, symbol: str, seconds: float) -> None:
        """It waits behind cancels, and behind a kill, for as long as its time allows; then it goes before them."""
        running = self.running.get(symbol)
        left = _PATIENT if running is None else _FIRST * running.seconds - running.age(self._venue.clock.now())
        try:
            with urgent(Urgency.ORDER):
                await Patience(_ANSWER, queue=max(0.05, left)).wait_for(self._count_down(exchange, symbol, seconds))
        except Withheld:
            with urgent(Urgency.LINK):
                await self._count_down(exchange, symbol, seconds)

    def _failed(self, symbol: str, error: Exception) -> None:
        """The exchange will not have it: for this instrument, or for the account where it holds none."""
        venue, running = self._venue, self.running.get(symbol)
        if running is not None and not running.sure:
            del self.running[symbol]
        if not any(each.sure for each in self.running.values()):
            self._refuse(error)
            return
        refusals, _ = self._without.get(symbol, (0, 0))
        self._without[symbol] = refusals + 1, self._try_again(refusals)
        if not refusals:
            venue.on_notice(
                "warning",
                f"{venue.name} does not hold the dead man's switch for {venue.markets[symbol].symbol} "
                f"({words_of(error) or type(error).__name__}): should this desk die, working orders stay there. It is "
                "asked again.",
            )

    async def _resume(self) -> None:
        self._waits = False
        await self.tell()

    def _next(self) -> tuple[str, float] | None:
        """The symbol that is told next, and the seconds: 0 lets go."""
        now, (watched, count) = self._venue.clock.now(), self._watched()
        self._tell_limits(len(watched), count)
        seconds, new, due = self._time(len(watched)), list[str](), list[tuple[int, str, float]]()
        for symbol in watched:
            running = self.running.get(symbol)
            if running is None or not running.holds(now):
                new.append(symbol)
            elif running.past(_AGAIN, now):
                due.append((_end(running), symbol, seconds))
        for symbol in self.running.keys() - set(watched) - self._without.keys():
            running = self.running[symbol]
            if running.over(now):
                del self.running[symbol]
            elif running.past(_IDLE, now):
                due.append((_end(running), symbol, 0.0))
        due.sort()
        pressing = due and self.running[due[0][1]].past(_FIRST, now)
        if new and not pressing:
            return new[0], seconds
        return due[0][1:] if due else None

    def _lacking(self) -> float:
        """Seconds until it may be told once more."""
        gate, cost, now = self._venue.gate, self._venue.facts.dead_man_cost, self._venue.clock.now()
        if gate is None:
            return 0.0
        rate, burst = _SHARE * gate.rate, _SHARE * gate.burst
        self._spent = max(0.0, self._spent - (now - self._drained) / SECOND * rate)
        self._drained = now
        return max(0.0, (self._spent + min(cost, burst) - burst) / rate)

    async def _count_down(self, exchange: Any, symbol: str, seconds: float) -> None:
        now = self._venue.clock.now()
        # should nobody hear the answer, it runs there all the same and has to be let go
        self.running.setdefault(symbol, Countdown(now, seconds))
        terms = {"symbol": exchange.market_id(symbol), "countdownTime": int(seconds * 1_000)}
        await exchange.fapiPrivatePostCountdownCancelAll(terms)
        self._notice_silence()
        if seconds:
            self.running[symbol] = Countdown(now, seconds, sure=True)
            self._armed()
            if self._without.pop(symbol, None) is not None:
                name = self._venue.markets[symbol].symbol
                self._venue.on_notice("info", f"{self._venue.name} holds the dead man's switch for {name} now.")
        else:
            self.running.pop(symbol, None)

    def _tell_limits(self, watched: int, count: int) -> None:
        """Say so where the time had to be made longer, or not all can be held; once until it is otherwise."""
        venue, seconds = self._venue, self._time(watched)
        wanted = venue.facts.dead_man_of(venue.settings.dead_man_seconds)
        what = "short" if count > watched else "longer" if seconds > wanted else ""
        before, at = self._said
        if what == before and count <= 2 * at:
            return
        self._said = what, count
        begin = f"{venue.name}'s dead man's switch is told instrument by instrument, and orders work in {count}: "
        if what == "short":
            venue.on_notice(
                "warning",
                f"{begin}it is held for {watched} of them. Should this desk die, working orders of the others stay.",
            )
        elif what == "longer":
            venue.on_notice(
                "info",
                f"{begin}it is set to {seconds:.0f} s instead of {wanted:g} s, so that orders keep their requests.",
            )

    # The end.

    async def leave(self, exchange: Any) -> None:
        """Every instrument of the desk: whose orders still work there is not known for certain."""
        if self.wanted and not self.refused:
            now = self._venue.clock.now()
            new = (symbol for symbol in self._venue.markets if not self._holds(symbol, now))
            await self._at_once(exchange, new, self._time(1))

    def _holds(self, symbol: str, now: int) -> bool:
        return symbol in self.running and self.running[symbol].holds(now)

    async def let_go(self, exchange: Any) -> None:
        if not await self._at_once(exchange, self.running, 0.0):
            venue = self._venue
            left = ", ".join(venue.markets[symbol].symbol for symbol in self.running)
            venue.on_notice(
                "warning",
                f"{venue.name}'s dead man's switch could not be let go for {left}: working orders there are cancelled.",
            )

    async def _at_once(self, exchange: Any, symbols: Iterable[str], seconds: float) -> bool:
        """Tell them side by side and without pacing: nothing else will be asked over this connection. Whether all
        answered."""
        wanted = list(symbols)
        if self._venue.gate is not None:
            self._venue.gate.lend(self._venue.facts.dead_man_cost * len(wanted))
        asked = (self._count_down(exchange, each, seconds) for each in wanted)
        try:
            told = await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), _PARTING)
        except TimeoutError:
            return False
        return not any(isinstance(each, BaseException) for each in told)


def _end(countdown: Countdown) -> int:
    return countdown.at + int(countdown.seconds * SECOND)
