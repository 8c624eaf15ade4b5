"""Breakers and limits on a real desk: they stop orders, pull them, kill, survive a restart, and leave an audit."""

from __future__ import annotations

import contextlib
from decimal import Decimal as D
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.desk import BTC, GENEROUS, OTHER_PERP, PERP, START, TestDesk, demo_desk
from workstation.clock import SECOND
from workstation.domain.events import BreakerTripped, LimitsChanged, TradingState
from workstation.domain.market import BookSnapshot, MarkPrice
from workstation.domain.order import OrderState, Side
from workstation.trading.errors import Refused
from workstation.trading.kill import KillPhase
from workstation.trading.limits import RiskLimits, limit_from_text, limit_text, limit_value, with_limit
from workstation.trading.limits_book import LimitsBook, changed_text
from workstation.trading.limits_order import misorders
from workstation.venues.faulty import Fault, FaultyVenue
from workstation.venues.simulated import SimulatedVenue

HOUR = 3_600 * SECOND


def mark(desk: TestDesk, share: str, seconds: int = 3) -> None:
    """The perpetual's mark goes to a share of what it is, and stays there for so long without another word."""
    now = desk.engine.mark(PERP)
    assert now is not None
    desk.clock.advance(SECOND)
    ts = desk.clock.now()
    tick = desk.engine.instrument(PERP).tick
    price = (now * D(share) / tick).to_integral_value() * tick
    desk.engine._on_market(MarkPrice(PERP, ts, price, D(0), ts + HOUR))
    desk.clock.advance(seconds * SECOND)


def book(desk: TestDesk, share: str, instrument: str = PERP, later: int = 10 * SECOND) -> None:
    """The whole book goes to a share of where it is, ten seconds later."""
    live = desk.engine.book(instrument)
    assert live.best_bid is not None
    middle = int(live.best_bid * D(share))
    desk.clock.advance(later)
    ts = desk.clock.now()
    bids = tuple((middle - n, 1_000) for n in range(20))
    asks = tuple((middle + 1 + n, 1_000) for n in range(20))
    desk.engine._on_market(BookSnapshot(instrument, ts, live.sequence + 1, bids, asks))


def names(desk: TestDesk) -> list[str]:
    return [trip.name for trip in desk.engine.risk.tripped()]


