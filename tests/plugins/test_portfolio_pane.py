"""The portfolio page by keys: pick, walk the frontier, see the orders change, send, pause, resume, cancel, compare."""

from __future__ import annotations

import asyncio
import math
import os
import re
import time
from collections.abc import Callable
from contextlib import asynccontextmanager
from datetime import date
from decimal import Decimal
from random import Random

import pytest

import screens.testing as scenery
from plugins.log import LogPane
from plugins.portfolio import PortfolioPane
from screens.testing import FrozenDesk
from workstation.clock import SECOND
from workstation.domain.bar import Bar
from workstation.domain.instrument import Instrument
from workstation.domain.plan import PlanState
from workstation.portfolio.frontier import frontier
from workstation.portfolio.optimise import allocate, contributions
from workstation.trading.alerts import sentence
from workstation.trading.errors import Refused

pytestmark = pytest.mark.timeout(240)
SIZES = [(160, 48), (100, 30), (80, 24)]
_D = Decimal


def _spot(base: str, tick: str, lot: str, middle: float) -> Instrument:
    instrument = Instrument(
        venue="NOVA", symbol=f"{base}-USDT", base=base, quote="USDT", tick=_D(tick), lot=_D(lot), min_quantity=_D(lot),
        min_notional=_D(5), maker_fee=_D("0.0008"), taker_fee=_D("0.001"),
    )  # fmt: skip
    scenery.MIDS.setdefault(instrument.id, middle)
    return instrument


TEN = (
    _spot("BTC", "0.1", "0.0001", 64_200), _spot("ETH", "0.01", "0.001", 3_210), _spot("SOL", "0.01", "0.01", 151),
    _spot("XRP", "0.0001", "0.1", 0.6), _spot("ADA", "0.0001", "0.1", 0.45), _spot("DOGE", "0.00001", "1", 0.15),
    _spot("AVAX", "0.01", "0.01", 35), _spot("LINK", "0.001", "0.01", 15), _spot("LTC", "0.01", "0.001", 75),
    _spot("DOT", "0.001", "0.01", 6.5),
)  # fmt: skip
BTC, ETH = TEN[0].id, TEN[1].id


def rising(name: str, interval: int, count: int, drift: float = 0.0) -> list[Bar]:
    """Closed bars before the start: ten walks with a factor in common, that rise by what their places say."""
    random, common = Random(f"own {name}"), Random(f"common {interval}")
    place = [one.id for one in TEN].index(name)
    first = scenery.START // interval - count
    closes, level = [], 0.0
    for _ in range(count):
        level += common.gauss(0.0006, 0.012) * (0.7 + place / 20) + random.gauss(0.0001 * place - 0.0003 + drift, 0.012)
        closes.append(level)
    middle = scenery.MIDS[name]
    prices = [middle * math.exp(close - closes[-1]) for close in closes]
    return [Bar((first + n) * interval, price, price, price, price, 1.0) for n, price in enumerate(prices)]


def falling(name: str, interval: int, count: int) -> list[Bar]:
    return rising(name, interval, count, drift=-0.004)


class Inline:
    """Portfolios worked out in the test's own process, by the same functions."""

    running = True

    async def begin(self) -> None: ...
    async def warm(self) -> None: ...
    async def close(self) -> None: ...

    async def allocate(self, prices, problem, *, leave_out=False, on_part=None):
        return allocate(prices, problem, leave_out=leave_out)

    async def frontier(self, prices, problem, points=30, *, leave_out=False, on_part=None):
        if on_part is not None:
            on_part((points, points))
        return _timeless(frontier(prices, problem, points, leave_out=leave_out))

    async def contributions(self, prices, problem, weights):
        import numpy as np

        from workstation.portfolio.inputs import prepare

        inputs = prepare(prices, problem)
        return np.array([contributions(inputs, row) for row in weights])


def _timeless(found):
    """Pictures show no time that a machine took."""
    from dataclasses import replace

    return replace(found, seconds=0.012)


@asynccontextmanager
async def page(folder, size=(160, 48), history=rising, **options):
    desk = frozen(folder, history, **options)
    try:
        async with desk.app.run_test(size=size) as pilot:
            await desk.ready(pilot)
            pane = desk.app.workspace.panes["portfolio"]
            pane.focus()
            await until(desk, pilot, lambda: worked(pane))
            yield desk, pilot, pane
    finally:
        await desk.engine.close()


