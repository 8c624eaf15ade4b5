"""What the desk asks of the research process and what it answers: plain values, so that the desk loads no numpy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


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


@dataclass(frozen=True, slots=True)
class Offer:
    strategies: tuple[StrategyChoice, ...]
    candles: tuple[CandleChoice, ...]


@dataclass(frozen=True, slots=True)
class Setup:
    """All that decides a result. Fractions, as in `Costs`."""

    strategy: str
    candles: str
    params: dict[str, Any] = field(default_factory=dict)
    engine: str = "fast"
    cash: float = 10_000.0
    fee: float = 0.001
    slippage: float = 0.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class ListRequest:
    """What can be picked; strategy files are read again."""


@dataclass(frozen=True, slots=True)
class RunRequest:
    """One backtest, pictured in `width` columns; bars `first` … `last` − 1, all of them where `last` is 0."""

    setup: Setup
    width: int
    first: int = 0
    last: int = 0


@dataclass(frozen=True, slots=True)
class PictureRequest:
    """Another stretch of the run that was made last."""

    width: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Picture:
    """Bars `first` … `last` − 1 in columns. Lines have one point for each half column: the account, buying and holding
    from the first bar of all, and the drawdown (fractions, 0 or less). `marks`: bits 1 a long is entered in the column,
    2 left, 4 a short is entered, 8 left. `starts`: the first bar of each column, `times` its UTC ns."""

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


@dataclass(frozen=True, slots=True)
class TradeColumns:
    """Trades in order of their exits, each column packed: "q" for bars and times, "d" for the others."""

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
class Verdict:
    """A judgement in words. `level`: "good", "warning", "bad" or "unknown"; `head` is one or two words."""

    level: str
    head: str
    text: str


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
    steps: tuple[WalkStep, ...]
    verdict: Verdict


type Request = ListRequest | RunRequest | PictureRequest | SweepRequest | JudgeRequest | WalkRequest
#: Requests that take long: they have a thread of their own in the process, so that a run never waits for them.
LONG = (SweepRequest, JudgeRequest, WalkRequest)
