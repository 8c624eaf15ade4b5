"""A real exchange that only prices are taken from: no key, no account, and nothing of either to ask for."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from workstation.domain import events as e
from workstation.domain.fill import Fill
from workstation.domain.instrument import InstrumentId
from workstation.domain.margin import MarginMode
from workstation.domain.order import ClientOrderId, Order
from workstation.venues.ccxt.venue import CcxtVenue
from workstation.venues.contract import VenueError, VenueOrder


class PricesOnly(CcxtVenue):
    """What is asked of its account is refused: an empty answer would pass for the truth, and books of a time when it
    was traded would be corrected to nothing. The desk does not ask (see `contract.prices_only`)."""

    def __init__(self, *arguments: object, **terms: object) -> None:
        super().__init__(*arguments, **terms)  # type: ignore[arg-type]
        self.capabilities = msgspec.structs.replace(self.capabilities, order_types=frozenset())

    def _refuse(self) -> VenueError:
        return VenueError(f"{self.name} is open for its prices only: nothing is sent there, nothing asked.")

    async def submit(self, order: Order) -> None:
        raise self._refuse()

    async def amend(
        self, order: Order, quantity: Decimal | None, price: Decimal | None, stop_price: Decimal | None
    ) -> None:
        raise self._refuse()

    async def cancel(self, order: Order) -> None:
        raise self._refuse()

    async def cancel_all(self, instrument: InstrumentId | None = None) -> None:
        pass

    def cancel_all_from_thread(self, timeout: float) -> str:
        return "is open for its prices only"

    async def order_status(self, client_id: ClientOrderId) -> VenueOrder | None:
        raise self._refuse()

    async def open_orders(self) -> Sequence[VenueOrder]:
        raise self._refuse()

    async def fills_since(self, ts: int) -> Sequence[Fill]:
        raise self._refuse()

    async def balances(self) -> dict[str, Decimal]:
        raise self._refuse()

    async def positions(self) -> dict[InstrumentId, Decimal]:
        raise self._refuse()

    async def entry_prices(self) -> dict[InstrumentId, Decimal]:
        raise self._refuse()

    async def entries_since(self, ts: int) -> Sequence[e.VenueEntry]:
        raise self._refuse()

    async def set_leverage(self, instrument: InstrumentId, leverage: Decimal) -> None:
        raise self._refuse()

    async def set_margin_mode(self, instrument: InstrumentId, mode: MarginMode) -> None:
        raise self._refuse()
