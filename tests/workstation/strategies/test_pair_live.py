"""A pair on the desk, bar by bar: the same trades as in the backtest, and what it does where a leg fails it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.bars import HOUR, random_walk
from workstation.clock import SECOND
from workstation.domain.bar import Bar
from workstation.domain.fill import Fill
from workstation.domain.order import Side
from workstation.domain.trade_rules import TradeRules
from workstation.market.candles import Candles
from workstation.research.engine import BacktestError, Costs, Result, engine
from workstation.strategies.contract import Signals, SignalStrategy, Strategy, Trader
from workstation.strategies.pair_live import PairLive
from workstation.strategies.shipped.pairs import Pairs
from workstation.strategies.trade_rules import put_on

PAIR = {"legs": "both", "direction": "both", "length": 40, "entry": 1.0, "critical": 0}


def twins(bars: int, seed: int) -> Candles:
    """A walk, and a peer that swings around it."""
    first = replace(random_walk(bars, seed=seed), name="FIRST")
    swing = 2 * np.exp(0.01 * np.sin(np.arange(bars) / 7))
    columns = (swing * getattr(first, name) for name in ("open", "high", "low", "close"))
    return first.with_peer(Candles(first.time, *columns, first.volume, "PEER"))


def rows(result: Result) -> list[tuple[Any, ...]]:
    return [
        (whose, one.entry_bar, one.exit_bar, one.side, pytest.approx(one.size, rel=1e-6), pytest.approx(one.exit_price))
        for whose, one in zip(result.instruments, result.rows(), strict=True)
    ]


@pytest.mark.parametrize(
    "rules",
    [TradeRules(), TradeRules(stop=0.01, cooldown=3), TradeRules(trailing=0.02, max_bars=9)],
    ids=lambda rules: " ".join(rules.given) or "none",
)
def test_bar_by_bar_it_trades_as_the_backtest_that_knows_all_bars(rules: TradeRules) -> None:
    """The desk's window, its bars one after another, against signals that are worked out once."""
    candles = twins(180, 2)
    strategies = [Pairs(**PAIR), Pairs(**PAIR)]
    for one in strategies:
        put_on(rules, one)
    whole = engine("event").run(strategies[0], candles, Costs(fee=0.0005))
    live = engine("event").run(PairLive(strategies[1], fee=0.0005, interval=HOUR), candles, Costs(fee=0.0005))
    assert len(whole.trades) > 8
    assert rows(whole) == rows(live)
    np.testing.assert_allclose(whole.equity, live.equity)


def test_both_legs_are_entered_and_left_at_the_same_opens_and_the_account_adds_up() -> None:
    candles = twins(400, 5)
    result = engine("event").run(Pairs(**PAIR), candles, Costs(fee=0.0005))
    trades = list(result.rows())
    assert result.names == ("FIRST", "PEER")
    assert result.instruments[:4] == ("FIRST", "PEER", "FIRST", "PEER")
    for first, peer in zip(trades[0::2], trades[1::2], strict=True):
        assert (first.entry_bar, first.exit_bar) == (peer.entry_bar, peer.exit_bar)
        assert first.side != peer.side
        bound = first.size * first.entry_price + peer.size * peer.entry_price
        assert 0.9 * 0.98 < bound / result.equity[first.entry_bar - 1] < 1.0
    total = sum(trade.pnl for trade in trades)
    assert result.equity[-1] == pytest.approx(10_000 + total)


def test_a_target_takes_both_legs_out() -> None:
    strategy = Pairs(**PAIR)
    put_on(TradeRules(take_profit=0.004), strategy)
    result = engine("event").run(strategy, twins(400, 5), Costs())
    tags = [trade.tag for trade, whose in zip(result.rows(), result.instruments, strict=True) if whose == "FIRST"]
    assert "target" in tags
    assert len(result.trades) % 2 == 0


def test_only_the_event_engine_has_two_instruments_and_the_others_say_so() -> None:
    candles = twins(100, 1)
    with pytest.raises(BacktestError, match="trades two instruments: only the event engine does"):
        engine("fast").run(Pairs(**PAIR), candles, Costs())

    class Many(Strategy):
        FURTHER = ("a", "b")

    with pytest.raises(BacktestError, match="2 further instruments: a backtest has one"):
        engine("event").run(Many(), candles, Costs())

    class Two(Strategy):
        FURTHER = ("other",)

    with pytest.raises(BacktestError, match="second instrument"):
        engine("event").run(Two(), random_walk(20), Costs())


