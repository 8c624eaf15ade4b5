"""What a rebalance wants next. Pure: the same situation gives the same intents, before and after a crash.

- Of every trade at most one order is out, so what is out and what has filled never exceeds the trade.
- A venue's sales of a currency come first: its buys in that currency begin when nothing of them is left to do.
- An order takes: a limit that cancels what does not fill at once, a little beyond the best price of the other side.
  With patience it first waits at the best price of its own side; only when its cancel is CONFIRMED does the next take.
- No price is worse than the trade's reference by more than the rebalance's drift; a market that is there is waited for.
- A sale never exceeds what is held and free, a buy never what is there to pay it with.
- Paused, or past its end, what is out is pulled and nothing is sent. An ended rebalance stays ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from workstation.clock import SECOND
from workstation.domain.events import TradingState
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.numbers import ONE, ZERO, add, divide, floor_to, multiply, plain, subtract
from workstation.domain.order import Order, OrderDraft, OrderState, OrderType, Side, TimeInForce
from workstation.domain.plan import PlanState
from workstation.domain.rebalance import Rebalance, RebalanceTrade
from workstation.trading.execution.schedule import smallest_slice
from workstation.trading.plans.intents import Pull, Send, Wake
from workstation.trading.plans.tally import next_try_of

#: How far an order that takes reaches beyond the best price of the other side, as a share of it.
_REACH = Decimal("0.0005")
#: Share of the limit of one order's value that an order uses: prices move between the judgement and the fill.
_OF_LIMIT = Decimal("0.95")
_CANCEL_AGAIN = SECOND // 2
#: The end of an order is dated by its venue, whose clock may be so far behind the desk's.
_SKEW = 5 * SECOND


class Finish(msgspec.Struct, frozen=True):
    """The rebalance ends. `loud`: something was left undone."""

    state: PlanState
    reason: str
    loud: bool = False


type Want = Send | Pull | Wake | Finish


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """One trade and all that its rule may look at. Prices are None where the book is stale or one-sided.

    `orders` are the trade's, oldest first; `busy`: one is being handed over at this moment. `holding` is what of a spot
    holding may be sold, working orders left out (None: not spot, or a buy); `money` what the venue has free for a buy,
    in the settlement currency (None: it binds none); `leverage` that of the instrument; `most` the largest value of one
    order, in the settlement currency (None: no bound). `denied_until`: UTC ns until which risk says no, for `denied`.
    """

    trade: RebalanceTrade
    instrument: Instrument
    orders: Sequence[Order] = ()
    bid: Decimal | None = None
    ask: Decimal | None = None
    holding: Decimal | None = None
    money: Decimal | None = None
    leverage: Decimal = ONE
    most: Decimal | None = None
    busy: bool = False
    denied_until: int = 0
    denied: str = ""

    @property
    def filled(self) -> Decimal:
        total = ZERO
        for order in self.orders:
            total = add(total, order.filled)
        return total

    @property
    def left(self) -> Decimal:
        return max(ZERO, subtract(self.trade.quantity, self.filled))

    @property
    def live(self) -> list[Order]:
        return [order for order in self.orders if order.is_open]

    @property
    def near(self) -> Decimal | None:
        """The best price of the trade's own side."""
        return self.bid if self.trade.side is Side.BUY else self.ask

    @property
    def far(self) -> Decimal | None:
        """The best price that it could take."""
        return self.ask if self.trade.side is Side.BUY else self.bid

    @property
    def pool(self) -> tuple[str, str]:
        return (self.instrument.venue, self.instrument.settlement)

    @property
    def smallest(self) -> Decimal:
        """The least quantity that the venue takes; of a reduce-only order, one lot."""
        price = self.far or self.near or self.trade.reference
        return smallest_slice(self.instrument, price) if not self.trade.reduce_only else self.instrument.lot

    def room(self) -> Decimal | None:
        """What may be traded at most, by what is held or by the money that is there; None: no bound."""
        if self.trade.side is Side.SELL and self.holding is not None:
            return floor_to(max(self.holding, ZERO), self.instrument.lot)
        if self.money is None:
            return None
        price = self.taking_price() or self.near or self.trade.reference
        unit = self.instrument.notional(ONE, price)
        share = ONE if self.instrument.is_spot else divide(ONE, self.leverage)
        fee = max(self.instrument.taker_fee, self.instrument.maker_fee, ZERO)
        return floor_to(max(ZERO, divide(self.money, multiply(unit, add(share, fee)))), self.instrument.lot)

    @property
    def is_short(self) -> bool:
        """Whether too little is held, or too little money there, for even the smallest order of what is left."""
        room = self.room()
        return room is not None and room < min(self.smallest, self.left)

    @property
    def is_dust(self) -> bool:
        """Whether what is left is too small to be sent."""
        return self.left < self.smallest

    @property
    def is_done(self) -> bool:
        """Nothing is out and nothing is left to be sent."""
        return not self.live and not self.busy and (self.left == 0 or self.is_dust)

    def worst(self, drift: Decimal) -> Decimal:
        """The worst price that an order of it may trade at, on the tick."""
        reach = multiply(self.trade.reference, drift)
        if self.trade.side is Side.BUY:
            return floor_to(add(self.trade.reference, reach), self.instrument.tick)
        floor = floor_to(subtract(self.trade.reference, reach), self.instrument.tick)
        return add(floor, self.instrument.tick)

    def taking_price(self) -> Decimal | None:
        if self.far is None:
            return None
        reach = multiply(self.far, _REACH)
        if self.trade.side is Side.BUY:
            return floor_to(add(self.far, reach), self.instrument.tick)
        return max(self.instrument.tick, floor_to(subtract(self.far, reach), self.instrument.tick))


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """A rebalance at one instant. `room`: orders that may be sent now (the order-rate limit)."""

    rebalance: Rebalance
    works: Sequence[Work]
    now: int
    state: TradingState = TradingState.ACTIVE
    room: int = 1_000


