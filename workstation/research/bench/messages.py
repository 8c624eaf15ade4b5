"""What the desk asks of the research process and what it answers: plain values, so that the desk loads no numpy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from workstation.domain.trade_rules import PLAIN, TradeRules
from workstation.research.bench.setup import Setup
from workstation.research.verdicts import Verdict


class BenchError(Exception):
    """The research process refused or failed; the text is a sentence for the trader."""


@dataclass(frozen=True, slots=True)
class CandleChoice:
    """Candles that can be picked: `spec` names them, `rows` is 0 where it is not known yet."""

    spec: str
    title: str
    kind: str
    timeframe: str = ""
    rows: int = 0


@dataclass(frozen=True, slots=True)
class ParameterSpec:
    """One parameter as the form shows it; `low` … `high` are None where the strategy declares no range."""

    name: str
    kind: str  # "int", "float", "choice", "bool", "text"
    default: Any
    low: float | None = None
    high: float | None = None
    step: float = 1.0
    choices: tuple[str, ...] = ()
    help: str = ""


@dataclass(frozen=True, slots=True)
class StrategyChoice:
    """A strategy that was found, or in `error` why it cannot be used. `native`: written for backtesting.py."""

    name: str
    title: str
    source: str
    doc: str
    error: str | None
    native: bool
    sweeps: bool
    parameters: tuple[ParameterSpec, ...]
    rules: TradeRules = PLAIN  # its own sizes, exits and protections, every one
    pair: bool = False  # whether it needs a second instrument
    further: tuple[str, ...] = ()  # what it calls the instruments that it needs beside its first


@dataclass(frozen=True, slots=True)
class Offer:
    strategies: tuple[StrategyChoice, ...]
    candles: tuple[CandleChoice, ...]


@dataclass(frozen=True, slots=True)
class ListRequest:
    """What can be picked; strategy files are read again."""


@dataclass(frozen=True, slots=True)
class RunRequest:
    """One backtest, pictured in `width` columns; bars `first` … `last` − 1, all of them where `last` is 0. Of several
    instruments the prices are those of number `instrument`."""

    setup: Setup
    width: int
    first: int = 0
    last: int = 0
    instrument: int = 0


@dataclass(frozen=True, slots=True)
class PictureRequest:
    """Another stretch of the run that was made last, or another of its instruments."""

    width: int
    first: int
    last: int
    instrument: int = 0


@dataclass(frozen=True, slots=True)
class Picture:
    """Bars `first` … `last` − 1 in columns. Lines have one point for each half column: the account, buying and holding
    from the first bar of all, and the drawdown (fractions, 0 or less). `marks`: bits 1 a long is entered in the column,
    2 left, 4 a short is entered, 8 left. `starts`: the first bar of each column, `times` its UTC ns. Prices
    and marks are those of `instrument`; NaN where it has no price yet."""

    first: int
    last: int
    opens: list[float]
    highs: list[float]
    lows: list[float]
    closes: list[float]
    marks: list[int]
    starts: list[int]
    times: list[int]
    equity: list[float]
    hold: list[float]
    drawdown: list[float]
    instrument: int = 0


@dataclass(frozen=True, slots=True)
class TradeColumns:
    """Trades in order of their exits, each column packed: "q" for bars and times, "d" for the others. `instrument`: the
    number of each one's; nothing of a run on one."""

    count: int
    entry_bar: bytes
    exit_bar: bytes
    entry_time: bytes
    exit_time: bytes
    side: bytes
    size: bytes
    entry_price: bytes
    exit_price: bytes
    pnl: bytes
    fees: bytes
    gain: bytes
    tags: tuple[str, ...]
    instrument: bytes = b""


@dataclass(frozen=True, slots=True)
class RunAnswer:
    """A finished run. `digest` names every number of the result, `fingerprint` the candles, `code` the program and
    the strategy's source: the same three give the same digits."""

    setup: Setup
    title: str
    bars: int
    start: int
    end: int
    interval: int
    metrics: dict[str, Any]
    months: dict[int, dict[int, float]]
    trades: TradeColumns
    picture: Picture
    fingerprint: str
    digest: str
    code: str
    seconds: float
    ratio: float  # the Sharpe ratio of one period
    instruments: tuple[str, ...] = ()  # of several on one account
    odd: tuple[str, ...] = ()  # what is odd about the candles (gaps, jumps, bars that stand still), in sentences


@dataclass(frozen=True, slots=True)
class SweepRequest:
    """Every combination of two parameters around `setup`."""

    setup: Setup
    across: str
    across_values: tuple[Any, ...]
    down: str
    down_values: tuple[Any, ...]
    rank: str = "sharpe"


@dataclass(frozen=True, slots=True)
class SweepCells:
    """Cells that are done: (row × columns + column, figures by name or a sentence)."""

    cells: tuple[tuple[int, dict[str, float] | str], ...]


@dataclass(frozen=True, slots=True)
class SweepAnswer:
    """`ratios`: the Sharpe ratio of one period of every combination that ran, by its cell."""

    best: int | None
    seconds: float
    verdicts: tuple[Verdict, ...]
    ratios: dict[int, float]


