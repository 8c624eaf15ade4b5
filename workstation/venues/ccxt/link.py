"""The life of a real venue's link: connect, look after it, notice that it is gone, and go on trying for ever."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from workstation.clock import MILLISECOND
from workstation.domain.instrument import Instrument
from workstation.venues.ccxt import account, dead_man, fees, margin_terms, terms_watch, told
from workstation.venues.ccxt.client import Hooks, close_exchange, open_exchange, rate_of
from workstation.venues.ccxt.clock_way import measure_clock, time_there
from workstation.venues.ccxt.errors import is_limit, is_passing, translated, words_of
from workstation.venues.ccxt.gate import backoff
from workstation.venues.ccxt.stream_state import take_each
from workstation.venues.ccxt.streams import Streams
from workstation.venues.contract import AWAY, LinkState, NoAnswer, VenueError, VenueUnreachable
from workstation.venues.patience import answer_within
from workstation.venues.urgency import Urgency, urgent

if TYPE_CHECKING:
    from workstation.venues.ccxt.venue import CcxtVenue

#: Seconds between two probes of a link that stands, and until one counts as failed.
PROBE = 10.0
PROBE_TIMEOUT = 5.0
#: Seconds until the first probe, which arms the dead man's switch: Bybit's hangs on a stream that has to stand by then.
_FIRST = 2.5
#: Seconds for which a link waits for the kind of the account.
_KIND_TIMEOUT = 2.0
_UNHEARD = "its stream of this account's orders was away"


async def keep(venue: CcxtVenue) -> None:
    """Connect and stay connected, until cancelled."""
    looking = asyncio.create_task(terms_watch.keep(venue), name=f"{venue.name} terms")
    try:
        await _stay(venue)
    finally:
        looking.cancel()


async def _stay(venue: CcxtVenue) -> None:
    attempt = 0
    while True:
        try:
            await _silence(venue)
            await _establish(venue)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            await _down(venue, error, attempt)
            passing = is_passing(error) or not isinstance(error, VenueError)
            if venue.silence_asked.told:  # it goes at once when that is over: a kill may wait
                continue
            await asyncio.sleep(backoff(attempt, venue.jitter) if passing else 60.0)
            attempt += 1
            continue
        attempt = 0
        reason = await _watch(venue)
        venue.state, venue.said = LinkState.CONNECTING, reason
        if venue.streams is not None:
            venue.streams.give_up(f"{venue.name} cannot be reached")
        venue.on_notice("error", f"The link to {venue.name} is down ({reason}); connecting again.")
        await _drop(venue)


async def _silence(venue: CcxtVenue) -> None:
    """Wait until the exchange may be asked again."""
    while (left := venue.silence_asked.left) > 0:
        venue.said = venue.silence_asked.words or venue.said
        await asyncio.sleep(left)


async def _establish(venue: CcxtVenue) -> None:
    """A fresh exchange object, its markets, its clock, its rights; then the streams."""
    venue.keys = await asyncio.to_thread(venue.credentials, venue.name) if venue.trades else None
    hooks = Hooks()
    exchange = await asyncio.to_thread(open_exchange, venue.facts, venue.settings, venue.keys, hooks)
    venue.exchange = exchange
    hooks.gate = venue.gate = rate_of(exchange, venue.facts, venue.settings.rate_share)
    venue.gate.pause(venue.silence_asked.left)  # its queue is new, the exchange's wish is not
    with urgent(Urgency.QUERY):
        await measure_clock(venue, exchange, PROBE_TIMEOUT)  # the markets are asked for with a signature here and there
        await exchange.load_markets()
        venue.on_markets(exchange)
        venue.terms.compare(venue, exchange)
        await measure_clock(venue, exchange, PROBE_TIMEOUT)  # the first way was one of greetings, too
        if venue.keys is not None:
            await _check_rights(venue, exchange)
            await _learn_number(venue, exchange)
            await _learn_kind(venue, exchange)
    venue.first_seen = venue.first_seen or venue.clock.now()
    venue.streams = streams = Streams(
        venue=venue.name,
        exchange=exchange,
        hooks=hooks,
        facts=venue.facts,
        markets={symbol: each for symbol, each in venue.markets.items() if not _gone(venue, each)},
        blank=[symbol for symbol, each in venue.markets.items() if each.id in venue.terms.amiss],
        clock=venue.clock,
        jitter=venue.jitter,
        notice=venue.notice,
        silence=venue.settings.silence_ms / 1_000,
        there=partial(time_there, venue),
    )
    streams.sink = venue.market_event
    venue.terms.blank(venue)
    streams.on_back = lambda name: _came_back(venue, name)
    streams.on_fault = lambda name: _went(venue, name)
    own: dict[str, Callable[[Any], object]] = {}
    if venue.keys is not None:
        if exchange.has.get("watchOrders"):
            own["watch_orders"] = venue.own.on_order
        if exchange.has.get("watchMyTrades"):
            own["watch_my_trades"] = venue.own.on_trade
    venue.dead_man.fresh()
    streams.start(own)
    for name, watched in told.own_of_contracts(venue, exchange, own).items():
        streams.keep_topic(name, watched, partial(take_each, own[name.partition(" ")[0]]))
    told.watch(venue, exchange, streams)
    hooks.on_config = partial(margin_terms.reset, venue, exchange)
    if (watch := venue.dead_man.watching(exchange)) is not None:
        streams.keep_topic(dead_man.STREAM, watch)
    venue.state, venue.said = LinkState.CONNECTED, ""
    venue.anew(AWAY)
    venue.on_notice("info", f"{venue.name} is connected: {venue.facts.title}{_clock_words(venue)}.")
    if venue.keys is not None:
        venue.later(partial(fees.learn, venue))


def _gone(venue: CcxtVenue, instrument: Instrument) -> bool:
    """Whether the exchange tells nothing of it any more."""
    return instrument.id in venue.terms.amiss and instrument.id not in venue.terms.now


def _clock_words(venue: CcxtVenue) -> str:
    if venue.drift is None or venue.round_trip is None:
        return ""
    return f", {venue.round_trip / MILLISECOND:.0f} ms away, its clock {venue.drift / MILLISECOND:+.0f} ms from ours"


def _went(venue: CcxtVenue, name: str) -> None:
    if name.startswith("watch_"):
        venue.anew(_UNHEARD)  # what happens from here on may be missed
    venue.probe_now.set()


def _came_back(venue: CcxtVenue, name: str) -> None:
    if name.startswith("watch_"):
        venue.anew(_UNHEARD)
    elif name in (told.BALANCES, told.POSITIONS):
        venue.told.missed = True
    venue.on_notice("info", f"{venue.name}: the stream of {name} is back.")


async def _check_rights(venue: CcxtVenue, exchange: Any) -> None:
    if venue.settings.sandbox or not venue.facts.rights:
        return
    try:
        allowed = await account.may_withdraw(exchange, venue.facts.rights, venue.facts.rights_path)
    except Exception as error:
        venue.on_notice("warning", f"{venue.name} does not tell what the API key may do: {words_of(error)}.")
        return
    account.refuse_withdrawal(venue.name, allowed)


async def _learn_number(venue: CcxtVenue, exchange: Any) -> None:
    """The account's own number, without which ccxt subscribes to no stream of its contracts."""
    if not venue.facts.number or all(market.is_spot for market in venue.markets.values()):
        return
    try:
        exchange.uid = str((await getattr(exchange, venue.facts.number)())["user_id"])
    except Exception as error:
        venue.on_notice(
            "warning",
            f"{venue.name} does not tell the account's number, without which its streams of contracts tell nothing of "
            f"own orders: {words_of(error)}. They are asked for.",
        )


