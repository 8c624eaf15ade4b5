"""The `:` language: what a typed line means, what it says when it means nothing, and that it fails in no other way."""

from __future__ import annotations

import datetime
from decimal import Decimal as D
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workstation.clock import SECOND, span
from workstation.domain.formats import number_style
from workstation.domain.instrument import ContractType, Instrument
from workstation.domain.margin import MarginMode
from workstation.domain.order import Order, OrderDraft, OrderState, OrderType, Side, TimeInForce
from workstation.domain.plan import Distance, Plan, PlanKind, Trail
from workstation.trading.command_line import EXAMPLES, hint, parse
from workstation.trading.command_run import cancelled, outcome
from workstation.trading.command_text import describe, spell
from workstation.trading.command_words import CommandError
from workstation.trading.commands import (
    BreakEven,
    CancelOrders,
    ChaseOrder,
    ClosePosition,
    Command,
    Context,
    Flatten,
    Kill,
    PlaceOrder,
    Prices,
    Rearm,
    ReversePosition,
    RunAction,
    Seek,
    SelectInstrument,
    SetLeverage,
    SetMarginMode,
    SetSpeed,
    SetTheme,
    StartPlan,
)

NOW = 1_714_572_000 * SECOND  # 2024-05-01 14:00:00 UTC


def spot(venue: str, base: str, tick: str, lot: str) -> Instrument:
    return Instrument(
        venue=venue, symbol=f"{base}-USDT", base=base, quote="USDT", tick=D(tick), lot=D(lot), min_quantity=D(lot)
    )


BTC = spot("NOVA", "BTC", "0.01", "0.00001")
ETH = spot("NOVA", "ETH", "0.01", "0.0001")
DOGE = spot("NOVA", "DOGE", "0.00001", "1")
ORCA_BTC = spot("ORCA", "BTC", "0.1", "0.0001")
ORCA_SOL = spot("ORCA", "SOL", "0.001", "0.01")
PERP = Instrument(
    venue="NOVA", symbol="BTC-USDT-PERP", base="BTC", quote="USDT", tick=D("0.1"), lot=D("0.001"),
    contract=ContractType.LINEAR, leverage=D(10),
)  # fmt: skip
COIN = Instrument(
    venue="NOVA", symbol="BTC-USD", base="BTC", quote="USD", tick=D("0.5"), lot=D(1),
    contract=ContractType.INVERSE, leverage=D(10),
)  # fmt: skip
INSTRUMENTS = (BTC, ETH, DOGE, PERP, COIN, ORCA_BTC, ORCA_SOL)
MARKETS = {
    "BTC": Prices(D("63999.99"), D("64000.01"), D("64000")),
    "ETH": Prices(D("3199.99"), D("3200.01"), D("3200")),
    "DOGE": Prices(D("0.15"), D("0.15001"), D("0.150005")),
    "SOL": Prices(),
}


def context(selected: Instrument | None = BTC, **changes: Any) -> Context:
    by_id = {instrument.id: instrument for instrument in INSTRUMENTS}
    terms: dict[str, Any] = {
        "instrument": selected,
        "instruments": INSTRUMENTS,
        "now": NOW,
        "prices": lambda name: MARKETS[by_id[name].base],
        "equity": D(100_000),
        "rate": lambda one: D(64_000) if one.is_inverse else D(1),
        "max_order_value": D(100_000),
        "account_name": "demo",
        "actions": {"zoom": "Maximise pane", "theme": "Dark / light theme", "books.recentre": "Recentre"},
        "themes": ("tws-dark", "tws-light"),
        "recording": (NOW - 3600 * SECOND, NOW + 3600 * SECOND),
    }
    return Context(**(terms | changes))


def draft(text: str, selected: Instrument | None = BTC) -> OrderDraft:
    command = parse(text, context(selected))
    if isinstance(command, StartPlan):
        return msgspec.structs.replace(command.plan.entries[0], leg="")
    assert isinstance(command, PlaceOrder)
    return command.draft


def plan(text: str, held: str = "0") -> Plan:
    command = parse(text, context(position=lambda _: D(held)))
    assert isinstance(command, StartPlan)
    return command.plan


