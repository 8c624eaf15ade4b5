"""What is told, how much of it, and that it arrives: with the real Apprise at a receiver on this machine."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.support.desk import BTC, demo_desk
from workstation.clock import SECOND
from workstation.domain.events import KillCompleted, KillRequested
from workstation.domain.order import Side
from workstation.log import Level, LogEntry
from workstation.notify.assembly import minute_of_day, notifier_of
from workstation.notify.delivery import deliver
from workstation.notify.messages import Message, Topic, in_words, message_of, template_problem
from workstation.notify.notifier import Notifier
from workstation.notify.outbox import Outbox, quiet_hours
from workstation.paths import Paths
from workstation.settings import Settings, SettingsError
from workstation.settings_file import load

MINUTE = 60 * SECOND
NOON = 12 * 60 * MINUTE
TOKEN = "planted-token-77"


def outbox(per_minute: int = 3, quiet: str = "") -> Outbox:
    return Outbox(
        per_minute=per_minute, quiet=quiet_hours(quiet), local_minute=lambda ts: ts // MINUTE % 1_440, templates={}
    )


def alert(text: str, topic: Topic = Topic.ALERT) -> Message:
    return Message(topic, 0, {"text": text})


def test_what_is_above_the_limit_is_counted_and_told_when_there_is_room():
    box = outbox(per_minute=2)
    for number in range(5):
        box.offer(alert(f"n{number}"), NOON + number)
    assert box.take(NOON + 5) == ["n0", "n1"]
    assert box.waits
    assert box.take(NOON + MINUTE - 1) == []
    assert box.take(NOON + MINUTE + 1) == ["Held back: 3 alerts."]
    assert not box.waits


def test_a_note_never_overtakes_what_is_held_back():
    box = outbox(per_minute=1)
    box.offer(alert("first"), NOON)
    box.offer(alert("second"), NOON + 1)
    box.take(NOON + 2)
    box.offer(alert("third"), NOON + MINUTE + 5)
    assert box.take(NOON + MINUTE + 5) == ["Held back: 2 alerts."]


def test_the_kill_switch_is_told_in_quiet_hours_and_above_the_limit():
    box = outbox(per_minute=1, quiet="22:00-07:00")
    night = 23 * 60 * MINUTE
    box.offer(alert("sleep"), night)
    box.offer(alert("KILL SWITCH", Topic.KILL), night)
    assert box.take(night) == ["KILL SWITCH"]
    assert box.take(night + 9 * 60 * MINUTE) == ["Held back: 1 alert."]


@pytest.mark.parametrize(
    ("minute", "quiet"), [("21:59", False), ("22:00", True), ("23:59", True), ("06:59", True), ("07:00", False)]
)
def test_quiet_hours_go_over_midnight(minute, quiet):
    box = outbox(quiet="22:00-07:00")
    hours, minutes = map(int, minute.split(":"))
    now = (hours * 60 + minutes) * MINUTE
    box.offer(alert("a"), now)
    assert (box.take(now) == []) is quiet


def test_the_minute_of_the_day_is_the_traders_own():
    from zoneinfo import ZoneInfo

    summer = 1_783_339_200 * SECOND  # 2026-07-06 12:00 UTC
    assert minute_of_day(summer, ZoneInfo("Europe/Berlin")) == 14 * 60


def test_templates_are_the_users_own_and_checked():
    fill = Message(Topic.FILL, 0, {"side": "buy", "quantity": "1", "instrument": "X:Y", "price": "5", "rest": ""})
    assert in_words(fill, "{quantity} {instrument} {side}!") == "1 X:Y buy!"
    assert template_problem("fill", "{quantity}") is None
    assert template_problem("fill", "{colour}").startswith("has no field {colour}; it has {side}")
    assert template_problem("fils", "x").startswith("is no topic of notes")


def test_bad_settings_are_one_sentence(tmp_path):
    with pytest.raises(SettingsError, match="quiet_hours"):
        load(tmp_path / "none", overrides={"notify.quiet_hours": "10pm"})
    with pytest.raises(SettingsError, match=r"notify\.topics must be"):
        load(tmp_path / "none", overrides={"notify.topics": "fill,weather"})
    paths = Paths(config=tmp_path, data=tmp_path, state=tmp_path)
    settings = load(tmp_path / "none", overrides={"notify.templates.fill": "{colour}"})
    with pytest.raises(SettingsError, match=r"notify\.templates\.fill has no field \{colour\}"):
        notifier_of(
            settings,
            paths,
            mode="demo",
            account="demo",
            order_of=lambda _: None,
            instrument_of=lambda _: None,
            clock=None,
            log=None,
        )  # type: ignore[arg-type]


def test_a_desk_without_addresses_has_no_notifier(tmp_path):
    paths = Paths(config=tmp_path, data=tmp_path, state=tmp_path)
    assert (
        notifier_of(
            Settings(),
            paths,
            mode="live",
            account="a",
            order_of=lambda _: None,
            instrument_of=lambda _: None,
            clock=None,
            log=None,
        )  # type: ignore[arg-type]
        is None
    )


@pytest.mark.parametrize(
    ("entry", "topic"),
    [
        (LogEntry(1, Level.WARNING, "link", "NOVA does not answer."), Topic.DISCONNECT),
        (LogEntry(1, Level.INFO, "link", "NOVA answers again."), None),
        (LogEntry(1, Level.WARNING, "alerts", "BTC above 65000"), Topic.ALERT),
        (LogEntry(1, Level.ERROR, "store", "The disk is full."), Topic.TROUBLE),
        (LogEntry(1, Level.ERROR, "store", "The disk is full.", count=2), None),
        (LogEntry(1, Level.INFO, "orders", "accepted"), None),
        (KillRequested(ts=1, kill_id="k", flatten=False, reason="r"), Topic.KILL),
        (KillCompleted(ts=1, kill_id="k", receipt="all flat"), Topic.KILL),
    ],
)
def test_what_is_worth_a_note(entry, topic):
    message = message_of(entry, lambda _: None, lambda _: None)
    assert (None if message is None else message.topic) is topic


@contextmanager
def receiver(status: int = 200) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """An HTTP receiver of Apprise's JSON notes: its address and what it was sent."""
    got: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"json://127.0.0.1:{server.server_port}/{TOKEN}", got
    finally:
        server.shutdown()
        server.server_close()


