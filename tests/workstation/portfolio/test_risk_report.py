"""The report of a book: exposure, stress, clusters, the VaR's record, dirty inputs, and `tws risk`."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from workstation.cli import main
from workstation.clock import SECOND
from workstation.portfolio.exposure import Holding, exposure
from workstation.portfolio.prices import PriceTable
from workstation.portfolio.problem import PortfolioError
from workstation.portfolio.risk_report import RiskQuestion, read_holdings, report
from workstation.portfolio.stress import EPISODES, Scenario, base_of, episodes, read_scenarios, shocks
from workstation.portfolio.together import together
from workstation.portfolio.var_backtest import backtest, judge

DAY = 86_400 * SECOND
START = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp()) * SECOND


def prices(assets: tuple[str, ...] = ("BTC", "ETH", "SOL"), days: int = 400, common: float = 0.8) -> PriceTable:
    rng = np.random.default_rng(5)
    moves = 0.02 * (common * rng.standard_normal((days, 1)) + (1 - common) * rng.standard_normal((days, len(assets))))
    return PriceTable(assets, START + DAY * np.arange(days), 100 * np.exp(np.cumsum(moves, axis=0)), "test")


def ask(*holdings: Holding, table: PriceTable | None = None, **terms) -> RiskQuestion:
    return RiskQuestion(holdings, 10_000.0, table or prices(), **terms)


def test_exposure_adds_up_by_every_grouping():
    holdings = [
        Holding("BTC", 3_000, "NOVA", "trend@x", "USDT", turnover=100_000),
        Holding("BTC", -1_000, "ORCA", "manual", "USDT", turnover=50_000),
        Holding("ETH", 500, "NOVA", "manual", "USDT"),
    ]
    found = exposure(holdings, 2_000.0, volume_share=0.1)
    assert (found.whole.long, found.whole.short, found.whole.net, found.whole.gross) == (3_500, 1_000, 2_500, 4_500)
    assert found.leverage == 2.25
    for groups in (found.by_asset, found.by_venue, found.by_owner, found.by_currency):
        assert sum(group.net for group in groups) == 2_500
        assert sum(group.gross for group in groups) == 4_500
    assert found.days_to_flatten == (("BTC", 4_000 / 10_000), ("ETH", None))


def test_kupiec_by_hand():
    """10 of 250 exceed a VaR at 99 %: LR = −2 ln(0.99²⁴⁰ 0.01¹⁰ / (0.96²⁴⁰ 0.04¹⁰)) = 12.9555."""
    hits = np.zeros(250, dtype=bool)
    hits[::25] = True
    found = judge(hits, 0.01)
    assert found.exceeded == 10
    assert found.kupiec.statistic == pytest.approx(12.9555, abs=1e-3)
    assert not found.kupiec.holds
    assert "too low" in found.sentence


def test_christoffersen_sees_clusters_that_kupiec_does_not():
    scattered, clustered = np.zeros(200, dtype=bool), np.zeros(200, dtype=bool)
    scattered[5::20] = True
    clustered[50:60] = True
    assert judge(scattered, 0.05).kupiec.holds
    assert judge(scattered, 0.05).independence.holds
    assert judge(clustered, 0.05).kupiec.holds
    assert not judge(clustered, 0.05).independence.holds
    assert "clusters" in judge(clustered, 0.05).sentence


def test_a_right_var_holds_and_one_of_a_calmer_time_does_not():
    rng = np.random.default_rng(11)
    steady = rng.standard_normal(1_500)
    assert backtest(steady, 0.05).together.holds
    wilder = np.concatenate([rng.standard_normal(250), 3 * rng.standard_normal(250)])
    found = backtest(wilder, 0.05)
    assert not found.kupiec.holds
    assert "too low" in found.sentence


def test_an_episode_takes_the_tables_own_days_where_it_has_them():
    table = prices(("BTC", "XYZ"))
    assert episodes(np.array([1_000.0, 500.0]), table)[1].by_asset == pytest.approx([-480.0, -275.0])
    may = next(one for one in EPISODES if one.name.startswith("May"))
    times = np.arange(
        datetime(2021, 5, 1, tzinfo=UTC).timestamp(), datetime(2021, 6, 1, tzinfo=UTC).timestamp(), 86_400
    )
    closes = np.full((len(times), 2), 100.0)
    closes[15] = [80.0, 60.0]  # within the days
    own = PriceTable(("BTC", "XYZ"), (times * SECOND).astype(np.int64), closes, "own")
    row = next(row for row in episodes(np.array([1_000.0, 500.0]), own) if row.name == may.name)
    assert row.by_asset == pytest.approx([-200.0, -200.0])
    assert row.note == ""


def test_what_an_episode_does_not_know_is_said():
    row = episodes(np.array([1_000.0, 500.0]), prices(("BTC", "XYZ")))[1]
    assert row.note == "as coins on the whole: XYZ"
    assert base_of("NOVA:BTC-USDT-PERP") == base_of("BTC/USDT") == base_of("btc") == "BTC"


def test_moving_as_one_is_never_kinder_than_the_book_and_a_hedge_helps_nothing_then():
    values, covariance = np.array([1_000.0, -1_000.0]), np.array([[0.0004, 0.00039], [0.00039, 0.0004]])
    rows = {row.name: row.profit for row in shocks(values, np.ones(2), covariance, 0.05, "BTC")}
    assert rows["All moves as one, loss at 95%"] == pytest.approx(-1.644854 * 2_000 * 0.02, rel=1e-5)
    assert rows["Every price -20%"] == 0.0
    assert rows["Volatility ×3, loss at 95%"] == pytest.approx(1.5 * rows["Volatility ×2, loss at 95%"])


def test_scenarios_of_the_traders_own(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('[[scenario]]\nname = "peg"\nshocks = { BTC = -0.5, "*" = 0.1 }\n')
    scenarios = read_scenarios(path)
    assert scenarios == [Scenario("peg", {"BTC": -0.5, "*": 0.1})]
    found = report(ask(Holding("BTC", 1_000), Holding("ETH", 200), scenarios=tuple(scenarios)))
    assert found.stress[-1].profit == pytest.approx(-500 + 20)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("x = [", "not valid TOML"),
        ("x = 1", r"has no \[\[scenario\]\]"),
        ("[[scenario]]\nname = 'a'", "scenario 1 needs a name and shocks"),
        ("[[scenario]]\nname = 'a'\nshocks = { BTC = -2 }", "the shock of BTC must be a fraction"),
    ],
)
def test_bad_scenarios_are_one_sentence(tmp_path, text, sentence):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(PortfolioError, match=sentence):
        read_scenarios(path)


def test_positions_that_move_as_one_are_called_one_bet():
    table = prices(common=0.99)
    found = report(ask(*(Holding(asset, 1_000) for asset in table.assets), table=table))
    assert "3 positions are one bet" in found.warning
    apart = prices(common=0.0)
    found = report(ask(*(Holding(asset, 1_000) for asset in apart.assets), table=apart))
    assert found.warning == ""
    assert found.together.bets == pytest.approx(3, abs=0.2)


def test_clusters_put_what_moves_together_side_by_side():
    rng = np.random.default_rng(2)
    one, two = rng.standard_normal((300, 1)), rng.standard_normal((300, 1))
    returns = np.hstack([one, two, one, two]) + 0.2 * rng.standard_normal((300, 4))
    found = together(np.ones(4), returns)
    assert found.clusters[0] == found.clusters[2] != found.clusters[1] == found.clusters[3]
    assert {frozenset(found.order[:2].tolist()), frozenset(found.order[2:].tolist())} == {
        frozenset({0, 2}),
        frozenset({1, 3}),
    }


def test_beta_to_itself_is_one():
    found = report(ask(Holding("BTC", 5_000), Holding("ETH", 1_000)))
    assert found.market == "BTC"
    assert found.betas[0] == pytest.approx(1.0)


def test_the_same_question_has_the_same_answer():
    one, two = (report(ask(Holding("BTC", 5_000), Holding("ETH", -1_000))) for _ in range(2))
    assert one.tails == two.tails


def test_what_cannot_be_measured_is_left_out_and_said():
    table = prices()
    table.values[:380, 2] = np.nan
    found = report(ask(Holding("BTC", 1_000), Holding("SOL", 500), Holding("PEPE", 100), table=table))
    assert found.assets == ("BTC",)
    assert found.exposure.whole.gross == 1_600  # the exposure knows them still
    assert f"SOL has only 20 prices in {table.name}: it is not in the measures." in found.notes
    assert any("PEPE has no prices" in note for note in found.notes)


@pytest.mark.parametrize(
    ("spoil", "note"),
    [
        (lambda v: v.__setitem__((slice(3, None), 2), np.nan), "SOL has only 3 prices in "),
        (lambda v: v.__setitem__((slice(None), 2), 5.0), "SOL never moves from 5: its risk counts as none."),
        (lambda v: v.__setitem__((9, 2), -3.0), "SOL has the price -3 on"),
        (lambda v: v.__setitem__((9, 2), np.inf), "SOL has the price inf on"),
        (lambda v: v.__setitem__((9, 2), np.nan), "1 of 400 times are left out"),
    ],
)  # fmt: skip
def test_dirty_prices_are_named(spoil, note):
    table = prices()
    spoil(table.values)
    found = report(ask(Holding("BTC", 1_000), Holding("SOL", 500), table=table))
    assert any(note in one for one in found.notes), found.notes
    assert np.isfinite([one.var for one in found.tails]).all()


def test_nothing_to_measure_is_a_sentence():
    with pytest.raises(PortfolioError, match="no position"):
        report(ask())
    with pytest.raises(PortfolioError, match="No position has 21 prices"):
        report(ask(Holding("PEPE", 100)))
    table = prices()
    table.values[::2, 0] = np.nan
    table.values[1::2, 1] = np.nan
    with pytest.raises(PortfolioError, match=r"only 0 times in common.*\(BTC and ETH have no date in common\)"):
        report(ask(Holding("BTC", 100), Holding("ETH", 100), table=table))


def test_holdings_are_read_by_value_or_by_quantity():
    rows = [
        {"Asset": "BTC", "Value": "100"},
        {"asset": "ETH", "quantity": "2", "price": "50"},
        {"asset": "SOL", "quantity": "-1"},
    ]
    table = prices()
    values = [one.value for one in read_holdings(rows, table)]
    assert values == pytest.approx([100, 100, -table.values[-1, 2]])
    with pytest.raises(PortfolioError, match="line 2: there is no asset"):
        read_holdings([{"value": "1"}], table)
    with pytest.raises(PortfolioError, match="line 2: BTC needs a value"):
        read_holdings([{"asset": "BTC", "value": "x"}], table)
    with pytest.raises(PortfolioError, match="line 2: ZZZ needs a value"):
        read_holdings([{"asset": "ZZZ", "quantity": "1"}], table)


def written(tmp_path: Path) -> list[str]:
    table = prices()
    lines = ["date," + ",".join(table.assets)]
    for ts, row in zip(table.times, table.values, strict=True):
        lines.append(f"{datetime.fromtimestamp(ts / SECOND, UTC).date()}," + ",".join(f"{one:.6f}" for one in row))
    (tmp_path / "prices.csv").write_text("\n".join(lines))
    (tmp_path / "positions.csv").write_text("asset,value\nBTC,5000\nETH,-2000\n")
    return ["risk", "--positions", str(tmp_path / "positions.csv"), "--prices", str(tmp_path / "prices.csv")]


def test_the_command_prints_json_alone(tmp_path, capsys):
    assert main([*written(tmp_path), "--json", "--equity", "10000"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["gross"] == 7_000
    assert found["leverage"] == 0.7
    component = sum(found["contributions"]["component"].values())
    normal_var = next(one["var"] for one in found["tails"] if one["method"] == "normal" and one["tail"] == 0.05)
    assert component == pytest.approx(normal_var)
    assert len(found["stress"]) >= 14


def test_the_command_prints_a_table_for_a_person(tmp_path, capsys):
    assert main(written(tmp_path)) == 0
    text = capsys.readouterr().out
    for words in ("5%, historical", "May 2021, crypto", "All moves as one", "expected"):
        assert words in text


def test_errors_of_the_command_are_one_sentence(tmp_path, capsys):
    words = written(tmp_path)
    assert main([*words, "--horizon", "0"]) == 1
    assert capsys.readouterr().err == "tws: --horizon must be above 0.\n"
    (tmp_path / "positions.csv").write_text("asset,value\n")
    assert main(words) == 1
    assert capsys.readouterr().err == "tws: positions.csv has no position.\n"