def frozen(folder, history=rising, **options) -> FrozenDesk:
    os.environ["TZ"] = "UTC"
    time.tzset()
    scenery_history, scenery.history = scenery.history, history
    try:
        desk = FrozenDesk(folder, [PortfolioPane], instruments=TEN, **options)
    finally:
        scenery.history = scenery_history
    desk.engine._portfolio = Inline()
    return desk


def worked(pane) -> bool:
    session = pane.session
    return session.parts is not None and not session.busy and session.trained is not None


async def until(desk, pilot, holds: Callable[[], bool], seconds: float = 60) -> None:
    for _ in range(int(seconds / 0.02)):
        if holds():
            break
        await asyncio.sleep(0.02)
        desk.app.frame()
    assert holds(), desk.screen_text()
    await desk.painted(pilot)


async def over(desk, pilot, pane) -> None:
    """Let time and books go on until no rebalance is under way."""
    for _ in range(300):
        if not any(one.is_active for one in desk.engine.rebalances()):
            break
        desk.clock.advance(500_000_000)
        for instrument in TEN:
            desk.feed(scenery.book(instrument, desk.clock.now()))
        await asyncio.sleep(0.01)
    await desk.painted(pilot)


async def test_it_opens_on_the_markets_ten_assets_with_weights_frontier_and_orders(tmp_path):
    async with page(tmp_path) as (desk, _, pane):
        assert pane.session.assets == tuple(one.symbol for one in TEN)
        text = desk.screen_text()
        assert "10 of 10" in text
        assert "Minimum risk" in text
        assert "best ratio" in text
        assert "all pass" in text
        assert "Cost" in text


async def test_its_process_runs_before_the_page_is_opened(tmp_path):
    desk = FrozenDesk(tmp_path, [LogPane, PortfolioPane])
    try:
        async with desk.app.run_test(size=(80, 24)) as pilot:
            await desk.ready(pilot)
            assert not desk.engine.portfolio.running
            await desk.app.ready.prepare_panes()
            assert desk.engine.portfolio.running
            assert desk.app.workspace.panes["portfolio"].session.table is None, (
                "prices are drawn when they are looked at"
            )
    finally:
        await desk.engine.close()


async def test_the_table_that_shows_is_copied_and_the_weights_while_the_frontier_is_walked(tmp_path):
    async with page(tmp_path) as (desk, pilot, pane):
        await pilot.press("ctrl+y")
        titles, *rows = (line.split("\t") for line in desk.app.clipboard.splitlines())
        trades = pane._preview.proposal.trades
        assert titles[:3] == ["Side", "Quantity", "Instrument"]
        assert [row[2] for row in rows[: len(trades)]] == [trade.instrument for trade in trades]
        assert all(len(row) == len(titles) for row in rows)
        for view in ("risk", "figures"):
            pane.view = view
            assert len(pane.table_texts()[1]) == {"risk": 10, "figures": 7}[view]
        pane.view = "tree"
        before = desk.app.clipboard
        await pilot.press("ctrl+y")
        assert any("The clusters are a drawing and no table" in toast for toast in desk.toasts())
        assert desk.app.clipboard == before
        await pilot.press("f", "ctrl+y")
        weights = pane.session.choice.weights
        names = [line.partition("\t")[0] for line in desk.app.clipboard.splitlines()]
        assert names == ["Asset", *sorted(weights, key=lambda asset: -weights[asset]), "money"]


async def test_on_a_falling_market_it_opens_with_weights_and_says_calmly_that_there_is_no_best_ratio(tmp_path):
    async with page(tmp_path, history=falling) as (desk, pilot, pane):
        text = desk.screen_text()
        assert "✖" not in text
        assert "there is no best ratio" in text
        assert "all pass" in text
        await pilot.press("m")
        await desk.painted(pilot)
        assert any("none has a best ratio" in toast for toast in desk.toasts())
        assert not pane.walking
        pane.form.put("method", "max_ratio")  # who asks for it is told why not
        pane.session.refresh()
        await until(desk, pilot, lambda: bool(pane.session.problem) and not pane.session.busy)
        assert "✖ No portfolio within the bounds is expected to return more" in desk.screen_text()
        assert "The frontier can be walked" in desk.screen_text()


