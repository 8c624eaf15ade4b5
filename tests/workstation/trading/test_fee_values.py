"""A fee in a third coin counts at what it was worth when it was heard of, never as an amount of another currency."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.desk import BTC, ETH, GENEROUS, TestDesk, demo_desk
from workstation.bus import Bus
from workstation.clock import SECOND, SimClock
from workstation.domain import events as e
from workstation.domain.fill import Fill, Liquidity
from workstation.domain.instrument import ContractType, Instrument, InstrumentId
from workstation.domain.margin import MarginMode
from workstation.domain.numbers import ZERO, add, multiply, subtract
from workstation.domain.order import Order, OrderDraft, OrderType, Side
from workstation.log import DeskLog
from workstation.market.data import MarketData
from workstation.trading.core import TradingCore
from workstation.trading.fee_values import FeeValues
from workstation.trading.results import day_results, owner_results
from workstation.venues.contract import MarketSink, OrderSink
from workstation.venues.faulty import Fault, FaultyVenue

D = Decimal
NOON = 1_800_014_400 * SECOND
SPOT = Instrument(venue="V", symbol="ETH-USDT", base="ETH", quote="USDT", tick=D("0.01"), lot=D("0.0001"))
COIN = Instrument(venue="V", symbol="BNB-USDT", base="BNB", quote="USDT", tick=D("0.01"), lot=D("0.001"))
CROSS = Instrument(venue="V", symbol="ETH-BTC", base="ETH", quote="BTC", tick=D("0.00001"), lot=D("0.0001"))
BITCOIN = Instrument(venue="V", symbol="BTC-USDT", base="BTC", quote="USDT", tick=D("0.01"), lot=D("0.0001"))
PERP = Instrument(
    venue="V", symbol="BTC-PERP", base="BTC", quote="USDT", tick=D("0.1"), lot=D("0.001"),
    contract=ContractType.LINEAR, leverage=D(10),
)  # fmt: skip
ALL = [SPOT, COIN, CROSS, BITCOIN, PERP]


class Priced(MarketData):
    """A market whose marks are given by hand."""

    def __init__(self, prices: dict[InstrumentId, str]) -> None:
        super().__init__(ALL)
        self.prices = prices

    def mark(self, instrument: InstrumentId) -> Decimal | None:
        return D(self.prices[instrument]) if instrument in self.prices else None


class Book:
    """A core that hears fills as the gateway lets them in."""

    def __init__(self, **prices: str) -> None:
        named = {one.symbol.replace("-", "_"): one.id for one in ALL}
        self.core = TradingCore(ALL, Priced({named[name]: price for name, price in prices.items()}), GENEROUS)
        self.log = DeskLog(SimClock(NOON), Bus())
        self.fees = FeeValues(self.core, self.log)
        self.events: list[e.OrderEvent | e.AccountEvent] = []
        for currency, amount in (("USDT", "10000"), ("BNB", "5"), ("BTC", "2")):
            self.take(
                e.BalanceAdjusted(ts=NOON, venue="V", currency=currency, amount=D(amount), reason="opening balance")
            )

    def take(self, event: e.OrderEvent | e.AccountEvent) -> None:
        self.events.append(event)
        self.core.fold([event])

    def trade(
        self, instrument: Instrument, signed: str, price: str, fee: str, coin: str = "BNB", origin: str = "manual"
    ) -> Fill:
        name, side = f"o{len(self.events)}", Side.BUY if D(signed) > 0 else Side.SELL
        draft = OrderDraft(
            instrument=instrument.id, side=side, quantity=abs(D(signed)), type=OrderType.MARKET, origin=origin
        )
        self.take(e.OrderInitialized(client_id=name, ts=NOON, order=Order.from_draft(draft, name, NOON)))
        self.take(e.OrderSubmitted(client_id=name, ts=NOON))
        self.take(e.OrderAccepted(client_id=name, ts=NOON, venue_order_id=name))
        fill = Fill(
            trade_id=name, client_id=name, instrument=instrument.id, side=side, quantity=abs(D(signed)),
            price=D(price), fee=D(fee), fee_currency=coin, liquidity=Liquidity.TAKER, ts=NOON + len(self.events),
        )  # fmt: skip
        self.take(self.fees.valued(e.OrderFilled(client_id=name, ts=fill.ts, fill=fill)))
        return self.core.fills[-1]

    @property
    def warnings(self) -> list[str]:
        return [entry.text for entry in self.log.entries if entry.level == "warning"]

    def rate(self, venue: str, currency: str) -> Decimal | None:
        return self.core.portfolio.rate(venue, currency, self.core.market.mark)


def test_a_spot_round_trip_with_its_fees_in_a_third_coin_is_charged_what_the_coin_was_worth() -> None:
    book = Book(BNB_USDT="600", ETH_USDT="2000", BTC_USDT="60000")
    start = book.core.portfolio.equity(book.core.market.mark).total
    bought = book.trade(SPOT, "1", "2000", "0.002")
    sold = book.trade(SPOT, "-0.4", "2100", "0.001")
    assert (bought.fee_value, sold.fee_value) == (D("1.2"), D("0.6"))
    core = book.core
    position = core.portfolio.position(SPOT.id)
    assert (position.quantity, position.realized, position.fees) == (D("0.6"), D(40), D("1.8"))
    [day] = day_results(core.results, book.rate)
    assert (day.realized, day.fees, day.net) == (D(40), D("1.8"), D("38.2") + 0)
    [trade] = core.trades.trades
    assert (trade.realized, trade.fees) == (D(40), D("1.8"))
    assert [order.fees for order in core.orders.orders.values()] == [D("1.2"), D("0.6")]
    assert core.portfolio.balance("V", "BNB") == D("4.997")
    equity = core.portfolio.equity(core.market.mark)
    assert equity.total == start + equity.realized + equity.unrealized - equity.fees
    assert book.warnings == []


def test_the_value_is_in_the_settlement_currency_and_stays_what_it_was() -> None:
    book = Book(BNB_USDT="600", BTC_USDT="60000")
    assert book.trade(CROSS, "1", "0.03", "0.002").fee_value == D("0.00002")
    book.core.market.prices[COIN.id] = "900"  # type: ignore[attr-defined]
    assert book.core.portfolio.position(CROSS.id).fees == D("0.00002")


def test_fees_in_the_currencies_of_the_trade_need_no_value() -> None:
    book = Book(BNB_USDT="600", ETH_USDT="2000", BTC_USDT="60000")
    assert book.trade(SPOT, "1", "2000", "2", "USDT").fee_value is None
    assert book.trade(SPOT, "1", "2000", "0.001", "ETH").fee_value is None
    assert book.trade(COIN, "1", "600", "0.001", "BNB").fee_value is None
    assert book.trade(SPOT, "1", "2000", "0", "BNB").fee_value is None
    assert book.core.portfolio.position(SPOT.id).fees == D(4)
    assert [order.fees for order in book.core.orders.orders.values()] == [D(2), D(2), D("0.6"), ZERO]


def test_a_coin_that_nothing_prices_counts_nothing_and_is_told_of_once() -> None:
    book = Book(ETH_USDT="2000")
    for _ in range(3):
        assert book.trade(SPOT, "1", "2000", "0.002").fee_value is None
    assert book.core.portfolio.position(SPOT.id).fees == 0
    assert book.core.trades.trades[0].fees == 0
    assert {order.fees for order in book.core.orders.orders.values()} == {ZERO}
    assert book.core.portfolio.balance("V", "BNB") == D("4.994")
    assert book.warnings == [
        "Fees at V are taken in BNB, which nothing here prices: they stand in the balances, not in the fees."
    ]


def test_a_fill_that_is_heard_again_or_of_nobodys_order_says_nothing() -> None:
    book = Book(ETH_USDT="2000")
    fill = Fill(
        trade_id="x", client_id="nobody", instrument=SPOT.id, side=Side.BUY, quantity=D(1), price=D(1), fee=D(1),
        fee_currency="BNB", liquidity=Liquidity.TAKER, ts=NOON,
    )  # fmt: skip
    event = e.OrderFilled(client_id="nobody", ts=NOON, fill=fill)
    assert book.fees.valued(event) is event
    unknown = msgspec.structs.replace(event, fill=msgspec.structs.replace(fill, instrument="V:NIX"))
    assert book.fees.valued(unknown) is unknown
    assert book.warnings == []


def test_what_is_set_aside_for_an_isolated_position_is_not_lessened_by_a_fee_in_another_coin() -> None:
    book = Book(BNB_USDT="600", BTC_USDT="60000", BTC_PERP="60000")
    book.take(e.MarginModeChanged(ts=NOON, venue="V", entry_id="m", instrument=PERP.id, mode=MarginMode.ISOLATED))
    book.trade(PERP, "1", "60000", "0.05")
    portfolio = book.core.portfolio
    assert portfolio.margin.isolated[PERP.id] == 6000
    assert portfolio.position(PERP.id).fees == 30
    assert portfolio.balance("V", "USDT") == 10_000
    book.trade(PERP, "-0.5", "60000", "0.025")
    assert portfolio.margin.isolated[PERP.id] == 3000
    assert portfolio.position(PERP.id).fees == 45


def test_a_fill_of_the_kill_switch_shares_the_value_of_its_fee_among_those_who_held() -> None:
    book = Book(BNB_USDT="600", BTC_USDT="60000", BTC_PERP="60000")
    book.trade(PERP, "3", "60000", "0", origin="sma")
    book.trade(PERP, "1", "60000", "0", origin="manual")
    book.trade(PERP, "-4", "60000", "0.02", origin="kill")
    found = owner_results(book.core.results, book.core.instruments, book.rate, book.core.market.mark)
    assert {one.origin: one.fees for one in found} == {"sma": D(9), "manual": D(3)}


@given(
    st.lists(
        st.tuples(
            st.sampled_from([SPOT, PERP, CROSS]),
            st.integers(-30, 30).filter(bool),
            st.integers(-20, 90),
            st.sampled_from(["BNB", "USDT", "BTC", "ETH", "XYZ"]),
            st.sampled_from(["manual", "sma", "kill"]),
        ),
        max_size=12,
    )
)
def test_days_trades_owners_and_the_journal_say_the_same_fees_as_the_positions(history: list) -> None:  # type: ignore[type-arg]
    book = Book(BNB_USDT="600", BTC_USDT="60000", ETH_USDT="2000")
    for instrument, lots, fee, coin, origin in history:
        book.trade(instrument, str(D(lots) / 10), "2000", str(D(fee) / 1000), coin, origin)
    core = book.core
    for instrument in (SPOT, PERP, CROSS):
        fees = core.portfolio.position(instrument.id).fees
        owned = traded = ordered = ZERO
        for (_, name), own in core.results.owners.items():
            owned = add(owned, own.position.fees) if name == instrument.id else owned
        for trade in core.trades.trades:
            traded = add(traded, trade.fees) if trade.instrument == instrument.id else traded
        for order in core.orders.orders.values():
            ordered = add(ordered, order.fees) if order.instrument == instrument.id else ordered
        assert traded == ordered == owned == fees
    again = TradingCore(ALL, Priced({}), GENEROUS)
    again.fold(book.events)
    assert again.portfolio.positions == core.portfolio.positions
    assert again.portfolio.accounts == core.portfolio.accounts
    assert again.orders.orders == core.orders.orders
    assert again.results.days == core.results.days
    assert again.trades.trades == core.trades.trades


class TakesCoin(FaultyVenue):
    """A venue that takes its fees in a third coin, a hundredth of the amount, in reports and look-ups alike."""

    coin = "ETH"

    def _with_coin(self, fill: Fill) -> Fill:
        return msgspec.structs.replace(fill, fee=fill.fee / 100, fee_currency=self.coin)

    async def connect(self, on_market: MarketSink, on_order: OrderSink) -> None:
        def told(event: e.OrderEvent) -> None:
            if isinstance(event, e.OrderFilled):
                event = msgspec.structs.replace(event, fill=self._with_coin(event.fill))
            on_order(event)

        await super().connect(on_market, told)

    async def fills_since(self, since: int) -> list[Fill]:
        return [self._with_coin(fill) for fill in await super().fills_since(since)]


def taking(coin: str, kept: dict[str, TakesCoin]) -> Callable[..., TakesCoin]:
    def wrap(venue: object) -> TakesCoin:
        made = kept[venue.name] = TakesCoin(venue, venue._clock)  # type: ignore[attr-defined, arg-type]
        made.coin = coin
        return made

    return wrap


def values(desk: TestDesk) -> list[Decimal | None]:
    return [fill.fee_value for fill in desk.engine.fills()]


async def test_fills_that_are_told_and_fills_that_are_found_come_in_with_the_value_of_their_fee(tmp_path: Path) -> None:
    venues: dict[str, TakesCoin] = {}
    async with demo_desk(tmp_path, wrap=taking("ETH", venues)) as desk:
        engine = desk.engine
        await desk.market(BTC, Side.BUY, "0.02")
        await desk.settle(lambda: len(engine.fills()) > 0)
        told = len(engine.fills())
        venues["NOVA"].faults.add("report", Fault.DROP, times=None, of=e.OrderFilled)
        await desk.market(BTC, Side.SELL, "0.01")
        await engine._reconciler.venue(engine.venues["NOVA"])
        assert len(engine.fills()) > told, "found by asking"
        price = engine.core.market.mark(ETH)
        assert price is not None
        assert values(desk) == [multiply(fill.fee, price) for fill in engine.fills()]
        fees = sum((value for value in values(desk) if value is not None), ZERO)
        assert engine.position(BTC).fees == fees > 0
        assert sum((order.fees for order in engine.orders()), ZERO) == fees
        live = engine.core.portfolio.positions
        equity = engine.equity_detail()
        assert equity.total == subtract(add(add(D(2_000_000), equity.realized), equity.unrealized), equity.fees)
        store = engine._store
        assert store is not None
        store.flush()
        assert store.fills() == engine.core.fills
        again = TradingCore(engine.instruments(), MarketData(engine.instruments()), GENEROUS)
        again.fold(store.journal())
        assert again.portfolio.positions == live
        assert again.orders.orders == engine.core.orders.orders


async def test_the_desk_says_once_that_it_cannot_value_a_fee(tmp_path: Path) -> None:
    async with demo_desk(tmp_path, wrap=taking("BNB", {})) as desk:
        for _ in range(2):
            await desk.market(BTC, Side.BUY, "0.02")
        await desk.settle(lambda: len(desk.engine.fills()) > 1)
        assert desk.engine.position(BTC).fees == 0
        said = [entry.text for entry in desk.engine.log.entries if "nothing here prices" in entry.text]
        assert said == [
            "Fees at NOVA are taken in BNB, which nothing here prices: they stand in the balances, not in the fees."
        ]


@pytest.mark.parametrize("value", [None, "0.0120000000000000001"])
def test_the_store_keeps_the_value_digit_for_digit(tmp_path: Path, value: str | None) -> None:
    import csv
    import io
    import itertools

    from workstation.store import Store
    from workstation.store.export import export

    book = Book(BNB_USDT="600")
    fill = msgspec.structs.replace(
        book.trade(SPOT, "1", "2000", "0.002"), fee_value=None if value is None else D(value)
    )
    store = Store.open(tmp_path / "demo.sqlite", "demo", clock_now=itertools.count(1).__next__)
    store.save_instruments([SPOT])
    store.append(e.OrderFilled(client_id=fill.client_id, ts=fill.ts, fill=fill)).result()
    [kept] = store.fills()
    assert kept == fill
    [event] = store.journal()
    assert isinstance(event, e.OrderFilled)
    assert event.fill == fill

    def exported(table: str) -> dict[str, str]:
        out = io.BytesIO()
        export(store.path, table, "csv", out)
        [row] = csv.DictReader(io.StringIO(out.getvalue().decode()))
        return row

    assert (exported("fills")["fee"], exported("fills")["fee_currency"]) == ("0.002", "BNB")
    assert exported("fills")["fee_value"] == (value or "")
    assert D(exported("positions")["fees"]) == D(value or 0)
    store.close()
