"""What trading brought by day and by who traded: the parts always sum to the portfolio's figures, to the last digit."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workstation.clock import SECOND
from workstation.domain.events import BalanceAdjusted, FundingPaid, InterestCharged
from workstation.domain.fill import Fill, Liquidity
from workstation.domain.instrument import ContractType, Instrument
from workstation.domain.numbers import add
from workstation.domain.order import Side
from workstation.trading.portfolio import Portfolio
from workstation.trading.results import Results, day_results, owner_results

DAY = 86_400 * SECOND
MONDAY = 20_458 * DAY  # 2026-01-05
PERP = Instrument(
    venue="NOVA", symbol="BTC-PERP", base="BTC", quote="USDT", tick=Decimal("0.1"), lot=Decimal("0.001"),
    contract=ContractType.LINEAR,
)  # fmt: skip
D = Decimal


SPOT = Instrument(venue="NOVA", symbol="BTC-USDT", base="BTC", quote="USDT", tick=Decimal("0.1"), lot=Decimal("0.001"))


class Book:
    """Portfolio and results, fed with the same."""

    def __init__(self, traded: Instrument = PERP) -> None:
        self.traded = traded
        self.instruments = {traded.id: traded}
        self.portfolio = Portfolio([traded], "USDT")
        self.results = Results(self.instruments)
        self.number = 0

    def fill(
        self, origin: str, quantity: str, price: str, ts: int = MONDAY, fee: str = "0.5", whole: bool = False
    ) -> None:
        self.number += 1
        fill = Fill(
            trade_id=str(self.number), client_id="c", instrument=self.traded.id,
            side=Side.BUY if D(quantity) > 0 else Side.SELL, quantity=abs(D(quantity)), price=D(price), fee=D(fee),
            fee_currency="USDT", liquidity=Liquidity.TAKER, ts=ts,
        )  # fmt: skip
        before = self.portfolio.position(self.traded.id)
        self.results.on_fill(fill, origin, before, self.portfolio.move(fill), whole)

    def entry(self, event) -> None:
        self.portfolio.apply_entry(event)
        self.results.on_entry(event)

    def days(self):
        return day_results(self.results, lambda venue, currency: D(1))

    def owners(self, mark: str):
        found = owner_results(self.results, self.instruments, lambda venue, currency: D(1), lambda _: D(mark))
        return {one.origin: one for one in found}


def funding(amount: str, ts: int = MONDAY) -> FundingPaid:
    return FundingPaid(
        ts=ts, venue="NOVA", entry_id=f"{ts}{amount}", instrument=PERP.id, currency="USDT", amount=D(amount),
        quantity=D(1), mark=D(100), rate=D("0.01"),
    )  # fmt: skip


def test_profit_belongs_to_the_utc_day_on_which_it_was_realised():
    book = Book()
    book.fill("manual", "2", "100")
    book.fill("manual", "-1", "110", MONDAY + DAY)
    book.fill("manual", "-1", "95", MONDAY + 3 * DAY - 1)
    assert [(one.day, one.realized, one.fees, one.fills, one.net) for one in book.days()] == [
        (MONDAY + 2 * DAY, D(-5), D("0.5"), 1, D("-5.5")),
        (MONDAY + DAY, D(10), D("0.5"), 1, D("9.5")),
        (MONDAY, D(0), D("0.5"), 1, D("-0.5")),
    ]


def test_funding_interest_and_deposits_stand_on_their_days_and_deposits_are_no_profit():
    book = Book()
    book.fill("manual", "1", "100", fee="0")
    book.entry(funding("-2"))
    book.entry(InterestCharged(
        ts=MONDAY, venue="NOVA", entry_id="i", instrument=PERP.id, currency="USDT", amount=D(-3), borrowed=D(1),
        rate=D(0), hours=1, mark=D(100),
    ))  # fmt: skip
    book.results.on_flow(BalanceAdjusted(ts=MONDAY, venue="NOVA", currency="USDT", amount=D(1000), reason="deposit"))
    (day,) = book.days()
    assert (day.funding, day.interest, day.flow, day.net) == (D(-2), D(3), D(1000), D(-5))


def test_each_strategy_is_reckoned_as_if_it_traded_alone():
    book = Book()
    book.fill("sma_cross@NOVA:BTC-PERP", "1", "100")
    book.fill("grid@NOVA:BTC-PERP", "-1", "104")  # the desk is flat now; each of the two is not
    owners = book.owners("110")
    assert owners["sma_cross@NOVA:BTC-PERP"].unrealized == 10
    assert owners["grid@NOVA:BTC-PERP"].unrealized == -6
    assert owners["sma_cross@NOVA:BTC-PERP"].net == D("9.5")


@pytest.mark.parametrize("way", [1, -1])
@pytest.mark.parametrize("closer", ["manual", "kill"])
def test_what_closes_the_whole_position_closes_what_its_owners_hold_against_each_other(closer, way):
    """A strategy that went on believing in its part could close it never: the account has nothing to reduce."""
    book = Book()
    book.fill("manual", f"{-4 * way}", "100", fee="0")
    book.fill("a@x", f"{10 * way}", "100", fee="0")
    book.fill("b@x", f"{2 * way}", "100", fee="0")
    book.fill(closer, f"{-3 * way}", "110", fee="3", whole=True)
    book.fill(closer, f"{-5 * way}", "110", fee="5", whole=True)
    assert all(own.position.is_flat for own in book.results.owners.values())
    position, owners = book.portfolio.position(PERP.id), book.owners("110")
    assert sum(one.realized for one in owners.values()) == position.realized == 80 * way
    assert sum(one.fees for one in owners.values()) == position.fees == 8
    assert (owners["manual"].realized, owners["manual"].fees) == (-40 * way, 0)
    assert owners["a@x"].realized == 100 * way


def test_a_hand_that_closes_its_own_closes_nothing_of_strategies_against_each_other():
    book = Book()
    book.fill("a@x", "1", "100")
    book.fill("b@x", "-1", "100")
    book.fill("manual", "2", "100")
    book.fill("manual", "-2", "110")
    assert {name: own.position.quantity for (name, _), own in book.results.owners.items()} == {
        "a@x": 1, "b@x": -1, "manual": 0,
    }  # fmt: skip


@pytest.mark.parametrize("hand", ["manual", "external", "reconciliation", "twap"])
@pytest.mark.parametrize("way", [1, -1])
def test_what_a_hand_closes_is_its_own_first_and_then_of_the_strategies(hand, way):
    """A strategy that went on believing in coins that were sold by hand would sell them a second time."""
    book, run = Book(), "sma@NOVA:BTC-PERP"
    held = lambda: {name: way * own.position.quantity for (name, _), own in book.results.owners.items()}  # noqa: E731
    book.fill(run, f"{3 * way}", "100", fee="0")
    book.fill("manual", f"{way}", "100", fee="0")
    book.fill(hand, f"{-way}", "110", fee="0")
    assert held()[run] == 3, "the hand has closed its own"
    book.fill(hand, f"{-2 * way}", "110", fee="0")
    assert held()[run] == 1
    assert book.owners("110")[run].realized == 20 * way
    book.fill(hand, f"{-5 * way}", "110", fee="0")
    assert held()[run] == 0
    assert sum(held().values()) == -4, "what is beyond that is a position of the hand's"
    book.fill(run, f"{way}", "110", fee="0")
    book.fill(hand, f"{-way}", "110", fee="0")
    assert held()[run] == 1, "the desk's position grew the other way: nothing of the strategy's was closed"


@pytest.mark.parametrize(("traded", "left"), [(SPOT, D("0.1")), (PERP, D("0.3"))])
def test_coins_of_before_that_were_sold_leave_the_next_sale_to_the_strategies(traded, left):
    """Of contracts the hand is short and goes on; of spot nobody is: what it sells next was bought by this desk."""
    book, run = Book(traded), "sma@NOVA:BTC"
    book.fill("manual", "-1", "100", fee="0")
    book.fill(run, "0.3", "100", fee="0")
    book.fill("manual", "-0.2", "100", fee="0")
    assert book.results.owners[run, traded.id].position.quantity == left
    assert sum(own.position.quantity for own in book.results.owners.values()) == D("-0.9")


def test_what_the_kill_switch_closes_is_booked_to_those_who_held_it():
    book = Book()
    book.fill("sma_cross", "3", "100", fee="0")
    book.fill("manual", "1", "100", fee="0")
    book.fill("kill", "-4", "90", fee="1")
    owners = book.owners("50")
    assert set(owners) == {"sma_cross", "manual"}
    assert (owners["sma_cross"].realized, owners["sma_cross"].fees) == (D(-30), D("0.75"))
    assert (owners["manual"].realized, owners["manual"].fees) == (D(-10), D("0.25"))


def test_funding_is_shared_by_what_each_held():
    book = Book()
    book.fill("a", "3", "100", fee="0")
    book.fill("b", "1", "100", fee="0")
    book.entry(funding("-8"))
    owners = book.owners("100")
    assert (owners["a"].carry, owners["b"].carry) == (D(-6), D(-2))


def test_a_currency_without_a_price_is_left_out_and_says_so():
    book = Book()
    book.fill("manual", "1", "100")
    (day,) = day_results(book.results, lambda venue, currency: None)
    assert not day.whole
    assert day.fees == 0
    (owner,) = owner_results(book.results, book.instruments, lambda venue, currency: None, lambda _: None)
    assert not owner.whole


fills = st.tuples(
    st.sampled_from(["manual", "a@x", "b@x", "external", "kill", "liquidation"]),
    st.integers(1, 50).map(lambda n: n / 1000) | st.integers(-50, -1).map(lambda n: n / 1000),
    st.integers(900, 1100),
    st.integers(0, 3),
)


@settings(max_examples=80, deadline=None)
@given(st.lists(fills, max_size=25), st.lists(st.integers(-500, 500), max_size=4), st.integers(900, 1100))
def test_the_parts_always_sum_to_the_portfolio(trades, payments, mark):
    book = Book()
    for origin, quantity, price, day in trades:
        book.fill(origin, f"{quantity:.3f}", str(price), MONDAY + day * DAY, "0.123")
        if payments:
            book.entry(funding(str(payments[0]), MONDAY + day * DAY + book.number))
    position = book.portfolio.position(PERP.id)
    assert sum((one.realized for one in book.days()), D(0)) == position.realized
    assert sum((one.fees for one in book.days()), D(0)) == position.fees
    assert sum((one.funding for one in book.days()), D(0)) == book.portfolio.funding.get(PERP.id, D(0))
    owners = book.owners(str(mark)).values()
    assert sum((one.fees for one in owners), D(0)) == position.fees
    assert sum((one.carry for one in owners), D(0)) == book.portfolio.funding.get(PERP.id, D(0))
    held = sum((own.position.quantity for own in book.results.owners.values()), D(0))
    assert held == position.quantity
    whole = add(position.realized, position.unrealized(PERP, D(mark)))
    assert sum((one.realized + one.unrealized for one in owners), D(0)) == whole
