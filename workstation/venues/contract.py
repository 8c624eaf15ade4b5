"""The venue contract: what simulated, replay, paper and real venues all satisfy. One conformance suite runs on each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Protocol, runtime_checkable

import msgspec

from workstation.domain.events import OrderEvent, VenueEntry
from workstation.domain.fill import Fill
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.margin import MarginMode, MarginTold
from workstation.domain.market import MarketEvent
from workstation.domain.order import ClientOrderId, Order, OrderState, OrderType, TimeInForce

type MarketSink = Callable[[MarketEvent], None]
type OrderSink = Callable[[OrderEvent], None]
type EntrySink = Callable[[VenueEntry], None]


class VenueError(Exception):
    """The venue refused or could not do what was asked; the text is a sentence for the trader."""


class VenueUnreachable(VenueError):
    """The request certainly never reached the venue."""


class VenueStopped(VenueUnreachable):
    """The venue is a part of this desk and has ended before it: nothing moves there until the desk starts again."""


class Withheld(VenueUnreachable):
    """The desk itself did not let it go when its turn in the queue came: nothing was sent."""


class NoAnswer(VenueError):
    """The request may have reached the venue; no answer came. Nothing may be assumed: ask, do not send again."""


class LinkState(StrEnum):
    CONNECTED = "connected"
    CONNECTING = "connecting"
    DOWN = "down"


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a venue can do by itself. What it cannot, the desk emulates where that is safe, or refuses in a sentence."""

    order_types: frozenset[OrderType]
    tifs: frozenset[TimeInForce]
    post_only: bool = True
    reduce_only: bool = True
    amend: bool = True
    iceberg: bool = True
    simulated_money: bool = True
    #: A reduce-only market order that is smaller than a lot of its contract closes what is left of the position.
    closes_whole: bool = False


class VenueOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order as the venue shows it when it is asked."""

    client_id: ClientOrderId
    venue_order_id: str
    instrument: InstrumentId
    state: OrderState  # ACCEPTED, TRIGGERED, PARTIALLY_FILLED, FILLED, CANCELED, EXPIRED or REJECTED
    quantity: Decimal
    filled: Decimal
    price: Decimal | None = None
    stop_price: Decimal | None = None
    reason: str = ""


class Venue(Protocol):
    """One venue. Reports come through the sinks given to `connect`, on the event loop's thread, never blocking.

    Commands are awaited until the venue has taken them: they raise `VenueUnreachable`, `NoAnswer` or `VenueError`;
    what becomes of the order (accepted, rejected, filled…) arrives as order events, possibly before the command
    returns. Reports may come late, twice or out of order: the order manager copes.
    """

    name: str
    capabilities: Capabilities

    @property
    def link(self) -> LinkState: ...

    async def connect(self, on_market: MarketSink, on_order: OrderSink) -> None: ...

    async def close(self) -> None: ...

    def instruments(self) -> Sequence[Instrument]: ...

    async def submit(self, order: Order) -> None: ...

    async def amend(
        self, order: Order, quantity: Decimal | None, price: Decimal | None, stop_price: Decimal | None
    ) -> None:
        """Change the terms that are not None; `quantity` is the new total."""
        ...

    async def cancel(self, order: Order) -> None: ...

    async def cancel_all(self, instrument: InstrumentId | None = None) -> None: ...

    async def order_status(self, client_id: ClientOrderId) -> VenueOrder | None:
        """The order as the venue knows it, closed ones included; None if the venue says that it never had it."""
        ...

    async def open_orders(self) -> Sequence[VenueOrder]: ...

    async def fills_since(self, ts: int) -> Sequence[Fill]:
        """Every fill of ours at or after `ts` (UTC ns, by this machine's clock), oldest first. Some that are older by a
        second and by what the two clocks differ may be among them."""
        ...

    async def balances(self) -> dict[str, Decimal]: ...

    async def positions(self) -> dict[InstrumentId, Decimal]:
        """Signed quantities of open derivative positions (spot holdings are balances)."""
        ...


def prices_only(venue: Venue) -> bool:
    """Whether nothing is sent to a venue, and nothing of its account can be asked for: what the desk's books say of it
    can then be neither proven nor changed."""
    return not venue.capabilities.order_types


@runtime_checkable
class Prepares(Protocol):
    """A venue that can do a part of its work on an order before the order is sent."""

    def expect(self, order: Order) -> None:
        """The order's intent is being stored, and it will probably be submitted. Nothing is sent, nothing waited for,
        nothing raised; `submit` does the same with and without it."""
        ...


@runtime_checkable
class TakesLate(Protocol):
    """A venue behind a network: a request may still be on its way when who sent it has given up waiting."""

    def request_life(self) -> float:
        """For how many seconds after it was sent a request may still be taken. That the venue knows no order proves
        nothing before."""
        ...


@runtime_checkable
class ListsOrders(Protocol):
    """A venue that shows many orders by few questions."""

    async def orders_since(self, ts: int, instruments: Collection[InstrumentId]) -> tuple[Sequence[VenueOrder], bool]:
        """Orders of these instruments that work, or were made since `ts` (UTC ns) and have ended; whether the latter
        are all among them. A list may be behind: that it lacks an order is no proof that the venue does."""
        ...


@runtime_checkable
class PullsFromThread(Protocol):
    """A venue that can be told to cancel everything while the event loop does not answer.

    The watchdog calls it from its own thread when a kill was asked for and the loop stands still. It must use neither
    the loop nor anything that belongs to it (its own connection, its own signing), send no order, and return within
    `timeout` seconds. Reports come the usual way once the loop goes on, and the kill switch asks the venue again.
    """

    def cancel_all_from_thread(self, timeout: float) -> str:
        """What the venue answered, as the rest of a sentence ("took cancel-all, 3 orders"). Raises VenueError."""
        ...


@runtime_checkable
class ShowsQueue(Protocol):
    """A venue that can tell how much stands in front of a resting order (simulated ones can)."""

    def queue_ahead(self, client_id: ClientOrderId) -> Decimal | None: ...


@runtime_checkable
class KeepsMargin(Protocol):
    """A venue with leveraged positions. What it books by itself goes to `on_entry`, in one order with order reports.

    Changes are awaited until the venue has made them; they arrive as entries. Raises as the other commands do.
    """

    on_entry: EntrySink | None

    async def entries_since(self, ts: int) -> Sequence[VenueEntry]:
        """Every entry at or after `ts` (UTC ns), in the order in which it was booked."""
        ...

    async def set_leverage(self, instrument: InstrumentId, leverage: Decimal) -> None: ...

    async def set_margin_mode(self, instrument: InstrumentId, mode: MarginMode) -> None: ...


@runtime_checkable
class TellsMargin(Protocol):
    """A venue that keeps leverage and margin mode itself, where others may change them."""

    #: Told of what its streams tell of them by the way.
    on_margin: Callable[[InstrumentId, MarginTold], None]

    async def margin_told(self, wanted: Sequence[InstrumentId]) -> dict[InstrumentId, MarginTold]:
        """Of its derivatives; what it does not tell is None there. `wanted`: those that are worth a question each,
        first things first. It asks behind all else."""
        ...


@runtime_checkable
class BooksBegin(Protocol):
    """A venue whose own entries count from when the desk's books of it began: what came before is in what it had then.
    The desk keeps that moment from one run to the next."""

    first_seen: int  # UTC ns; 0 before the first look


#: Why a real venue has to be compared anew, where nothing else is told.
AWAY = "it was away"


@runtime_checkable
class TellsAnew(Protocol):
    """A real venue that says why its `epoch` has grown, and calls as it does."""

    why_anew: str
    on_anew: Callable[[], None]


@runtime_checkable
class RealLink(Protocol):
    """A venue behind a network, which connects by itself and goes on trying.

    Until `epoch` has been seen by a comparison of the desk's books with the venue, only orders that shrink a position
    go there: it grows whenever link or own streams were away. (What others do on the account is told by the streams and
    takes the right to trade from nobody.)
    """

    epoch: int
    #: Why the link is as it is, a sentence; empty while it stands.
    said: str
    #: The venue's clock less ours in ns; None before it was asked.
    drift: int | None
    #: Takes (level, sentence) for the log.
    on_notice: Callable[[str, str], None]

    def dead_man_holds(self) -> bool | None:
        """Whether the venue would cancel the desk's orders by itself should the desk die now; None where that is not
        asked of it."""
        ...

    def dead_man_count(self) -> tuple[int, int] | None:
        """Where that is held instrument by instrument: for how many of those with working orders. None elsewhere."""
        ...

    def leave_armed(self) -> None:
        """What would cancel the desk's orders by itself is not let go when the desk closes: nobody watches them then,
        and they are not meant to stay."""
        ...

    def hears_orders(self) -> bool | None:
        """Whether the streams of the account's own orders and fills stand: while they do not, what happens to orders is
        only seen when the desk asks. None where there are none."""
        ...


class StreamAge(msgspec.Struct, frozen=True, kw_only=True):
    """How a stream of a venue stands. Times are UTC ns, 0 before the first.

    `up`: it has come and has not failed since; `heard`, `messages`: what it told; `beat`, `beats`: signs that its
    connection lives and tells nothing (pings answered), those of every stream on the same connection alike; `alive`:
    when anything at all last came over that connection; `asked`: the venue streams nothing of the kind and is asked
    time and again; `often`: whether it tells something all the time as long as the market is open (a book does, own
    orders do not); `said`: why it was last begun anew.
    """

    what: str
    symbol: str = ""
    up: bool = False
    heard: int = 0
    messages: int = 0
    beat: int = 0
    beats: int = 0
    alive: int = 0
    faults: int = 0
    asked: bool = False
    often: bool = False
    said: str = ""


@runtime_checkable
class TellsStreams(Protocol):
    """A venue whose data comes by streams, each of which can fail by itself."""

    @property
    def silence(self) -> int:
        """Nanoseconds without any sign of life after which a connection counts as dead."""
        ...

    @property
    def round_trip(self) -> int | None:
        """How long the venue's answer to the question for its clock took in ns; None before it was asked."""
        ...

    def stream_ages(self) -> Sequence[StreamAge]: ...


class ToldAccount(Protocol):
    """What streams of the account's balances and positions told last: hints, no books."""

    #: Grows with every word.
    version: int
    #: Cash by currency and signed contracts by instrument, of what was told at all.
    balances: dict[str, Decimal]
    positions: dict[InstrumentId, Decimal]
    #: A stream was away since: what it would have told is not known.
    missed: bool
    #: Money and positions both are listened to: what is not told has not changed.
    whole: bool


@runtime_checkable
class TellsAccount(Protocol):
    """A venue that may stream what the account holds."""

    name: str

    @property
    def told(self) -> ToldAccount: ...

    def account_streams(self) -> bool:
        """Whether those streams and the ones of own orders and fills stand: what happens there is then told at once."""
        ...


@runtime_checkable
class KnowsUnopened(Protocol):
    """A venue whose account may hold what this desk cannot close, in markets that it has not open above all."""

    def unopened(self, positions: bool) -> str:
        """Orders (and positions) of that kind that it showed when it was asked last, in words; empty for none."""
        ...


class ClosingTerms(msgspec.Struct, frozen=True):
    """By which terms a position is closed now: lot and least quantity of `instrument`. `doubt`: why the venue may well
    refuse it, a part of a sentence; "" where nothing is against it."""

    instrument: Instrument
    doubt: str = ""


@runtime_checkable
class TellsClosing(Protocol):
    """A venue whose terms may have changed since the desk took them."""

    def closing(self, instrument: InstrumentId) -> ClosingTerms | None:
        """What goes for a closing order now, where that is not what the desk knows."""
        ...


@runtime_checkable
class MayStop(Protocol):
    """A venue that is a part of this desk, and may end before it."""

    #: Called with a sentence when it has.
    on_stopped: Callable[[str], None]


@runtime_checkable
class NeedsPrices(Protocol):
    """A venue that fills orders on prices of another one, which may be away."""

    def no_prices(self, instrument: InstrumentId) -> str:
        """Why nothing fills there now, as the end of a sentence; empty where something can."""
        ...


#: Notes of orders by which a venue itself closes a position.
LIQUIDATED, DELEVERAGED, SETTLED = (
    "liquidated by the venue",
    "auto-deleveraged by the venue",
    "settled by the venue at the end of the contract",
)


@runtime_checkable
class KnowsStrangers(Protocol):
    """A venue whose account others use too: it tells of orders that this desk did not make."""

    #: The desk's order of a client id, for those of its earlier runs.
    known_order: Callable[[ClientOrderId], Order | None]
    #: Takes an order of theirs at the first word of it; whether it is the desk's own from now on.
    on_stranger: Callable[[Order], bool]
    #: Grows whenever one was made, or has filled, that did not become the desk's own.
    stirred: int

    @property
    def place(self) -> str:
        """The exchange, and whether its test network: elsewhere nothing of the desk's books is true."""
        ...

    def remember(self, orders: Iterable[Order]) -> None:
        """Orders of the desk's earlier runs."""
        ...

    @property
    def adopts(self) -> bool:
        """Whether orders that others make are to become the desk's own."""
        ...

    async def stranger(self, client_id: ClientOrderId, instrument: InstrumentId) -> Order | None:
        """The order of a client id that the desk does not know, as one of its own; None if there is none."""
        ...

    async def entry_prices(self) -> dict[InstrumentId, Decimal]:
        """Average entry prices of the open derivative positions, as the venue shows them."""
        ...


@runtime_checkable
class AsksByInstrument(Protocol):
    """A venue where a question about all instruments takes long."""

    async def fills_of(self, instrument: InstrumentId, ts: int) -> Sequence[Fill]:
        """As `fills_since`, of one instrument."""
        ...

    async def fills_worked(self, ts: int) -> Sequence[Fill]:
        """As `fills_since`, of the instruments in which an order of the account (of others too) was heard of since `ts`
        or works."""
        ...


@runtime_checkable
class WatchesOrders(Protocol):
    """A venue that guards the instruments in which orders work."""

    #: The desk's orders that may be working there.
    working: Callable[[], Iterable[Order]]


@runtime_checkable
class WantsLeverage(Protocol):
    """A venue whose orders may have to name the leverage that the desk has set."""

    leverage_of: Callable[[Instrument], Decimal]


@runtime_checkable
class KnowsFees(Protocol):
    """A venue that lists fees for everybody, and may know what this account pays."""

    #: Instruments whose fees are known to be this account's own, not the list's.
    own_fees: frozenset[InstrumentId]


@runtime_checkable
class TellsTerms(Protocol):
    """A venue that learns after the start what its account pays."""

    #: Takes an instrument whose fees have turned out to be others.
    on_terms: Callable[[Instrument], None]
