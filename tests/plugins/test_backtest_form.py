"""The form of the backtest page: rows from the strategy's declaration, steps within its ranges, typed values."""

from __future__ import annotations

import json

import pytest

from plugins.backtest.axes import axes_of, axis_name, axis_text, searched, values_of
from plugins.backtest.form import Form, space, stepped
from workstation.domain.trade_rules import TradeRules
from workstation.research.bench.messages import CandleChoice, Offer, ParameterSpec, StrategyChoice
from workstation.research.bench.setup import Setup
from workstation.trading.errors import Refused

FAST = ParameterSpec("fast", "int", 10, 2, 200, 1, help="Bars of the fast average")
WIDTH = ParameterSpec("width", "float", 2.0, 0.5, 4.0, 0.1)
SIDE = ParameterSpec("direction", "choice", "long", choices=("long", "short", "both"))


def form(**values) -> Form:
    made = Form({"strategy": "bands", **values})
    made.offer = Offer(
        (
            StrategyChoice("bands", "Bands", "tws", "", None, False, True, (FAST, WIDTH, SIDE)),
            StrategyChoice("broken", "broken", "/x/broken.py", "", "line 3: oops", False, False, ()),
            StrategyChoice("other", "Other", "tws", "", None, False, True, (SIDE,)),
        ),
        (CandleChoice("GOOG", "", "built-in"), CandleChoice("EURUSD", "", "built-in")),
    )
    return made


def on(made: Form, key: str) -> Form:
    made.cursor = [field.key for field in made.fields()].index(key)
    return made


def test_every_declared_parameter_is_a_row_with_its_default():
    rows = {field.key: field.value for field in form().fields()}
    assert (rows["fast"], rows["width"], rows["direction"]) == (10, 2.0, "long")


def test_a_step_is_exact_and_ends_at_the_range():
    assert stepped(0.1, ParameterSpec("x", "float", 0.1, 0.0, 1.0, 0.1), 2) == 0.3, "no 0.30000000000000004"
    assert stepped(199, FAST, 10) == 200
    assert stepped("both", SIDE, 1) == "long", "choices go round"


def test_stepping_changes_what_is_run():
    made = on(form(), "fast")
    assert made.step(1)
    assert made.setup.params == {"fast": 11, "width": 2.0, "direction": "long"}
    made = on(form(params={"bands": {"fast": 200}}), "fast")
    assert not made.step(1), "nothing changes at the end of the range"


def test_stepping_through_strategies_passes_the_broken_one_and_keeps_parameters_of_each():
    made = on(form(), "fast")
    made.step(5)
    on(made, "strategy").step(1)
    assert made.strategy == "other"
    on(made, "strategy").step(-1)
    assert made.params["fast"] == 15


