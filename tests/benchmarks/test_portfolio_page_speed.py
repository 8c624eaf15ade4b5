"""From a key on the portfolio page to the frontier that it asks for, painted: wall time, the portfolio process warm.

Run with: uv run pytest -m benchmark tests/benchmarks/test_portfolio_page_speed.py -s
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import numpy as np
import pytest

from plugins.portfolio import PortfolioPane
from screens.testing import FrozenDesk
from tests.support.universes import walks
from workstation.portfolio.prices import PriceTable

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(600)]


def written(table: PriceTable, file: Path) -> str:
    """The table as a CSV file; its path."""
    days = table.times.astype("datetime64[ns]").astype("datetime64[D]").astype(str)
    rows = [",".join(["date", *table.assets])]
    rows += [",".join([day, *map(repr, row)]) for day, row in zip(days, table.values.tolist(), strict=True)]
    file.write_text("\n".join(rows))
    return str(file)


@pytest.mark.parametrize(("assets", "aim"), [(100, 0.3), (400, 2.5)])
async def test_key_to_frontier(tmp_path: Path, assets: int, aim: float) -> None:
    """Each press steps the largest weight, so that nothing is known from before."""
    file = written(walks(assets, 1_001), tmp_path / "walks.csv")
    desk = FrozenDesk(tmp_path, [PortfolioPane])
    times: list[float] = []
    try:
        async with desk.app.run_test(size=(160, 48)) as pilot:
            await desk.ready(pilot)
            await desk.engine.portfolio.warm()
            pane = desk.app.workspace.panes["portfolio"]
            assert isinstance(pane, PortfolioPane)
            pane.focus()
            pane.form.put("universe", file)
            pane.session.refresh()
            await painted(desk, pane, None)
            pane.form.cursor = [field.key for field in pane.form.fields()].index("upper")
            for _ in range(6):
                before, begun = pane.session.frontier, time.perf_counter()
                pane.action_more()
                await painted(desk, pane, before)
                times.append(time.perf_counter() - begun)
            started = time.perf_counter()
            before = pane.session.frontier
            pane.action_less()
            await painted(desk, pane, before)
            known = time.perf_counter() - started
    finally:
        await desk.engine.close()
    print(f"\n{assets} assets: key to painted frontier, median {np.median(times):.2f} s, most {max(times):.2f} s "
          f"(aim: {aim:g} s); the same inputs again {1000 * known:.0f} ms")  # fmt: skip


async def painted(desk: FrozenDesk, pane: PortfolioPane, before: object) -> None:
    while pane.session.frontier is before or pane.session.frontier is None or len(pane.session.assets) < 5:
        await asyncio.sleep(0.002)
        desk.app.frame()
    desk.app.frame()
