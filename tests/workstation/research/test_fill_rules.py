"""The rules of fills, bar by bar. Every engine that runs signals keeps every one of them."""

from __future__ import annotations

import pytest

from tests.support.bars import Scripted, candles
from workstation.research.engine import BacktestError, Costs, Result, engine
from workstation.strategies.exits import Exits
from workstation.strategies.protections import Protections
from workstation.strategies.sizing import Sizing

ENGINES = ["fast", "event", "backtesting"]
FLAT = (100.0, 100.0, 100.0, 100.0)
QUIET = (100.0, 101.0, 99.0, 100.0)  # its range reaches neither 95 nor 105

type Row = tuple[float, float, float, float]


def mirror(row: Row) -> Row:
    """The same bar upside down around 100: 90 becomes 110."""
    o, h, low, c = (200 - price for price in row)
    return o, low, h, c


def play(
    name: str,
    rows: list[Row],
    *,
    short: bool = False,
    exits: Exits | None = None,
    costs: Costs | None = None,
    sizing: Sizing | None = None,
) -> Result:
    """Enter on the close of the first bar, so at the open of the second, with 10,000."""
    strategy = Scripted(short_entry=[0]) if short else Scripted(long_entry=[0])
    strategy.exits = exits or Exits()
    strategy.sizing = sizing or Sizing()
    return engine(name).run(strategy, candles(rows), costs or Costs())


# Long at 100, stop 95, target 105; the next bar decides (open, high, low, close → price and reason).
ONE_BAR = [
    ((90, 92, 88, 91), 90, "stop"),  # the open has passed the stop: it fills there
    ((90, 97, 88, 96), 90, "stop"),  # a recovery later in the bar changes nothing
    ((100, 106, 94, 101), 95, "stop"),  # stop and target both touched: the stop counts
    ((110, 112, 109, 111), 110, "target"),  # a limit fills at its price or better
    ((100, 101, 94, 101), 95, "stop"),  # at the stop, not at the close
    ((100, 106, 96, 104), 105, "target"),
    ((110, 112, 94, 96), 110, "target"),  # the open alone decides before the rest of the bar
    ((95, 99, 95, 98), 95, "stop"),
    ((105, 105, 100, 101), 105, "target"),
]


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize(("row", "price", "reason"), ONE_BAR)
@pytest.mark.parametrize("short", [False, True], ids=["long", "short"])
def test_one_bar_decides(name: str, row: Row, price: float, reason: str, short: bool) -> None:
    rows = [FLAT, QUIET, row, (100, 100, 100, 100)]
    if short:
        rows, price = [mirror(r) for r in rows], 200 - price
    result = play(name, rows, short=short, exits=Exits(stop=0.05, take_profit=0.05))
    [trade] = result.rows()
    assert trade.side == ("short" if short else "long")
    assert (trade.entry_bar, trade.exit_bar, trade.tag) == (1, 2, reason)
    assert trade.entry_price == pytest.approx(100)
    assert trade.exit_price == pytest.approx(price)
    assert result.equity[-1] == pytest.approx(10_000 + (100 if not short else -100) * (price - 100))


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("short", [False, True], ids=["long", "short"])
def test_the_entrys_own_bar_can_reach_the_stop(name: str, short: bool) -> None:
    rows: list[Row] = [FLAT, (100, 106, 94, 103), QUIET]
    if short:
        rows = [mirror(r) for r in rows]
    [trade] = play(name, rows, short=short, exits=Exits(stop=0.05, take_profit=0.05)).rows()
    assert (trade.entry_bar, trade.exit_bar, trade.tag) == (1, 1, "stop")
    assert trade.exit_price == pytest.approx(105 if short else 95)


