"""A desk whose journal is long opens without blocking its loop, and a kill pressed meanwhile counts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.desk import BTC, GENEROUS, START, demo_desk
from tests.support.journals import journal
from workstation import engine as engine_module
from workstation.assembly import open_store
from workstation.clock import SimClock
from workstation.domain import events as e
from workstation.domain.events import TradingState
from workstation.domain.order import OrderState, Side
from workstation.trading.core import TradingCore

AT_ONCE = engine_module._FOLDED_AT_ONCE


def stored(folder: Path, *events: e.OrderEvent | e.AccountEvent) -> list[e.OrderEvent | e.AccountEvent]:
    """What a store holds: orders that are filled or cancelled, and `events` as the last."""
    written = [*journal(6 * AT_ONCE), *events]
    store = open_store(folder / "demo.sqlite", "demo", SimClock(START))
    try:
        store.append(*written).result(timeout=60)
    finally:
        store.close()
    return written


class Folds:
    """How much of a journal the core of a desk folds at once, and what somebody does in between."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.slices: list[int] = []
        self.turns = 0
        whole = TradingCore.fold

        def fold(core: TradingCore, events: Sequence[e.OrderEvent | e.AccountEvent]) -> None:
            self.slices.append(len(events))
            whole(core, events)

        monkeypatch.setattr(TradingCore, "fold", fold)

    async def reach(self, slices: int) -> None:
        """Until so many slices are folded; every turn of the loop until then is counted."""
        async with asyncio.timeout(30):
            while len(self.slices) < slices:
                self.turns += bool(self.slices)
                await asyncio.sleep(0)


async def test_a_long_journal_is_folded_in_slices_between_which_the_loop_breathes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = stored(tmp_path)
    folds = Folds(monkeypatch)
    async with demo_desk(tmp_path, wait=False) as desk:
        await folds.reach(4)
        assert not desk.engine.ready
        assert max(folds.slices) <= AT_ONCE
        assert folds.turns >= 3, "others had their turn after every slice"
        await desk.engine.wait_ready()
        folded = desk.engine.journal[: sum(folds.slices)]
        assert folded[: len(written)] == written, "all that was stored, in its order"
        whole = TradingCore(desk.engine.instruments(), desk.engine.core.market, GENEROUS)
        whole.fold(folded)
        assert desk.engine.core.orders.orders == whole.orders.orders
        assert desk.engine.core.fills == whole.fills


async def test_a_kill_while_the_journal_is_folded_halts_at_once_whatever_older_days_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rearmed = e.TradingStateChanged(ts=START, state=TradingState.ACTIVE, reason="re-armed by the trader", by="trader")
    stored(tmp_path, rearmed)
    folds = Folds(monkeypatch)
    async with demo_desk(tmp_path, wait=False) as desk:
        engine = desk.engine
        await folds.reach(2)
        engine.kill("pressed while it opens")
        assert engine.trading_state is TradingState.HALTED
        shown = set()
        async with asyncio.timeout(30):
            while not engine.ready:
                shown.add(engine.trading_state)
                await asyncio.sleep(0)
        assert shown == {TradingState.HALTED}, "at no moment did the screen show another state"
        await desk.settle(lambda: engine.core.last_receipt is not None and engine.core.unfinished_kill is None)
        assert engine.state_reason == "pressed while it opens"
        assert not [order for order in engine.orders() if order.state is OrderState.ACCEPTED]
    async with demo_desk(tmp_path) as desk:
        assert desk.engine.trading_state is TradingState.HALTED, "and it is durable"


@pytest.mark.slow
async def test_many_open_orders_are_gone_over_in_turns_with_everybody_else(tmp_path: Path) -> None:
    async with demo_desk(tmp_path, limits=GENEROUS) as desk:
        for number in range(200):
            order = await desk.limit(BTC, Side.BUY, "0.001", away=500 + number)
            assert order.state is OrderState.ACCEPTED, order.reason
        turns = 0

        async def somebody_else() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        other = asyncio.create_task(somebody_else())
        await desk.engine._reconciler.venue(desk.venues["NOVA"])
        other.cancel()
        assert turns >= 3
        assert len(desk.engine.open_orders()) == 200
