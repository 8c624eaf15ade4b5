"""One venue class for every exchange that ccxt speaks to.

It connects by itself and goes on trying: `connect` returns at once, and the link says how it stands. Each time the link
or the stream of own orders has come back, `epoch` grows: the desk then compares orders, fills, positions and balances.
A request without an answer raises `NoAnswer`; only what was certainly refused is reported as refused.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

import msgspec

from workstation.clock import MILLISECOND, Clock
from workstation.domain import events as e
from workstation.domain.fill import Fill
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.margin import MarginMode, MarginTold
from workstation.domain.market import BookStale, MarketEvent, MarkPrice
from workstation.domain.order import CLOSED_STATES, ClientOrderId, Order, OrderState, OrderType, TimeInForce
from workstation.venues.ccxt import (
    account,
    borrowing,
    cancels,
    commands,
    link,
    margin_terms,
    money,
    recent,
    trades,
    unlisted,
)
from workstation.venues.ccxt.countdowns import Countdowns
from workstation.venues.ccxt.dead_man import BY_SWITCH, DeadMan
from workstation.venues.ccxt.errors import translated
from workstation.venues.ccxt.gate import RequestGate
from workstation.venues.ccxt.ids import external_id, to_wire
from workstation.venues.ccxt.lookup import ask_for_terms, find_order
from workstation.venues.ccxt.market_terms import Terms
from workstation.venues.ccxt.orders import adopted, fill_of, order_of, trade_id_of, whole
from workstation.venues.ccxt.own import OwnOrders
from workstation.venues.ccxt.particulars import Particulars
from workstation.venues.ccxt.prepared import PreparedOrders
from workstation.venues.ccxt.settings import Credentials, CredentialSource, VenueSettings, no_credentials
from workstation.venues.ccxt.silence import Silence
from workstation.venues.ccxt.stream_state import StreamState
from workstation.venues.ccxt.streams import Streams
from workstation.venues.ccxt.told import BALANCES, POSITIONS, AccountNews
from workstation.venues.contract import (
    Capabilities,
    ClosingTerms,
    EntrySink,
    LinkState,
    MarketSink,
    OrderSink,
    StreamAge,
    VenueError,
    VenueOrder,
    VenueUnreachable,
)
from workstation.venues.urgency import Urgency, afresh, urgency_now, urgent

#: Seconds that an exchange may take to show what it has let in: its matching is behind when much is going on.
_LAG = 10.0
#: Seconds after an acknowledgement that said nothing of the order's state until the venue is asked.
_LOOK_AGAIN = 1.0
#: Orders of others that are remembered.
_STRANGERS = 5_000


class CcxtVenue:
    """A real exchange. See `Venue` for the contract; the parts are `link` (life), `commands`, `streams` and `own`
    (reports)."""

    def __init__(
        self,
        name: str,
        facts: Particulars,
        settings: VenueSettings,
        instruments: Mapping[str, Instrument],
        clock: Clock,
        credentials: CredentialSource = no_credentials,
        *,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`instruments` by ccxt's symbol, as they were when the exchange was last asked; nothing is imported yet."""
        self.name = name
        self.facts = facts
        self.settings = settings
        self.clock = clock
        self.markets: dict[str, Instrument] = dict(instruments)
        self.symbols: dict[InstrumentId, str] = {each.id: symbol for symbol, each in instruments.items()}
        self.credentials = credentials
        self.jitter = jitter
        #: How it lends, if it is set up for spot on margin.
        self.lending = borrowing.lending_of(facts, settings)
        #: Coins in which interest was taken that nothing has priced, as far as the trader was told.
        self.unpriced: set[str] = set()
        self.capabilities = Capabilities(
            order_types=frozenset({OrderType.MARKET, OrderType.LIMIT}),
            tifs=frozenset({TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK}),
            amend=facts.amend,
            iceberg=False,
            reduce_only=True,
            simulated_money=False,
            closes_whole=bool(facts.whole_close),
        )
        self.exchange: Any = None
        self.keys: Credentials | None = None
        self.gate: RequestGate | None = None
        self.streams: Streams | None = None
        self.state = LinkState.DOWN
        #: Grows whenever the desk must compare itself with the venue anew, and why it did last.
        self.epoch, self.why_anew = 0, ""
        self.on_anew: Callable[[], None] = lambda: None
        #: Server's clock less ours in ns, and how long its answer took; None before it was first asked.
        self.drift: int | None = None
        self.round_trip: int | None = None
        self.clock_way = 0  # ns: the way of the question that `drift` rests on
        #: What ccxt's clock is ahead of the server's, in ms: what it signs is that much earlier.
        self.signs_ahead = 0
        #: UTC ns at which the desk first reached it, in this run or an earlier one on the same store.
        self.first_seen = 0
        self.dead_man = Countdowns(self) if facts.dead_man_cost else DeadMan(self)
        self.prepared = PreparedOrders()
        self.told = AccountNews()
        self.terms = Terms()
        self.silence_asked = Silence()
        self.others = account.Others()
        #: Told of leverage and mode that a stream has told.
        self.on_margin: Callable[[InstrumentId, MarginTold], None] = lambda _instrument, _word: None
        #: The margin modes that it has told last, or taken.
        self.modes: dict[InstrumentId, MarginMode] = {}
        #: Instruments whose leverage or mode the desk is changing: what is told of them meanwhile is its own doing.
        self.changing: set[InstrumentId] = set()
        #: Positions as ccxt showed them last, and when (the loop's clock).
        self.shown_positions: tuple[float, list[Mapping[str, Any]]] = (float("-inf"), [])
        self.probe_now = asyncio.Event()
        #: Seconds after the time that a request bears (by the exchange's clock) from which on it shows what became of
        #: it. The setting of two classes of ccxt may make it longer.
        asked = float(settings.options.get("recvWindow") or 0) / 1_000
        self.shows_after = max(facts.receive_window, asked) + _LAG
        self._marks: dict[InstrumentId, Decimal] = {}
        #: Why the link is as it is, a sentence.
        self.said = "not connected yet"
        self.on_notice: Callable[[str, str], None] = lambda _level, _sentence: None
        #: The desk's order of a client id, for those of its earlier runs.
        self.known_order: Callable[[ClientOrderId], Order | None] = lambda _client_id: None
        #: The desk's orders that may be working here.
        self.working: Callable[[], Iterable[Order]] = lambda: ()
        #: The leverage that the desk has set for an instrument.
        self.leverage_of: Callable[[Instrument], Decimal] = lambda instrument: instrument.leverage
        #: Instruments whose fees are known to be this account's own, not the list's.
        self.own_fees: frozenset[InstrumentId] = frozenset()
        #: Told of an instrument whose fees have turned out to be others.
        self.on_terms: Callable[[Instrument], None] = lambda _instrument: None
        #: Told of what this account pays, by ccxt's symbol: as maker and as taker.
        self.on_fees: Callable[[Mapping[str, tuple[Decimal, Decimal]]], None] = lambda _fees: None
        #: Told of an exchange object whose markets were just loaded.
        self.on_markets: Callable[[Any], None] = lambda _exchange: None
        self.on_entry: EntrySink | None = None
        self._market_sink: MarketSink | None = None
        self._order_sink: OrderSink | None = None
        self._task: asyncio.Task[None] | None = None
        self._later: set[asyncio.Task[None]] = set()
        self._closed = False
        #: Orders of others that the desk has not adopted, as they were told of last; the oldest are let go.
        self.strangers: dict[ClientOrderId, Order] = {}
        self.stirred = 0
        self.on_stranger: Callable[[Order], bool] = lambda _order: False
        #: Orders whose terms it is being asked for.
        self.differing: set[ClientOrderId] = set()
        self.own = OwnOrders(
            clock=clock,
            rule=facts.ids,
            per_symbol=facts.trade_id_per_symbol,
            counted=facts.counted,
            instrument_of=self.markets.get,
            market_id=self.market_id,
            known=self._known,
            report=self.report,
            fills_missing=self._fills_missing,
            stranger=self._stranger,
            revived=partial(self.later, self._compare_revived, _LOOK_AGAIN),
            differs=partial(ask_for_terms, self),
        )

    def _known(self, client_id: ClientOrderId) -> Order | None:
        return self.known_order(client_id)

    # Life.

    @property
    def link(self) -> LinkState:
        return self.state

    @property
    def place(self) -> str:
        return self.settings.place(self.facts.ccxt)

    @property
    def trades(self) -> bool:
        """Whether orders go there."""
        return not self.settings.data_only

    def notice(self, level: str, sentence: str) -> None:
        """For the desk's log, wherever that is by now."""
        self.on_notice(level, sentence)

    def stream_states(self) -> list[StreamState]:
        return [] if self.streams is None else list(self.streams.states.values())

    @property
    def silence(self) -> int:
        return self.settings.silence_ms * MILLISECOND

    def stream_ages(self) -> list[StreamAge]:
        return [] if self.streams is None else self.streams.ages()

    async def connect(self, on_market: MarketSink, on_order: OrderSink) -> None:
        """Begin to connect, and return: the link tells when it stands."""
        if self._closed:
            raise VenueUnreachable(f"{self.name} is closed.")
        self._market_sink, self._order_sink = on_market, on_order
        if self._task is None:
            self.state = LinkState.CONNECTING
            self._task = asyncio.create_task(link.keep(self), name=f"link to {self.name}")

    async def close(self) -> None:
        """Working orders stay at the venue, and its dead man's switch is let go, unless `leave_armed` was called."""
        self._closed = True
        self.state = LinkState.DOWN
        task, self._task = self._task, None
        for each in [*self._later, *([task] if task else [])]:
            each.cancel()
        await asyncio.gather(*self._later, *([task] if task else []), return_exceptions=True)
        await link.part(self)
        self._market_sink = self._order_sink = self.on_entry = None

    def instruments(self) -> Sequence[Instrument]:
        return list(self.markets.values())

    def market_id(self, symbol: str) -> str:
        market = (self.exchange.markets or {}).get(symbol) if self.exchange is not None else None
        return str(market["id"]) if market else symbol

    def hears_orders(self) -> bool | None:
        own = [state.up for state in self.stream_states() if state.name.startswith("watch_")]
        return all(own) if own else None

    def account_streams(self) -> bool:
        states = [state.up for state in self.stream_states() if state.name in (BALANCES, POSITIONS)]
        return bool(states) and all(states) and self.hears_orders() is True

    def request_life(self) -> float:
        # elsewhere a request bears the exchange's own time, however wrong this machine's is
        return self.shows_after + (max(0, self.signs_ahead) / 1_000 if self.facts.signs_by_own_clock else 0)

    def dead_man_holds(self) -> bool | None:
        return self.dead_man.holds(self.clock.now())

    def dead_man_count(self) -> tuple[int, int] | None:
        return self.dead_man.count()

    def leave_armed(self) -> None:
        self.dead_man.stays = True

    def last_mark(self, instrument: InstrumentId) -> Decimal | None:
        return self._marks.get(instrument)

    def market_event(self, event: MarketEvent) -> None:
        if isinstance(event, MarkPrice):
            self._marks[event.instrument] = event.price
        elif self.terms.amiss and event.instrument in self.terms.amiss and not isinstance(event, BookStale):
            return  # counted in ticks and lots that are none any more
        if self._market_sink is not None:
            self._market_sink(event)

    def report(self, event: e.OrderEvent) -> None:
        if self._order_sink is not None:
            self._order_sink(event)

    def _stranger(self, structure: Mapping[str, Any], shown: VenueOrder) -> None:
        """An order of the account that this desk did not make: adopted at once where all is told that it takes, else
        the next comparison decides what becomes of it. One that has ended without a fill has touched nothing."""
        if shown.state in CLOSED_STATES and not shown.filled:
            self.strangers.pop(shown.client_id, None)
            return
        order = adopted(structure, shown, self.clock.now())
        if whole(order) and self.on_stranger(order):
            self.strangers.pop(shown.client_id, None)
            return
        before = self.strangers.get(shown.client_id)
        if before is None or before.filled != shown.filled:
            self.stirred += 1
        self.strangers[shown.client_id] = order
        if len(self.strangers) > _STRANGERS:
            self.strangers.pop(next(iter(self.strangers)))

    def anew(self, why: str) -> None:
        """Have the desk compare itself with the venue; `why`, as the rest of "NOVA is REDUCING: …"."""
        self.epoch, self.why_anew = self.epoch + 1, why
        self.on_anew()

    async def _compare_revived(self) -> None:
        self.anew("an order works there that it had said it never had")

    def later(self, work: Callable[[], Awaitable[None]], after: float = 0.0) -> None:
        """Do something beside, after a pause; what goes wrong there is logged."""

        async def do() -> None:
            try:
                await asyncio.sleep(after)
                await work()
            except VenueError as error:
                self.on_notice("info", str(error))
            except Exception as error:
                self.on_notice("error", f"{self.name}: {error!r}")

        # who begins it does not wait for it, and what holds for his order does not hold for it
        task = asyncio.create_task(do(), name=f"{self.name} later", context=afresh())
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    # Requests.

    def up(self) -> Any:
        """The exchange object of a venue that orders can be sent to. Raises `VenueUnreachable`, and `VenueError` where
        there is no key for the account."""
        if self.state is not LinkState.CONNECTED or self.exchange is None:
            raise VenueUnreachable(f"{self.name} is not connected ({self.said}).")
        if self.keys is None:
            raise VenueError(f"There is no API key for {self.name}: tws keys add {self.name.lower()} keeps one.")
        return self.exchange

    async def ask[T](self, doing: str, question: Awaitable[T], urgency: Urgency | None = None) -> T:
        """A question to the exchange, its exceptions as the contract's; as urgent as who asks, unless told."""
        try:
            with urgent(urgency_now() if urgency is None else urgency):
                return await question
        except Exception as error:
            self.note_limit(error)
            raise translated(error, self.name, doing) from error

    def note_limit(self, error: BaseException) -> None:
        self.silence_asked.note(self, error)

    def symbol_of(self, instrument: InstrumentId) -> str:
        """ccxt's symbol of an instrument. Raises `VenueError`."""
        symbol = self.symbols.get(instrument)
        if symbol is None:
            raise VenueError(f"{self.name} has no {instrument.partition(':')[2]}.")
        return symbol

    def took(self, client_id: ClientOrderId, answer: Any) -> None:
        """What the exchange answered to a command; if that tells no state, it is asked a moment later."""
        shown = self.own.on_order({**answer, "clientOrderId": to_wire(client_id, self.facts.ids)}) if answer else None
        if shown is None:
            self.later(partial(self.look_again, client_id), _LOOK_AGAIN)

    async def look_again(self, client_id: ClientOrderId) -> None:
        """Ask what became of an order of which an end or an acceptance is still missing."""
        track = self.own.track(client_id)
        if track is None or track.ended or self.state is not LinkState.CONNECTED:
            return
        structure = await find_order(self, client_id)
        if structure is not None:
            self.own.on_order(structure)

    def expect(self, order: Order) -> None:
        commands.expect(self, order)

    async def submit(self, order: Order) -> None:
        await commands.submit(self, order)

    async def amend(
        self, order: Order, quantity: Decimal | None, price: Decimal | None, stop_price: Decimal | None
    ) -> None:
        await commands.amend(self, order, quantity, price)

    async def cancel(self, order: Order) -> None:
        await commands.cancel(self, order)

    async def cancel_all(self, instrument: InstrumentId | None = None) -> None:
        """By the venue's own call where it has one, else each order by itself, side by side; before all that waits."""
        with urgent(Urgency.KILL):
            await cancels.cancel_all(self, self.up(), instrument)

    # Questions.

    async def order_status(self, client_id: ClientOrderId) -> VenueOrder | None:
        try:
            structure = await find_order(self, client_id)
        except VenueError as error:
            order = self.known_order(client_id)
            if type(error) is not VenueError or order is None or order.instrument not in self.terms.unlisted:
                raise
            return await unlisted.status(self, self.up(), order, error)
        return None if structure is None else self.shown(structure, client_id)

    def shown(self, structure: Mapping[str, Any], client_id: ClientOrderId | None = None) -> VenueOrder | None:
        """ccxt's order as the desk shows it, without a report."""
        instrument = self.markets.get(str(structure.get("symbol")))
        if instrument is None:
            return None
        if client_id is not None and not external_id(client_id):
            self.own.bind(client_id, str(structure.get("id") or ""))
            structure = {**structure, "clientOrderId": to_wire(client_id, self.facts.ids)}
        shown = order_of(structure, instrument, self.facts.ids)
        if shown is not None and client_id is None:
            shown = msgspec.structs.replace(shown, client_id=self.own.name_of(structure))
        if shown is None or shown.state is not OrderState.CANCELED:
            return shown
        if not self.dead_man.explains(structure.get("lastUpdateTimestamp")):
            return shown
        return msgspec.structs.replace(shown, reason=f"{BY_SWITCH} ({shown.reason})" if shown.reason else BY_SWITCH)

    async def open_orders(self) -> Sequence[VenueOrder]:
        exchange = self.up()
        structures = await self.ask("the open orders", account.working(self, exchange))
        found = [shown for each in structures if (shown := self.shown(each)) is not None]
        return [order for order in found if order.state.value not in ("canceled", "filled", "expired", "rejected")]

    def closing(self, instrument: InstrumentId) -> ClosingTerms | None:
        known = self.markets.get(self.symbols.get(instrument, ""))
        return self.terms.closing(instrument, known)

    async def orders_since(self, ts: int, instruments: Collection[InstrumentId]) -> tuple[Sequence[VenueOrder], bool]:
        listed = [each for each in instruments if each not in self.terms.unlisted]  # others would fail the question
        exchange, symbols = self.up(), {self.symbol_of(each) for each in listed}
        structures, whole = await self.ask("the orders", recent.orders_since(self, exchange, ts, symbols))
        found = [shown for each in structures if (shown := self.shown(each)) is not None]
        for shown in found:
            self.own.bind(shown.client_id, shown.venue_order_id)
        return found, whole and len(listed) == len(instruments)

    def unopened(self, positions: bool) -> str:
        return self.others.words(positions)

    async def fills_since(self, ts: int) -> Sequence[Fill]:
        return await self._fills(ts, partial(trades.my_trades, self, self.up()))

    async def fills_of(self, instrument: InstrumentId, ts: int) -> Sequence[Fill]:
        return await self._fills(ts, partial(trades.trades_of, self, self.up(), self.symbol_of(instrument)))

    async def fills_worked(self, ts: int) -> Sequence[Fill]:
        worked = {instrument for instrument, at in self.own.moved.items() if at >= ts}
        worked |= {order.instrument for order in self.working()}
        symbols = [symbol for symbol, each in self.markets.items() if each.id in worked]
        return await self._fills(ts, partial(trades.my_trades, self, self.up(), symbols=symbols))

    async def _fills(self, ts: int, asked: Callable[[int], Awaitable[list[Mapping[str, Any]]]]) -> Sequence[Fill]:
        ts = max(0, ts - trades.margin(self))
        structures = await self.ask("the fills", asked(max(0, ts // MILLISECOND - 1)))
        fills = [fill for each in structures if (fill := self._fill(each)) is not None and fill.ts >= ts]
        heard = self.own.heard  # fills of one millisecond stand as the stream told them
        unique = {fill.trade_id: fill for fill in fills}.values()
        return sorted(unique, key=lambda fill: (fill.ts, heard.get(fill.trade_id, len(heard))))

    def _fill(self, structure: Mapping[str, Any]) -> Fill | None:
        instrument = self.markets.get(str(structure.get("symbol")))
        if instrument is None or structure.get("id") is None:
            return None
        trade_id = trade_id_of(structure, self.market_id(str(structure["symbol"])), self.facts.trade_id_per_symbol)
        client_id = self.own.owner(structure)
        return fill_of(structure, client_id, instrument, trade_id, self.clock.now(), self.facts.counted)

    def _fills_missing(self, instrument: InstrumentId) -> None:
        """The streams may still bring them: a moment later they are asked for."""
        self.later(partial(trades.fetch_missing, self, instrument), trades.FIRST_PAUSE)

    async def balances(self) -> dict[str, Decimal]:
        return await self.ask("the balances", money.balances(self, self.up()))

    async def positions(self) -> dict[InstrumentId, Decimal]:
        return await self.ask("the positions", account.positions(self, self.up()))

    # Orders that others made.

    @property
    def adopts(self) -> bool:
        return self.settings.external_orders == "adopt"

    def remember(self, orders: Iterable[Order]) -> None:
        self.own.remember(orders)

    async def stranger(self, client_id: ClientOrderId, instrument: InstrumentId) -> Order | None:
        told = self.strangers.get(client_id)
        if told is not None and whole(told):  # a question for each would leave none for the desk's own orders
            return told
        structure = await find_order(self, client_id, instrument)
        shown = None if structure is None else self.shown(structure)
        if structure is None or shown is None:
            return None
        if (ours := self.known_order(shown.client_id)) is not None:
            self.own.bind(ours.client_id, shown.venue_order_id)
            return ours
        order = self.strangers[shown.client_id] = adopted(structure, shown, self.clock.now())
        return order

    async def entry_prices(self) -> dict[InstrumentId, Decimal]:
        return await self.ask("the positions", account.entry_prices(self, self.up()))

    # Margin.

    async def entries_since(self, ts: int) -> Sequence[e.VenueEntry]:
        return await self.ask("the funding payments", account.entries(self, self.up(), ts))

    async def margin_told(self, wanted: Sequence[InstrumentId]) -> dict[InstrumentId, MarginTold]:
        question = margin_terms.margin_told(self, self.up(), wanted)
        found = await self.ask("leverage and margin mode", question, Urgency.BACKGROUND)
        self.modes |= {name: word.mode for name, word in found.items() if word.mode is not None}
        return {name: word for name, word in found.items() if name not in self.changing}

    async def set_leverage(self, instrument: InstrumentId, leverage: Decimal) -> None:
        symbol = self.symbol_of(instrument)
        if (
            self.lending is not None
        ):  # the desk's own bound: one for the whole account, which the exchange need not know
            for each in self.markets.values():
                self._booked(e.LeverageChanged, "leverage", each.id, leverage=leverage)
            return
        change = margin_terms.set_leverage(self, self.up(), symbol, leverage)
        mode = await self._change(instrument, self.ask("the change of leverage", change, Urgency.ORDER))
        if mode is not None and self.modes.get(instrument) is not mode:
            self.modes[instrument] = mode
            self._booked(e.MarginModeChanged, "margin", instrument, mode=mode)
        self._booked(e.LeverageChanged, "leverage", instrument, leverage=leverage)

    async def set_margin_mode(self, instrument: InstrumentId, mode: MarginMode) -> None:
        symbol = self.symbol_of(instrument)
        if (why := margin_terms.mode_refusal(self, instrument, mode)) is not None:
            raise VenueError(why)
        change = margin_terms.set_mode(self, self.up(), symbol, mode)
        await self._change(instrument, self.ask("the change of margin mode", change, Urgency.ORDER))
        self.modes[instrument] = mode
        self._booked(e.MarginModeChanged, "margin", instrument, mode=mode)

    async def _change[T](self, instrument: InstrumentId, change: Awaitable[T]) -> T:
        self.changing.add(instrument)
        try:
            return await change
        finally:
            self.changing.discard(instrument)

    def _booked(self, kind: Callable[..., e.VenueEntry], word: str, instrument: InstrumentId, **terms: Any) -> None:
        """Tell of a change that the venue has made: it has no id of its own there."""
        if self.on_entry is not None:
            now = self.clock.now()
            entry_id = f"{word}-{instrument}-{now}"
            self.on_entry(kind(ts=now, venue=self.name, entry_id=entry_id, instrument=instrument, **terms))

    # From the watchdog's thread.

    def cancel_all_from_thread(self, timeout: float) -> str:
        from workstation.venues.ccxt.from_thread import cancel_all

        return cancel_all(self, timeout)
