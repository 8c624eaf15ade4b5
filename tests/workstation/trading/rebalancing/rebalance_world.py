"""A desk and two venues made of the real pure parts, where every order does what the test says.

The desk: the real core, journal fold, planning and rules. A venue takes an order, fills some of it and closes it, or
lets it rest, or gives no answer; what it does never depends on what the desk believes.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from workstation.clock import SECOND
from workstation.domain import events as e
from workstation.domain.fill import Fill, Liquidity
from workstation.domain.instrument import ContractType, Instrument, InstrumentId
from workstation.domain.market import BookSnapshot
from workstation.domain.numbers import ZERO, floor_to, multiply
from workstation.domain.order import Order, OrderState, Side, TimeInForce
from workstation.domain.rebalance import Rebalance
from workstation.market.data import MarketData
from workstation.trading.core import TradingCore
from workstation.trading.limits import RiskLimits
from workstation.trading.plans.intents import Pull, Send
from workstation.trading.rebalancing.looking import assets_of, preview, scene
from workstation.trading.rebalancing.planning import Proposal, Wish, propose
from workstation.trading.rebalancing.working import Finish, decide

START = 1_000 * SECOND
D = Decimal


def spot(venue: str, base: str, lot: str, tick: str = "0.01", fee: str = "0.001") -> Instrument:
    return Instrument(
        venue=venue, symbol=f"{base}-USDT", base=base, quote="USDT", tick=D(tick), lot=D(lot), min_quantity=D(lot),
        min_notional=D(5), taker_fee=D(fee), maker_fee=D(fee),
    )  # fmt: skip


PERP = Instrument(
    venue="V", symbol="BTC-PERP", base="BTC", quote="USDT", tick=D("0.1"), lot=D("0.001"),
    contract=ContractType.LINEAR, taker_fee=D("0.0005"), leverage=D(5),
)  # fmt: skip
INSTRUMENTS = (
    spot("V", "BTC", "0.00001"), spot("V", "ETH", "0.0001"), spot("V", "SOL", "0.01"), spot("W", "XRP", "1", "0.0001"),
    PERP,
)  # fmt: skip
PRICES = {"V:BTC-USDT": D(64_000), "V:ETH-USDT": D(3_200), "V:SOL-USDT": D(150), "W:XRP-USDT": D("0.6"),
          "V:BTC-PERP": D(63_900)}  # fmt: skip
GENEROUS = RiskLimits(
    max_order_value=D(10**9), max_position_value=D(10**9), max_exposure=D(10**9), max_leverage=D(1000),
    max_instrument_leverage=D(1000), max_orders_per_second=1000, duplicate_window_ms=0, max_working_orders=10_000,
)  # fmt: skip


class World:
    def __init__(self, money: dict[str, Decimal], limits: RiskLimits = GENEROUS) -> None:
        self.limits = limits
        self.market = MarketData(INSTRUMENTS)
        self.journal: list[Any] = []
        self.now = START
        self.sequence = 0
        self.ids = 0
        self.sent: list[Order] = []
        self.most_seen: dict[InstrumentId, Decimal] = {}
        self.core = self._empty()
        self.prices = dict(PRICES)
        for name in self.prices:
            self.quote(name, self.prices[name])
        for venue, amount in money.items():
            self.note(e.BalanceAdjusted(ts=self.now, venue=venue, currency="USDT", amount=amount, reason="opening"))

    def _empty(self) -> TradingCore:
        return TradingCore(INSTRUMENTS, self.market, self.limits)

    def quote(self, name: InstrumentId, mid: Decimal, half: str = "0.0002", depth: int = 10**9) -> None:
        """A book of a few levels around a price."""
        self.prices[name] = mid
        terms = self.core.instruments[name] if hasattr(self, "core") else None
        assert terms is not None
        self.sequence += 1
        gap = max(1, int(multiply(mid, D(half)) / terms.tick))
        centre = int(mid / terms.tick)
        bids = tuple((centre - gap - step, depth) for step in range(3))
        asks = tuple((centre + gap + step, depth) for step in range(3))
        self.market.apply(BookSnapshot(name, self.now, self.sequence, bids, asks))

    def note(self, event: Any) -> None:
        if isinstance(event, e.BalanceAdjusted | e.RebalanceStarted | e.RebalanceChanged | e.RebalanceEnded
                      | e.TradingStateChanged):  # fmt: skip
            self.core.apply_account(event)
        elif self.core.apply_order(event).outcome != "applied":
            return
        self.journal.append(event)

    def restart(self) -> None:
        """The desk is killed and comes back with what its journal holds."""
        self.core = self._empty()
        self.core.fold(self.journal)

    def give(self, name: InstrumentId, quantity: Decimal) -> None:
        """A holding from before, bought by hand."""
        order = self._order(name, Side.BUY if quantity > 0 else Side.SELL, abs(quantity))
        self.fill(order.client_id, abs(quantity), self.prices[name])

    def _order(self, name: InstrumentId, side: Side, quantity: Decimal) -> Order:
        from workstation.domain.order import OrderDraft

        self.ids += 1
        draft = OrderDraft(instrument=name, side=side, quantity=quantity, price=self.prices[name])
        order = Order.from_draft(draft, f"o{self.ids}", self.now)
        self.note(e.OrderInitialized(client_id=order.client_id, ts=self.now, order=order))
        self.note(e.OrderSubmitted(client_id=order.client_id, ts=self.now))
        self.note(e.OrderAccepted(client_id=order.client_id, ts=self.now, venue_order_id="v"))
        return order

    def fill(self, client_id: str, quantity: Decimal, price: Decimal) -> None:
        order = self.core.orders.orders[client_id]
        terms = self.core.instruments[order.instrument]
        self.ids += 1
        fee = multiply(terms.notional(quantity, price), terms.taker_fee)
        fill = Fill(
            trade_id=f"t{self.ids}", client_id=client_id, instrument=order.instrument, side=order.side,
            quantity=quantity, price=price, fee=fee, fee_currency="USDT", liquidity=Liquidity.TAKER, ts=self.now,
        )  # fmt: skip
        self.note(e.OrderFilled(client_id=client_id, ts=self.now, fill=fill))

    # The rebalance.

    def propose(self, wish: Wish) -> Proposal:
        assets = assets_of(self.core, wish)
        money = {asset.pool: self.core.free_funds(*asset.pool) for asset in assets}
        return propose(assets, money, wish)

    def preview(self, wish: Wish) -> Any:
        return preview(self.core, wish, self.now, lambda _: True)

    def start(self, wish: Wish) -> Rebalance:
        found = self.propose(wish)
        rebalance = Rebalance(
            rebalance_id="rb-1", name="test", trades=found.trades, targets=wish.targets, budget=found.budget,
            drift=wish.drift, patience=wish.patience, length=wish.length, created_at=self.now, updated_at=self.now,
        )  # fmt: skip
        self.note(e.RebalanceStarted(ts=self.now, rebalance=rebalance))
        return rebalance

    @property
    def rebalance(self) -> Rebalance:
        return self.core.rebalances.rebalances["rb-1"]

    def look(self) -> list[Order]:
        """What the runner does when it is woken: the orders that went out, not yet at a venue."""
        out = []
        for want in decide(scene(self.core, self.rebalance, self.now)):
            match want:
                case Send(draft=draft):
                    if any(not verdict.ok for verdict in self.core.judge(draft, self.now)):
                        continue
                    self.ids += 1
                    order = Order.from_draft(draft, f"o{self.ids}", self.now)
                    self.note(e.OrderInitialized(client_id=order.client_id, ts=self.now, order=order))
                    self.sent.append(order)
                    out.append(order)
                case Pull(client_id=client_id):
                    self.note(e.OrderPendingCancel(client_id=client_id, ts=self.now))
                    self.note(e.OrderCanceled(client_id=client_id, ts=self.now))
                case Finish(state=state, reason=reason):
                    self.note(e.RebalanceEnded(ts=self.now, rebalance_id="rb-1", state=state, reason=reason))
        return out

    def answer(self, order: Order, how: int, share: Decimal) -> None:
        """The venue: 0 refuses the order, 1 gives no answer, 2 fills a share and cancels (or lets rest), else all."""
        client_id, terms = order.client_id, self.core.instruments[order.instrument]
        self.note(e.OrderSubmitted(client_id=client_id, ts=self.now))
        if how == 0:
            self.note(e.OrderRejected(client_id=client_id, ts=self.now, reason="no"))
            return
        if how == 1:
            self.note(e.OrderUnknown(client_id=client_id, ts=self.now, reason="no answer"))
            return
        self.note(e.OrderAccepted(client_id=client_id, ts=self.now, venue_order_id="v"))
        quantity = floor_to(multiply(order.quantity, share), terms.lot) if how == 2 else order.quantity
        if quantity:
            assert order.price is not None
            self.fill(client_id, quantity, order.price)
        if order.tif is TimeInForce.IOC and quantity < order.quantity:
            self.note(e.OrderCanceled(client_id=client_id, ts=self.now))

    def resolve(self, how: int, share: Decimal) -> None:
        """What became of the orders without an answer: they never came, or filled in part or whole."""
        for order in list(self.core.orders.orders.values()):
            if order.state is not OrderState.UNKNOWN:
                continue
            if how == 0:
                self.note(e.OrderRejected(client_id=order.client_id, ts=self.now, reason="never came"))
                continue
            quantity = order.quantity
            if how == 1:
                quantity = floor_to(multiply(quantity, share), self.core.instruments[order.instrument].lot)
            if quantity:
                assert order.price is not None
                self.fill(order.client_id, quantity, order.price)
            if quantity < order.quantity:
                self.note(e.OrderCanceled(client_id=order.client_id, ts=self.now))

    def cash(self, venue: str) -> Decimal:
        return self.core.portfolio.balance(venue, "USDT")

    def held(self, name: InstrumentId) -> Decimal:
        return self.core.held(self.core.instruments[name])

    def filled(self, name: InstrumentId) -> Decimal:
        orders = self.core.rebalances.orders("rb-1", name)
        return sum((order.filled for order in orders), ZERO)