def decide(s: Scene) -> list[Want]:
    """The intents in the order in which they are to be carried out. HALTED: none, whatever the rebalance wants."""
    if s.state is TradingState.HALTED:
        return []
    if not s.rebalance.is_active or s.rebalance.is_paused:
        return _pull(s)
    if s.now >= s.rebalance.ends_at:
        late = _left_words(s)
        return [Finish(PlanState.DONE, f"its time is over{f': {late}' if late else ''}", loud=bool(late))]
    if all(work.is_done for work in s.works):
        left = _left_words(s, dust=False)
        return [Finish(PlanState.DONE, left or "every trade is done", loud=bool(left))]
    wants: list[Want] = [Wake(s.rebalance.ends_at)]
    first = {work.pool for work in s.works if work.trade.side is Side.SELL and not _is_over(work)}
    room = s.room
    for work in s.works:
        for want in _work(s, work, waits=work.trade.side is Side.BUY and work.pool in first, room=room):
            room -= isinstance(want, Send)
            wants.append(want)
    if len(wants) == 1 and all(_is_over(work) for work in s.works):
        return [Finish(PlanState.DONE, _left_words(s), loud=True)]
    return wants


def blocked(s: Scene) -> dict[InstrumentId, str]:
    """Why trades that want something do not send, in a few words, by instrument."""
    found: dict[InstrumentId, str] = {}
    first = {work.pool for work in s.works if work.trade.side is Side.SELL and not _is_over(work)}
    for work in s.works:
        name = work.trade.instrument
        if work.live or work.busy or work.is_done:
            continue
        if work.trade.side is Side.BUY and work.pool in first:
            found[name] = "waits for the sales"
        elif work.is_short:
            found[name] = "is no longer held" if work.trade.side is Side.SELL else "the money is not there"
        elif work.far is None:
            found[name] = "waits for a price"
        elif _beyond(work, s.rebalance.drift):
            found[name] = f"the price is beyond {plain(work.worst(s.rebalance.drift))}"
        elif work.denied_until > s.now:
            found[name] = work.denied
    return found


