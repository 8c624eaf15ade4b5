"""Alerts: one crossing fires once, none on old data, all of them after a restart."""

from __future__ import annotations

import itertools
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from test_command_line import context

from tests.support.desk import BTC, PERP, demo_desk
from workstation.clock import SECOND
from workstation.domain.market import BookStale, MarkPrice, Trade
from workstation.domain.order import Side
from workstation.trading.alerts import Alert, AlertKind, Seen, Way, band, reminded, snoozed, spell, step
from workstation.trading.command_line import parse
from workstation.trading.command_text import describe
from workstation.trading.command_words import CommandError
from workstation.trading.commands import SetAlert, SnoozeAlerts
from workstation.trading.errors import Refused

D = Decimal


def price(way: Way, level: str = "100", **terms) -> Alert:
    return Alert(alert_id="a", kind=AlertKind.PRICE, instrument=BTC, way=way, level=D(level), **terms)


def run(alert: Alert, *values: float, margin: str = "1") -> tuple[Alert, list[int]]:
    """The alert after a walk of values, and at which of them it fired."""
    fired = []
    for number, value in enumerate(values):
        one = D(str(value))
        alert, fires = step(alert, Seen(one, one, one), D(margin), number)
        if fires:
            fired.append(number)
    return alert, fired


def test_above_fires_once_and_is_done():
    alert, fired = run(price(Way.ABOVE), 99, 100, 100.1, 99, 105)
    assert fired == [2]
    assert alert.done


def test_a_repeated_alert_fires_again_only_after_the_value_has_come_back_beyond_the_band():
    assert run(price(Way.ABOVE, repeat=True), 101, 99.5, 101, 99, 101)[1] == [0, 4]
    assert run(price(Way.BELOW, repeat=True), 99, 100.5, 99, 101, 99)[1] == [0, 4]


def test_a_crossing_needs_a_side_to_come_from():
    assert run(price(Way.CROSS, repeat=True), 101, 102, 99, 98, 101)[1] == [2, 4]
    assert run(price(Way.CROSS), 99, 99.9, 100)[1] == [2]


def test_a_spike_between_two_looks_fires():
    alert, fires = step(replace(price(Way.ABOVE), side=-1), Seen(D(98), D(101), D(99)), D(1), 5)
    assert fires
    assert alert.side == -1, "and it has come back already"


def test_a_snoozed_alert_is_silent_and_fires_afterwards_if_it_still_holds():
    alert, fired = run(price(Way.ABOVE), 101)
    assert fired == [0]
    alert = snoozed(alert, 10)
    assert not alert.done
    assert step(alert, Seen(D(101), D(101), D(101)), D(1), 9) == (alert, False)
    assert step(alert, Seen(D(101), D(101), D(101)), D(1), 10)[1]


def test_a_rebalance_that_is_due_is_told_once_until_the_next_one_or_a_snooze():
    alert = Alert(alert_id="a", kind=AlertKind.REBALANCE, portfolio=(BTC,), every=10, repeat=True)
    assert reminded(alert, None, 99) == (alert, False), "there was none yet to reckon from"
    assert reminded(alert, 10, 9) == (alert, False)
    told, fires = reminded(alert, 10, 10)
    assert fires
    assert reminded(told, 10, 11) == (told, False)
    quiet = snoozed(told, 20)
    assert not reminded(quiet, 10, 19)[1]
    assert reminded(quiet, 10, 20)[1]
    waits, fires = reminded(told, 21, 12)  # rebalanced: due at 21
    assert not fires
    assert reminded(waits, 21, 21)[1]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(980, 1020), max_size=60), st.sampled_from(Way))
def test_between_two_firings_the_value_was_on_the_other_side_of_the_level_beyond_the_band(walk, way):
    values = [value / 10 for value in walk]
    fired = run(price(way, repeat=True), *values)[1]
    for first, second in itertools.pairwise(fired):
        between = values[first : second + 1]
        if way is Way.ABOVE:
            assert min(between) <= 99
        elif way is Way.BELOW:
            assert max(between) >= 101
        else:
            assert min(between) <= 100 <= max(between)


def test_the_band_is_a_tenth_of_a_percent_of_a_price_and_a_tenth_of_anything_else():
    instrument = context().instruments[0]
    assert band(price(Way.ABOVE, "60000"), instrument) == 60
    assert band(Alert(alert_id="", kind=AlertKind.PNL, way=Way.BELOW, level=D(-500)), None) == 50


LINES = [
    ("alert NOVA:BTC-USDT > 65000", "NOVA:BTC-USDT is above 65000"),
    ("alert >65000 repeat", "every time when NOVA:BTC-USDT is above 65000"),
    ("alert x 65000 for 2h", "NOVA:BTC-USDT crosses 65000, for 2h"),
    ("alert spread NOVA:BTC-USDT > 5", "the spread of NOVA:BTC-USDT is above 5"),
    ("alert pnl < -500", "the day's profit is below -500"),
    ("alert pnl NOVA:BTC-USDT > 250.5", "the open profit of NOVA:BTC-USDT is above 250.5"),
    ("alert fill", "an order fills"),
    ("alert order rejected NOVA:BTC-USDT", "an order of NOVA:BTC-USDT is rejected"),
    ("alert funding NOVA:BTC-USDT > 0.05%", "the funding of NOVA:BTC-USDT is above 0.05%"),
]