@pytest.mark.parametrize("name", ENGINES)
def test_a_decision_fills_at_the_next_open_with_slippage_and_fee_on_both_sides(name: str) -> None:
    rows: list[Row] = [FLAT, (102, 103, 101, 102), (104, 105, 103, 104), (106, 107, 105, 106), FLAT]
    strategy = Scripted(long_entry=[0], long_exit=[2])
    costs = Costs(cash=10_000, fee=0.001, slippage=0.01)
    result = engine(name).run(strategy, candles(rows), costs)
    [trade] = result.rows()
    assert (trade.entry_bar, trade.exit_bar) == (1, 3)
    assert trade.entry_price == pytest.approx(102 * 1.01)
    assert trade.exit_price == pytest.approx(106 * 0.99)
    size = 10_000 / (102 * 1.01 * 1.001)  # all of the equity, its fee included
    assert trade.size == pytest.approx(size)
    assert trade.fees == pytest.approx(0.001 * size * (102 * 1.01 + 106 * 0.99))
    assert trade.pnl == pytest.approx(size * (106 * 0.99 - 102 * 1.01) - trade.fees)
    assert trade.slippage == pytest.approx(size * (102 * 0.01 + 106 * 0.01))
    assert result.equity[-1] == pytest.approx(10_000 + trade.pnl)


@pytest.mark.parametrize("name", ENGINES)
def test_a_stop_slips_and_a_target_does_not(name: str) -> None:
    costs = Costs(slippage=0.001)
    rows: list[Row] = [FLAT, QUIET, (100, 101, 90, 91), FLAT]
    [trade] = play(name, rows, exits=Exits(stop=0.05), costs=costs).rows()
    assert trade.exit_price == pytest.approx(100.1 * 0.95 * 0.999)
    rows = [FLAT, QUIET, (100, 110, 99, 109), FLAT]
    [trade] = play(name, rows, exits=Exits(take_profit=0.05), costs=costs).rows()
    assert trade.exit_price == pytest.approx(100.1 * 1.05)


@pytest.mark.parametrize("name", ENGINES)
def test_the_last_bar_closes_at_its_close_unless_it_is_told_not_to(name: str) -> None:
    rows: list[Row] = [FLAT, QUIET, (101, 104, 100, 103)]
    [trade] = play(name, rows).rows()
    assert (trade.exit_bar, trade.exit_price, trade.tag) == (2, pytest.approx(103), "end")
    result = play(name, rows, costs=Costs(fee=0.001, close_at_end=False))
    [trade] = result.rows()
    assert trade.tag == "open"
    assert trade.fees == pytest.approx(trade.size * 100 * 0.001)
    assert result.equity[-1] == pytest.approx(10_000 + trade.size * 3 - trade.fees)


@pytest.mark.parametrize("name", ENGINES)
def test_a_decision_on_the_last_close_fills_nowhere(name: str) -> None:
    result = engine(name).run(Scripted(long_entry=[2]), candles([FLAT, QUIET, QUIET]), Costs())
    assert len(result.trades) == 0
    assert list(result.equity) == [10_000] * 3


@pytest.mark.parametrize("name", ENGINES)
def test_an_entry_the_other_way_reverses_at_one_open(name: str) -> None:
    rows: list[Row] = [FLAT, QUIET, QUIET, (98, 99, 97, 98), (96, 97, 95, 96)]
    first, second = engine(name).run(Scripted(long_entry=[0], short_entry=[2]), candles(rows), Costs()).rows()
    assert (first.side, first.exit_bar, first.exit_price) == ("long", 3, pytest.approx(98))
    assert (second.side, second.entry_bar, second.entry_price) == ("short", 3, pytest.approx(98))
    assert second.size == pytest.approx(9_800 / 98)
    assert second.pnl == pytest.approx(200)


@pytest.mark.parametrize("name", ENGINES)
def test_contradictory_signals_are_no_entry(name: str) -> None:
    strategy = Scripted(long_entry=[0, 1], short_entry=[0], long_exit=[1])
    assert len(engine(name).run(strategy, candles([FLAT] * 4), Costs()).trades) == 0


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("short", [False, True], ids=["long", "short"])
def test_a_trailing_stop_wakes_at_its_offset_and_follows_from_the_next_bar(name: str, short: bool) -> None:
    rows: list[Row] = [
        FLAT,
        (100, 102, 90, 101),  # not yet active: nothing happens at 90
        (101, 110, 101, 109),  # the best is 110: from the next bar on the stop is 5 % below it
        (109, 109.5, 106, 107),
        (106, 107, 104, 105),  # 104.5 is reached
        FLAT,
    ]
    exits = Exits(trailing=0.05, trailing_offset=0.05)
    if short:
        rows = [mirror(r) for r in rows]
    [trade] = play(name, rows, short=short, exits=exits).rows()
    assert (trade.exit_bar, trade.tag) == (4, "trail")
    assert trade.exit_price == pytest.approx(90 * 1.05 if short else 110 * 0.95)