@dataclass(frozen=True, slots=True)
class JudgeRequest:
    """How much of a run is luck: `trials` are the per-period Sharpe ratios of everything else that was tried."""

    setup: Setup
    trials: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class FanLines:
    """Quantiles of the equity over the steps of many simulated runs, thinned out; one line for each of `bands`."""

    title: str
    bands: tuple[float, ...]
    lines: tuple[tuple[float, ...], ...]
    loss_probability: float
    drawdown_95: float
    runs: int


@dataclass(frozen=True, slots=True)
class JudgeAnswer:
    verdicts: tuple[Verdict, ...]
    fans: tuple[FanLines, ...]


@dataclass(frozen=True, slots=True)
class WalkRequest:
    """Walk-forward over the combinations of two parameters."""

    sweep: SweepRequest
    folds: int = 6
    anchored: bool = False


@dataclass(frozen=True, slots=True)
class WalkStep:
    """One fold: `split` … `end` are the UTC ns of its test bars."""

    number: int
    of: int
    split: int
    end: int
    params: dict[str, Any] | None
    inside: float
    outside: float
    equity: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class WalkAnswer:
    """`held_out`: the judgement of one choice on the first part of the bars, traded on the rest. `curve`: the account
    out of sample, evenly over its bars; `lines`: over the same bars where 5, 25, 50, 75 and 95 % of all combinations
    stood, each kept unchanged; `begins`: where each window begins, as a share of the bars; `beaten`: the share of the
    combinations that ended below the account."""

    steps: tuple[WalkStep, ...]
    verdict: Verdict
    held_out: Verdict | None = None
    curve: tuple[float, ...] = ()
    lines: tuple[tuple[float, ...], ...] = ()
    begins: tuple[float, ...] = ()
    beaten: float = 0.0
    field: int = 0  # combinations that could be run


@dataclass(frozen=True, slots=True)
class SplitRequest:
    """The trades of the run that was made last, in groups."""


@dataclass(frozen=True, slots=True)
class SplitGroup:
    """Trades that have something in common: what, their figures by name, their profit."""

    key: str
    figures: dict[str, float]
    profit: float


@dataclass(frozen=True, slots=True)
class SplitAnswer:
    """Groups by "tag", "side", "weekday" and "hour" (UTC, of the entry); of several instruments by "instrument" too."""

    groups: dict[str, tuple[SplitGroup, ...]]


@dataclass(frozen=True, slots=True)
class BandRequest:
    """The same run under every belief about what happened inside the bars; curves thinned out to `width` points."""

    setup: Setup
    width: int = 200


@dataclass(frozen=True, slots=True)
class BandPath:
    """One belief and what comes of it."""

    name: str
    figures: dict[str, float]
    equity: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class BandTrade:
    """A position that ends differently: for each path (exit time, exit price, profit, why), None where it has none."""

    entry_time: int
    side: str
    ends: tuple[tuple[int, float, float, str] | None, ...]


@dataclass(frozen=True, slots=True)
class BandAnswer:
    """`count` trades differ; the first of them are `trades`. `width`: the returns' spread in percentage points."""

    paths: tuple[BandPath, ...]
    trades: tuple[BandTrade, ...]
    count: int
    width: float
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A search by Optuna over the whole range of every parameter of the strategy but its direction; it goes on where
    the same one was left.

    `trials` in all; more than one objective needs the sampler "nsga2" or "tpe". `wanted`: the values of what is moved
    besides, by name: rules by their keys, the direction. `kept`: the parameters that are not moved.
    """

    setup: Setup
    objectives: tuple[str, ...] = ("sharpe",)
    sampler: str = "tpe"
    trials: int = 200
    pruned: bool = False
    wanted: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    kept: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SearchTrial:
    """One set of parameters that was tried; `state` is done, pruned or failed, `values` one number an objective."""

    number: int
    state: str
    params: dict[str, Any]
    values: tuple[float, ...]
    figures: dict[str, float]
    error: str = ""


@dataclass(frozen=True, slots=True)
class SearchTrials:
    """Trials that are done. `best` is the number of the best so far, `reused` how many were stored before."""

    trials: tuple[SearchTrial, ...]
    best: int | None
    reused: int


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """`front`: the numbers of the trials that no other beats in every objective. `ratios`: Sharpe ratios of one period
    by trial."""

    best: int | None
    front: tuple[int, ...]
    seconds: float
    ratios: dict[int, float]
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """Write the run of `setup` into `path`: "html" (a tearsheet), "plot" (backtesting.py's interactive chart), "json"
    (everything) or "csv" (the trades); the answer is the path."""

    setup: Setup
    form: str
    path: str


type Request = (
    ListRequest
    | RunRequest
    | PictureRequest
    | SplitRequest
    | SweepRequest
    | JudgeRequest
    | WalkRequest
    | BandRequest
    | SearchRequest
    | ReportRequest
)
#: Requests that take long: they have a thread of their own in the process, so that a run never waits for them.
LONG = (SweepRequest, JudgeRequest, WalkRequest, BandRequest, SearchRequest, ReportRequest)
