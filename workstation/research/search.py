"""Search by Optuna: TPE, CMA-ES, NSGA-II or at random over a strategy's parameters, pruned, resumable, on any crew.

Optuna asks and is told in this process, in batches of one size whatever the crew; a sampler is seeded anew for each
batch by the search's seed and the batch's number. So the same search gives the same trials on one core, on many, and
when it is broken off and goes on from the store.
"""

from __future__ import annotations

import hashlib
import json
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import asdict, dataclass, field
from typing import Any

from workstation.domain.trade_rules import KEY
from workstation.market.candles import Candles
from workstation.research.costs import BacktestError, Costs
from workstation.research.crew import Crew, portions, received
from workstation.research.objectives import Objective
from workstation.research.search_store import SearchStore, Trial
from workstation.strategies.contract import SignalStrategy
from workstation.strategies.parameters import Bool, Choice, Float, Int, ParameterError, parameters_of

SAMPLERS = ("tpe", "cmaes", "nsga2", "random")
#: Trials that are asked for at once.
BATCH = 8
#: A pruned search looks at the objective after these percentages of the bars.
RUNGS = (25, 50)
#: Trials in which nothing is pruned yet.
_UNPRUNED = 16
_POPULATION = 24


@dataclass(frozen=True, eq=False)
class Plan:
    """All that decides a search. `make` is a `Recipe` or a class; `space` the values of each parameter that is searched
    (`space_of`); `name`, `source` say in the store whose search it is."""

    make: Callable[..., Any]
    candles: Candles
    costs: Costs
    space: Mapping[str, Sequence[Any]]
    objectives: Sequence[Objective]
    sampler: str = "tpe"
    seed: int = 0
    engine: str = "fast"
    pruned: bool = False
    name: str = ""
    source: str = ""
    fixed: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.sampler not in SAMPLERS:
            raise BacktestError(f"There is no sampler {self.sampler!r}: {', '.join(SAMPLERS)}.")
        if not self.objectives:
            raise BacktestError("A search needs an objective.")
        if not self.space:
            raise BacktestError("There is nothing to search: every parameter is fixed.")
        if self.sampler == "cmaes" and len(self.objectives) > 1:
            raise BacktestError("CMA-ES has one objective; several need --sampler nsga2 or tpe.")
        if self.pruned and len(self.objectives) > 1:
            raise BacktestError("Pruning needs one objective: of several none says which trial is hopeless.")

    def about(self) -> dict[str, Any]:
        """What decides the trials, as the store keeps it."""
        peer = self.candles.peer
        return {
            "strategy": self.name,
            "source": _digest(self.source),
            "candles": [self.candles.fingerprint(), peer.fingerprint() if peer is not None else ""],
            "costs": _costs_of(self.costs),
            "fixed": {name: repr(value) for name, value in sorted(self.fixed.items())},
            "parts": repr(getattr(self.make, "parts", "")),
            "space": {name: [repr(value) for value in values] for name, values in sorted(self.space.items())},
            "objectives": [[each.name, _digest(each.source)] for each in self.objectives],
            "sampler": self.sampler,
            "seed": self.seed,
            "engine": self.engine,
            "pruned": self.pruned,
        }

    def key(self) -> str:
        return _digest(json.dumps(self.about(), sort_keys=True))


