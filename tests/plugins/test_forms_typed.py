"""The dialogs of both forms begin with the value as the trader would type it: Enter, Enter changes nothing."""

from __future__ import annotations

from decimal import Decimal

import pytest

from plugins.backtest.form import Form
from plugins.portfolio.form import Form as PortfolioForm
from plugins.strategies.form import RULES, RunForm
from screens import figures
from screens.parameters import typed, typed_text
from workstation.domain.formats import number_style
from workstation.domain.trade_rules import TradeRules
from workstation.research.bench.messages import Offer, ParameterSpec
from workstation.research.bench.offers import _described
from workstation.strategies.library import list_strategies
from workstation.trading.errors import Refused
from workstation.trading.limits import RiskLimits

CHOICES = tuple(one for one in map(_described, list_strategies()) if one.error is None and not one.native)
RULED = TradeRules(
    stop=0.0125, trailing=0.015, trailing_offset=0.001, roi=((0, 0.0425), (30, 0.01)), max_bars=1_200, cooldown=3,
    size_rule="value", size=12_345.5,
)  # fmt: skip
WIDE = ParameterSpec("wide", "float", 0.0, -1e12, 1e12, 0.1)


@pytest.fixture(params=["en_US", "de_DE", "de_CH", "fr_FR"], autouse=True)
def locale(request, monkeypatch):
    monkeypatch.setattr(figures, "_style", number_style(request.param))
    return request.param


def test_every_row_of_a_run_takes_what_its_dialog_begins_with():
    for choice in CHOICES:
        staged = {
            "capital": Decimal("10000"), "limit:max_order_value": Decimal("1234.5"), "limit:max_working_orders": 10_000,
        }  # fmt: skip
        if choice.sweeps:
            staged[RULES] = RULED
        form = RunForm(choice.name, choice, None, staged, RiskLimits(), {"instrument": "NOVA:BTC-USDT"})
        if choice.further:
            with pytest.raises(Refused, match="instruments first"):
                form.type(next(field for field in form.fields() if field.key.startswith("limit:")), "5")
        staged |= {f"further:{name}": "NOVA:ETH-USDT" for name in choice.further}
        for field in form.fields():
            if not field.picked and field.key != "restarts":
                assert not form.type(field, field.typed or "none"), (choice.name, field)


def test_every_row_of_a_backtest_takes_what_its_dialog_begins_with():
    for choice in CHOICES:
        form = Form({"strategy": choice.name, "cash": 10_000.0, "fee": 0.055, "leverage": 1.5, "funding": 0.01})
        form.offer = Offer(CHOICES, ())
        form.rules = RULED if choice.sweeps else form.rules
        for row, field in enumerate(form.fields()):
            form.cursor = row
            if field.spec is not None:
                assert not form.type(field.typed), (choice.name, field)


def test_every_row_of_a_portfolio_takes_what_its_dialog_begins_with():
    given = {
        "expected": "BL",
        "rf": -0.5,
        "budget": 12_345_678.5,
        "costs": 0.05,
        "views": "BTC-USDT > ETH-USDT 5.5",
        "count": 12,
    }
    form = PortfolioForm(given)
    for row, field in enumerate(form.fields()):
        form.cursor = row
        if field.choices is None and field.key not in ("universe", "assets"):
            assert not form.type(form.typed(field)), field
    assert {key: form[key] for key in given} == given


@pytest.mark.parametrize("value", [1.5, 1_234.5, 10_000.0, 1.125, 0.00001, -0.05, 1e9 + 0.5, 999_999_999.0, 0.0])
def test_a_number_is_read_as_what_it_was(value):
    assert typed(typed_text(value), WIDE, "Wide") == value
    assert typed_text(Decimal(repr(value))) == typed_text(value)


def test_what_is_no_number_stays_as_it_is(tmp_path):
    for text in ("/data/rates,of.2026.csv", "0:4.25 30:1", "1m"):
        assert typed_text(text) == text
    assert (typed_text(True), typed_text(12_000)) == ("on", "12000")


def test_a_range_is_said_in_the_signs_of_the_locale_and_the_sentence_keeps_its_own(locale):
    spec = ParameterSpec("width", "float", 2.0, 0.5, 4.0, 0.1)
    wanted = {"en_US": "0.5", "de_DE": "0,5", "de_CH": "0.5", "fr_FR": "0,5"}[locale]
    with pytest.raises(Refused) as refused:
        typed("9", spec, "Width, bands")
    assert figures.refusal_text(refused.value) == f"Width, bands goes from {wanted} to 4, not 9."