def refusal(text: str, where: Context | None = None) -> str:
    with pytest.raises(CommandError) as error:
        parse(text, where or context())
    return str(error.value)


def order(side: Side, quantity: str, **terms: Any) -> OrderDraft:
    return OrderDraft(**({"instrument": BTC.id, "side": side, "quantity": D(quantity)} | terms))


ORDERS = [
    ("buy 0.5 @ 64200", order(Side.BUY, "0.5", price=D(64200))),
    ("BUY 0.5@64,200", order(Side.BUY, "0.5", price=D(64200))),
    (":buy .5 at 64200", order(Side.BUY, "0.5", price=D(64200))),
    ("buy 0.5 limit 64200", order(Side.BUY, "0.5", price=D(64200))),
    ("sell 100$ market", order(Side.SELL, "0.00156", type=OrderType.MARKET)),
    ("sell $100 mkt", order(Side.SELL, "0.00156", type=OrderType.MARKET)),
    ("sell 100usdt market", order(Side.SELL, "0.00156", type=OrderType.MARKET)),
    ("buy 1k$ @ 50000", order(Side.BUY, "0.02", price=D(50000))),
    ("buy 0.25btc market", order(Side.BUY, "0.25", type=OrderType.MARKET)),
    ("buy 2% @ 50000", order(Side.BUY, "0.04", price=D(50000))),
    ("buy 0.1 at -0.5% po", order(Side.BUY, "0.1", price=D(63680), post_only=True)),
    ("sell 0.1 at +0.5%", order(Side.SELL, "0.1", price=D(64320))),
    ("buy 0.1 @ bid", order(Side.BUY, "0.1", price=D("63999.99"))),
    ("buy 0.1 @ ask-3", order(Side.BUY, "0.1", price=D("63999.98"))),
    ("sell stop 0.2 @ 63000", order(Side.SELL, "0.2", type=OrderType.STOP, stop_price=D(63000))),
    (
        "sell stop 0.2 @ 63000 limit 62900",
        order(Side.SELL, "0.2", type=OrderType.STOP_LIMIT, stop_price=D(63000), price=D(62900)),
    ),
    ("buy 0.5 @ 64200 ioc", order(Side.BUY, "0.5", price=D(64200), tif=TimeInForce.IOC)),
    ("buy 0.5 fok @ 64200", order(Side.BUY, "0.5", price=D(64200), tif=TimeInForce.FOK)),
    (
        "buy 0.5 @ 64200 gtd 1h30m",
        order(Side.BUY, "0.5", price=D(64200), tif=TimeInForce.GTD, expire_at=NOW + 5400 * SECOND),
    ),
    ("sell 0.5 market ro", order(Side.SELL, "0.5", type=OrderType.MARKET, reduce_only=True)),
    ("buy 0.5 btc-usdt-perp @ 64200", order(Side.BUY, "0.5", instrument=PERP.id, price=D(64200))),
    ("buy 0.5 orca:btc-usdt @ 64200", order(Side.BUY, "0.5", instrument=ORCA_BTC.id, price=D(64200))),
    ("buy 3 sol-usdt @ 150", order(Side.BUY, "3", instrument=ORCA_SOL.id, price=D(150))),
    # 1 % of 100,000 = 1,000 between 64,000.01 and 63,000
    ("buy risk 1% stop 63000 market", order(Side.BUY, "0.99999", type=OrderType.MARKET)),
    ("sell risk 1% stop 64500 @ 64000", order(Side.SELL, "2", price=D(64000))),
]


