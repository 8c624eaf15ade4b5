"""Paper trading: the prices of a real venue, and an account of simulated money on the matching engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Protocol

from workstation.clock import SECOND, Clock
from workstation.domain.events import OrderEvent
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.market import MarketEvent, Trade
from workstation.venues.contract import LinkState, MarketSink, OrderSink, StreamAge
from workstation.venues.matching import models
from workstation.venues.simulated import SimulatedVenue

#: ns after which a trade that is told is one of the past.
_PAST = 5 * SECOND


class PriceVenue(Protocol):
    """What a paper venue needs of the venue whose prices it uses."""

    epoch: int
    said: str
    drift: int | None
    on_notice: Callable[[str, str], None]
    own_fees: frozenset[InstrumentId]

    @property
    def link(self) -> LinkState: ...

    @property
    def silence(self) -> int: ...

    @property
    def round_trip(self) -> int | None: ...

    def stream_ages(self) -> Sequence[StreamAge]: ...

    async def connect(self, on_market: MarketSink, on_order: OrderSink) -> None: ...

    async def close(self) -> None: ...


class PaperVenue(SimulatedVenue):
    """A simulated venue whose market is a real one. It is connected while its prices are."""

    def __init__(
        self,
        name: str,
        instruments: Iterable[Instrument],
        clock: Clock,
        balances: Mapping[str, Decimal],
        prices: PriceVenue,
        *,
        latency: models.LatencyModel | None = None,
        ledger: Path | None = None,
    ) -> None:
        """`prices` gives the market events of `instruments`; the rest as in `SimulatedVenue`."""
        super().__init__(name, instruments, clock, balances, latency=latency, ledger=ledger)
        self.prices = prices

    @property
    def link(self) -> LinkState:
        own = super().link
        return self.prices.link if own is LinkState.CONNECTED else own

    @property
    def epoch(self) -> int:
        """Nothing of the account is ever missed: only the first comparison counts."""
        return min(1, self.prices.epoch)

    @property
    def said(self) -> str:
        return self.prices.said

    @property
    def drift(self) -> int | None:
        return self.prices.drift

    @property
    def on_notice(self) -> Callable[[str, str], None]:
        return self.prices.on_notice

    @on_notice.setter
    def on_notice(self, tell: Callable[[str, str], None]) -> None:
        self.prices.on_notice = tell

    @property
    def own_fees(self) -> frozenset[InstrumentId]:
        """Instruments whose fees here are what the trader's account at the real venue pays."""
        return self.prices.own_fees

    @property
    def silence(self) -> int:
        return self.prices.silence

    @property
    def round_trip(self) -> int | None:
        return self.prices.round_trip

    def stream_ages(self) -> Sequence[StreamAge]:
        return self.prices.stream_ages()

    def dead_man_holds(self) -> bool | None:
        return None  # its orders are here

    def dead_man_count(self) -> tuple[int, int] | None:
        return None

    def leave_armed(self) -> None:
        pass

    def hears_orders(self) -> bool | None:
        return None

    def no_prices(self, instrument: InstrumentId) -> str:
        if self.prices.link is not LinkState.CONNECTED:
            return f"its prices are away ({(self.prices.said or self.prices.link).rstrip('.')})"
        stale = self.book(instrument).stale
        return f"there is no book of {instrument} ({stale.rstrip('.')})" if stale else ""

    def feed(self, event: MarketEvent) -> None:
        """A trade of the past is shown, and fills nothing: with such a stream begins, also after each reconnect."""
        if isinstance(event, Trade) and self._clock.now() - event.ts > _PAST:
            if self._market_sink is not None:
                self._market_sink(event)
            return
        super().feed(event)

    async def connect(self, on_market: MarketSink, on_order: OrderSink) -> None:
        await super().connect(on_market, on_order)
        await self.prices.connect(self.feed, _no_orders)

    async def close(self) -> None:
        await self.prices.close()
        await super().close()


def _no_orders(_event: OrderEvent) -> None:
    """No order of ours is at the venue whose prices these are."""
