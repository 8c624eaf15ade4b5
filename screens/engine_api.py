"""What the shell and the panes need of the engine, typed as a protocol so that tests can stand a small one in."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol

from workstation.bus import Bus
from workstation.clock import Clock
from workstation.domain.bar import Bar
from workstation.domain.events import TradingState
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.order import ClientOrderId, Order, OrderDraft, Side
from workstation.domain.position import Position
from workstation.market.book import OrderBook


class KillPhase(StrEnum):
    IDLE = "idle"
    CANCELLING = "cancelling"  # HALTED; working orders are being pulled
    FLATTENING = "flattening"  # positions are being closed
    DONE = "done"  # the venues show what was asked for


class KillOutcome(StrEnum):
    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"  # refused or unanswered so far; it is tried again


@dataclass(slots=True)
class KillItem:
    """One order or position that the kill switch works on."""

    kind: str  # "order" or "position"
    label: str  # "BUY 0.5 @ 64,200", "LONG 1.25"
    instrument: InstrumentId
    state: KillOutcome = KillOutcome.PENDING
    detail: str = ""  # the venue's last words
    attempts: int = 0


@dataclass(slots=True)
class KillStatus:
    """What the kill switch has done so far; times are UTC ns."""

    phase: KillPhase = KillPhase.IDLE
    items: list[KillItem] = field(default_factory=list)
    reason: str = ""
    started: int = 0
    finished: int | None = None
    receipt: str = ""
    accounts: tuple[str, ...] = ()  # the accounts that it acts on


class Link(Protocol):
    """One venue's connection."""

    @property
    def venue(self) -> str: ...
    @property
    def state(self) -> str:
        """connected, connecting or down."""
        ...

    @property
    def last_data(self) -> int:
        """UTC ns of the newest market data; 0 before the first."""
        ...


class Replay(Protocol):
    """Playing a recording."""

    @property
    def speed(self) -> float: ...
    @property
    def paused(self) -> bool: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def step(self) -> None: ...
    def set_speed(self, speed: float) -> None: ...


class Engine(Protocol):
    """The one object that panes hold. Reads are plain calls that return at once; commands are awaited."""

    clock: Clock
    bus: Bus
    settings: Any
    mode: str  # "demo", "replay", "paper" or "live"
    log: Any

    @property
    def trading_state(self) -> TradingState: ...
    @property
    def kill_status(self) -> Any: ...
    @property
    def replay(self) -> Any: ...
    def instruments(self) -> Sequence[Instrument]: ...
    def instrument(self, instrument_id: InstrumentId, /) -> Instrument: ...
    def book(self, instrument_id: InstrumentId, /) -> OrderBook: ...
    def ticker(self, instrument_id: InstrumentId, /) -> Any: ...
    def tape(self, instrument_id: InstrumentId, /) -> Any: ...
    def bars(self, instrument_id: InstrumentId, interval: int, /) -> Sequence[Bar]: ...
    def orders(self) -> Sequence[Order]: ...
    def order(self, client_id: ClientOrderId, /) -> Order | None: ...
    def positions(self) -> Sequence[Position]: ...
    def equity(self) -> Decimal: ...
    def day_pnl(self) -> Decimal: ...
    def links(self) -> Sequence[Any]: ...
    def preview(self, draft: OrderDraft, /) -> Any: ...
    def submit(self, draft: OrderDraft, /) -> Awaitable[Any]: ...
    def amend(self, client_id: ClientOrderId, /, **terms: Decimal | None) -> Awaitable[Any]: ...
    def cancel(self, client_id: ClientOrderId, /) -> Awaitable[Any]: ...
    def cancel_all(self, instrument: InstrumentId | None = None, side: Side | None = None) -> Awaitable[Any]: ...
    def close_position(self, instrument_id: InstrumentId, /) -> Awaitable[Any]: ...
    def reverse(self, instrument_id: InstrumentId, /) -> Awaitable[Any]: ...
    def kill(self, reason: str, /) -> Any: ...
    def flatten(self) -> Any: ...
    def rearm(self, account: str, /) -> Any: ...
