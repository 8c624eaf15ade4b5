"""A fee in a third coin counts at what it was worth when it was heard of, never as an amount of another currency."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.desk import BTC, ETH, GENEROUS, TestDesk, demo_desk
from workstation.bookkeeping import Bookkeeper
from workstation.bus import Bus
from workstation.clock import SECOND, SimClock
from workstation.desk_journal import DeskJournal
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
    del book.core.portfolio.instruments[COIN.id]
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


def priced_late(history: list, prices: dict[str, str], late: int) -> tuple[Book, Book]:  # type: ignore[type-arg]
    """Two desks with the same history: one whose coin has its price from the beginning, and one that has it only after
    so many trades, and whose books look then for fees without a value."""
    always, later = Book(**prices, BNB_USDT="600"), Book(**prices)
    for number, (instrument, lots, fee, coin, origin) in enumerate(history):
        for book in (always, later):
            book.trade(instrument, str(D(lots) / 10), "2000", str(D(fee) / 1000), coin, origin)
        if number == late:
            later.core.market.prices[COIN.id] = "600"  # type: ignore[attr-defined]
    later.core.market.prices[COIN.id] = "600"  # type: ignore[attr-defined]
    for event in later.fees.due(NOON):
        later.take(event)
    assert later.fees.due(NOON) == []
    return always, later


HISTORY = st.lists(
    st.tuples(
        st.sampled_from([SPOT, PERP, CROSS]),
        st.integers(-30, 30).filter(bool),
        st.integers(-20, 90),
        st.sampled_from(["BNB", "USDT", "XYZ"]),
        st.sampled_from(["manual", "sma", "kill"]),
    ),
    min_size=1,
    max_size=30,
)


@settings(max_examples=40, deadline=None)
@given(HISTORY, st.integers(0, 30))
def test_fees_that_are_valued_later_leave_the_books_of_a_desk_that_had_the_price_from_the_beginning(
    history: list,  # type: ignore[type-arg]
    late: int,
) -> None:
    always, later = priced_late(history, {"BTC_USDT": "60000", "ETH_USDT": "2000"}, late)
    again = TradingCore(ALL, Priced({}), GENEROUS)
    again.fold(later.events)
    for core in (later.core, again):
        assert core.fills == always.core.fills
        assert core.orders.orders == always.core.orders.orders
        assert core.portfolio.positions == always.core.portfolio.positions
        assert core.portfolio.accounts == always.core.portfolio.accounts
        assert core.portfolio.margin.isolated == always.core.portfolio.margin.isolated
        assert core.results.days == always.core.results.days
        assert {key: (own.position, own.fills) for key, own in core.results.owners.items()} == {
            key: (own.position, own.fills) for key, own in always.core.results.owners.items()
        }
        assert core.trades.trades == always.core.trades.trades


def test_a_fee_that_was_valued_stays_so_and_one_of_nobody_s_fill_changes_nothing() -> None:
    book = Book(BNB_USDT="600", ETH_USDT="2000", BTC_USDT="60000")
    fill = book.trade(SPOT, "1", "2000", "0.002")
    before = book.core.portfolio.positions[SPOT.id]
    for trade_id in (fill.trade_id, "nobody's"):
        fee = e.LateFee(order=fill.client_id, trade_id=trade_id, value=D(9))
        book.take(e.FeesValued(ts=NOON, instrument=SPOT.id, fees=(fee,)))
    assert book.core.portfolio.positions[SPOT.id] == before
    assert book.core.fills == [fill]


def test_a_price_that_is_to_come_is_waited_for_and_one_of_long_ago_is_not_guessed() -> None:
    book = Book(ETH_USDT="2000")
    book.trade(SPOT, "1", "2000", "0.002")
    assert book.warnings == []
    [said] = [entry.text for entry in book.log.entries]
    assert said == "Fees at V are taken in BNB, which has no price yet: its first one values them."
    week = 7 * 24 * 3600 * SECOND
    for now, found in ((NOON + week, 1), (NOON + 2 * week, 0)):
        fees = FeeValues(book.core, book.log)
        assert fees.due(now) == []
        fees.recall(now)
        book.core.market.prices[COIN.id] = "600"  # type: ignore[attr-defined]
        assert sum(len(event.fees) for event in fees.due(now)) == found


def steps_of(work: Callable[[], object]) -> int:
    """How many functions it calls."""
    steps = 0

    def count(*_: object) -> None:
        nonlocal steps
        steps += 1

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return steps


def test_fills_that_nothing_prices_cost_the_desk_no_more_for_being_many_and_are_given_up_as_those_of_earlier_runs() -> (
    None
):
    book, steps = Book(ETH_USDT="2000", BTC_USDT="60000"), []
    for trades in (2, 40):
        for _ in range(trades):
            book.trade(SPOT, "1", "2000", "0.002")
            book.trade(CROSS, "1", "0.03", "0.002")
        assert book.fees.due(NOON + SECOND) == []
        steps.append(steps_of(lambda: book.fees.due(NOON + SECOND)))
    assert steps[0] == steps[1]
    book.core.market.prices[COIN.id] = "600"  # type: ignore[attr-defined]
    assert book.fees.due(NOON + 8 * 24 * 3600 * SECOND) == []
    assert book.fees.due(NOON + SECOND) == []


class Notes(DeskJournal):
    """A journal without a store: what was noted, and the orders beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.orders: list[str] = []

    def note(self, *events: e.OrderEvent | e.AccountEvent, orders: Sequence[Order] = ()) -> None:
        self._keep(events)
        self.orders += [order.client_id for order in orders]


