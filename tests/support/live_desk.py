"""A live desk on a loopback exchange, and the comparison of its books with the exchange's at the end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.support.desk import GENEROUS
from tests.support.exchange import LoopbackExchange
from tests.support.exchange.floor import Account
from tests.support.exchange.server import Elsewhere
from tests.support.real_venue import NAME, keys_of, settings_for
from workstation.clock import LiveClock
from workstation.domain.instrument import InstrumentId
from workstation.domain.order import CLOSED_STATES, OrderState
from workstation.engine import Engine
from workstation.paths import Paths
from workstation.real_desks import live_desk
from workstation.settings import LiveSettings, Settings
from workstation.store import reader
from workstation.trading.limits import RiskLimits
from workstation.venues.ccxt.venue import CcxtVenue
from workstation.venues.contract import LinkState

SYMBOLS = {
    "binance": ("BTC-USDT", "ETH-USDT"),
    "binanceusdm": ("BTC-USDT-PERP",),
    "bybit": ("BTC-USDT", "BTC-USDT-PERP"),
}
#: Profit of a position is a quotient: exchange and desk round it each for themselves, far below a wire's decimals.
DUST = Decimal("1e-7")
_UNCLEAR = (OrderState.SUBMITTED, OrderState.UNKNOWN, OrderState.PENDING_CANCEL, OrderState.PENDING_AMEND)


def paths_in(folder: Path) -> Paths:
    return Paths(config=folder, data=folder / "data", state=folder / "state")


def settings_of(
    exchange: LoopbackExchange | Elsewhere, risk: RiskLimits = GENEROUS, compare_seconds: float = 5.0, **terms: Any
) -> Settings:
    symbols = terms.pop("symbols", SYMBOLS[exchange.name])
    venue, live = settings_for(exchange, symbols, **terms), LiveSettings(compare_seconds=compare_seconds)
    return Settings(mode="live", risk=risk, venues={NAME.lower(): venue}, live=live)


@asynccontextmanager
async def live_desk_on(exchange: LoopbackExchange | Elsewhere, folder: Path, **terms: Any) -> AsyncIterator[Engine]:
    """A running live desk whose only venue is the exchange; with `wait=False` it is not waited for. Leverage and margin
    mode are read by then: what a test does to requests is done to those that it makes itself."""
    wait = terms.pop("wait", True)
    settings, paths = settings_of(exchange, **terms), paths_in(folder)
    keys = keys_of(exchange)
    engine = await asyncio.to_thread(live_desk, settings, paths, None, LiveClock(), keys)
    believe_soon(engine)
    await engine.start()
    try:
        await engine.wait_ready()
        if wait:
            await until(lambda: proven(engine) and engine.comparisons.margin.settled, 60)
        yield engine
    finally:
        await engine.close()


def believe_soon(engine: Engine, seconds: float = 3.0) -> None:
    """The exchange's word that it never had an order is taken as soon as that: here nothing is longer on its way."""
    for venue in engine.venues.values():
        if isinstance(venue, CcxtVenue):
            venue.shows_after = seconds


def proven(engine: Engine) -> bool:
    """Whether orders can be sent: the venue stands, and its books and the desk's have been compared."""
    books = [engine.book(instrument.id) for instrument in engine.instruments()]
    return NAME not in engine.core.unproven and all(book.stale is None for book in books)


async def until(condition: Callable[[], object], seconds: float = 30.0, say: Callable[[], object] = lambda: "") -> None:
    """Wait in real time; AssertionError with what `say` gives if the condition does not hold in time."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while not condition():
        assert loop.time() < end, f"not within {seconds} s: {say()}"
        await asyncio.sleep(0.02)


async def reconnected(engine: Engine, exchange: LoopbackExchange, of: Iterable[InstrumentId]) -> None:
    """The exchange goes away for a moment; the link stands again, and of these instruments there are books."""
    venue: Any = engine.venues[NAME]
    epoch = venue.epoch
    await asyncio.to_thread(exchange.restart, 0.5)
    venue.probe_now.set()
    await until(lambda: venue.link is not LinkState.CONNECTED, 30, lambda: told(engine))

    def ready() -> bool:
        stands = venue.link is LinkState.CONNECTED and venue.epoch > epoch and NAME not in engine.core.unproven
        return stands and all(engine.book(each).stale is None for each in of)

    await until(ready, 40, lambda: told(engine))


def clear(engine: Engine) -> bool:
    """Whether the desk knows what became of each of its orders."""
    return proven(engine) and not any(order.state in _UNCLEAR for order in engine.orders())


def told(engine: Engine, last: int = 25) -> str:
    """The desk's log and how its links and streams stand, for a test that failed."""
    lines = [f"{entry.level} {entry.source}: {entry.text}" for entry in list(engine.log.entries)[-last:]]
    venue: Any = engine.venues[NAME]
    lines.append(f"link {venue.link} ({venue.said}), epoch {venue.epoch}, unproven {engine.core.unproven}")
    lines += [f"comparison under way: {task.get_stack()}" for task in engine.comparisons._running.values()]
    lines.append(f"comparisons failed: {engine.comparisons._failures}, {engine.comparisons._seen}, {venue.strangers}")
    lines.append(f"requests waiting: {venue.gate.waiting}, silent for {venue.gate.paused_for:.1f} s")
    unclear = [order for order in engine.orders() if order.state in _UNCLEAR]
    lines += [f"unclear: {order.client_id} {order.state} {order.reason}" for order in unclear]
    lines.append(f"stale: {[book.stale for book in map(engine.book, (i.id for i in engine.instruments()))]}")
    lines += [f"{state.name}: up={state.up} faults={state.faults} {state.said}" for state in venue.stream_states()]
    return "\n".join(lines)


