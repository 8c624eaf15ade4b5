"""The ticket's fields: what is typed and chosen in them, and the keys that change it."""

from __future__ import annotations

from collections.abc import Hashable
from decimal import Decimal

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input

from plugins.ticket.fields import Choice, Label, SendButton, SideChoice, Switch, TicketLines
from plugins.ticket.form import Form
from screens.figures import field_text, number_in
from screens.number_field import NUMBER, NumberField
from screens.pane import Desk, Pane
from screens.sight import Sight
from workstation.domain.instrument import Instrument
from workstation.domain.numbers import is_multiple
from workstation.domain.order import ClientOrderId, OrderDraft, OrderType, Side, TimeInForce
from workstation.trading.command_run import prices_of
from workstation.trading.commands import Prices
from workstation.trading.errors import Refused
from workstation.trading.sizing import SizeUnit

SIDES = (Side.BUY, Side.SELL)
TYPES = (OrderType.LIMIT, OrderType.MARKET, OrderType.STOP, OrderType.STOP_LIMIT)
UNITS = (SizeUnit.UNITS, SizeUnit.VALUE, SizeUnit.EQUITY, SizeUnit.RISK)
TIFS = (TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK, TimeInForce.GTD)

_NUMBER_KEYS = "0123456789.,"
_LINES_FOR_VENUES = 14  # below that the choice of venues gives way to the report; its key works all the same
_WIDEST, SIDE_WIDTH = 72, 12  # cells of a line and of the sides' choice, as in the style sheet below


class TicketEntry(Pane):
    """Fills the fields from the market and the form from the fields."""

    def __init__(self, desk: Desk, slot: str) -> None:
        super().__init__(desk, slot)
        self._size_before: Decimal | None = None  # that ladder and chart had before one was typed here
        self.form = Form(unit=SizeUnit(self.settings.get("unit", SizeUnit.UNITS)))
        self.sent: ClientOrderId | None = None  # the order whose fate stands at the foot
        self.said: tuple[str, bool] | None = None  # a sentence that stands there instead; whether it is an error
        self.sight = Sight()
        self._price_typed = False  # else the price is ours to fill in
        self._filling = False  # whoever called for the ticket, or chose a side, types a size next and no page's number
        self._shown: Hashable = None

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield SideChoice(("BUY", "SELL"), id="side")
            yield TicketLines(id="touch")
        yield Choice(("limit", "market", "stop", "stop-limit"), id="type")
        with Horizontal(id="venues"):
            yield Label("Venue")
            yield Choice(("", "best of"), id="venue")
        with Horizontal():
            yield Label("Size")
            yield NumberField(id="amount", restrict=NUMBER + "[%$]?", placeholder="quantity")
            yield Choice(("units", "value", "% eq", "% risk"), compact=True, id="unit")
        with Horizontal():
            yield Label("Price")
            yield NumberField(id="price", placeholder="limit price")
        with Horizontal():
            yield Label("Stop")
            yield NumberField(id="stop", placeholder="stop price")
        with Horizontal():
            yield Label("TIF")
            yield Choice([tif.value for tif in TIFS], compact=True, id="tif")
            yield NumberField(id="good_for", restrict=r"[\dsmhd]{0,8}", placeholder="30m")
            yield Switch("post", id="post")
            yield Label("", id="gap")
            yield Switch("reduce", id="reduce")
        with Horizontal():
            yield Label("Exits")
            yield NumberField(id="exit_stop", restrict=NUMBER + "%?", placeholder="stop")
            yield NumberField(id="exit_target", restrict=NUMBER + "%?", placeholder="target")
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
        self.screen.set_focus(self._field("amount"))  # at once: what is typed next is the size
        return True

    def called(self) -> None:
        self._filling = True
        self.on_show()

    def on_show(self) -> None:
        """Hidden until now it has not followed the market: a price of then is none."""
        if self.is_mounted:
            self._fill_price()

    def on_descendant_blur(self) -> None:
        if not self.has_focus_within:
            self._filling = False

    def field_for(self, event: events.Key) -> NumberField | None:
        """A number that is typed on the choice of sides is the size."""
        on_side = self._filling and self.app.focused is self._choice("side")
        return self._field("amount") if on_side and event.character and event.character in _NUMBER_KEYS else None

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
        elif name == "amount" and event.value.endswith(("%", "$")):
            self._unit_typed(event.value)
        elif name == "amount" and self.form.unit is SizeUnit.UNITS:
            self._share_size(event.value)
        self.said = None
        self.repaint()

    @on(Input.Blurred)
    def _left(self) -> None:
        self._size_before = None

    def _unit_typed(self, text: str) -> None:
        """2% is a part of the equity (or at risk, where that is the unit), 100$ a value: as on the command line."""
        form = self.form
        if self._size_before is not None and self.instrument_id is not None:
            self.desk.set_size(self.instrument_id, self._size_before)  # the 2 was no size
        if text.endswith("$"):
            form.unit = SizeUnit.VALUE
        elif form.unit is not SizeUnit.RISK:
            form.unit = SizeUnit.EQUITY
        form.amount = text[:-1]
        self._field("amount").put(form.amount)
        self._choice("unit").choose(UNITS.index(form.unit), tell=False)
        self._enable()

    def _share_size(self, text: str) -> None:
        """A size typed here is the size of ladder and chart too."""
        quantity, instrument = number_in(text), self.instrument
        if instrument is not None and quantity and is_multiple(quantity, instrument.lot):
            self._size_before = self._size_before or self.desk.size(instrument.id)
            self.desk.set_size(instrument.id, quantity)

    @on(Choice.Changed)
    def _chosen(self, event: Choice.Changed) -> None:
        event.stop()
        form, index = self.form, event.choice.index
        match event.choice.id:
            case "side":
                form.side = SIDES[index]
                self._filling = self.has_focus_within
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
