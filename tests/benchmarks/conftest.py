"""What a benchmark writes goes to the disk: tests write to memory where there is enough of it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tws-benchmark-", dir=tempfile.gettempdir()) as folder:
        yield Path(folder)
