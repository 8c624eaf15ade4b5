"""Settings: defaults < file < profile < environment < command line; a mistake is one sentence with its place."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from workstation import settings as module
from workstation.paths import Paths
from workstation.settings import Settings, SettingsError
from workstation.settings_file import load
from workstation.settings_help import describe
from workstation.trading.limits_book import LimitsBook


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def load_text(file: Path, text: str, **how: object) -> Settings:
    file.write_text(text, encoding="utf-8")
    return load(file, **{"environ": {}, **how})  # type: ignore[arg-type]


def complaint(file: Path, text: str, **how: object) -> str:
    with pytest.raises(SettingsError) as caught:
        load_text(file, text, **how)
    return str(caught.value)


def test_without_a_file_the_defaults_count_and_the_demo_can_trade_half_a_bitcoin(file: Path) -> None:
    settings = load(file, environ={})
    assert settings == Settings()
    assert settings.mode == "demo"
    assert settings.account.opening("NOVA") == {"USDT": Decimal(100_000)}
    half_a_bitcoin = Decimal("0.5") * 120_000
    assert settings.risk.max_order_value > half_a_bitcoin
    assert settings.account.balances["USDT"] > half_a_bitcoin


def test_each_layer_overrides_the_one_below(file: Path) -> None:
    text = "[demo]\nseed = 2\nrate = 3\n[profiles.calm.demo]\nseed = 4\n"
    assert load_text(file, text).demo.seed == 2
    assert load_text(file, text, profile="calm").demo.seed == 4
    assert load_text(file, text, environ={"TWS_PROFILE": "calm"}).demo.seed == 4
    environ = {"TWS_DEMO_SEED": "5"}
    assert load_text(file, text, profile="calm", environ=environ).demo.seed == 5
    settings = load_text(file, text, profile="calm", environ=environ, overrides={"demo.seed": "6"})
    assert settings.demo.seed == 6
    assert settings.demo.rate == 3  # what a layer does not name stays


def test_amounts_of_the_file_are_exact_decimals(file: Path) -> None:
    settings = load_text(file, "[account.balances]\nUSDT = 0.10000000000000000000001\nBTC = 2")
    assert settings.account.balances == {"USDT": Decimal("0.10000000000000000000001"), "BTC": Decimal(2)}


def test_a_venue_can_have_opening_balances_of_its_own(file: Path) -> None:
    settings = load_text(file, "[account.venue_balances.NOVA]\nBTC = 1.5")
    assert settings.account.opening("NOVA") == {"BTC": Decimal("1.5")}
    assert settings.account.opening("OTHER") == {"USDT": Decimal(100_000)}


def test_keys_are_written_dotted_or_quoted_and_one_or_several(file: Path) -> None:
    text = '[keys]\norders.cancel = "d"\n"ladder.buy" = ["b", "ctrl+b"]\n'
    assert load_text(file, text).keys == {"orders.cancel": "d", "ladder.buy": ["b", "ctrl+b"]}
    assert load_text(file, "", overrides={"keys.orders.cancel": "5"}).keys == {"orders.cancel": "5"}


@pytest.mark.parametrize(
    ("name", "text", "path", "value"),
    [
        ("TWS_RISK_MAX_ORDER_VALUE", "0.1", "risk.max_order_value", Decimal("0.1")),
        ("TWS_WATCHLIST", "NOVA:BTC-USDT, NOVA:ETH-USDT", "watchlist", ("NOVA:BTC-USDT", "NOVA:ETH-USDT")),
        ("TWS_SIZE_PRESETS", "1,2.5,5", "size_presets", (Decimal(1), Decimal("2.5"), Decimal(5))),
        ("TWS_SIZE_PRESETS", "[1, 2.5]", "size_presets", (Decimal(1), Decimal("2.5"))),
        ("TWS_ACCOUNT_BALANCES", "{EUR = 5}", "account.balances", {"EUR": Decimal(5)}),
        ("TWS_ACCOUNT_NAME", "007", "account.name", "007"),
        ("TWS_MODE", "paper", "mode", "paper"),
    ],
)
def test_environment_variables_carry_text_numbers_lists_and_tables(
    file: Path, name: str, text: str, path: str, value: object
) -> None:
    settings: object = load(file, environ={name: text})
    for part in path.split("."):
        settings = getattr(settings, part)
    assert settings == value


def test_environment_variables_of_other_programs_and_empty_ones_are_left_alone(file: Path) -> None:
    assert load(file, environ={"TWS_MAJOR_VRSN": "1019", "TWS_HOME": "/x", "TWS_MODE": ""}) == Settings()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "[risk]\nmax_order_valu = 5",
            "there is no setting 'risk.max_order_valu'; did you mean 'risk.max_order_value'?",
        ),
        ("colour = 5", "there is no setting 'colour'."),
        ('[risk]\nmax_order_value = "lots"', 'risk.max_order_value must be a number, not "lots".'),
        ("[risk]\nmax_order_value = -5", "risk.max_order_value must be above 0."),
        ("[risk]\nmax_exposure = nan", "risk.max_exposure must be a number, not NaN."),
        ("[risk]\nprice_collar = 2", "risk.price_collar must be a fraction between 0 and 1 (0.02 is 2 %)."),
        ("risk = 5", "risk must be a table, not 5."),
        ("[demo]\nseed = 1.5", "demo.seed must be a whole number, not 1.5."),
        ("[demo]\nrate = 0", "demo.rate must be a number > 0.0, not 0."),
        ('mode = "papper"', 'mode must be one of demo, replay, paper, live, not "papper".'),
        (
            '[venues.x]\naccount = "isolated"',
            'venues.x.account must be one of spot, margin, swap, future, unified, not "isolated".',
        ),
        ('watchlist = ["a", 5]', 'watchlist must be a list whose every entry is text, not ["a", 5].'),
        ("size_presets = [5, 3]", "size_presets must be values above 0 in ascending order."),
        ("size_presets = []", "size_presets must be a list of length >= 1, not []."),
        ("[keys]\nbuy = 5", "keys.buy must be text or a list of texts, not 5."),
        ("[account.balances]\nBTC = 1\nUSDT = true", "account.balances.USDT must be a number, not true."),
        ("[account.balances]\nUSDT = -1", "account.balances must not be negative."),
    ],
)
def test_a_bad_file_is_told_by_file_setting_and_what_is_expected(file: Path, text: str, sentence: str) -> None:
    assert complaint(file, text) == f"{file}: {sentence}"


@pytest.mark.parametrize(
    ("line", "in_force"),
    [
        ("drawdown_kill = 0.12", ("0.05", "0.10", "0.12", "0.12")),
        ("drawdown_kill = 0.08", ("0.05", "0.08", "0.08", "0.08")),
        ("drawdown_kill = 0.04", ("0.04", "0.04", "0.04", "0.04")),
        ("drawdown = 0.16", ("0.05", "0.15", "0.15", "0.20")),
        ("daily_loss = 0.25", ("0.20", "0.10", "0.15", "0.20")),
    ],
)
def test_a_threshold_that_only_contradicts_a_default_opens_the_desk_with_the_lower_of_the_two(
    file: Path, line: str, in_force: tuple[str, ...]
) -> None:
    file.write_text(f"[risk.breakers]\n{line}\n")
    book = LimitsBook(load(file, environ={}).risk)
    breakers = book.limits.breakers
    found = breakers.daily_loss, breakers.drawdown, breakers.drawdown_zero_size, breakers.drawdown_kill
    assert found == tuple(map(Decimal, in_force))
    assert book.lowered()


def test_thresholds_that_are_both_written_and_contradict_each_other_are_refused(file: Path) -> None:
    file.write_text("[risk.breakers]\ndrawdown_zero_size = 0.15\ndrawdown_kill = 0.12\n")
    with pytest.raises(
        SettingsError, match=r"drawdown_zero_size of 15 % must not be above risk.breakers.drawdown_kill"
    ):
        load(file, environ={})


def test_the_place_of_a_mistake_is_the_layer_that_made_it(file: Path) -> None:
    profile = '[profiles.calm]\nmode = "q"'
    assert complaint(file, profile, profile="calm").startswith(f"{file}, profile calm: mode must be")
    assert complaint(file, "", environ={"TWS_DEMO_SEED": "x"}) == (
        'the environment variable TWS_DEMO_SEED: demo.seed must be a whole number, not "x".'
    )
    assert complaint(file, "", environ={"TWS_DEMO_SED": "1"}) == (
        "the environment variable TWS_DEMO_SED is no setting; did you mean 'TWS_DEMO_SEED'?"
    )
    assert complaint(file, "", overrides={"demo.sed": "1"}) == (
        "the command line: there is no setting 'demo.sed'; did you mean 'demo.seed'?"
    )
    assert complaint(file, "", overrides={"demo.seed": "x"}).startswith("the command line: demo.seed must be")


def test_files_that_cannot_be_read_are_told_in_one_sentence(file: Path, tmp_path: Path) -> None:
    assert "is not valid TOML: Expected '=' after a key" in complaint(file, "a b")
    assert complaint(file, "", profile="calm") == f"{file} has no profile 'calm'; it has none."
    assert "it has loud, wild" in complaint(file, "[profiles.wild]\n[profiles.loud]", profile="calm")
    assert complaint(file, "profiles = 4") == f"{file}: profiles must be a table of settings."
    file.write_bytes(b"theme = '\xff'")
    with pytest.raises(SettingsError, match="is not a text file in UTF-8"):
        load(file, environ={})
    with pytest.raises(SettingsError, match="cannot be read: Is a directory"):
        load(tmp_path, environ={})


def test_every_setting_has_a_help_and_a_default_that_the_file_would_take(file: Path) -> None:
    rows = describe()
    assert {"mode", "risk.price_collar", "kill.flatten_window_seconds", "keys"} <= {row.path for row in rows}
    for row in rows:
        assert row.help.endswith("."), row.path
    written = "\n".join(f"{row.path} = {row.default}" for row in rows)
    assert load_text(file, written) == Settings()


def test_no_two_settings_share_an_environment_variable() -> None:
    names = [row.path.replace(".", "_") for row in describe()]
    assert len(set(names)) == len(names)


def test_settings_and_paths_load_nothing_heavy() -> None:
    code = (
        "import sys, workstation.settings, workstation.paths\n"
        "heavy = {'sqlmodel', 'sqlalchemy', 'pydantic', 'numpy', 'textual', 'platformdirs', 'asyncio'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    root = Path(module.__file__).parents[1]
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert run.stdout.strip() == "[]"


def test_tws_home_puts_every_file_into_one_folder(tmp_path: Path) -> None:
    paths = Paths.of({"TWS_HOME": str(tmp_path)})
    files = (paths.config_file, paths.plugins, paths.strategies, paths.recordings, paths.store("demo"), paths.state)
    assert all(file.is_relative_to(tmp_path) for file in files)
    assert paths.store("demo") != paths.store("paper")


def test_without_tws_home_the_platform_says_where_the_files_are() -> None:
    paths = Paths.of({})
    assert paths.config.name == paths.data.name == paths.state.name == "tws"
