"""A whole desk on a loopback exchange: live or paper, with the set-up that a user would write."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from tests.support.exchange import LoopbackExchange
from tests.support.live_desk import believe_soon
from workstation import real_desks
from workstation.engine import Engine
from workstation.paths import Paths
from workstation.settings import Settings
from workstation.trading.limits import RiskLimits
from workstation.venues.ccxt.settings import Credentials, VenueSettings


def venue_settings(at: LoopbackExchange, symbols: Iterable[str], **terms: Any) -> VenueSettings:
    """Settings of a venue whose only difference from a real one's is where it is."""
    config = at.config()
    urls = {f"api.{place}": address for place, address in _flat(config["urls"]["api"])}
    return VenueSettings(urls=urls, options=config["options"], symbols=tuple(symbols), **terms)


def _flat(table: dict[str, Any], above: str = "") -> Iterable[tuple[str, str]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def keys_of(exchange: LoopbackExchange) -> Callable[[str], Credentials]:
    config = exchange.config()
    return lambda _venue: Credentials(key=config["apiKey"], secret=config["secret"])


def desk_settings(exchange: LoopbackExchange, mode: str = "live", **terms: Any) -> Settings:
    venue = venue_settings(exchange, ("BTC-USDT", "ETH-USDT"), exchange="binance", **terms)
    limits = msgspec.structs.replace(RiskLimits(), duplicate_window_ms=0, max_price_age_ms=60_000)
    return Settings(mode=mode, venues={"loop": venue}, risk=limits)  # type: ignore[arg-type]


@asynccontextmanager
async def real_desk(
    exchange: LoopbackExchange, folder: Path, mode: str = "live", *, compared: bool = True, **terms: Any
) -> AsyncIterator[Engine]:
    """A running desk whose files are in `folder`: leaving and entering again is a restart. It is left as a crash
    leaves it if the test raises."""
    settings, books = desk_settings(exchange, mode, **terms), ("LOOP:BTC-USDT",) if compared else None
    async with desk_of(settings, folder, keys_of(exchange), books=books) as engine:
        yield engine


@asynccontextmanager
async def desk_of(
    settings: Settings,
    folder: Path,
    keys: Callable[[str], Credentials | None],
    *,
    books: Sequence[str] | None = (),
) -> AsyncIterator[Engine]:
    """`real_desk` with any settings: compared with its venues and with live books of these instruments, or (None) as
    soon as its store is open."""
    paths = Paths(folder, folder / "data", folder / "state")

    def make() -> Engine:
        return real_desks.live_desk(settings, paths, "test", credentials=keys)

    engine = await asyncio.to_thread(make)  # it may ask for the listing, in a loop of its own
    if settings.mode == "paper":  # the listing is known now; the ledger belongs to the loop's thread
        engine = real_desks.paper_desk(settings, paths, "test")
    believe_soon(engine)
    await engine.start()
    try:
        await engine.wait_ready()
        if books is not None:
            await until(lambda: not engine.core.unproven and all(engine.book(name).stale is None for name in books))
        yield engine
    finally:
        await engine.close()


async def until(condition: Callable[[], object], seconds: float = 40.0) -> None:
    """Wait in real time until the condition holds."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)
