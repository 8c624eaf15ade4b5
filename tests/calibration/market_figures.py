"""Figures of a market: one set of measures for recordings and for the simulation. All by name, in plain floats."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from workstation.domain.market import BookDelta, BookSnapshot, MarketEvent, Trade
from workstation.market.book import OrderBook

type Array = NDArray[np.float64]

DEPTHS = (1, 2, 5, 10, 20)  # bps
GRID = 0.1  # seconds between samples of the mid
SAME_ORDER = 1_000_000  # ns: prints of one side closer than this belong to one order


def autocorrelation(x: Array, lag: int) -> float:
    x = x - x.mean()
    return float((x[lag:] * x[:-lag]).mean() / (x * x).mean())


class Session:
    """One instrument's stream, reduced to arrays. Times are seconds, prices quote units, quantities base units."""

    def __init__(self, events: Iterable[MarketEvent], tick: float, lot: float) -> None:
        book = OrderBook("session")
        times: list[int] = []
        mids: list[float] = []
        spreads: list[int] = []
        changes: list[int] = []
        near: list[int] = []
        touch: list[int] = []
        depth: list[list[float]] = []
        levels: list[list[float]] = []
        prints: list[tuple[int, int, int]] = []
        for event in events:
            if isinstance(event, Trade):
                prints.append((event.ts, event.quantity, 1 if event.buyer_is_aggressor else -1))
                continue
            if isinstance(event, BookDelta) and book.mid is not None:
                reach = book.mid * 5e-4
                near.append(sum(abs(price - book.mid) <= reach for price, _ in event.bids + event.asks))
                changes.append(len(event.bids) + len(event.asks))
            if not isinstance(event, BookDelta | BookSnapshot):
                continue
            book.apply(event)
            if book.stale is not None or book.mid is None or book.spread is None or book.spread < 1:
                raise ValueError(f"the book is not whole at {event.ts}: {book.stale}")
            if isinstance(event, BookDelta):
                times.append(event.ts)
                mids.append(book.mid)
                spreads.append(book.spread)
                touch += [book.bid_levels(1)[0][1], book.ask_levels(1)[0][1]]
                if len(times) % 50 == 0:
                    within = [_within(book, bps) for bps in DEPTHS]
                    depth.append([quantity * lot for quantity, _ in within])
                    levels.append([count for _, count in within])
        self.times = np.array(times) / 1e9
        self.mids = np.array(mids) * tick
        self.spreads = np.array(spreads)
        self.changes = np.array(changes)
        self.near = np.array(near)
        self.touch = np.array(touch) * lot
        self.depth = np.median(depth, axis=0)
        self.levels = np.median(levels, axis=0)
        self.prints = np.array(prints, dtype=np.float64).reshape(-1, 3)
        self.prints[:, 0] /= 1e9
        self.prints[:, 1] *= lot
        self.seconds = float(self.times[-1] - self.times[0])

    def sampled(self, start: float, end: float, step: float) -> Array:
        """The mid on a grid of time."""
        grid = np.arange(start, end, step)
        return np.asarray(self.mids[np.searchsorted(self.times, grid, side="right") - 1])

    def counts(self, times: Array, step: float, weights: Array | None = None) -> Array:
        edges = np.arange(self.times[0], self.times[-1], step)
        return np.histogram(times, edges, weights=weights)[0].astype(np.float64)

    def figures(self) -> dict[str, float]:
        result = self._book() | self._orders() | self._moves()
        return {name: float(value) for name, value in result.items()}

    def _book(self) -> dict[str, float]:
        near = self.counts(self.times, 1.0, self.near.astype(np.float64))
        result = {
            "updates_per_s": len(self.times) / self.seconds,
            "levels_per_update_median": np.median(self.changes),
            "levels_per_update_mean": self.changes.mean(),
            "level_changes_cv": near.std() / near.mean(),
            "spread_one_tick": (self.spreads == 1).mean(),
            "touch_median": np.median(self.touch),
        }
        for bps, depth, levels in zip(DEPTHS, self.depth, self.levels, strict=True):
            result[f"depth_{bps}bps"] = depth
            result[f"levels_{bps}bps"] = levels
        return result

    def _orders(self) -> dict[str, float]:
        time, quantity, side = self.prints.T
        starts = np.concatenate(([True], (np.diff(time) > SAME_ORDER / 1e9) | (np.diff(side) != 0)))
        index = np.cumsum(starts) - 1
        sizes = np.bincount(index, weights=quantity)
        times, sides = time[starts], side[starts]
        counts = self.counts(times, 1.0)
        fast = self.counts(times, 0.1)
        gaps = np.diff(times)
        return {
            "trades_per_s": len(time) / self.seconds,
            "orders_per_s": len(times) / self.seconds,
            "prints_per_order": len(time) / len(times),
            "orders_gap_cv": gaps.std() / gaps.mean(),
            "orders_fano_100ms": fast.var() / fast.mean(),
            "orders_fano_1s": counts.var() / counts.mean(),
            "orders_ac_100ms": autocorrelation(fast, 1),
            "orders_ac_1s": autocorrelation(counts, 1),
            "order_median": np.median(sizes),
            "order_p90_to_median": np.percentile(sizes, 90) / np.median(sizes),
            "order_mean": sizes.mean(),
            "print_median": np.median(quantity),
            "print_p90": np.percentile(quantity, 90),
            "side_ac_1": autocorrelation(sides, 1),
            "side_ac_10": autocorrelation(sides, 10),
        }

    def _moves(self) -> dict[str, float]:
        mids = np.log(self.sampled(self.times[0], self.times[-1], GRID)) * 1e4
        moves = np.diff(mids)
        moves = moves[moves != 0]
        seconds = np.diff(mids[::10])
        return {
            "mid_moves_per_s": len(moves) / self.seconds,
            "mid_move_median_bps": np.median(np.abs(moves)),
            "mid_direction_ac": autocorrelation(np.sign(moves), 1),
            "sd_1s_bps": seconds.std(),
            "kurtosis_1s": ((seconds - seconds.mean()) ** 4).mean() / seconds.var() ** 2,
            "still_1s": (seconds == 0).mean(),
        }


