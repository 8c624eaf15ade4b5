"""The demo market is what its docstring says it is, and so are the recordings."""

from __future__ import annotations

import pytest
from demo_calibration import recorded, simulated, stated
from recorded_sessions import BOOKS, DATA

ROWS = stated()


@pytest.fixture(scope="module")
def demo() -> dict[str, float]:
    return simulated()


def test_the_table_is_there():
    kinds = {row.name.split(".")[0] for row in ROWS}
    assert kinds == {"spot", "perp", "pair", "venues", "live", "history"}
    assert len(ROWS) >= 50


@pytest.mark.slow
def test_the_simulation_gives_the_stated_figures(demo):
    wrong = {r.name: (r.demo, demo[r.name]) for r in ROWS if demo[r.name] != pytest.approx(r.demo, rel=0.2, abs=0.03)}
    assert not wrong


@pytest.mark.slow
def test_the_simulation_stays_within_the_stated_distance_of_the_recordings(demo):
    far = {
        r.name: (r.recording, demo[r.name])
        for r in ROWS
        if abs(demo[r.name] - r.recording) > r.apart * abs(r.recording) * 1.02
    }
    assert not far


@pytest.mark.slow
@pytest.mark.skipif(not BOOKS.exists(), reason=f"the shared recordings are not at {DATA}")
def test_the_recordings_give_the_stated_figures():
    real = recorded()
    wrong = {r.name: (r.recording, real[r.name]) for r in ROWS if real[r.name] != pytest.approx(r.recording, rel=0.01)}
    assert not wrong
