"""A professional's session on the whole desk in a real terminal: from the scale-in to the kill, and back in time."""

from __future__ import annotations

import subprocess
import time
from decimal import Decimal as D
from pathlib import Path

import pytest

from tests.support.terminal_desk import TWS, Desk, terminal_desk
from workstation.domain import events as e
from workstation.domain.plan import PlanKind, PlanState
from workstation.market.data import MarketData
from workstation.market.demo.listings import LISTINGS
from workstation.past.timeline import Timeline
from workstation.store import reader
from workstation.trading.core import TradingCore
from workstation.trading.limits import RiskLimits

pytestmark = pytest.mark.slow


def found[T](desk: Desk, kind: type[T]) -> list[T]:
    return [event for event in desk.journal() if isinstance(event, kind)]


def until[T](desk: Desk, kind: type[T], count: int = 1) -> list[T]:
    """The journal's events of a kind, once there are so many."""
    desk.terminal.wait_for(lambda: len(found(desk, kind)) >= count, 60)
    return found(desk, kind)


def entered[T](desk: Desk, line: str, kind: type[T], count: int = 1) -> T:
    """The event that a typed line leads to. On a machine that stands still for a moment it is dropped: typed again."""
    for _ in range(4):
        before = _dropped(desk)
        desk.terminal.type(f":{line}\r")
        desk.terminal.wait_for(lambda before=before: len(found(desk, kind)) >= count or _dropped(desk) > before, 60)
        if len(events := found(desk, kind)) >= count:
            return events[count - 1]
        desk.terminal.type("\x1b")
        time.sleep(2)
    raise AssertionError(f"{line} was dropped each time")


def _dropped(desk: Desk) -> int:
    return sum("was dropped" in entry.message for entry in reader.log(desk.store, 10_000))


def test_scale_in_drag_trail_breaker_and_a_kill_past_a_blocked_loop(tmp_path: Path) -> None:
    with terminal_desk(tmp_path) as desk:
        terminal = desk.terminal
        entered(desk, "buy 0.01 market", e.OrderInitialized)
        price = until(desk, e.OrderFilled)[0].fill.price.quantize(D(1))

        # Trailed: the position that is there.
        trailed = entered(desk, "trail 2%", e.PlanStarted).plan
        assert (trailed.kind, trailed.trail is not None) == (PlanKind.EXIT, True)

        # A bracketed scale-in by the command line; its best entry takes at once, and what fills is protected.
        low, high = price - 400, price + 200
        line = f"scale buy 5 0.05 {low} {high} stop {price - 3_000} tp {price + 3_000}"
        scale = entered(desk, line, e.PlanStarted, 2).plan
        assert (scale.kind, len(scale.entries)) == (PlanKind.SCALE, 5)
        terminal.wait_for(lambda: any(_leg(event) == (scale.plan_id, "stop") for event in desk.journal()), 60)

        # Dragged by keys: c is the chart in the jump mode, m picks the next order up, K moves it, Enter sends.
        terminal.type("\x0f")
        terminal.wait_for(lambda: b"JUMP" in terminal.written, 60)
        terminal.type("c")
        before = len(found(desk, e.OrderAmended))
        terminal.type("mKKK")
        time.sleep(1)
        terminal.type("\r")
        terminal.wait_for(lambda: any(_dragged(event) for event in found(desk, e.OrderAmended)[before:]), 60)

        # Hit by a breaker: the fees of the entries are loss enough for this limit. Entries are denied, exits are not.
        assert entered(desk, "limit breakers.daily_loss 0.000001", e.LimitsChanged).new
        assert until(desk, e.BreakerTripped)[0].name == "daily_loss"
        assert "daily loss" in entered(desk, "buy 0.01 market", e.OrderDenied).reason.replace("_", " ")
        terminal.wait_for(lambda: b"DAILY LOSS" in terminal.written, 60)

        # Killed from a second shell while the loop is blocked on purpose.
        desk.block(8.0)
        kill = subprocess.run(
            [*TWS, "kill", "--flatten"], env=desk.env, capture_output=True, text=True, timeout=120, check=False
        )
        assert kill.returncode == 0, kill.stdout + kill.stderr
        assert "HALTED is in the store" in kill.stdout
        journal = desk.journal()
        assert [one.state for one in journal if isinstance(one, e.TradingStateChanged)][-1] is e.TradingState.HALTED
        assert isinstance(next(one for one in reversed(journal) if isinstance(one, e.KillCompleted)), e.KillCompleted)

        # The journal shows it all, and time travel replays it: on the screen, and to the last digit.
        terminal.wait_for(lambda: b"KILL SWITCH" in terminal.written, 60)
        seen = len(terminal.written)
        terminal.type("\x1b")
        time.sleep(2)  # a lone escape is one only when nothing follows it for a moment
        terminal.type("6")
        terminal.wait_for(lambda: b"chooses another session" in terminal.written[seen:], 60)
        terminal.type("h")
        terminal.wait_for(lambda: b" PAST " in terminal.written[seen:], 60)
    _replays_exactly(journal)


def _leg(event: object) -> tuple[str, str]:
    return (event.order.plan, event.order.leg) if isinstance(event, e.OrderInitialized) else ("", "")


def _dragged(event: e.OrderAmended) -> bool:
    return event.price is not None or event.stop_price is not None


def _core() -> TradingCore:
    instruments = [listing.instrument for listing in LISTINGS]
    return TradingCore(instruments, MarketData(instruments), RiskLimits(), histories=False)


def _seen(core: TradingCore) -> tuple[object, ...]:
    return (
        dict(core.orders.orders), dict(core.portfolio.accounts), dict(core.portfolio.positions), list(core.fills),
        dict(core.plans.sets), core.state_change, core.breakers.active(0), core.limits,
    )  # fmt: skip


def _replays_exactly(journal: list) -> None:  # type: ignore[type-arg]
    straight, moments = _core(), [_seen(_core())]
    for event in journal:
        straight.fold([event])
        moments.append(_seen(straight))
    timeline = Timeline(journal, _core)
    assert timeline.count == len(journal) > 40
    for position in [*range(len(journal), -1, -1), *range(0, len(journal) + 1, 7)]:  # back by event, then on
        assert _seen(timeline.core_at(position)) == moments[position], position
    plans = moments[-1][4]
    assert isinstance(plans, dict)
    assert all(plan.state in (PlanState.HALTED, PlanState.CANCELED, PlanState.DONE) for plan in plans.values())
