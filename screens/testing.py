"""A frozen desk for tests of panes and dialogs: the real engine and simulated venues on a market that stands still.

Use it for your own panes too: `desk = FrozenDesk(folder, [MyPane])`, then `desk.app.run_test(size=(160, 48))` or
`snap_compare(desk.app, run_before=desk.ready)`. Time moves only when the test says so (`desk.clock.advance`).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from screens.app import TwsApp
from screens.dialog import Dialog
from screens.pane import Pane
from screens.plugins import PaneInfo
from workstation.clock import SECOND, SimClock
from workstation.domain.bar import Bar
from workstation.domain.instrument import ContractType, Instrument, InstrumentId
from workstation.domain.market import BookSnapshot, MarketEvent, MarkPrice, Trade
from workstation.engine import Engine
from workstation.market.data import MarketData
from workstation.settings import Settings
from workstation.settings_book import SettingsBook
from workstation.trading.limits import RiskLimits
from workstation.venues.simulated import SimulatedVenue

#: 2026-01-15 12:00:00 UTC
START = 1_768_478_400 * SECOND

_D = Decimal


def _spot(venue: str, base: str, tick: str, lot: str) -> Instrument:
    return Instrument(
        venue=venue,
        symbol=f"{base}-USDT",
        base=base,
        quote="USDT",
        tick=_D(tick),
        lot=_D(lot),
        min_notional=_D(10),
        maker_fee=_D("0.0008"),
        taker_fee=_D("0.001"),
    )


BTC = _spot("NOVA", "BTC", "0.1", "0.0001")
ETH = _spot("NOVA", "ETH", "0.01", "0.001")
SOL = _spot("NOVA", "SOL", "0.01", "0.01")
PERP = Instrument(
    venue="NOVA",
    symbol="BTC-PERP",
    base="BTC",
    quote="USDT",
    tick=_D("0.1"),
    lot=_D("0.001"),
    contract=ContractType.LINEAR,
    min_notional=_D(10),
    maker_fee=_D("0.0002"),
    taker_fee=_D("0.0005"),
    leverage=_D(10),
)
BTC_ORBIT = _spot("ORBIT", "BTC", "0.1", "0.0001")
INSTRUMENTS = (BTC, ETH, SOL, PERP, BTC_ORBIT)
MIDS = {BTC.id: 64_200, ETH.id: 3_210, SOL.id: 151, PERP.id: 64_215, BTC_ORBIT.id: 64_204}


def book(instrument: Instrument, ts: int, levels: int = 60) -> BookSnapshot:
    """A book whose best bid and ask stand half a tick around the instrument's middle price, the same every time."""
    return BookSnapshot(instrument.id, ts, 1, *_sides(instrument, levels))


@lru_cache(64)
def _sides(instrument: Instrument, levels: int) -> tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]:
    random = Random(instrument.id)
    middle = int(_D(MIDS[instrument.id]) / instrument.tick)
    typical = 20_000 / (MIDS[instrument.id] * float(instrument.lot))

    def side(sign: int) -> tuple[tuple[int, int], ...]:
        price, rows = middle + (sign > 0), []
        for level in range(levels):
            rows.append((price, max(1, int(typical * (0.2 + random.random() + level / 30)))))
            price += sign * random.choice((1, 1, 1, 2, 3))
        return tuple(rows)

    return side(-1), side(1)


def trades(instrument: Instrument, start: int, count: int = 40) -> Iterable[Trade]:
    """Trades of the minute before `start`, around the middle price."""
    random = Random(f"trades {instrument.id}")
    middle = int(_D(MIDS[instrument.id]) / instrument.tick)
    typical = 3_000 / (MIDS[instrument.id] * float(instrument.lot))
    for number in range(count):
        buy = random.random() < 0.55
        ts = start - (count - number) * SECOND * 3 // 2
        size = max(1, int(typical * random.expovariate(1)))
        yield Trade(instrument.id, ts, middle + buy + random.randint(-3, 3), size, buy, f"{number}")


@lru_cache(64)  # every desk of a test run shows the same
def history(instrument: InstrumentId, interval: int, count: int) -> Sequence[Bar]:
    """Closed bars before `START`: a slow wave with noise that is the same every time."""
    random = Random(f"history {instrument} {interval}")
    middle, first = float(MIDS[instrument]), START // interval - count
    bars, price = [], middle * (1 + 0.004 * math.sin(first / 17))
    for number in range(first, first + count):
        close = middle * (1 + 0.004 * math.sin((number + 1) / 17) + random.gauss(0, 0.0006))
        high = max(price, close) * (1 + abs(random.gauss(0, 0.0004)))
        low = min(price, close) * (1 - abs(random.gauss(0, 0.0004)))
        bars.append(Bar(number * interval, price, high, low, close, random.expovariate(1 / 12)))
        price = close
    return tuple(bars)


