"""The order ticket: filled by keyboard, judged while it is filled, sent, and followed."""

from __future__ import annotations

from decimal import Decimal as D

import pytest
from textual import events
from trading_scene import BTC, ETH, PERP, RiskLimits, scene, snapshot

from plugins.ticket import TicketPane
from plugins.ticket.fields import SendButton
from plugins.ticket.form import Form, Money
from screens.number_field import NumberField
from screens.testing import START
from workstation.clock import SECOND
from workstation.domain.margin import MarginMode, MarginSetting, MarginTold
from workstation.domain.market import BookSnapshot
from workstation.domain.order import OrderDraft, OrderState, OrderType, Side, TimeInForce
from workstation.domain.plan import Distance, Trail
from workstation.trading.commands import Prices
from workstation.trading.errors import Refused
from workstation.trading.sizing import SizeUnit

PRICES = Prices(D("64200.0"), D("64200.1"), D("64200.05"))


def text_of(desk):
    return desk.screen_text()


def pane_of(desk) -> TicketPane:
    return desk.app.workspace.panes["ticket"]


async def type_into(pilot, desk, name, text):
    """Give a field the focus and type over what it holds."""
    field = pane_of(desk).query_one(f"#{name}", NumberField)
    field.focus()
    await pilot.press("end", *["backspace"] * len(field.value), *text)


def orders(desk):
    return desk.engine.orders()


def touch(bid: str) -> BookSnapshot:
    """A book of BTC with this best bid, and the best ask a tick above it."""
    ticks = int(D(bid) / BTC.tick)
    return BookSnapshot(BTC.id, START + SECOND, 2, ((ticks, 100_000),), ((ticks + 1, 100_000),))


async def becomes(desk, pilot, field, text):
    """Let frames be painted, the focus away from the ticket, until the field shows the text."""
    for _ in range(50):
        desk.app.set_focus(None)
        await desk.painted(pilot)
        if field.value == text:
            return
    assert field.value == text


async def test_it_opens_as_a_limit_buy_at_the_best_bid_of_the_desks_size(tmp_path):
    async with scene(tmp_path, TicketPane, traded=False) as (desk, pilot):
        assert "⏎ BUY 0.0200 @ 64,200.0" in text_of(desk)
        await pilot.press("enter")
        await desk.painted(pilot)
        (order,) = orders(desk)
        assert (order.side, order.type, order.quantity, order.price) == (
            Side.BUY,
            OrderType.LIMIT,
            D("0.02"),
            D("64200.0"),
        )
        assert order.state is OrderState.ACCEPTED
        assert "● Accepted: it works at the venue." in text_of(desk)
        assert pane_of(desk).status() == "accepted"


async def test_its_price_follows_the_touch_until_the_trader_is_in_it(tmp_path):
    async with scene(tmp_path, TicketPane, traded=False) as (desk, pilot):
        pane = pane_of(desk)
        price = pane.query_one("#price", NumberField)
        desk.feed(touch("64150.0"))
        await becomes(desk, pilot, price, "64150.0")
        pane.query_one("#amount", NumberField).focus()
        await pilot.pause()
        desk.feed(touch("64100.0"))
        await desk.painted(pilot)
        assert price.value == "64150.0", "an order that one is about to send does not move by itself"


@pytest.mark.parametrize("key", ["o", "tab"])
async def test_a_ticket_that_was_hidden_opens_at_the_touch_of_now(tmp_path, key):
    import trade_page

    async with scene(tmp_path, *trade_page.PANES, size=(80, 24), traded=False) as (desk, pilot):
        await pilot.press("o")
        price = pane_of(desk).query_one("#price", NumberField)
        desk.app.workspace.focus_slot("books")
        await desk.painted(pilot)
        assert not pane_of(desk).has_focus_within
        desk.feed(touch("64100.0"))
        await desk.painted(pilot)
        if key == "o":
            await pilot.press("o")
        else:
            desk.app.workspace.focus_slot("ticket")
            await pilot.pause()
        assert price.value == "64100.0"
        assert pane_of(desk).form.price == "64100.0"
        desk.feed(touch("64050.0"))
        await desk.painted(pilot)
        await pilot.press("tab")
        assert price.value == "64100.0", "from field to field it stays what the trader has seen"


async def test_before_there_is_a_price_no_size_is_offered(tmp_path, monkeypatch):
    async with scene(tmp_path, TicketPane, traded=False) as (desk, pilot):
        pane = pane_of(desk)
        amount = pane.query_one("#amount", NumberField)
        with monkeypatch.context() as before:
            before.setattr(desk.engine, "mark", lambda instrument: None)
            pane._start()
            await desk.painted(pilot)
            assert amount.value == ""
        await becomes(desk, pilot, amount, "0.02")