@pytest.mark.parametrize("name", ENGINES)
def test_break_even_pays_both_fees(name: str) -> None:
    rows: list[Row] = [FLAT, (100, 103, 100, 102), (102, 102, 95, 96), FLAT]
    result = play(name, rows, exits=Exits(break_even=0.02), costs=Costs(fee=0.001))
    [trade] = result.rows()
    assert trade.exit_bar == 2
    assert result.equity[-1] == pytest.approx(10_000)
    assert trade.pnl == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("name", ENGINES)
def test_time_exit_and_roi_table(name: str) -> None:
    rows: list[Row] = [FLAT, QUIET, QUIET, QUIET, QUIET, QUIET]
    [trade] = play(name, rows, exits=Exits(max_bars=2)).rows()
    assert (trade.exit_bar, trade.exit_price, trade.tag) == (3, pytest.approx(100), "time")
    [trade] = play(name, rows, exits=Exits(roi=((0, 0.04), (2, 0.01)))).rows()
    assert (trade.exit_bar, trade.exit_price, trade.tag) == (3, pytest.approx(101), "target")


@pytest.mark.parametrize("name", ENGINES)
def test_sizes(name: str) -> None:
    def size(sizing: Sizing, **costs: float) -> float:
        result = play(name, [FLAT, QUIET, QUIET], sizing=sizing, exits=Exits(stop=0.05), costs=Costs(**costs))
        return next(result.rows()).size if len(result.trades) else 0.0

    assert size(Sizing.units(3)) == pytest.approx(3)
    assert size(Sizing.value(500)) == pytest.approx(5)
    assert size(Sizing.equity(0.25), fee=0.01) == pytest.approx(2_500 / 101)
    assert size(Sizing.risk_to_stop(0.01)) == pytest.approx(100 / 5)
    assert size(Sizing.risk_to_stop(0.01), fee=0.01) == pytest.approx(100 / (5 + 1.95))
    assert size(Sizing.units(1_000)) == pytest.approx(100)  # no more than the equity pays for
    assert size(Sizing.units(1_000), leverage=5.0) == pytest.approx(500)
    assert size(Sizing.kelly(base=0.1)) == pytest.approx(10)


@pytest.mark.parametrize("name", ENGINES)
def test_risk_sizing_without_a_stop_buys_nothing(name: str) -> None:
    assert len(play(name, [FLAT, QUIET, QUIET], sizing=Sizing.risk_to_stop(0.01)).trades) == 0


@pytest.mark.parametrize("name", ENGINES)
def test_leverage_is_liquidated_where_the_maintenance_margin_is_reached(name: str) -> None:
    costs = Costs(leverage=10, maintenance=0.01)
    result = play(name, [FLAT, QUIET, (95, 96, 80, 85), FLAT], sizing=Sizing.equity(10), costs=costs)
    [trade] = result.rows()
    assert trade.tag == "liquidation"
    assert trade.exit_price == pytest.approx((1_000 * 100 - 10_000) / (1_000 * 0.99))
    assert result.equity[-1] == pytest.approx(10_000 - 1_000 * (100 - trade.exit_price))


@pytest.mark.parametrize("name", ENGINES)
def test_a_gap_beyond_the_account_loses_the_account_and_no_more(name: str) -> None:
    costs = Costs(leverage=10, maintenance=0.01)
    result = play(name, [FLAT, QUIET, (80, 81, 79, 80), FLAT], sizing=Sizing.equity(10), costs=costs)
    [trade] = result.rows()
    assert (trade.tag, trade.exit_price) == ("liquidation", pytest.approx(80))
    assert trade.pnl == pytest.approx(-10_000)
    assert result.equity[-1] == pytest.approx(0)


