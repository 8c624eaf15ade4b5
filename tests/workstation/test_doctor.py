"""The doctor says in one sentence each what of the settings the desk would not have."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from textwrap import dedent

import pytest

from screens.desk_table import problems_of
from tests.support.exchange import LoopbackExchange
from workstation.cli import main
from workstation.domain.events import LimitsChanged
from workstation.paths import Paths
from workstation.settings_file import load
from workstation.store.store import Store


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ('[keys]\n"orders.cancle" = "d"', "keys: there is no action 'orders.cancle'; did you mean 'orders.cancel'?"),
        ('[keys]\nzoom = "ctrl+nowhere"', "keys: zoom: "),
        ('[keys]\nzoom = "ctrl+shift+q"', "is not sent by most terminals"),
        ("[keys]\nkill = []", "the kill switch cannot be left without a key"),
        ('[keys]\nzoom = "o"\nticket = "o"', "o is already the key of zoom"),
        ('keymap = "emacs"', "there is no keymap 'emacs'"),
        ('theme = "neon"', "neon"),
        ('[notify.templates]\nfill = "{colour}"', "notify.templates.fill has no field {colour}"),
        ('mode = "paper"', "A paper desk needs a venue"),
        (
            "[profiles.wild.risk.breakers]\ndrawdown_kill = 0.04\ndrawdown = 0.1",
            ", profile wild: risk.breakers.drawdown of 10 % must not be above "
            "risk.breakers.drawdown_kill of 4 %: the desk would halt before new positions are stopped.",
        ),
        (
            "[risk.breakers]\ndrawdown = 0.16",
            "config.toml: risk.breakers.drawdown of 16 % counts as 15 %: it must not be above "
            "risk.breakers.drawdown_zero_size of 15 % (sizes shrink to nothing between the two).",
        ),
        (
            "[profiles.wild.risk.breakers]\ndaily_loss = 0.25",
            ", profile wild: risk.breakers.daily_loss of 25 % counts as 20 %: it must not be above "
            "risk.breakers.drawdown_kill of 20 % (the desk would halt before a day's loss stops new positions).",
        ),
        ('mode = "live"\nopen_venues = ["nix"]', "open_venues names nix, but there is no [venues.nix]"),
    ],
)
def test_what_the_desk_would_not_have_is_found_without_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], config: str, sentence: str
) -> None:
    monkeypatch.setenv("TWS_HOME", str(tmp_path))
    (tmp_path / "config.toml").write_text(config)
    assert main(["doctor"]) == 1
    bad = [line for line in capsys.readouterr().out.splitlines() if line.startswith("BAD")]
    assert len(bad) == 1, bad
    assert sentence in bad[0]
    assert str(tmp_path / "config.toml") in bad[0]


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ("[risk", "is not valid TOML: "),
        ("theme = 5", "theme must be text, not 5."),
        ("[keys]\nzoom = 5", "keys.zoom must be text or a list of texts, not 5."),
        ("[risk]\nmax_ordre_value = 5", "there is no setting 'risk.max_ordre_value'; did you mean"),
        ("[market]\nframe_rate = 99", "market.frame_rate must be a whole number <= 60, not 99."),
        (
            "[risk.breakers]\ndrawdown = 0.25\ndrawdown_zero_size = 0.15",
            "config.toml: risk.breakers.drawdown of 25 % must not be above "
            "risk.breakers.drawdown_zero_size of 15 %: sizes shrink to nothing between the two.",
        ),
    ],
)
def test_a_malformed_file_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], config: str, sentence: str
) -> None:
    monkeypatch.setenv("TWS_HOME", str(tmp_path))
    (tmp_path / "config.toml").write_text(config)
    assert main(["doctor"]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    assert sentence in shown.err


def test_a_limit_of_the_desk_that_the_file_does_not_let_count_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TWS_HOME", str(tmp_path))
    path = Paths.of().store("demo")
    path.parent.mkdir(parents=True, exist_ok=True)
    store = Store.open(path, "demo", clock_now=lambda: 0)
    changed = LimitsChanged(
        ts=1, who="trader", field="breakers.drawdown_kill", old="0.20", new="0.12", configured="0.20"
    )
    store.append(changed).result()
    store.close()
    assert main(["doctor"]) == 1
    assert (
        "as it was set on the desk, breakers.drawdown_zero_size of 15 % counts as 12 %: it must not be above "
        "breakers.drawdown_kill of 12 % (the desk would halt before sizes have shrunk)." in capsys.readouterr().out
    )


def test_a_sound_set_up_has_nothing_to_complain_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TWS_HOME", str(tmp_path))
    (tmp_path / "config.toml").write_text('keymap = "vim"\n[keys]\n"orders.cancel" = "d"\nzoom = ["z", "ctrl+y"]\n')
    assert main(["doctor"]) == 0
    assert "BAD" not in capsys.readouterr().out


#: A network of its own, in which not even the loopback is up; without rights for one the test says so.
_ALONE = ("unshare", "--user", "--map-root-user", "--net")


def alone() -> bool:
    try:
        return subprocess.run([*_ALONE, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not alone(), reason="no network can be taken away here: unshare is missing or not allowed")
@pytest.mark.parametrize(
    ("profile", "code", "sentence"),
    [
        ("", 0, "ok   this machine has no network: the demo desk needs none"),
        pytest.param(
            "--profile=paper",
            1,
            "BAD  LOOP cannot be asked from here: this machine has no network. ",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_that_there_is_no_network_is_said_and_who_needs_none(
    tmp_path: Path, profile: str, code: int, sentence: str
) -> None:
    (tmp_path / "config.toml").write_text(
        '[profiles.paper]\nmode = "paper"\n[profiles.paper.venues.loop]\nexchange = "binance"\n'
    )
    words = [sys.executable, "-m", "workstation.cli", "doctor", *profile.split()]
    asked = subprocess.run(
        [*_ALONE, *words], env={**os.environ, "TWS_HOME": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert (asked.returncode, asked.stderr) == (code, "")
    (line,) = [line for line in asked.stdout.splitlines() if "no network" in line]
    assert line.startswith(sentence), asked.stdout
    assert "demo desk needs no" in line


@pytest.mark.slow
def test_a_venue_of_the_desk_that_answers_is_said_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TWS_HOME", str(tmp_path))
    with LoopbackExchange("binance", seed=None) as exchange:
        (tmp_path / "config.toml").write_text(exchange.profile("paper", "paper"))
        assert main(["doctor", "--profile", "paper"]) == 0
        assert "answers here: Binance spot, " in capsys.readouterr().out
    assert main(["doctor", "--profile", "paper"]) == 1
    assert "cannot be asked from here: it cannot be reached. Prices and orders wait" in capsys.readouterr().out


def test_the_examples_of_the_readme_can_be_used(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "README.md").read_text()
    blocks = [dedent(one) for one in re.findall(r"```toml\n(.*?)```", text, re.S)]
    blocks = [one for one in blocks if "[[scenario]]" not in one]  # a file of its own
    assert len(blocks) >= 3
    for block in blocks:
        (tmp_path / "config.toml").write_text(block)
        for profile in (None, *tomllib.loads(block).get("profiles", {})):
            settings = load(tmp_path / "config.toml", profile=profile, environ={})
            assert problems_of(settings, tmp_path, None) == [], block