def _is_over(work: Work) -> bool:
    """Done, or nothing is out and too little is there for what is left."""
    return work.is_done or (not work.live and not work.busy and work.is_short)


def _left_words(s: Scene, dust: bool = True) -> str:
    parts = []
    for work in s.works:
        if work.left and (dust or not work.is_dust):
            why = ""
            if work.is_short:
                why = ", no longer held" if work.trade.side is Side.SELL else ", the money is not there"
            what = "unsold" if work.trade.side is Side.SELL else "not bought"
            parts.append(f"{plain(work.left)} {work.instrument.symbol} {what}{why}")
    return "; ".join(parts)


def _pull(s: Scene) -> list[Want]:
    return [want for work in s.works for want in _cancel(s, work.live)]


def _cancel(s: Scene, orders: Sequence[Order]) -> list[Want]:
    wants: list[Want] = []
    for order in orders:
        if order.state is OrderState.PENDING_CANCEL:
            continue
        again = order.updated_at + _CANCEL_AGAIN
        wants.append(Wake(again) if order.reason and again > s.now else Pull(order.client_id))
    return wants


def _beyond(work: Work, drift: Decimal) -> bool:
    worst, far = work.worst(drift), work.far
    if far is None:
        return False
    return far > worst if work.trade.side is Side.BUY else far < worst


def _work(s: Scene, work: Work, *, waits: bool, room: int) -> list[Want]:
    if work.busy:
        return []
    if work.live:
        return _keep(s, work)
    if waits or _is_over(work):
        return []
    if (again := max(next_try_of(work.orders), work.denied_until)) > s.now:
        return [Wake(again)]
    if room <= 0:
        return [Wake(s.now + SECOND // 4)]
    draft = _draft(s, work)
    return [Wake(s.now + SECOND)] if draft is None else [Send(draft)]


def _keep(s: Scene, work: Work) -> list[Want]:
    """The order that is out: its patience ends."""
    order = work.live[-1]
    if order.tif is not TimeInForce.GTC or order.state is OrderState.UNKNOWN:
        return []
    until = order.created_at + s.rebalance.patience
    return _cancel(s, [order]) if s.now >= until else [Wake(until)]


def _draft(s: Scene, work: Work) -> OrderDraft | None:
    """The next order of a trade; None while the market is not to be had within the drift."""
    if _beyond(work, s.rebalance.drift):
        return None
    price, tif = work.taking_price(), TimeInForce.IOC
    if s.rebalance.patience and not _takes(work, s.rebalance.patience):
        price, tif = work.near, TimeInForce.GTC
    if price is None:
        return None
    worst = work.worst(s.rebalance.drift)
    price = min(price, worst) if work.trade.side is Side.BUY else max(price, worst)
    quantity = work.left
    if (most := work.room()) is not None:
        quantity = min(quantity, most)
    if work.most is not None:
        by_value = divide(multiply(work.most, _OF_LIMIT), work.instrument.notional(ONE, price))
        quantity = min(quantity, max(work.smallest, floor_to(by_value, work.instrument.lot)))
    rest = subtract(work.left, quantity)
    if ZERO < rest < work.smallest and quantity > multiply(work.smallest, Decimal(2)):
        quantity = subtract(quantity, work.smallest)  # leave no rest that is too small to be sent
        quantity = floor_to(quantity, work.instrument.lot)
    return OrderDraft(
        instrument=work.trade.instrument,
        side=work.trade.side,
        quantity=quantity,
        type=OrderType.LIMIT,
        price=price,
        tif=tif,
        reduce_only=work.trade.reduce_only,
        origin=s.rebalance.origin,
        note=s.rebalance.name,
        plan=s.rebalance.rebalance_id,
        leg=work.trade.instrument,
    )


def _takes(work: Work, patience: int) -> bool:
    """Whether the last order waited in vain, so that this one takes; one that a pause pulled sooner did not."""
    if not work.orders:
        return False
    last = work.orders[-1]
    waited = last.updated_at - last.created_at + min(patience // 2, _SKEW)
    return last.tif is TimeInForce.GTC and last.state is OrderState.CANCELED and waited >= patience
