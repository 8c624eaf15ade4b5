"""The venue class of real exchanges, on the loopback exchange and ccxt's unmodified Binance class."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal

import pytest
from loopback_venue import loopback_venue
from venue_desk import VenueDesk

from tests.support.exchange import Fault, Kind, LoopbackExchange
from tests.support.exchange_hand import Hand
from tests.support.real_desk import until
from workstation.clock import SECOND
from workstation.domain import events as e
from workstation.domain.market import BookDelta, BookSnapshot, BookStale, Trade
from workstation.domain.order import OrderState, Side
from workstation.market.book import OrderBook
from workstation.venues.ccxt import streams
from workstation.venues.ccxt.settings import Credentials
from workstation.venues.ccxt.stream_state import StreamState
from workstation.venues.ccxt.venue import CcxtVenue
from workstation.venues.contract import LinkState, NoAnswer, StreamAge, VenueError, VenueUnreachable
from workstation.venues.standing import StreamStanding, venue_rows

BTC = "LOOP:BTC-USDT"
#: A price at which a bid of ours rests.
LOW = Decimal("63900")
ORDER = "rest POST /api/v3/order"


@pytest.fixture
def exchange() -> Iterator[LoopbackExchange]:
    with LoopbackExchange("binance", seed=None) as exchange:
        yield exchange


@pytest.fixture
def hand(exchange: LoopbackExchange) -> Hand:
    return Hand(exchange)


@pytest.fixture
async def bench(exchange: LoopbackExchange, hand: Hand) -> AsyncIterator[tuple[CcxtVenue, VenueDesk]]:
    async with loopback_venue(exchange) as (venue, desk):
        yield venue, desk


def book_of(desk: VenueDesk, instrument: str = BTC) -> OrderBook:
    """The desk's book: all that was told, applied with every check."""
    book = OrderBook(instrument)
    for event in desk.market:
        if event.instrument == instrument and isinstance(event, BookSnapshot | BookDelta | BookStale):
            book.apply(event)
    return book


def is_theirs(hand: Hand, desk: VenueDesk) -> bool:
    book = book_of(desk)
    return book.stale is None and (dict(book.bids), dict(book.asks)) == hand.book()


async def test_the_book_is_the_exchange_s_level_for_level(hand: Hand, bench: tuple[CcxtVenue, VenueDesk]) -> None:
    _, desk = bench
    await until(lambda: is_theirs(hand, desk))
    for n in range(5):
        hand.level(f"{63_990 - n}.5", f"0.{n + 1}")
        hand.level(f"{63_999 - n}", "0")
        await until(lambda: is_theirs(hand, desk))
    assert sum(isinstance(event, BookSnapshot) for event in desk.market if event.instrument == BTC) == 1


async def test_public_trades_are_passed_on(hand: Hand, bench: tuple[CcxtVenue, VenueDesk]) -> None:
    _, desk = bench
    await until(lambda: is_theirs(hand, desk))
    hand.sold("0.25", "63999")
    await until(lambda: any(isinstance(event, Trade) for event in desk.market))
    trade = next(event for event in desk.market if isinstance(event, Trade))
    assert (trade.instrument, trade.price, trade.quantity) == (BTC, 6_399_900, 25_000)
    assert not trade.buyer_is_aggressor


async def test_a_resting_order_lives_and_is_cancelled(bench: tuple[CcxtVenue, VenueDesk]) -> None:
    venue, desk = bench
    client_id = await desk.buy(BTC, "0.01", LOW)
    await until(lambda: desk.said(client_id) == ["accepted"])
    (shown,) = await venue.open_orders()
    assert shown == await venue.order_status(client_id)
    assert (shown.client_id, shown.state, shown.quantity) == (client_id, OrderState.ACCEPTED, Decimal("0.01"))
    await desk.cancel(client_id)
    await until(lambda: desk.said(client_id) == ["accepted", "canceled"])
    assert not await venue.open_orders()
    status = await venue.order_status(client_id)
    assert status is not None
    assert status.state is OrderState.CANCELED


async def test_a_market_order_fills_once_though_three_mouths_tell_of_it(bench: tuple[CcxtVenue, VenueDesk]) -> None:
    venue, desk = bench
    client_id = await desk.buy(BTC, "0.02")
    await until(lambda: desk.orders[client_id].state is OrderState.FILLED)
    await asyncio.sleep(1.0)
    assert desk.said(client_id)[0] == "accepted"
    assert sum(quantity for quantity, _ in desk.fills(client_id)) == Decimal("0.02")
    fills = await venue.fills_since(0)
    assert [fill.trade_id for fill in fills] == [
        event.fill.trade_id for event in desk.reports if isinstance(event, e.OrderFilled)
    ]
    assert all(fill.trade_id.startswith("BTCUSDT-") for fill in fills), "Binance counts trades for each symbol"