@pytest.mark.parametrize(("text", "expected"), ORDERS, ids=[text for text, _ in ORDERS])
def test_an_order_is_read(text: str, expected: OrderDraft) -> None:
    assert draft(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cancel all", CancelOrders()),
        ("cancel all eth-usdt", CancelOrders(instrument=ETH.id)),
        ("cancel bids", CancelOrders(instrument=BTC.id, side=Side.BUY)),
        ("cancel asks orca:sol-usdt", CancelOrders(instrument=ORCA_SOL.id, side=Side.SELL)),
        ("close", ClosePosition(BTC.id)),
        ("close btc-usdt-perp", ClosePosition(PERP.id)),
        ("reverse", ReversePosition(BTC.id)),
        ("breakeven", BreakEven(BTC.id)),
        ("chase", ChaseOrder(instrument=BTC.id, percent=D("0.5"))),
        ("chase eth-usdt 3250", ChaseOrder(instrument=ETH.id, bound=D(3250))),
        ("chase 0.2%", ChaseOrder(instrument=BTC.id, percent=D("0.2"))),
        ("leverage btc-usdt-perp 5", SetLeverage(PERP.id, D(5))),
        ("leverage 5x btc-usdt-perp", SetLeverage(PERP.id, D(5))),
        ("leverage 1", SetLeverage(BTC.id, D(1))),
        ("margin btc-usdt-perp isolated", SetMarginMode(PERP.id, MarginMode.ISOLATED)),
        ("margin btc-usdt-perp cross", SetMarginMode(PERP.id, MarginMode.CROSS)),
        ("flatten", Flatten()),
        ("kill", Kill()),
        ("rearm demo", Rearm("demo")),
        ("theme", RunAction("theme")),
        ("theme tws-light", SetTheme("tws-light")),
        ("theme light", SetTheme("tws-light")),
        ("speed 10", SetSpeed(10.0)),
        ("speed 0.5x", SetSpeed(0.5)),
        ("seek +5m", Seek(NOW + 300 * SECOND)),
        ("seek -30s", Seek(NOW - 30 * SECOND)),
        ("seek 25%", Seek(NOW - 1800 * SECOND)),
        ("seek 14:30", Seek(NOW + 1800 * SECOND)),
        ("seek 2024-05-01 13:30:15", Seek(NOW - 1785 * SECOND)),
        ("zoom", RunAction("zoom")),
        ("books.recentre", RunAction("books.recentre")),
        ("eth-usdt", SelectInstrument(ETH.id)),
        ("ORCA:BTC-USDT", SelectInstrument(ORCA_BTC.id)),
    ],
)
def test_a_command_is_read(text: str, expected: Command) -> None:
    assert parse(text, context()) == expected


def test_exits_after_an_order_make_a_bracket_of_it() -> None:
    wanted = plan("buy 0.5 @ 64000 stop 63000 tp 66000 trail 1% after 300")
    assert wanted.kind is PlanKind.BRACKET
    assert (wanted.stop, wanted.target) == (D(63000), D(66000))
    assert wanted.trail == Trail(Distance(D(1), percent=True), Distance(D(300)))
    assert [(d.leg, d.quantity, d.price) for d in wanted.entries] == [("entry", D("0.5"), D(64000))]


def test_a_stop_that_sizes_an_order_protects_it_too() -> None:
    assert plan("buy risk 1% stop 63000 market").stop == D(63000)


@pytest.mark.parametrize(("held", "stop", "target"), [("0.5", 63000, 66000), ("-0.5", 66000, 63000)])
def test_two_prices_after_oco_are_the_exits_of_the_position_whichever_way_round(
    held: str, stop: int, target: int
) -> None:
    for text in ("oco 63000 66000", "oco 66000 63000", f"oco stop {stop} tp {target}", f"stop {stop} tp {target}"):
        wanted = plan(text, held)
        assert (wanted.kind, wanted.stop, wanted.target) == (PlanKind.EXIT, D(stop), D(target))
        assert wanted.side is (Side.BUY if D(held) > 0 else Side.SELL)


def test_scale_lays_orders_of_one_size_evenly_on_ticks() -> None:
    wanted = plan("scale 5 0.1 63000 63800 stop 62000 tp 66000")
    assert [(d.price, d.quantity, d.leg) for d in wanted.entries] == [
        (D(63000 + 200 * n), D("0.1"), f"entry {n + 1}") for n in range(5)
    ]
    assert {d.side for d in wanted.entries} == {Side.BUY}
    assert {d.side for d in plan("scale 3 1% 64100 64500").entries} == {Side.SELL}
    assert {d.side for d in plan("scale buy 3 0.1 63000 64500").entries} == {Side.BUY}


def test_chase_begins_at_the_best_price_and_is_bounded_without_being_told() -> None:
    assert (plan("buy 0.5 chase").entries[0].price, plan("buy 0.5 chase").chase_to) == (D("63999.99"), D("64319.98"))
    assert plan("sell 0.5 chase 63500").chase_to == D(63500)
    assert plan("sell 0.5 chase 1%").chase_to == D("63360.00")


