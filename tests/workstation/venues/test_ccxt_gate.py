"""The queue in front of an exchange: its rate is kept, and what matters most goes first."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workstation.venues.ccxt.client import Hooks, open_exchange, rate_of
from workstation.venues.ccxt.gate import RequestGate, backoff
from workstation.venues.ccxt.particulars import particulars
from workstation.venues.ccxt.settings import Credentials, VenueSettings
from workstation.venues.urgency import Urgency, urgent


async def ask(gate: RequestGate, urgency: Urgency, done: list[str], name: str, cost: float = 1.0) -> None:
    with urgent(urgency):
        await gate.pass_through(cost)
    done.append(name)


async def test_the_kill_switch_goes_before_all_that_waits() -> None:
    gate, done = RequestGate(rate=200.0, burst=1.0), list[str]()
    gate.pause(0.3)  # so that all of them wait
    tasks = [asyncio.create_task(ask(gate, Urgency.QUERY, done, f"question {n}")) for n in range(8)]
    tasks += [
        asyncio.create_task(ask(gate, Urgency.ORDER, done, "order")),
        asyncio.create_task(ask(gate, Urgency.CANCEL, done, "cancel")),
        asyncio.create_task(ask(gate, Urgency.KILL, done, "kill")),
    ]
    await asyncio.gather(*tasks)
    assert done == ["kill", "cancel", "order", *(f"question {n}" for n in range(8))]


async def test_the_last_fifth_is_kept_for_what_is_urgent() -> None:
    gate, done = RequestGate(rate=0.001, burst=10.0), list[str]()
    tasks = [asyncio.create_task(ask(gate, Urgency.QUERY, done, "question")) for _ in range(20)]
    await asyncio.sleep(0.01)
    assert len(done) == 8
    await ask(gate, Urgency.KILL, done, "kill")
    await ask(gate, Urgency.CANCEL, done, "cancel")
    assert done[-2:] == ["kill", "cancel"]
    assert gate.waiting == 12
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_who_stops_waiting_is_not_counted_and_bars_nobody() -> None:
    gate, done = RequestGate(rate=100.0, burst=1.0, headroom=0.0), list[str]()
    await gate.pass_through()
    late = asyncio.create_task(ask(gate, Urgency.ORDER, done, "given up"))
    await asyncio.sleep(0)
    late.cancel()
    await asyncio.gather(late, return_exceptions=True)
    await ask(gate, Urgency.QUERY, done, "question")
    assert done == ["question"]
    assert gate.passed == 2


async def test_silence_that_the_exchange_asks_for_is_kept() -> None:
    gate = RequestGate(rate=1_000.0)
    gate.pause(0.05)
    began = asyncio.get_running_loop().time()
    await gate.pass_through()
    assert asyncio.get_running_loop().time() - began >= 0.045


async def test_a_request_that_costs_more_than_the_bucket_passes_once_the_bucket_is_empty() -> None:
    gate = RequestGate(rate=1_000.0, burst=5.0)
    await asyncio.wait_for(gate.pass_through(80.0), 1.0)
    await asyncio.wait_for(gate.pass_through(1.0), 1.0)


@given(st.integers(0, 60), st.floats(0, 1))
def test_pauses_grow_with_a_random_share_and_never_beyond_the_most(attempt: int, share: float) -> None:
    pause = backoff(attempt, lambda: share, first=0.5, most=30.0)
    whole = min(30.0, 0.5 * 2.0 ** min(attempt, 12))
    assert whole / 2 <= pause <= whole
    assert pause == pytest.approx(whole / 2 * (1 + share))


class Counting(RequestGate):
    """Lets everything through and remembers what it cost."""

    def __init__(self) -> None:
        super().__init__(1e9)
        self.costs: list[float] = []

    async def pass_through(self, cost: float | None = None) -> None:
        self.costs.append(float(cost or 0))


async def test_bybit_s_cancel_of_everything_costs_what_bybit_counts_for_it_not_what_options_would_cost() -> None:
    facts, gate = particulars("bybit"), Counting()
    hooks = Hooks(gate)
    exchange = open_exchange(facts, VenueSettings(exchange="bybit"), Credentials(key="k", secret="s"), hooks)

    async def answer(*_: Any) -> dict[str, Any]:
        return {"retCode": 0, "result": {"list": []}}

    exchange.fetch = answer
    await exchange.private_post_v5_order_cancel_all({"category": "spot"})
    await exchange.private_post_v5_order_cancel({"category": "spot"})
    await exchange.close()
    everything, one = gate.costs
    calls_a_second = rate_of(exchange, facts, 1.0).rate / everything
    assert calls_a_second == 10  # Bybit's limit of derivatives; of spot it is 20
    assert one == 2.5  # as ccxt counts


async def test_a_kraken_account_is_read_within_what_may_be_spent_at_once() -> None:
    """Else each question would wait longer for its turn than for its answer, and no comparison would ever end."""
    facts = particulars("kraken")
    exchange = open_exchange(facts, VenueSettings(exchange="kraken"), None, Hooks())
    try:
        gate = rate_of(exchange, facts, VenueSettings().rate_share)
        costs = exchange.api["private"]["post"]
        start = ["GetWebSocketsToken", "TradesHistory", "OpenOrders", "BalanceEx", "TradeVolume"]
        assert sum(costs[name]["cost"] for name in [*start, "CancelAllOrdersAfter"]) <= gate.burst * 0.8
        assert gate.burst <= 15 * 3, "its counter holds fifteen calls, of three units each here"
    finally:
        await exchange.close()
