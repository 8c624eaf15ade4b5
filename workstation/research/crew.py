"""Who does the work of sweeps and searches: threads, processes or a Dask cluster, all as `concurrent.futures.Executor`.

The same tasks run on each. What many tasks share (the candles, above all) is shipped once and named in each task.
"""

from __future__ import annotations

import os
import pickle
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workstation.research.costs import BacktestError

#: Shipped objects that a process keeps.
_KEPT = 4
_unpacked: OrderedDict[str, Any] = OrderedDict()


@dataclass(frozen=True, slots=True)
class Shipped:
    """Stands in a task for an object that lies in a file; see `received`."""

    path: str


def _as_it_is(thing: Any) -> Any:
    return thing


@dataclass(frozen=True, slots=True)
class Crew:
    """An executor, how many tasks it does at once, and how what many tasks share gets to it."""

    executor: Executor
    workers: int
    ship: Callable[[Any], Any] = _as_it_is
    threads: bool = False  # whether tasks share the caller's memory
    worth: float = 0.01  # seconds that a task should last, for its way to be worth it


def received(thing: Any) -> Any:
    """What was shipped, in the process that does the task."""
    if not isinstance(thing, Shipped):
        return thing
    if thing.path not in _unpacked:
        _unpacked[thing.path] = pickle.loads(Path(thing.path).read_bytes())
        while len(_unpacked) > _KEPT:
            _unpacked.popitem(last=False)
    _unpacked.move_to_end(thing.path)
    return _unpacked[thing.path]


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def threads(count: int | None = None) -> Iterator[Crew]:
    """The kernel holds no lock: for signals that are numpy and compiled code threads use all cores."""
    workers = count or cores()
    with ThreadPoolExecutor(workers, thread_name_prefix="research") as pool:
        yield Crew(pool, workers, threads=True)


@contextmanager
def processes(count: int | None = None) -> Iterator[Crew]:
    """For strategies whose own code is Python: each process has an interpreter of its own."""
    from multiprocessing import get_context

    workers = count or cores()
    with (
        tempfile.TemporaryDirectory(prefix="tws-") as folder,
        ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool,
    ):

        def ship(thing: Any) -> Shipped:
            handle, path = tempfile.mkstemp(dir=folder)
            with os.fdopen(handle, "wb") as file:
                pickle.dump(thing, file, protocol=pickle.HIGHEST_PROTOCOL)
            return Shipped(path)

        yield Crew(pool, workers, ship)


@contextmanager
def cluster(address: str) -> Iterator[Crew]:
    """The workers of a Dask cluster, which need this version of tws and the files of drop-in strategies at the same
    places. Raises `BacktestError` where there is no such cluster, or `distributed` is not installed."""
    try:
        import distributed
    except ImportError:
        raise BacktestError("A Dask cluster needs the extra 'distributed': pip install 'tws[distributed]'.") from None
    try:
        connect: Any = distributed.Client
        client = connect(address, timeout="10s", set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise BacktestError(f"No Dask cluster answers at {address} ({type(error).__name__}).") from None
    try:
        workers: int = sum(client.nthreads().values())
        if not workers:
            raise BacktestError(f"The cluster at {address} has no workers.")
        # A future among the arguments of a task is filled in on the worker. Not pure: else every task's arguments are
        # hashed here, and the same work twice is done once, which no other crew does.
        executor = client.get_executor(pure=False)
        # Client, scheduler and worker are busy with each task for some 10 ms of a core that workers could use.
        yield Crew(executor, workers, lambda thing: client.scatter(thing, broadcast=True, hash=False), worth=0.05)
    finally:
        client.close()


@contextmanager
def crew_of(workers: int | None, by_processes: bool, address: str | None) -> Iterator[Crew]:
    """As the command line asks for it."""
    if address is not None:
        with cluster(address) as crew:
            yield crew
    elif by_processes:
        with processes(workers) as crew:
            yield crew
    else:
        with threads(workers) as crew:
            yield crew


def portions[T](items: Sequence[T], workers: int, most: int) -> list[Sequence[T]]:
    """The items in tasks: at least one for each worker, none with more than `most`."""
    size = max(1, min(most, -(-len(items) // max(workers, 1))))
    return [items[i : i + size] for i in range(0, len(items), size)]