def test_seek_reads_the_time_of_day_in_the_desks_zone() -> None:
    zone = datetime.timezone(datetime.timedelta(hours=2))
    assert parse("seek 16:30", context(zone=zone)) == Seek(NOW + 1800 * SECOND)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", EXAMPLES),
        ("buy", "How much? Type buy 0.5, buy 100$ or buy 2% and a price."),
        ("buy 0.5", "At which price? Add @ 64200, @ bid or market to buy 0.5."),
        ("buy 0.5 64200", "64200 is a second size: put @ before a price."),
        ("buy 0.5 @", "After @ comes a price: 64200, bid, ask, mid or -0.5%."),
        ("buy 0.5 @ low", "low is not a price: type 64200, bid, ask, mid or -0.5%."),
        ("buy 0.5 @ 64200.005", "The price 64200.005 is not a multiple of the tick 0.01."),
        ("buy 0.123456 @ 64200", "0.123456 is not a multiple of the lot 0.00001: 0.12345 is."),
        ("buy 0 @ 64200", "The size must be above zero."),
        ("buy 0.1$ market", "That is 0.00000156 BTC: the least that can be traded is 0.00001."),
        ("buy 0.5 market @ 64200", "@ is one price too many."),
        ("buy 0.5 market limit 64200", "Market or a price, not both."),
        ("buy 0.5 @ 64200 limit 64100", "Two prices: use @ or limit, not both."),
        ("buy 0.5 market po", "Post-only needs a limit price: a market order always takes."),
        ("buy 0.5 @ 64200 gtd soon", "soon is not a length of time: type 30m, 1h30m or 45s."),
        ("buy 0.5 @ 64200 maker", "maker is not understood. Did you mean market?"),
        ("sell stop 0.2", "At which price is the stop? sell stop 0.2 @ 63000."),
        ("buy 2% stop 65000", "The stop 65,000.00 must be below the entry (64,000.01)."),
        ("buy 2% stop 63000 tp 62000", "The stop 63,000.00 must be below the target 62,000.00."),
        ("buy 2% stop 63000 tp 64000", "The target 64,000.00 must be above the entry (64,000.01)."),
        ("buy 2% stop", "After stop comes the price of the stop."),
        ("buy 2% stop 63000 sl 62000", "sl is there twice."),
        ("buy 2% trail 0", "0 is not a distance: type 200 or 1%."),
        ("buy 2% trail 200 after", "After after comes how far the market must go first: 300 or 0.5%."),
        ("buy 2% ro stop 63000", "A reduce-only order closes a position: it takes no exits and does not chase."),
        ("buy 0.5 chase @ 64200", "Chase or a price, not both: a chase begins at the best price."),
        ("oco 63000 66000", "There is no position in BTC-USDT that exits could close."),
        ("trail 1%", "There is no position in BTC-USDT that exits could close."),
        (
            "scale 5 0.1",
            "Scale how? scale 5 0.1 63000 64000 (five orders of 0.1 each), then stop, tp or trail if you like.",
        ),
        ("scale 1 0.1 63000 63500", "A ladder has 2 to 50 orders, not 1."),
        (
            "scale 5 0.1 63500 64500",
            "Buy or sell? The range does not lie on one side of the market: scale buy 5 …",
        ),
        ("scale 5 0.1 63000 63000.02", "5 orders have no room between these prices."),
        ("scale 5 0.1 63000 63500 stop 63200", "The stop 63,200.00 must be below the entry (63,000.00)."),
        ("buy risk 1% market", "Risk to which stop? buy risk 1% stop 63000."),
        ("buy risk 0.5 stop 63000 market", "Risk is a percent of equity: risk 1%, not 0.5."),
        (
            "buy risk 1% stop 65000 market",
            "The stop of a buy must be below its entry of 64,000.01, not at 65,000.00.",
        ),
        ("buy 5 orca:sol-usdt @ bid", "There is no price of SOL-USDT now: type one."),
        ("cancel", "Cancel what? cancel all, cancel bids, cancel asks or cancel all BTC-USDT."),
        ("cancel everything", "Cancel what? cancel all, cancel bids, cancel asks or cancel all BTC-USDT."),
        ("close eht-usdt", "There is no instrument eht-usdt. Did you mean ETH-USDT?"),
        ("kill all", "all is one word too many."),
        ("rearm", "Re-arming takes the account's name: rearm demo."),
        ("rearm dem", "Re-arming takes the account's name: rearm demo."),
        ("theme green", "There is no theme green: tws-dark, tws-light."),
        ("speed 1000", "A recording plays at 0.1 to 100 times its speed, not at 1000."),
        ("seek 20:00", "The recording goes from 2024-05-01 13:00:00 to 2024-05-01 15:00:00."),
        ("flaten", "flaten is not a command. Did you mean flatten?"),
        ("zom", "zom is not a command. Did you mean zoom?"),
        ("xyzzy", "xyzzy is not a command."),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(text: str, sentence: str) -> None:
    assert refusal(text) == sentence
    assert hint(text, context()) == sentence