async def test_what_the_books_have_is_journaled_though_an_order_is_gone_and_a_failure_keeps_no_later_fee(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("workstation.bookkeeping._FEES_EVERY", 0.0)
    book, notes = Book(ETH_USDT="2000"), Notes()
    gone, kept = (book.trade(SPOT, "1", "2000", "0.002").client_id for _ in range(2))
    del book.core.orders.orders[gone]
    view = SimpleNamespace(core=book.core, clock=SimClock(NOON))
    books = Bookkeeper(desk=view, journal=notes, log=book.log, currency="USDT", store=lambda: None, fees=book.fees)  # type: ignore[arg-type]
    fails = iter([True])
    monkeypatch.setattr(books, "value_fees", lambda: 1 / 0 if next(fails, False) else Bookkeeper.value_fees(books))
    task = asyncio.create_task(books.keep_fees())
    try:
        async with asyncio.timeout(10):
            while not any("could not be valued" in entry.text for entry in book.log.entries):
                await asyncio.sleep(0)
            book.core.market.prices[COIN.id] = "600"  # type: ignore[attr-defined]
            while not notes.events:
                await asyncio.sleep(0)
    finally:
        task.cancel()
    [event] = notes.events
    assert isinstance(event, e.FeesValued)
    assert [fee.order for fee in event.fees] == [gone, kept]
    assert notes.orders == [kept]
    assert book.core.orders.orders[kept].fees == D("1.2")


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


async def test_a_fee_whose_coin_has_no_price_is_valued_by_the_first_one_after_a_restart_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store, its exports and a fold of its journal all say so."""
    mark = MarketData.mark
    unpriced = ["ETH"]
    monkeypatch.setattr(
        MarketData,
        "mark",
        lambda self, name: None if name.partition(":")[2].split("-")[0] in unpriced else mark(self, name),
    )
    async with demo_desk(tmp_path, wrap=taking("ETH", {})) as desk:
        await desk.market(BTC, Side.BUY, "0.02")
        await desk.settle(lambda: desk.engine.core.portfolio.position(BTC).quantity == D("0.02"))
        assert set(values(desk)) == {None}
        assert desk.engine.position(BTC).fees == 0
        assert any("ETH, which has no price yet" in entry.text for entry in desk.engine.log.entries)
    unpriced.clear()
    async with demo_desk(tmp_path, wrap=taking("ETH", {})) as desk:
        engine = desk.engine
        await desk.settle(lambda: None not in values(desk))
        [event] = [event for event in engine.journal if isinstance(event, e.FeesValued)]
        fees = sum((fee.value for fee in event.fees), ZERO)
        assert engine.position(BTC).fees == fees > 0
        assert sum((order.fees for order in engine.orders()), ZERO) == fees
        assert any("at" in entry.text and "the coin has a price now" in entry.text for entry in engine.log.entries)
        store, live = engine._store, engine.core
        assert store is not None
        store.flush()
        assert store.fills() == live.fills
        again = TradingCore(engine.instruments(), MarketData(engine.instruments()), GENEROUS)
        again.fold(store.journal())
        assert again.portfolio.positions == live.portfolio.positions
        assert again.orders.orders == live.orders.orders
        assert again.results.days == live.results.days
        assert [D(row["fee_value"]) for row in exported(store.path, "fills")] == values(desk)
        assert sum(D(row["fees"]) for row in exported(store.path, "orders")) == fees
        assert [D(row["fees"]) for row in exported(store.path, "positions")] == [fees]
        assert [row["kind"] for row in exported(store.path, "events")].count("fees_valued") == 1


def exported(store: Path, table: str) -> list[dict[str, str]]:
    import csv
    import io

    from workstation.store.export import export

    out = io.BytesIO()
    export(store, table, "csv", out)
    return list(csv.DictReader(io.StringIO(out.getvalue().decode())))


@pytest.mark.parametrize("value", [None, "0.0120000000000000001"])
def test_the_store_keeps_the_value_digit_for_digit(tmp_path: Path, value: str | None) -> None:
    import itertools

    from workstation.store import Store

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

    [row] = exported(store.path, "fills")
    assert (row["fee"], row["fee_currency"], row["fee_value"]) == ("0.002", "BNB", value or "")
    [position] = exported(store.path, "positions")
    assert D(position["fees"]) == D(value or 0)
    store.close()
