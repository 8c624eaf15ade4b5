"""One value says how a strategy trades its signals: what it does to a strategy, what is refused, what forms show."""

from __future__ import annotations

from dataclasses import fields

import msgspec
import pytest

from screens.rule_rows import rule_rows, steps_of, typed_rule, with_rule
from workstation.domain.strategy_run import StrategyRun
from workstation.domain.trade_rules import AMOUNTS, PLAIN, RULES, UNCHANGED, TradeRules, check, put, shown
from workstation.research.bench.setup import Setup
from workstation.strategies.exits import Exits
from workstation.strategies.parameters import ParameterError
from workstation.strategies.protections import Protections
from workstation.strategies.shipped.sma_cross import SmaCross
from workstation.strategies.sizing import Sizing
from workstation.strategies.trade_rules import own_rules, put_on
from workstation.trading.errors import Refused

ALL = TradeRules(
    size_rule="kelly", size=0.25, size_cap=0.8, size_length=5, stop=0.02, atr_stop=3, atr_length=20, take_profit=0.05,
    roi=((0, 0.04), (30, 0.01)), trailing=0.03, trailing_offset=0.01, break_even=0.02, max_bars=48, cooldown=5,
    max_drawdown=0.1, max_drawdown_lock=50, stop_count=3, stop_lookback=100, stop_lock=40, profit_trades=4,
    profit_lookback=200, profit_least=-0.01, profit_lock=60,
)  # fmt: skip


def made(rules: TradeRules) -> SmaCross:
    strategy = SmaCross()
    put_on(rules, strategy)
    return strategy


def test_every_part_of_exits_and_protections_is_declared_and_reaches_the_strategy():
    names = [field.name for part in (Exits, Protections) for field in fields(part)]
    assert set(names) <= {rule.name for rule in RULES} == set(TradeRules.__struct_fields__)
    strategy = made(ALL)
    for name in names:
        part = strategy.exits if name in Exits.__slots__ else strategy.protections
        assert getattr(part, name) == getattr(ALL, name), name
    assert strategy.sizing == Sizing.kelly(0.25, 0.8, least_trades=5)
    assert own_rules(strategy) == ALL, "and can be read off it again"


@pytest.mark.parametrize(
    ("rule", "sizing"),
    [
        ("equity", Sizing.equity(1)), ("value", Sizing.value(1_000)), ("units", Sizing.units(1)),
        ("risk", Sizing.risk_to_stop(0.01)), ("atr", Sizing.atr(0.01)), ("volatility", Sizing.volatility_target(0.2)),
        ("kelly", Sizing.kelly(0.5)),
    ],
)  # fmt: skip
def test_every_way_to_size_begins_with_its_usual_amount(rule, sizing):
    assert made(TradeRules(size_rule=rule, stop=0.02)).sizing == sizing
    assert set(AMOUNTS) == {"equity", "value", "units", "risk", "atr", "volatility", "kelly"}


def test_what_is_not_said_stays_as_the_strategy_has_it_and_zero_switches_off():
    strategy = SmaCross()
    strategy.exits, strategy.sizing = Exits(stop=0.03, take_profit=0.06), Sizing.kelly(0.5, base=0.3)
    put_on(TradeRules(take_profit=0.0, size=0.2), strategy)
    assert strategy.exits == Exits(stop=0.03)
    assert strategy.sizing == Sizing.kelly(0.2, base=0.3)


@pytest.mark.parametrize(
    ("rules", "sentence"),
    [
        (TradeRules(stop=0.95), "stop goes from 0 to 0.9, not 0.95"),
        (TradeRules(max_bars=-1), "max_bars goes from 0"),
        (TradeRules(max_drawdown=0.1), "max_drawdown does nothing without max_drawdown_lock"),
        (TradeRules(stop_count=2, stop_lock=5), "stop_count does nothing without stop_lookback"),
        (TradeRules(trailing_offset=0.1), "trailing_offset does nothing without trailing"),
        (TradeRules(size_rule="risk"), "needs a stop"),
        (TradeRules(size_rule="units", size_cap=0.5), "has no cap"),
        (TradeRules(size_rule="much"), "no size rule 'much'"),
        (TradeRules(roi=((0, 9.0),)), "ROI table"),
    ],
)
def test_what_would_do_nothing_or_is_out_of_range_is_one_sentence(rules, sentence):
    with pytest.raises(ParameterError, match=sentence):
        made(rules)
    assert made(TradeRules(trailing=0.1, trailing_offset=0.1)).exits.trailing_offset == 0.1


