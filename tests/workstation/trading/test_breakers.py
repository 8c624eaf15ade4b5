"""Circuit breakers: when they trip, what they stop, how they end, and that they never flap nor forget."""

from __future__ import annotations

from decimal import Decimal as D

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_risk import NOW, desk, objections, order, position

from workstation.clock import SECOND
from workstation.domain.events import BalanceAdjusted, BreakerTripped, EquityMarked
from workstation.domain.order import OrderType, Side
from workstation.store.codec import decode_event, event_row
from workstation.trading.breakers import CLEARED, WORSE, Breaker, Breakers, percent
from workstation.trading.errors import Refused
from workstation.trading.limits import BreakerLimits, limit_words

MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
T0 = 20_000 * DAY


def fresh(equity: str = "100000", **limits: object) -> Breakers:
    made = Breakers(msgspec.structs.replace(BreakerLimits(), **limits))
    made.on_equity(T0, D(equity))
    return made


def trips(events: list) -> list[str]:
    return [event.name for event in events if isinstance(event, BreakerTripped)]


# Losses.


def test_a_daily_loss_above_five_percent_stops_new_positions_for_an_hour() -> None:
    breakers = fresh()
    assert trips(breakers.on_equity(T0 + SECOND, D(95_000))) == [], "five percent is not above five percent"
    assert trips(breakers.on_equity(T0 + 2 * SECOND, D(94_999))) == ["daily_loss"]
    trip = breakers.active(T0 + 2 * SECOND)[0]
    assert trip.until == T0 + 2 * SECOND + HOUR
    assert "5 %" in trip.reason
    assert breakers.active(trip.until - 1)
    assert not breakers.active(trip.until), "it ends by itself when its time is over"


def test_a_new_day_measures_from_its_own_start() -> None:
    breakers = fresh()
    breakers.on_equity(T0 + 23 * HOUR, D(96_000))
    assert trips(breakers.on_equity(T0 + DAY + SECOND, D(94_000))) == []
    assert breakers.loss == 0
    assert trips(breakers.on_equity(T0 + DAY + 2 * SECOND, D(89_000))) == ["daily_loss", "drawdown"]


def test_a_drawdown_is_measured_from_the_highest_equity_there_was() -> None:
    breakers = fresh()
    breakers.on_equity(T0 + DAY, D(120_000))
    assert trips(breakers.on_equity(T0 + 2 * DAY, D(108_000))) == []
    assert trips(breakers.on_equity(T0 + 2 * DAY + 1, D(107_900))) == ["drawdown"]
    assert breakers.active(T0 + 2 * DAY + 1)[0].until == T0 + 2 * DAY + 1 + 24 * HOUR


@pytest.mark.parametrize(
    ("equity", "scale"),
    [("95000", "1"), ("90000", "1"), ("88000", "0.6"), ("87500", "0.5"), ("85000", "0"), ("80000", "0")],
)
def test_sizes_shrink_in_line_from_ten_to_fifteen_percent(equity: str, scale: str) -> None:
    breakers = fresh()
    breakers.on_equity(T0 + 1, D(equity))
    assert breakers.size_scale == D(scale)


def test_a_drawdown_above_twenty_percent_is_the_kill_switch_and_lasts_until_its_reset() -> None:
    breakers = fresh()
    assert trips(breakers.on_equity(T0 + 1, D(79_999))) == ["daily_loss", "drawdown", "drawdown_kill"]
    later = T0 + 400 * DAY
    assert [trip.name for trip in breakers.active(later)] == ["drawdown_kill"]
    assert trips(breakers.on_equity(T0 + 2, D(79_000))) == []
    breakers.reset(later, "drawdown_kill", "", D(79_000), "test")
    assert breakers.active(later) == []
    assert trips(breakers.on_equity(later + 1, D(78_000))) == [], "the reset took the equity as the new peak"
    assert breakers.size_scale == 1


