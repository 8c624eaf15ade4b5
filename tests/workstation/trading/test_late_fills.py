"""Fills heard late, twice or in any order make the same books as in the order in which the venue made them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.desk import GENEROUS
from workstation.clock import SECOND
from workstation.domain import events as e
from workstation.domain.fill import Fill, Liquidity
from workstation.domain.instrument import ContractType, Instrument
from workstation.domain.order import Order, OrderDraft, OrderType, Side
from workstation.market.data import MarketData
from workstation.past.copying import copied
from workstation.trading.bookings import MADE_UP
from workstation.trading.core import TradingCore

NOON = 1_800_014_400 * SECOND
DAY = 86_400 * SECOND
PERP = Instrument(
    venue="LOOP", symbol="BTC-USDT-PERP", base="BTC", quote="USDT", tick=Decimal("0.1"), lot=Decimal("0.001"),
    contract=ContractType.LINEAR, leverage=Decimal(7),
)  # fmt: skip
INVERSE = msgspec.structs.replace(
    PERP, symbol="BTC-USD-PERP", quote="USD", contract=ContractType.INVERSE, multiplier=Decimal(10), lot=Decimal(1)
)
SPOT = Instrument(
    venue="LOOP", symbol="ETH-USDT", base="ETH", quote="USDT", tick=Decimal("0.01"), lot=Decimal("0.0001")
)  # fmt: skip
ALL = [PERP, INVERSE, SPOT]
ORIGINS = ["manual", "sma", "kill"]


def core_of(fills: list[Fill], origins: dict[str, str], isolated: bool = False) -> TradingCore:
    """A desk that has sent the fills' orders and heard of none of them."""
    core = TradingCore(ALL, MarketData(ALL), GENEROUS)
    core.apply_account(
        e.BalanceAdjusted(ts=NOON, venue="LOOP", currency="USDT", amount=Decimal(10**6), reason="opening balance")
    )
    if isolated:
        for instrument in (PERP, INVERSE):
            core.apply_entry(
                e.MarginModeChanged(
                    ts=NOON, venue="LOOP", entry_id=f"m{instrument.id}", instrument=instrument.id,
                    mode=e.MarginMode.ISOLATED,
                )
            )  # fmt: skip
    for client_id in dict.fromkeys(fill.client_id for fill in fills):
        mine = [fill for fill in fills if fill.client_id == client_id]
        draft = OrderDraft(
            instrument=mine[0].instrument, side=mine[0].side, quantity=sum((one.quantity for one in mine), Decimal(0)),
            type=OrderType.MARKET, origin=origins.get(client_id, "manual"),
        )  # fmt: skip
        order = Order.from_draft(draft, client_id, NOON)
        core.apply_order(e.OrderInitialized(client_id=client_id, ts=NOON, order=order))
        core.apply_order(e.OrderSubmitted(client_id=client_id, ts=NOON))
        core.apply_order(e.OrderAccepted(client_id=client_id, ts=NOON, venue_order_id=f"v{client_id}"))
    return core


def hear(core: TradingCore, fills: list[Fill]) -> TradingCore:
    for number, fill in enumerate(fills):
        core.apply_order(e.OrderFilled(client_id=fill.client_id, ts=NOON + number, fill=fill))
    return core


def books(core: TradingCore) -> dict[str, Any]:
    """All that fills have done, to the last digit."""
    portfolio = core.portfolio
    held: dict[str, list[Any]] = {}
    for (name, instrument), own in core.results.owners.items():
        if own.fills:
            held.setdefault(instrument, []).append((name, own.position, own.carry, own.fills))
    trades: dict[str, list[Any]] = {}
    for trade in core.trades.trades:
        trades.setdefault(trade.instrument, []).append(trade)
    return {
        "positions": portfolio.positions,
        "accounts": {
            name: {currency: amount for currency, amount in account.balances.items() if amount}
            for name, account in portfolio.accounts.items()
        },
        "isolated": portfolio.margin.isolated,
        "days": {
            day: {key: msgspec.structs.astuple(one) for key, one in booked.items() if one.fills or one.flow}
            for day, booked in core.results.days.items()
            if any(one.fills or one.flow for one in booked.values())
        },
        "owners": held,
        "trades": trades,
        "open": {name: core.trades.open_trade(name) for name in core.instruments},
    }


