"""The command line: clear sentences, exit codes, and nothing heavy before it is asked for."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from workstation.cli import main

TWS = [sys.executable, "-m", "workstation.cli"]


def tws(home: Path, *words: str, **extra: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "TWS_HOME": str(home), **extra}
    return subprocess.run([*TWS, *words], env=env, capture_output=True, text=True, timeout=60, check=False)


type Here = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    """`tws` without a process of its own, where what it says matters and not how it starts."""

    def run(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
        monkeypatch.setenv("TWS_HOME", str(home))
        try:
            code = main(words)
        except SystemExit as end:  # argparse's own
            code = int(end.code or 0)
        return subprocess.CompletedProcess(words, code, *capsys.readouterr())

    return run


def error_of(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 1
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert line.startswith("tws: ")
    return line


def test_help_and_version_load_next_to_nothing(tmp_path: Path) -> None:
    done = tws(tmp_path, "--help")
    assert done.returncode == 0
    assert "--replay" in done.stdout
    assert tws(tmp_path, "--version").stdout.startswith("tws 0.")
    code = (
        "import sys; from workstation.cli import main; main(['--help']);"
        "print(sorted({'textual', 'asyncio', 'msgspec', 'argparse', 'sqlmodel', 'decimal'} & set(sys.modules)))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.splitlines()[-1] == "[]"


def test_the_engine_starts_without_screen_and_heavy_libraries() -> None:
    code = (
        "import sys; import workstation.assembly, workstation.market.demo, workstation.settings;"
        "heavy = {'textual', 'rich', 'sqlmodel', 'sqlalchemy', 'numpy', 'pandas', 'pyarrow', 'ccxt', 'zstandard',"
        " 'numba', 'scipy', 'pandas_ta', 'backtesting', 'bokeh', 'optuna'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"


def test_wrong_usage_is_exit_code_2(tmp_path: Path, here: Here) -> None:
    done = tws(tmp_path, "recrod")
    assert done.returncode == 2
    assert "did you mean 'record'" in done.stderr
    assert here(tmp_path, "export", "nothing").returncode == 2


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("risk = 3", "risk must be a table"),
        ("[risk", "not valid TOML"),
        ("[risk]\nmax_order_vale = 5", "did you mean"),
        ("[risk]\nmax_order_value = 'much'", "max_order_value must be a number"),
        ("mode = 'live'", "A live desk needs a venue"),
    ],
)
def test_a_bad_config_file_is_one_sentence(tmp_path: Path, here: Here, config: str, words: str) -> None:
    (tmp_path / "config.toml").write_text(config)
    assert words in error_of(here(tmp_path, "run"))


def test_bad_arguments_are_one_sentence(tmp_path: Path, here: Here) -> None:
    assert "does not exist" in error_of(tws(tmp_path, "run", "--replay", str(tmp_path / "nothing")))
    assert "SETTING=VALUE" in error_of(here(tmp_path, "run", "--set", "demo.rate"))
    assert "no Python file" in error_of(here(tmp_path, "run", "--script", "nothing.py"))
    assert "nobody" in error_of(here(tmp_path, "run", "--profile", "nobody"))
    assert "nobody" in error_of(here(tmp_path, "--profile", "nobody", "run")), "as it is typed in a hurry"
    (tmp_path / "half.tws").write_bytes(b"\x00\x01\x02")
    assert "half.tws" in error_of(here(tmp_path, "run", "--replay", str(tmp_path / "half.tws")))
    assert "needs a terminal" in error_of(tws(tmp_path)), "and it would wait there for keys that never come"


def test_a_store_that_cannot_be_used_is_one_sentence(tmp_path: Path, here: Here) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "demo.sqlite").write_bytes(b"this is no database" * 100)
    assert "demo.sqlite" in error_of_run(tws(tmp_path, "run"))
    assert (data / "demo.sqlite").read_bytes() == b"this is no database" * 100
    assert "no store" in error_of(here(tmp_path / "empty", "export", "orders")).lower()


def test_an_export_is_of_the_store_of_the_profile_that_is_named(tmp_path: Path, here: Here) -> None:
    (tmp_path / "config.toml").write_text('[profiles.sim]\nmode = "paper"\n')
    assert "paper-sim.sqlite" in error_of(here(tmp_path, "export", "orders", "--profile", "sim"))
    assert "live-sim.sqlite" in error_of(here(tmp_path, "export", "orders", "--profile", "sim", "--mode", "live"))
    assert "demo.sqlite" in error_of(here(tmp_path, "export", "orders"))


def error_of_run(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 1
    return done.stderr.splitlines()[-1]


def test_run_trades_under_a_script_and_export_reads_it_back(tmp_path: Path, here: Here) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from decimal import Decimal\n"
        "from workstation.domain.order import OrderDraft, OrderType, Side\n"
        "async def main(engine):\n"
        "    draft = OrderDraft(instrument='NOVA:BTC-USDT', side=Side.BUY, quantity=Decimal('0.1'),"
        " type=OrderType.MARKET)\n"
        "    order = await engine.submit(draft)\n"
        "    while order.is_open:\n"
        "        import asyncio; await asyncio.sleep(0.01); order = engine.order(order.client_id)\n"
        "    print(order.state)\n"
    )
    done = tws(tmp_path, "run", "--script", str(script))
    assert (done.returncode, done.stdout) == (0, "filled\n"), done.stderr
    [order] = json.loads(here(tmp_path, "export", "orders", "--format", "json").stdout)
    assert (order["state"], Decimal(order["quantity"])) == ("filled", Decimal(order["filled"]))
    out = tmp_path / "fills.csv"
    assert here(tmp_path, "export", "fills", "--out", str(out)).returncode == 0
    assert len(out.read_text().splitlines()) >= 2
    assert here(tmp_path, "doctor").returncode in (0, 1)


def test_run_ends_cleanly_when_interrupted_and_names_a_second_desk(tmp_path: Path) -> None:
    env = {**os.environ, "TWS_HOME": str(tmp_path)}
    process = subprocess.Popen([*TWS, "run"], env=env, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        while "Ready" not in (line := process.stderr.readline()):
            assert line, "the desk ended early"
        assert f"process {process.pid}" in error_of(tws(tmp_path, "run"))
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    finally:
        process.kill()


@pytest.mark.slow
def test_record_writes_a_recording_that_replays(tmp_path: Path) -> None:
    out = tmp_path / "market.tws"
    done = tws(tmp_path, "record", "--seconds", "1.5", "--out", str(out))
    assert (done.returncode, done.stdout.strip()) == (0, str(out)), done.stderr
    from workstation.market.recording import open_recording

    source = open_recording([out])
    assert {instrument.venue for instrument in source.instruments} == {"NOVA", "ORCA"}
    assert source.end is not None
    assert len(list(source.until(source.end))) > 50
    begin = time.monotonic()
    script = tmp_path / "nothing.py"
    script.write_text("async def main(engine):\n    print(engine.mode, len(engine.instruments()))\n")
    replayed = tws(tmp_path, "run", "--replay", str(out), "--script", str(script))
    assert replayed.stdout.startswith("replay "), replayed.stderr
    assert time.monotonic() - begin < 30
