"""The ticket's pane: fields at the top, what they come to below, the button that sends at the foot."""

from __future__ import annotations

from collections.abc import Hashable

from msgspec.structs import replace
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input, Static

from plugins.ticket import routed
from plugins.ticket.fields import Choice, SendButton, SideChoice, Switch, TicketLines
from plugins.ticket.form import Form, Money
from plugins.ticket.keys import ACTIONS
from plugins.ticket.report import Line, button, fate, figures, touch, verdicts, wrapped
from screens.figures import field_text, number_in
from screens.number_field import NumberField
from screens.pane import Desk, Pane
from screens.sight import Sight
from workstation.clock import SECOND
from workstation.domain.instrument import Instrument
from workstation.domain.numbers import is_multiple
from workstation.domain.order import ClientOrderId, OrderDraft, OrderType, Side, TimeInForce
from workstation.domain.plan import Plan
from workstation.domain.route import Route
from workstation.trading.command_run import prices_of, started
from workstation.trading.commands import Prices
from workstation.trading.errors import Refused
from workstation.trading.plans.rows import is_head
from workstation.trading.plans.words import exits_text
from workstation.trading.preview import Preview
from workstation.trading.routing.looking import RouteLook
from workstation.trading.sizing import SizeUnit, settlement_rate

SIDES = (Side.BUY, Side.SELL)
TYPES = (OrderType.LIMIT, OrderType.MARKET, OrderType.STOP, OrderType.STOP_LIMIT)
UNITS = (SizeUnit.UNITS, SizeUnit.VALUE, SizeUnit.EQUITY, SizeUnit.RISK)
TIFS = (TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK, TimeInForce.GTD)

_LINES_FOR_VENUES = 14  # below that the choice of venues gives way to the report; its key works all the same
_WIDEST, _SIDE = 72, 12  # cells of a line and of the sides' choice, as in the style sheet below