@st.composite
def sessions(draw: st.DrawFn) -> tuple[list[Fill], dict[str, str]]:
    """Fills in the venue's order: orders of several owners, in parts, over two days; numbered by the venue or stamped
    by its clock alone."""
    count = draw(st.integers(2, 50))
    numbered = draw(st.booleans())
    fills: list[Fill] = []
    origins: dict[str, str] = {}
    ts = NOON
    for number in range(1, count + 1):
        order = draw(st.integers(0, 11))
        instrument = ALL[order % 3]
        side = Side.BUY if order % 2 else Side.SELL
        client_id = f"o{order}"
        origins[client_id] = ORIGINS[order // 4]
        # venues that count their fills give many of them the same time, or drift back; those that do not, do not
        ts += draw(st.sampled_from([0, -5, 1, SECOND, DAY // 40] if numbered else [1, SECOND, DAY // 40]))
        lots = draw(st.integers(1, 40))
        fills.append(
            Fill(
                trade_id=str(number), client_id=client_id, instrument=instrument.id, side=side,
                quantity=instrument.quantity(lots), price=Decimal(draw(st.integers(50, 150))),
                fee=Decimal(draw(st.integers(-2, 9))) / 10, fee_currency=instrument.settlement,
                liquidity=Liquidity.MAKER, ts=ts, number=number if numbered else 0,
            )
        )  # fmt: skip
    return fills, origins


@st.composite
def sweeps(draw: st.DrawFn) -> list[Fill]:
    """Fills of an exchange that counts none and whose clock knows milliseconds: in each, an order of ours takes several
    levels, or somebody takes several of our resting orders."""
    fills: list[Fill] = []
    for at in range(draw(st.integers(1, 6))):
        side, takes = draw(st.sampled_from(list(Side))), draw(st.booleans())
        prices = sorted(
            draw(st.sets(st.integers(50, 150), min_size=1, max_size=4)), reverse=(side is Side.BUY) != takes
        )
        for price in prices:
            number = len(fills) + 1
            fills.append(
                msgspec.structs.replace(
                    fill(0, f"t{at}" if takes else f"m{number}", side, str(draw(st.integers(1, 9))), str(price)),
                    trade_id=str(number), ts=NOON + at * SECOND,
                    liquidity=Liquidity.TAKER if takes else Liquidity.MAKER,
                )
            )  # fmt: skip
    return fills


@given(sweeps(), st.data())
@settings(max_examples=25)
def test_fills_of_one_millisecond_are_in_a_sensible_order_however_heard_read_again_and_after_a_restart(
    fills: list[Fill], data: st.DataObject
) -> None:
    right = books(hear(core_of(fills, {}), fills))
    heard = data.draw(st.permutations(fills))
    core = hear(core_of(fills, {}), heard)
    assert books(core) == right
    assert books(hear(core, fills)) == right, "read again, as the exchange lists them"
    assert books(hear(core_of(fills, {}), heard)) == right, "from the journal"


def test_fills_that_nothing_tells_apart_stay_as_they_were_heard_first() -> None:
    alike = [msgspec.structs.replace(fill(0, "a", Side.BUY, "1", "90"), trade_id=name, ts=NOON) for name in "cab"]
    core = hear(core_of(alike, {}), alike)
    hear(core, sorted(alike, key=lambda one: one.trade_id))
    assert [one.trade_id for one in core.fills] == ["c", "a", "b"]


@given(sessions(), st.data())
@settings(max_examples=12)
def test_in_whatever_order_fills_are_heard_the_books_are_those_of_the_venue_s(
    session: tuple[list[Fill], dict[str, str]], data: st.DataObject
) -> None:
    fills, origins = session
    isolated = data.draw(st.booleans())
    right = hear(core_of(fills, origins, isolated), fills)
    heard = data.draw(st.permutations(fills)) + data.draw(st.lists(st.sampled_from(fills), max_size=5))
    core = hear(core_of(fills, origins, isolated), heard)
    assert books(core) == books(right)
    assert sorted(core.fills, key=lambda one: int(one.trade_id)) == fills
    assert core.portfolio.equity({PERP.id: Decimal(90), INVERSE.id: Decimal(90), SPOT.id: Decimal(90)}.get) == (
        right.portfolio.equity({PERP.id: Decimal(90), INVERSE.id: Decimal(90), SPOT.id: Decimal(90)}.get)
    )


@given(sessions(), st.data())
@settings(max_examples=5)
def test_funding_and_interest_that_come_in_between_are_booked_once(
    session: tuple[list[Fill], dict[str, str]], data: st.DataObject
) -> None:
    """Money of entries, and the sums over trades and owners, stand whatever is folded again."""
    fills, origins = session
    heard = data.draw(st.permutations(fills))
    core = core_of(fills, origins, isolated=True)
    paid = Decimal(0)
    for number, fill in enumerate(heard):
        if number % 7 == 3:
            name = (PERP, INVERSE)[number % 2]
            amount = Decimal(data.draw(st.integers(-30, 30))) / 10
            paid += amount if name is PERP else 0
            core.apply_entry(
                e.FundingPaid(
                    ts=data.draw(st.sampled_from(fills)).ts, venue="LOOP", entry_id=f"f{number}", instrument=name.id,
                    currency=name.settlement, amount=amount, quantity=Decimal(1), mark=Decimal(100), rate=Decimal(0),
                )
            )  # fmt: skip
        hear(core, [fill])
    traded = [trade for trade in core.trades.trades if trade.instrument == PERP.id]
    stray = core.trades.stray.get(PERP.id, Decimal(0))
    position = core.portfolio.position(PERP.id)
    carried = sum((own.carry for (_, name), own in core.results.owners.items() if name == PERP.id), Decimal(0))
    assert core.portfolio.funding.get(PERP.id, Decimal(0)) == paid == carried
    assert sum((trade.funding for trade in traded), stray) == paid
    assert sum((trade.realized for trade in traded), Decimal(0)) == position.realized
    assert sum((trade.fees for trade in traded), Decimal(0)) == position.fees
    balance = core.portfolio.balance("LOOP", "USDT")
    spot = core.portfolio.position(SPOT.id)
    assert balance == Decimal(10**6) + position.realized - position.fees + paid - spot.cost + spot.realized - spot.fees


@given(sessions(), st.data())
@settings(max_examples=12)
def test_interest_that_is_owed_in_coins_makes_the_position_shorter_whatever_is_heard_when(
    session: tuple[list[Fill], dict[str, str]], data: st.DataObject
) -> None:
    """The money always agrees: what the account is worth is what was paid in, won, lost and paid."""
    fills, origins = session
    core = core_of(fills, origins)
    charged = cost = Decimal(0)
    for number, one in enumerate(data.draw(st.permutations(fills))):
        if number % 5 == 3:
            amount, mark = Decimal(data.draw(st.integers(1, 30))) / 10_000, Decimal(data.draw(st.integers(50, 150)))
            charged, cost = charged + amount, cost + amount * mark
            core.apply_entry(
                e.InterestCharged(
                    ts=data.draw(st.sampled_from(fills)).ts, venue="LOOP", entry_id=f"i{number}", instrument=SPOT.id,
                    currency="ETH", amount=-amount, borrowed=Decimal(1), rate=Decimal(0), hours=1, mark=mark,
                    worth=-amount * mark,
                )
            )  # fmt: skip
        hear(core, [one])
    spot, portfolio = core.portfolio.position(SPOT.id), core.portfolio
    bought = sum((one.quantity * one.side.sign for one in fills if one.instrument == SPOT.id), Decimal(0))
    assert spot.quantity == bought - charged == portfolio.balance("LOOP", "ETH")
    assert portfolio.interest == ({("LOOP", "USDT"): cost} if charged else {})
    traded = [trade for trade in core.trades.trades if trade.instrument == SPOT.id]
    stray = core.trades.stray.get(SPOT.id, Decimal(0))
    assert sum((trade.realized + trade.interest for trade in traded), stray) == spot.realized - cost
    owned = [own for (_, name), own in core.results.owners.items() if name == SPOT.id]
    assert sum((own.position.quantity for own in owned), Decimal(0)) == spot.quantity
    assert sum((own.carry for own in owned), Decimal(0)) == -cost
    mark = Decimal(97)
    gained = sum((own.position.realized + own.position.unrealized(SPOT, mark) for own in owned), Decimal(0))
    assert gained == spot.realized + spot.unrealized(SPOT, mark)
    whole = portfolio.equity({PERP.id: mark, INVERSE.id: mark, SPOT.id: mark}.get)
    money = sum(
        (one.realized - one.fees - one.interest for day in core.results.days.values() for (_, coin), one in day.items()
         if coin == "USDT"),
        Decimal(0),
    )  # fmt: skip
    in_usdt = spot.realized - spot.fees + portfolio.position(PERP.id).realized - portfolio.position(PERP.id).fees
    assert money == in_usdt - cost
    unrealized = spot.unrealized(SPOT, mark) + portfolio.position(PERP.id).unrealized(PERP, mark)
    inverse = portfolio.balance("LOOP", "BTC") + portfolio.position(INVERSE.id).unrealized(INVERSE, mark)
    assert whole.total == Decimal(10**6) + in_usdt - cost + unrealized + inverse * mark


def fill(number: int, client_id: str, side: Side, quantity: str, price: str, **terms: Any) -> Fill:
    return Fill(
        trade_id=str(number), client_id=client_id, instrument=PERP.id, side=side, quantity=Decimal(quantity),
        price=Decimal(price), fee=Decimal(1), fee_currency="USDT",
        **({"liquidity": Liquidity.TAKER, "ts": NOON + number, "number": number} | terms),
    )  # fmt: skip


def through_zero() -> list[Fill]:
    """A long of 2, and one order that closes it and opens a short of 1."""
    return [fill(1, "a", Side.BUY, "2", "90"), fill(2, "b", Side.SELL, "2", "110"), fill(3, "b", Side.SELL, "1", "100")]


def test_two_fills_of_one_order_that_goes_through_zero() -> None:
    """The first closes the long at 110, the second opens a short at 100: not the other way round."""
    fills = through_zero()
    core = hear(core_of(fills, {}), [fills[0], fills[2], fills[1]])
    position = core.portfolio.position(PERP.id)
    assert (position.quantity, position.average_price(PERP), position.realized) == (-1, 100, 40)
    assert core.portfolio.balance("LOOP", "USDT") == 1_000_037
    assert [(trade.trade_id, trade.realized, trade.is_open) for trade in core.trades.trades] == [
        (f"{PERP.id}#1", 40, False),
        (f"{PERP.id}#3", 0, True),
    ]


def test_an_order_that_takes_several_levels_in_one_instant_took_the_best_first() -> None:
    """Where the exchange counts nothing and its clock says the same of all."""
    fills = [msgspec.structs.replace(each, ts=NOON + min(each.number, 2), number=0) for each in through_zero()]
    core = hear(core_of(fills, {}), [fills[0], fills[2], fills[1]])
    assert books(core) == books(hear(core_of(fills, {}), fills))
    assert core.portfolio.position(PERP.id).realized == 40


def test_what_was_made_up_to_agree_with_the_venue_stays_where_it_was_booked() -> None:
    """Its price was reckoned from what was there: nothing is put before it."""
    fills = [fill(9, "a", Side.BUY, "2", "90"), fill(0, "r", Side.SELL, "1", "95", ts=NOON + 5 * SECOND)]
    late = fill(3, "b", Side.BUY, "1", "80")
    core = hear(core_of([*fills, late], {"r": MADE_UP}), [*fills, late])
    assert core.portfolio.position(PERP.id).realized == 5


@pytest.mark.parametrize("at", [0, 40, 250])
def test_a_fill_found_hundreds_of_fills_later_goes_where_it_belongs(at: int) -> None:
    fills = [
        fill(n, f"o{n % 2}", Side.BUY if n % 2 else Side.SELL, str(1 + n * 7 % 5), str(100 + n * 13 % 17))
        for n in range(1, 300)
    ]
    late = fills.pop(at)
    right = hear(core_of([*fills, late], {}), sorted([*fills, late], key=lambda one: one.number))
    core = hear(core_of([*fills, late], {}), [*fills, late])
    assert books(core) == books(right)


def test_what_was_noted_of_a_trade_stays_with_it_when_its_first_fill_is_found_late() -> None:
    fills = [fill(1, "a", Side.BUY, "2", "90"), fill(2, "a", Side.BUY, "1", "91"), fill(3, "b", Side.SELL, "3", "99")]
    core = hear(core_of(fills, {}), fills[1:2])
    (trade,) = core.trades.trades
    core.apply_account(e.TradeNoted(ts=NOON, trade_id=trade.trade_id, note="entered late"))
    hear(core, [fills[2], fills[0]])
    (trade,) = core.trades.trades
    assert (trade.trade_id, trade.entered, trade.realized) == (f"{PERP.id}#1", 3, 26)
    assert {name: note.note for name, note in core.trades.notes.items()} == {trade.trade_id: "entered late"}


def test_a_copy_of_the_state_folds_late_fills_for_itself() -> None:
    fills = through_zero()
    core = hear(core_of(fills, {}), [fills[0], fills[2]])
    other = copied(core, (core.market, core.instruments))
    hear(other, [fills[1]])
    assert core.portfolio.position(PERP.id).realized == 10
    assert other.portfolio.position(PERP.id).realized == 40
    assert books(hear(core, [fills[1]])) == books(other)