async def test_an_order_whose_answer_is_lost_is_found_by_its_client_id_and_never_sent_again(
    exchange: LoopbackExchange, bench: tuple[CcxtVenue, VenueDesk]
) -> None:
    venue, desk = bench
    for fault in (Kind.CUT, Fault(Kind.STATUS_AFTER, status=502), Kind.GARBLED):
        exchange.faults.script(ORDER, fault)
        order = desk.draft(BTC, Side.BUY, "0.01", LOW)
        with pytest.raises(NoAnswer):
            await venue.submit(order)
        status = await venue.order_status(order.client_id)
        assert status is not None
        assert status.state is OrderState.ACCEPTED
        with pytest.raises(VenueError, match="not sent again"):
            await venue.submit(order)
    exchange.faults.script(ORDER, Kind.LOST)
    order = desk.draft(BTC, Side.BUY, "0.01", LOW)
    with pytest.raises(NoAnswer):
        await venue.submit(order)
    assert await venue.order_status(order.client_id) is None
    assert len(await venue.open_orders()) == 3


async def test_what_the_exchange_refuses_is_rejected_with_its_words(bench: tuple[CcxtVenue, VenueDesk]) -> None:
    venue, desk = bench
    too_dear = await desk.buy(BTC, "1000", LOW)
    await until(lambda: desk.said(too_dear) == ["rejected"])
    assert "not enough money" in desk.reason(too_dear)
    assert desk.reason(too_dear).endswith(".")
    assert await venue.order_status(too_dear) is None


async def test_cancelling_what_is_gone_is_refused_and_what_never_was_too(bench: tuple[CcxtVenue, VenueDesk]) -> None:
    venue, desk = bench
    never = desk.draft(BTC, Side.BUY, "0.01", LOW)
    reports: list[e.OrderEvent] = []
    await venue.connect(desk.market.append, reports.append)
    await venue.cancel(never)
    assert [type(event) for event in reports] == [e.OrderCancelRejected]


async def test_a_missing_update_makes_the_book_stale_until_it_is_whole_again(
    exchange: LoopbackExchange, hand: Hand, bench: tuple[CcxtVenue, VenueDesk]
) -> None:
    _, desk = bench
    hand.level("63990", "2")
    await until(lambda: is_theirs(hand, desk))
    before = len(desk.market)
    exchange.faults.script("ws depthUpdate", Kind.DROP)
    hand.level("63990", "3")
    await until(lambda: exchange.faults.struck)
    hand.level("63990", "4")
    await until(lambda: any(isinstance(event, BookStale) for event in desk.market[before:]))
    stale = next(event for event in desk.market[before:] if isinstance(event, BookStale))
    assert "missing" in stale.reason
    await until(lambda: is_theirs(hand, desk))
    after = [event for event in desk.market[before:] if event.instrument == stale.instrument]
    at = after.index(stale)
    books = [event for event in after[at + 1 :] if isinstance(event, BookSnapshot | BookDelta)]
    assert isinstance(books[0], BookSnapshot), "nothing is told of a broken book before its next picture"


@pytest.mark.parametrize("fault", [Kind.DUPLICATE, Kind.CORRUPT, Kind.CLOSE, Kind.REORDER])
async def test_whatever_befalls_the_stream_the_book_is_right_or_stale(
    exchange: LoopbackExchange, hand: Hand, bench: tuple[CcxtVenue, VenueDesk], fault: Kind
) -> None:
    _, desk = bench
    hand.level("63990", "2")
    await until(lambda: is_theirs(hand, desk))
    exchange.faults.script("ws depthUpdate", fault, times=2)
    for n in range(3, 40):
        hand.level("63990", str(n))
        await asyncio.sleep(0.15)
        if len(exchange.faults.struck) == 2 and n > 8 and is_theirs(hand, desk):
            return
    await until(lambda: is_theirs(hand, desk))


async def test_after_a_restart_of_the_exchange_all_comes_back_and_the_desk_must_compare(
    exchange: LoopbackExchange, bench: tuple[CcxtVenue, VenueDesk]
) -> None:
    venue, desk = bench
    client_id = await desk.buy(BTC, "0.01", LOW)
    await until(lambda: desk.said(client_id) == ["accepted"])
    epoch = venue.epoch
    exchange.restart(away=1.0)
    await until(lambda: all(book_of(desk, name).stale is not None for name in venue.symbols))
    await until(lambda: venue.link is LinkState.CONNECTED and book_of(desk).stale is None)
    await until(lambda: venue.epoch > epoch)
    assert [order.client_id for order in await venue.open_orders()] == [client_id]
    await desk.cancel(client_id)
    await until(lambda: desk.said(client_id)[-1] == "canceled")