def test_an_error_knows_its_place_in_the_line() -> None:
    with pytest.raises(CommandError) as error:
        parse("  buy 0.5 @ 64200 maker", context())
    assert error.value.position == 18


def test_a_symbol_of_two_venues_is_the_selected_venues_and_else_is_asked_about() -> None:
    assert draft("buy 0.5 btc-usdt @ 64200", ORCA_SOL).instrument == ORCA_BTC.id
    sentence = refusal("buy 0.5 btc-usdt @ 64200", context(None))
    assert sentence == "btc-usdt is listed at more than one venue: NOVA:BTC-USDT or ORCA:BTC-USDT."
    sentence = refusal("close btc-udst", context(None))  # what it offers can be typed as it stands
    assert sentence == "There is no instrument btc-udst. Did you mean NOVA:BTC-USDT or ORCA:BTC-USDT?"


def test_without_a_selected_instrument_one_is_asked_for() -> None:
    where = context(None)
    assert refusal("buy 0.5 @ 64200", where) == "Select an instrument first, or name it: buy 0.5 NOVA:BTC-USDT @ 64200."
    assert refusal("close", where) == "Select an instrument first, or name it after close."


def test_replay_words_need_a_recording() -> None:
    sentence = "No recording is playing: speed works on a desk opened with --replay."
    assert refusal("speed 2", context(recording=None)) == sentence


@pytest.mark.parametrize(
    ("text", "selected", "question"),
    [
        ("buy 100 @ 64200", BTC, "100 BTC, worth 6,420,000 USDT? Enter again sends it; for money type 100$."),
        ("buy 99 @ 64200", BTC, "99 BTC, worth 6,355,800 USDT? Enter again sends it; for money type 99$."),
        ("buy 1 @ 64200", BTC, ""),
        ("buy 100$ market", BTC, ""),
        ("buy 100 market", ETH, "100 ETH, worth 320,001 USDT? Enter again sends it; for money type 100$."),
        ("buy 20 market", ETH, ""),
        ("buy 5000 market", DOGE, ""),  # 750 USDT: sizes of thousands are normal there
        ("buy 900000 market", DOGE, "900,000 DOGE, worth 135,009 USDT? Enter again sends it; for money type 900000$."),
        ("buy 500 market", COIN, ""),  # contracts of one dollar
    ],
)  # fmt: skip
def test_a_large_bare_number_is_questioned(text: str, selected: Instrument, question: str) -> None:
    command = parse(text, context(selected))
    assert isinstance(command, PlaceOrder)
    assert command.question == question
    assert hint(text, context(selected)).startswith(question)


