"""The same desk on a recording: orders rest in the replayed book and fill at recorded trades."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.desk import PERP, START
from tests.support.recordings import recorded
from workstation.assembly import replay_desk
from workstation.clock import SECOND
from workstation.domain.fill import Liquidity
from workstation.domain.market import MarketEvent, Trade
from workstation.domain.order import OrderDraft, OrderState, OrderType, Side
from workstation.engine import Engine
from workstation.headless import run_recorder
from workstation.market.recording import RecordingWriter, open_recording
from workstation.market.recording.frames import FrameFile, Kind
from workstation.paths import Paths
from workstation.settings import Settings

SESSIONS = Path(__file__).parents[3] / "shared" / "data" / "orderbook" / "hftbacktest"
needs_data = pytest.mark.skipif(not SESSIONS.is_dir(), reason=f"no recorded sessions at {SESSIONS.name}")


@asynccontextmanager
async def replaying(home: Path, *recordings: Path) -> AsyncIterator[Engine]:
    """A replay desk that stands paused at its start; drive it by `engine.pump`."""
    engine = replay_desk(Settings(), Paths(home, home / "data", home / "state"), recordings)
    assert engine.replay is not None
    engine.replay.pause()
    await engine.start()
    try:
        await engine.wait_ready()
        yield engine
    finally:
        await engine.close()


def play(engine: Engine, seconds: float) -> None:
    assert engine.pump is not None
    engine.pump.pump_until(engine.clock.now() + round(seconds * SECOND))


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A minute of the demo market."""
    return recorded(tmp_path / "minute.tws", 60)


def events_of(recording: Path) -> list[MarketEvent]:
    source = open_recording([recording])
    assert source.end is not None
    events = list(source.until(source.end))
    source.close()
    return events