async def test_walking_the_frontier_changes_weights_risk_and_orders_at_once(tmp_path):
    async with page(tmp_path) as (desk, pilot, pane):
        await pilot.press("n")
        await desk.painted(pilot)
        least = pane.session.choice
        orders = pane._preview.proposal.trades
        assert pane.session.place == 0
        await pilot.press("right", "right", "right")
        await desk.painted(pilot)
        assert pane.session.place == 3
        assert pane.session.choice.risk > least.risk
        assert pane.session.choice.weights != least.weights
        assert pane._preview.proposal.trades != orders
        assert "frontier 4/30" in desk.screen_text()
        assert sum(pane.session.choice.contributions.values()) == pytest.approx(pane.session.choice.risk, rel=1e-6)
        await pilot.press("m")
        assert pane.session.choice.expected / pane.session.choice.risk == max(
            r / s for r, s in zip(pane.session.frontier.returns, pane.session.frontier.risks, strict=True)
        )
        await pilot.press("w")
        assert pane.session.place is None


async def test_the_orders_are_previewed_sent_as_one_plan_and_the_weights_arrive(tmp_path):
    async with page(tmp_path) as (desk, pilot, pane):
        await pilot.press("g")
        await pilot.pause()
        text = desk.screen_text()
        assert "Rebalance: min risk" in text
        assert "sales first" in text
        assert not desk.engine.orders()
        wanted = dict(pane.session.choice.weights)
        await pilot.press("enter")
        await until(desk, pilot, lambda: bool(desk.engine.all_rebalances()))
        await over(desk, pilot, pane)
        rebalance = desk.engine.all_rebalances()[0]
        assert (rebalance.state, rebalance.name) == (PlanState.DONE, "min risk")
        await until(desk, pilot, lambda: worked(pane) and pane._held)
        for asset, weight in wanted.items():
            assert pane._held.get(asset, 0.0) == pytest.approx(weight, abs=0.005)
        assert "Risk now" in desk.screen_text()
        pane.form.cursor = [field.key for field in pane.form.fields()].index("calendar")
        await pilot.press("right")  # once a day
        await desk.painted(pilot)
        assert re.search(r"Next rebalance on \w+ \d+ \w+ \d\d:\d\d, in (1d|23h)", desk.screen_text())
        with pytest.raises(Refused, match=r"By the calendar \(once a day\) orders are due on .*, in (1d|23h)"):
            pane.session.preview()
        (reminder,) = desk.engine.alerts.alerts()
        assert sentence(reminder) == "the rebalance of BTC-USDT, ETH-USDT and 8 more is due, 1d after the last one"
        assert not any("ALERT" in toast for toast in desk.toasts())
        desk.clock.advance(86_400 * SECOND)
        await pilot.pause()
        assert sum("ALERT  The rebalance of BTC-USDT" in toast for toast in desk.toasts()) == 1
        for instrument in TEN:
            desk.feed(scenery.book(instrument, desk.clock.now()))
        await until(desk, pilot, lambda: "The rebalance is due by the calendar" in desk.screen_text())
        assert pane.session.preview() is not None
        await pilot.press("left")  # any time: nothing reminds
        assert not desk.engine.alerts.alerts()


async def test_esc_in_the_preview_sends_nothing_and_a_disarmed_desk_neither(tmp_path):
    async with page(tmp_path) as (desk, pilot, _):
        await pilot.press("g", "escape")
        await desk.painted(pilot)
        await pilot.press("ctrl+l", "g", "enter")
        await desk.painted(pilot)
        assert any("DISARMED" in text for text in desk.toasts())
        assert not desk.engine.all_rebalances()


@pytest.mark.slow
async def test_a_plan_is_paused_resumed_and_cancelled_from_the_page(tmp_path):
    async with page(tmp_path) as (desk, pilot, pane):
        pane.form.put("patience", 600.0)
        pane.session.bump()
        await pilot.press("g", "enter")
        await until(desk, pilot, lambda: len(desk.engine.open_orders()) > 1)
        rebalance = desk.engine.rebalances()[0]
        await until(desk, pilot, lambda: "P pauses" in desk.screen_text())
        await pilot.press("P")
        await until(desk, pilot, lambda: desk.engine.rebalance(rebalance.rebalance_id).is_paused)
        await over_orders(desk, pilot)
        await until(desk, pilot, lambda: "PAUSED" in desk.screen_text())
        await pilot.press("P")
        await until(desk, pilot, lambda: not desk.engine.rebalance(rebalance.rebalance_id).is_paused)
        await pilot.press("x")
        await until(desk, pilot, lambda: not desk.engine.rebalance(rebalance.rebalance_id).is_active)
        assert desk.engine.rebalance(rebalance.rebalance_id).state is PlanState.CANCELED
        await over_orders(desk, pilot)


