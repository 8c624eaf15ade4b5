"""What `tws kill` reads from the store of a desk that has it, and writes into one that nobody has."""

from __future__ import annotations

import time
from collections.abc import Collection
from pathlib import Path

from workstation.domain.events import KillRequested, TradingState, TradingStateChanged
from workstation.domain.instrument import InstrumentId
from workstation.domain.numbers import plain
from workstation.domain.position import Position, apply_fill
from workstation.store import reader
from workstation.store.store import Store
from workstation.watch.requests import HaltRequest


def left_out(store: Path, asked: Collection[InstrumentId], flatten: bool) -> str:
    """What a kill that has no books of its own did not do, as the end of a report; `asked`: the instruments it opened.

    Spot is not sold without the desk's books: the venue shows a balance, not which part of it the desk bought; and the
    desk that hangs would sell it once more when it wakes. Never raises for a store that cannot be read: it says so.
    """
    try:
        instruments, working = reader.instruments(store), reader.working(store)
        held: dict[InstrumentId, Position] = {}
        for fill in reader.fills(store):
            before = held.get(fill.instrument) or Position(instrument=fill.instrument)
            held[fill.instrument] = apply_fill(before, fill, instruments[fill.instrument])
    except Exception:  # what stands in it may be anything, and the venues have been asked: the report must come
        words = " Spot that the desk bought is not sold." if flatten else ""
        return f"{words} The desk's store cannot be read: only what the profile opens was asked."
    positions = {name: position for name, position in held.items() if position.quantity}
    words = ""
    if flatten:
        spot = [
            f"{plain(position.quantity)} {name}" for name, position in positions.items() if instruments[name].is_spot
        ]
        words = f" Spot is not closed past the desk: its books have {_all(spot) if spot else 'none'}."
    open_in = working | (set(positions) if flatten else set())
    others = open_in - set(asked)
    return f"{words} Not asked, for it could not be opened here: {_all(others)}." if others else words


def _all(names: Collection[str]) -> str:
    return ", ".join(sorted(names))


def receipt_since(store: Path, ts: int) -> str | None:
    """Of the last kill that the store's desk has finished since then (UTC ns). Raises StoreError."""
    receipts = [kept for kept in reader.receipts(store) if kept.ts >= ts]
    return str(receipts[-1].body["receipt"]) if receipts else None


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