async def _learn_kind(venue: CcxtVenue, exchange: Any) -> None:
    """Once, before the questions that go out together: they would ask each for itself, at the cost of a second."""
    if venue.facts.kind:
        with contextlib.suppress(Exception):  # who needs it asks again, and says what is wrong
            await answer_within(_KIND_TIMEOUT, getattr(exchange, venue.facts.kind)())


async def _watch(venue: CcxtVenue) -> str:
    """Look after a link that stands; returns why it does not any more."""
    missed = 0
    every = PROBE
    if venue.dead_man.wanted:  # the shortest that it may be set to: it grows with the instruments that it is told of
        every = min(PROBE, venue.facts.dead_man_of(venue.settings.dead_man_seconds) / 3)
    pause = min(every, _FIRST)
    while True:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(venue.probe_now.wait(), pause)
            await asyncio.sleep(0.2)
        if venue.silence_asked.left:  # a probe that cannot leave tells nothing; the streams that live tell on
            await _silence(venue)
            venue.said = ""
        venue.probe_now.clear()
        exchange = venue.exchange
        try:
            pause = every
            with urgent(Urgency.LINK):
                await answer_within(PROBE_TIMEOUT, venue.dead_man.hold(exchange))
                if exchange.has.get("fetchTime"):
                    await measure_clock(venue, exchange, PROBE_TIMEOUT)
                elif venue.keys is not None:
                    await answer_within(PROBE_TIMEOUT, exchange.fetch_balance())
            missed = 0
        except Exception as error:
            venue.note_limit(error)
            if not is_passing(error) and not isinstance(error, TimeoutError):
                venue.on_notice("warning", f"{venue.name}: {translated(error, venue.name, 'the probe')}")
                continue
            if is_limit(error) or venue.silence_asked.left:  # it has answered, or was not asked
                continue
            missed += 1
            if missed >= 2:
                return words_of(error) or ("it does not answer" if isinstance(error, TimeoutError) else repr(error))
            venue.probe_now.set()


async def _down(venue: CcxtVenue, error: BaseException, attempt: int) -> None:
    wrong = translated(error, venue.name, "the connection")
    offline = isinstance(wrong, VenueUnreachable | NoAnswer)
    venue.note_limit(error)  # its headers go with the exchange object
    venue.state = LinkState.DOWN
    venue.said = venue.silence_asked.words or ("it cannot be reached" if offline else str(wrong))
    if attempt in (0, 10):
        level = "warning" if offline else "error"
        said = str(wrong) if not offline else f"{venue.name} cannot be reached: prices and orders wait until it can."
        venue.on_notice(level, said)
    await _drop(venue)


async def _drop(venue: CcxtVenue) -> None:
    venue.prepared.clear()
    streams, venue.streams = venue.streams, None
    exchange, venue.exchange = venue.exchange, None
    if venue.gate is not None:
        venue.gate.close(f"{venue.name} is not connected: what waited in the desk's own queue was not sent.")
    if streams is not None:
        await streams.stop()
    if exchange is not None:
        await close_exchange(exchange)


async def part(venue: CcxtVenue) -> None:
    """The desk closes: the dead man's switch is let go, so that working orders stay; or it is set a last time, so that
    they go when its time is over."""
    if venue.exchange is not None:
        leave = venue.dead_man.leave if venue.dead_man.stays else venue.dead_man.let_go
        with contextlib.suppress(Exception), urgent(Urgency.CANCEL):
            await asyncio.wait_for(leave(venue.exchange), 2.0)
    await _drop(venue)