@pytest.mark.parametrize(("line", "words"), LINES)
def test_what_the_words_mean_and_that_they_are_spelled_back(line, words):
    command = parse(line, context())
    assert isinstance(command, SetAlert)
    assert words in describe(command, context())
    assert parse(spell(command.alert, context().now), context()) == command


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("alert", "Alert of what?"),
        ("alert rebalance", "The Portfolio page's Calendar"),
        ("alert > ", "Type a number"),
        ("alert BTC-USDX > 5", "no instrument"),
        ("alert > 65000.123", "tick"),
        ("alert order reject", "no state of an order"),
        ("alert funding > 5", "percent"),
        ("alert > 65000 often", "one word too many"),
        ("snooze", "For how long?"),
    ],
)
def test_what_cannot_be_understood(line, words):
    with pytest.raises(CommandError, match=words.replace("?", r"\?")):
        parse(line, context())


def test_snooze():
    assert parse("snooze 10m", context()) == SnoozeAlerts(600 * SECOND)
    assert parse("snooze 1h all", context()) == SnoozeAlerts(3_600 * SECOND, True)


# -- on the desk


def said(desk) -> list[str]:
    found: list[str] = []
    desk.engine.alerts.on_fired = lambda alert, text: found.append(text)
    return found


def around(desk, ticks: int, way: Way = Way.ABOVE, **terms) -> Alert:
    """An alert so many ticks from the best bid."""
    tick = desk.engine.instrument(BTC).tick
    return price(way, str(desk.best(BTC, Side.BUY) + tick * ticks), **terms)


async def test_a_price_alert_is_told_once(tmp_path):
    async with demo_desk(tmp_path) as desk:
        told = said(desk)
        desk.engine.alerts.add(around(desk, -10))
        await desk.run(5)
        assert len(told) == 1
        assert "is above" in told[0]
        (alert,) = desk.engine.alerts.alerts()
        assert alert.done
        assert any("is above" in entry.text for entry in desk.engine.log.entries)


async def test_alerts_are_there_after_a_restart_and_a_told_one_is_not_told_again(tmp_path):
    async with demo_desk(tmp_path) as desk:
        told = said(desk)
        desk.engine.alerts.add(around(desk, -10, repeat=True))
        desk.engine.alerts.add(around(desk, 1_000_000))
        await desk.run(2)
        assert len(told) == 1
    async with demo_desk(tmp_path, start=desk.clock.now(), warm_up=0.0) as desk:
        told = said(desk)
        await desk.run(3)
        assert len(desk.engine.alerts.alerts()) == 2
        assert told == [], "it is above still: that crossing was told"


async def test_nothing_fires_on_a_stale_book_or_on_old_data(tmp_path):
    async with demo_desk(tmp_path) as desk:
        told = said(desk)
        desk.engine._on_market(BookStale(BTC, desk.clock.now(), "a gap"))
        desk.engine.alerts.add(around(desk, -10))
        desk.clock.advance(2 * SECOND)
        assert told == []
        alert = desk.engine.alerts.alerts()[0]
        desk.clock.advance(10 * SECOND)
        desk.engine.alerts._moved.add(BTC)
        desk.engine.alerts._look()
        assert desk.engine.alerts.alerts() == [alert]


