"""What the store of a desk keeps beside its journal: settings, equity over time, sessions, backtests."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from workstation.desk_view import DeskView
from workstation.domain.events import AccountEvent, OrderEvent
from workstation.store import sessions
from workstation.store.sessions import Session
from workstation.strategies.elsewhere import OtherRun, runs_elsewhere

if TYPE_CHECKING:
    from workstation.store import EquitySnapshot
    from workstation.store.reader import StoredBacktest
    from workstation.store.store import Store


#: Account name of the whole desk's equity.
DESK = "desk"


class DeskRecords(DeskView):
    """Before the store is open there is nothing, and nothing is kept."""

    journal: list[OrderEvent | AccountEvent]
    _store: Store | None

    async def equity_curve(self, since: int, bucket: int) -> list[tuple[int, Decimal]]:
        """The desk's stored equity: (UTC ns, account currency) at or after `since`, the last of every `bucket` ns,
        oldest first; read off the loop. Raises StoreError."""
        if self._store is None:
            return []
        return await asyncio.to_thread(self._store.equity_curve, DESK, since, bucket)

    def sessions(self) -> list[Session]:
        """The runs of this desk, oldest first, the one that goes on last; empty before the store is open."""
        return [] if self._store is None else sessions.sessions(self._store, self.journal)

    def equity_snapshots(self, since: int) -> list[EquitySnapshot]:
        """The desk's stored worth from `since` on (UTC ns), oldest first. It reads the disk: call it off the loop."""
        return [] if self._store is None else self._store.equity(DESK, since)

    def save_backtest(self, run: StoredBacktest) -> None:
        """Keep a backtest; nothing is kept before the store is open."""
        if self._store is not None and self._store.failure is None:
            self._store.save_backtest(run)

    async def backtests(self, last: int = 200) -> list[StoredBacktest]:
        """The newest stored backtests, newest first, read off the loop. Raises StoreError."""
        if self._store is None:
            return []
        return await asyncio.to_thread(self._store.backtests, last)

    async def runs_elsewhere(self) -> list[OtherRun]:
        """The strategies of the other desks of this machine, read off the loop; none before the store is open."""
        return [] if self._store is None else await asyncio.to_thread(runs_elsewhere, self._store.path)

    def get_setting(self, key: str, default: Any = None) -> Any:
        """A JSON value that the store keeps (a layout, a pane's settings); `default` before the store is open."""
        return default if self._store is None else self._store.get_setting(key, default)

    def set_setting(self, key: str, value: Any) -> None:
        if self._store is not None and self._store.failure is None:
            self._store.set_setting(key, value)