def test_after_its_time_a_loss_that_stays_does_not_trip_again_but_one_that_grows_does() -> None:
    breakers = fresh()
    breakers.on_equity(T0 + 1, D(94_000))  # 6 %: again at 8.5 %
    later = T0 + 2 * HOUR
    assert trips(breakers.on_equity(later, D(94_100))) == []
    assert trips(breakers.on_equity(later, D(91_600))) == []
    assert trips(breakers.on_equity(later, D(91_400))) == ["daily_loss"]


def test_after_a_recovery_it_trips_at_the_threshold_again() -> None:
    breakers = fresh()
    breakers.on_equity(T0 + 1, D(94_000))
    later = T0 + 2 * HOUR
    breakers.on_equity(later, D(95_900))  # 4.1 %: not below four fifths yet
    assert trips(breakers.on_equity(later, D(94_500))) == []
    breakers.on_equity(later, D(96_100))
    assert trips(breakers.on_equity(later, D(94_900))) == ["daily_loss"]


# Money that comes and goes.


def moved(breakers: Breakers, amount: str, reason: str = "deposit") -> D:
    event = BalanceAdjusted(ts=T0, venue="V", currency="USDT", amount=D(amount), reason=reason)
    breakers.apply(event)
    return D(sum(amount for _, _, amount in breakers.flows))


def test_a_withdrawal_is_no_loss_and_a_deposit_hides_none() -> None:
    breakers = fresh()
    breakers.on_equity(T0 + 1, D(96_000))  # down 4 %
    flow = moved(breakers, "-48000", "withdrawal")
    assert trips(breakers.on_equity(T0 + 2, D(48_000), flow)) == []
    assert breakers.drawdown == D("0.04")
    assert trips(breakers.on_equity(T0 + 3, D(47_000))) == ["daily_loss"], "6 % of what is left"
    breakers = fresh()
    breakers.on_equity(T0 + 1, D(96_000))
    flow = moved(breakers, "96000")
    breakers.on_equity(T0 + 2, D(192_000), flow)
    assert breakers.loss == D("0.04")


def test_funding_is_a_result_and_counts() -> None:
    breakers = fresh()
    assert moved(breakers, "-6000", "funding of BTC-PERP") == 0
    assert trips(breakers.on_equity(T0 + 1, D(94_000))) == ["daily_loss"]


def test_the_first_deposit_and_the_last_withdrawal() -> None:
    breakers = Breakers(BreakerLimits())
    assert breakers.on_equity(T0, D(0)) == []
    flow = moved(breakers, "100000", "opening balance")
    breakers.on_equity(T0 + 1, D(100_000), flow)
    assert breakers.marks is not None
    assert breakers.marks.peak == 100_000
    flow = moved(breakers, "-100000", "withdrawal")
    assert trips(breakers.on_equity(T0 + 2, D(0), flow)) == []
    flow = moved(breakers, "5000")
    assert trips(breakers.on_equity(T0 + 3, D(5_000), flow)) == []
    assert breakers.drawdown == 0


# Venues and prices.


def test_a_venue_that_fails_more_than_ten_times_a_minute_is_paused_for_five() -> None:
    breakers = fresh()
    for number in range(10):
        assert breakers.on_error(T0 + number * SECOND, "NOVA") == []
    assert breakers.on_error(T0 + 9 * SECOND, "ORCA") == []
    assert trips(breakers.on_error(T0 + 10 * SECOND, "NOVA")) == ["venue_errors"]
    assert [t.name for t in breakers.stopping("NOVA:BTC-USDT", T0 + 10 * SECOND)] == ["venue_errors"]
    assert breakers.stopping("ORCA:BTC-USDT", T0 + 10 * SECOND) == []
    assert breakers.stopping("NOVA:BTC-USDT", T0 + 10 * SECOND + 5 * MINUTE) == []
    assert breakers.on_error(T0 + 11 * SECOND + 5 * MINUTE, "NOVA") == [], "the count began afresh"


def test_ten_errors_in_more_than_a_minute_are_none() -> None:
    breakers = fresh()
    for number in range(60):
        assert breakers.on_error(T0 + number * 6 * SECOND, "NOVA") == []