def space_of(cls: type, fixed: Mapping[str, Any], wanted: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
    """The values that are searched: `wanted` where it names a parameter or a rule, else the whole range of every
    parameter that is not fixed; the direction only where it is wanted, and so what has a strategy trade its peer too
    (one run in the event engine takes the time of a whole search). Raises `ParameterError`."""
    known = parameters_of(cls)
    for name in wanted:
        if name not in known and not (name.startswith(KEY) and issubclass(cls, SignalStrategy)):
            raise ParameterError(f"There is no parameter {name!r}; there are {', '.join(known)}.")
    found: dict[str, list[Any]] = {name: list(wanted[name]) for name in wanted if name not in known}
    for name, parameter in known.items():
        if name in wanted:
            found[name] = list(wanted[name])
        elif name not in fixed and name != "direction" and isinstance(parameter, Int | Float | Choice | Bool):
            values = list(parameter.space())
            left = [one for one in values if isinstance(parameter, Int | Float) or not _hedges(cls, name, one)]
            if len(left) == len(values) or len(left) > 1:
                found[name] = left
    return found


def _hedges(cls: type, name: str, value: Any) -> bool:
    """Whether it is this value that has the strategy trade two instruments."""
    if not getattr(cls, "NEEDS_PEER", False):
        return False
    return bool(cls(**{name: value}).hedged) and not cls().hedged


class Search:
    """Runs a plan up to so many trials, those in the store included. `reused` counts the stored ones."""

    def __init__(self, plan: Plan, crew: Crew, store: SearchStore | None = None) -> None:
        self.plan, self._crew, self._store = plan, crew, store
        self._key, self._about = plan.key(), plan.about()
        self._optuna = _optuna()
        self._spaces = {name: self._distribution(values) for name, values in plan.space.items()}
        self._study = self._optuna.create_study(directions=["maximize"] * len(plan.objectives))
        self.trials: list[Trial] = []
        self._restore()
        self.reused = len(self.trials)

    def run(self, count: int, cancelled: Callable[[], bool] = lambda: False) -> Iterator[Trial]:
        """Trials as their batches are done, until there are `count` in all; what is done is in the store before it is
        given out. Ends when `cancelled` says so: the batch under way is dropped."""
        shipped = self._crew.ship(self.plan.candles)
        while len(self.trials) < count and not cancelled():
            batch = self._batch(shipped, min(BATCH, count - len(self.trials)), cancelled)
            if batch is None:
                return
            if self._store is not None:
                self._store.add(self._key, self._about, batch)
            for trial, _ in batch:
                self.trials.append(trial)
                yield trial

    @property
    def best(self) -> Trial | None:
        """The best by the first objective; None where nothing is known yet."""
        done = [each for each in self.trials if each.state == "done" and each.values[0] > -math.inf]
        return max(done, key=lambda each: (each.values[0], -each.number), default=None)

    @property
    def front(self) -> list[Trial]:
        """The trials that no other beats in every objective, best by the first one first."""
        done = [each for each in self.trials if each.state == "done" and min(each.values) > -math.inf]
        kept = [each for each in done if not any(_beats(other.values, each.values) for other in done)]
        first: dict[tuple[float, ...], Trial] = {}
        for each in kept:
            first.setdefault(each.values, each)
        return sorted(first.values(), key=lambda each: -each.values[0])

    # Optuna.

    def _sampler(self, number: int) -> Any:
        samplers, seed = self._optuna.samplers, (self.plan.seed * 1_000_003 + number) % 2**31
        match self.plan.sampler:
            case "tpe":
                return samplers.TPESampler(seed=seed, n_startup_trials=2 * BATCH, constant_liar=True)
            case "cmaes":
                return samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False)
            case "nsga2":
                return samplers.NSGAIISampler(seed=seed, population_size=_POPULATION)
            case _:
                return samplers.RandomSampler(seed=seed)

    def _distribution(self, values: Sequence[Any]) -> Any:
        """Numbers as their places in a row, so that samplers know what is near; words and switches as a choice."""
        kinds = self._optuna.distributions
        if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
            return kinds.IntDistribution(0, len(values) - 1)
        return kinds.CategoricalDistribution(list(values))

    def _value(self, name: str, drawn: Any) -> Any:
        """What the sampler means by what it has drawn."""
        return self.plan.space[name][drawn] if hasattr(self._spaces[name], "low") else drawn

    def _restore(self) -> None:
        stored = self._store.load(self._key) if self._store is not None else []
        states = self._optuna.trial.TrialState
        kinds = {"done": states.COMPLETE, "pruned": states.PRUNED, "failed": states.FAIL}
        for trial, memory in stored:
            values = list(trial.values) if trial.state == "done" else None
            if trial.state == "pruned":
                values = [trial.steps[max(trial.steps)]]
            self._study.add_trial(
                self._optuna.trial.create_trial(
                    state=kinds[trial.state],
                    values=values,
                    params=memory.pop("params"),
                    distributions=self._spaces,
                    system_attrs=memory,
                    intermediate_values=dict(trial.steps),
                )
            )
            self.trials.append(trial)

    def _batch(
        self, shipped: Any, count: int, cancelled: Callable[[], bool]
    ) -> list[tuple[Trial, dict[str, Any]]] | None:
        """Ask, run, tell. None if it was cancelled."""
        study = self._study
        study.sampler = self._sampler(len(self.trials))
        asked = [study.ask(self._spaces) for _ in range(count)]
        params = {trial.number: {n: self._value(n, v) for n, v in trial.params.items()} for trial in asked}
        steps: dict[int, dict[int, float]] = {number: {} for number in params}
        left, ended = list(params), dict[int, Trial]()
        for rung in (*RUNGS, 100) if self.plan.pruned else (100,):
            answers = self._evaluate(shipped, rung, [(number, params[number]) for number in left], cancelled)
            if answers is None:
                return None
            for number in list(left):
                figures, error = answers[number]
                told, known = params[number], {name: value for name, value in figures.items() if not math.isnan(value)}
                if error:
                    ended[number] = Trial(number, "failed", told, error=error)
                elif rung == 100:
                    values = tuple(objective(figures) for objective in self.plan.objectives)
                    ended[number] = Trial(number, "done", told, values, known, steps[number])
                elif math.isfinite(value := self.plan.objectives[0](figures)):
                    steps[number][rung] = value
                    trial = next(each for each in asked if each.number == number)
                    trial.report(value, rung)
                    if number >= _UNPRUNED and self._pruner.prune(study, study._storage.get_trial(trial._trial_id)):
                        ended[number] = Trial(number, "pruned", told, (), known, steps[number])
                if number in ended:
                    left.remove(number)
        return [self._tell(trial, ended[trial.number]) for trial in asked]

    @property
    def _pruner(self) -> Any:
        return self._optuna.pruners.MedianPruner(n_startup_trials=BATCH)

    def _tell(self, asked: Any, trial: Trial) -> tuple[Trial, dict[str, Any]]:
        states = self._optuna.trial.TrialState
        if trial.state == "done":
            told = self._study.tell(asked, list(trial.values))
        else:
            told = self._study.tell(asked, state=states.PRUNED if trial.state == "pruned" else states.FAIL)
        return trial, {**told.system_attrs, "params": told.params}

    # Runs.

    def _evaluate(
        self, shipped: Any, percent: int, wanted: list[tuple[int, dict[str, Any]]], cancelled: Callable[[], bool]
    ) -> dict[int, tuple[dict[str, float], str]] | None:
        plan, submit = self.plan, self._crew.executor.submit
        tasks: set[Future[list[tuple[int, dict[str, float], str]]]] = {
            submit(evaluate, plan.make, shipped, plan.costs, plan.engine, percent, part)
            for part in portions(wanted, self._crew.workers, BATCH)
        }
        found: dict[int, tuple[dict[str, float], str]] = {}
        try:
            while tasks:
                done, tasks = wait(tasks, timeout=0.2, return_when=FIRST_COMPLETED)
                for task in done:
                    found |= {number: (figures, error) for number, figures, error in task.result()}
                if tasks and cancelled():
                    return None
        finally:
            for task in tasks:
                task.cancel()
        return found


