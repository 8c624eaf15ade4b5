"""A ban whose end the exchange tells: nothing is asked into it, the link stays, the kill goes at once."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.exchange import RICH, Login, LoopbackExchange
from tests.support.exchange.dialect import Answer
from tests.support.exchange_hand import Hand
from tests.support.live_desk import NAME, live_desk_on, told, until
from workstation.clock import MILLISECOND, SECOND, SimClock
from workstation.domain.order import OrderDraft, OrderState, Side
from workstation.venues.ccxt.silence import _retry_after
from workstation.venues.contract import LinkState, VenueError

BTC = f"{NAME}:BTC-USDT"


class Ban:
    """The exchange answers nothing but 418, and tells how long."""

    def __init__(self, exchange: LoopbackExchange) -> None:
        self.until = 0.0
        self.hits: list[str] = []
        real = exchange.dialect.answer

        def answer(wire: Any, *, pretend: Any) -> Any:
            left = self.until - time.monotonic()
            if left <= 0:
                return real(wire, pretend=pretend)
            self.hits.append(f"{wire.method} {wire.path}")
            said = '{"code":-1003,"msg":"Way too many requests; IP banned."}'
            return Answer(said, 418, {"Retry-After": str(int(left) + 1)}), lambda: None

        exchange.dialect.answer = answer  # type: ignore[method-assign]

    def begin(self, seconds: float) -> None:
        self.until = time.monotonic() + seconds

    @property
    def over(self) -> bool:
        return time.monotonic() >= self.until


@pytest.mark.slow
async def test_a_ban_is_waited_out_on_a_link_that_stands_and_the_kill_comes_right_after(tmp_path: Path) -> None:
    with LoopbackExchange("binance", logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        ban = Ban(exchange)
        async with live_desk_on(exchange, tmp_path) as engine:
            order = await engine.submit(
                OrderDraft(instrument=BTC, side=Side.BUY, quantity=Decimal("0.1"), price=Decimal(60000))
            )
            await until(lambda: engine.core.orders.orders[order.client_id].state is OrderState.ACCEPTED)
            venue: Any = engine.venues[NAME]
            ban.begin(18.0)
            engine.kill("a test")
            await until(lambda: ban.hits)
            venue.probe_now.set()
            await until(lambda: "asked for silence until" in engine.links()[0].said, say=lambda: told(engine))
            links: set[LinkState] = set()
            await until(lambda: (links.add(venue.link), ban.over)[1], 30)
            assert links == {LinkState.CONNECTED}, told(engine)
            assert engine.book(BTC).stale is None
            assert len(ban.hits) <= 3, f"asked on into the ban: {ban.hits}"
            await until(lambda: engine.kill_status.receipt, 15, lambda: told(engine))
            assert exchange.do(lambda: len(exchange.floor.account().working())) == 0


@pytest.mark.slow
async def test_a_reconnect_into_a_ban_waits_until_it_is_over(tmp_path: Path) -> None:
    with LoopbackExchange("binance", logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        ban = Ban(exchange)
        ban.begin(6.0)
        async with live_desk_on(exchange, tmp_path, wait=False) as engine:
            venue: Any = engine.venues[NAME]
            before = len(ban.hits)  # without instruments of its own the start itself has asked
            await until(lambda: "asked for silence until" in venue.said or ban.over, say=lambda: told(engine))
            assert not ban.over
            await until(lambda: ban.over)
            assert len(ban.hits) - before <= 1, ban.hits


async def test_more_silence_than_ten_minutes_is_kept_and_a_new_queue_keeps_it(tmp_path: Path) -> None:
    from workstation.venues.ccxt.gate import RequestGate
    from workstation.venues.ccxt.silence import Silence

    class RateLimitExceeded(Exception):
        pass

    class Venue:
        name = "LOOP"
        gate: RequestGate | None = RequestGate(1.0)
        exchange = type("Exchange", (), {"last_response_headers": {"Retry-After": "7200"}})()
        clock = type("Clock", (), {"now": staticmethod(lambda: 0)})()
        said: list[str] = []

        def on_notice(self, _level: str, sentence: str) -> None:
            self.said.append(sentence)

    venue, silence = Venue(), Silence()
    silence.note(venue, RateLimitExceeded())  # type: ignore[arg-type]
    silence.note(venue, RateLimitExceeded())  # type: ignore[arg-type]
    assert venue.gate is not None
    assert min(silence.left, venue.gate.paused_for) > 7_190
    assert silence.words == "it asked for silence until 02:00:00 UTC"
    assert venue.said == ["LOOP says that it was asked too often: silent for 7200 s, until 02:00:00 UTC."]


LIMIT = {
    "binance": ('{"code":-1003,"msg":"Too many requests."}', 429),
    "bybit": ('{"retCode":10006,"retMsg":"Too many visits!","result":{}}', 429),
}


@pytest.mark.parametrize("dialect", LIMIT)
@pytest.mark.parametrize(
    ("wait", "least", "most"),
    [
        (lambda now: format_datetime(now + timedelta(seconds=30), usegmt=True), 26, 31.5),
        (lambda now: (now + timedelta(seconds=30)).strftime("%A, %d-%b-%y %H:%M:%S GMT"), 26, 31.5),  # as of old
        (lambda now: format_datetime(now - timedelta(seconds=30), usegmt=True), 0, 1),  # over already
        (lambda now: "Fri, 31 Dec 9998 23:59:59 GMT", 3 * 86_399, 3 * 86_400),
        (lambda now: "2.5", 1.5, 2.5),
        (lambda now: "soon", 0, 1),
    ],
)
async def test_the_end_of_a_silence_may_be_told_as_a_moment(
    dialect: str, wait: Any, least: float, most: float, tmp_path: Path
) -> None:
    with LoopbackExchange(dialect, logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        async with live_desk_on(exchange, tmp_path, compare_seconds=60.0) as engine:
            venue: Any = engine.venues[NAME]
            venue.drift += 7_000_000_000  # the exchange's clock is ahead, and the moment is by that
            text, status = LIMIT[dialect]
            real, limits = exchange.dialect.answer, [1]

            def answer(wire: Any, *, pretend: Any) -> Any:
                if not limits or wire.path not in ("/api/v3/openOrders", "/v5/order/realtime"):
                    return real(wire, pretend=pretend)
                limits.clear()
                there = datetime.now(UTC) + timedelta(seconds=7)
                return Answer(text, status, {"retry-after": wait(there)}), lambda: None

            exchange.dialect.answer = answer  # type: ignore[method-assign]
            with pytest.raises(VenueError):
                await venue.open_orders()
            assert least <= venue.silence_asked.left <= most
            assert least <= venue.gate.paused_for <= most


def test_a_moment_without_fractions_is_waited_for_to_its_end() -> None:
    """What is asked a moment too early makes a ban longer."""
    at = datetime(2026, 11, 27, 12, 0, 0, 900_000, tzinfo=UTC)
    headers = {"Retry-After": "Fri, 27 Nov 2026 12:00:30 GMT"}
    clock = SimClock(int(at.timestamp()) * SECOND + 900 * MILLISECOND)
    venue: Any = SimpleNamespace(clock=clock, drift=-SECOND, exchange=SimpleNamespace(last_response_headers=headers))
    assert _retry_after(venue) == pytest.approx(30.1 + 1.0)
