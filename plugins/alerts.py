"""Alerts that wait and alerts that have fired: set, changed, snoozed and deleted here or by typing."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import ClassVar

from rich.style import Style

from screens import figures
from screens.actions import Action
from screens.figures import local_time, plain_text, refusal_text
from screens.name_dialog import NameDialog
from screens.pane import Desk
from screens.table import COPY_ACTIONS, TABLE_ACTIONS, Column, TablePane
from workstation.clock import SECOND, coarse_span, span
from workstation.trading.alerts import Alert, AlertKind, sentence, spell
from workstation.trading.command_line import parse
from workstation.trading.command_run import context_of
from workstation.trading.commands import SetAlert
from workstation.trading.errors import Refused

_SNOOZE = 600 * SECOND


class AlertsPane(TablePane[Alert]):
    """One line an alert, those that wait first."""

    PANE = "alerts"
    TITLE = "Alerts"
    DEFAULT_KEY = "e"
    FOLLOWS = False
    PACE = 4
    LEAST = (40, 4)
    EMPTY = "No alerts. n sets one, or type :alert BTC-USDT > 65000."
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column("what", "Tells when", 30, keep=12, flex=True, sort=sentence),
        Column("state", "State", 16, keep=11, sort=lambda row: (row.done, row.snoozed_until)),
        Column("often", "Often", 6, keep=7, sort=lambda row: row.repeat),
        Column("fired", "Fired", 5, right=True, keep=6, sort=lambda row: row.fired),
        Column("ends", "Ends in", 8, right=True, keep=5, sort=lambda row: row.expires or 0),
    )
    ACTIONS = (
        Action("new", "New alert", "Asks for an alert as it is typed: BTC-USDT > 65000, spread > 5, pnl < -500, fill.",
               ("n",), footer=85, short="New", group="Alerts"),
        Action("edit", "Change the alert", "Asks for the alert's terms again.", ("enter", "e"), footer=80,
               short="Change", group="Alerts"),
        Action("snooze", "Snooze the alert", "Quiet for ten minutes; then it waits again. :snooze 1h for longer.",
               ("s",), footer=75, short="Snooze", group="Alerts"),
        Action("delete", "Delete the alert", "Takes the alert away.", ("d", "delete"), footer=70, short="Delete",
               group="Alerts"),
        Action("repeat", "Once / every time", "Lets the alert fire once, or at every crossing.", ("r",), footer=65,
               short="Repeat", group="Alerts"),
        *COPY_ACTIONS,
        *TABLE_ACTIONS,
    )  # fmt: skip

    def __init__(self, desk: Desk, slot: str) -> None:
        super().__init__(desk, slot)
        self._now = self.engine.clock.now()

    # -- the table

    def rows(self) -> Sequence[Alert]:
        return self.engine.alerts.alerts()

    def row_id(self, row: Alert) -> Hashable:
        return row.alert_id

    def cell(self, row: Alert, column: str) -> tuple[str, Style]:
        ink = self.ink
        match column:
            case "what":
                return sentence(row).removeprefix("the "), ink.dim if row.done else ink.text
            case "state":
                if row.done:
                    return f"fired {local_time(row.fired_at)}", ink.own
                if row.snoozed_until > self._now:
                    return f"quiet for {span(row.snoozed_until - self._now)}", ink.warning
                if row.kind is AlertKind.REBALANCE:
                    return self._due(row), ink.warning if row.side else ink.bid
                if self.engine.alerts.blind.why(row):
                    return "BLIND: no price", ink.warning
                return "waits", ink.bid
            case "often":
                return "every" if row.repeat else "once", ink.dim
            case "fired":
                return str(row.fired) if row.fired else "", ink.text
            case _:
                left = None if row.expires is None or row.done else row.expires - self._now
                return "" if left is None else span(max(0, left)), ink.dim

    def _due(self, row: Alert) -> str:
        due = self.engine.alerts.due(row)
        if due is None:
            return "after a first one"
        left = due - self._now
        return f"due in {coarse_span(left)}" if left > 0 else "due"

    def paint(self, now: int) -> None:
        if self.up_to_date(now // SECOND, self.engine.alerts.version):
            return
        self._now = now
        super().paint(now)

    def status(self) -> str:
        waiting = sum(not one.done for one in self.engine.alerts.alerts())
        return f"{waiting} waiting" if waiting else ""

    # -- keys

    def _here(self) -> Alert:
        row = self.selected_row
        if row is None:
            raise Refused("There is no alert under the cursor.")
        return row

    def _read(self, text: str) -> Alert:
        """What was typed, with or without the word alert. Raises `Refused`."""
        engine = self.engine
        words = text if text.lower().startswith("alert") else f"alert {text}"
        command = parse(
            words,
            context_of(
                engine,
                self.desk.selected,
                currency=engine.currency,
                account_name=engine.account_name,
                zone=figures.zone(),
                numbers=figures.style(),
            ),
        )
        assert isinstance(command, SetAlert)
        return command.alert

    def _ask(self, title: str, text: str, instead_of: Alert | None) -> None:
        def done(typed: str | None) -> None:
            if not typed:
                return
            try:
                alert = self.engine.alerts.add(self._read(typed))
            except Refused as refusal:
                self.toast(refusal_text(refusal), error=True)
                return
            if instead_of is not None:
                self.engine.alerts.delete(instead_of.alert_id)
            self.toast(f"Alert set: {sentence(alert)}.")
            self.repaint()

        self.app.push_screen(NameDialog(title, text, "BTC-USDT > 65000", most=120), done)

    def action_new(self) -> None:
        self._ask("New alert", "", None)

    def action_edit(self) -> None:
        alert = self._here()
        if alert.kind is AlertKind.REBALANCE:
            raise Refused("The Calendar of the Portfolio page changes it; d deletes it here.")
        text = spell(alert, self.engine.clock.now(), plain_text).removeprefix("alert ")
        self._ask("Change the alert", text, alert)

    def chosen(self, row: Alert) -> None:
        self.action_edit()

    def action_snooze(self) -> None:
        alert = self._here()
        self.engine.alerts.snooze(_SNOOZE, alert.alert_id)
        self.toast(f"Quiet for {span(_SNOOZE)}: {sentence(alert)}.")

    def action_delete(self) -> None:
        alert = self._here()
        self.engine.alerts.delete(alert.alert_id)
        self.toast(f"Deleted: {sentence(alert)}.")

    def action_repeat(self) -> None:
        self.engine.alerts.turn_repeat(self._here().alert_id)
