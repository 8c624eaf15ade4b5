"""Portfolios are worked out in a process beside the desk; the same question is answered from memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest
import pytest_asyncio

from tests.support.universes import walks
from workstation.portfolio.desk import PortfolioDesk
from workstation.portfolio.optimise import allocate
from workstation.portfolio.problem import PortfolioError, Problem


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def desk() -> AsyncIterator[PortfolioDesk]:
    desk = PortfolioDesk()
    await desk.warm()
    yield desk
    await desk.close()


pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_the_process_gives_what_the_function_gives(desk: PortfolioDesk) -> None:
    prices, problem = walks(6, 200), Problem(risk="CVaR")
    assert desk.known(prices, problem) is None
    there = await desk.allocate(prices, problem)
    np.testing.assert_array_equal(there.values, allocate(prices, problem).values)
    assert await desk.allocate(walks(6, 200), Problem(risk="CVaR")) is there
    assert desk.known(prices, problem) is there


async def test_a_frontier_tells_how_far_it_is(desk: PortfolioDesk) -> None:
    heard: list[object] = []
    line = await desk.frontier(walks(5, 120), Problem(risk="CDaR"), 8, on_part=heard.append)
    assert len(line) == 8
    assert heard[-1] == (8, 8)
    assert np.all(np.diff(line.risks) > 0)


async def test_a_mistake_is_a_sentence_and_the_process_lives_on(desk: PortfolioDesk) -> None:
    with pytest.raises(PortfolioError, match=r"no method 'max_ration'. Did you mean max_ratio"):
        await desk.allocate(walks(5, 120), Problem(method="max_ration"))
    assert desk.running


async def test_work_that_nobody_waits_for_is_called_off(desk: PortfolioDesk) -> None:
    asked = asyncio.create_task(desk.frontier(walks(30, 900), Problem(risk="EVaR"), 400))
    await asyncio.sleep(0.3)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    answer = await asyncio.wait_for(desk.allocate(walks(5, 120), Problem(method="equal_weight")), 30)
    assert list(answer.weights.values()) == pytest.approx([0.2] * 5)