async def over_orders(desk, pilot) -> None:
    for _ in range(200):
        if not desk.engine.open_orders():
            return
        desk.clock.advance(300_000_000)
        await asyncio.sleep(0.01)
        await pilot.pause()
    raise AssertionError("orders are left")


async def test_a_bound_in_the_form_holds_and_what_cannot_be_said_so(tmp_path):
    async with page(tmp_path) as (desk, pilot, pane):
        pane.form.cursor = [field.key for field in pane.form.fields()].index("upper")
        await pilot.press("left", "left")  # 30 %
        await until(desk, pilot, lambda: worked(pane))
        assert max(pane.session.choice.weights.values()) <= 0.3 + 1e-6
        pane.form.put("groups", "BTC-USDT ETH-USDT 35..50; SOL-USDT ..1")
        pane.form.put("expected", "FM")
        pane.form.put("factors", "DOGE-USDT")
        pane.session.refresh()
        await until(desk, pilot, lambda: worked(pane) and "DOGE-USDT" not in pane.session.choice.weights)
        weights = pane.session.choice.weights
        assert len(weights) == 9
        assert 0.35 - 1e-6 <= weights["BTC-USDT"] + weights["ETH-USDT"] <= 0.5 + 1e-6
        assert weights["SOL-USDT"] <= 0.01 + 1e-6
        assert pane.session.parts is not None
        pane.form.put("upper", 5.0)  # ten assets at 5 % are half the money
        pane.session.refresh()
        await until(desk, pilot, lambda: bool(pane.session.problem))
        assert "✖" in desk.screen_text()


@pytest.mark.slow
async def test_assets_are_taken_out_by_the_list(tmp_path):
    async with page(tmp_path) as (desk, pilot, pane):
        await pilot.press("a")
        await pilot.pause()
        await pilot.press("enter", "down", "enter", "escape")
        await until(desk, pilot, lambda: len(pane.session.assets) == 8 and worked(pane))
        assert "BTC-USDT" not in pane.session.assets
        assert "8 of 10" in desk.screen_text()


DIRTY = {
    "three": (lambda row, i: [*row[:2], row[2] if i < 3 else ""], "C is left out: C has only 3 prices. The highest"),
    "constant": (lambda row, i: [*row[:2], 5], "C is left out: C never moves from 5"),
    "double": (lambda row, i: [*row[:2], 2 * row[0]], "C is left out: C moves exactly as A does"),
    "gap": (lambda row, i: ["" if i == 30 else row[0], *row[1:]], "1 of 60 rows are left out"),
    "disjoint": (lambda row, i: ["", *row[1:]] if i < 30 else [row[0], "", row[2]], "A and B have no date in common"),
    "word": (lambda row, i: ["n/a!", *row[1:]], "A has 'n/a!', which is no price"),
    "one": (lambda row, i: row[:1], "A portfolio needs two assets at least"),
}


async def test_dirty_prices_are_a_sentence_on_the_page(tmp_path):
    random = Random(4)
    walk, prices = [100.0, 50.0, 20.0], []
    for _ in range(60):
        walk = [price * math.exp(random.gauss(0.0, 0.01)) for price in walk]
        prices.append([round(price, 4) for price in walk])
    async with page(tmp_path, size=(100, 30)) as (desk, pilot, pane):
        for name, (spoil, sentence) in DIRTY.items():
            rows = [spoil(row, i) for i, row in enumerate(prices)]
            head = ",".join(["date", *"ABC"[: len(rows[0])]])
            lines = [f"{date.fromordinal(738_000 + i)},{','.join(map(str, row))}" for i, row in enumerate(rows)]
            (tmp_path / f"{name}.csv").write_text("\n".join([head, *lines]))
            pane.form.put("universe", str(tmp_path / f"{name}.csv"))
            pane.session.refresh()
            await until(desk, pilot, lambda: not pane.session.busy and not pane.session._again)
            words = " ".join(line.partition("│")[2].strip(" ✖│") for line in desk.screen_text().split("\n")[2:4])
            assert sentence in " ".join(words.split()), name