class Truth:
    """What the exchange knows at the end, and in what the desk differs from it."""

    def __init__(self, exchange: LoopbackExchange, login: str = "main") -> None:
        self.exchange, self.account = exchange, exchange.floor.account(login)

    def differences(self, engine: Engine) -> list[str]:
        """Between the running desk and the exchange; empty when both are at rest and nothing is missing."""
        return self.exchange.do(lambda: self._differences(engine, self.account))

    def _differences(self, engine: Engine, account: Account) -> list[str]:
        wrong: list[str] = []
        theirs = {record.link: record for record in account.records.values() if account.accepted(record)}
        counts = Counter(record.link for record in account.records.values() if account.accepted(record))
        wrong += [f"order {link} was made {count} times" for link, count in counts.items() if count > 1]
        ours = {order.client_id: order for order in engine.orders()}
        for link, record in theirs.items():
            order = ours.get(link)
            if order is None:
                wrong.append(f"the desk does not know order {link}")
                continue
            if order.filled != record.order.filled:
                wrong.append(f"order {link}: the desk has {order.filled} filled, the exchange {record.order.filled}")
            if order.is_open != record.order.is_open:
                wrong.append(f"order {link}: the desk says {order.state}, the exchange {record.order.state}")
        for link, order in ours.items():
            alive = order.state not in (OrderState.DENIED, OrderState.REJECTED)
            if alive and link not in theirs and (order.filled or order.is_open or order.venue_order_id):
                wrong.append(f"the exchange never had order {link}, the desk says {order.state}")
        fills = sorted(
            (record.link, fill.quantity, fill.price, fill.fee, fill.fee_currency)
            for record in theirs.values()
            for _, fill in record.fills
        )
        booked = sorted(
            (fill.client_id, fill.quantity, fill.price, fill.fee, fill.fee_currency) for fill in engine.fills()
        )
        if fills != booked:
            missing = Counter(fills) - Counter(booked)
            surplus = Counter(booked) - Counter(fills)
            wrong.append(f"fills missing {dict(missing)}, fills of nothing {dict(surplus)}")
        for currency in account.currencies:
            have = engine.core.portfolio.balance(NAME, currency)
            if abs(have - account.total(currency)) > DUST:
                wrong.append(f"{currency}: the desk has {have}, the exchange {account.total(currency)}")
        for instrument, quantity in account.books.account.derivatives().items():
            mine = engine.position(f"{NAME}:{instrument.partition(':')[2]}").quantity
            if mine != quantity:
                wrong.append(f"position in {instrument}: the desk has {mine}, the exchange {quantity}")
        return wrong

    @staticmethod
    def invented(engine: Engine) -> list[str]:
        """Corrections by which the desk was made to agree, instead of by the fills and orders that it had missed."""
        kinds = ("balance drift", "position drift")
        found = [difference for difference in engine.comparisons.differences if difference.kind in kinds]
        return [
            difference.text
            for difference in found
            if difference.kind != "balance drift" or abs(Decimal(difference.text.split()[0])) > DUST
        ]

    def in_store(self, store: Path) -> list[str]:
        """Between the closed desk's file and the exchange."""
        booked = Counter((fill.client_id, fill.quantity, fill.price) for fill in reader.fills(store))
        fills = Counter(
            (record.link, fill.quantity, fill.price)
            for record in self.account.records.values()
            for _, fill in record.fills
        )
        wrong = [] if booked == fills else [f"the store's fills differ: {booked - fills} {fills - booked}"]
        open_links = {record.link for record in self.account.working()}
        rows = reader.rows(store, "SELECT client_id, state FROM orders")
        stored = {row["client_id"] for row in rows if OrderState(row["state"]) not in CLOSED_STATES}
        if stored != open_links:
            wrong.append(f"working in the store: {stored}, at the exchange: {open_links}")
        return wrong
