"""What if: the desk of a moment of the past goes on in a simulator, with what it held and had working then."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from workstation.clock import MINUTE, LiveClock
from workstation.domain.events import AccountEvent, OrderDenied, OrderEvent, OrderRejected, StrategyRunChanged
from workstation.domain.instrument import Instrument
from workstation.domain.order import Order, OrderState
from workstation.domain.strategy_run import RunState
from workstation.engine import Engine
from workstation.market.bars import INTERVALS
from workstation.market.data import MarketData
from workstation.past.desk import PastDesk
from workstation.past.onward import Known, OnwardMarket
from workstation.store.lock import holder
from workstation.trading.core import TradingCore
from workstation.trading.errors import Refused
from workstation.venues.pump import MarketPump
from workstation.venues.replay import ReplayClock, ReplayControl
from workstation.venues.simulated import SimulatedVenue
from workstation.venues.simulated_exchange import SESSION_BITS
from workstation.venues.simulated_ledger import MemoryLedger

if TYPE_CHECKING:
    from workstation.store.store import Store

_FINEST = INTERVALS["5s"]
#: Orders that their venue had not taken yet, or nobody knows.
_ON_THEIR_WAY = (OrderState.INITIALIZED, OrderState.SUBMITTED, OrderState.UNKNOWN)
_CHUNK = 5_000  # events written together


class WhatIfControl(ReplayControl):
    """Time in a what-if: it pauses, steps and changes its speed, but never goes back."""

    def resume(self) -> None:
        self._clock.resume()
        self._changed()


class WhatIf:
    """A desk that goes on from `moment` (UTC ns), paused at first. Its `engine` is a whole one: what is sent there
    reaches simulated venues and a store of its own, and nothing of the desk that it came from."""

    def __init__(self, engine: Engine, past: PastDesk, known: Sequence[Known], path: Path) -> None:
        """`branch` makes all of it."""
        self.engine = engine
        self.moment = past.at
        self._past = past
        self._path = path
        #: Up to where the prices are those of then; later ones are invented. UTC ns.
        self.known_until = max((one.until for one in known), default=0)
        self.priced = len(known)

    @property
    def invented(self) -> bool:
        """Whether prices are invented by now."""
        return self.engine.clock.now() >= self.known_until

    def own_equity(self) -> Decimal | None:
        """What the desk itself was worth at this time; None where that is not known (any more)."""
        now = self.engine.clock.now()
        if now > self._past.ended:
            return None
        self._past.go_to(now)
        equity = self._past.equity_detail()
        return None if equity.unpriced else equity.total

    async def close(self) -> None:
        """End it. Its store goes too."""
        await self.engine.close()
        await asyncio.to_thread(_remove, self._path)


async def branch(past: PastDesk, folder: Path) -> WhatIf:
    """Go on from the moment that `past` shows; the what-if's store is made in `folder`.

    What stood there is there: money, positions with their margin, working orders (at the back of their queues), plans,
    limits, breakers. Orders on their way to a venue rest there, those that cannot rest never arrive; strategies stand
    still. Prices are those of the
    candles that were kept, then invented ones. Raises `Refused` without any price, and StoreError.
    """
    present, core, moment = past.present, past.core, past.at
    known = [one for name in core.instruments if (one := _known(past, core.instruments[name])) is not None]
    if not known:
        raise Refused("No price of this moment was kept: there is no market to go on with.")
    events = present.journal[: past.timeline.first + past.step]
    ended: list[OrderEvent | AccountEvent] = [
        StrategyRunChanged(ts=moment, run=replace(run, state=RunState.STOPPED, since=moment, reason=_LEFT_OUT))
        for run in core.strategy_runs.values()
        if run.active
    ]
    ended += [
        OrderRejected(client_id=order.client_id, ts=moment, reason=_NEVER_ARRIVED)
        if order.state is not OrderState.INITIALIZED
        else OrderDenied(client_id=order.client_id, ts=moment, reason=_NEVER_ARRIVED)
        for order in core.orders.open_orders()
        if not _rests(order)
    ]
    orders = list(core.orders.orders.values())
    ledgers = {name: _ledger(core, name) for name in present.venues}  # all of it now: the past may move on meanwhile
    instruments, limits, portfolio = tuple(core.instruments.values()), core.limits_book.configured, core.portfolio
    wall = LiveClock()
    path = folder / f"{wall.now()}.sqlite"
    await asyncio.to_thread(_write, path, moment, instruments, [*events, *ended], orders)

    clock = ReplayClock(moment, wall)
    clock.pause()
    source = OnwardMarket(known, moment, moment, partial(past.past_market.before, moment))
    venues = [
        SimulatedVenue(
            name,
            [one for one in instruments if one.venue == name],
            clock,
            {},
            ledger=ledger,
            session=secrets.token_hex(4),
        )
        for name, ledger in ledgers.items()
    ]
    engine = Engine(
        mode="replay",
        clock=clock,
        venues=venues,
        market=MarketData(instruments, source.history),
        limits=limits,
        open_store=lambda: _open(path, clock.now),
        settings=present.settings,
        currency=portfolio.currency,
        at_par=sorted(portfolio.at_par),
        account_name=present.account_name,
        pump=MarketPump(source, clock, {venue.name: venue for venue in venues}),
    )
    assert engine.pump is not None
    engine.replay = WhatIfControl(source, clock, engine.pump)
    try:
        await engine.start()
        engine.pump.pump_until(moment)  # the books of the moment; then time stands
        await engine.wait_ready()
    except BaseException:
        await engine.close()
        await asyncio.to_thread(_remove, path)
        raise
    return WhatIf(engine, past, known, path)


_LEFT_OUT = "strategies do not go along into a what-if"
_NEVER_ARRIVED = "it was on its way, and what cannot rest does not arrive in a what-if"


def _rests(order: Order) -> bool:
    """Whether the venue has the order, or can have it."""
    can = order.tif.may_rest and (order.type.has_limit or order.type.has_trigger)
    return can or order.state not in _ON_THEIR_WAY


def _known(past: PastDesk, instrument: Instrument) -> Known | None:
    """The instrument's price then, and what came after; None where no price is known."""
    market, present = past.past_market, past.present.market(instrument.id)
    interval, bars = _FINEST, market.after(past.at, instrument.id, _FINEST)
    minutes = market.after(past.at, instrument.id, MINUTE)
    if minutes and (not bars or bars[0].ts >= minutes[0].ts + MINUTE):  # the fine ones are not kept so long
        interval, bars = MINUTE, minutes
    mark = past.mark(instrument.id)
    price = float(mark) if mark is not None else bars[0].open if bars else 0.0
    if price <= 0:
        return None
    bid, ask = present.book.best_bid, present.book.best_ask
    return Known(
        instrument=instrument,
        price=price,
        bars=bars,
        interval=interval,
        spread=1 if bid is None or ask is None else max(1, ask - bid),
        funding_rate=None if present.mark is None else present.mark.funding_rate,
        funding_every=None if present.mark is None else present.mark.funding_every,
    )