async def test_a_loss_of_the_day_stops_entries_and_lets_the_trader_out(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        equity = desk.engine.equity()
        await desk.market(PERP, Side.BUY, "5")
        await desk.run(2)
        price = desk.engine.mark(PERP)
        assert price is not None
        mark(desk, str(1 - equity * D("0.055") / (5 * price)))
        assert names(desk) == ["daily_loss"]
        denied = await desk.market(PERP, Side.BUY, "1")
        assert denied.state is OrderState.DENIED
        assert "breaker reset daily_loss" in denied.reason
        out = await desk.market(PERP, Side.SELL, "5")
        assert out.state is not OrderState.DENIED


async def test_a_trip_and_the_peak_survive_a_restart_and_the_reset_does_too(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        await desk.market(PERP, Side.BUY, "5")
        await desk.run(2)
        price = desk.engine.mark(PERP)
        assert price is not None
        mark(desk, str(1 - desk.engine.equity() * D("0.055") / (5 * price)))
        marks = desk.engine.core.breakers.marks
        assert names(desk) == ["daily_loss"]
    async with demo_desk(tmp_path, start=START + 60 * SECOND, seed=2) as desk:
        assert names(desk) == ["daily_loss"]
        kept = desk.engine.core.breakers.marks
        assert marks is not None
        assert kept is not None
        assert kept.peak >= marks.peak
        await desk.engine.risk.reset_breaker("daily_loss")
        assert names(desk) == []
    async with demo_desk(tmp_path, start=START + 120 * SECOND, seed=3) as desk:
        assert names(desk) == []
        with pytest.raises(Refused, match="not tripped"):
            await desk.engine.risk.reset_breaker("daily_loss")


async def test_a_drawdown_above_twenty_percent_flattens_and_halts(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        await desk.market(PERP, Side.BUY, "9")
        await desk.run(2)
        resting = await desk.limit(BTC, Side.BUY, "0.1", away=200)
        price = desk.engine.mark(PERP)
        assert price is not None
        mark(desk, str(1 - desk.engine.equity() * D("0.21") / (9 * price)))
        assert desk.engine.trading_state is TradingState.HALTED
        assert "drawdown" in desk.engine.state_reason
        async with desk.ticking(20):
            await desk.settle(lambda: desk.engine.kill_status.phase is KillPhase.DONE)
        assert desk.engine.position(PERP).is_flat
        assert not desk.engine.core.orders.orders[resting.client_id].is_open


@pytest.mark.parametrize("share", ["0.2", "2.2"])
async def test_prices_of_a_moment_flatten_nothing_and_make_no_peak(share: str, tmp_path: Path) -> None:
    """One bad mark; or a book whose offers are gone for a second, after which the same worth looks like a loss."""
    async with demo_desk(tmp_path) as desk:
        await desk.market(PERP, Side.BUY, "9")
        await desk.run(5)
        marks = desk.engine.core.breakers.marks
        assert marks is not None
        mark(desk, share, seconds=1)
        await desk.run(5)
        after = desk.engine.core.breakers.marks
        assert names(desk) == []
        assert desk.engine.trading_state is TradingState.ACTIVE
        assert after is not None
        assert after.peak < marks.peak * D("1.05")


async def test_a_desk_that_died_between_the_breaker_and_the_kill_switch_kills_at_the_next_start(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        trip = BreakerTripped(ts=desk.clock.now(), name="drawdown_kill", value=D("0.21"), until=None, reason="a test")
        desk.engine._journal.append(trip)
    async with demo_desk(tmp_path, start=START + 60 * SECOND) as desk:
        assert desk.engine.trading_state is TradingState.HALTED
        assert desk.engine.kill_status.flatten
        async with desk.ticking(20):
            await desk.settle(lambda: desk.engine.kill_status.phase is KillPhase.DONE)
        await desk.engine.rearm("demo")
    async with demo_desk(tmp_path, start=START + 120 * SECOND) as desk:
        assert desk.engine.trading_state is TradingState.ACTIVE, "once re-armed on purpose it does not kill again"
        assert names(desk) == ["drawdown_kill"], "but no new position before the breaker itself is reset"
        assert (await desk.limit(PERP, Side.BUY, "0.1", away=50)).state is OrderState.DENIED


async def test_a_price_that_jumps_pulls_the_entries_of_its_instrument_and_keeps_the_stop(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        await desk.market(PERP, Side.BUY, "1")
        await desk.run(1)
        entry = await desk.limit(PERP, Side.BUY, "0.5", away=100)
        target = await desk.limit(PERP, Side.SELL, "1", away=1_000, reduce_only=True)
        other = await desk.limit(OTHER_PERP, Side.BUY, "0.5", away=100)
        await desk.run(1)
        orders = desk.engine.core.orders.orders
        assert orders[entry.client_id].is_open
        book(desk, "1.00")
        desk.clock.advance(3 * SECOND)
        book(desk, "0.89")
        desk.clock.advance(3 * SECOND)
        assert names(desk) == ["price_move"]
        async with desk.ticking(1):
            await desk.settle(lambda: orders[entry.client_id].state is OrderState.CANCELED)
        assert orders[target.client_id].is_open
        assert orders[other.client_id].is_open
        assert desk.engine.core.breakers.stopping(PERP, desk.clock.now())


async def test_a_crash_after_which_nothing_more_is_heard_trips(tmp_path: Path) -> None:
    """Its feeds break, or it is one thin market: its last price is all that the desk hears."""
    async with demo_desk(tmp_path) as desk:
        await desk.market(PERP, Side.BUY, "9")
        await desk.run(5)
        price = desk.engine.mark(PERP)
        assert price is not None
        mark(desk, str(1 - desk.engine.equity() * D("0.25") / (9 * price)), seconds=0)
        assert names(desk) == []
        desk.clock.advance(5 * SECOND)
        assert "drawdown_kill" in names(desk)
        assert desk.engine.trading_state is TradingState.HALTED


async def test_a_book_of_a_moment_trips_no_price_breaker_and_one_that_lasts_does(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        book(desk, "1.00")
        desk.clock.advance(3 * SECOND)
        book(desk, "1.50")
        desk.clock.advance(SECOND // 5)
        book(desk, str(1 / D("1.5")), later=SECOND // 5)
        desk.clock.advance(3 * SECOND)
        assert names(desk) == []
        book(desk, "0.89")
        assert names(desk) == []
        desk.clock.advance(3 * SECOND)
        assert names(desk) == ["price_move"], "though nothing more is heard of it"


async def test_a_market_that_was_away_moves_within_no_minute(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        book(desk, "1.00")
        desk.clock.advance(3 * SECOND)
        book(desk, "0.85", later=120 * SECOND)
        desk.clock.advance(3 * SECOND)
        assert names(desk) == []


async def test_a_venue_that_cannot_be_reached_is_paused(tmp_path: Path) -> None:
    venues: dict[str, FaultyVenue] = {}

    def wrap(venue: SimulatedVenue) -> FaultyVenue:
        venues[venue.name] = FaultyVenue(venue, venue._clock)
        return venues[venue.name]

    async with demo_desk(tmp_path, wrap=wrap) as desk:
        venues["NOVA"].faults.add("submit", Fault.UNREACHABLE, times=None)
        for number in range(11):
            assert names(desk) == []
            assert (await desk.limit(PERP, Side.BUY, "0.1", away=50 + number)).state is OrderState.REJECTED
        assert names(desk) == ["venue_errors"]
        venues["NOVA"].faults.clear()
        assert (await desk.limit(PERP, Side.BUY, "0.1", away=50)).state is OrderState.DENIED
        assert (await desk.limit(OTHER_PERP, Side.BUY, "0.1", away=50)).state is not OrderState.DENIED


async def test_a_deposit_is_neither_profit_nor_loss(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        await desk.run(2)
        desk.engine._books.adjust("NOVA", "USDT", D(-600_000), "withdrawal")
        await desk.run(3)
        assert names(desk) == []
        assert desk.engine.core.breakers.drawdown == 0
        marks = desk.engine.core.breakers.marks
        assert marks is not None
        assert marks.peak == desk.engine.equity()
        assert desk.engine.day_pnl() == 0


# Limits changed on the desk.


async def test_a_changed_limit_counts_at_once_is_audited_and_survives_a_restart(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        await desk.engine.risk.change_limit("max_order_value", "1,000", "a test")
        assert (await desk.market(PERP, Side.BUY, "1")).state is OrderState.DENIED
        await desk.engine.risk.change_limit("breakers.daily_loss", "3%", "a test")
        assert desk.engine.core.breakers.limits.daily_loss == D("0.03")
    async with demo_desk(tmp_path, start=START + HOUR) as desk:
        assert desk.engine.risk.limits.max_order_value == 1_000
        assert desk.engine.core.breakers.limits.daily_loss == D("0.03")
        audit = [(row.who, row.field, row.old, row.new) for row in desk.engine.risk.changes]
        assert audit[0] == ("a test", "max_order_value", "10000000", "1000")
        await desk.engine.risk.change_limit("max_order_value", "")
        assert desk.engine.risk.limits.max_order_value == GENEROUS.max_order_value


async def test_the_config_file_wins_again_once_it_says_something_else(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        await desk.engine.risk.change_limit("max_order_value", "1000")
    edited = msgspec.structs.replace(GENEROUS, max_order_value=D(77_000))
    async with demo_desk(tmp_path, start=START + HOUR, limits=edited) as desk:
        assert desk.engine.risk.limits.max_order_value == 77_000
        assert len(desk.engine.risk.changes) == 1, "the audit keeps what was changed before"


async def test_a_limit_that_is_changed_in_the_settings_counts_at_once_and_the_file_keeps_it(tmp_path: Path) -> None:
    edited = msgspec.structs.replace(GENEROUS, max_order_value=D(2_000))
    async with demo_desk(tmp_path) as desk:
        await desk.engine.risk.change_limit("max_order_value", "1000", "risk page")
        await desk.engine.risk.take_limit(edited, "max_order_value", "settings")
        assert desk.engine.risk.limits.max_order_value == 2_000
        assert desk.engine.core.limits_book.changed == {}, "it is what the file says"
        assert (desk.engine.risk.changes[-1].old, desk.engine.risk.changes[-1].new) == ("1000", "2000")
        assert (await desk.market(PERP, Side.BUY, "1")).state is OrderState.DENIED
        await desk.engine.risk.take_limit(edited, "max_order_value", "settings")
        assert len(desk.engine.risk.changes) == 2, "nothing was changed"
    async with demo_desk(tmp_path, start=START + HOUR, limits=edited) as desk:
        assert desk.engine.risk.limits.max_order_value == 2_000
        assert len(desk.engine.risk.changes) == 2
    async with demo_desk(tmp_path, start=START + 2 * HOUR) as desk:
        assert desk.engine.risk.limits.max_order_value == GENEROUS.max_order_value, "the file holds"


async def test_a_change_that_contradicts_what_the_file_has_come_to_say_counts_as_much_as_the_file_lets_it(
    tmp_path: Path,
) -> None:
    async with demo_desk(tmp_path) as desk:
        for field, text in (("drawdown_kill", "50%"), ("drawdown_zero_size", "30%"), ("daily_loss", "4%")):
            await desk.engine.risk.change_limit(f"breakers.{field}", text)
    edited = with_limit(GENEROUS, "breakers.drawdown_kill", D("0.25"))
    async with demo_desk(tmp_path, start=START + HOUR, limits=edited) as desk:
        limits = desk.engine.risk.limits.breakers
        assert (limits.drawdown_kill, limits.drawdown_zero_size, limits.daily_loss) == (D("0.25"), D("0.25"), D("0.04"))
        warned = [entry.text for entry in desk.engine.log.entries if "counts as" in entry.text]
        assert len(warned) == 1
        assert (
            "Limit breakers.drawdown_zero_size of 30 % counts as 25 %: it must not be above breakers.drawdown_kill "
            "of 25 % (the desk would halt before sizes have shrunk)."
        ) in warned[0]


async def test_the_breakers_of_a_desk_whose_file_only_tightens_the_kill_are_those_in_force(tmp_path: Path) -> None:
    file = with_limit(GENEROUS, "breakers.drawdown_kill", D("0.12"))
    async with demo_desk(tmp_path, limits=file) as desk:
        assert desk.engine.core.breakers.limits == desk.engine.risk.limits.breakers
        assert desk.engine.core.breakers.limits.drawdown_zero_size == D("0.12")
        assert any("zero_size of 15 % counts as 12 %" in entry.text for entry in desk.engine.log.entries)
        assert not desk.engine.risk.changes
        await desk.engine.risk.change_limit("breakers.daily_loss", "4%")
        await desk.engine.risk.change_limit("max_order_value", "5000")
        assert len(desk.engine.risk.changes) == 2, "they have nothing to do with it"
        await desk.engine.risk.change_limit("breakers.drawdown_kill", "20%")
        assert desk.engine.risk.limits.breakers.drawdown_zero_size == D("0.12")


async def test_a_tighter_limit_lowers_those_that_must_not_stand_above_it_and_each_has_its_row(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        book = desk.engine.core.limits_book
        assert book.preview("breakers.drawdown_kill", "8%") == (
            "20 %",
            "8 %, and with it breakers.drawdown from 10 % to 8 %, breakers.drawdown_zero_size from 15 % to 8 %",
        )
        said = changed_text(await desk.engine.risk.change_limit("breakers.drawdown_kill", "8%"))
        assert said.startswith(
            "breakers.drawdown_kill is 8 % now, it was 20 %, and with it breakers.drawdown from 10 %"
        )
        assert [(row.field, row.old, row.new, row.who) for row in desk.engine.risk.changes] == [
            ("breakers.drawdown", "0.10", "0.08", "trader, with breakers.drawdown_kill"),
            ("breakers.drawdown_zero_size", "0.15", "0.08", "trader, with breakers.drawdown_kill"),
            ("breakers.drawdown_kill", "0.20", "0.08", "trader"),
        ]
        before = desk.engine.risk.limits
    async with demo_desk(tmp_path, start=START + HOUR) as desk:
        assert desk.engine.risk.limits == before
        assert not any("counts as" in entry.text for entry in desk.engine.log.entries)
        await desk.engine.risk.change_limit("breakers.drawdown_kill", "20%")
        assert desk.engine.risk.limits.breakers.drawdown == D("0.08"), "it rises only when somebody raises it"


def test_a_kill_that_an_older_desk_tightened_stands_and_lowers_what_is_above_it() -> None:
    book = LimitsBook(RiskLimits())
    tightened = LimitsChanged(
        ts=START, who="trader", field="breakers.drawdown_kill", old="0.20", new="0.08", configured="0.20"
    )
    book.apply(tightened)
    breakers = book.limits.breakers
    assert (breakers.drawdown, breakers.drawdown_zero_size, breakers.drawdown_kill) == (D("0.08"),) * 3
    assert len(book.lowered()) == 2
    for event in book.change(START, "breakers.drawdown_kill", "25 %", "a test"):
        book.apply(event)
    assert book.limits.breakers.drawdown_kill == D("0.25")
    assert book.limits.breakers.drawdown == D("0.08"), "what was lowered stays so"


def test_another_file_never_loosens_what_the_desk_set() -> None:
    book = LimitsBook(RiskLimits())
    for name, text in (("drawdown", "5%"), ("drawdown_zero_size", "10%"), ("drawdown_kill", "12%")):
        for event in book.change(START, f"breakers.{name}", text, "a test"):
            book.apply(event)
    again = LimitsBook(with_limit(RiskLimits(), "breakers.drawdown_zero_size", D("0.14")))
    for event in book.changes:
        again.apply(event)
    breakers = again.limits.breakers
    assert (breakers.drawdown, breakers.drawdown_zero_size, breakers.drawdown_kill) == (D("0.05"), D("0.12"), D("0.12"))


_LADDER = ["daily_loss", "drawdown", "drawdown_zero_size", "drawdown_kill"]


@given(
    st.lists(st.tuples(st.sampled_from(_LADDER), st.integers(1, 99), st.booleans()), max_size=12),
    st.lists(st.one_of(st.none(), st.integers(1, 99)), min_size=4, max_size=4),
)
def test_limits_in_force_keep_their_order_and_none_is_looser_than_file_and_journal_say(
    changes: list[tuple[str, int, bool]], later: list[int | None]
) -> None:
    """Whatever is asked for in whatever order (`old`: by a desk that did not check), and whatever the file says."""
    book = LimitsBook(RiskLimits())
    for name, percent, old in changes:
        field, before = f"breakers.{name}", book.limits
        was = limit_text(limit_value(RiskLimits(), field))
        unchecked = LimitsChanged(ts=START, who="t", field=field, old="", new=str(percent / 100), configured=was)
        with contextlib.suppress(Refused):
            for event in [unchecked] if old else book.change(START, field, f"{percent} %", "a test"):
                book.apply(event)
        assert not list(misorders(book.limits))
        for other in () if old else _LADDER:
            if other != name:
                assert getattr(book.limits.breakers, other) <= getattr(before.breakers, other)
    file = RiskLimits()
    for name, said in zip(_LADDER, later, strict=True):
        file = file if said is None else with_limit(file, f"breakers.{name}", D(said) / 100)
    again, last = LimitsBook(file), {event.field: event for event in book.changes}
    for event in book.changes:
        again.apply(event)
        assert not list(misorders(again.limits))
    for name in _LADDER:
        field = f"breakers.{name}"
        says = limit_value(file, field)
        if field in last and last[field].configured == limit_text(says):
            says = limit_from_text(field, last[field].new)
        assert limit_value(again.limits, field) <= says
        if name == "drawdown_kill":
            assert limit_value(again.limits, field) == says, "nothing stands above it"


@pytest.mark.parametrize(
    ("field", "text", "sentence"),
    [
        ("max_profit", "5", "There is no limit max_profit"),
        ("max_order_value", "much", "not a number"),
        ("max_order_value", "0", "must be above 0"),
        ("max_order_value", "5%", "not a share"),
        ("price_collar", "2", "fraction between 0 and 1"),
        ("max_working_orders", "2.5", "whole number"),
        ("max_order_value", "10000000", "already"),
        ("breakers.drawdown", "16%", r"drawdown of 16 % must not be above breakers.drawdown_zero_size of 15 %"),
        ("breakers.drawdown_zero_size", "21%", r"zero_size of 21 % must not be above breakers.drawdown_kill of 20 %"),
        ("breakers.daily_loss", "21%", r"daily_loss of 21 % must not be above breakers.drawdown_kill of 20 %"),
        ("max_order_value", "NaN", "number"),
        ("max_order_value", "1e99", "number"),
    ],
)
def test_what_a_limit_cannot_be_is_refused(field: str, text: str, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        LimitsBook(GENEROUS).change(START, field, text, "a test")
