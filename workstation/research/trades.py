"""The trades of a backtest, by column and one by one."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from workstation.market.candles import Floats, Ints
from workstation.strategies.exits import Reason


@dataclass(frozen=True, slots=True)
class BacktestTrade:
    """One trade. `pnl` is net of fees and funding; `slippage` is what the fills cost against the market's prices."""

    entry_bar: int
    exit_bar: int
    entry_time: int
    exit_time: int
    side: str
    size: float
    entry_price: float
    exit_price: float
    pnl: float
    fees: float
    funding: float
    slippage: float
    tag: str


@dataclass(frozen=True, eq=False)
class Trades:
    """Trades by column, in order of their exits. `side` is 1 or −1, `reason` a `Reason`."""

    entry_bar: Ints
    exit_bar: Ints
    side: Ints
    reason: Ints
    size: Floats
    entry_price: Floats
    exit_price: Floats
    pnl: Floats
    fees: Floats
    funding: Floats
    slippage: Floats
    tags: tuple[str, ...] | None = None

    @classmethod
    def of(cls, whole: Ints, real: Floats, tags: tuple[str, ...] | None = None) -> Trades:
        """From the columns of the kernel: (n, 4) and (n, 7)."""
        entry_bar, exit_bar, side, reason = whole.T
        size, entry_price, exit_price, pnl, fees, funding, slippage = real.T
        return cls(entry_bar, exit_bar, side, reason, size, entry_price, exit_price, pnl, fees, funding, slippage, tags)

    def __len__(self) -> int:
        return len(self.pnl)

    @property
    def returns(self) -> Floats:
        """Net profit as a fraction of the entry's value."""
        return self.pnl / (self.size * self.entry_price)

    def tag(self, i: int) -> str:
        return self.tags[i] if self.tags is not None else Reason(int(self.reason[i])).name.lower()

    def only(self, rows: Any) -> Trades:
        """Those at the given places, in that order."""
        picked = {f.name: getattr(self, f.name)[rows] for f in fields(self) if f.name != "tags"}
        return Trades(**picked, tags=None if self.tags is None else tuple(self.tags[i] for i in rows))