@pytest.mark.parametrize(
    ("key", "text", "sentence"),
    [
        ("fast", "500", "2 to 200"),
        ("fast", "7.5", "whole number"),
        ("fee", "9", "0 to 5"),
        ("direction", "up", "one of"),
        ("leverage", "0.5", "1 to 500"),
        ("maintenance", "120", "0 to 99"),
        ("funding", "much", "rate in percent, as 0.01, or a file"),
        ("funding", "150", "-99 to 99"),
        ("path", "kind", "one of pessimistic"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_sentence(key, text, sentence):
    made = on(form(), key)
    with pytest.raises(Refused, match=sentence):
        made.type(text)


def test_the_fee_is_typed_in_percent_and_run_as_a_fraction():
    made = on(form(), "fee")
    made.type("0.07")
    assert made.setup.fee == 0.0007


def test_leverage_margin_funding_and_the_path_inside_a_bar_are_rows_and_part_of_what_is_run():
    made = form()
    assert made.setup.terms["leverage"] == 1
    keys = [field.key for field in made.fields()]
    assert "funding_hours" not in keys, "it means nothing without funding"
    on(made, "leverage").step(4)
    on(made, "maintenance").type("0.5 %")
    on(made, "funding").step(2)
    on(made, "funding_hours").type("4")
    on(made, "path").step(-1)
    terms = {"leverage": 3.0, "maintenance": 0.005, "funding": 0.0001, "funding_hours": 4.0, "path": "adaptive"}
    assert made.setup.terms | terms == made.setup.terms
    texts = {field.key: field.text for field in made.fields()}
    assert (texts["maintenance"], texts["funding"]) == ("0.5", "0.01")
    again = Form(made.values)
    assert again.setup.terms == made.setup.terms, "kept between starts"
    on(made, "funding").type("off")
    assert made.setup.funding == 0.0


def test_recorded_funding_is_a_file_that_is_typed():
    made = on(form(), "funding")
    made.type("/data/rates.csv")
    assert made.setup.funding == "/data/rates.csv"
    assert made.field.text == "rates.csv"
    assert "funding_hours" not in [field.key for field in made.fields()], "the file says when"
    assert Form(made.values).setup.funding == "/data/rates.csv"
    made.step(1)
    assert made.setup.funding == 0.00005, "a step goes back to a rate"


def test_a_run_that_was_stored_before_there_were_terms_has_the_usual_ones_and_keeps_its_name():
    before = {"strategy": "bands", "candles": "GOOG", "params": {}, "engine": "fast", "cash": 1e4, "fee": 0.001,
              "slippage": 0.0, "seed": 0, "rules": {}}  # fmt: skip
    assert Setup.of(before).stored == before
    assert Setup.of({**before, "leverage": 2, "funding": 0}).stored == {**before, "leverage": 2.0}


def test_several_sets_of_candles_share_an_account_by_shares_in_the_event_engine():
    made = form(engine="fast")
    assert "share" not in [field.key for field in made.fields()]
    made.pick_candles(["GOOG", "/data/btc.csv", "GOOG"])
    assert (made.setup.sets, made.setup.engine) == (("GOOG", "/data/btc.csv"), "event")
    assert made.fields()[0].text == "GOOG + btc"
    assert not on(made, "candles").step(1), "a step does not lose what was put together"
    assert not on(made, "engine").step(1)
    assert on(made, "share").field.text == "equal parts"
    made.type("40")
    assert made.setup.share == 0.4
    again = Form(made.values)
    assert (again.setup.sets, again.setup.share) == (made.setup.sets, 0.4), "kept between starts"
    made.pick("candles", "EURUSD")
    assert (made.setup.beside, made.setup.engine) == ((), "fast")


def test_a_strategy_that_needs_two_instruments_takes_two_sets_as_its_legs():
    made = form()
    pair = StrategyChoice("pair", "Pair", "tws", "", None, False, True, (SIDE,), pair=True)
    made.offer = Offer((*made.offer.strategies, pair), made.offer.candles)
    made.pick("strategy", "pair")
    made.pick("candles", "GOOG + EURUSD")
    assert (made.setup.beside, made.setup.engine, made.shared) == (("EURUSD",), "fast", False)


def test_a_stored_run_comes_back_whole():
    made = form()
    setup = Setup(
        "bands", "EURUSD", {"fast": 33, "width": 1.5, "direction": "both"}, "backtesting", 5_000, 0.002, 0.0005,
        rules=TradeRules(size_rule="kelly", size=0.25, roi=((0, 0.04), (30, 0.01)), stop_count=2, stop_lock=20),
        leverage=5.0, maintenance=0.01, funding="rates.csv", path="optimistic",
    )  # fmt: skip
    made.restore(setup)
    assert made.setup == setup


def test_remembered_values_that_no_longer_fit_are_the_defaults():
    made = form(params={"bands": {"fast": 9_999, "width": "wide", "direction": "up", "gone": 1}}, cash=-5, fee="x")
    assert made.params == {"fast": 10, "width": 2.0, "direction": "long"}
    assert (made.terms["cash"], made.terms["fee"]) == (10_000.0, 0.1)


def test_a_search_moves_parameters_and_what_is_turned_on_by_values_that_do_not_hang_on_the_form():
    made = form()
    assert searched(made) == ({}, ())
    for key in ("rule:stop", "direction", "width"):
        on(made, key)
        made.turn(made.field)
    wanted, kept = searched(made)
    assert kept == ("width",)
    assert set(wanted) == {"rule:stop", "direction"}
    assert wanted["rule:stop"][:3] == (0.0, 0.005, 0.01)
    on(made, "rule:stop").type("7")
    assert searched(made) == (wanted, kept)
    assert searched(Form(json.loads(json.dumps(made.values)))) == ({}, ()), "nothing is offered yet"
    again = form(**json.loads(json.dumps(made.values)))
    assert searched(again) == (wanted, kept)
    on(again, "rule:size_rule").type("risk")
    on(again, "rule:size")
    again.turn(again.field)
    assert min(searched(again)[0]["rule:size"]) == pytest.approx(0.0025)
    assert max(searched(again)[0]["rule:size"]) < 0.1


def test_rules_are_axes_in_the_unit_of_their_row_and_off_goes_up_from_nothing():
    made = form()
    assert axes_of(made, []) == ("fast", "width")
    assert axes_of(made, ["rule:stop"]) == ("rule:stop", "fast")
    assert axes_of(made, ["rule:stop", "rule:max_bars"]) == ("rule:stop", "rule:max_bars")
    assert axes_of(made, ["rule:roi"]) == ("fast", "width"), "a table is no axis"
    assert values_of(made, "rule:stop", 5) == (0.0, 0.005, 0.01, 0.015, 0.02)
    assert axis_name("rule:stop", made.whole_rules) == "stop %"
    assert axis_text("rule:stop", 0.015, made.whole_rules) == "1.5"
    on(made, "rule:size_rule").type("value")
    assert axis_name("rule:size", made.whole_rules) == "size", "money is no percentage"
    assert 1_000 in values_of(made, "rule:size", 9)


@pytest.mark.parametrize(("spec", "value"), [(FAST, 10), (FAST, 200), (WIDTH, 0.5), (WIDTH, 2.0)])
def test_the_values_of_a_sweep_hold_the_present_one_and_stay_in_the_range(spec, value):
    found = space(spec, value, 30)
    assert value in found
    assert 2 <= len(found) <= 30
    assert list(found) == sorted(set(found))
    assert found[0] >= spec.low
    assert found[-1] <= spec.high