async def test_tab_goes_from_field_to_field_and_past_those_that_the_order_has_not(tmp_path):
    async with scene(tmp_path, TicketPane, traded=False) as (desk, pilot):
        await pilot.press("o")
        seen = []
        for _ in range(8):
            seen.append(desk.app.focused.id)
            await pilot.press("tab")
        assert seen == ["side", "type", "venue", "amount", "unit", "price", "tif", "post"]
        assert desk.app.focused.id == "reduce"
        await pilot.press("shift+tab")
        assert desk.app.focused.id == "post"


async def test_arrows_change_choices_and_b_and_s_the_side(tmp_path):
    async with scene(tmp_path, TicketPane, traded=False) as (desk, pilot):
        form = pane_of(desk).form
        await pilot.press("o", "right")
        assert form.side is Side.SELL
        assert form.price == "64200.1"  # the touch of its own side
        await pilot.press("b")
        assert (form.side, form.price) == (Side.BUY, "64200.0")
        await pilot.press("s", "tab", "right")
        assert (form.side, form.type) == (Side.SELL, OrderType.MARKET)
        await pilot.press("down", "down")
        assert form.type is OrderType.STOP_LIMIT
        await pilot.press("up")
        assert form.type is OrderType.STOP


async def test_in_a_text_field_letters_and_signs_do_nothing_else(tmp_path):
    async with scene(tmp_path, TicketPane, traded=False) as (desk, pilot):
        form = pane_of(desk).form
        await type_into(pilot, desk, "amount", "0.05")
        await pilot.press("s", "+", "z")
        assert (form.side, form.amount) == (Side.BUY, "0.05")
        assert desk.app.workspace.zoomed is None


async def test_a_typed_size_is_the_size_of_the_whole_desk_and_plus_and_minus_step_it(tmp_path):
    async with scene(tmp_path, TicketPane, traded=False) as (desk, pilot):
        await type_into(pilot, desk, "amount", "0.05")
        assert desk.app.desk.size(BTC.id) == D("0.05")
        await pilot.press("shift+tab", "+")
        larger = desk.app.desk.size(BTC.id)
        assert larger > D("0.05")
        assert pane_of(desk).form.amount == f"{larger.normalize():f}"
        await pilot.press("-", "-")
        assert desk.app.desk.size(BTC.id) < D("0.05")


async def test_up_and_down_step_prices_by_a_tick_and_the_equals_sign_takes_the_touch(tmp_path):
    async with scene(tmp_path, TicketPane, traded=False) as (desk, pilot):
        form = pane_of(desk).form
        pane_of(desk).query_one("#price", NumberField).focus()
        await pilot.press("down", "down", "down", "up")
        assert form.price == "64199.8"
        await pilot.press("tab", "=")
        assert form.price == "64200.0"


async def test_a_market_order_has_no_price_and_tells_the_worst(tmp_path):
    async with scene(tmp_path, TicketPane, traded=False) as (desk, pilot):
        await pilot.press("o", "tab", "right")
        await desk.painted(pilot)
        assert pane_of(desk).query_one("#price", NumberField).disabled
        assert "Worst" in text_of(desk)
        await pilot.press("enter")
        await desk.painted(pilot)
        (order,) = orders(desk)
        assert (order.type, order.state) == (OrderType.MARKET, OrderState.FILLED)
        assert "● Filled 0.02 at 64,200.1." in text_of(desk)
        assert "0.0200 → 0.0400" in text_of(desk)


async def test_a_stop_limit_order_takes_both_prices(tmp_path):
    async with scene(tmp_path, TicketPane, traded=False) as (desk, pilot):
        await pilot.press("o", "tab", "left")
        await type_into(pilot, desk, "price", "64500")
        await type_into(pilot, desk, "stop", "64400")
        await pilot.press("enter")
        await desk.painted(pilot)
        (order,) = orders(desk)
        assert (order.type, order.price, order.stop_price) == (OrderType.STOP_LIMIT, D(64500), D(64400))
        assert order.state is OrderState.ACCEPTED


async def test_time_in_force_and_flags(tmp_path):
    async with scene(tmp_path, TicketPane, traded=False) as (desk, pilot):
        await type_into(pilot, desk, "price", "64000")
        await pilot.press("tab", "left")  # GTD
        await type_into(pilot, desk, "good_for", "45m")
        await pilot.press("tab", "space")
        await pilot.press("enter")
        await desk.painted(pilot)
        (order,) = orders(desk)
        assert (order.tif, order.post_only, order.reduce_only) == (TimeInForce.GTD, True, False)
        assert order.expire_at == order.created_at + 45 * 60 * SECOND
        desk.tick()
        await pilot.press("tab", "space", "enter")
        await desk.painted(pilot)
        assert orders(desk)[-1].reduce_only