@pytest.mark.parametrize("name", ENGINES)
def test_a_short_without_leverage_is_liquidated_where_the_price_has_doubled(name: str) -> None:
    result = play(name, [FLAT, QUIET, (150, 250, 150, 240), FLAT], short=True)
    [trade] = result.rows()
    assert (trade.tag, trade.exit_price) == ("liquidation", pytest.approx(200))
    assert result.equity[-1] == pytest.approx(0)


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("short", [False, True], ids=["long", "short"])
def test_funding_is_paid_by_who_carries_the_position_through_the_hour(name: str, short: bool) -> None:
    rows = [FLAT] * 10  # hourly from 00:00: the bar that opens at 08:00 pays
    result = play(name, rows, short=short, costs=Costs(funding=0.001))
    [trade] = result.rows()
    assert trade.funding == pytest.approx(-10 if short else 10)
    assert result.equity[7] == pytest.approx(10_000)
    assert result.equity[8] == pytest.approx(10_010 if short else 9_990)
    assert trade.pnl == pytest.approx(-trade.funding)


@pytest.mark.parametrize("name", ENGINES)
def test_protections_hold_entries_back(name: str) -> None:
    down: Row = (100, 100, 94, 100)
    rows = [FLAT, down, FLAT, FLAT, FLAT, FLAT, FLAT]

    def entries(**protections: float) -> list[int]:
        strategy = Scripted(long_entry=[0, 1, 3, 4, 5])
        strategy.exits = Exits(stop=0.05, max_bars=1)
        strategy.protections = Protections(**protections)  # type: ignore[arg-type]
        return [trade.entry_bar for trade in engine(name).run(strategy, candles(rows), Costs()).rows()]

    assert entries() == [1, 2, 4, 6]
    assert entries(cooldown=3) == [1, 5]  # the loss of bar 1 locks the closes before bar 4
    assert entries(stop_count=1, stop_lookback=10, stop_lock=4) == [1, 6]
    assert entries(stop_count=2, stop_lookback=10, stop_lock=4) == [1, 2, 4, 6]
    assert entries(max_drawdown=0.04, max_drawdown_lock=4) == [1, 6]
    assert entries(profit_trades=1, profit_lookback=5, profit_least=0.0, profit_lock=4) == [1, 6]


@pytest.mark.parametrize("name", ["fast", "event"])
def test_the_path_inside_a_bar_is_a_choice(name: str) -> None:
    rows: list[Row] = [FLAT, QUIET, (100, 106, 94, 101), (100, 105.5, 90, 91), FLAT]

    def price(path: int, row: Row) -> float:
        exits = Exits(stop=0.05, take_profit=0.05)
        return next(play(name, [FLAT, QUIET, row, FLAT], exits=exits, costs=Costs(path=path)).rows()).exit_price

    assert [price(path, (100, 106, 94, 101)) for path in (0, 1)] == [pytest.approx(95), pytest.approx(105)]
    assert price(2, rows[3]) == pytest.approx(105)  # the high is nearer to the open
    assert price(2, (100, 112, 94, 101)) == pytest.approx(95)
    with pytest.raises(BacktestError, match="pessimistic path only"):
        play("backtesting", rows, costs=Costs(path=1))


def test_what_cannot_be_run_is_refused_in_a_sentence() -> None:
    with pytest.raises(BacktestError, match="two bars"):
        engine("fast").run(Scripted(), candles([FLAT]), Costs())
    with pytest.raises(BacktestError, match="no engine 'quick'"):
        engine("quick")
    for wrong in ({"cash": 0.0}, {"fee": 0.2}, {"slippage": -0.1}, {"leverage": 0.5}, {"maintenance": 1.0}):
        with pytest.raises(BacktestError):
            Costs(**wrong)


def test_candles_that_cannot_be_written_need_no_kernel_of_their_own() -> None:
    from workstation.research import kernel

    shared, strategy = candles([FLAT, QUIET, QUIET]), Scripted(long_entry=[0])
    engine("fast").run(strategy, shared, Costs())
    compiled = list(kernel.walk.signatures)
    for column in (shared.open, shared.high, shared.low, shared.close):
        column.flags.writeable = False
    engine("fast").run(strategy, shared, Costs())
    assert kernel.walk.signatures == compiled
