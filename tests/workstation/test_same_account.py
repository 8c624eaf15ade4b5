"""Two live desks of one machine with the same API key: both say so."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.support.exchange import RICH, Login, LoopbackExchange
from tests.support.exchange_hand import Hand
from tests.support.live_desk import paths_in, proven, settings_of, until
from tests.support.real_venue import keys_of
from workstation.clock import LiveClock
from workstation.engine import Engine
from workstation.real_desks import live_desk
from workstation.same_account import leave_note
from workstation.venues.ccxt.settings import CredentialSource

LOGINS = [Login(balances=RICH), Login("other", "loopback-key-other", "loopback-secret-other", balances=RICH)]


def told(engine: Engine) -> list[str]:
    return [entry.text for entry in engine.log.entries if "same API key" in entry.text]


async def desk(exchange: LoopbackExchange, folder: Path, profile: str, keys: CredentialSource, **terms: str) -> Engine:
    settings = settings_of(exchange, **terms)
    engine = await asyncio.to_thread(live_desk, settings, paths_in(folder), profile, LiveClock(), keys)
    await engine.start()
    return engine


async def test_desks_with_the_same_key_are_told_of_each_other_and_one_with_another_key_is_not(tmp_path: Path) -> None:
    with LoopbackExchange("bybit", logins=LOGINS, seed=None) as exchange:
        Hand(exchange)
        same, other = keys_of(exchange), keys_of(exchange, "other")
        first = await desk(exchange, tmp_path, "one", same)
        apart = await desk(exchange, tmp_path, "two", other)
        second = await desk(exchange, tmp_path, "three", same, external_orders="ignore")
        try:
            await until(lambda: told(second))
            (sentence,) = told(second)
            await until(lambda: told(first))
            assert "live-three" in told(first)[0]
            assert told(apart) == []
            assert sentence.startswith("LOOP: live-one, running on this machine, trades with the same API key.")
            assert "ignores their orders" in sentence
        finally:
            for engine in (first, apart, second):
                await engine.close()
        again = await desk(exchange, tmp_path, "three", same)
        try:
            await until(lambda: proven(again))
            assert told(again) == [], "the first runs no more"
        finally:
            await again.close()
        state = paths_in(tmp_path).state
        kept = b"".join(file.read_bytes() + file.name.encode() for file in state.rglob("*") if file.is_file())
        assert LOGINS[0].key.encode() not in kept


def test_a_folder_that_cannot_be_written_hinders_nobody(tmp_path: Path) -> None:
    paths = paths_in(tmp_path)
    paths.state.parent.mkdir(parents=True, exist_ok=True)
    paths.state.write_text("a file where the folder should be")
    assert leave_note(paths, tmp_path / "live.sqlite", "LOOP", "key") is None


def test_a_desk_that_has_another_key_now_is_on_the_old_account_no_more(tmp_path: Path) -> None:
    paths, store, other = paths_in(tmp_path), tmp_path / "live.sqlite", tmp_path / "live-other.sqlite"
    before = leave_note(paths, store, "LOOP", "the key")
    beside = leave_note(paths, other, "LOOP", "the key")
    now = leave_note(paths, store, "LOOP", "another key")
    assert before is not None
    assert before == beside != now
    assert [file.read_text() for file in before.iterdir()] == [str(other)]


def test_a_note_does_not_give_a_key_away_to_who_guesses_it(tmp_path: Path) -> None:
    """The same key has another hash on each machine."""
    folders = [leave_note(paths_in(tmp_path / name), tmp_path / "live.sqlite", "LOOP", "the key") for name in "ab"]
    assert len({folder.name for folder in folders if folder is not None}) == 2