class FrozenDesk:
    """A desk whose market stands still. `folder` takes the store; every part but the market is the real one."""

    def __init__(
        self,
        folder: Path,
        panes: Sequence[type[Pane] | PaneInfo],
        *,
        mode: str = "demo",
        settings: Mapping[str, Any] | None = None,
        instruments: Sequence[Instrument] = INSTRUMENTS,
        balances: Mapping[str, Decimal] | None = None,
        venues: Sequence[Any] | None = None,
        state_file: Path | None = None,
        book: SettingsBook | None = None,
        limits: RiskLimits | None = None,
        strategies: Path | None = None,
        currency: str = "USDT",
    ) -> None:
        """`settings` are fields of `Settings`; `venues` replace the simulated ones (they need `feed`); `strategies`:
        the folder of the user's own."""
        self.clock = SimClock(START)
        self.instruments = instruments
        money = balances or {"USDT": _D(100_000)}
        by_venue: dict[str, list[Instrument]] = {}
        for instrument in instruments:
            by_venue.setdefault(instrument.venue, []).append(instrument)
        self.venues: list[Any] = list(
            venues or (SimulatedVenue(name, some, self.clock, money) for name, some in by_venue.items())
        )

        def open_store() -> Any:
            from workstation.store.store import Store

            return Store.open(folder / f"{mode}.sqlite", mode, clock_now=self.clock.now)

        self.engine = Engine(
            mode=mode,
            clock=self.clock,
            venues=self.venues,
            market=MarketData(instruments, history),
            limits=limits or RiskLimits(),
            open_store=open_store,
            settings=book.settings
            if book is not None
            else msgspec.convert({"mode": mode, "locale": "en", **(settings or {})}, Settings),
            strategies=strategies,
            currency=currency,
        )
        infos = [
            pane if isinstance(pane, PaneInfo) else PaneInfo(pane.PANE, pane.TITLE, "test", "", None, pane)
            for pane in panes
        ]
        self.app = TwsApp(
            self.engine,
            infos,
            state_file=state_file,
            start=self.start,
            recordings=folder / "recordings",
            layouts=folder / "layouts",
            exports=folder / "exports",
            what_ifs=folder / "what-if",
            book=book,
        )
        #: Seconds of the wall, which creep by a microsecond a look: notices stay, however slow a test is.
        self.wall = 0.0
        self.app.seconds = self._seconds
        self.app.keyboard.stale_seconds = math.inf  # a slow machine is no stall; the tests of stalls set it

    def _seconds(self) -> float:
        self.wall += 1e-6
        return self.wall

    async def start(self) -> None:
        """Start the engine and give it the market: books, the trades of the last minute, the perpetual's mark."""
        await self.engine.start()
        for instrument in self.instruments:
            for trade in trades(instrument, START):
                self.feed(trade)
            self.feed(book(instrument, START))
            if not instrument.is_spot:
                self.feed(
                    MarkPrice(instrument.id, START, _D(MIDS[instrument.id]), _D("0.0001"), START + 3_600 * SECOND)
                )
        await self.engine.wait_ready()

    def feed(self, event: MarketEvent) -> None:
        """Give a market event to the venue of its instrument."""
        name = event.instrument.partition(":")[0]
        next(venue for venue in self.venues if venue.name == name).feed(event)

    async def ready(self, pilot: Any) -> None:
        """Wait until orders can be sent, every pane that shows is there (those made of widgets come after the first
        picture) and everything is painted; a `run_before` for snapshot tests."""
        for _ in range(500):
            if self.engine.ready and self._all_mounted():
                break
            await asyncio.sleep(0.01)
        assert self.engine.ready, "the frozen desk's engine did not get ready"
        await self.painted(pilot)

    def _all_mounted(self) -> bool:
        workspace = self.app.workspace
        panes = [workspace.panes.get(front) for _, front in workspace._wanted_shape()]
        return all(pane is not None and pane.is_mounted for pane in panes)

    async def painted(self, pilot: Any) -> None:
        """Let everything that waits be done, and paint once more."""
        await pilot.pause()
        if isinstance(self.app.screen, Dialog):
            self.app.screen.dim_beneath()
        self.app.frames.wake()
        self.app.frame()
        self.app.refresh_bars()
        await pilot.pause()

    async def still(self, pilot: Any) -> None:
        """Let a picture come to its end: everything painted, under a dialog too, and nothing repainted after it."""
        await self.painted(pilot)
        for timer in list(self.app._timers):
            timer.pause()
        for _ in range(8):  # under a dialog panes are painted at some frames only
            self.app.frame()
        await pilot.pause()

    def toasts(self) -> list[str]:
        """The notices that stand on the screen."""
        return [notice.text for notice in self.app.desk_screen.notices.items]

    def screen_text(self) -> str:
        """The top screen as text, line by line."""
        return "\n".join(strip.text for strip in self.app.screen._compositor.render_strips())
