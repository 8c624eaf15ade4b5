"""The ticket's pane: fields at the top, what they come to below, the button that sends at the foot."""

from __future__ import annotations

from msgspec.structs import replace
from textual import on

from plugins.ticket import routed
from plugins.ticket.entry import SIDE_WIDTH, TicketEntry
from plugins.ticket.fields import SendButton, TicketLines
from plugins.ticket.form import Money
from plugins.ticket.keys import ACTIONS
from plugins.ticket.report import Line, button, fate, figures, touch, verdicts, wrapped
from screens.figures import refusal_text, sentence
from workstation.clock import SECOND
from workstation.domain.order import OrderDraft, state_word
from workstation.domain.plan import Plan
from workstation.domain.route import Route
from workstation.trading.command_run import started
from workstation.trading.errors import Refused
from workstation.trading.plans.rows import is_head
from workstation.trading.plans.words import exits_text
from workstation.trading.preview import Preview
from workstation.trading.routing.looking import RouteLook
from workstation.trading.sizing import SizeUnit, settlement_rate


class TicketPane(TicketEntry):
    """Order ticket of the desk's selected instrument. Enter sends from every field, Esc clears.

    What the order would cost and what every risk check says of it is worked out anew whenever a field, the market,
    an order or the portfolio has changed, and never otherwise.
    """

    PANE = "ticket"
    TITLE = "Ticket"
    DEFAULT_KEY = "t"
    LEAST = (32, 10)
    PACE = 2
    FROM_ENGINE = True
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
            self.said = (refusal_text(refusal), True)
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
                self.said = (
                    started(await self.engine.start_plan(plan), self.engine.instrument(plan.instrument)),
                    False,
                )
                return
            order = await self.engine.submit(draft)
        except Refused as refusal:
            self.said = (refusal_text(refusal), True)
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
                [touch(prices, instrument, self.ink, self._width - SIDE_WIDTH, old=bool(self.stale_age))]
            )
        draft, preview, problem = self._judged()
        refusals = {problem}
        if isinstance(preview, Preview):
            refusals = {sentence(one.sentence) for one in preview.verdicts}
        elif preview is not None:
            refusals = {sentence(preview.problem)}
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
        refused = isinstance(preview, Preview) and not preview.ok
        foot = button(draft, self.instrument, self.armed, refused, self.ink, self._width)
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
            return None, None, refusal_text(refusal)

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
        terms = None if order is None else self.engine.instrument(order.instrument)
        return fate(self.said, order, terms, told, self.ink, self._width)

    def status(self) -> str:
        order = None if self.sent is None else self.engine.order(self.sent)
        if order is None or self.size.width < 36:
            return ""
        return order.note if is_head(order) else state_word(order.state)
