"""The `Trader` of a strategy on the desk. The strategy calls it in its own thread; nothing leaves there.

What the strategy asks for is kept until its call returns, and carried out by the runner on the event loop: a strategy
that hangs or raises in the middle of a call has sent nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.numbers import ZERO, floor_to, from_float
from workstation.domain.order import ClientOrderId, OrderDraft, OrderType, Side
from workstation.trading.errors import Refused


@dataclass(frozen=True, slots=True)
class Enter:
    """An order to send under an id that the strategy knows already."""

    client_id: ClientOrderId
    draft: OrderDraft
    price: Decimal | None = None  # with which it was decided


@dataclass(frozen=True, slots=True)
class Pull:
    """An order to cancel; None for all of the strategy's, or all in `instrument`."""

    client_id: ClientOrderId | None
    instrument: InstrumentId | None = None


@dataclass(frozen=True, slots=True)
class Flatten:
    """Cancel all of the strategy's orders and close what it holds at the market: of every instrument, or of one."""

    tag: str
    instrument: InstrumentId | None = None


@dataclass(frozen=True, slots=True)
class SetTimer:
    at: int  # UTC ns
    name: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Bring what the strategy holds to these weights of its equity, by instrument (fractions)."""

    weights: tuple[tuple[str, float], ...]
    band: float


@dataclass(frozen=True, slots=True)
class Say:
    """A sentence for the desk's log; with `loud` an error, of which a note is sent."""

    text: str
    loud: bool = False


type Wish = Enter | Pull | Flatten | SetTimer | Hold | Say


@dataclass(slots=True)
class _Call:
    """What the traders of a strategy's instruments have in common."""

    origin: str
    next_id: Callable[[], ClientOrderId]
    now: int = 0
    equity: Decimal = ZERO
    blind: str = ""
    alive: bool = True
    wishes: list[Wish] = field(default_factory=list)


class LegTrader:
    """Trades one instrument of a strategy. `now`, `position`, `entry`, `equity` and `blind` are as they were when the
    strategy's call began. Quantities are floored to the lot, prices rounded to the tick. `order` raises `Refused` for
    what makes no sense or once the strategy is stopped; what risk or the venue refuses comes later as `on_reject`."""

    def __init__(self, instrument: Instrument, call: _Call) -> None:
        self.instrument = instrument
        self.position = ZERO
        self.entry: Decimal | None = None  # average price of it
        self.price: Decimal | None = None  # that the strategy knew when its call began
        self._call = call

    @property
    def now(self) -> int:
        return self._call.now

    @property
    def equity(self) -> Decimal:
        return self._call.equity

    @property
    def blind(self) -> str:
        return self._call.blind

    @property
    def alive(self) -> bool:
        return self._call.alive

    @property
    def _only(self) -> InstrumentId | None:
        """What `cancel_all` and `close` mean."""
        return self.instrument.id

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
            origin=self._call.origin,
            note=tag,
        )
        client_id = self._call.next_id()
        self._call.wishes.append(Enter(client_id, draft, self.price))
        return client_id

    def cancel(self, client_id: str) -> None:
        self._call.wishes.append(Pull(client_id))

    def cancel_all(self) -> None:
        self._call.wishes.append(Pull(None, self._only))

    def close(self, tag: str = "") -> None:
        self._check()
        self._call.wishes.append(Flatten(tag, self._only))

    def timer(self, seconds: float, name: str = "") -> None:
        self._call.wishes.append(SetTimer(self.now + round(seconds * 1_000_000_000), name))

    def hold(self, weights: Mapping[str, float], *, band: float = 0.0) -> None:
        self._check()
        self._call.wishes.append(Hold(tuple(weights.items()), band))

    def say(self, text: str, *, loud: bool = False) -> None:
        self._call.wishes.append(Say(text, loud))

    def of(self, name: str) -> LegTrader:
        raise Refused(f"{name} is asked of the strategy's own trader, not of that of {self.instrument.symbol}.")

    def _check(self) -> None:
        if not self._call.alive:
            raise Refused("The strategy has been stopped: nothing is sent.")

    def _price(self, price: Decimal | None) -> Decimal | None:
        if price is None:
            return None
        if price <= 0:
            raise Refused("The prices of an order must be above zero.")
        return from_float(float(price), self.instrument.tick)


class DeskTrader(LegTrader):
    """That of the first instrument, and of the whole strategy."""

    def __init__(
        self,
        instrument: Instrument,
        origin: str,
        next_id: Callable[[], ClientOrderId],
        further: Mapping[str, Instrument] | None = None,
    ) -> None:
        super().__init__(instrument, _Call(origin, next_id))
        self._further = {name: LegTrader(one, self._call) for name, one in (further or {}).items()}

    @property
    def _only(self) -> InstrumentId | None:
        return None

    def of(self, name: str) -> LegTrader:
        if (found := self._further.get(name)) is None:
            raise Refused(f"The strategy has no further instrument {name!r}: it must declare it in FURTHER.")
        return found

    @property
    def legs(self) -> tuple[LegTrader, ...]:
        """The traders of all instruments, the first one first."""
        return (self, *self._further.values())

    def next_id(self) -> ClientOrderId:
        """For an order that is sent for the strategy."""
        return self._call.next_id()

    def begin(self, now: int, equity: Decimal, blind: str) -> None:
        """A call of the strategy begins at `now`."""
        self._call.now, self._call.equity, self._call.blind = now, equity, blind

    def end(self) -> None:
        """Nothing is sent any more."""
        self._call.alive = False

    def take(self) -> list[Wish]:
        """What was asked for since the last time, in order."""
        wishes, self._call.wishes = self._call.wishes, []
        return wishes