@pytest.mark.parametrize("sign", [1, -1])
def test_a_price_that_moves_more_than_ten_percent_within_a_minute(sign: int) -> None:
    breakers = fresh()
    for second in range(60):
        price = D(10_000) + sign * D(16) * second
        assert breakers.on_price(T0 + second * SECOND, "V:X", price) == []
    assert trips(breakers.on_price(T0 + 59 * SECOND, "V:X", D(10_000) + sign * D(1_101))) == ["price_move"]
    assert breakers.stopping("V:X", T0 + MINUTE)
    assert not breakers.stopping("V:Y", T0 + MINUTE)
    assert breakers.on_price(T0 + 2 * MINUTE, "V:X", D(5_000)) == [], "tripped already"
    assert breakers.on_price(T0 + 7 * MINUTE, "V:X", D(5_000)) == [], "a move of before is not seen again"


def test_ten_percent_over_a_longer_time_is_a_market_that_moves() -> None:
    breakers = fresh()
    for minute in range(120):
        assert breakers.on_price(T0 + minute * 30 * SECOND, "V:X", D(10_000) + 300 * minute) == []


# Ending one on purpose.


def test_a_reset_names_the_breaker_and_where_several_are_tripped_the_venue_too() -> None:
    breakers = fresh()
    for venue in ("NOVA", "ORCA"):
        for _ in range(11):
            breakers.on_error(T0, venue)
    with pytest.raises(Refused, match=r"Which one\? NOVA, ORCA"):
        breakers.reset(T0, "venue_errors", "", None, "test")
    breakers.reset(T0, "venue_errors", "ORCA", None, "test")
    breakers.reset(T0, "venue_errors", "", None, "test")
    assert breakers.active(T0) == []
    with pytest.raises(Refused, match="not tripped"):
        breakers.reset(T0, "venue_errors", "", None, "test")
    with pytest.raises(Refused, match="There is no breaker profit"):
        breakers.reset(T0, "profit", "", None, "test")


def test_after_a_reset_the_same_loss_does_not_trip_again() -> None:
    breakers = fresh()
    breakers.on_equity(T0 + 1, D(94_000))
    breakers.reset(T0 + 2, "daily_loss", "", D(94_000), "test")
    assert trips(breakers.on_equity(T0 + 3, D(93_900))) == []
    assert trips(breakers.on_equity(T0 + 4, D(91_400))) == ["daily_loss"]


# What an order feels of it.


def test_no_new_position_but_every_way_out() -> None:
    core = desk("1000000")
    core.breakers.on_equity(NOW, D(1_000_000))
    core.breakers.on_equity(NOW, D(940_000))
    position(core, "2")
    assert "breaker reset daily_loss" in objections(core, order())["breaker"]
    assert objections(core, order(Side.SELL, "2", price=None, type=OrderType.MARKET)) == {}
    assert objections(core, order(Side.SELL, "5", reduce_only=True)) == {}
    assert "breaker" in objections(core, order(Side.SELL, "5")), "beyond flat it is a new position"
    assert objections(core, order(), NOW + HOUR).keys() == {"price known"}


def test_the_drawdown_scales_the_limits_of_order_and_position() -> None:
    core = desk("1000000", max_order_value=D(50_000), max_position_value=D(80_000))
    core.breakers.on_equity(NOW, D(100_000))
    core.breakers.on_equity(NOW, D(87_500))
    core.breakers.trips.clear()  # its 24 hours are over
    assert objections(core, order(quantity="2.4")) == {}
    assert "50% of its limit" in objections(core, order(quantity="2.6"))["drawdown size"]
    position(core, "2")
    assert "position in BTC-PERP" in objections(core, order(quantity="2.1"))["drawdown size"]
    assert objections(core, order(Side.SELL, "2")) == {}


# Invariants.

_STEPS = st.lists(
    st.tuples(
        st.integers(1, 3 * HOUR), st.sampled_from(["equity", "flow", "error", "price", "reset"]),
        st.integers(-300, 300),
    ),
    max_size=60,
)  # fmt: skip


