"""Strategies that live on events, bar by bar: their orders fill by the same rules as everybody's."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.bars import HOUR, candles, random_walk
from workstation.domain.bar import Bar
from workstation.domain.fill import Fill
from workstation.domain.order import Side
from workstation.research.engine import BacktestError, Costs, Result, engine
from workstation.strategies.contract import Strategy, StrategyError
from workstation.strategies.indicators import crossed_above, crossed_below, sma
from workstation.strategies.shipped.sma_cross import SmaCross

type Row = tuple[float, float, float, float]
FLAT: Row = (100, 100, 100, 100)
ONE = Decimal(1)


class Book(Strategy):
    """Does what the test says on each bar, and keeps what it heard."""

    def __init__(self, plan=None, on_fill=None) -> None:  # type: ignore[no-untyped-def]
        super().__init__()
        self.plan, self.answer = plan or {}, on_fill
        self.fills: list[Fill] = []
        self.rejects: list[str] = []
        self.timers: list[tuple[str, int]] = []
        self.bars = 0

    def on_bar(self, bar: Bar) -> None:
        if (act := self.plan.get(self.bars)) is not None:
            act(self.trader)
        self.bars += 1

    def on_fill(self, fill: Fill) -> None:
        self.fills.append(fill)
        if self.answer is not None:
            self.answer(self.trader, fill)

    def on_reject(self, client_id: str, reason: str) -> None:
        self.rejects.append(reason)

    def on_timer(self, name: str) -> None:
        self.timers.append((name, self.trader.now))


def run(strategy: Strategy, rows: list[Row], **costs: float) -> Result:
    return engine("event").run(strategy, candles(rows), Costs(**costs))  # type: ignore[arg-type]


def buy(**terms):  # type: ignore[no-untyped-def]
    return lambda trader: trader.order(Side.BUY, ONE, **terms)


def prices(book: Book) -> list[float]:
    return [float(fill.price) for fill in book.fills]


def test_a_market_order_fills_at_the_next_open_with_slippage() -> None:
    book = Book({0: buy(tag="in")})
    [trade] = run(book, [FLAT, (102, 103, 101, 102), (104, 104, 104, 104)], slippage=0.01).rows()
    assert prices(book)[0] == pytest.approx(102 * 1.01)
    assert (trade.entry_bar, trade.exit_bar, trade.exit_price) == (1, 2, pytest.approx(104 * 0.99))


@pytest.mark.parametrize(
    ("row", "filled"),
    [((100, 101, 97, 99), [98]), ((96, 97, 95, 96), [96]), ((100, 101, 98.5, 99), []), ((99, 99, 98, 98), [98])],
)
def test_a_limit_fills_at_its_price_or_better(row: Row, filled: list[float]) -> None:
    book = Book({0: buy(limit=Decimal(98))})
    run(book, [FLAT, row, FLAT], close_at_end=False)
    assert prices(book) == filled


@pytest.mark.parametrize(
    ("row", "filled"), [((100, 104, 100, 103), [103]), ((105, 106, 104, 105), [105]), ((100, 102, 99, 101), [])]
)
def test_a_stop_fills_at_its_price_or_at_an_open_that_has_passed_it(row: Row, filled: list[float]) -> None:
    book = Book({0: buy(stop=Decimal(103))})
    run(book, [FLAT, row, FLAT], close_at_end=False)
    assert prices(book) == filled


def test_a_stop_limit_that_the_open_jumped_over_rests_at_its_limit() -> None:
    book = Book({0: buy(stop=Decimal(103), limit=Decimal(104))})
    run(book, [FLAT, (106, 107, 105, 106), (106, 106, 103.5, 104), FLAT], close_at_end=False)
    assert prices(book) == [104]
    assert book.fills[0].ts == 2 * HOUR


def test_a_stop_placed_with_the_fill_of_a_limit_counts_in_the_same_bar_and_a_target_does_not() -> None:
    """The price came down through 98 to fill it: what lies below it came after, what lies above it may have gone."""

    def bracket(trader, fill: Fill) -> None:  # type: ignore[no-untyped-def]
        if fill.side is Side.BUY:
            trader.order(Side.SELL, fill.quantity, stop=Decimal(95), reduce_only=True, tag="stop")
            trader.order(Side.SELL, fill.quantity, limit=Decimal(100), reduce_only=True, tag="target")

    stopped = Book({0: buy(limit=Decimal(98))}, bracket)
    run(stopped, [FLAT, (100, 101, 94, 100), FLAT])
    assert prices(stopped) == [98, 95]
    held = Book({0: buy(limit=Decimal(98))}, bracket)
    run(held, [FLAT, (100, 101, 97, 100), (99, 101, 99, 100), FLAT])
    assert prices(held) == [98, 100]
    assert held.fills[1].ts == 2 * HOUR


def test_parts_of_a_position_close_at_its_average_price() -> None:
    book = Book({0: buy(), 1: buy(), 2: lambda t: t.order(Side.SELL, ONE), 3: lambda t: t.close("out")})
    rows: list[Row] = [FLAT, FLAT, (110, 110, 110, 110), (120, 120, 120, 120), (130, 130, 130, 130), FLAT]
    result = run(book, rows, fee=0.001)
    first, second = result.rows()
    assert (first.entry_price, first.exit_price, first.size) == (105, 120, 1)
    assert (second.exit_price, second.tag) == (130, "out")
    assert result.equity[-1] == pytest.approx(10_000 + 15 + 25 - 0.001 * (100 + 110 + 120 + 130))


def test_what_the_account_cannot_pay_for_is_rejected_in_words() -> None:
    book = Book({0: lambda t: t.order(Side.BUY, Decimal(101)), 1: lambda t: t.order(Side.SELL, ONE, reduce_only=True)})
    assert len(run(book, [FLAT] * 4).trades) == 0
    assert book.rejects == ["The account does not pay for it.", "There is nothing to reduce."]


def test_a_post_only_order_that_the_open_has_passed_is_rejected() -> None:
    book = Book({0: buy(limit=Decimal(98), post_only=True)})
    run(book, [FLAT, (97, 99, 96, 98), FLAT])
    assert book.rejects == ["Post-only: the order would have traded at once."]


def test_cancelled_orders_and_timers() -> None:
    def act(trader) -> None:  # type: ignore[no-untyped-def]
        trader.cancel(trader.order(Side.BUY, ONE))
        trader.timer(1.5 * 3_600, "later")

    book = Book({0: act})
    run(book, [FLAT] * 5)
    assert (book.fills, book.rejects) == ([], [])
    assert book.timers == [("later", 3 * HOUR)]


def test_the_trader_shows_position_equity_and_time_of_the_close() -> None:
    seen = []
    look = lambda t: seen.append((t.position, t.equity, t.now))  # noqa: E731
    run(Book({0: buy(), 1: look}), [FLAT, (100, 105, 100, 104), FLAT])
    assert seen == [(ONE, Decimal(10_004), 2 * HOUR)]


def test_orders_without_sense_are_refused() -> None:
    for terms in ({"limit": Decimal(-1)}, {"post_only": True}):
        with pytest.raises(StrategyError):
            run(Book({0: buy(**terms)}), [FLAT] * 3)
    with pytest.raises(BacktestError, match="two bars"):
        run(Book(), [FLAT])


def test_a_strategy_that_chases_its_own_stops_without_end_is_ended() -> None:
    def again(trader, fill: Fill) -> None:  # type: ignore[no-untyped-def]
        trader.order(fill.side.opposite, fill.quantity, stop=Decimal(100))

    with pytest.raises(BacktestError, match="without end"):
        run(Book({0: buy()}, again), [FLAT, (100, 110, 90, 100), FLAT])


def test_an_entry_with_all_equity_is_cut_to_what_the_account_pays_for_at_the_next_open() -> None:
    """A tick between the close and the next open does not cost the trade; what was too much at the close does."""

    def everything(times: str):  # type: ignore[no-untyped-def]
        def act(trader):  # type: ignore[no-untyped-def]
            trader.order(Side.BUY, trader.equity / Decimal("100.1") * Decimal(times))

        return act

    higher = [FLAT, (101, 101, 101, 101), (101, 101, 101, 101)]
    book = Book({0: everything("1")})
    result = run(book, higher, cash=10_000, fee=0.001)
    (trade,) = result.rows()
    assert book.rejects == []
    assert trade.size == pytest.approx(10_000 / (101 * 1.001), abs=1e-7)
    assert trade.size * 101 * 1.001 <= 10_000
    whole = Book({0: everything("1")})
    (trade,) = run(whole, [FLAT, (99, 99, 99, 99), FLAT], cash=10_000, fee=0.001).rows()
    assert trade.size == pytest.approx(10_000 / 100.1, abs=1e-7), "one that is paid for is not touched"
    greedy = Book({0: everything("1.01")})
    assert not len(run(greedy, higher, cash=10_000, fee=0.001).trades)
    assert greedy.rejects == ["The account does not pay for it."]

    def twice(trader):  # type: ignore[no-untyped-def]
        for _ in range(2):
            everything("0.6")(trader)

    both = Book({0: twice})
    (trade,) = run(both, higher, cash=10_000, fee=0.001).rows()
    assert trade.size == pytest.approx(60 / 1.001, abs=1e-6), "the second was too much when it was decided"
    assert both.rejects == ["The account does not pay for it."]

    def hedge(trader):  # type: ignore[no-untyped-def]
        trader.order(Side.BUY, trader.equity / Decimal("100.1"), tag="hedge")

    leg = Book({0: hedge})
    assert not len(run(leg, higher, cash=10_000, fee=0.001).trades), "a hedge is not cut"


def test_the_same_rules_written_as_events_give_the_same_trades_as_signals() -> None:
    walk = random_walk(1_000, seed=3)
    fast, slow = sma(walk, 5), sma(walk, 15)
    up, down = crossed_above(fast, slow), crossed_below(fast, slow)

    class Cross(Strategy):
        bar = -1

        def on_bar(self, bar: Bar) -> None:
            self.bar += 1
            if up[self.bar] and not self.trader.position:
                self.trader.order(Side.BUY, ONE)
            elif down[self.bar] and self.trader.position:
                self.trader.close()

    from workstation.strategies.sizing import Sizing

    signals = SmaCross(fast=5, slow=15)
    signals.sizing = Sizing.units(1)
    costs = Costs(fee=0.001, slippage=0.0005)
    events, other = engine("event").run(Cross(), walk, costs), engine("fast").run(signals, walk, costs)
    assert len(events.trades) > 20
    np.testing.assert_array_equal(events.trades.entry_bar, other.trades.entry_bar)
    np.testing.assert_allclose(events.trades.pnl, other.trades.pnl, atol=1e-9)
    np.testing.assert_allclose(events.equity, other.equity, atol=1e-6)


def test_reversals_and_stops_of_many_digits_leave_no_dust() -> None:
    """What is held is whole lots: the same trades as of the kernel, and none of what a rounded order left over."""
    walk = random_walk(600, seed=3)
    fast, slow = sma(walk, 3), sma(walk, 9)
    up, down = crossed_above(fast, slow), crossed_below(fast, slow)

    class Turns(Strategy):
        bar, stop = -1, ""

        def on_bar(self, bar: Bar) -> None:
            self.bar += 1
            if up[self.bar] or down[self.bar]:
                if held := self.trader.position:
                    way = Side.SELL if held > 0 else Side.BUY
                    self.trader.order(way, abs(held), reduce_only=True)
                self.trader.order(Side.BUY if up[self.bar] else Side.SELL, Decimal(repr(10 / 3)), tag="entry")

        def on_fill(self, fill: Fill) -> None:
            if held := self.trader.position:
                stop = Decimal(repr(float(fill.price) * (1 - 0.01 * fill.side.sign)))
                self.stop = self.trader.order(fill.side.opposite, abs(held), stop=stop, reduce_only=True)
            else:
                self.trader.cancel(self.stop)

    from workstation.strategies.exits import Exits
    from workstation.strategies.sizing import Sizing

    signals = SmaCross(fast=3, slow=9, direction="both")
    signals.sizing, signals.exits = Sizing.units(10 / 3), Exits(stop=0.01)
    events = engine("event").run(Turns(), walk, Costs(cash=1e6, fee=0.001)).trades
    other = engine("fast").run(signals, walk, Costs(cash=1e6, fee=0.001)).trades
    assert len(other) > 50
    np.testing.assert_array_equal(events.exit_bar, other.exit_bar)
    np.testing.assert_array_equal(events.side, other.side)
    np.testing.assert_allclose(events.size, 3.33333333, atol=1e-12)
    np.testing.assert_allclose(events.pnl, other.pnl, atol=1e-5)


def test_what_the_account_pays_for_of_a_reversal_is_whole_lots_too() -> None:
    turn = lambda t: t.order(Side.SELL, Decimal(1_000))  # noqa: E731
    book = Book({0: lambda t: t.order(Side.BUY, Decimal("33.33333333")), 1: turn, 2: lambda t: t.close()})
    rows: list[Row] = [FLAT, (101, 101, 101, 101), (99.7, 99.7, 99.7, 99.7), (99.1, 99.1, 99.1, 99.1), FLAT]
    run(book, rows)
    first, second, last = (fill.quantity for fill in book.fills)
    assert (first, second - first) == (Decimal("33.33333333"), last)
    assert book.trader.position == 0
    with pytest.raises(StrategyError, match="less than one lot"):
        run(Book({0: lambda t: t.order(Side.BUY, Decimal("1e-9"))}), [FLAT] * 3)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 60), st.booleans(), st.integers(1, 30), st.integers(-6, 6), st.sampled_from("mls")),
        max_size=30,
    ),
    st.integers(0, 2),
)
def test_no_money_comes_or_goes_but_by_trades(orders: list[tuple[int, bool, int, int, str]], path: int) -> None:
    walk = random_walk(64, seed=5)

    def act_at(bar: int):  # type: ignore[no-untyped-def]
        def act(trader) -> None:  # type: ignore[no-untyped-def]
            for when, buys, lots, away, kind in orders:
                level = Decimal(round(float(walk.close[bar]) * (1 + away / 200), 4))
                terms = {} if kind == "m" else {"limit": level} if kind == "l" else {"stop": level}
                if when == bar:
                    trader.order(Side.BUY if buys else Side.SELL, Decimal(lots) / 10, **terms)

        return act

    book = Book({bar: act_at(bar) for bar in range(64)})
    result = engine("event").run(book, walk, Costs(fee=0.001, slippage=0.0005, path=path))
    assert result.equity[-1] == pytest.approx(10_000 + result.trades.pnl.sum(), abs=1e-6)
    fees = sum(float(fill.fee) for fill in book.fills)
    assert result.trades.fees.sum() == pytest.approx(fees, abs=1e-5)