def trades_at(desk, ticks: int, seconds: float) -> None:
    """A trade each half second, so many ticks from the best bid."""
    bid = desk.engine.book(BTC).best_bid
    for _ in range(round(seconds * 2)):
        desk.clock.advance(SECOND // 2)
        desk.engine._on_market(Trade(BTC, desk.clock.now(), bid + ticks, 1, True))


async def test_while_the_book_is_stale_a_price_alert_goes_by_trades_of_a_second(tmp_path):
    async with demo_desk(tmp_path) as desk:
        told = said(desk)
        desk.engine._on_market(BookStale(BTC, desk.clock.now(), "a gap"))
        desk.engine.alerts.add(around(desk, 500))
        desk.engine.alerts.add(around(desk, -500, Way.BELOW))
        trades_at(desk, 100, 2)
        trades_at(desk, 600, 0.5)
        trades_at(desk, 100, 1)
        assert told == [], "one bad print proves nothing"
        trades_at(desk, 600, 2)
        assert len(told) == 1
        assert "is above" in told[0]


@pytest.mark.parametrize("way", Way)
async def test_a_repeated_alert_between_trades_and_marks_fires_once_while_the_book_is_stale(way, tmp_path):
    async with demo_desk(tmp_path) as desk:
        told = said(desk)
        bid = desk.engine.book(PERP).best_bid
        terms = desk.engine.instrument(PERP)
        desk.engine._on_market(BookStale(PERP, desk.clock.now(), "a gap"))
        level = terms.price(bid) * D("1.002")
        alert = Alert(alert_id="", kind=AlertKind.PRICE, instrument=PERP, way=way, level=level, repeat=True)
        desk.engine.alerts.add(alert)

        def goes_on(traded: str, marked: str) -> None:
            for _ in range(20):
                desk.clock.advance(SECOND // 4)
                now = desk.clock.now()
                desk.engine._on_market(Trade(PERP, now, int(bid * D(traded)), 1, True))
                desk.engine._on_market(MarkPrice(PERP, now, terms.price(bid) * D(marked), D(0), None))

        goes_on("1.000", "1.005")
        assert len(told) == (way is Way.BELOW)
        goes_on("1.005", "1.008")
        assert len(told) == (way is not Way.CROSS), "above by both; where it came from is not known before"
        goes_on("1.000", "1.005")
        assert len(told) == 2 * (way is Way.BELOW) + (way is Way.ABOVE)
        goes_on("0.995", "0.998")
        assert len(told) == (2 if way is Way.BELOW else 1)


async def test_alerts_that_see_no_price_are_said_to_be_blind_and_fire_when_they_see_again(tmp_path):
    async with demo_desk(tmp_path) as desk:
        told, blind = said(desk), []
        desk.engine.alerts.blind.on_told = lambda text, bad: blind.append((text, bad))
        desk.engine.alerts.add(around(desk, 500))
        spread = desk.engine.alerts.add(
            Alert(alert_id="", kind=AlertKind.SPREAD, instrument=BTC, way=Way.ABOVE, level=D(9))
        )
        desk.engine._on_market(BookStale(BTC, desk.clock.now(), "a gap"))
        desk.clock.advance(15 * SECOND)
        of = f"of {BTC} are not judged, nothing tells it (a gap)."
        assert sorted(blind) == [(f"BLIND: alerts on the {kind} {of}", True) for kind in ("price", "spread")]
        assert any("BLIND" in entry.text for entry in desk.engine.log.entries)
        assert desk.engine.alerts.blind.why(spread) == "a gap"
        desk.engine._on_market(replace(desk.engine.book(BTC).snapshot(), ts=desk.clock.now()))
        desk.clock.advance(SECOND)
        assert [bad for _, bad in blind] == [True, True, False, False]
        assert not desk.engine.alerts.blind.why(spread)
        trades_at(desk, 600, 1)
        assert len(told) == 1


async def test_fills_and_refused_orders_are_told(tmp_path):
    async with demo_desk(tmp_path) as desk:
        told = said(desk)
        desk.engine.alerts.add(Alert(alert_id="", kind=AlertKind.FILL, repeat=True))
        desk.engine.alerts.add(Alert(alert_id="", kind=AlertKind.ORDER, state="denied"))
        await desk.market(BTC, Side.BUY, "0.001")
        await desk.settle(lambda: bool(told))
        assert told[0].startswith("Filled: Buy 0.001 NOVA:BTC-USDT @ ")
        await desk.limit(BTC, Side.BUY, "0.00000001")
        await desk.settle(lambda: any("is denied" in one for one in told))


async def test_the_days_profit_is_watched(tmp_path):
    async with demo_desk(tmp_path) as desk:
        told = said(desk)
        desk.engine.alerts.add(Alert(alert_id="", kind=AlertKind.PNL, way=Way.BELOW, level=D(-5)))
        await desk.market(BTC, Side.BUY, "0.5")
        await desk.run_until(lambda: bool(told), 30)
        assert told[0].startswith("The day's profit is below -5: -")


async def test_an_alert_expires(tmp_path):
    async with demo_desk(tmp_path) as desk:
        told = said(desk)
        desk.engine.alerts.add(around(desk, 1_000_000, expires=desk.clock.now() + 10 * SECOND))
        await desk.run(12)
        assert desk.engine.alerts.alerts() == []
        assert told == []


async def test_the_one_that_fired_last_is_snoozed_and_comes_again(tmp_path):
    async with demo_desk(tmp_path) as desk:
        told = said(desk)
        with pytest.raises(Refused):
            desk.engine.alerts.snooze(SECOND)
        desk.engine.alerts.add(around(desk, -500))
        await desk.run(2)
        desk.engine.alerts.snooze(10 * SECOND)
        await desk.run(8)
        assert len(told) == 1
        await desk.run(6)
        assert len(told) == 2


async def test_an_alert_that_the_store_cannot_read_does_not_stop_the_desk(tmp_path):
    async with demo_desk(tmp_path) as desk:
        desk.engine.alerts.add(around(desk, 1_000_000))
        kept = desk.engine.get_setting("alerts")
        desk.engine.set_setting("alerts", [*kept, {"kind": "moon"}])
    async with demo_desk(tmp_path, start=desk.clock.now()) as desk:
        assert len(desk.engine.alerts.alerts()) == 1
        assert any("was left out" in entry.text for entry in desk.engine.log.entries)