@pytest.mark.slow
async def test_shares_that_no_venue_lists_get_weights_and_no_orders(tmp_path):
    async with page(tmp_path) as (desk, pilot, pane):
        pane.form.put("universe", "stocks")
        pane.session.refresh()
        await until(
            desk, pilot, lambda: pane.session.table is not None and "AAPL" in pane.session.assets and worked(pane)
        )
        text = desk.screen_text()
        assert "Not listed here: weights only." in text
        await pilot.press("g")
        await desk.painted(pilot)
        assert any("weights only" in toast for toast in desk.toasts())
        await pilot.resize_terminal(80, 24)
        await desk.painted(pilot)
        words = " ".join(pane.row_text(y)[pane.space.form + 1 :].strip() for y in range(pane.height))
        assert "None of these assets is listed at a venue of this desk: weights only, no orders." in words


@pytest.mark.slow
async def test_methods_are_compared_over_a_walk_forward_and_esc_stops_it(tmp_path):
    async with page(tmp_path) as (desk, pilot, pane):
        await pilot.press("c")
        await until(desk, pilot, lambda: len(pane.session.compared) >= 4 and not pane.session.busy)
        named = {one.method: one for one in pane.session.compared}
        assert named["equal_weight"].figures is not None, named
        assert named["equal_weight"].figures.turnover > 1.0
        assert "Equal weight" in desk.screen_text()
        assert "all out of sample" in desk.screen_text()


@pytest.mark.slow
async def test_a_portfolio_is_kept_and_taken_up_again_and_traded_by_its_name(tmp_path):
    from workstation.trading.command_line import hint
    from workstation.trading.command_run import context_of

    async with page(tmp_path) as (desk, pilot, pane):
        await pilot.press("n", "right", "s")
        await pilot.pause()
        await pilot.press(*"calm", "enter")
        await desk.painted(pilot)
        assert list(pane.session.kept()) == ["calm"]
        context = context_of(desk.engine, None, currency="USDT", account_name="demo")
        words = hint("rebalance calm", context)
        assert "costs about" in words
        assert "as one plan" in words
        await pilot.press("w")
        await pilot.press("V")  # saved
        await pilot.press("f", "enter")
        await until(desk, pilot, lambda: worked(pane) and pane.session.place == 1)


@pytest.mark.slow
async def test_a_hierarchical_method_shows_which_assets_cluster(tmp_path):
    async with page(tmp_path) as (desk, pilot, pane):
        pane.form.put("method", "hrp")
        pane.session.refresh()
        await until(desk, pilot, lambda: worked(pane) and pane.session.allocation.tree is not None)
        pane._show_view("tree")
        await desk.painted(pilot)
        lines = [line for line in desk.screen_text().split("\n") if "─┐" in line or "─┴" in line or "─┘" in line]
        assert len(lines) >= 5
        named = [line.split("│")[1].split()[0] for line in lines]
        order = [pane.session.allocation.assets[leaf].removesuffix("-USDT") for leaf in pane.session.allocation.order]
        assert named == [name for name in order if name in named]


@pytest.mark.parametrize("size", SIZES[:2], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("key", ["g", "a"], ids=["preview", "assets"])
def test_picture_of_the_dialogs(snap_compare, tmp_path, size, key):
    desk = frozen(tmp_path)

    async def before(pilot):
        await desk.ready(pilot)
        pane = desk.app.workspace.panes["portfolio"]
        pane.focus()
        await until(desk, pilot, lambda: worked(pane))
        await pilot.press(key)
        await pilot.pause()
        await desk.still(pilot)

    assert snap_compare(desk.app, terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_picture(snap_compare, tmp_path, size):
    desk = frozen(tmp_path)

    async def before(pilot):
        await desk.ready(pilot)
        pane = desk.app.workspace.panes["portfolio"]
        pane.focus()
        await until(desk, pilot, lambda: worked(pane))
        await pilot.press("n", *["right"] * 8)
        await desk.painted(pilot)

    assert snap_compare(desk.app, terminal_size=size, run_before=before)
