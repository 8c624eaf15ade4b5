"""One simulated book: order flow around an efficient price, as a stream of trades and book updates.

Each event is a market order or a change of quotes. The mid stays where it is while the efficient price is within a
band, and follows it in steps once it has left: some steps by sweeping orders, some by quotes that are pulled.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random

from workstation.domain.market import BookDelta, BookSnapshot, MarketEvent, Trade
from workstation.market.demo.bursts import Bursts
from workstation.market.demo.listings import ALL_ASSETS, Listing
from workstation.market.demo.prices import GRID, EfficientPrices
from workstation.market.demo.side import Profile, Side, Sizes

_DECAY = 18.0  # per second
_BASIS_TIME = 6 * 3600.0  # seconds in which the slow part of a basis relaxes
_MOST_PRINTS = 30
_MOST_LEVELS = 12  # that one order walks through
_ALARM = 2.0  # events' worth of excitement when the price begins to move
_SWEEP = 0.6  # share of the mid's steps that are taken by market orders


class DemoBook:
    """The book of one listing. `rate` multiplies its events; `emit` takes each market event as it happens."""

    def __init__(
        self,
        listing: Listing,
        random: Random,
        prices: EfficientPrices,
        rate: float,
        emit: Callable[[MarketEvent], None],
        moving: Callable[[DemoBook, int], None],
        sizes: Sizes,
    ) -> None:
        instrument, temper = listing.instrument, listing.temper
        self.id = instrument.id
        self.temper = temper
        self.tick = float(instrument.tick)
        self._random = random
        self._prices = prices
        self.asset = ALL_ASSETS.index(instrument.base)
        self._lag = min(15, round(temper.lag * 1e9 / GRID))
        self._emit = emit
        self._moving = moving
        self._basis = temper.basis * 1e-4
        self._basis_offset = 0.0
        self._basis_at = prices.now
        fair = math.exp(prices.at(self.asset) + self._basis) / self.tick
        self._ticks_per_bp = fair * 1e-4
        self._band = max(temper.band * self._ticks_per_bp, 0.8)
        self._near = max(self._band * 0.2, 0.55)  # a mid on its half tick cannot come nearer than half a tick
        lot = float(instrument.lot)
        self._order_log_median = math.log(temper.order_median / lot)
        self._order_median = temper.order_median / lot
        profile = Profile(temper, self._ticks_per_bp, lot, sizes)
        ask = math.ceil(fair)
        self.asks = Side(1, ask, profile, random)
        self.bids = Side(-1, 1 - ask, profile, random)
        self._chasing = False
        self._buyers = True  # side of the parent order that is at work
        self._lean = math.sqrt(temper.persistence)
        self._bursts = Bursts(random, temper.rate * (1 - temper.branching) * rate, temper.branching, _DECAY * rate)
        self._sequence = 1
        self._trades = 0

    @property
    def mid(self) -> float:
        """In price, not ticks."""
        return (self.asks.keys[0] - self.bids.keys[0]) * 0.5 * self.tick

    def snapshot(self, ts: int) -> BookSnapshot:
        self.asks.take_changes()
        self.bids.take_changes()
        return BookSnapshot(self.id, ts, self._sequence, self.bids.levels(), self.asks.levels())

    def hears(self, ts: int) -> int:
        """A book of the same asset has begun to move: this one will look at the price soon. Returns when."""
        self._chasing = True
        return ts + int(self.temper.lag * 1e9 * (0.5 - math.log(1.0 - self._random.random())))

    def wait(self) -> int:
        """Nanoseconds to the next event."""
        return int(self._bursts.wait(self._prices.attention) * 1e9) + 1

    def step(self, ts: int) -> None:
        """The event at `ts`: trades if there are any, then the update of the book."""
        random = self._random.random
        fair = self._fair(ts)
        bids, asks = self.bids, self.asks
        gap = fair - (asks.keys[0] - bids.keys[0]) * 0.5
        if abs(gap) > (self._near if self._chasing else self._band):
            if not self._chasing:
                self._bursts.excite(_ALARM)
                self._moving(self, ts)
            self._chasing = True
            self._follow(ts, gap)
        else:
            self._chasing = False
            heat = self._bursts.heat
            if random() * (heat + self.temper.patience) < heat:
                self._market_order(ts)
        count = int(-math.log(1.0 - random()) * self.temper.changes) + 1
        near = (count + int(random() * 2)) // 2
        modify = self.temper.modify
        bids.churn(near, modify)
        asks.churn(count - near, modify)
        self._close_spread(fair)
        bid_changes, ask_changes = bids.take_changes(), asks.take_changes()
        if bid_changes or ask_changes:
            previous, self._sequence = self._sequence, self._sequence + 1
            self._emit(BookDelta(self.id, ts, self._sequence, previous, bid_changes, ask_changes))

    def _fair(self, ts: int) -> float:
        """The efficient price as this book sees it, in ticks."""
        elapsed = (ts - self._basis_at) * 1e-9
        if elapsed > 1.0:
            sd = self.temper.basis_sd * 1e-4
            decay = math.exp(-elapsed / _BASIS_TIME)
            kick = sd * math.sqrt(1 - decay * decay)
            self._basis_offset = self._basis_offset * decay + self._random.gauss(0.0, kick)
            self._basis_at = ts
        return math.exp(self._prices.at(self.asset, self._lag) + self._basis + self._basis_offset) / self.tick

    def _follow(self, ts: int, gap: float) -> None:
        """Move both best prices some of the way to the efficient price, `gap` ticks from the mid."""
        random = self._random.random
        up = gap > 0
        ahead, behind = (self.asks, self.bids) if up else (self.bids, self.asks)
        ticks = max(1, int(abs(gap) * (0.25 + 0.6 * random())))
        key = ahead.keys[0] + ticks
        if random() < _SWEEP:
            self._buyers = up
            for _ in range(_MOST_LEVELS):
                if ahead.keys[0] >= key:
                    break
                size = min(ahead.lots[ahead.keys[0]], self._order_size() * 3)
                self._print(ts, ahead, size)
                ahead.reduce_best(ahead.lots[ahead.keys[0]])  # what did not trade is pulled
        if ahead.keys[0] < key:
            ahead.clear_to(key)
        elif ahead.keys[0] > key:
            ahead.step_in(key)
        behind.step_in(self._width(ticks) - key)

    def _order_size(self) -> int:
        size = math.exp(self._order_log_median + self.temper.order_sigma * self._random.gauss(0.0, 1.0))
        return int(size) + 1

    def _market_order(self, ts: int) -> None:
        random = self._random.random
        if random() * self.temper.run < 1.0:
            self._buyers = random() < 0.5
        buys = self._buyers if random() < 0.5 + 0.5 * self._lean else not self._buyers
        side = self.asks if buys else self.bids
        left = self._order_size()
        for _ in range(_MOST_LEVELS):
            size = min(left, side.lots[side.keys[0]])
            self._print(ts, side, size)
            side.reduce_best(size)
            left -= size
            if not left:
                break

    def _print(self, ts: int, side: Side, lots: int) -> None:
        """Trades of `lots` in all at the best price of `side`: one for each resting order that was met."""
        random = self._random.random
        prints = 1 + int(-math.log(1.0 - random()) * self.temper.prints * (lots / self._order_median) ** 0.8)
        price, buyer = side.sign * side.keys[0], side.sign > 0
        for _ in range(min(prints, _MOST_PRINTS) - 1):
            part = int(lots * random() ** self.temper.shred)
            if part:
                self._trade(ts, price, part, buyer)
                lots -= part
        self._trade(ts, price, lots, buyer)

    def _trade(self, ts: int, price: int, lots: int, buyer: bool) -> None:
        self._trades += 1
        self._emit(Trade(self.id, ts, price, lots, buyer, str(self._trades)))

    def _close_spread(self, fair: float) -> None:
        """Quotes step into a spread that is wider than a tick, on the side that the efficient price favours."""
        ask, bid = self.asks.keys[0], -self.bids.keys[0]
        spread = ask - bid
        if spread == 1:
            return
        width = self._width(spread)
        if width == spread:
            return
        if fair > (ask + bid) * 0.5:
            self.bids.step_in(width - ask)
        else:
            self.asks.step_in(bid + width)

    def _width(self, most: int) -> int:
        """Ticks between the best prices after a quote has stepped in: 1 in a tight book, `most` at the most."""
        random = self._random.random
        return 1 if random() < self.temper.tight else 1 + int(random() * random() * most)