async def test_exits_make_a_bracket_of_the_order(tmp_path):
    async with scene(tmp_path, TicketPane, traded=False) as (desk, pilot):
        await type_into(pilot, desk, "price", "64000")
        await type_into(pilot, desk, "exit_stop", "64500")
        await desk.painted(pilot)
        assert "The stop 64,500.0 must be below the entry (64,000.0)." in text_of(desk).replace("\n", " ")
        await pilot.press(*["backspace"] * 5, *"63000")
        await type_into(pilot, desk, "exit_target", "66000")
        await type_into(pilot, desk, "exit_trail", "1%")
        await pilot.press("enter")
        await desk.painted(pilot)
        (plan,) = desk.engine.plans()
        assert (plan.stop, plan.target, plan.entries[0].price) == (D(63000), D(66000), D(64000))
        assert plan.trail == Trail(Distance(D(1), percent=True))


async def test_a_percent_or_dollar_sign_is_a_unit_and_never_lost(tmp_path):
    async with scene(tmp_path, TicketPane, traded=False) as (desk, pilot):
        before = desk.app.desk.size(BTC.id)
        await type_into(pilot, desk, "amount", "2%")
        await desk.painted(pilot)
        assert "⏎ BUY 0.0623 @ 64,200.0" in text_of(desk), "2 % of the equity, not 2 BTC"
        assert desk.app.desk.size(BTC.id) == before, "nor the size of the ladder"
        await type_into(pilot, desk, "amount", "1000$")
        await desk.painted(pilot)
        assert "⏎ BUY 0.0155 @ 64,200.0" in text_of(desk)
        await type_into(pilot, desk, "exit_stop", "1%")
        await type_into(pilot, desk, "exit_target", "2%")
        await pilot.press("enter")
        await desk.painted(pilot)
        (plan,) = desk.engine.plans()
        assert (plan.stop, plan.target) == (D(63558), D(65484))


@pytest.mark.parametrize(
    ("unit", "amount", "stop", "quantity"),
    [
        (1, "1000", "", "0.0155"),  # 1,000 USDT at 64,200.0
        (2, "2", "", "0.0623"),  # 2 % of 200,000
        (3, "0.1", "63000", "0.1506"),  # 200 lost over 1,200 and both fees
    ],
)
async def test_a_size_is_given_by_value_equity_or_risk(tmp_path, unit, amount, stop, quantity):
    async with scene(tmp_path, TicketPane, traded=False) as (desk, pilot):
        pane_of(desk).query_one("#unit").focus()
        await pilot.press(*["right"] * unit)
        await type_into(pilot, desk, "amount", amount)
        if stop:
            await type_into(pilot, desk, "stop", stop)
        await desk.painted(pilot)
        assert f"⏎ BUY {quantity} @ 64,200.0" in text_of(desk)
        await pilot.press("enter")
        await desk.painted(pilot)
        (order,) = orders(desk)
        assert (order.quantity, order.type, order.stop_price) == (D(quantity), OrderType.LIMIT, None)


async def test_every_risk_check_is_told_before_the_order_is_sent(tmp_path):
    async with scene(tmp_path, TicketPane, traded=False) as (desk, pilot):
        shown = text_of(desk)
        for verdict in desk.engine.preview(pane_of(desk)._draft()).verdicts:
            assert f"✓ {verdict.check}" in shown
        await type_into(pilot, desk, "amount", "30")
        await desk.painted(pilot)
        shown = " ".join(text_of(desk).split())  # sentences are wrapped
        assert "✗ The order's value 1,926,000.00 is above your limit of 100,000.00 an order." in shown
        assert "✗ The order costs 1,927,926.00 USDT with its fee; 100,000.00 are free at NOVA." in shown
        assert "✓ tick" in shown
        assert not orders(desk)
        button = pane_of(desk).query_one(SendButton)
        assert button.lines[0][0][1] == pane_of(desk).ink.dim + pane_of(desk).ink.on_bar, "what is refused is no green"
        await pilot.press("enter")
        await desk.painted(pilot)
        assert orders(desk)[0].state is OrderState.DENIED
        assert "✗ Not sent." in text_of(desk)


