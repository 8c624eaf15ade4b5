"""A drop-in pane that blocks the event loop on demand: for at least as many seconds as the file `block` in TWS_HOME
says, and until the file `release` is there (a loaded machine does what a test does meanwhile as slowly as it likes).

The file `blocked` appears when it begins, `woke` when it has ended.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from screens.pane import Pane

HOME = Path(os.environ["TWS_HOME"])


class SleepingPane(Pane):
    PANE = "sleeping"
    TITLE = "Sleeping"
    FOLLOWS = False

    def on_mount(self) -> None:
        self.watcher = asyncio.get_running_loop().create_task(self.watch())
        (HOME / "mounted").touch()

    async def watch(self) -> None:
        while True:
            await asyncio.sleep(0.02)
            try:
                seconds = float((HOME / "block").read_text())
            except (OSError, ValueError):
                continue
            (HOME / "block").unlink()
            (HOME / "blocked").touch()
            began = time.monotonic()
            while time.monotonic() < began + seconds or not (HOME / "release").exists():
                time.sleep(0.02)  # noqa: ASYNC251 - the fault itself
            (HOME / "woke").touch()
