"""The trading state of a desk: the kill switch, re-arming, REDUCING; how a change of it is made durable."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING

from workstation.clock import Clock
from workstation.desk_commands import DeskCommands
from workstation.desk_journal import DeskJournal
from workstation.domain.events import AccountEvent, TradeNoted, TradingState, TradingStateChanged
from workstation.log import DeskLog
from workstation.market.data import MarketData
from workstation.trading.core import TradingCore
from workstation.trading.errors import Refused
from workstation.trading.kill import KillSwitch
from workstation.trading.kill_status import KillStatus
from workstation.venues.contract import Venue

if TYPE_CHECKING:
    from workstation.store.store import Store


class DeskState(DeskCommands):
    """HALTED, REDUCING, ACTIVE. A kill counts from the first instant on, before the store is open too."""

    account_name: str
    log: DeskLog
    _journal: DeskJournal
    _kill: KillSwitch
    _store: Store | None

    def __init__(self, core: TradingCore, market: MarketData, venues: Mapping[str, Venue], clock: Clock) -> None:
        super().__init__(core, market, venues, clock)
        self._early_kill: tuple[str, bool, str] | None = None  # pressed before the store was open
        self._early_halt: TradingStateChanged | None = None
        self._early_stored: Future[None] = Future()

    @property
    def kill_status(self) -> KillStatus:
        return self._kill.status

    @property
    def on_halt(self) -> list[Callable[[str], None]]:
        """Called when the desk halts; strategies and execution algorithms stop themselves here."""
        return self._kill.on_halt

    def kill(self, reason: str = "the trader pressed the kill switch") -> None:
        """HALTED at once; every working order of every venue is pulled; strategies stop. See `kill_status`."""
        self._press(reason, flatten=False)

    def flatten(self, reason: str = "the trader pressed flatten") -> None:
        """As `kill`, and every position is closed."""
        self._press(reason, flatten=True)

    def _press(self, reason: str, flatten: bool, kill_id: str = "") -> Future[None]:
        if self._store is None:  # the store opens this instant: halted in memory now, the rest as soon as it is open
            self._early_halt = TradingStateChanged(
                ts=self.clock.now(), state=TradingState.HALTED, reason=reason, by="kill"
            )
            self.core.state_change = self._early_halt
            if self._early_kill is not None:
                reason, before, kill_id = self._early_kill
                flatten = flatten or before
            self._early_kill = (reason, flatten, kill_id)
            return self._early_stored
        return self._kill.press(reason, flatten, kill_id)

    def _take_up_kill(self) -> None:
        """The store is open: carry out the kill that was pressed before, or go on with the last run's."""
        early, self._early_kill = self._early_kill, None
        unfinished = self.core.unfinished_kill
        if early is not None:
            reason, flatten, kill_id = early
            stored = self._kill.press(reason, flatten or (unfinished is not None and unfinished.flatten), kill_id)
            stored.add_done_callback(lambda done: _pass_on(done, self._early_stored))
        elif unfinished is not None:
            self._kill.resume(unfinished)

    async def rearm(self, account_name: str) -> None:
        """Back to ACTIVE, on purpose: by the account's name, and only after the kill switch has finished."""
        self._open_for_orders()
        if self.trading_state is TradingState.ACTIVE:
            raise Refused("The desk is ACTIVE already.")
        if self._kill.running:
            raise Refused("The kill switch is still at work: wait for its receipt.")
        if account_name.strip() != self.account_name:
            raise Refused(f"Type rearm {self.account_name} to trade again.")
        event = TradingStateChanged(
            ts=self.clock.now(), state=TradingState.ACTIVE, reason="re-armed by the trader", by="trader"
        )
        await self._change_state(event)
        self.log.warning("desk", "Re-armed: the desk is ACTIVE.")

    async def set_reducing(self, reducing: bool) -> None:
        """REDUCING (only orders that shrink a position) or back to ACTIVE. Raises `Refused` while HALTED."""
        self._open_for_orders()
        if self.trading_state is TradingState.HALTED:
            raise Refused(f"The desk is HALTED: type rearm {self.account_name} first.")
        state = TradingState.REDUCING if reducing else TradingState.ACTIVE
        event = TradingStateChanged(ts=self.clock.now(), state=state, reason="set by the trader", by="trader")
        await self._change_state(event)

    async def _change_state(self, event: TradingStateChanged) -> None:
        before = self.core.state_change
        await self._durable(event)
        if self.core.state_change is not before:  # a halt while this was being stored stands after it in the journal
            raise Refused(f"The desk was halted meanwhile: {self.state_reason}.")
        self.core.apply_account(event)

    async def note_trade(self, note: TradeNoted) -> None:
        """Keep what the trader notes of a trade, in place of what he noted before. Durable first. Raises `Refused`."""
        self._open_for_orders()
        await self._durable(note)
        self.core.apply_account(note)

    async def _durable(self, event: AccountEvent) -> None:
        try:
            await asyncio.wrap_future(self._journal.append(event))
        except Exception as error:
            raise Refused(f"The store did not take it: {error}") from error


def _pass_on(done: Future[None], to: Future[None]) -> None:
    if (error := done.exception()) is not None:
        to.set_exception(error)
    else:
        to.set_result(None)
