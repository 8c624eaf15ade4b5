"""The kernel beside a bare numba loop, the sweep beside Backtest.optimize, in one run. No assertion on time.

Run with: uv run pytest -m benchmark tests/benchmarks/test_research_speed.py -s
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.connection import Connection
from statistics import median

import numpy as np
import pytest
from numba import njit

from tests.support.bars import random_walk
from workstation.market.candles import Candles, Memo
from workstation.research.crew import Crew, cluster, processes, threads
from workstation.research.engine import Costs, engine
from workstation.research.fast import Scratch, measure, simulate
from workstation.research.metrics import period_ends, periods_per_year
from workstation.research.recipe import Recipe
from workstation.research.shared_account import run_shared
from workstation.research.shared_candles import on_one_account
from workstation.research.summary import summarise
from workstation.research.sweep import Job, grid, run_part, sweep
from workstation.strategies.shipped.sma_cross import SmaCross

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(600)]

MINUTE = 60_000_000_000
COSTS = Costs(cash=100_000, fee=0.0005)


@pytest.fixture(scope="module")
def bars() -> Candles:
    return random_walk(100_000, seed=1, interval=MINUTE, step=0.0008)


@njit(nogil=True)
def bare(open_, close, fast, slow, cash, fee):  # type: ignore[no-untyped-def]
    """The least that is a backtest: two running sums, crossings, one position, one count."""
    sum_fast, sum_slow, units, trades, before, pending = 0.0, 0.0, 0.0, 0, 0.0, 0
    for i in range(len(close)):
        if pending == 1 and units == 0:
            units = cash / (open_[i] * (1 + fee))
            cash = 0.0
        elif pending == -1 and units > 0:
            cash = units * open_[i] * (1 - fee)
            units = 0.0
            trades += 1
        pending = 0
        sum_fast += close[i]
        sum_slow += close[i]
        if i >= fast:
            sum_fast -= close[i - fast]
        if i >= slow:
            sum_slow -= close[i - slow]
        if i >= slow - 1:
            now = sum_fast / fast - sum_slow / slow
            if i >= slow:
                if now > 0 and before <= 0:
                    pending = 1
                elif now < 0 and before >= 0:
                    pending = -1
            before = now
    if units > 0:
        cash = units * close[-1] * (1 - fee)
        trades += 1
    return cash, trades


def least(work: Callable[[], object], rounds: int = 25) -> float:
    """CPU seconds of the quickest of some rounds."""
    taken = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return min(taken)


def test_the_kernel_beside_a_bare_loop(bars: Candles) -> None:
    n, periods, ends = len(bars), periods_per_year(bars), period_ends(bars)
    strategy = SmaCross(fast=10, slow=30)

    def run(candles: Candles) -> object:
        whole, real, equity = simulate(strategy, candles, COSTS)
        return summarise(whole, real, equity, ends, periods, COSTS.cash)

    cash, trades = bare(bars.open, bars.close, 10, 30, COSTS.cash, COSTS.fee)
    run(bars)
    result = engine("fast").run(strategy, bars, COSTS)
    assert (len(result.trades), result.equity[-1]) == (trades, pytest.approx(cash, rel=1e-9))
    scratch = Scratch(n)
    told = scratch.terms(strategy, bars, COSTS)
    strategy.codes(bars, scratch.codes[0])

    def walk_only() -> object:
        return measure(bars, 1, told, scratch)

    walk_only()
    loop = least(lambda: bare(bars.open, bars.close, 10, 30, COSTS.cash, COSTS.fee), 60)
    inner = least(walk_only, 60)
    cold = least(lambda: run(replace(bars, memo=Memo())))
    warm = least(lambda: run(bars))
    report = least(lambda: engine("fast").run(strategy, bars, COSTS).metrics)
    print(f"\n{trades} trades on {n:,} bars, CPU ms (million bars a second):")
    for label, seconds in (
        ("bare numba loop", loop),
        ("kernel and trade statistics", inner),
        ("with signals, indicators kept", warm),
        ("with signals, indicators new, candles checked", cold),
        ("with the full metrics", report),
    ):
        print(f"  {label:46} {1e3 * seconds:8.3f}  ({n / seconds / 1e6:7.1f})  {seconds / loop:6.2f}× the loop")


def test_a_sweep_of_a_thousand_beside_optimize(bars: Candles) -> None:
    import resource

    from backtesting import Backtest, Strategy
    from backtesting.lib import crossover

    from workstation.research.backtesting_engine import frame

    combinations = _thousand()
    assert len(combinations) == 1_000
    list(sweep(SmaCross, bars.slice(0, 1_000), combinations[:20], COSTS))
    fresh = replace(bars, memo=Memo())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start, cpu = time.perf_counter(), time.process_time()
    first = None
    for _ in sweep(SmaCross, fresh, combinations, COSTS):
        first = first or time.perf_counter() - start
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    start1 = time.perf_counter()
    list(sweep(SmaCross, replace(bars, memo=Memo()), combinations, COSTS, workers=1))
    single = time.perf_counter() - start1

    def average(values: np.ndarray, length: int) -> np.ndarray:
        sums = np.cumsum(np.insert(values, 0, 0.0))
        return np.append(np.full(length - 1, np.nan), (sums[length:] - sums[:-length]) / length)

    class Cross(Strategy):  # type: ignore[misc]
        fast, slow = 10, 50

        def init(self) -> None:
            self.one = self.I(average, self.data.Close, self.fast)
            self.two = self.I(average, self.data.Close, self.slow)

        def next(self) -> None:
            if crossover(self.one, self.two):
                self.buy()
            elif crossover(self.two, self.one):
                self.position.close()

    tried = 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        test = Backtest(frame(bars), Cross, cash=COSTS.cash, commission=COSTS.fee)
        begin, begin_cpu = time.perf_counter(), time.process_time()
        for fast in (10, 20):
            test.run(fast=fast)
        theirs, theirs_cpu = (time.perf_counter() - begin) / tried, (time.process_time() - begin_cpu) / tried
    print(
        f"\n1,000 combinations: {wall:.2f} s ({cpu:.2f} CPU s), first rows after {1e3 * (first or 0):.0f} ms, "
        f"{grown:.0f} MB more, {before + 1024 * grown:,.0f} KB in all; one thread {single:.2f} s.\n"
        f"Backtest.run (what optimize does for each): {theirs:.2f} s ({theirs_cpu:.2f} CPU s) a combination: "
        f"{1_000 * theirs_cpu / cpu:,.0f}× the CPU time for 1,000."
    )


def test_a_sweep_beside_vectorbt(bars: Candles) -> None:
    """Only where vectorbt is installed: it is no dependency of the project (Commons Clause)."""
    vbt = pytest.importorskip("vectorbt")
    import pandas as pd

    index = pd.DatetimeIndex(bars.time.view("datetime64[ns]"))
    close, opened = pd.Series(bars.close, index=index), pd.Series(bars.open, index=index)
    pairs = [(fast, slow) for fast in range(5, 45) for slow in range(50, 175, 5)]

    def theirs(wanted: list[tuple[int, int]]) -> object:
        fast = vbt.MA.run(close, [pair[0] for pair in wanted])
        slow = vbt.MA.run(close, [pair[1] for pair in wanted])
        entries = fast.ma_crossed_above(slow).vbt.signals.fshift(1)
        exits = fast.ma_crossed_below(slow).vbt.signals.fshift(1)
        book = vbt.Portfolio.from_signals(
            close, entries, exits, price=opened, init_cash=COSTS.cash, fees=COSTS.fee, freq="1min"
        )
        return book.sharpe_ratio(), book.total_return(), book.max_drawdown(), book.trades.count()

    combinations = _thousand()
    theirs(pairs[:4])
    list(sweep(SmaCross, bars.slice(0, 1_000), combinations[:20], COSTS))
    start = time.process_time()
    theirs(pairs)
    peer = time.process_time() - start
    start = time.process_time()
    list(sweep(SmaCross, replace(bars, memo=Memo()), combinations, COSTS))
    ours = time.process_time() - start
    print(f"\n1,000 combinations, CPU s: {ours:.2f}, vectorbt {peer:.2f}: {peer / ours:.0f}×.")


def test_a_sweep_over_three_instruments_beside_one(bars: Candles) -> None:
    """300 combinations of three instruments on one account, of one instrument three times, and one event run."""
    import resource

    sets = {name: random_walk(100_000, seed=seed, interval=MINUTE, step=0.0008) for seed, name in enumerate("ABC", 1)}
    combinations = grid(SmaCross, {"fast": list(range(5, 35)), "slow": list(range(40, 90, 5))})
    series = on_one_account(sets)
    list(sweep(SmaCross, series.slice(0, 1_000), combinations[:20], COSTS))
    list(sweep(SmaCross, bars.slice(0, 1_000), combinations[:20], COSTS))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun, cpu = time.perf_counter(), time.process_time()
    rows = list(sweep(SmaCross, series, combinations, COSTS))
    seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    begun_alone, alone = time.perf_counter(), time.process_time()
    for one in sets.values():
        list(sweep(SmaCross, replace(one, memo=Memo()), combinations, COSTS))
    apart, alone = time.perf_counter() - begun_alone, time.process_time() - alone
    row = rows[0]
    begun_event = time.process_time()
    single = run_shared(lambda: SmaCross(**row.params), series, COSTS)
    event = time.process_time() - begun_event
    assert single.equity[-1] == row.metrics["final_equity"]
    print(
        f"\n{len(rows)} combinations of 3 × 100,000 bars on one account: {seconds:.2f} s, {len(rows) / seconds:,.0f} a "
        f"second, {cpu:.2f} s CPU, {grown:,.0f} MB more; three single instruments {apart:.2f} s, {alone:.2f} s CPU "
        f"({cpu / alone:.2f}×); the event engine {event:.2f} s CPU a run ({event / (cpu / len(rows)):,.0f}×)."
    )


def test_twice_the_workers(bars: Candles) -> None:
    """The same sweep with one worker and with two: threads and processes, and beside them what the machine gives: two
    bare processes that do half of it each and share nothing. In turns, and the medians count: hosts slow a core down by
    two fifths for seconds, and the least of a few times finds one core at its best sooner than two."""
    combinations, recipe = _thousand(), Recipe("sma_cross")
    with ExitStack() as stack:
        crews = {
            (name, workers): stack.enter_context(make(workers))
            for name, make in (("threads", threads), ("processes", processes))
            for workers in (1, 2)
        }
        halves = [stack.enter_context(_bare_process(Job(recipe, bars, combinations, COSTS))) for _ in range(2)]

        def bare_processes(workers: int) -> None:
            share = len(combinations) // workers
            for number in range(workers):
                halves[number].send((number * share, (number + 1) * share))
            for number in range(workers):
                halves[number].recv()

        ways: dict[str, Callable[[int], object]] = {"bare processes": bare_processes}
        for name in ("threads", "processes"):
            ways[name] = lambda workers, name=name: _swept(crews[name, workers], bars, combinations)  # type: ignore[misc]
        print(f"\n{len(combinations):,} combinations, wall s:")
        _print_turns(ways, rounds=9)


def test_twice_the_workers_of_a_local_dask_cluster(bars: Candles) -> None:
    """As above, beside tasks of a bare loop on the same cluster. One cluster at a time: client, scheduler and nannies
    have no core of their own here, and an idle cluster of two takes a fifth of a core for its own house-keeping; so it
    is shown as it comes and with that seldom done."""
    distributed = pytest.importorskip("distributed")
    import dask

    combinations = _thousand() * 4
    seldom = {
        "distributed.admin.tick.interval": "500ms",
        "distributed.worker.memory.monitor-interval": "2s",
        "distributed.worker.profile.enabled": False,
    }

    def loops(crew: Crew) -> None:
        left = [crew.executor.submit(_loops, 350) for _ in range(20)]
        assert all(future.result() for future in left)

    print(f"\n{len(combinations):,} combinations, wall s:")
    for label, settings in (("as it comes", {}), ("house-keeping seldom", seldom)):
        taken: dict[str, dict[int, list[float]]] = {"loops": {1: [], 2: []}, "sweep": {1: [], 2: []}}
        for workers in (1, 2):
            with (
                dask.config.set(settings),
                distributed.LocalCluster(
                    n_workers=workers, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, protocol="tcp"
                ) as local,
                cluster(local.scheduler_address) as crew,
            ):
                _swept(crew, bars, combinations[:512])
                loops(crew)
                for _ in range(3):
                    taken["sweep"][workers].append(_wall(lambda crew=crew: _swept(crew, bars, combinations)))  # type: ignore[misc]
                    taken["loops"][workers].append(_wall(lambda crew=crew: loops(crew)))  # type: ignore[misc]
        print(f"  Dask, {label}")
        for name, times in taken.items():
            _print_scaling(name, times)


def _thousand() -> list[dict[str, object]]:
    return grid(SmaCross, {"fast": list(range(5, 45)), "slow": list(range(50, 175, 5))})


def _swept(crew: Crew, bars: Candles, combinations: list[dict[str, object]]) -> None:
    rows = list(sweep(Recipe("sma_cross"), replace(bars, memo=Memo()), combinations, COSTS, crew=crew))
    assert len(rows) == len(combinations)


def _loops(times: int) -> bool:
    prices = random_walk(100_000, seed=1).close
    for slow in range(20, 20 + times):
        bare(prices, prices, 10, slow, COSTS.cash, COSTS.fee)
    return True


def _serve(job: Job, pipe: Connection) -> None:
    while (part := pipe.recv()) is not None:
        candles = replace(job.candles, memo=Memo())
        run_part(replace(job, candles=candles), *part)
        pipe.send(True)


@contextmanager
def _bare_process(job: Job) -> Iterator[Connection]:
    context = get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(job, there))
    process.start()
    try:
        yield here
    finally:
        here.send(None)
        process.join()


def _wall(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _print_turns(ways: Mapping[str, Callable[[int], object]], rounds: int) -> None:
    taken: dict[str, dict[int, list[float]]] = {name: {1: [], 2: []} for name in ways}
    for turn in range(rounds + 1):
        for name, way in ways.items():
            for workers in (1, 2):
                seconds = _wall(lambda: way(workers))  # noqa: B023
                if turn:  # the first one warms up
                    taken[name][workers].append(seconds)
    for name, times in taken.items():
        _print_scaling(name, times)


def _print_scaling(name: str, times: Mapping[int, list[float]]) -> None:
    one, two = median(times[1]), median(times[2])
    pairs = sorted(a / b for a, b in zip(times[1], times[2], strict=True))
    print(f"  {name:15} one {one:.2f}, two {two:.2f}: {one / two:.2f}× (turns {pairs[0]:.2f} to {pairs[-1]:.2f})")