def walk(steps: list[tuple[int, str, int]]) -> tuple[Breakers, list, list[D]]:
    """A random life; gives the breakers, all events as a journal would keep them, and the daily losses seen."""
    breakers, journal, losses = fresh(), [], []
    assert breakers.marks is not None
    journal.append(breakers.marks)
    now, equity, price = T0, D(100_000), D(1_000)
    for wait, what, figure in steps:
        now += wait
        if what == "equity":
            equity = max(D(1), equity * (1000 + figure) / 1000)
            journal += breakers.on_equity(now, equity)
        elif what == "flow":
            event = BalanceAdjusted(ts=now, venue="V", currency="USDT", amount=D(figure * 100), reason="deposit")
            equity = max(D(1), equity + event.amount)
            breakers.apply(event)
            journal.append(event)
            journal += breakers.on_equity(now, equity, event.amount)
        elif what == "error":
            for _ in range(abs(figure) // 20):
                journal += breakers.on_error(now, "V")
        elif what == "price":
            price = max(D(1), price * (1000 + figure) / 1000)
            journal += breakers.on_price(now, "V:X", price)
        elif breakers.active(now):
            trip = breakers.active(now)[0]
            journal += breakers.reset(now, trip.name, trip.subject, equity, "test")
        losses.append(breakers.loss or D(0))
    return breakers, journal, losses


@given(_STEPS)
def test_the_journal_gives_the_same_breakers_again(steps: list[tuple[int, str, int]]) -> None:
    breakers, journal, _ = walk(steps)
    again = Breakers(BreakerLimits())
    for event in journal:
        _, kind, _, payload = event_row(event)
        again.apply(decode_event(kind, payload))  # through the store's own format
    assert (again.trips, again.again_at, again.marks, again.flows) == (
        breakers.trips, breakers.again_at, breakers.marks, breakers.flows,
    )  # fmt: skip


@given(_STEPS)
def test_no_breaker_flaps(steps: list[tuple[int, str, int]]) -> None:
    """Between two trips of one breaker its time ran out or it was reset; and a loss then grew, or recovered first."""
    _, journal, _ = walk(steps)
    last: dict[tuple[str, str], object] = {}
    for event in journal:
        if isinstance(event, EquityMarked):
            if "new day" in event.reason:
                last.pop(("daily_loss", ""), None)
            continue
        if isinstance(event, BalanceAdjusted):
            continue
        key = (event.name, getattr(event, "subject", ""))
        before = last.get(key)
        if isinstance(event, BreakerTripped) and isinstance(before, BreakerTripped):
            assert before.until is not None
            assert event.ts >= before.until
            if before.again_at is not None:
                threshold = {Breaker.DAILY_LOSS: D("0.05"), Breaker.DRAWDOWN: D("0.10")}[Breaker(event.name)]
                assert event.value > before.value + threshold * WORSE
        last[key] = event
    assert CLEARED < 1


@given(st.lists(st.integers(-9_000, 9_000), max_size=30))
def test_money_that_comes_and_goes_never_trips_a_breaker(flows: list[int]) -> None:
    breakers, equity = fresh("10000"), D(10_000)
    for number, wanted in enumerate(flows):
        amount = D(max(wanted, 1 - int(equity)))
        equity += amount
        moved(breakers, str(amount))
        assert trips(breakers.on_equity(T0 + number, equity, amount)) == []
        assert breakers.drawdown is not None
        assert breakers.drawdown < D("0.0002")


def test_a_share_that_is_almost_nothing_is_not_called_nothing() -> None:
    assert [percent(D(one)) for one in ("0.05213", "0.001", "0.0002134", "0")] == ["5.2 %", "0.1 %", "0.021 %", "0 %"]
    words = [limit_words("breakers.daily_loss", D(one)) for one in ("0.05", "0.00014", "0.00001")]
    assert words == ["5 %", "0.01 %", "0.001 %"]