def test_a_stop_may_not_be_taken_from_a_strategy_that_sizes_by_it():
    strategy = SmaCross()
    strategy.exits, strategy.sizing = Exits(stop=0.02), Sizing.risk_to_stop(0.01)
    with pytest.raises(ParameterError, match="needs a stop"):
        put_on(TradeRules(stop=0.0), strategy)
    put_on(TradeRules(stop=0.03), strategy)
    assert strategy.exits == Exits(stop=0.03)


def test_what_is_switched_off_and_on_again_has_the_partners_that_it_had():
    own = msgspec.structs.replace(PLAIN, profit_trades=4, profit_lookback=300, profit_least=0.01, profit_lock=30,
                                  trailing=0.05, trailing_offset=0.02)  # fmt: skip
    off = put(put(UNCHANGED, own, "profit_trades", 0), own, "trailing", 0.0)
    check(off, own)
    on = put(put(off, own, "profit_trades", 4), own, "trailing", 0.05)
    assert on.over(own) == own


def test_a_form_says_only_what_differs_and_brings_partners_along():
    own = msgspec.structs.replace(PLAIN, stop=0.02)
    assert put(UNCHANGED, own, "stop", 0.02) == UNCHANGED
    assert put(UNCHANGED, own, "stop", 0.0) == TradeRules(stop=0.0)
    guarded = put(UNCHANGED, own, "stop_count", 2)
    assert guarded == TradeRules(stop_count=2, stop_lookback=100, stop_lock=50)
    check(guarded, own)
    assert put(guarded, own, "stop_count", 0) == UNCHANGED, "off, it takes them along"
    sized = put(put(UNCHANGED, own, "size_rule", "kelly"), own, "size", 0.25)
    assert sized == TradeRules(size_rule="kelly", size=0.25)
    assert put(sized, own, "size_rule", "risk") == TradeRules(size_rule="risk"), "an amount belongs to its rule"
    assert put(sized, own, "size_rule", "equity") == UNCHANGED


def test_rows_are_in_percent_and_show_what_goes_with_what_is_on():
    keys = [rule.name for rule in shown(PLAIN, UNCHANGED)]
    assert "trailing_offset" not in keys
    assert "size_cap" not in keys
    rules = with_rule(PLAIN, with_rule(PLAIN, UNCHANGED, "rule:trailing", 2.5), "rule:size_rule", "volatility")
    rows = {row.key: row for row in rule_rows(PLAIN, rules)}
    assert (rules.trailing, rows["rule:trailing"].value, rows["rule:trailing"].given) == (0.025, 2.5, True)
    assert rows["rule:trailing_offset"].value == 0
    assert (rows["rule:size"].label, rows["rule:size"].value) == ("· a year %", 20)
    assert rows["rule:size_cap"].value == 100
    with pytest.raises(Refused, match="0 to 90"):
        typed_rule(rows["rule:stop"], "95")


def test_a_roi_table_is_typed_as_bars_and_percent():
    assert steps_of("0:4, 30:1") == ((0, 0.04), (30, 0.01))
    assert steps_of("none") == ()
    [row] = [row for row in rule_rows(PLAIN, TradeRules(roi=((0, 0.04), (30, 0.01)))) if row.key == "rule:roi"]
    assert row.value == "0:4 30:1"
    for text in ("4", "0:x", "-3:4", "0:900"):
        with pytest.raises(Refused, match="ROI table"):
            steps_of(text)


def test_stored_runs_and_the_journal_keep_every_rule_and_former_ones_are_read():
    setup = Setup("sma_cross", "GOOG", {"fast": 7}, rules=ALL)
    assert Setup.of(msgspec.json.decode(msgspec.json.encode(setup.stored))) == setup
    former = {"strategy": "rsi", "candles": "GOOG", "params": {}, "stop": 0.02, "target": 0.0, "trailing": 0.015}
    assert Setup.of(former).rules == TradeRules(stop=0.02, trailing=0.015)
    # As the journal has had it from the first.
    run = b'{"run_id":"a@b","strategy":"a","instrument":"b","interval":1,"params":{},"capital":"5","exits":%s}'
    found = msgspec.json.decode(run % b'{"stop":0.02,"take_profit":0.1}', type=StrategyRun)
    assert found.rules == TradeRules(stop=0.02, take_profit=0.1)
    now = msgspec.structs.replace(found, rules=ALL)
    assert msgspec.json.decode(msgspec.json.encode(now), type=StrategyRun) == now
