"""The way of a venue's own entries into the books: funding, interest, liquidations, insurance, margin settings."""

from __future__ import annotations

from decimal import Decimal

from workstation.bus import Bus
from workstation.domain.events import (
    FundingPaid,
    InsuranceCovered,
    InterestCharged,
    LeverageChanged,
    MarginModeChanged,
    PositionLiquidated,
    VenueEntry,
)
from workstation.domain.numbers import ONE, divide, plain
from workstation.log import DeskLog
from workstation.trading.core import TradingCore
from workstation.trading.journal import Journal


class VenueEntries:
    """Takes what venues booked by themselves, live or asked for: folded, made durable, told, each exactly once."""

    def __init__(self, core: TradingCore, journal: Journal, bus: Bus, log: DeskLog) -> None:
        self._core = core
        self._journal = journal
        self._bus = bus
        self._log = log

    def report(self, venue: str, entry: VenueEntry) -> bool:
        """False for an entry that is booked already, or that names another venue. Never raises."""
        if entry.venue != venue:
            self._log.error("account", f"{venue} reports an entry of {entry.venue}. Nothing was changed.")
            return False
        if not self._core.apply_entry(entry):
            return False
        self._hear(entry)
        order = self._core.orders.orders.get(entry.order.client_id) if isinstance(entry, PositionLiquidated) else None
        self._journal.append(entry, orders=() if order is None else (order,))
        self._bus.publish(entry)
        say = self._log.error if isinstance(entry, PositionLiquidated | InsuranceCovered) else self._log.info
        say("account", in_words(entry))
        return True

    def _hear(self, entry: VenueEntry) -> None:
        instrument = self._core.instruments.get(getattr(entry, "instrument", ""))
        match entry:
            case LeverageChanged(leverage=leverage) if instrument is not None:
                self._core.portfolio.margin.hear(instrument, leverage=leverage)
            case MarginModeChanged(mode=mode) if instrument is not None:
                self._core.portfolio.margin.hear(instrument, mode=mode)
            case _:
                pass


def in_words(entry: VenueEntry) -> str:
    """One entry as a sentence for the log."""
    match entry:
        case FundingPaid(instrument=instrument, amount=amount, currency=currency):
            done = "received" if amount > 0 else "paid"
            return (
                f"{instrument}: funding of {_short(abs(amount))} {currency} {done} on {plain(entry.quantity)} "
                f"at {entry.rate * 100:.4f}%."
            )
        case InterestCharged(instrument=instrument, amount=amount, currency=currency):
            return f"{instrument}: interest of {_short(abs(amount))} {currency} on {plain(entry.borrowed)} borrowed."
        case PositionLiquidated(reason=reason):
            return reason
        case InsuranceCovered(amount=amount, currency=currency):
            bore = f"the insurance fund bore {_short(amount)} {currency}"
            return f"{entry.venue}: the price gapped beyond bankruptcy; {bore}."
        case LeverageChanged(instrument=instrument, leverage=leverage):
            return f"{instrument}: leverage is {plain(leverage)} now."
        case MarginModeChanged(instrument=instrument, mode=mode):
            return f"{instrument}: {mode} margin now."


def _short(amount: Decimal) -> str:
    return plain(divide(amount, ONE, Decimal("1e-8")))
