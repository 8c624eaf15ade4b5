"""What a signal strategy does about a position that an earlier run left, and about one that others close."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from tests.support.desk import BTC, PERP, TestDesk, demo_desk
from workstation.domain.bar import Bar
from workstation.domain.fill import Fill
from workstation.domain.margin import MarginMode
from workstation.domain.market import MarkPrice
from workstation.domain.order import OrderState, Side
from workstation.domain.trade_rules import TradeRules
from workstation.strategies.contract import Trader
from workstation.strategies.exits import Exits
from workstation.strategies.run_book import RunView
from workstation.strategies.shipped.sma_cross import SmaCross
from workstation.strategies.signal_live import SignalLive
from workstation.trading.kill_status import KillPhase

MINUTE = 60_000_000_000
ALWAYS = """
import numpy as np
from workstation.strategies.contract import Signals, SignalStrategy

class Always(SignalStrategy):
    '''In whenever it may.'''
    def signals(self, candles):
        return Signals(long_entry=np.ones(len(candles), dtype=bool))
"""
RULES = TradeRules(size_rule="value", size=1_000, stop=0.05)


@pytest.fixture
def always(tmp_path: Path) -> str:
    file = tmp_path / "always.py"
    file.write_text(ALWAYS)
    return str(file)


async def start(desk: TestDesk, strategy: str, instrument: str = BTC) -> str:
    run = await desk.engine.strategies.start(
        strategy, instrument, capital=Decimal(10_000), interval=5_000_000_000, rules=RULES
    )
    return run.run_id


async def until_protected(desk: TestDesk, run: str, *, but: str = "") -> RunView:
    """Until it holds something and one stop of its size works (another than `but`)."""
    for _ in range(30):
        view = desk.engine.strategies.view(run)
        stops = [order for order in view.orders if order.stop_price is not None and order.client_id != but]
        if view.position and [order.quantity for order in stops] == [view.position]:
            return view
        await desk.run(1)
        for _ in range(20):
            await asyncio.sleep(0.002)
    raise AssertionError([entry.text for entry in desk.engine.log.entries][-8:])


@pytest.mark.parametrize("ended_by", ["stop", "kill"])
async def test_started_again_it_takes_over_what_it_holds_and_protects_it_at_once(
    tmp_path: Path, always: str, ended_by: str
) -> None:
    async with demo_desk(tmp_path) as desk:
        run = await start(desk, always)
        before = await until_protected(desk, run)
        if ended_by == "stop":
            await desk.engine.strategies.stop(run)
        else:
            desk.engine.kill("the test")
            async with desk.ticking():
                await desk.settle(lambda: desk.engine.kill_status.phase is KillPhase.DONE)
            await desk.engine.rearm(desk.engine.account_name)
        assert desk.engine.strategies.view(run).orders == []

        await start(desk, always)
        await desk.settle(lambda: bool(desk.engine.strategies.view(run).orders))  # no bar has closed
        after = desk.engine.strategies.view(run)
        assert after.position == before.position
        [was], [stop] = before.orders, after.orders
        assert (stop.stop_price, stop.quantity, stop.reduce_only) == (was.stop_price, was.quantity, True)
        assert any("from before" in entry.text and "takes it over" in entry.text for entry in desk.engine.log.entries)


async def test_a_liquidation_is_heard_and_it_goes_on_flat(tmp_path: Path, always: str) -> None:
    async with demo_desk(tmp_path) as desk:
        engine = desk.engine
        await engine.set_margin_mode(PERP, MarginMode.ISOLATED)
        run = await start(desk, always, PERP)
        first = await until_protected(desk, run)
        mark = engine.mark(PERP)
        assert mark is not None
        desk.venues["NOVA"].feed(MarkPrice(PERP, desk.clock.now(), (mark * Decimal("0.8")).quantize(Decimal("0.1"))))
        assert engine.position(PERP).is_flat
        desk.venues["NOVA"].feed(MarkPrice(PERP, desk.clock.now(), mark))

        again = await until_protected(desk, run, but=first.orders[0].client_id)
        assert engine.order(first.orders[0].client_id).state is OrderState.CANCELED
        assert [order.quantity for order in again.orders] == [again.position], "one stop, for the new position"
        texts = [entry.text for entry in engine.log.entries]
        assert any(text.startswith("The venue's liquidation sold") and "it holds nothing now" in text for text in texts)


class Hand:
    """A trader that keeps what it was asked for."""

    equity = Decimal(10_000)
    instrument = SimpleNamespace(symbol="BTC-USDT", price_places=2)

    def __init__(self, position: str, entry: str) -> None:
        self.position, self.entry = Decimal(position), Decimal(entry)
        self.sent: list[str] = []
        self.told: list[str] = []

    def order(self, side: Side, units: Decimal, *, stop: Decimal | None = None, **_terms: object) -> str:
        self.sent.append(f"{side} {units:f} stop {stop:.0f}" if stop is not None else f"{side} {units:f}")
        return f"o{len(self.sent)}"

    def cancel(self, client_id: str) -> None:
        self.sent.append(f"cancel {client_id}")

    def close(self, tag: str = "") -> None:
        self.sent.append(f"close {tag}")

    def say(self, text: str, *, loud: bool = False) -> None:
        self.told.append(text)


def opened(hand: Hand, state: dict[str, object] | None = None, close: float = 100.0) -> SignalLive:
    inner = SmaCross(direction="both")
    inner.exits = Exits(stop=0.1)
    history = [Bar(n * MINUTE, close, close, close, close, 1.0) for n in range(20)]
    live = SignalLive(inner, history, interval=MINUTE)
    live.trader = cast(Trader, hand)
    if state is not None:
        live.on_load(state)
    live.on_start()
    return live


@pytest.mark.parametrize(("side", "stop"), [("1", "sell 1 stop 90"), ("-1", "buy 1 stop 110")])
@pytest.mark.parametrize("known", [False, True])
def test_what_filled_while_the_desk_was_down_is_protected_as_it_comes_back(side: str, stop: str, known: bool) -> None:
    """What it knows of says that it was flat, or that it was on the other side."""
    before = opened(Hand("0", "0"))
    assert before._play is not None
    if known:
        before._play.entered(-int(side), 100.0, 3)
    hand = Hand(side, "100")
    opened(hand, before.on_save())
    assert hand.sent == [stop]


def test_a_position_whose_stop_the_market_has_passed_is_closed_as_it_is_taken_over() -> None:
    hand = Hand("1", "120")
    opened(hand)
    assert hand.sent == ["close stop"]
    assert hand.told == [
        "holds 1 BTC-USDT long from before, entered at 120.00, and takes it over: "
        "the market has passed its stop of 108.00, so it is closed."
    ]


def test_what_stays_of_a_position_that_a_liquidation_made_smaller_keeps_a_stop_of_its_size() -> None:
    hand = Hand("4", "100")
    live = opened(hand)
    hand.position = Decimal(1)
    live.on_fill(cast(Fill, SimpleNamespace(client_id="the venue's", side=Side.SELL, price=Decimal(95))))
    assert hand.sent == ["sell 4 stop 90", "cancel o1", "sell 1 stop 90"]