def _ledger(core: TradingCore, venue: str) -> MemoryLedger:
    """What the venue would have known at that moment."""
    before = max((fill.number >> SESSION_BITS for fill in core.fills), default=0)
    ledger, book = MemoryLedger(before + 1), core.portfolio  # what fills there comes after all that has
    if (account := book.accounts.get(venue)) is not None:
        for currency, amount in account.balances.items():
            ledger.set_balance(currency, amount)
    for instrument in (one for one in core.instruments.values() if one.venue == venue):
        name = instrument.id
        if name in book.positions:
            ledger.set_position(book.positions[name])
        if name in book.margin.settings or name in book.margin.isolated:
            setting = book.margin.setting(instrument)
            ledger.put(f"margin:{name}", f"{setting.leverage} {setting.mode} {book.margin.isolated.get(name, 0)}")
    for order in core.orders.open_orders():
        if core.instruments[order.instrument].venue == venue and _rests(order):
            ledger.save_order(_working(order))
    return ledger


def _working(order: Order) -> Order:
    state = OrderState.TRIGGERED if order.triggered else OrderState.ACCEPTED
    return replace(
        order,
        state=OrderState.PARTIALLY_FILLED if order.filled else state,
        venue_order_id=order.venue_order_id or order.client_id,
        pending_quantity=None,
        pending_price=None,
        pending_stop_price=None,
    )


def _open(path: Path, now: Callable[[], int]) -> Store:
    from workstation.store.store import Store

    return Store.open(path, "replay", clock_now=now)


def _write(
    path: Path,
    moment: int,
    instruments: Sequence[Instrument],
    events: Sequence[OrderEvent | AccountEvent],
    orders: Sequence[Order],
) -> None:
    """A store with what the desk's held up to the moment. Those that a crash has left in the folder go."""
    for old in path.parent.glob("*.sqlite"):
        if holder(old) is None:
            _remove(old)
    store = _open(path, lambda: moment)
    try:
        store.save_instruments(instruments)
        for start in range(0, len(events), _CHUNK):
            store.append(*events[start : start + _CHUNK])
        store.append(orders=orders)
        store.flush()
    finally:
        store.close()


def _remove(path: Path) -> None:
    for part in path.parent.glob(f"{path.name}*"):
        part.unlink(missing_ok=True)
