"""What every worker of the tests would work out for itself is worked out once among them, where nothing is kept yet.

Each begins at another place of the same list and keeps what it has found on the disk, as pytest and Hypothesis do
anyway: by the time that it comes to what another began with, that is found there.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from _pytest.assertion import rewrite
from hypothesis.internal import constants_ast
from hypothesis.internal.conjecture import providers

_ROOT = Path(__file__).parents[2]
_OURS = tuple(f"{_ROOT / part}/" for part in ("plugins", "screens", "workstation"))


def is_ours(file: str) -> bool:
    """Hypothesis itself resolves the path of each of three thousand modules to know whether it is one under test."""
    return file.startswith(_OURS)


def rewrite_in_shares(config: pytest.Config) -> None:
    """pytest's own code of the tests' asserts, which takes a fresh machine a minute when each worker makes it."""

    def one(file: Path) -> None:
        kept = rewrite.get_cache_dir(file) / f"{file.stem}{rewrite.PYC_TAIL}"
        if _source_hash(kept) == importlib.util.source_hash(file.read_bytes()):
            return
        source_hash, code = rewrite._rewrite_test(file, config)
        if rewrite.try_makedirs(kept.parent):
            rewrite._write_pyc(config.stash[rewrite.assertstate_key], code, source_hash, kept)

    _in_shares(config, Path(__file__).parent.parent.rglob("test_*.py"), str, one)


def _source_hash(kept: Path) -> bytes | None:
    """That of the source that kept code is of (PEP 552)."""
    try:
        with kept.open("rb") as file:
            return file.read(16)[8:]
    except OSError:
        return None


def constants_in_shares(config: pytest.Config) -> None:
    """The constants of the modules under test, of which Hypothesis makes examples."""
    constants_ast.is_local_module_file = providers.is_local_module_file = is_ours
    modules = {
        file: module
        for module in list(sys.modules.values())
        if (file := getattr(module, "__file__", None)) and is_ours(file)
    }
    _in_shares(config, modules, str, lambda file: constants_ast.constants_from_module(modules[file]))


def _in_shares[T](
    config: pytest.Config, things: Iterable[T], key: Callable[[T], str], do: Callable[[T], object]
) -> None:
    if (told := getattr(config, "workerinput", None)) is None:
        return  # one process: it does so on its way
    all_ = sorted(things, key=key)
    first = len(all_) * int(told["workerid"].removeprefix("gw")) // told["workercount"]
    for thing in all_[first:] + all_[:first]:
        do(thing)
