"""A frozen desk with small panes, open in a pilot."""

from __future__ import annotations

from contextlib import asynccontextmanager

import demo_panes
import pytest

from screens.testing import FrozenDesk


@pytest.fixture
def open_desk(tmp_path):
    """`async with open_desk(size=…) as (desk, pilot)`: the desk is ready and painted."""

    @asynccontextmanager
    async def opened(size=(160, 48), panes=demo_panes.ALL, ready=True, **options):
        desk = FrozenDesk(tmp_path, panes, **options)
        try:
            async with desk.app.run_test(size=size) as pilot:
                if ready:
                    await desk.ready(pilot)
                yield desk, pilot
        finally:
            await desk.engine.close()

    return opened