@pytest.mark.parametrize("locale", ["en_GB", "de_DE", "fr_FR", "de_CH"])
@pytest.mark.parametrize(("size", "selected"), [("900000", DOGE), ("1234.56", ETH)])
def test_what_a_question_says_to_type_for_money_can_be_typed_so(size: str, selected: Instrument, locale: str) -> None:
    style = number_style(locale)
    assert style is not None
    where = context(selected, numbers=style)
    questioned = parse(f"buy {style.localised(size)} market", where)
    assert isinstance(questioned, PlaceOrder)
    shown = style.sentence(questioned.question).rpartition("type ")[2].removesuffix(".")
    assert parse(f"buy {shown} market", where) == parse(f"buy {size}$ market", context(selected))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("buy 0.5 @ 64200", "Buy 0.5 BTC-USDT at 64,200.00 limit on NOVA, good till cancelled, ≈ 32,100 USDT."),
        ("sell 1 market ro", "Sell 1 BTC-USDT at market on NOVA, reduce-only, ≈ 63,999.99 USDT."),
        (
            "sell stop 0.2 @ 63000 gtd 90s",
            "Sell 0.2 BTC-USDT at market once it trades at 63,000.00 or lower on NOVA, good for 1m30s, ≈ 12,600 USDT.",
        ),
        (
            "buy stop 0.2 @ 65000 limit 65100",
            "Buy 0.2 BTC-USDT at 65,100.00 limit once it trades at 65,000.00 or higher on NOVA, good till cancelled, "
            "≈ 13,020 USDT.",
        ),
        (
            "buy 0.5 @ 64200 ioc",
            "Buy 0.5 BTC-USDT at 64,200.00 limit on NOVA, what cannot fill at once is cancelled, ≈ 32,100 USDT.",
        ),
        (
            "sell risk 1% stop 64500 @ 64000 po",
            "Sell 2 BTC-USDT at 64,000.00 limit on NOVA, good till cancelled, post-only, ≈ 128,000 USDT. "
            "Then for what fills: stop at 64,500.00.",
        ),
        (
            "buy 2% stop 63000 tp 66000",
            "Buy 0.03124 BTC-USDT at market on NOVA, ≈ 1,999.36 USDT. "
            "Then for what fills: stop at 63,000.00, target at 66,000.00.",
        ),
        (
            "sell 0.5 @ 64200 trail 200 after 0.5%",
            "Sell 0.5 BTC-USDT at 64,200.00 limit on NOVA, good till cancelled, ≈ 32,100 USDT. "
            "Then for what fills: a stop that trails by 200 once 0.5% beyond the entry.",
        ),
        (
            "buy 0.5 chase 64100 stop 63000",
            "Buy 0.5 BTC-USDT at 63,999.99 limit on NOVA, good till cancelled, ≈ 32,000 USDT; "
            "it follows the best price to 64,100.00. Then for what fills: stop at 63,000.00.",
        ),
        (
            "scale 5 0.1 63000 63800 stop 62000 po",
            "5 buys of 0.1 BTC-USDT from 63,000.00 to 63,800.00 on NOVA, 0.5 in all, post-only. "
            "Then for what fills: stop at 62,000.00.",
        ),
        ("chase", "Let the newest working limit order of NOVA:BTC-USDT follow the best price, for 0.5% at most."),
        ("chase 64500", "Let the newest working limit order of NOVA:BTC-USDT follow the best price, to 64,500.00."),
        ("cancel all", "Cancel every working order of every instrument, protective stops too."),
        ("cancel bids", "Cancel every working buy order of NOVA:BTC-USDT, protective stops too."),
        ("close", "Cancel the orders of NOVA:BTC-USDT and close its position at market."),
        ("flatten", "Halt trading, cancel every working order and close every position at market."),
        ("seek +5m", "Go to 2024-05-01 14:05:00 in the recording."),
        ("zoom", "Maximise pane."),
    ],
)
def test_the_echo_says_what_enter_will_do(text: str, words: str) -> None:
    assert hint(text, context()) == words
    assert describe(parse(text, context()), context()) == words


