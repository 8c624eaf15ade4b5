"""Keys from the vault open a real account; the doctor says what a venue can do, with and without an answer."""

from __future__ import annotations

import asyncio
import getpass
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.exchange import LoopbackExchange
from tests.support.real_desk import desk_settings, until
from workstation import real_desks
from workstation.paths import Paths
from workstation.real_keys import keys_of
from workstation.settings import Settings, SettingsError
from workstation.vault import ApiKey, Entry, Kind, Vault, VaultError, sealing
from workstation.venue_doctor import examine_venue
from workstation.venues.ccxt.settings import VenueSettings
from workstation.venues.contract import LinkState, VenueError

WORDS = "correct horse"


@pytest.fixture(autouse=True)
def cheap(monkeypatch):
    derive = sealing.derive
    monkeypatch.setattr(sealing, "derive", lambda words, salt, n=2, r=1, p=1: derive(words, salt, 2, 1, 1))
    monkeypatch.setenv("TWS_PASSPHRASE", WORDS)


def paths_in(folder: Path) -> Paths:
    return Paths(folder, folder / "data", folder / "state")


def keep(folder: Path, name: str, key: ApiKey) -> None:
    vault = Vault(paths_in(folder).vault, lambda fresh: WORDS)
    vault.put(Entry(kind=Kind.VENUE, name=name), key)


def test_the_vault_comes_before_the_environment(tmp_path, monkeypatch):
    keep(tmp_path, "loop", ApiKey(key="k", secret="s", password="p"))
    monkeypatch.setenv("TWSKEY_LOOP_KEY", "other")
    monkeypatch.setenv("TWSKEY_ORCA_KEY", "of the environment")
    source = keys_of(paths_in(tmp_path))
    found = source("LOOP")
    assert (found.key, found.secret, found.password) == ("k", "s", "p")
    assert source("ORCA").key == "of the environment"
    assert source("NOVA") is None


def test_a_wrong_passphrase_stops_a_desk_but_not_a_kill(tmp_path, monkeypatch, capsys):
    keep(tmp_path, "loop", ApiKey(key="k", secret="s"))
    monkeypatch.setenv("TWS_PASSPHRASE", "wrong")
    monkeypatch.setenv("TWSKEY_LOOP_KEY", "of the environment")
    with pytest.raises(VaultError, match="does not open"):
        keys_of(paths_in(tmp_path))
    assert keys_of(paths_in(tmp_path), must=False)("LOOP").key == "of the environment"
    assert "does not open" in capsys.readouterr().err


def test_a_key_that_is_locked_in_the_vault_is_not_called_missing(tmp_path, monkeypatch):
    keep(tmp_path, "loop", ApiKey(key="k", secret="s"))
    monkeypatch.setenv("TWS_PASSPHRASE", "wrong")
    source = keys_of(paths_in(tmp_path), must=False)
    with pytest.raises(VenueError, match=r"The API key of LOOP is in the vault\. The passphrase does not open"):
        source("LOOP")
    assert source("NOVA") is None


@pytest.mark.parametrize("typed", [["wrong", "worng", WORDS], ["wrong", "wrong", "wrong", WORDS]])
def test_who_types_the_passphrase_for_a_kill_is_asked_again(typed, tmp_path, monkeypatch, capsys):
    keep(tmp_path, "loop", ApiKey(key="k", secret="s"))
    monkeypatch.delenv("TWS_PASSPHRASE")
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(getpass, "getpass", lambda _: typed.pop(0))
    in_time = len(typed) == 3
    source = keys_of(paths_in(tmp_path), must=False)
    if in_time:
        assert source("LOOP").key == "k"
    else:
        assert typed == [WORDS], "three times and no more: the venues of the environment's keys wait"
        with pytest.raises(VenueError, match="in the vault"):
            source("LOOP")


async def test_a_live_desk_opens_its_account_with_the_key_of_the_vault(tmp_path):
    with LoopbackExchange("binance", seed=None) as exchange:
        config = exchange.config()
        await asyncio.to_thread(keep, tmp_path, "Loop", ApiKey(key=config["apiKey"], secret=config["secret"]))
        settings = desk_settings(exchange)
        engine = await asyncio.to_thread(real_desks.live_desk, settings, paths_in(tmp_path), "test")
        await engine.start()
        try:
            await engine.wait_ready()
            await until(lambda: engine.venues["LOOP"].link is LinkState.CONNECTED and engine.balances())
        finally:
            await engine.close()
        for secret in (config["secret"], WORDS):
            for path in (one for one in tmp_path.rglob("*") if one.is_file()):
                assert secret.encode() not in path.read_bytes(), path


def test_the_doctor_says_what_a_venue_can_do_and_what_its_key_opens(tmp_path):
    with LoopbackExchange("binance", seed=None) as exchange:
        config = exchange.config()
        keep(tmp_path, "loop", ApiKey(key=config["apiKey"], secret=config["secret"]))
        findings = examine_venue("loop", desk_settings(exchange), paths_in(tmp_path))
        texts = "\n".join(finding.text for finding in findings)
        assert "Binance spot streams order books, trades, own orders" in texts
        assert "kept by this desk" in texts
        assert "it answers: " in texts
        assert "its clock is " in texts
        assert "the API key opens the account" in texts
        assert config["secret"] not in texts

        keep(tmp_path, "loop", ApiKey(key=config["apiKey"], secret="wrong"))
        findings = examine_venue("loop", desk_settings(exchange), paths_in(tmp_path))
        assert any(not one.ok and "does not open the account" in one.text for one in findings)


def test_without_a_network_the_doctor_says_so_plainly(tmp_path):
    with LoopbackExchange("binance", seed=None) as exchange:
        settings = desk_settings(exchange)
    findings = examine_venue("loop", settings, paths_in(tmp_path))  # nothing listens there any more
    assert findings[-1].text.startswith("Binance spot cannot be asked from here: ")
    assert findings[-1].text.endswith("The demo desk needs no network")
    assert not findings[-1].ok


def test_the_doctor_says_where_a_dead_man_s_switch_is_held(tmp_path):
    def said(exchange: str, seconds: float) -> str:
        host = {"host": "http://127.0.0.1:1"}  # nothing listens there
        venue = VenueSettings(exchange=exchange, urls=host, dead_man_seconds=seconds)
        settings = Settings(mode="live", venues={"there": venue})
        texts = [finding.text for finding in examine_venue("there", settings, paths_in(tmp_path))]
        return next(text for text in texts if text.startswith("dead man's switch: "))[19:]

    futures = "in instruments where orders work: 86 at most at a time, then up to 120 s"
    assert said("binanceusdm", 30) == f"kept alive, 30 s, {futures}"
    assert said("okx", 5) == "kept alive, 10 s"
    assert said("binanceusdm", 0) == "none, working orders stay there if this desk dies"


def test_a_venue_that_there_is_not_is_one_sentence(tmp_path):
    with pytest.raises(SettingsError, match="There is no venue 'nowhere'"):
        examine_venue("nowhere", Settings(), paths_in(tmp_path))
    environ = os.environ | {"TWS_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "workstation.cli", "doctor", "--venue", "nowhere"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("tws: There is no venue 'nowhere'")
