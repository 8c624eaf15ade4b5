"""Indicators on candles, each worked out once a parameter set. Arrays as long as the candles, NaN in the warm-up.

Those that the shipped strategies use are our own compiled loops, checked against pandas-ta; `ta` reaches the rest of
pandas-ta in its function form, with TA-Lib switched off so that a result does not depend on what else is installed;
`talib` reaches TA-Lib itself, where it is installed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from workstation.domain.spans import DAY
from workstation.market.candles import Bools, Candles, Floats, Ints
from workstation.strategies import indicator_loops as loops


class IndicatorError(Exception):
    """There is no such indicator, or it may not be used; the text says why."""


#: These read bars that are still to come (measured by truncating the data), so no decision may rest on them.
LOOKS_AHEAD = frozenset({"dpo", "ichimoku", "tos_stdevall", "zigzag"})


def source(candles: Candles, name: str = "close") -> Floats:
    """A column by name: open, high, low, close, volume, hl2, hlc3 or ohlc4."""
    match name:
        case "open" | "high" | "low" | "close" | "volume":
            column: Floats = getattr(candles, name)
            return column
        case "hl2":
            return candles.memo.get("hl2", lambda: (candles.high + candles.low) / 2)
        case "hlc3":
            return candles.memo.get("hlc3", lambda: (candles.high + candles.low + candles.close) / 3)
        case "ohlc4":
            return candles.memo.get("ohlc4", lambda: (candles.open + candles.high + candles.low + candles.close) / 4)
    raise IndicatorError(f"There is no column {name!r}.")


def sma(candles: Candles, length: int, of: str = "close") -> Floats:
    """Simple moving average."""
    return _kept(candles, ("sma", length, of), lambda: loops.rolling_mean(source(candles, of), length))


def ema(candles: Candles, length: int, of: str = "close") -> Floats:
    """Exponential moving average, α = 2 / (length + 1), begun with the mean of the first `length`."""
    return _kept(candles, ("ema", length, of), lambda: loops.smoothed(source(candles, of), length, 2 / (length + 1)))


def std(candles: Candles, length: int, of: str = "close") -> Floats:
    """Standard deviation (of the population, as in Bollinger's bands)."""
    return _kept(candles, ("std", length, of), lambda: loops.rolling_std(source(candles, of), length, 0))


def highest(candles: Candles, length: int, of: str = "high") -> Floats:
    """Highest of the last `length` bars, this one included."""
    return _kept(candles, ("highest", length, of), lambda: loops.rolling_extreme(source(candles, of), length, 1))


def lowest(candles: Candles, length: int, of: str = "low") -> Floats:
    """Lowest of the last `length` bars, this one included."""
    return _kept(candles, ("lowest", length, of), lambda: loops.rolling_extreme(source(candles, of), length, -1))


def rsi(candles: Candles, length: int) -> Floats:
    """Relative strength index (J. W. Wilder, New Concepts in Technical Trading Systems, 1978)."""
    return _kept(candles, ("rsi", length), lambda: loops.relative_strength(candles.close, length))


def true_range(candles: Candles) -> Floats:
    """Wilder's true range; NaN of the first bar."""
    return _kept(candles, ("tr",), lambda: loops.true_range(candles.high, candles.low, candles.close))


def atr(candles: Candles, length: int) -> Floats:
    """Average true range with Wilder's smoothing."""
    return _kept(candles, ("atr", length), lambda: loops.smoothed(true_range(candles), length, 1 / length))


def bollinger(candles: Candles, length: int, width: float) -> tuple[Floats, Floats, Floats]:
    """Lower, middle, upper band (J. Bollinger, Bollinger on Bollinger Bands, 2001)."""
    middle, spread = sma(candles, length), std(candles, length)
    return middle - width * spread, middle, middle + width * spread


def keltner(candles: Candles, length: int, width: float) -> tuple[Floats, Floats, Floats]:
    """Lower, middle, upper channel: EMA ± width · ATR (L. Raschke's form of C. Keltner's)."""
    middle, spread = ema(candles, length), atr(candles, length)
    return middle - width * spread, middle, middle + width * spread


def macd(candles: Candles, fast: int, slow: int, signal: int) -> tuple[Floats, Floats]:
    """The line EMA(fast) − EMA(slow) and its signal line (G. Appel)."""

    def work() -> tuple[Floats, Floats]:
        line = ema(candles, fast) - ema(candles, slow)
        return line, loops.smoothed(line, signal, 2 / (signal + 1))

    return candles.memo.get(("macd", fast, slow, signal), work)


def adx(candles: Candles, length: int) -> tuple[Floats, Floats, Floats]:
    """ADX, +DI and −DI (Wilder, 1978)."""

    def work() -> tuple[Floats, Floats, Floats]:
        plus, minus = loops.directional_moves(candles.high, candles.low)
        spread = atr(candles, length)
        with np.errstate(divide="ignore", invalid="ignore"):
            up = 100 * loops.smoothed(plus, length, 1 / length) / spread
            down = 100 * loops.smoothed(minus, length, 1 / length) / spread
            index = 100 * np.abs(up - down) / (up + down)
        return loops.smoothed(_filled(index), length, 1 / length), up, down

    return candles.memo.get(("adx", length), work)


def supertrend(candles: Candles, length: int, factor: float) -> tuple[Floats, Floats]:
    """The line and its direction, 1 or −1 (O. Seban)."""

    def work() -> tuple[Floats, Floats]:
        line, side = loops.supertrend_walk(candles.high, candles.low, candles.close, atr(candles, length), factor)
        return line, side

    return candles.memo.get(("supertrend", length, factor), work)


def session_vwap(candles: Candles) -> tuple[Floats, Floats]:
    """Volume-weighted average of hlc3 since 00:00 UTC and its weighted standard deviation."""

    def work() -> tuple[Floats, Floats]:
        mean, spread = loops.session_mean(source(candles, "hlc3"), candles.volume, candles.time // DAY)
        return mean, spread

    return candles.memo.get("vwap", work)


def momentum(candles: Candles, length: int) -> Floats:
    """Return of the last `length` bars, as a fraction."""

    def work() -> Floats:
        out = np.full(len(candles), np.nan)
        if len(candles) > length:
            out[length:] = candles.close[length:] / candles.close[:-length] - 1
        return out

    return candles.memo.get(("momentum", length), work)


def returns(candles: Candles) -> Floats:
    """Return of each bar's close on the one before; NaN of the first."""
    return momentum(candles, 1)


def volatility(candles: Candles, length: int) -> Floats:
    """Standard deviation (sample) of the last `length` bar returns, annualised by the candles' own interval."""

    def work() -> Floats:
        out = np.full(len(candles), np.nan)
        out[1:] = loops.rolling_std(returns(candles)[1:], length, 1)
        return out * float(np.sqrt(365.25 * DAY / max(candles.interval, 1)))

    return candles.memo.get(("volatility", length), work)


def quantile(candles: Candles, length: int, share: float) -> Floats:
    """Quantile (linear between two values) of the last `length` bar returns; a historical VaR is minus this at 0.05."""

    def work() -> Floats:
        out = np.full(len(candles), np.nan)
        out[1:] = loops.rolling_quantile(returns(candles)[1:], length, share)
        return out

    return candles.memo.get(("quantile", length, share), work)


def bar_strength(candles: Candles) -> Floats:
    """Internal bar strength (close − low) / (high − low); 0.5 of a bar without range."""

    def work() -> Floats:
        spread = candles.high - candles.low
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(spread > 0, (candles.close - candles.low) / spread, 0.5)

    return candles.memo.get("ibs", work)


def cointegration(candles: Candles, length: int) -> tuple[Floats, Floats, Floats]:
    """Of log closes on those of the peer, rolling: the residual in deviations, the hedge ratio, and Engle and Granger's
    statistic."""
    if candles.peer is None:
        raise IndicatorError("Cointegration needs the candles of a second instrument.")
    y, x = np.log(candles.close), np.log(candles.peer.close)

    def work() -> tuple[Floats, Floats, Floats]:
        distance, slope, statistic = loops.rolling_line(y, x, length)
        return distance, slope, statistic

    return candles.memo.get(("cointegration", length), work)


def resample(candles: Candles, bars: int) -> tuple[Candles, Ints]:
    """Candles of `bars` of these, on whole multiples of UTC time, and for each bar the last higher candle that is
    CLOSED by its close (−1 for none yet). A higher candle closes when the interval after its last bar begins."""

    def work() -> tuple[Candles, Ints]:
        span = max(candles.interval, 1) * bars
        group = candles.time // span
        first = np.flatnonzero(np.append(True, np.diff(group) != 0))
        last = np.append(first[1:], len(candles)) - 1
        higher = Candles(
            time=group[first] * span,
            open=candles.open[first],
            high=np.maximum.reduceat(candles.high, first),
            low=np.minimum.reduceat(candles.low, first),
            close=candles.close[last],
            volume=np.add.reduceat(candles.volume, first),
            name=candles.name,
        )
        closed = np.searchsorted(higher.time + span, candles.time + max(candles.interval, 1), side="right") - 1
        return higher, closed

    return candles.memo.get(("resample", bars), work)


def crossed(a: Floats, b: Floats | float) -> tuple[Bools, Bools]:
    """`crossed_above` and `crossed_below`, in half the time of the two."""
    found: tuple[Bools, Bools] = (
        loops.crossings(a, b) if isinstance(b, np.ndarray) else loops.level_crossings(a, float(b))
    )
    return found


def crossed_above(a: Floats, b: Floats | float) -> Bools:
    """Above now, and known not to be above one bar before."""
    return crossed(a, b)[0]


def crossed_below(a: Floats, b: Floats | float) -> Bools:
    """Below now, and known not to be below one bar before."""
    return crossed(a, b)[1]


def ta(candles: Candles, name: str, **arguments: Any) -> tuple[Floats, ...]:
    """An indicator of pandas-ta by its function's name, its columns as arrays. Raises `IndicatorError`.

    Refused: what reads later bars. `cci` and `wcp` are ours (pandas-ta's are wrong without TA-Lib), `supertrend` too
    (theirs takes seconds).
    """
    key = ("ta", name, *sorted(arguments.items()))
    return candles.memo.get(key, lambda: _pandas_ta(candles, name, arguments))


def _pandas_ta(candles: Candles, name: str, arguments: dict[str, Any]) -> tuple[Floats, ...]:
    import inspect
    import warnings

    if name in LOOKS_AHEAD:
        raise IndicatorError(f"{name} reads bars that are still to come: no decision may rest on it.")
    if own := _OWN.get(name):
        return own(candles, **arguments)
    import pandas as pd

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pandas_ta

        function = getattr(pandas_ta, name, None)
        if not inspect.isfunction(function):
            raise IndicatorError(f"pandas-ta has no indicator {name!r}.")
        index = pd.DatetimeIndex(candles.time.view("datetime64[ns]"))
        wanted = inspect.signature(function).parameters
        columns = {
            column: pd.Series(getattr(candles, column), index)
            for column in ("open", "high", "low", "close", "volume")
            if (f"{column}_" if column == "open" else column) in wanted
        }
        named = {f"{name}_" if name == "open" else name: series for name, series in columns.items()}
        result = function(**named, **arguments, **({"talib": False} if "talib" in wanted else {}))
    if result is None:
        raise IndicatorError(f"{name} needs more bars than the {len(candles):,} there are.")
    parts = result if isinstance(result, tuple) else (result,)
    frames = [part.to_frame() if isinstance(part, pd.Series) else part for part in parts if part is not None]
    return tuple(frame[column].to_numpy(dtype=np.float64) for frame in frames for column in frame.columns)


def talib(candles: Candles, name: str, **arguments: Any) -> tuple[Floats, ...]:
    """An indicator of TA-Lib by its function's name ("RSI", timeperiod=14), its outputs as arrays. Raises
    `IndicatorError` where TA-Lib is not installed or does not have it."""
    key = ("talib", name.upper(), *sorted(arguments.items()))
    return candles.memo.get(key, lambda: _talib(candles, name.upper(), arguments))


def _talib(candles: Candles, name: str, arguments: dict[str, Any]) -> tuple[Floats, ...]:
    import importlib

    try:
        abstract: Any = importlib.import_module("talib.abstract")
    except ImportError:
        raise IndicatorError(
            f"{name} is an indicator of TA-Lib, which is not installed (pip install TA-Lib)."
        ) from None
    inputs = {column: getattr(candles, column) for column in ("open", "high", "low", "close", "volume")}
    try:
        found = abstract.Function(name)(inputs, **arguments)
    except Exception as error:  # its errors are plain ones of many kinds
        raise IndicatorError(f"TA-Lib cannot work out {name}: {error}") from error
    parts = found if isinstance(found, list | tuple) else [found]
    return tuple(np.asarray(part, dtype=np.float64) for part in parts)


def _cci(candles: Candles, length: int = 14, c: float = 0.015) -> tuple[Floats, ...]:
    """Commodity channel index (D. Lambert, 1980): (price − mean) / (c · mean absolute deviation) of hlc3."""
    price = source(candles, "hlc3")
    out = np.full(len(candles), np.nan)
    if len(price) >= length:
        windows = np.lib.stride_tricks.sliding_window_view(price, length)
        mean = windows.mean(axis=1)
        spread = np.abs(windows - mean[:, None]).mean(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            out[length - 1 :] = (price[length - 1 :] - mean) / (c * spread)
    return (out,)


def _wcp(candles: Candles) -> tuple[Floats, ...]:
    """Weighted closing price (high + low + 2 close) / 4."""
    return ((candles.high + candles.low + 2 * candles.close) / 4,)


def _supertrend(candles: Candles, length: int = 7, multiplier: float = 3.0) -> tuple[Floats, ...]:
    return supertrend(candles, length, multiplier)


_OWN: dict[str, Callable[..., tuple[Floats, ...]]] = {"cci": _cci, "wcp": _wcp, "supertrend": _supertrend}


def _kept(candles: Candles, key: tuple[object, ...], work: Callable[[], Floats]) -> Floats:
    return candles.memo.get(key, work)


def _filled(values: Floats) -> Floats:
    """Bars without any movement (0 / 0) count as no trend, so that a smoothing does not end there."""
    known = np.flatnonzero(~np.isnan(values))
    if len(known) == 0:
        return values
    out = values.copy()
    out[known[0] :] = np.nan_to_num(out[known[0] :])
    return out