def evaluate(
    make: Callable[..., Any],
    shipped: Any,
    costs: Costs,
    engine: str,
    percent: int,
    wanted: Sequence[tuple[int, Mapping[str, Any]]],
) -> list[tuple[int, dict[str, float], str]]:
    """What one task does: the figures of some sets of parameters on the first `percent` of the bars, or why not."""
    from workstation.research.engine import engine as engine_of
    from workstation.research.sweep import run_one

    candles: Candles = received(shipped)
    if percent < 100:
        whole, bars = candles, max(2, len(candles) * percent // 100)
        candles = whole.memo.get(("first", bars), lambda: whole.slice(0, bars))
    answers = []
    for number, params in wanted:
        if engine == "fast":
            row = run_one(make, candles, number, params, costs)
            answers.append((number, row.metrics, row.error or ""))
            continue
        try:
            metrics = engine_of(engine).run(make(**params), candles, costs).metrics
        except (ParameterError, BacktestError) as error:
            answers.append((number, {}, str(error)))
        else:
            answers.append((number, {name: float(value) for name, value in metrics.items()}, ""))
    return answers


def _optuna() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import optuna
    except ImportError:
        raise BacktestError("A search needs Optuna, the extra 'research': pip install 'tws[research]'.") from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def _beats(a: Sequence[float], b: Sequence[float]) -> bool:
    return all(x >= y for x, y in zip(a, b, strict=True)) and any(x > y for x, y in zip(a, b, strict=True))


def _costs_of(costs: Costs) -> dict[str, Any]:
    from dataclasses import replace

    recorded = costs.recorded
    told = asdict(replace(costs, recorded=None))
    if recorded is not None:
        told["recorded"] = _digest(recorded.time.tobytes() + recorded.rate.tobytes())
    return told


def _digest(text: str | bytes) -> str:
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()[:16]
