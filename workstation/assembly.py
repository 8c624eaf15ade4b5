"""Puts a whole desk together from settings: which market, which venues, which clock, which store.

With `workstation.cli` the only place that knows every part. Nothing heavy is imported before it is used.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from workstation.clock import MILLISECOND, SECOND, Clock, LiveClock
from workstation.domain.instrument import Instrument
from workstation.engine import Engine
from workstation.market.data import MarketData
from workstation.market.source import MarketSource
from workstation.paths import Paths
from workstation.settings import Settings
from workstation.venues.matching.models import ConstantLatency, JitterLatency, LatencyModel
from workstation.venues.pump import MarketPump
from workstation.venues.simulated import SimulatedVenue
from workstation.watch.requests import Doors

if TYPE_CHECKING:
    from workstation.store.store import Store

#: Reckoned one to one in replays, where nothing says what the one is worth in the other.
_DOLLARS = ("USDT", "USD", "USDC")


def demo_desk(settings: Settings, paths: Paths, clock: Clock | None = None, store: Path | None = None) -> Engine:
    """The desk on the demo market. Its venues remember orders, money and last prices in files of their own; what the
    market trades is kept beside them.

    `store` is another file in place of the demo desk's own.

    Raises `StoreError` if another desk has them open, `LedgerError` if a venue's file cannot be opened.
    """
    from workstation.market.demo import DemoMarket
    from workstation.market.demo.listings import LISTINGS
    from workstation.market.demo.minutes_file import MinutesFile
    from workstation.minute_keeper import MinuteKeeper
    from workstation.store.lock import DeskLock

    clock = clock or LiveClock()
    by_venue: dict[str, list[Instrument]] = {}
    for listing in LISTINGS:
        by_venue.setdefault(listing.instrument.venue, []).append(listing.instrument)
    paths.data.mkdir(parents=True, exist_ok=True)
    store = store or paths.store("demo")
    DeskLock(store).release()  # another desk is named before its venues' files are touched
    venues = [
        SimulatedVenue(
            name,
            instruments,
            clock,
            settings.account.opening(name),
            latency=latency_of(settings),
            ledger=paths.data / f"demo-{name.lower()}.sqlite",
        )
        for name, instruments in by_venue.items()
    ]
    prices: dict[str, float] = {}
    for venue in venues:
        for instrument in venue.instruments():
            last = venue.last_mid(instrument.id) if instrument.is_spot else None
            if last is not None:
                prices.setdefault(instrument.symbol, float(last))
    seed = settings.demo.seed + (clock.now() // SECOND if prices else 0)  # a market that goes on is another one
    start = clock.now()
    minutes = MinutesFile(paths.data / "demo.minutes.sqlite", [one.instrument.id for one in LISTINGS], start)
    source = DemoMarket(seed, start, prices, rate=settings.demo.rate, kept=minutes.kept)
    doors = Doors.of(store, paths.state)
    opener = partial(open_store, store, "demo", clock)
    engine = _engine(
        "demo",
        settings,
        clock,
        venues,
        source,
        opener,
        doors,
        notices=lambda: minutes.notices,
        strategies=paths.strategies,
    )
    engine.keeper = MinuteKeeper(minutes, source.session, engine.core.market, clock, engine.log)
    return engine


def replay_desk(
    settings: Settings, paths: Paths, recordings: Sequence[Path], speed: float = 1.0, loop: bool = False
) -> Engine:
    """The desk on recordings: simulated venues by the names of the recorded ones, each session with money and store
    of its own. Raises `RecordingError`."""
    from workstation.market.recording import open_recording
    from workstation.venues.replay import ReplayClock, ReplayControl

    source = open_recording(recordings)
    wall = LiveClock()
    clock = ReplayClock(source.start, wall, speed)
    by_venue: dict[str, list[Instrument]] = {}
    for instrument in source.instruments:
        by_venue.setdefault(instrument.venue, []).append(instrument)
    venues = [
        SimulatedVenue(name, instruments, clock, _replay_money(settings.account.opening(name), instruments))
        for name, instruments in by_venue.items()
    ]
    stamp = datetime.fromtimestamp(time.time(), UTC).strftime("%Y%m%d-%H%M%S-%f")
    path = paths.data / "replays" / f"{stamp}.sqlite"
    currency = Counter(instrument.quote for instrument in source.instruments).most_common(1)[0][0]
    if currency in _DOLLARS and any(instrument.quote == settings.account.currency for instrument in source.instruments):
        currency = settings.account.currency
    engine = _engine(
        "replay",
        settings,
        clock,
        venues,
        source,
        lambda: open_store(path, "replay", clock),
        Doors.of(path, paths.state),
        currency,
        _DOLLARS if currency in _DOLLARS else (),
        lambda: source.notices,
        source.close,
        strategies=paths.strategies,
    )
    assert engine.pump is not None
    control = ReplayControl(source, clock, engine.pump, loop=loop)

    def moved(ts: int) -> None:
        for venue in venues:
            venue.jump_to(ts)
        engine.market_moved()

    def ended() -> None:
        engine.log.info("market", "The recording has ended. Going on begins it again; :seek goes anywhere in it.")

    control.on_seek.append(moved)
    control.on_end.append(ended)
    engine.replay = control
    return engine


def _engine(
    mode: str,
    settings: Settings,
    clock: Clock,
    venues: Sequence[SimulatedVenue],
    source: MarketSource,
    opener: Callable[[], Store],
    doors: Doors,
    currency: str | None = None,
    at_par: Sequence[str] = (),
    notices: Callable[[], Sequence[str]] = tuple,
    on_close: Callable[[], None] = lambda: None,
    strategies: Path | None = None,
) -> Engine:
    market = MarketData(source.instruments, source.history, settings.market.tape_length, settings.market.bars_kept)
    return Engine(
        mode=mode,
        clock=clock,
        venues=venues,
        market=market,
        limits=settings.risk,
        open_store=opener,
        settings=settings,
        currency=currency or settings.account.currency,
        at_par=at_par,
        account_name=settings.account.name,
        pump=MarketPump(source, clock, {venue.name: venue for venue in venues}),
        notices=notices,
        on_close=on_close,
        doors=doors,
        strategies=strategies,
    )


def open_store(path: Path, mode: str, clock: Clock) -> Store:
    """Open (or make) the store; imports SQLModel, so call it off the event loop. Raises `StoreError`."""
    from workstation.store.store import Store

    return Store.open(path, mode, clock_now=clock.now)


def latency_of(settings: Settings) -> LatencyModel:
    order, report, jitter = (
        round(ms * MILLISECOND)
        for ms in (settings.latency.order_ms, settings.latency.report_ms, settings.latency.jitter_ms)
    )
    if jitter:
        return JitterLatency(order, report, jitter, settings.demo.seed)
    return ConstantLatency(order, report)


def _replay_money(opening: Mapping[str, Decimal], instruments: Sequence[Instrument]) -> dict[str, Decimal]:
    """The opening balances, and something of every other currency that the recorded instruments settle in."""
    money = dict(opening)
    for instrument in instruments:
        coin = instrument.settlement not in (*_DOLLARS, "EUR", "GBP", "CHF")
        money.setdefault(instrument.settlement, Decimal(10) if coin else Decimal(100_000))
    return money