async def test_a_half_open_connection_is_noticed(exchange: LoopbackExchange, hand: Hand) -> None:
    async with loopback_venue(exchange, silence_ms=1_500) as (_, desk):
        await until(lambda: is_theirs(hand, desk))
        before = len(desk.market)
        exchange.faults.script("ws depthUpdate", Kind.SILENCE)
        hand.level("63990", "3")
        await until(lambda: any(isinstance(event, BookStale) for event in desk.market[before:]))
        await until(lambda: is_theirs(hand, desk))


async def test_each_stream_tells_its_own_age_and_counts_heartbeats_apart(
    exchange: LoopbackExchange, hand: Hand
) -> None:
    """What is quiet is not late: the connection answers pings, which are no data."""
    async with loopback_venue(exchange, silence_ms=1_500) as (venue, desk):
        await until(lambda: is_theirs(hand, desk))

        def ages() -> dict[str, StreamAge]:
            return {f"{age.what} {age.symbol}".rstrip(): age for age in venue.stream_ages()}

        books = {f"{what} {symbol}" for what in ("book", "trades") for symbol in ("BTC-USDT", "ETH-USDT")}
        assert set(ages()) == books | {"own orders", "own fills", "own money"}
        await until(lambda: all(age.up or age.what == "trades" for age in ages().values()))
        before = ages()
        await until(lambda: all(ages()[name].beats > before[name].beats + 1 for name in ages()), 10)
        quiet = ages()
        for name, age in quiet.items():
            assert age.beat > before[name].beat
            assert (age.heard, age.messages) == (before[name].heard, before[name].messages)
        hand.level("63990", "3")
        await until(lambda: ages()["book BTC-USDT"].heard > quiet["book BTC-USDT"].heard)
        assert ages()["book ETH-USDT"].heard == quiet["book ETH-USDT"].heard
        assert ages()["own orders"].heard == 0
        await desk.buy(BTC, "0.02")
        await until(lambda: ages()["own orders"].heard)
        rows = venue_rows(venue, venue.clock.now(), 5 * SECOND, 0, "", venue.clock.now(), 120 * SECOND)
        assert rows[0].name == "link"
        assert rows[0].words.startswith("clock ")
        assert {row.name: row.standing for row in rows}["own orders"] is StreamStanding.LIVE


async def test_the_clock_s_drift_is_measured_and_told(exchange: LoopbackExchange, hand: Hand) -> None:
    exchange.drift(3.0)
    told: list[str] = []
    async with loopback_venue(exchange, wait=False) as (venue, desk):
        venue.on_notice = lambda level, sentence: told.append(sentence)
        await until(lambda: venue.link is LinkState.CONNECTED)
        assert venue.drift is not None
        assert abs(venue.drift / 1e9 - 3.0) < 0.5
        assert any("clock is +3" in sentence for sentence in told)
        client_id = await desk.buy(BTC, "0.02")
        await until(lambda: desk.orders[client_id].state is OrderState.FILLED)


async def test_cancel_all_pulls_one_instrument_or_all(bench: tuple[CcxtVenue, VenueDesk]) -> None:
    venue, desk = bench
    ids = [await desk.buy(BTC, "0.01", LOW) for _ in range(3)]
    ids.append(await desk.buy("LOOP:ETH-USDT", "0.1", "2000"))
    await until(lambda: all(desk.said(client_id) == ["accepted"] for client_id in ids))
    await venue.cancel_all(BTC)
    assert [order.instrument for order in await venue.open_orders()] == ["LOOP:ETH-USDT"]
    await venue.cancel_all()
    assert not await venue.open_orders()
    await venue.cancel_all()  # nothing to cancel is no error
    await until(lambda: {desk.orders[client_id].state for client_id in ids} == {OrderState.CANCELED})


async def test_everything_can_be_pulled_from_a_thread_while_the_loop_stands_still(
    bench: tuple[CcxtVenue, VenueDesk],
) -> None:
    venue, desk = bench
    ids = [await desk.buy(BTC, "0.01", LOW) for _ in range(3)]
    await until(lambda: all(desk.said(client_id) == ["accepted"] for client_id in ids))
    said = venue.cancel_all_from_thread(20.0)  # on the loop's own thread: nothing of the loop can run meanwhile
    assert said == "took cancel-all of 1 instrument"
    await until(lambda: {desk.orders[client_id].state for client_id in ids} == {OrderState.CANCELED})
    assert not await venue.open_orders()


