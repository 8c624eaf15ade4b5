"""Orders and one account against bars, by the rules of fills that every engine keeps. float64, synchronous.

Why not the desk's matching engine on a path made up inside each bar: a path decides which of stop and target was
first, where the rule is that the stop counts; it rounds to ticks and lots, where research has fractional units; and it
knows of no open that jumps over a level. The rules of `kernel` are the one truth for bars; the matching engine is that
for books and trades.

An order of a fixed size that the account does not pay for when it is filled is refused; a market order that it paid for
at the price at which it was decided is cut to what it pays for at the fill: a tick of difference between a close and
the next open does not cost the trade.

In each bar: funding; at the open market orders, then stops and limits that the open has passed; then what the range
reaches, the path saying whether stops or limits come first, of each kind the nearest to the open first. An order that
is placed while a bar is matched is live at once if it is a stop, or if the open alone has been matched; other limits
and market orders wait for the next bar.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from workstation.market.candles import Candles, Floats
from workstation.research.costs import BacktestError, Costs
from workstation.research.trades import Trades
from workstation.strategies import rules
from workstation.strategies.contract import HEDGE
from workstation.strategies.exits import Reason

_liquidation_price = rules.liquidation_price.py_func
way_to_ruin = rules.way_to_ruin.py_func
#: Fills of one bar above which a strategy is taken to chase its own orders without end.
_MOST_FILLS = 10_000


@dataclass(slots=True, eq=False)
class BarOrder:
    """`sign` 1 buys, −1 sells. `size`: units, or what to buy at a price that is only known then. 0 is no level."""

    sign: int
    size: float | Callable[[float], float]
    limit: float = 0.0
    stop: float = 0.0
    reduces: bool = False
    post_only: bool = False
    reason: Reason = Reason.SIGNAL
    tag: str = ""
    key: str = ""
    since: int = 0  # the first bar that may fill it
    open: bool = True
    payable: bool = False  # whether the account paid for all of it at the price at which it was decided


@dataclass(frozen=True, slots=True)
class BarFill:
    """One execution: units and price, its fee, and by how much of it a trade was closed (0: it only opened)."""

    order: BarOrder
    units: float
    price: float
    fee: float
    closed: float


class BarBroker:
    """One net position at its average price. `units` is signed; `cash` is the account without the open profit.

    `on_fill` hears of each execution while its bar is matched and may place and cancel; `on_reject` of an order that
    ended without one.
    """

    def __init__(self, candles: Candles, costs: Costs) -> None:
        self.costs = costs
        self.open: list[float] = candles.open.tolist()
        self.high: list[float] = candles.high.tolist()
        self.low: list[float] = candles.low.tolist()
        self.close: list[float] = candles.close.tolist()
        self._funding = costs.funding_rates(candles).tolist()
        self._funded = costs.funded
        self._margined = costs.leverage > 1 or costs.maintenance > 0
        self.on_fill: Callable[[BarFill], None] = lambda _: None
        self.on_reject: Callable[[BarOrder, str], None] = lambda _order, _why: None
        #: Quantities are multiples of it where it is above zero: what is held closes to nothing.
        self.lot = 0.0
        self.cash = costs.cash
        self.units = self.entry = self.ruin = 0.0
        self.entry_bar = 0
        self.bar = 0
        self._fees = self._paid = self._slipped = 0.0
        self.orders: list[BarOrder] = []
        self._in_range = False
        self._matching = False
        self._fills = 0
        self._whole: list[tuple[int, int, int, int]] = []
        self._real: list[tuple[float, float, float, float, float, float, float]] = []
        self._tags: list[str] = []

    # Orders.

    def place(self, order: BarOrder) -> BarOrder:
        later = self._matching and (self._in_range or not order.limit) and not order.stop
        order.since = self.bar + 1 if later or not self._matching else self.bar
        if isinstance(order.size, float) and not (order.limit or order.stop or order.reduces) and order.tag != HEDGE:
            before = sum(
                one.size
                for one in self.orders
                if one.sign == order.sign and isinstance(one.size, float) and not (one.limit or one.stop or one.reduces)
            )
            against = abs(self.units) if self.units * order.sign < 0 else 0.0
            closing = min(order.size, max(0.0, against - before))
            most = self._most(order.sign, min(against, before + order.size), self.price) - max(0.0, before - against)
            order.payable = order.size - closing <= most * (1 + 1e-9)
        self.orders.append(order)
        return order

    def cancel(self, order: BarOrder) -> None:
        if order.open:
            order.open = False
            self.orders.remove(order)

    def cancel_all(self) -> None:
        for order in self.orders:
            order.open = False
        self.orders.clear()

    @property
    def price(self) -> float:
        """The last price that is known: the bar's close, or while the bar is matched only its open."""
        return self.open[self.bar] if self._matching else self.close[self.bar]

    def equity(self, price: float) -> float:
        """The account with the position valued at `price`."""
        return self.cash + self.units * (price - self.entry)

    # A bar.

    def match(self, i: int) -> None:
        """All that happens in bar `i` up to its close."""
        self.bar = i
        if not self.orders and not self.units:
            return
        self.match_open(i)
        self.match_range()

    def match_open(self, i: int) -> None:
        """What happens at the open of bar `i`; `match_range` must follow."""
        self.bar = i
        self._matching, self._in_range, self._fills = True, False, 0
        now = self.open[i]
        if self.units and self._funded:
            self._pay_funding(now)
        if self.orders or self.ruin:
            self._match_open(now)

    def match_range(self) -> None:
        """What the rest of the bar reaches."""
        if self.orders or self.ruin:
            self._in_range = True
            i = self.bar
            self._match_range(self.open[i], self.high[i], self.low[i])
        self._matching = False

    def finish(self) -> None:
        """The last bar's close ends what is open, or values it there."""
        if not self.units:
            return
        reason = Reason.END if self.costs.close_at_end else Reason.OPEN
        order = BarOrder(-1 if self.units > 0 else 1, abs(self.units), reduces=True, reason=reason)
        if reason is Reason.END:
            self._fill(order, self.close[self.bar], slips=True)
        else:
            self._book(order, abs(self.units), self.close[self.bar], 0.0, 0.0)

    def _pay_funding(self, now: float) -> None:
        rate = self._funding[self.bar] if len(self._funding) > 1 else self._funding[0]
        due = self.units * now * rate
        self.cash -= due
        self._paid += due
        self._find_ruin()

    def _match_open(self, now: float) -> None:
        bar = self.bar
        for order in list(self.orders):
            if order.open and order.since <= bar and not order.stop and not order.limit:
                self._execute(order, now, slips=True)
        for order in list(self.orders):
            if order.open and order.stop and order.since <= bar and order.sign * (now - order.stop) >= 0:
                self._trigger(order, now)
        if self.ruin and (now - self.ruin) * self.units <= 0:
            self._liquidate(now)
        for order in list(self.orders):
            passed = order.limit and not order.stop and order.sign * (order.limit - now) >= 0
            if order.open and passed and order.since <= bar:
                if order.post_only:
                    self.reject(order, "Post-only: the order would have traded at once.")
                else:
                    self._execute(order, now, slips=False)

    def _match_range(self, now: float, high: float, low: float) -> None:
        path = self.costs.path
        good, worst = (high, low) if self.units >= 0 else (low, high)
        limits_first = path == 1 or (path == 2 and abs(good - now) < abs(worst - now))
        if limits_first:
            self._reach_limits(now, high, low)
        self._reach_stops(now, high, low)
        if not limits_first:
            self._reach_limits(now, high, low)
            self._reach_stops(now, high, low)  # those that came with the fills of limits

    def _reach_stops(self, now: float, high: float, low: float) -> None:
        while True:
            nearest, distance = None, np.inf
            for order in self.orders:
                if order.stop and order.since <= self.bar and _rises_to(order.sign, order.stop, high, low):
                    away = abs(order.stop - now)
                    if away < distance:
                        nearest, distance = order, away
            ruined = self.ruin and (low <= self.ruin if self.units > 0 else high >= self.ruin)
            if ruined and abs(self.ruin - now) < distance:
                self._liquidate(self.ruin)
            elif nearest is None:
                return
            else:
                self._trigger(nearest, nearest.stop)

    def _reach_limits(self, now: float, high: float, low: float) -> None:
        reached = [
            order
            for order in self.orders
            if order.limit
            and not order.stop
            and order.since <= self.bar
            and (low <= order.limit if order.sign > 0 else high >= order.limit)
        ]
        reached.sort(key=lambda order: abs(order.limit - now))
        for order in reached:
            if order.open:
                self._execute(order, order.limit, slips=False)

    def _trigger(self, order: BarOrder, price: float) -> None:
        if not order.limit:
            self._execute(order, price, slips=True)
            return
        order.stop = 0.0
        if order.sign * (order.limit - price) >= 0:
            self._execute(order, price, slips=False)
        else:  # it rests at its limit from the next bar on
            order.since = self.bar + 1

    def _liquidate(self, price: float) -> None:
        order = BarOrder(-1 if self.units > 0 else 1, abs(self.units), reduces=True, reason=Reason.LIQUIDATION)
        self._fill(order, price, slips=True)

    def _execute(self, order: BarOrder, price: float, *, slips: bool) -> None:
        self.cancel(order)
        self._fill(order, price, slips=slips)

    def reject(self, order: BarOrder, why: str) -> None:
        """End an order without a fill."""
        self.cancel(order)
        self.on_reject(order, why)

    # Money.

    def _fill(self, order: BarOrder, price: float, *, slips: bool) -> None:
        self._fills += 1
        if self._fills > _MOST_FILLS:
            raise BacktestError(f"More than {_MOST_FILLS:,} fills in one bar: the strategy trades without end.")
        sign, fee = order.sign, self.costs.fee
        at = price * (1 + sign * self.costs.slippage) if slips else price
        size = order.size if isinstance(order.size, float) else order.size(at)
        closing = min(size, abs(self.units)) if self.units * sign < 0 else 0.0
        opening = 0.0 if order.reduces else size - closing
        if closing + opening <= 0:
            self.on_reject(order, "There is nothing to reduce." if order.reduces else "Its size is zero.")
            return
        if opening > 0 and isinstance(order.size, float):
            most = self._most(sign, closing, at)
            if opening > most * (1 + 1e-9):
                opening = max(0.0, most) if closing or order.payable else 0.0
                if self.lot:
                    opening = float(np.floor(opening / self.lot)) * self.lot
                if not closing and not opening:
                    self.on_reject(order, "The account does not pay for it.")
                    return
        slipped = abs(price - at)
        if closing:
            self._book(order, closing, at, fee * closing * at, closing * slipped)
        if opening:
            self._add(sign, opening, at, fee * opening * at, opening * slipped)
        self.on_fill(BarFill(order, closing + opening, at, fee * (closing + opening) * at, closing))

    def _most(self, sign: int, closing: float, at: float) -> float:
        """Units that the account pays for at a price, after `closing` so many of what it holds."""
        left = self.units + sign * closing
        return self.equity(at) * self.costs.leverage / (at * (1 + self.costs.fee)) - abs(left)

    def _add(self, sign: int, units: float, at: float, fee: float, slipped: float) -> None:
        held = abs(self.units)
        if not held:
            self.entry_bar, self.entry = self.bar, at
            self._fees = self._paid = self._slipped = 0.0
        else:
            self.entry = (held * self.entry + units * at) / (held + units)
        self.units += sign * units
        self.cash -= fee
        self._fees += fee
        self._slipped += slipped
        self._find_ruin()

    def _book(self, order: BarOrder, units: float, at: float, fee: float, slipped: float) -> None:
        """Close `units` of the position: one row of the trades, with its share of what the entry cost."""
        held = abs(self.units)
        side = 1 if self.units > 0 else -1
        share = 1.0 if units == held else units / held
        fees, paid, slid = self._fees * share, self._paid * share, self._slipped * share
        profit = side * units * (at - self.entry)
        after = self.cash + profit - fee
        if order.reason is Reason.LIQUIDATION and after < 0:  # the venue bears what is lost beyond the account
            profit -= after
            after = 0.0
        if order.reason is not Reason.OPEN:
            self.cash = after
        net = profit - fees - fee - paid
        self._whole.append((self.entry_bar, self.bar, side, int(order.reason)))
        self._real.append((units, self.entry, at, net, fees + fee, paid, slid + slipped))
        self._tags.append(order.tag)
        if order.reason is Reason.OPEN:
            return
        self._fees, self._paid, self._slipped = self._fees - fees, self._paid - paid, self._slipped - slid
        self.units -= side * units
        if abs(self.units) < 1e-12 * held:
            self.units, self.entry = 0.0, 0.0
        self._find_ruin()

    def _find_ruin(self) -> None:
        self.ruin = 0.0
        if self.units and (self._margined or self.units < 0):
            side = 1 if self.units > 0 else -1
            self.ruin = _liquidation_price(side, self.entry, abs(self.units), self.cash, self.costs.maintenance)

    # What came of it.

    @property
    def last_trade(self) -> tuple[float, float]:
        """Net profit of the trade that was closed last, and the same as a fraction of the entry's value."""
        units, entry, _, net, *_ = self._real[-1]
        return net, net / (units * entry)

    def trades(self, tagged: bool) -> Trades:
        """All trades; `tagged` by their orders' tags where those say more than the reason."""
        whole = np.array(self._whole, dtype=np.int64).reshape(-1, 4)
        real: Floats = np.array(self._real, dtype=np.float64).reshape(-1, 7)
        named = zip(self._tags, self._whole, strict=True)
        tags = tuple(tag or Reason(row[3]).name.lower() for tag, row in named) if tagged else None
        return Trades.of(whole, real, tags)


def _rises_to(sign: int, stop: float, high: float, low: float) -> bool:
    """Whether a bar's range reaches a stop: one that buys from below, one that sells from above."""
    return high >= stop if sign > 0 else low <= stop


class Account:
    """Money that several brokers pay from."""

    def __init__(self, cash: float) -> None:
        self.cash = cash


class SharingBroker(BarBroker):
    """One instrument's position on the money of several. Its own liquidation is off: the account's is looked at."""

    def __init__(self, candles: Candles, costs: Costs, account: Account) -> None:
        self._account = account
        super().__init__(candles, costs)

    @property
    def cash(self) -> float:
        return self._account.cash

    @cash.setter
    def cash(self, amount: float) -> None:
        self._account.cash = amount

    def _find_ruin(self) -> None:
        self.ruin = 0.0

    def ruined(self, price: float) -> None:
        """The account is liquidated; what is held here is closed at `price`."""
        self._liquidate(price)
