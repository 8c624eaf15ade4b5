"""What an event strategy trades through in a backtest on bars, of one instrument or of two; and what the engines that
walk bar by bar have in common beside it."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator, Mapping
from decimal import Decimal

from workstation.domain.fill import Fill, Liquidity
from workstation.domain.instrument import Instrument
from workstation.domain.numbers import floor_to, from_float
from workstation.domain.order import Side
from workstation.market.candles import Candles, Floats
from workstation.research.bar_broker import BarBroker, BarFill, BarOrder
from workstation.research.costs import Costs
from workstation.strategies.contract import Strategy, StrategyError

_STEP = Decimal("1e-8")


class BarTrader:
    """The `Trader` of an event strategy in a backtest on bars. Its orders raise `StrategyError` where they make no
    sense; one that the account cannot pay for is rejected when it would be filled (see `bar_broker`)."""

    def __init__(
        self,
        broker: BarBroker,
        instrument: Instrument,
        candles: Candles,
        strategy: Strategy,
        further: Mapping[str, BarTrader] | None = None,
    ) -> None:
        self.instrument = instrument
        self.now = int(candles.time[0])
        self.blind = ""
        self._broker, self._strategy = broker, strategy
        self._further = dict(further or {})
        self._ids: Iterator[int] = itertools.count(1)
        for other in self._further.values():
            other._ids = self._ids
        self._working: dict[str, BarOrder] = {}
        self._timers: list[tuple[int, int, str]] = []
        broker.on_fill, broker.on_reject, broker.lot = self._filled, self._rejected, float(instrument.lot)

    @property
    def position(self) -> Decimal:
        return from_float(self._broker.units, self.instrument.lot)

    @property
    def entry(self) -> Decimal | None:
        return from_float(self._broker.entry, _STEP) if self._broker.units else None

    @property
    def equity(self) -> Decimal:
        return from_float(self._broker.equity(self._broker.price), _STEP)

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
        if quantity <= 0 or (limit is not None and limit <= 0) or (stop is not None and stop <= 0):
            raise StrategyError("The quantity and the prices of an order must be above zero.")
        terms = self.instrument
        lots = floor_to(quantity, terms.lot)  # as on the desk: what is held is whole lots, and closes to nothing
        if not lots:
            raise StrategyError(f"{quantity} is less than one lot ({terms.lot}) of {terms.symbol}.")
        if post_only and limit is None:
            raise StrategyError("Only a limit order can be post-only.")
        key = f"{next(self._ids)}"
        order = BarOrder(
            side.sign,
            float(lots),
            limit=float(limit or 0),
            stop=float(stop or 0),
            reduces=reduce_only,
            post_only=post_only,
            tag=tag,
            key=key,
        )
        self._working[key] = order
        self._broker.place(order)
        return key

    def cancel(self, client_id: str) -> None:
        if (order := self._working.pop(client_id, None)) is not None:
            self._broker.cancel(order)

    def cancel_all(self) -> None:
        self._working.clear()
        self._broker.cancel_all()
        for other in self._further.values():
            other.cancel_all()

    def close(self, tag: str = "") -> None:
        self.cancel_all()
        units = self._broker.units
        if units:
            self._broker.place(BarOrder(-1 if units > 0 else 1, abs(units), reduces=True, tag=tag))
        for other in self._further.values():
            other.close(tag)

    def of(self, name: str) -> BarTrader:
        if (found := self._further.get(name)) is None:
            raise StrategyError(f"The strategy has no further instrument {name!r}: it must declare it in FURTHER.")
        return found

    def say(self, text: str, *, loud: bool = False) -> None:
        """A backtest has no log."""

    def hold(self, weights: Mapping[str, float], *, band: float = 0.0) -> None:
        raise StrategyError(
            "A strategy that holds a portfolio runs on the desk: the Portfolio page compares weights over the past."
        )

    def timer(self, seconds: float, name: str = "") -> None:
        heapq.heappush(self._timers, (self.now + round(seconds * 1e9), next(self._ids), name))

    def run_timers(self) -> None:
        """Those that are due by the bar's close."""
        while self._timers and self._timers[0][0] <= self.now:
            self._strategy.on_timer(heapq.heappop(self._timers)[2])

    def _filled(self, done: BarFill) -> None:
        order, instrument = done.order, self.instrument
        self._working.pop(order.key, None)
        fill = Fill(
            trade_id=f"{next(self._ids)}",
            client_id=order.key,
            instrument=instrument.id,
            side=Side.BUY if order.sign > 0 else Side.SELL,
            quantity=from_float(done.units, instrument.lot),
            price=from_float(done.price, _STEP),
            fee=from_float(done.fee, _STEP),
            fee_currency=instrument.settlement,
            liquidity=Liquidity.MAKER if order.limit else Liquidity.TAKER,
            ts=self.now,
        )
        self._strategy.on_fill(fill)

    def _rejected(self, order: BarOrder, why: str) -> None:
        if self._working.pop(order.key, None) is not None:
            self._strategy.on_reject(order.key, why)


def instrument_of(candles: Candles, costs: Costs) -> Instrument:
    """What an event strategy sees of candles that no instrument is told of."""
    fee = Decimal(repr(costs.fee))
    name = candles.name or "CANDLES"
    return Instrument(
        venue="BACKTEST", symbol=name, base=name, quote="CASH", tick=_STEP, lot=_STEP, maker_fee=fee, taker_fee=fee
    )


def each_bar(column: Floats, n: int) -> list[float]:
    """One number a bar of a column that may have a single one for all."""
    numbers = [float(number) for number in column]
    return numbers if len(numbers) > 1 or n == 1 else numbers * n
