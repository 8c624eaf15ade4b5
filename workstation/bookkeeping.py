"""The desk's own books: money that came or went, and what the store keeps beside the journal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from functools import reduce
from typing import TYPE_CHECKING

from workstation.clock import DAY
from workstation.desk_records import DESK
from workstation.desk_view import DeskView
from workstation.domain.events import BalanceAdjusted, KillCompleted
from workstation.domain.numbers import ZERO, add, multiply, plain, subtract
from workstation.log import DeskLog, LogEntry
from workstation.trading.fee_values import FeeValues
from workstation.trading.journal import Journal
from workstation.trading.kill_status import KillStatus

if TYPE_CHECKING:
    from workstation.store.store import Store

_EQUITY_EVERY = 60.0  # seconds between equity snapshots
_PRICES_WITHIN = 1.0  # seconds after which what could not be valued is looked at again
_OPENING = "opening balance"
_FEES_EVERY = 1.0  # seconds between two looks at fees that have no value yet


class Bookkeeper:
    """Books money that came or went, keeps equity snapshots, log and receipts, and reckons the day's profit."""

    def __init__(
        self,
        *,
        desk: DeskView,
        journal: Journal,
        log: DeskLog,
        currency: str,
        store: Callable[[], Store | None],
        fees: FeeValues,
    ) -> None:
        """`store` gives the open store, None before it is open."""
        self._desk = desk
        self._core = desk.core
        self._journal = journal
        self._log = log
        self._currency = currency
        self._opened = store
        self._fees = fees
        self._day_start: tuple[int, int, Decimal] | None = None  # the day, since when, and the equity then

    @property
    def _store(self) -> Store | None:
        """The store, if it can be written."""
        store = self._opened()
        return None if store is None or store.failure is not None else store

    # Money that came or went.

    def adjust(self, venue: str, currency: str, amount: Decimal, reason: str) -> None:
        """Book money that came or went."""
        now, value = self._desk.clock.now(), self._worth(venue, currency, amount)
        event = BalanceAdjusted(ts=now, venue=venue, currency=currency, amount=amount, reason=reason, value=value)
        self._core.apply_account(event)
        self._journal.append(event)
        if reason == _OPENING:
            self._day_start = None
        say = self._log.info if reason == _OPENING else self._log.warning
        say("account", f"{venue}: {amount:+f} {currency}, {reason}.")

    # Equity.

    async def keep_equity(self) -> None:
        """Store a snapshot every minute, the first as soon as everything has a price."""
        while True:
            self.save_equity()
            await asyncio.sleep(_EQUITY_EVERY if self.begin_day() else _PRICES_WITHIN)

    def save_equity(self) -> None:
        if (store := self._store) is None:
            return
        ts, equity = self._desk.clock.now(), self._desk.equity_detail()
        if equity.unpriced or self._nothing_read():
            return  # half a valuation would be a false one
        for account, worth in {**equity.by_venue, DESK: equity.total}.items():
            store.save_equity(ts, account, worth, currency=self._currency)

    def _nothing_read(self) -> bool:
        """Whether no venue has told yet what the account holds: it counts as nothing, and is not."""
        return not self._core.portfolio.accounts and bool(self._desk.unread())

    def _opened_at(self, day: int) -> int:
        """When a venue's opening balance came to the books last, if on that day; the day's own beginning otherwise.
        What it was worth before is not known, and what its coins gain or lose from then on is profit and loss."""
        for event in reversed(self._core.transfers):
            if event.ts < day:
                break
            if event.reason == _OPENING:
                return event.ts
        return day

    def begin_day(self) -> bool:
        """Take the equity of the moment for the beginning of the UTC day, if none is known: at the latest before its
        first order, so that what this one costs counts. False while something has no price, and while nothing is known
        of what the account holds."""
        now = self._desk.clock.now()
        day = now - now % DAY
        if self._day_start is not None and self._day_start[0] == day:
            return True
        equity = self._desk.equity_detail()
        if equity.unpriced or self._nothing_read():
            return False
        store, since = self._opened(), self._opened_at(day)
        known = [kept for kept in store.equity(DESK, since) if kept.ts > since] if store is not None else []
        self._day_start = (day, known[0].ts, known[0].equity) if known else (day, now, equity.total)
        if not known:
            self.save_equity()  # kept at once: a desk that is closed within the minute goes on from there
        return True

    def day_pnl(self) -> Decimal:
        """Equity against the first known equity of this UTC day, without what was paid in or out since."""
        if not self.begin_day():
            return ZERO
        assert self._day_start is not None
        _, since, start = self._day_start
        return subtract(subtract(self._desk.equity_detail().total, start), self._paid_in(since))

    def _paid_in(self, since: int) -> Decimal:
        """Deposits less withdrawals after `since` in the account currency, at the prices of when they came: what coins
        that are gone would be worth by now is nobody's profit. Where a coin had no price then, at today's."""
        total = ZERO
        for event in reversed(self._core.transfers):
            if event.ts <= since:
                break
            worth = event.value
            if worth is None:
                worth = self._worth(event.venue, event.currency, event.amount)
            total = add(total, worth or ZERO)
        return total

    def _worth(self, venue: str, currency: str, amount: Decimal) -> Decimal | None:
        """Of now, in the account currency."""
        rate = self._core.portfolio.rate(venue, currency, self._core.market.mark)
        return None if rate is None else multiply(amount, rate)

    # Fees.

    async def keep_fees(self) -> None:
        """Value fees whose coin had no price when their fill was booked, as soon as it has one."""
        self._fees.recall(self._desk.clock.now())
        while True:
            try:
                self.value_fees()
            except Exception as error:  # the fees of later fills are valued all the same
                self._log.error("orders", f"Fees could not be valued: {error!r}.")
            await asyncio.sleep(_FEES_EVERY)

    def value_fees(self) -> None:
        for event in self._fees.due(self._desk.clock.now()):
            known = self._core.orders.orders
            self._core.apply_account(event)
            # What the books have is in the journal, though an order of it were known to nobody any more.
            names = dict.fromkeys(fee.order for fee in event.fees if fee.order in known)
            self._journal.note(event, orders=[known[name] for name in names])
            total = plain(reduce(add, (fee.value for fee in event.fees)))
            currency = self._core.instruments[event.instrument].settlement
            one = len(event.fees) == 1
            fees = "The fee of a fill" if one else f"The fees of {len(event.fees)} fills"
            self._log.info(
                "orders",
                f"{fees} of {event.instrument} {'counts' if one else 'count'} at {total} {currency}: the coin has a "
                "price now.",
            )

    def forget_day(self) -> None:
        """The market jumped to another time: the day begins anew."""
        self._day_start = None

    # Log and receipts.

    def keep_log(self, entry: LogEntry) -> None:
        if entry.source != "order":  # those are in the journal already
            self.keep_line(entry.level, entry.source, entry.text, entry.ts)

    def keep_line(self, level: str, source: str, text: str, ts: int | None = None) -> None:
        if (store := self._store) is not None:
            store.save_log(self._desk.clock.now() if ts is None else ts, level, source, text)

    def keep_receipt(self, completed: KillCompleted, status: KillStatus) -> None:
        if (store := self._store) is not None:
            items = [{"kind": i.kind, "label": i.label, "state": i.state, "detail": i.detail} for i in status.items]
            receipt = {"kill_id": completed.kill_id, "receipt": completed.receipt, "items": items}
            store.save_receipt(completed.ts, receipt)