def _within(book: OrderBook, bps: float) -> tuple[float, float]:
    """Mean over both sides of (lots, levels) within `bps` of the mid."""
    assert book.mid is not None
    low, high = book.mid * (1 - bps * 1e-4), book.mid * (1 + bps * 1e-4)
    lots = [q for p, q in book.bids.items() if p >= low] + [q for p, q in book.asks.items() if p <= high]
    return sum(lots) / 2, len(lots) / 2


def pair_figures(leader: Session, follower: Session) -> dict[str, float]:
    """How two books of one asset move together; `lead` is the correlation with the leader one sample earlier."""
    start = max(leader.times[0], follower.times[0])
    end = min(leader.times[-1], follower.times[-1])
    result = {}
    for name, step in (("100ms", 0.1), ("1s", 1.0), ("5s", 5.0)):
        a, b = (np.diff(np.log(session.sampled(start, end, step))) for session in (leader, follower))
        result[f"corr_{name}"] = np.corrcoef(a, b)[0, 1]
        if step == 0.1:
            result["lead_100ms"] = np.corrcoef(a[:-1], b[1:])[0, 1]
            result["trail_100ms"] = np.corrcoef(a[1:], b[:-1])[0, 1]
    basis = np.log(leader.sampled(start, end, 1.0) / follower.sampled(start, end, 1.0)) * 1e4
    result["basis_bps"] = basis.mean()
    result["basis_sd_bps"] = basis.std()
    return {name: float(value) for name, value in result.items()}


def candle_figures(closes: dict[str, Array]) -> dict[str, float]:
    """Of 5-minute closes by asset: scale, tails, clustering, correlation."""
    returns = {asset: np.diff(np.log(close)) * 1e4 for asset, close in closes.items()}
    result = {}
    for asset, r in returns.items():
        size = np.abs(r)
        result[f"{asset}.sd_5m_bps"] = r.std()
        result[f"{asset}.tail_5m"] = np.quantile(size, 0.99) / np.median(size)
        for name, lag in (("5m", 1), ("1h", 12), ("4h", 48)):
            result[f"{asset}.abs_ac_{name}"] = autocorrelation(size, lag)
        result[f"{asset}.ac_5m"] = autocorrelation(r, 1)
    names = list(returns)
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            result[f"{a}-{b}.corr_5m"] = np.corrcoef(returns[a], returns[b])[0, 1]
    return {name: float(value) for name, value in result.items()}
