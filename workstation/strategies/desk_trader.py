"""The `Trader` of a strategy on the desk. The strategy calls it in its own thread; nothing leaves there.

What the strategy asks for is kept until its call returns, and carried out by the runner on the event loop: a strategy
that hangs or raises in the middle of a call has sent nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from workstation.domain.instrument import Instrument
from workstation.domain.numbers import ZERO, floor_to, from_float
from workstation.domain.order import ClientOrderId, OrderDraft, OrderType, Side
from workstation.trading.errors import Refused


@dataclass(frozen=True, slots=True)
class Enter:
    """An order to send under an id that the strategy knows already."""

    client_id: ClientOrderId
    draft: OrderDraft


@dataclass(frozen=True, slots=True)
class Pull:
    """An order to cancel; None for all of the strategy's."""

    client_id: ClientOrderId | None


@dataclass(frozen=True, slots=True)
class Flatten:
    """Cancel all of the strategy's orders and close what it holds at the market."""

    tag: str


@dataclass(frozen=True, slots=True)
class SetTimer:
    at: int  # UTC ns
    name: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Bring what the strategy holds to these weights of its equity, by instrument (fractions)."""

    weights: tuple[tuple[str, float], ...]
    band: float


type Wish = Enter | Pull | Flatten | SetTimer | Hold


class DeskTrader:
    """`now`, `position` and `equity` are as they were when the strategy's call began. Quantities are floored to the
    lot, prices rounded to the tick. `order` raises `Refused` for what makes no sense or once the strategy is stopped;
    what risk or the venue refuses comes later as `on_reject`."""

    def __init__(self, instrument: Instrument, origin: str, next_id: Callable[[], ClientOrderId]) -> None:
        self.instrument = instrument
        self.now = 0
        self.position = self.equity = ZERO
        self.alive = True
        self._origin, self._next_id = origin, next_id
        self._wishes: list[Wish] = []

    def order(
        self,
        side: Side,
        quantity: Decimal,
        *,
        limit: Decimal | None = None,
        stop: Decimal | None = None,
        reduce_only: bool = False,
        post_only: bool = False,
        tag: str = "",
    ) -> str:
        self._check()
        terms = self.instrument
        lots = floor_to(quantity, terms.lot)
        if lots <= 0:
            raise Refused(f"{quantity} is less than one lot ({terms.lot}) of {terms.symbol}.")
        if post_only and limit is None:
            raise Refused("Only a limit order can be post-only.")
        if limit is not None and stop is not None:
            kind = OrderType.STOP_LIMIT
        elif stop is not None:
            kind = OrderType.STOP
        else:
            kind = OrderType.MARKET if limit is None else OrderType.LIMIT
        draft = OrderDraft(
            instrument=terms.id,
            side=side,
            quantity=lots,
            type=kind,
            price=self._price(limit),
            stop_price=self._price(stop),
            post_only=post_only,
            reduce_only=reduce_only,
            origin=self._origin,
            note=tag,
        )
        client_id = self._next_id()
        self._wishes.append(Enter(client_id, draft))
        return client_id

    def cancel(self, client_id: str) -> None:
        self._wishes.append(Pull(client_id))

    def cancel_all(self) -> None:
        self._wishes.append(Pull(None))

    def close(self, tag: str = "") -> None:
        self._check()
        self._wishes.append(Flatten(tag))

    def timer(self, seconds: float, name: str = "") -> None:
        self._wishes.append(SetTimer(self.now + round(seconds * 1_000_000_000), name))

    def hold(self, weights: Mapping[str, float], *, band: float = 0.0) -> None:
        self._check()
        self._wishes.append(Hold(tuple(weights.items()), band))

    def take(self) -> list[Wish]:
        """What was asked for since the last time, in order."""
        wishes, self._wishes = self._wishes, []
        return wishes

    def _check(self) -> None:
        if not self.alive:
            raise Refused("The strategy has been stopped: nothing is sent.")

    def _price(self, price: Decimal | None) -> Decimal | None:
        if price is None:
            return None
        if price <= 0:
            raise Refused("The prices of an order must be above zero.")
        return from_float(float(price), self.instrument.tick)