async def test_a_fee_of_the_list_is_marked_where_the_venue_has_not_told_what_the_account_pays(tmp_path):
    async with scene(tmp_path, TicketPane, traded=False) as (desk, pilot):

        def fee() -> str:
            (line,) = (line for line in text_of(desk).splitlines() if " Fee " in line)
            return line

        assert " list " not in fee()
        desk.engine.venues[BTC.venue].own_fees = frozenset()
        await type_into(pilot, desk, "amount", "0.02")
        await desk.painted(pilot)
        assert " list " in fee()
        desk.engine.venues[BTC.venue].own_fees = frozenset({BTC.id})
        await type_into(pilot, desk, "amount", "0.03")
        await desk.painted(pilot)
        assert " list " not in fee()


async def test_a_liquidation_price_that_the_venue_must_tell_first_is_not_made_up(tmp_path):
    async with scene(tmp_path, TicketPane, traded=False) as (desk, pilot):
        desk.app.desk.select(PERP.id)
        book = desk.engine.core.portfolio.margin
        book.keepers.add(PERP.venue)
        await type_into(pilot, desk, "amount", "9")
        await desk.painted(pilot)
        assert "Liq.   not known, margin at 1×" in text_of(desk)
        assert "The leverage there is not known" in " ".join(text_of(desk).split())
        book.told[PERP.id] = MarginTold(leverage=D(50), mode=MarginMode.ISOLATED)
        book.settings[PERP.id] = MarginSetting(D(50), MarginMode.ISOLATED)
        await type_into(pilot, desk, "amount", "8")
        await desk.painted(pilot)
        assert "Liq.   ≈" in text_of(desk)
        assert "50× iso." in text_of(desk)
        assert "not known" not in text_of(desk)


async def test_an_incomplete_ticket_says_what_is_missing_and_sends_nothing(tmp_path):
    async with scene(tmp_path, TicketPane, traded=False) as (desk, pilot):
        await type_into(pilot, desk, "amount", "")
        await pilot.press("enter")
        await desk.painted(pilot)
        assert "✗ Type a quantity." in text_of(desk)
        assert not orders(desk)


async def test_what_the_venue_refuses_stands_in_the_ticket(tmp_path):
    async with scene(tmp_path, TicketPane, traded=False) as (desk, pilot):
        await type_into(pilot, desk, "price", "64300")
        pane_of(desk).query_one("#post").focus()
        await pilot.press("space", "enter")
        await desk.painted(pilot)
        assert orders(desk)[0].state is OrderState.REJECTED
        assert "✗ Rejected by the venue:" in text_of(desk)


async def test_a_disarmed_desk_sends_nothing_and_says_so(tmp_path):
    async with scene(tmp_path, TicketPane, traded=False) as (desk, pilot):
        await pilot.press("ctrl+l", "o", "tab", "tab", "enter")
        await desk.painted(pilot)
        assert not orders(desk)
        assert "DISARMED: Enter sends nothing" in text_of(desk)
        assert any("DISARMED" in toast for toast in desk.toasts())


async def test_escape_clears_and_keeps_the_side(tmp_path):
    async with scene(tmp_path, TicketPane, traded=False) as (desk, pilot):
        await pilot.press("o", "s", "enter")
        await type_into(pilot, desk, "price", "65000")
        await pilot.press("escape")
        await desk.painted(pilot)
        form = pane_of(desk).form
        assert (form.side, form.price) == (Side.SELL, "64200.1")
        assert "Accepted" not in text_of(desk)


async def test_a_draft_from_elsewhere_fills_it_and_is_not_sent(tmp_path):
    async with scene(tmp_path, TicketPane, traded=False) as (desk, pilot):
        draft = OrderDraft(
            instrument=PERP.id, side=Side.SELL, quantity=D("0.3"), type=OrderType.STOP_LIMIT, price=D(63000),
            stop_price=D(63100), tif=TimeInForce.GTD, expire_at=desk.clock.now() + 90 * SECOND, reduce_only=True,
        )  # fmt: skip
        desk.app.desk.offer_draft(draft)
        await desk.painted(pilot)
        assert pane_of(desk)._draft() == draft
        assert pane_of(desk).subtitle() == PERP.id
        assert not orders(desk)


async def test_it_follows_the_desks_instrument(tmp_path):
    async with scene(tmp_path, TicketPane, traded=False) as (desk, pilot):
        desk.app.desk.select(ETH.id)
        await desk.painted(pilot)
        size = f"{desk.app.desk.size(ETH.id):.3f}"
        assert f"⏎ BUY {size} @ 3,210.00" in text_of(desk)