async def test_an_order_that_others_made_is_shown_and_can_be_cancelled(
    exchange: LoopbackExchange, bench: tuple[CcxtVenue, VenueDesk]
) -> None:
    venue, _ = bench
    await venue.exchange.create_order("BTC/USDT", "limit", "buy", 0.01, float(LOW), {"clientOrderId": "web.by:hand/1"})
    (shown,) = await venue.open_orders()
    assert shown.client_id == f"ext:{shown.venue_order_id}"
    order = await venue.stranger(shown.client_id, shown.instrument)
    assert order is not None
    assert (order.side, order.quantity, order.origin) == (Side.BUY, Decimal("0.01"), "external")
    await venue.cancel(order)
    assert not await venue.open_orders()


async def test_without_a_network_it_is_down_says_so_and_goes_on_trying(exchange: LoopbackExchange, hand: Hand) -> None:
    told: list[str] = []
    async with loopback_venue(exchange) as (venue, _):
        pass  # the listing is known now
    exchange.close()
    async with loopback_venue(exchange, wait=False) as (venue, desk):
        venue.on_notice = lambda level, sentence: told.append(sentence)
        await until(lambda: venue.link is LinkState.DOWN)
        assert venue.said == "it cannot be reached"
        with pytest.raises(VenueUnreachable, match="not connected"):
            await venue.submit(desk.draft(BTC, Side.BUY, "0.01", "50000"))
        exchange.open()
        await until(lambda: venue.link is LinkState.CONNECTED)
    assert any("cannot be reached" in sentence for sentence in told)


async def test_a_wrong_key_is_one_sentence_and_no_order_goes_anywhere(exchange: LoopbackExchange) -> None:
    async with loopback_venue(exchange, wait=False) as (venue, _):
        venue.credentials = lambda _: Credentials(key="wrong", secret="wrong-too")
        told: list[str] = []
        venue.on_notice = lambda level, sentence: told.append(f"{level} {sentence}")
        await until(lambda: told and venue.link is not LinkState.CONNECTING)
        assert not any("wrong-too" in sentence for sentence in told)


async def test_a_stream_of_the_account_that_is_refused_does_not_seem_to_stand(exchange: LoopbackExchange) -> None:
    async with loopback_venue(exchange, wait=False) as (venue, _):
        wrong = Credentials(key="wrong", secret="wrong-too")
        venue.credentials = lambda _: wrong
        await until(lambda: {state.name: state for state in venue.stream_states()}.get("watch_orders"))
        own = {state.name: state for state in venue.stream_states()}["watch_orders"]
        await until(lambda: own.faults >= 3)
        assert venue.hears_orders() is False
        assert "API-key" in own.said


@pytest.mark.parametrize(
    ("name", "question", "place"),
    [
        ("binance", "balances", "rest GET /api/v3/account"),
        ("bybit", "balances", "rest GET /v5/account/wallet-balance"),
        ("binance", "open_orders", "rest GET /api/v3/openOrders"),
        ("bybit", "open_orders", "rest GET /v5/order/realtime"),
    ],
)
async def test_half_an_answer_is_no_answer_and_not_an_empty_account(name: str, question: str, place: str) -> None:
    """ccxt hands it on as text, and finds nothing in it."""
    with LoopbackExchange(name) as exchange:
        async with loopback_venue(exchange, name, symbols=("BTC-USDT",)) as (venue, _):
            exchange.faults.script(place, Kind.GARBLED)
            with pytest.raises(NoAnswer, match="cannot be read"):
                await getattr(venue, question)()
            assert (await venue.balances())["USDT"] == 100_000


async def test_own_orders_are_not_called_heard_before_the_exchange_has_answered_on_their_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streams, "_STANDS", 0.05)
    with LoopbackExchange("bybit") as exchange:
        exchange.faults.script("connect *private*", Fault(Kind.LATE, seconds=1.0), times=9)
        async with loopback_venue(exchange, "bybit", symbols=("BTC-USDT",)) as (venue, _):

            def own() -> StreamState:
                return next(state for state in venue.stream_states() if state.name == "watch_orders")

            await until(lambda: exchange.faults.struck)
            await asyncio.sleep(0.5)  # many times as long as a quiet stream has to stand
            assert (own().up, own().faults, venue.hears_orders()) == (False, 0, False)
            await until(lambda: own().up and venue.hears_orders())
            assert own().faults == 0