def test_an_event_strategy_trades_its_further_instrument_in_a_backtest() -> None:
    class Two(Strategy):
        FURTHER = ("other",)

        def on_start(self) -> None:
            self.fills: list[Fill] = []

        def on_further_bar(self, name: str, bar: Bar) -> None:
            if bar.ts == candles.time[3]:
                self.trader.of(name).order(Side.BUY, Decimal(3))
            if bar.ts == candles.time[6]:
                self.trader.close("done")

        def on_fill(self, fill: Fill) -> None:
            self.fills.append(fill)

    candles, strategy = twins(20, 1), Two()
    result = engine("event").run(strategy, candles, Costs())
    (trade,) = result.rows()
    assert (result.instruments, trade.entry_bar, trade.exit_bar, trade.tag) == (("PEER",), 4, 7, "done")
    assert [fill.instrument for fill in strategy.fills] == ["BACKTEST:PEER", "BACKTEST:PEER"]


# What comes late, or not at all, and what is refused.

MINUTE = 60 * SECOND


class Up(SignalStrategy):
    """In on every bar; one unit of the peer against each."""

    NEEDS_PEER = True

    def __init__(self, hedged: bool = True) -> None:
        super().__init__()
        self._hedged = hedged

    @property
    def hedged(self) -> bool:
        return self._hedged

    def hedge(self, candles: Candles) -> Any:
        return -np.ones(len(candles))

    def signals(self, candles: Candles) -> Signals:
        return Signals(long_entry=np.ones(len(candles), dtype=bool))