async def test_the_mouse_sets_every_choice_and_switch(tmp_path):
    async with scene(tmp_path, TicketPane, traded=False) as (desk, pilot):
        form = pane_of(desk).form
        for name in ("post", "reduce"):
            for on in (True, False, True):
                await pilot.click(f"#{name}", offset=(1, 0))
                assert getattr(form, f"{name}_only") is on
        await pilot.click("#tif", offset=(1, 0))
        assert form.tif is TimeInForce.IOC
        await pilot.click("#side", offset=(7, 0))
        assert form.side is Side.SELL


async def test_a_click_on_the_button_sends(tmp_path):
    async with scene(tmp_path, TicketPane, traded=False) as (desk, pilot):
        await pilot.click("#button")
        await desk.painted(pilot)
        assert len(orders(desk)) == 1


async def test_nothing_is_reckoned_while_nothing_changes(tmp_path, monkeypatch):
    async with scene(tmp_path, TicketPane, traded=False) as (desk, _pilot):
        asked = []
        preview = desk.engine.preview
        monkeypatch.setattr(desk.engine, "preview", lambda draft: asked.append(draft) or preview(draft))
        for _ in range(5):
            desk.app.frame()
        assert not asked
        desk.tick()
        desk.app.frame()
        assert len(asked) == 1


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        (Form(amount="", price="64200"), "Type a quantity."),
        (Form(amount="1.2.3", price="64200"), "1.2.3 is not a number."),
        (Form(amount="0.00001", price="64200"), "The quantity 0.00001 is not a multiple of the lot 0.0001."),
        (Form(amount="1", price=""), "Type a price."),
        (Form(amount="1", type=OrderType.STOP), "Type a stop price."),
        (
            Form(amount="1", type=OrderType.STOP, stop="65000", unit=SizeUnit.RISK),
            "Risk to the stop sizes a limit or a market order: choose units, value or equity.",
        ),
        (
            Form(amount="1", type=OrderType.MARKET, tif=TimeInForce.GTD, good_for="soon"),
            "How long is the order good? Type 30m, 1h30m or 45s.",
        ),
    ],
)
def test_a_form_that_is_no_order_says_why(form, sentence):
    with pytest.raises(Refused) as error:
        form.draft(BTC, PRICES, Money(), 0)
    assert str(error.value) == sentence


SIZES = [(160, 48), (80, 24)]


@pytest.mark.parametrize("size", SIZES, ids=["160x48", "80x24"])
def test_picture_of_the_ticket(snap_compare, tmp_path, size):
    assert snapshot(snap_compare, tmp_path, TicketPane, size=size, press=("o",))


@pytest.mark.parametrize("size", SIZES, ids=["160x48", "80x24"])
def test_picture_of_a_refused_stop_limit_on_the_trade_page(snap_compare, tmp_path, size):
    import trade_page

    keys = ("o", "s", "tab", "left", "tab", "tab", *"50", "tab", "tab", "tab", *"64000", "enter")
    limits = RiskLimits(max_position_value=D(50_000))
    assert snapshot(snap_compare, tmp_path, *trade_page.PANES, size=size, press=keys, limits=limits)


async def test_what_is_typed_and_sent_in_one_burst_of_keys_is_what_the_order_says(tmp_path):
    async with scene(tmp_path, TicketPane, traded=False) as (desk, pilot):
        pane_of(desk).screen.set_focus(pane_of(desk).query_one("#amount", NumberField))
        await desk.painted(pilot)
        for key in ("end", "backspace", "5", "tab", "tab", "end", "backspace", "7", "enter"):
            desk.app.post_message(events.Key(key, key if len(key) == 1 else None))
        await desk.painted(pilot)
        assert [(order.quantity, order.price) for order in orders(desk)] == [(D("0.05"), D("64200.7"))]


async def test_a_number_typed_on_the_side_that_o_put_the_focus_on_is_the_size(tmp_path):
    async with scene(tmp_path, TicketPane, traded=False) as (desk, pilot):
        pane = pane_of(desk)
        await pilot.press("o", "s", *"0.05")
        assert (pane.form.side, pane.form.amount) == (Side.SELL, "0.05")
        assert desk.app.focused.id == "amount"
        await pilot.press("shift+tab", "shift+tab", "shift+tab", *".5")
        assert pane.form.amount == ".5", "it replaces what stood there"
        desk.app.set_focus(None)
        await pilot.pause()
        pane.query_one("#side").focus()
        await pilot.pause()
        await pilot.press("1")
        assert pane.form.amount == ".5", "who only passes by with the focus turns pages"
        assert desk.app.focused.id == "side"