def give(engine, address: str, send=deliver) -> Notifier:
    engine.notifier = Notifier(
        outbox=Outbox(per_minute=10, quiet=None, local_minute=lambda ts: 0),
        topics=list(Topic),
        addresses=lambda: {"phone": address},
        deliver=send,
        order_of=engine.core.orders.orders.get,
        instrument_of=engine.core.instruments.get,
        clock=engine.clock,
        log=engine.log,
        title="tws TEST",
        tries=(0.0, 0.01),
    )
    return engine.notifier


async def test_fills_refusals_and_the_kill_switch_arrive(tmp_path):
    with receiver() as (address, got):
        async with demo_desk(tmp_path, wait=False) as desk:
            give(desk.engine, address)
            await desk.engine.wait_ready()
            await desk.market(BTC, Side.BUY, "0.01")
            await desk.settle(lambda: any(" NOVA:BTC-USDT at " in note["message"] for note in got), timeout=40)
            await desk.market(BTC, Side.BUY, "0.0000001")
            await desk.settle(lambda: any("not sent" in note["message"] for note in got))
            desk.engine.kill("a test")
            await desk.settle(lambda: any("KILL SWITCH pulls every order: a test." in note["message"] for note in got))
            assert {note["title"] for note in got} == {"tws TEST"}


async def test_what_was_traded_before_is_not_told_at_the_next_start(tmp_path):
    async with demo_desk(tmp_path) as desk:
        await desk.market(BTC, Side.BUY, "0.01")
    sent: list[str] = []
    async with demo_desk(tmp_path, wait=False) as desk:
        give(desk.engine, "x://", lambda address, title, text: sent.append(text))
        await desk.engine.wait_ready()
    assert sent == []


async def test_an_address_that_refuses_is_named_in_the_log_without_its_token(tmp_path):
    with receiver(status=500) as (address, got):
        async with demo_desk(tmp_path, wait=False) as desk:
            give(desk.engine, address)
            await desk.engine.wait_ready()
            await desk.market(BTC, Side.BUY, "0.01")
            await desk.settle(lambda: any(entry.source == "notify" for entry in desk.engine.log.entries))
            texts = [f"{entry.text} {entry.detail}" for entry in desk.engine.log.entries]
            assert "phone did not take the note: a note was not delivered. " in texts
            assert TOKEN not in "".join(texts)
        assert len(got) == 2  # tried again once, as `tries` says
    assert not any(TOKEN.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


async def test_a_slow_address_never_holds_the_desk(tmp_path):
    hold = threading.Event()

    def slow(address: str, title: str, text: str) -> str | None:
        hold.wait(10)
        return None

    async with demo_desk(tmp_path, wait=False) as desk:
        give(desk.engine, "x://", slow)
        await desk.engine.wait_ready()
        order = await desk.market(BTC, Side.BUY, "0.01")
        await desk.settle(lambda: desk.engine.core.orders.orders[order.client_id].filled == Decimal("0.01"))
        hold.set()


async def test_events_of_another_thread_are_told_too(tmp_path):
    sent: list[str] = []
    async with demo_desk(tmp_path, wait=False) as desk:
        notifier = give(desk.engine, "x://", lambda address, title, text: sent.append(text))
        await desk.engine.wait_ready()
        await asyncio.to_thread(notifier.hear, KillRequested(ts=1, kill_id="k", flatten=True, reason="outside"))
        await desk.settle(lambda: bool(sent))
    assert sent == ["KILL SWITCH pulls every order and closes every position: outside."]