def damage(recording: Path) -> None:
    parts = FrameFile(recording)
    frame = [each for each in parts._frames if each.kind is Kind.EVENTS][1]
    parts.close()
    whole = bytearray(recording.read_bytes())
    whole[frame.offset + frame.length // 2] ^= 0xFF
    recording.write_bytes(whole)


async def rest_until_filled(engine: Engine, instrument: str, quantity: str) -> None:
    """Join the best bid, follow it if it leaves, until recorded trades have filled us; then check which."""
    recorded: list[Trade] = []
    trades = engine.bus.subscribe(Trade)
    play(engine, 2)
    for _ in range(400):
        best = engine.book(instrument).best_bid
        assert best is not None
        price = engine.instrument(instrument).price(best)
        order = await engine.submit(
            OrderDraft(instrument=instrument, side=Side.BUY, quantity=Decimal(quantity), price=price, post_only=True)
        )
        if order.state is not OrderState.ACCEPTED:
            play(engine, 0.1)
            continue
        ahead = engine.queue_ahead(order.client_id)
        assert ahead == engine.instrument(instrument).quantity(engine.book(instrument).bids[best])
        for _ in range(50):
            play(engine, 0.1)
            recorded += trades.drain()
            now = engine.order(order.client_id)
            assert now is not None
            if now.filled:
                break
        if now.filled:
            break
        if now.is_open:
            await engine.cancel(order.client_id)
    else:
        raise AssertionError("the recording never traded through us")
    for fill in engine.fills(instrument):
        assert fill.liquidity is Liquidity.MAKER
        assert fill.price == price
        reached = [t for t in recorded if (t.ts, t.instrument) == (fill.ts, instrument) and t.price <= best]
        assert reached, "a resting order filled although no recorded trade reached it"
    assert engine.position(instrument).quantity == sum(fill.quantity for fill in engine.fills(instrument))


async def test_a_resting_order_fills_at_recorded_trades(tmp_path: Path, recording: Path) -> None:
    async with replaying(tmp_path, recording) as engine:
        assert engine.mode == "replay"
        await rest_until_filled(engine, PERP, "0.05")


@needs_data
async def test_trading_on_the_recorded_binance_sessions(tmp_path: Path) -> None:
    paths = [SESSIONS / "binance_spot_btcusdt_20240808.gz", SESSIONS / "binance_usdm_btcusdt_20240808.gz"]
    async with replaying(tmp_path, *paths) as engine:
        assert {i.id for i in engine.instruments()} == {"BINANCE:BTC-USDT", "BINANCE-USDM:BTC-USDT-PERP"}
        play(engine, 3)
        draft = OrderDraft(instrument="BINANCE:BTC-USDT", side=Side.BUY, quantity=Decimal("0.5"), type=OrderType.MARKET)
        taken = await engine.submit(draft)
        assert taken.state is OrderState.FILLED, taken.reason
        await rest_until_filled(engine, "BINANCE-USDM:BTC-USDT-PERP", "0.05")
        equity = engine.equity_detail()
        assert equity.unpriced == ()
        money = sum(
            amount
            for account in engine.core.portfolio.accounts.values()
            for currency, amount in account.balances.items()
            if currency == "USDT"
        )
        assert money < 200_000


async def test_what_is_found_damaged_while_it_plays_is_told(
    tmp_path: Path, recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workstation.engine._LOOK_FOR_NOTICES", 0.01)
    damage(recording)

    def told(engine: Engine) -> list[str]:
        return [entry.text for entry in engine.log.entries if "is damaged" in entry.text]

    async with replaying(tmp_path, recording) as engine:
        assert told(engine) == []
        play(engine, 60)
        async with asyncio.timeout(10):
            while not told(engine):
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        assert len(told(engine)) == 1
        assert told(engine)[0].endswith("that part is left out.")


@pytest.mark.parametrize("loop", [False, True])
async def test_a_replay_is_recorded_from_its_first_event_to_its_last(
    tmp_path: Path, loop: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    recording, out = recorded(tmp_path / "short.tws", 5), tmp_path / "again.tws"
    engine = replay_desk(Settings(), Paths(tmp_path, tmp_path / "data", tmp_path / "state"), [recording], 100.0, loop)
    assert await asyncio.wait_for(run_recorder(engine, out, None), 30) == 0
    assert capsys.readouterr().out == f"{out}\n"
    assert events_of(out) == events_of(recording)


async def test_a_recording_whose_end_the_disk_has_no_room_for_is_not_called_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording, close = recorded(tmp_path / "short.tws", 5), RecordingWriter.close

    def full(writer: RecordingWriter) -> None:
        writer._file.close()
        writer._file = Path("/dev/full").open("wb", buffering=0)  # noqa: SIM115
        close(writer)

    monkeypatch.setattr(RecordingWriter, "close", full)
    engine = replay_desk(Settings(), Paths(tmp_path, tmp_path / "data", tmp_path / "state"), [recording], 100.0, False)
    assert await asyncio.wait_for(run_recorder(engine, tmp_path / "again.tws", None), 30) == 1


async def test_a_full_disk_ends_a_recording_and_not_the_market(tmp_path: Path) -> None:
    async with replaying(tmp_path, recorded(tmp_path / "short.tws", 10)) as engine:
        engine.start_recording(tmp_path / "full.tws")
        writer = engine._recorder._writer
        assert writer is not None
        writer._file.close()
        writer._file = Path("/dev/full").open("wb", buffering=0)  # noqa: ASYNC230, SIM115
        play(engine, 3)
        writer._wake.set()
        async with asyncio.timeout(10):
            while writer.failure is None:
                await asyncio.sleep(0.01)
        before = engine.clock.now()
        play(engine, 3)
        assert engine.clock.now() == before + 3 * SECOND
        assert engine.recording is None
        assert [entry.text for entry in engine.log.entries if entry.level == "error"] == [writer.failure]


async def test_a_seek_keeps_orders_and_money_and_rebuilds_the_book(tmp_path: Path, recording: Path) -> None:
    async with replaying(tmp_path, recording) as engine:
        assert engine.replay is not None
        play(engine, 20)
        book = engine.book(PERP)
        here, bids = engine.clock.now(), dict(book.bids)
        price = engine.instrument(PERP).price((book.best_bid or 0) - 500)
        order = await engine.submit(OrderDraft(instrument=PERP, side=Side.BUY, quantity=Decimal("0.1"), price=price))
        play(engine, 20)
        engine.replay.seek(here)
        await asyncio.sleep(0)
        assert engine.book(PERP).bids == bids
        assert engine.clock.now() == here
        now = engine.order(order.client_id)
        assert now is not None
        assert now.state is OrderState.ACCEPTED
        assert engine.market(PERP).tape == type(engine.market(PERP).tape)([], maxlen=engine.market(PERP).tape.maxlen)


async def test_the_kill_switch_works_while_the_replay_stands_still(tmp_path: Path, recording: Path) -> None:
    async with replaying(tmp_path, recording) as engine:
        play(engine, 5)
        book = engine.book(PERP)
        price = engine.instrument(PERP).price((book.best_bid or 0) - 500)
        await engine.submit(OrderDraft(instrument=PERP, side=Side.BUY, quantity=Decimal("0.1"), price=price))
        engine.flatten()
        async with asyncio.timeout(10):
            while engine.kill_status.finished is None:
                await asyncio.sleep(0.01)
        assert engine.open_orders() == []


async def test_the_chart_has_the_candles_from_before_a_seek(tmp_path: Path, recording: Path) -> None:
    async with replaying(tmp_path, recording) as engine:
        assert engine.replay is not None
        play(engine, 30)
        before = engine.bar_series(PERP, 5 * SECOND).last(99)
        engine.replay.seek(START + 45 * SECOND)
        after = engine.bar_series(PERP, 5 * SECOND).last(99)
        assert [(bar.ts, bar.close) for bar in after[: len(before) - 1]] == [(bar.ts, bar.close) for bar in before[:-1]]
        engine.replay.seek(START + 20 * SECOND)
        bars = engine.bar_series(PERP, 5 * SECOND).last(99)
        assert (bars[0].ts, bars[0].high) == (before[0].ts, before[0].high)
        assert bars[-1].ts < START + 20 * SECOND, "nothing of what is still to come"
        market = engine.market(PERP)
        assert market.last is None or market.last.ts <= START + 20 * SECOND