@st.composite
def drafts(make: st.DrawFn) -> OrderDraft:
    instrument = make(st.sampled_from([BTC, ETH, DOGE, PERP, ORCA_BTC]))
    type_ = make(st.sampled_from(OrderType))
    tif = make(st.sampled_from(TimeInForce))
    ticks = st.integers(1, 10**9).map(instrument.price)
    limits, trails = type_.has_limit, type_ is OrderType.TRAILING_STOP
    quantity = make(st.integers(1, 10**9))
    by_price = make(st.booleans())
    hidden = limits and tif.may_rest and make(st.booleans())
    return OrderDraft(
        instrument=instrument.id,
        side=make(st.sampled_from(Side)),
        quantity=instrument.quantity(quantity),
        type=type_,
        price=make(ticks) if limits else None,
        stop_price=make(ticks) if type_.has_trigger and not trails else None,
        display=instrument.quantity(make(st.integers(1, quantity))) if hidden else None,
        trail=make(ticks) if trails and by_price else None,
        trail_bps=make(st.integers(1, 999_999).map(D).map(D.normalize)) / 100 if trails and not by_price else None,
        activation_price=make(st.none() | ticks) if trails else None,
        tif=tif,
        expire_at=NOW + make(st.integers(1, 10**6)) * SECOND if tif is TimeInForce.GTD else None,
        post_only=limits and make(st.booleans()),
        reduce_only=make(st.booleans()),
    )


@given(drafts())
def test_every_order_spelled_out_reads_back_as_itself(wanted: OrderDraft) -> None:
    command = parse(spell(wanted, NOW), context(None))
    assert isinstance(command, PlaceOrder)
    assert command.draft == wanted
    assert describe(command, context()).startswith(wanted.side.capitalize())


WORDS = """
    by from show day 50bp twap vwap pov iceberg over every pause resume
    buy sell stop limit market @ at 0.5 64200 100$ 2% -0.5% bid+1 po ro gtd 30m ioc risk tp trail
    after chase scale oco cancel all bids seek speed
    theme rearm close 99999999999999999999 0 . , $ % 1e5 -1 ∞ ½ ٣ BTC-USDT NOVA:BTC-USDT zoom : + 9999-99-99 24:61
"""
words = st.sampled_from(WORDS.split())


@given(st.one_of(st.text(max_size=60), st.lists(words, max_size=9).map(" ".join)), st.booleans())
def test_no_line_raises_anything_but_a_command_error(text: str, selected: bool) -> None:
    where = context(BTC if selected else None)
    refused = None
    try:
        assert describe(parse(text, where), where)
    except CommandError as error:
        refused = error
    assert refused is None or (str(refused) and 0 <= refused.position <= len(text))
    assert hint(text, where)


def test_a_length_of_time_is_spelled_to_the_nearest_second() -> None:
    assert span(1_800 * SECOND - 30_000_000) == "30m"
    assert span(90 * SECOND) == "1m30s"
    assert span(0) == "0s"


def done(state: OrderState, **terms: Any) -> Order:
    return msgspec.structs.replace(
        Order.from_draft(order(Side.BUY, "0.5", price=D(64200)), "id", NOW), state=state, **terms
    )


def test_the_outcome_of_an_order_is_a_sentence() -> None:
    assert outcome(done(OrderState.DENIED, reason="Too large."), BTC) == "Not sent: Too large."
    assert outcome(done(OrderState.FILLED, filled=D("0.5"), filled_value=D(32_000)), BTC) == "Filled 0.5 at 64,000.00."
    partly = done(OrderState.PARTIALLY_FILLED, filled=D("0.3"), filled_value=D(19_201))
    assert outcome(partly, BTC) == "Filled 0.3 of 0.5 at 64,003.33333; the rest works."
    assert outcome(done(OrderState.UNKNOWN), BTC).startswith("No answer from the venue")
    assert cancelled([]) == "There was no working order to cancel."
    assert cancelled([done(OrderState.CANCELED)]) == "1 order cancelled."
    assert cancelled([done(OrderState.CANCELED), done(OrderState.UNKNOWN)]).startswith("1 of 2 orders cancelled so far")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("leverage", "Type leverage 5"),
        ("leverage btc-usdt-perp 21", "a whole number from 1 to 20, not 21"),
        ("leverage btc-usdt-perp 2.5", "a whole number from 1 to 20"),
        ("leverage nothing 5", "There is no instrument nothing"),
        ("leverage 5", "is spot without margin at NOVA: no leverage can be set, and no more sold than is held"),
        ("margin isolatd", "Did you mean isolated?"),
        ("margin isolated", "its margin is always cross"),
        ("margin btc-usdt-perp isolated now", "one word too many"),
    ],
)
def test_margin_that_cannot_be_set_says_why(text: str, said: str) -> None:
    assert said in hint(text, context())
