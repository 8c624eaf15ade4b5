"""The rebalances of strategies that hold weights: each has one at a time, and it ends with its strategy."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from workstation.domain.strategy_run import RunId
from workstation.log import DeskLog
from workstation.trading.core import TradingCore
from workstation.trading.errors import Refused
from workstation.trading.rebalancing.desk import RebalanceDesk
from workstation.trading.rebalancing.planning import holding


class RunRebalances:
    """`desk`: the desk's own rebalances, through which they go; without one nothing is held."""

    def __init__(self, core: TradingCore, log: DeskLog) -> None:
        self._core, self._log = core, log
        self.desk: RebalanceDesk | None = None

    async def hold(self, run_id: RunId, equity: Decimal, weights: Mapping[str, float], band: float) -> None:
        """Begin the rebalance that a strategy asks for; while its last one is under way nothing follows."""
        desk = self.desk
        if desk is None or any(one.origin == run_id for one in self._core.rebalances.active()):
            return
        wish = holding(run_id, equity, weights, band)
        try:
            found = desk.preview(wish)
            if found.proposal.trades:
                await desk.start(wish)
        except Refused as refused:
            self._log.warning("strategies", f"{run_id} could not rebalance: {refused}")

    async def end(self, run_id: RunId, reason: str) -> None:
        for rebalance in self._core.rebalances.active():
            if rebalance.origin == run_id and self.desk is not None:
                await self.desk.cancel(rebalance.rebalance_id, reason)