class TicketPane(Pane):
    """Order ticket of the desk's selected instrument. Enter sends from every field, Esc clears.

    What the order would cost and what every risk check says of it is worked out anew whenever a field, the market,
    an order or the portfolio has changed, and never otherwise.
    """

    PANE = "ticket"
    TITLE = "Ticket"
    DEFAULT_KEY = "t"
    LEAST = (32, 10)
    PACE = 2
    can_focus = False
    ACTIONS = ACTIONS
    DEFAULT_CSS = """
    TicketPane { layout: vertical; }
    TicketPane Horizontal { height: 1; width: 1fr; }
    TicketPane > * { max-width: 72; }
    TicketPane Static { width: 8; height: 1; color: $dim; padding: 0 0 0 1; }
    TicketPane #side { width: 12; }
    TicketPane #touch { width: 1fr; }
    TicketPane #unit { width: 9; }
    TicketPane #tif { width: 5; }
    TicketPane #good_for { width: 1fr; margin: 0 0 0 1; }
    TicketPane #exit_target, TicketPane #exit_trail { margin: 0 0 0 1; }
    TicketPane #post { width: 5; }
    TicketPane #reduce { width: 8; }
    """

    def __init__(self, desk: Desk, slot: str) -> None:
        super().__init__(desk, slot)
        self.form = Form(unit=SizeUnit(self.settings.get("unit", SizeUnit.UNITS)))
        self.sent: ClientOrderId | None = None  # the order whose fate stands at the foot
        self.said: tuple[str, bool] | None = None  # a sentence that stands there instead; whether it is an error
        self.sight = Sight()
        self._price_typed = False  # else the price is ours to fill in
        self._shown: Hashable = None

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield SideChoice(("BUY", "SELL"), id="side")
            yield TicketLines(id="touch")
        yield Choice(("limit", "market", "stop", "stop-limit"), id="type")
        with Horizontal(id="venues"):
            yield Static("Venue")
            yield Choice(("", "best of"), id="venue")
        with Horizontal():
            yield Static("Size")
            yield NumberField(id="amount", placeholder="quantity")
            yield Choice(("units", "value", "% eq", "% risk"), compact=True, id="unit")
        with Horizontal():
            yield Static("Price")
            yield NumberField(id="price", placeholder="limit price")
        with Horizontal():
            yield Static("Stop")
            yield NumberField(id="stop", placeholder="stop price")
        with Horizontal():
            yield Static("TIF")
            yield Choice([tif.value for tif in TIFS], compact=True, id="tif")
            yield NumberField(id="good_for", restrict=r"[\dsmhd]{0,8}", placeholder="30m")
            yield Switch("post", id="post")
            yield Static("", id="gap")
            yield Switch("reduce", id="reduce")
        with Horizontal():
            yield Static("Exits")
            yield NumberField(id="exit_stop", placeholder="stop")
            yield NumberField(id="exit_target", placeholder="target")
            yield NumberField(id="exit_trail", restrict=r"[\d.,]*%?", placeholder="trail")
        yield TicketLines(id="report")
        yield TicketLines(id="outcome")
        yield SendButton(id="button")

    def on_mount(self) -> None:
        self.query_one("#gap").styles.width = 1
        self.query_one("#post").styles.width = 5
        self._start()

    # -- filling the fields

    def _start(self) -> None:
        """The fields as they are at first: side, type, unit and time in force stay, the rest is the market's."""
        form = self.form
        form.price = form.stop = form.exit_stop = form.exit_target = form.exit_trail = ""
        form.post_only = form.reduce_only = form.best_of = False
        form.amount = self._preset() if form.unit is SizeUnit.UNITS else ""
        self._price_typed = False
        self._write()
        self._fill_price()

    def _preset(self) -> str:
        """The desk's size; none before there is a price, without which no size is a sensible one."""
        if self.instrument_id is None or self.engine.mark(self.instrument_id) is None:
            return ""
        return field_text(self.desk.size(self.instrument_id))

    def _follow_market(self) -> None:
        """Until the trader is in the ticket its price is the touch; a size that waits for a price comes with it."""
        form, touched = self.form, self.has_focus_within
        if form.has_price and not self._price_typed and not (form.price and touched):
            self._fill_price()
        if form.unit is SizeUnit.UNITS and not form.amount and not touched and (preset := self._preset()):
            form.amount = preset
            self._field("amount").put(preset)

    def _write(self) -> None:
        """Show the form in the fields."""
        form = self.form
        for name, text in (
            ("amount", form.amount), ("price", form.price), ("stop", form.stop), ("good_for", form.good_for),
            ("exit_stop", form.exit_stop), ("exit_target", form.exit_target), ("exit_trail", form.exit_trail),
        ):  # fmt: skip
            self._field(name).put(text)
        self._choice("side").choose(SIDES.index(form.side), tell=False)
        self._choice("type").choose(TYPES.index(form.type), tell=False)
        self._choice("unit").choose(UNITS.index(form.unit), tell=False)
        self._choice("tif").choose(TIFS.index(form.tif), tell=False)
        self._choice("post").choose(int(form.post_only), tell=False)
        self._choice("reduce").choose(int(form.reduce_only), tell=False)
        self._enable()

    def _write_venues(self) -> None:
        """The choice stands there where another venue lists the asset, and there is a line for it."""
        choice = self._choice("venue")
        if (instrument := self.instrument) is not None:
            choice.options = (instrument.venue, "best of")
        choice.choose(int(self.form.best_of), tell=False)
        few = self.size.height < _LINES_FOR_VENUES and not self.form.best_of
        self.query_one("#venues").display = len(self._venues()) > 1 and not few

    def _venues(self) -> list[Instrument]:
        """What the venues list of the instrument's asset."""
        return [] if self.instrument_id is None else self.engine.same_asset(self.instrument_id)

    def _enable(self) -> None:
        """Only fields that the order has can be reached."""
        form = self.form
        for name, used, placeholder in (
            ("price", form.has_price, "limit price"),
            ("stop", form.has_stop, "stop price"),
            ("good_for", form.tif is TimeInForce.GTD, "30m"),
        ):
            field = self._field(name)
            field.disabled = not used
            field.placeholder = placeholder if used else "–"
            if name != "good_for":
                field.put(getattr(form, name) if used else "")
            else:
                field.put(form.good_for if used else "")
        self._choice("post").disabled = not form.has_price

    @property
    def _width(self) -> int:
        """Cells of a line; a wide pane is not filled, or label and figure would stand far apart."""
        return min(self.size.width, _WIDEST)

    def _field(self, name: str) -> NumberField:
        return self.query_one(f"#{name}", NumberField)

    def _choice(self, name: str) -> Choice:
        return self.query_one(f"#{name}", Choice)

    def _prices(self) -> Prices:
        instrument = self.instrument
        return Prices() if instrument is None else prices_of(self.engine, instrument)

    def _fill_price(self) -> None:
        """The best price of the order's own side, unless the trader typed one."""
        instrument, prices = self.instrument, self._prices()
        touch = prices.bid if self.form.side is Side.BUY else prices.ask
        if instrument is None or touch is None or self._price_typed or not self.form.has_price:
            return
        if (price := field_text(touch, instrument.price_places)) != self.form.price:
            self.form.price = price
            self._field("price").put(price)

    def take_draft(self, draft: OrderDraft) -> bool:
        self.form.take(draft, self.engine.instrument(draft.instrument).price_places, self.engine.clock.now())
        self._price_typed = draft.price is not None
        self.sent, self.said = None, None
        self._write()
        self._fill_price()
        self._field("amount").focus()
        return True

    def instrument_changed(self) -> None:
        self.sight.lost()
        self.sent, self.said = None, None
        if self.is_mounted:
            self._start()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        name = event.input.id or ""
        setattr(self.form, name, event.value)
        if name == "price":
            self._price_typed = True
        elif name == "amount" and self.form.unit is SizeUnit.UNITS:
            self._share_size(event.value)
        self.said = None
        self.repaint()

    def _share_size(self, text: str) -> None:
        """A size typed here is the size of ladder and chart too."""
        quantity, instrument = number_in(text), self.instrument
        if instrument is not None and quantity and is_multiple(quantity, instrument.lot):
            self.desk.set_size(instrument.id, quantity)

    @on(Choice.Changed)
    def _chosen(self, event: Choice.Changed) -> None:
        event.stop()
        form, index = self.form, event.choice.index
        match event.choice.id:
            case "side":
                form.side = SIDES[index]
            case "type":
                form.type = TYPES[index]
                if not form.has_price and form.post_only:
                    form.post_only = False
                    self._choice("post").choose(0, tell=False)
            case "unit":
                form.unit = UNITS[index]
                form.amount = self._preset() if form.unit is SizeUnit.UNITS else ""
                self._field("amount").put(form.amount)
                self.settings["unit"] = form.unit.value
                self.save_settings()
            case "tif":
                form.tif = TIFS[index]
            case "post":
                form.post_only = bool(index)
            case "reduce":
                form.reduce_only = bool(index)
            case "venue":
                form.best_of = bool(index)
        self.said = None
        self._enable()
        self._fill_price()
        self.repaint()

    # -- the pane's actions

    def action_buy(self) -> None:
        self._choice("side").choose(0)

    def action_sell(self) -> None:
        self._choice("side").choose(1)

    def action_best_of(self) -> None:
        if len(self._venues()) < 2:
            raise Refused("No other venue of this desk lists this asset.")
        self.form.best_of, self.said = not self.form.best_of, None
        self._write_venues()
        self.repaint()

    def action_size_up(self) -> None:
        self._step_size(1)

    def action_size_down(self) -> None:
        self._step_size(-1)

    def _step_size(self, by: int) -> None:
        if self.instrument_id is None:
            return
        size = self.desk.step_size(self.instrument_id, by)
        self.form.unit, self.form.amount = SizeUnit.UNITS, field_text(size)
        self._write()

    def action_step_up(self) -> None:
        self._step(1)

    def action_step_down(self) -> None:
        self._step(-1)

    def _step(self, by: int) -> None:
        focused = self.app.focused
        if isinstance(focused, Choice):
            focused.action_step(-by)
        elif isinstance(focused, NumberField) and focused.id == "amount":
            self._step_size(by)
        elif isinstance(focused, NumberField) and focused.id in ("price", "stop", "exit_stop", "exit_target"):
            self._step_price(focused, by)

    def _step_price(self, field: NumberField, by: int) -> None:
        instrument = self.instrument
        start = number_in(field.value) or self._prices().to_take(self.form.side)
        if instrument is None or start is None:
            return
        ticks = int(start / instrument.tick) + (by if field.value else 0)
        value = instrument.price(max(1, ticks))
        field.value = field_text(value, instrument.price_places)

    def action_touch(self) -> None:
        self._price_typed = False
        self._fill_price()

    def action_clear(self) -> None:
        self.sent, self.said = None, None
        self.form.tif, self.form.good_for = TimeInForce.GTC, "30m"
        if self.form.unit is not SizeUnit.UNITS:
            self.form.unit = SizeUnit.UNITS
        self._start()

    @on(SendButton.Pressed)
    def _pressed(self, event: SendButton.Pressed) -> None:
        event.stop()
        if self.armed:
            self.spawn(self.action_send())
        else:
            self.toast("DISARMED: nothing was sent. Arm the desk first.", error=True)

    async def action_send(self) -> None:
        try:
            draft = self._seen(self._draft())
        except Refused as refusal:
            self.said = (str(refusal), True)
            return
        self.sent, self.said = None, ("Sending …", False)
        self.repaint()
        try:
            if self.form.best_of:
                self._plan(draft)  # refuses exits
                sent = await self.engine.route_order(draft)
                self.said, self.sent = None, sent.route_id if isinstance(sent, Route) else sent.client_id
                return
            if (plan := self._plan(draft)) is not None:
                self.said = (started(await self.engine.start_plan(plan)), False)
                return
            order = await self.engine.submit(draft)
        except Refused as refusal:
            self.said = (str(refusal), True)
            return
        self.said, self.sent = None, order.client_id

    def _seen(self, draft: OrderDraft) -> OrderDraft:
        """The order with the age of the prices that stand in the ticket. Raises `Refused` where they are too old."""
        instrument, engine = self.engine.instrument(draft.instrument), self.engine
        self.sight.must_be_new(engine, instrument)  # exits go the way of plans, which carry no age
        return replace(draft, seen_at=self.sight.seen_at(engine.clock.now(), instrument, engine.book(instrument.id)))

    def _draft(self) -> OrderDraft:
        instrument = self.instrument
        if instrument is None:
            raise Refused("Select an instrument first.")
        rate = settlement_rate(instrument, self.engine.instruments(), self.engine.currency, self.engine.mark)
        return self.form.draft(instrument, self._prices(), Money(self.engine.equity(), rate), self.engine.clock.now())

    def _plan(self, draft: OrderDraft) -> Plan | None:
        """The order with its exits, else with the default ones, if it has any. Raises `Refused`."""
        typed = self.form.plan(draft, self.engine.instrument(draft.instrument), self._prices())
        return typed or (None if self.form.best_of else self.desk.plan_of(draft))

    # -- painting

    def theme_changed(self) -> None:
        self._shown = None

    def paint(self, now: int) -> None:
        if not self.is_mounted:
            return
        engine, form, book = self.engine, self.form, self.book
        self._follow_market()
        report = self.query_one("#report", TicketLines)
        key = (
            form.key(), self.instrument_id, None if book is None else book.version, engine.orders_version,
            engine.portfolio_version, engine.trading_state, engine.ready, self.armed, self.sent, self.said,
            now // SECOND, report.size, self.size, bool(self.stale_age), self._default_exits(),
        )  # fmt: skip
        if book is not None and self.instrument_id is not None:
            self.sight.painted(now, self.instrument_id, book)
        if key == self._shown:
            return
        self._shown = key
        self._write_venues()
        if (instrument := self.instrument) is not None:
            prices = self._prices()
            self.query_one("#touch", TicketLines).show(
                [touch(prices, instrument, self.ink, self._width - _SIDE, old=bool(self.stale_age))]
            )
        draft, preview, problem = self._judged()
        refusals = {problem}
        if isinstance(preview, Preview):
            refusals = {one.sentence for one in preview.verdicts}
        elif preview is not None:
            refusals = {preview.problem}
        outcome_lines = self._outcome(refusals)
        below = self.query_one("#outcome", TicketLines)
        below.styles.height = len(outcome_lines)
        rows = 8 + self.query_one("#venues").display
        room = max(1, self.size.height - rows - len(outcome_lines))
        if isinstance(preview, RouteLook):
            lines = self._routed(preview)
        elif draft is None or preview is None:
            lines = wrapped(problem, "✗ ", self.ink.warning, self._width)
        else:
            lines = self._report(draft, preview, self._width, room)
        report.show(lines[:room])
        below.show(outcome_lines)
        foot = button(draft, self.instrument, self.armed, self.ink, self._width)
        if isinstance(preview, RouteLook):
            foot = routed.button(preview, self.armed, self.ink, self._width)
        self.query_one("#button", SendButton).show([foot])

    def _default_exits(self) -> str:
        return "" if self.instrument_id is None else self.desk.default_exits(self.instrument_id).words

    def _judged(self) -> tuple[OrderDraft | None, Preview | RouteLook | None, str]:
        """The order and its preview, or a sentence that says why there is none."""
        if not self.engine.ready:
            return None, None, "Opening: positions and money are not known yet, and no order can be sent …"
        try:
            draft = self._draft()
            self._plan(draft)
            return draft, self.engine.preview_route(draft) if self.form.best_of else self.engine.preview(draft), ""
        except Refused as refusal:
            return None, None, str(refusal)

    def _routed(self, look: RouteLook) -> list[Line]:
        lines = routed.report(look, self.ink, self._width)
        if (plan := self.desk.plan_of(look.draft)) is not None:
            without = f"Without the default exits ({exits_text(plan)}): over several venues there are none."
            lines += wrapped(without, "· ", self.ink.warning, self._width)
        return lines

    def _report(self, draft: OrderDraft, preview: Preview, width: int, room: int) -> list[Line]:
        instrument = self.engine.instrument(draft.instrument)
        lines = figures(draft, preview, self.engine.position(instrument.id), instrument, self.ink, width)
        if self.form.unit is SizeUnit.RISK:
            lines += wrapped("The stop sizes the order and protects it.", "· ", self.ink.dim, width)
        elif not self.form.has_exits and (plan := self.desk.plan_of(draft)) is not None:
            lines += wrapped(f"By default with {exits_text(plan)}.", "· ", self.ink.text, width)
        return lines + verdicts(preview.verdicts, self.ink, width, max(1, room - len(lines)))

    def _outcome(self, told: set[str]) -> list[Line]:
        """What became of the order that was sent; a refusal that is `told` above is not told twice."""
        order = None if self.sent is None else self.engine.order(self.sent)
        if self.said is None and order is not None and (route := self.engine.route(order.client_id)) is not None:
            return routed.fate(route, order.filled, self.ink, self._width)
        return fate(self.said, order, told, self.ink, self._width)

    def status(self) -> str:
        order = None if self.sent is None else self.engine.order(self.sent)
        if order is None or self.size.width < 36:
            return ""
        return order.note if is_head(order) else order.state.replace("_", " ")
