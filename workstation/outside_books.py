"""What `tws kill` reads from the store of a desk that has it, and writes into one that nobody has."""

from __future__ import annotations

import time
from collections.abc import Collection
from pathlib import Path

from workstation.domain.events import KillRequested, TradingState, TradingStateChanged
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.numbers import plain
from workstation.domain.position import Position
from workstation.store import StoreError, reader
from workstation.store.store import Store
from workstation.watch.requests import HaltRequest


def left_out(store: Path, asked: Collection[InstrumentId], flatten: bool, *, books: bool = False) -> str:
    """What a kill did not do, as the end of a report; `asked`: the instruments it opened, `books`: it had the desk's.

    Spot is not sold without the desk's books: the venue shows a balance, not which part of it the desk bought; and the
    desk that hangs would sell it once more when it wakes. Never raises for a store that cannot be read: it says so.
    """
    spot_left = flatten and not books
    held: dict[InstrumentId, tuple[Instrument, Position]] = {}
    try:
        open_in = reader.working(store)
        if flatten:
            held = {name: each for name, each in reader.positions(store).items() if not each[1].is_flat}
            open_in |= set(held)
        spot = [f"{plain(each.quantity)} {name}" for name, (terms, each) in held.items() if terms.is_spot]
    except Exception:  # what stands in it may be anything, and the venues have been asked: the report must come
        words = " Spot that the desk bought is not sold." if spot_left else ""
        return f"{words} The desk's store cannot be read: only what the profile opens was asked."
    words = f" Spot is not closed past the desk: its books have {_all(spot) if spot else 'none'}." if spot_left else ""
    others = open_in - set(asked)
    return f"{words} Not asked, for it could not be opened here: {_all(others)}." if others else words


def _all(names: Collection[str]) -> str:
    return ", ".join(sorted(names))


def receipt_since(store: Path, ts: int) -> str | None:
    """Of the last kill that the store's desk has finished since then (UTC ns). Raises StoreError."""
    receipts = [kept for kept in reader.receipts(store) if kept.ts >= ts]
    return str(receipts[-1].body["receipt"]) if receipts else None


def is_stored(store: Path, since: int) -> bool:
    """Whether a kill that was asked for then (UTC ns) stands in the store, which may have failed under it."""
    try:
        return receipt_since(store, since) is not None
    except StoreError:
        return False


def leave_halted(store: Path, mode: str, request: HaltRequest) -> None:
    """Put HALTED and the kill into a store that no desk has: its next desk goes on with it. Raises StoreError."""
    ts = time.time_ns()
    opened = Store.open(store, mode, clock_now=time.time_ns)
    try:
        opened.append(
            TradingStateChanged(ts=ts, state=TradingState.HALTED, reason=request.reason, by="kill"),
            KillRequested(ts=ts, kill_id=request.id, flatten=request.flatten, reason=request.reason),
        ).result()
    finally:
        opened.close()