class Hand:
    """A trader of two instruments whose orders are answered when the test says so."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.told: list[str] = []
        self.timers: list[str] = []
        self.now, self.equity, self.blind = 0, Decimal(10_000), ""
        self.legs = {name: self._leg(name) for name in ("first", "peer")}

    def _leg(self, name: str) -> SimpleNamespace:
        instrument = SimpleNamespace(id=name, symbol=name.upper(), lot=Decimal("0.01"))
        return SimpleNamespace(
            instrument=instrument, position=Decimal(0),
            order=lambda side, units, **terms: self._order(name, side, units, terms.get("tag", "")),
        )  # fmt: skip

    def _order(self, name: str, side: Side, units: Decimal, tag: str) -> str:
        self.sent.append(f"{tag} {name} {side}")
        return self.sent[-1]

    @property
    def instrument(self) -> SimpleNamespace:
        return cast(SimpleNamespace, self.legs["first"].instrument)

    @property
    def position(self) -> Decimal:
        return cast(Decimal, self.legs["first"].position)

    def order(self, side: Side, units: Decimal, **terms: Any) -> str:
        return self._order("first", side, units, terms.get("tag", ""))

    def of(self, name: str) -> SimpleNamespace:
        return self.legs[name]

    def close(self, tag: str = "") -> None:
        self.sent.append(f"close {tag}")

    def cancel_all(self) -> None:
        self.sent.append("cancel all")

    def timer(self, _seconds: float, name: str = "") -> None:
        self.timers.append(name)

    def say(self, text: str, *, loud: bool = False) -> None:
        self.told.append(text)


class Scene:
    """A pair at work: bars come when the test says, orders are filled or refused by it."""

    def __init__(self, hedged: bool = True) -> None:
        self.hand = Hand()
        self.live = PairLive(Up(hedged), interval=MINUTE)
        self.live.trader = cast(Trader, self.hand)
        self.live.on_start()

    def bar(self, which: str, minute: int, after: float = 1.0) -> None:
        """The bar of a minute comes so many seconds after its close."""
        self.hand.now = (minute + 1) * MINUTE + round(after * SECOND)
        bar = Bar(minute * MINUTE, 100.0, 101.0, 99.0, 100.0, 1.0)
        if which == "first":
            self.live.on_bar(bar)
        else:
            self.live.on_further_bar("peer", bar)

    def fill(self, order: str, held: str) -> None:
        """`order` ("entry first buy") fills; what is held of its instrument then."""
        _, which, side = order.split()
        leg = self.hand.legs[which]
        quantity = abs(Decimal(held) - leg.position)
        leg.position = Decimal(held)
        fill = SimpleNamespace(
            instrument=which, client_id=order, side=Side(side), price=Decimal(100), quantity=quantity
        )
        self.live.on_fill(cast(Fill, fill))

    def entered(self) -> None:
        self.bar("first", 0)
        self.bar("peer", 0)
        self.fill("entry first buy", "49")
        self.fill("hedge peer sell", "-49")


def test_the_first_leg_goes_first_and_is_hedged_as_it_fills() -> None:
    scene = Scene()
    scene.bar("first", 0)
    assert scene.hand.sent == [], "one bar is no pair"
    scene.bar("peer", 0)
    assert scene.hand.sent == ["entry first buy"]
    scene.fill("entry first buy", "20")
    scene.fill("entry first buy", "49")
    assert scene.hand.sent == ["entry first buy", "hedge peer sell"], "one order of the hedge at a time"
    scene.fill("hedge peer sell", "-20")
    assert scene.hand.sent[2:] == ["hedge peer sell"], "and the rest of it"


def test_a_hedge_that_is_refused_closes_the_first_leg_and_one_that_is_nearly_whole_does_not() -> None:
    for done, closes in (("0", True), ("-30", True), ("-46", False)):
        scene = Scene()
        scene.bar("first", 0)
        scene.bar("peer", 0)
        scene.fill("entry first buy", "49")
        if done != "0":
            scene.fill("hedge peer sell", done)
        scene.live.on_reject("hedge peer sell", "no money")
        assert (scene.hand.sent[-1] == "close signal") == closes
        assert any("could not hedge in PEER (no money)" in text for text in scene.hand.told) == closes


def test_after_two_refusals_in_a_row_nothing_is_entered_until_it_is_changed_or_started_again() -> None:
    scene = Scene()
    for minute in range(2):
        scene.bar("first", minute)
        scene.bar("peer", minute)
        scene.fill("entry first buy", "49")
        scene.live.on_reject("hedge peer sell", "no money")
        scene.fill("close first sell", "0")
    sent = len(scene.hand.sent)
    scene.bar("first", 2)
    scene.bar("peer", 2)
    assert len(scene.hand.sent) == sent
    assert "enters nothing: its hedge in PEER was refused 2 times in a row; start it again." in scene.hand.told
    scene.live.revise(Up())
    scene.bar("first", 3)
    scene.bar("peer", 3)
    assert scene.hand.sent[sent:] == ["entry first buy"]


def test_bars_that_wait_are_void_when_the_market_jumps_back() -> None:
    scene = Scene()
    scene.bar("first", 49)
    scene.bar("peer", 49, after=55)  # too late to be entered
    for minute in (50, 51, 3):
        scene.bar("first", minute)
    scene.bar("peer", 3)
    assert scene.hand.sent == ["entry first buy"]
    assert len(scene.live._bars) == len(scene.live._peers) == 1


def test_a_leg_whose_close_is_refused_is_tried_again_until_both_are_flat() -> None:
    scene = Scene()
    scene.entered()
    scene.live._leave(scene.live._level(cast(Fill, None)))
    scene.fill("close first sell", "0")
    scene.live.on_reject("the desk's own", "no price")
    assert "could not close a leg (no price)" in scene.hand.told[-1]
    before = len(scene.hand.sent)
    scene.live.on_timer("again")
    assert scene.hand.sent[before:] == ["close stop"]
    scene.fill("close peer buy", "0")
    scene.live.on_timer("again")
    assert scene.hand.sent[before:] == ["close stop"]


def test_the_stop_of_the_first_leg_takes_the_hedge_out_at_once() -> None:
    scene = Scene()
    scene.entered()
    scene.fill("stop first sell", "0")
    assert scene.hand.sent[-1] == "close stop"


def half_in() -> Scene:
    """The entry is filled, its hedge is not."""
    scene = Scene()
    scene.bar("first", 0)
    scene.bar("peer", 0)
    scene.fill("entry first buy", "49")
    return scene


def test_a_hedge_that_is_under_way_when_the_stop_goes_is_pulled_and_nothing_is_entered_before_it_has_ended() -> None:
    scene = half_in()
    scene.fill("stop first sell", "0")
    assert scene.hand.sent[-1] == "close stop", "which pulls the hedge's order"
    assert "is out of FIRST before all of its hedge in PEER was filled" in scene.hand.told[-1]
    sent = len(scene.hand.sent)
    for minute in (1, 2, 3):
        scene.bar("first", minute)
        scene.bar("peer", minute)
    assert len(scene.hand.sent) == sent
    assert [text for text in scene.hand.told if "waits until its hedge's order in PEER" in text] == scene.hand.told[1:]
    scene.live.on_pulled("hedge peer sell")
    scene.bar("first", 4)
    scene.bar("peer", 4)
    assert scene.hand.sent[sent:] == ["entry first buy"]


def test_a_hedge_that_fills_after_the_first_leg_is_out_is_closed() -> None:
    """It had no answer when it was pulled: the close found nothing to close."""
    scene = half_in()
    scene.fill("stop first sell", "0")
    sent = len(scene.hand.sent)
    scene.fill("hedge peer sell", "-49")
    scene.live.on_timer(scene.hand.timers[-1])
    assert scene.hand.sent[sent:] == ["close stop"]
    assert "got a fill in PEER while it was closing both legs" in scene.hand.told[-1]
    scene.fill("close peer buy", "0")
    scene.bar("first", 1)
    scene.bar("peer", 1)
    assert scene.hand.sent[sent:] == ["close stop", "entry first buy"]


def test_a_hedge_whose_rest_fills_after_the_close_was_sized_is_closed_whole() -> None:
    scene = half_in()
    scene.fill("hedge peer sell", "-20")
    scene.live._leave(scene.live._level(cast(Fill, None)))
    scene.fill("close first sell", "0")
    scene.fill("hedge peer sell", "-49")
    scene.fill("close peer buy", "-29")
    sent = len(scene.hand.sent)
    scene.live.on_timer(scene.hand.timers[-1])
    assert scene.hand.sent[sent:] == ["close stop"]


def test_a_hedge_that_is_heard_of_after_a_restart_is_closed() -> None:
    """The desk went down while it had no answer; the first leg was out by then."""
    scene = Scene()
    scene.fill("hedge peer sell", "-49")
    assert scene.hand.sent == ["close stop"]


def test_a_hedge_that_is_refused_after_the_first_leg_is_out_ends_the_trade() -> None:
    scene = half_in()
    scene.fill("stop first sell", "0")
    scene.live.on_reject("hedge peer sell", "no money")
    scene.bar("first", 1)
    scene.bar("peer", 1)
    assert scene.hand.sent[-1] == "entry first buy"


@pytest.mark.parametrize(("first", "peer"), [("49", "0"), ("0", "-49"), ("49", "-20"), ("0", "0")])
def test_legs_that_others_took_out_are_seen_on_the_second_pair_and_what_is_left_is_closed(
    first: str, peer: str
) -> None:
    """A liquidation or a kill is none of its orders: it hears of no fill."""
    scene = Scene()
    scene.entered()
    scene.hand.legs["first"].position, scene.hand.legs["peer"].position = Decimal(first), Decimal(peer)
    sent = len(scene.hand.sent)
    for minute in (1, 2):
        assert scene.hand.sent[sent:] == []
        scene.bar("first", minute)
        scene.bar("peer", minute)
    if (first, peer) == ("0", "0"):
        assert scene.hand.told == ["holds nothing any more: its legs were closed, and not by it."]
        assert scene.hand.sent[sent:] == ["cancel all"]
        scene.bar("first", 3)
        scene.bar("peer", 3)
        assert scene.hand.sent[sent + 1 :] == ["entry first buy"]
    else:
        held = f"{first} of its first and {peer} of its second instrument"
        assert scene.hand.told == [f"holds {held}, which do not fit each other: both are closed."]
        assert scene.hand.sent[sent:] == ["close signal"]


def test_legs_of_an_earlier_run_are_not_taken_over_and_it_says_why_it_enters_nothing() -> None:
    scene = Scene()
    scene.hand.legs["first"].position, scene.hand.legs["peer"].position = Decimal(49), Decimal(-49)
    scene.live.on_start()
    scene.bar("first", 0)
    scene.bar("peer", 0)
    assert scene.hand.sent == []
    words = "holds 49 of its first and -49 of its second instrument from before"
    assert scene.hand.told == [f"{words}: it enters nothing until that is closed."]
    assert scene.live.barred == f"it {words}: close them (X), then start it again"


def test_a_hedge_that_a_liquidation_took_has_both_legs_closed_at_once() -> None:
    scene = Scene()
    scene.entered()
    sent = len(scene.hand.sent)
    scene.fill("liquidation peer buy", "0")
    assert scene.hand.sent[sent:] == ["close signal"]
    assert scene.hand.told == ["has lost of its hedge in PEER, and closes both legs."]


def test_pairs_that_come_at_once_do_not_take_fills_on_their_way_for_legs_that_do_not_fit() -> None:
    scene = half_in()
    for minute in (1, 2, 3):
        scene.bar("first", minute, after=200 - 60 * minute)
    for minute in (1, 2, 3):
        scene.bar("peer", minute, after=200 - 60 * minute)
    scene.fill("hedge peer sell", "-49")
    scene.bar("first", 4)
    scene.bar("peer", 4)
    assert scene.hand.sent == ["entry first buy", "hedge peer sell"]


def test_the_end_of_a_stop_that_was_dropped_is_no_refused_close() -> None:
    """A venue cancels a stop that has nothing left to reduce; the rest of an entry ends as well."""
    live = Scene().live
    for what in ("stop", "entry"):
        scene = Scene()
        put_on(TradeRules(stop=0.05), scene.live.inner)
        scene.live.on_start()
        scene.entered()
        (order,) = {one for one in scene.hand.sent if one.startswith(what)}
        scene.live._leave(live._level(cast(Fill, None)))
        scene.fill("close first sell", "0")
        scene.live.on_reject(order, "nothing to reduce")
        assert (scene.hand.told, scene.live._refused) == ([], False)


def test_why_nothing_is_entered_is_said_once_and_again_when_it_is_another() -> None:
    scene = Scene()
    for minute, blind in enumerate(("no book", "no book", "no book", "a gap", "a gap", "", "a gap")):
        scene.hand.blind = blind
        scene.bar("first", minute)
        scene.bar("peer", minute)
        if not blind:
            scene.live.on_reject("entry first buy", "no price")
    assert scene.hand.told == [f"enters nothing: {why}." for why in ("no book", "a gap", "a gap")]


def test_bars_that_come_late_decide_no_entry_but_count() -> None:
    scene = Scene()
    scene.bar("first", 0)
    scene.bar("first", 1)
    scene.live.on_timer(scene.hand.timers[0])
    assert scene.hand.told == ["has no bar of PEER for 00:00:00 UTC: nothing is entered until it comes."]
    scene.bar("peer", 0, after=65)
    assert scene.hand.sent == []
    assert len(scene.live._bars) == 1, "what it knows of the market is whole all the same"
    scene.bar("peer", 1)
    assert scene.hand.sent == ["entry first buy"]


def test_nothing_is_entered_blind_or_late_and_what_is_held_is_left_all_the_same() -> None:
    scene = Scene()
    scene.hand.blind = "the book of PEER is stale (a gap)"
    scene.bar("first", 0)
    scene.bar("peer", 0)
    assert scene.hand.told == ["enters nothing: the book of PEER is stale (a gap)."]
    scene.hand.blind = ""
    scene.bar("first", 1)
    scene.bar("peer", 1, after=45)
    assert "were whole 45 s after their close only" in scene.hand.told[-1]
    assert scene.hand.sent == []

    held = Scene()
    held.entered()
    held.live.inner.signals = lambda candles: Signals(long_exit=np.ones(len(candles), dtype=bool))  # type: ignore[method-assign]
    held.hand.blind = "the book of PEER is stale (a gap)"
    held.bar("first", 1)
    held.bar("peer", 1, after=50)
    assert held.hand.sent[-1] == "close signal"


def test_one_that_only_reads_its_peer_trades_the_first_alone() -> None:
    scene = Scene(hedged=False)
    scene.bar("peer", 0)
    scene.bar("first", 0)
    scene.fill("entry first buy", "98")
    assert scene.hand.sent == ["entry first buy"]


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_however_bars_come_the_pairs_are_those_of_the_times_that_both_have(data: st.DataObject) -> None:
    minutes = [sorted(data.draw(st.sets(st.integers(0, 25), max_size=20), label=name)) for name in ("first", "peer")]
    scene = Scene()
    heard: list[int] = []
    scene.live._on_pair = lambda bar, peer: heard.append(bar.ts // MINUTE if bar.ts == peer.ts else -1)  # type: ignore[method-assign]
    left = [list(minutes[0]), list(minutes[1])]
    while left[0] or left[1]:
        which = data.draw(st.sampled_from([n for n in (0, 1) if left[n]]))
        scene.bar(("first", "peer")[which], left[which].pop(0))
    assert heard == sorted(set(minutes[0]) & set(minutes[1]))


def test_an_entry_whose_fill_is_heard_when_all_is_gone_again_bars_no_later_one() -> None:
    scene = Scene()
    scene.bar("first", 0)
    scene.bar("peer", 0)
    scene.fill("entry first buy", "0")  # a liquidation was faster than the strategy's thread
    assert not scene.live._entry_id
