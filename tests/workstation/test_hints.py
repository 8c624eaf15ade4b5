"""When what an account's streams tell is a reason to ask its venue, and when it vouches for the desk's books."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.support.desk import GENEROUS
from workstation.domain import events as e
from workstation.domain.instrument import ContractType, Instrument
from workstation.hints import Hints
from workstation.market.data import MarketData
from workstation.trading.core import TradingCore
from workstation.venues.ccxt import told
from workstation.venues.ccxt.told import AccountNews
from workstation.venues.ccxt.venue import CcxtVenue
from workstation.venues.contract import Venue

PERP = Instrument(
    venue="LOOP", symbol="BTC-USDT-PERP", base="BTC", quote="USDT", tick=Decimal("0.1"), lot=Decimal("0.001"),
    contract=ContractType.LINEAR, leverage=Decimal(7),
)  # fmt: skip
#: What a comparison by the clock is away, in seconds.
EVERY = 120.0


class Desk:
    """Hints of one venue, looked at four times a second."""

    def __init__(self) -> None:
        self.core = TradingCore([PERP], MarketData([PERP]), GENEROUS)
        self.pay("LOOP", 100)
        self.told = AccountNews()
        self.told.whole = True
        self.venue = cast(Venue, SimpleNamespace(name="LOOP", told=self.told, account_streams=lambda: True))
        self.hints = Hints(self.core, Decimal("1e-8"))
        self.now = 1_000.0

    def pay(self, venue: str, amount: int) -> None:
        self.core.apply_account(
            e.BalanceAdjusted(ts=0, venue=venue, currency="USDT", amount=Decimal(amount), reason="a payment")
        )

    def hear(self, cash: int) -> None:
        self.told.take(balances={"USDT": Decimal(cash)})

    def look(self, seconds: float) -> list[float]:
        """After how many seconds the venue is due, each time with a comparison that finds the books right."""
        began, found = self.now, []
        while self.now < began + seconds:
            self.now += 0.25
            if self.hints.due(self.venue, self.now):
                found.append(self.now - began)
                self.compare()
        return found

    def compare(self) -> None:
        self.hints.asked(self.venue, 1, self.now, self.hints.word(self.venue))

    def vouched(self) -> bool:
        return self.hints.vouch(self.venue, 1, self.now, EVERY)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_word_that_the_venue_does_not_bear_out_is_asked_about_once(desk: Desk) -> None:
    """The word after it was lost: what is kept is not the newest."""
    desk.hear(90)
    assert len(desk.look(30)) == 1
    assert not desk.vouched(), "the next comparison by the clock asks once more"
    desk.compare()
    assert desk.vouched()
    desk.told.take(positions={PERP.id: Decimal(0)})
    assert desk.look(30) == [], "a later word of something else"
    assert desk.vouched()


def test_a_word_that_came_while_the_venue_was_asked_is_kept(desk: Desk) -> None:
    word = desk.hints.word(desk.venue)
    desk.hear(90)
    desk.hints.asked(desk.venue, 1, desk.now, word)
    assert not desk.vouched()
    assert len(desk.look(30)) == 1


def test_words_that_never_fit_have_the_venue_asked_every_ten_seconds_at_most(desk: Desk) -> None:
    at = []
    for number in range(20):
        desk.hear(number)
        at += [2 * number + seconds for seconds in desk.look(2)]
    assert len(at) in (3, 4), at
    assert all(later - earlier >= 10 for earlier, later in pairwise(at)), at


def test_a_stream_that_flaps_has_the_venue_asked_every_ten_seconds_at_most(desk: Desk) -> None:
    found = []
    for _ in range(20):
        desk.told.missed = True
        found += desk.look(1)
    assert len(found) == 2


def test_what_another_venue_fills_does_not_put_a_hint_off(desk: Desk) -> None:
    desk.hear(90)
    found = []
    for _ in range(8):
        desk.pay("ELSEWHERE", 1)
        found += desk.look(0.5)
    assert len(found) == 1


def test_books_that_still_move_put_a_hint_off(desk: Desk) -> None:
    desk.hear(90)
    for _ in range(8):
        desk.pay("LOOP", 1)
        assert desk.look(0.5) == []
    desk.pay("LOOP", -18)
    assert desk.look(5) == [], "they have come to what was told"


class Kept:
    """Streams that note what they are asked to keep."""

    def __init__(self) -> None:
        self.takes: dict[str, Any] = {}

    def keep_topic(self, name: str, _watch: object, take: Any) -> None:
        self.takes[name] = take


def watched(account: str) -> tuple[AccountNews, Kept]:
    venue = SimpleNamespace(
        told=AccountNews(),
        keys=object(),
        settings=SimpleNamespace(account=account),
        markets={"BTC/USDT:USDT": PERP},
        changing=set(),
        on_margin=lambda *_: None,
    )
    exchange = SimpleNamespace(
        id="bybit", has={"watchBalance": True, "watchPositions": True}, watch_balance=None, watch_positions=None
    )
    streams = Kept()
    told.watch(cast(CcxtVenue, venue), exchange, cast(Any, streams))
    return venue.told, streams


def test_streams_of_positions_alone_do_not_vouch_for_money(desk: Desk) -> None:
    """Balances of one kind of account that the set-up names are not listened to."""
    assert watched("")[0].whole
    news, streams = watched("unified")
    assert list(streams.takes) == [told.POSITIONS]
    assert not news.whole
    desk.compare()
    assert desk.vouched()
    desk.told.whole = False
    assert not desk.vouched()


def test_a_long_and_a_short_of_one_instrument_are_told_as_their_sum() -> None:
    news, streams = watched("")
    legs = [("long", 3), ("short", 1)]
    streams.takes[told.POSITIONS]([{"symbol": "BTC/USDT:USDT", "side": side, "contracts": size} for side, size in legs])
    assert news.positions == {PERP.id: Decimal(2)}
