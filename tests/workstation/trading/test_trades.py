"""Trades are what happened from flat to flat; their money is the portfolio's, to the last digit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal as D

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.journals import PERP, SPOT, START, journal
from workstation.domain import events as e
from workstation.domain.fill import Fill, Liquidity
from workstation.domain.instrument import ContractType, Instrument
from workstation.domain.numbers import ZERO, add
from workstation.domain.order import Order, OrderDraft, OrderType, Side
from workstation.market.data import MarketData
from workstation.trading.core import TradingCore
from workstation.trading.limits import RiskLimits
from workstation.trading.trade_stats import By, r_multiple, statistics

INVERSE = msgspec.structs.replace(PERP, symbol="BTCUSD", quote="USD", contract=ContractType.INVERSE)
BASE_FEE = msgspec.structs.replace(SPOT, symbol="SOL-USDT", base="SOL")
ALL = (PERP, SPOT, INVERSE, BASE_FEE)
MARKET = MarketData(ALL)


def core_of(events: Sequence[e.OrderEvent | e.AccountEvent]) -> TradingCore:
    core = TradingCore(ALL, MARKET, RiskLimits())
    core.fold(events)
    return core


def done(number: int, instrument: Instrument, side: Side, quantity: D, price: D, fee: D, parts: int = 1,
         coin: bool = False, **terms: object) -> Iterator[e.OrderEvent]:  # fmt: skip
    """An order that fills in `parts` equal parts."""
    name, ts = f"o{number}", START + number * 10**9
    draft = OrderDraft(instrument=instrument.id, side=side, quantity=quantity, price=price, **terms)  # type: ignore[arg-type]
    yield e.OrderInitialized(client_id=name, ts=ts, order=Order.from_draft(draft, name, ts))
    yield e.OrderSubmitted(client_id=name, ts=ts)
    yield e.OrderAccepted(client_id=name, ts=ts, venue_order_id=name)
    for part in range(parts):
        fill = Fill(
            trade_id=f"{number}.{part}", client_id=name, instrument=instrument.id, side=side,
            quantity=quantity / parts, price=price, fee=fee / parts,
            fee_currency=instrument.base if coin else instrument.settlement, liquidity=Liquidity.TAKER, ts=ts,
        )  # fmt: skip
        yield e.OrderFilled(client_id=name, ts=ts, fill=fill)


def traded(*orders: tuple[object, ...], instrument: Instrument = PERP, **terms: object) -> TradingCore:
    """Orders of (side, quantity, price, fee)."""
    return core_of([event for number, (side, *numbers) in enumerate(orders)
                    for event in done(number, instrument, side, *map(D, numbers), **terms)])  # type: ignore[arg-type]  # fmt: skip


B, S = Side.BUY, Side.SELL


def test_in_and_out_is_one_trade_with_its_fees() -> None:
    (trade,) = traded((B, "2", "100", "1"), (S, "2", "110", "1.1")).trades.trades
    assert (trade.side, trade.entered, trade.exited, trade.largest) == (B, 2, 2, 2)
    assert (trade.entry_price(PERP), trade.exit_price(PERP)) == (100, 110)
    assert (trade.realized, trade.fees, trade.net) == (20, D("2.1"), D("17.9"))
    assert trade.closed_at == START + 10**9


def test_adding_and_closing_a_part_stay_in_the_trade() -> None:
    (trade,) = traded(
        (B, "1", "100", "0"), (B, "1", "120", "0"), (S, "1", "130", "0"), (S, "1", "90", "0")
    ).trades.trades
    assert (trade.largest, trade.fills, trade.realized) == (2, 4, 0)
    assert (trade.entry_price(PERP), trade.exit_price(PERP)) == (110, 110)


def test_a_reversal_is_two_trades_and_its_fee_is_divided() -> None:
    first, second = traded((B, "1", "100", "1"), (S, "4", "110", "4"), (B, "3", "100", "3")).trades.trades
    assert (first.side, first.realized, first.fees) == (B, 10, 2)
    assert (second.side, second.realized, second.fees) == (S, 30, 6)
    assert first.closed_at == second.opened_at


def test_an_inverse_contract_is_reckoned_in_its_coin() -> None:
    core = traded((B, "100", "50000", "0"), (S, "100", "40000", "0"), instrument=INVERSE)
    (trade,) = core.trades.trades
    assert trade.realized == core.portfolio.position(INVERSE.id).realized == D("-0.0005")
    assert trade.entry_price(INVERSE) == 50_000


def test_a_rest_below_one_lot_of_spot_is_flat() -> None:
    core = core_of([*done(1, BASE_FEE, B, D(1), D(100), D("0.0005"), coin=True),
                    *done(2, BASE_FEE, S, D("0.999"), D(110), D(0)),
                    *done(3, BASE_FEE, B, D(1), D(100), D(0))])  # fmt: skip
    first, second = core.trades.trades
    assert first.closed_at is not None
    assert second.is_open
    assert add(first.realized, second.realized) == core.portfolio.position(BASE_FEE.id).realized


def test_funding_goes_to_the_trade_that_was_open_at_its_time() -> None:
    events = list(done(1, PERP, B, D(1), D(100), D(0)))
    events += done(5, PERP, S, D(1), D(101), D(0))
    events += done(9, PERP, S, D(1), D(101), D(0))
    paid = e.FundingPaid(ts=START + 3 * 10**9, venue="NOVA", entry_id="f", instrument=PERP.id, currency="USDT",
                         amount=D("-0.2"), quantity=D(1), mark=D(100), rate=D("0.002"))  # fmt: skip
    core = core_of([*events, paid])  # reported late
    assert [trade.funding for trade in core.trades.trades] == [D("-0.2"), 0]
    assert core.trades.trades[0].net == D("0.8")


def test_r_is_the_profit_in_units_of_what_the_first_stop_risked() -> None:
    stop = {"type": OrderType.STOP, "stop_price": D(95), "price": None, "reduce_only": True}
    name, ts = "stop", START + 10**9
    draft = OrderDraft(instrument=PERP.id, side=S, quantity=D(2), **stop)  # type: ignore[arg-type]
    events = [*done(0, PERP, B, D(2), D(100), D(0)),
              e.OrderInitialized(client_id=name, ts=ts, order=Order.from_draft(draft, name, ts)),
              *done(2, PERP, S, D(2), D(115), D(0))]  # fmt: skip
    (trade,) = core_of(events).trades.trades
    assert trade.risk(PERP) == 10
    assert r_multiple(trade, PERP) == 3
    typed = e.TradeNoted(ts=ts, trade_id=trade.trade_id, risk=D(15))
    assert r_multiple(trade, PERP, typed) == 2


def test_what_is_noted_is_folded_from_the_journal_and_the_last_counts() -> None:
    events = list(done(1, PERP, B, D(1), D(100), D(0)))
    trade_id = core_of(events).trades.trades[0].trade_id
    notes = [e.TradeNoted(ts=START, trade_id=trade_id, tags=tags) for tags in (("late",), ("late", "news"))]
    assert core_of([*events, *notes]).trades.notes[trade_id].tags == ("late", "news")


def check(core: TradingCore) -> None:
    """What the trades say is what the portfolio says."""
    for name, position in core.portfolio.positions.items():
        ours = [trade for trade in core.trades.trades if trade.instrument == name]
        for what, whole in (("realized", position.realized), ("fees", position.fees),
                            ("funding", core.portfolio.funding.get(name, ZERO))):  # fmt: skip
            total = core.trades.stray.get(name, ZERO) if what == "funding" else ZERO
            for trade in ours:
                total = add(total, getattr(trade, what))
            assert total == whole, (name, what)
        signed = sum((trade.side.sign * (trade.entered - trade.exited) for trade in ours), ZERO)
        assert abs(signed - position.quantity) <= (len(ours) * core.instruments[name].lot if name == BASE_FEE.id else 0)


orders = st.lists(
    st.tuples(
        st.sampled_from(ALL),
        st.sampled_from((B, S)),
        st.integers(1, 40),
        st.integers(100, 900),
        st.integers(-20, 50),
        st.booleans(),
    ),
    max_size=25,
)


@given(orders=orders)
@settings(max_examples=100, deadline=None)
def test_the_trades_money_is_the_portfolios_to_the_last_digit(orders: list[tuple]) -> None:  # type: ignore[type-arg]
    events = [event for number, (instrument, side, size, price, fee, coin) in enumerate(orders)
              for event in done(number, instrument, side, D(size) / 1000, D(price) / 7, D(fee) / 10_000, coin=coin and
                                instrument is BASE_FEE and fee > 0)]  # fmt: skip
    check(core_of(events))


def test_a_long_journal_too() -> None:
    check(core_of(list(journal(8_000, seed=3))))


@given(orders=orders, parts=st.sampled_from((2, 4, 5)))
@settings(max_examples=100, deadline=None)
def test_how_fills_are_split_does_not_matter(orders: list[tuple], parts: int) -> None:  # type: ignore[type-arg]
    def shape(parts: int) -> list[tuple[object, ...]]:
        events = [event for number, (_, side, size, price, fee, _) in enumerate(orders)
                  for event in done(number, PERP, side, D(size), D(price), D(fee * size), parts)]  # fmt: skip
        return [
            (trade.side, trade.opened_at, trade.closed_at, trade.entered, trade.exited, trade.largest,
             trade.realized, trade.entry_cost)
            for trade in core_of(events).trades.trades if not trade.is_open
        ]  # fmt: skip

    assert shape(parts) == shape(1)


def test_statistics_by_tag_side_and_hour() -> None:
    core = traded((B, "1", "100", "0"), (S, "1", "110", "0"), (B, "1", "100", "0"), (S, "1", "95", "0"),
                  (S, "1", "100", "0"), (B, "1", "94", "0"))  # fmt: skip
    notes = {core.trades.trades[0].trade_id: e.TradeNoted(ts=0, trade_id="", tags=("trend", "a"), setup="break")}

    def of(by: By) -> dict[str, tuple[int, float]]:
        found = statistics(core.trades.trades, by, lambda trade: notes.get(trade.trade_id), lambda _: None)
        return {one.key: (one.count, one.total) for one in found}

    assert of(By.ALL) == {"all": (3, 11)}
    assert of(By.SIDE) == {"long": (2, 5), "short": (1, 6)}
    assert of(By.TAG) == {"a": (1, 10), "no tag": (2, 1), "trend": (1, 10)}
    assert of(By.SETUP) == {"break": (1, 10), "no setup": (2, 1)}
    assert of(By.HOUR) == {"12:00": (3, 11)}
    assert of(By.WEEKDAY) == {"1 Monday": (3, 11)}
    (whole,) = statistics(core.trades.trades, By.ALL, lambda _: None, lambda _: None)
    assert (whole.wins, whole.losses, whole.average_win, whole.average_loss) == (2, 1, 8, -5)
    assert (whole.expectancy, whole.profit_factor, whole.average_r) == (11 / 3, 16 / 5, None)
