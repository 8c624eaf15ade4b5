"""The risk pane: a gauge of every limit, the circuit breakers with their time left, the audit; edited in place."""

from __future__ import annotations

import textwrap
from collections.abc import Hashable, Sequence
from decimal import Decimal
from functools import cache
from typing import Any, ClassVar

from rich.style import Style

from plugins.risk.dialog import TypedDialog
from plugins.risk.rows import AuditLine, BreakerLine, Heading, LimitLine, lines_of
from plugins.risk.rows import Line as Row
from screens.actions import Action
from screens.figures import plain_word, refusal_text, sentence, shown
from screens.pane import Desk
from screens.table import COPY_ACTIONS, TABLE_ACTIONS, Column, TablePane
from workstation.clock import SECOND
from workstation.domain.events import TradingState
from workstation.settings_help import describe
from workstation.trading.errors import Refused
from workstation.trading.limits import limit_kind, limit_text, limit_value, limit_words, own_parts
from workstation.trading.limits_book import changed_text
from workstation.trading.risk_use import Use

_GAUGE = 10  # cells
_NEAR = 0.8  # from here on a gauge warns
_SMALL = Decimal("0.0001")
_MEANING = 94  # cells that every limit's meaning fits into; a narrower pane gives it two lines


def _words(field: str, value: Any) -> str:
    """A limit, or what is used of it, in the user's own signs; lists of instruments stay as they are."""
    text = limit_words(field, value)
    return text if isinstance(value, tuple) else shown(text)


def _used_words(field: str, value: Decimal) -> str:
    """What is used of a limit; a share too small for its two decimals is not spelled out."""
    words = _words(field, value)
    return shown("<0.01 %") if words.endswith("%") and 0 < abs(value) < _SMALL else words


def _plainly(field: str, typed: str) -> str:
    """What was typed for a limit in the user's signs, as the limits are read. Raises `Refused`."""
    return typed if limit_kind(field) is tuple else plain_word(typed.strip())


@cache
def _helps() -> dict[str, str]:
    """What each limit means, by its path."""
    return {one.path.removeprefix("risk."): one.help for one in describe() if one.path.startswith("risk.")}


class RiskPane(TablePane[Row]):
    """Breakers, limits and changes in one table. Nothing here sends an order."""

    PANE = "risk"
    TITLE = "Risk"
    DEFAULT_KEY = "r"
    FOLLOWS = False
    PACE = 2
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column("name", "Limit", 33, keep=12),
        Column("used", "Used", 12, right=True, keep=8),
        Column("limit", "Of", 12, right=True, keep=11),
        Column("gauge", "", _GAUGE, keep=6),
        Column("share", "%", 5, right=True, keep=9),
        Column("note", "", 21, keep=10, flex=True),
    )
    ACTIONS = (
        Action("edit", "Change the limit", "Asks for the limit's new value; it is kept and stands in the changes.",
               ("enter", "e"), footer=85, short="Change", group="Risk"),
        Action("reset", "Reset the tripped breaker", "Ends a tripped breaker before its time: type its name.", ("R",),
               footer=80, short="Reset breaker", group="Risk"),
        Action("default", "Back to the config file's value", "Asks, then takes a change of the limit back.", ("D",),
               footer=70, short="Default", group="Risk"),
        *COPY_ACTIONS,
        *(one for one in TABLE_ACTIONS if one.group == "Move"),
    )  # fmt: skip

    def __init__(self, desk: Desk, slot: str) -> None:
        super().__init__(desk, slot)
        self._rows: Sequence[Row] = ()
        self._cursor = 1  # below the first heading

    # -- the table

    def rows(self) -> Sequence[Row]:
        return self._rows

    def row_id(self, row: Row) -> Hashable:
        match row:
            case Heading(text=text):
                return text
            case BreakerLine(name=name, trip=trip):
                return name, trip.subject if trip is not None else ""
            case LimitLine(field=field):
                return field
            case AuditLine(number=number):
                return number

    def whole_row(self, row: Row) -> tuple[str, Style] | None:
        if isinstance(row, Heading):
            return row.text, self.ink.accent
        return (sentence(row.text), self.ink.dim) if isinstance(row, AuditLine) else None

    def cell(self, row: Row, column: str) -> tuple[str, Style]:
        if isinstance(row, BreakerLine):
            return self._breaker_cell(row, column)
        if isinstance(row, LimitLine):
            return self._limit_cell(row, column)
        return "", self.ink.text

    def _breaker_cell(self, row: BreakerLine, column: str) -> tuple[str, Style]:
        ink, trip = self.ink, row.trip
        match column:
            case "name":
                of = f" {trip.subject}" if trip is not None and trip.subject else ""
                return f"{row.name}{of}", ink.text if trip is None else ink.error + Style(bold=True)
            case "note" if trip is None:
                return row.use.where or self._short_help(row.field), ink.dim
            case "note" if trip is not None:
                return f"TRIPPED {row.left} left" if trip.until is not None else "TRIPPED until reset", ink.error
            case _:
                return self._gauge_cell(row.field, row.use, column)

    def _limit_cell(self, row: LimitLine, column: str) -> tuple[str, Style]:
        ink = self.ink
        match column:
            case "name" if (own := own_parts(row.field)) is not None:
                return f"{own[1]} {own[0]}", ink.text
            case "name":
                return row.field.removeprefix("breakers."), ink.text
            case "note" if (own := own_parts(row.field)) is not None:
                return f"changed here: {own[0]}" if row.changed else own[0], ink.own if row.changed else ink.dim
            case "note":
                where = row.use.where if row.use is not None else ""
                return ("changed here", ink.own) if row.changed else (where or self._short_help(row.field), ink.dim)
            case "limit" if row.use is None:
                return _words(row.field, row.value), ink.own if row.changed else ink.text
            case _ if row.use is None:
                return "", ink.text
            case _:
                return self._gauge_cell(row.field, row.use, column)

    def _short_help(self, field: str) -> str:
        """What the limit means where its column has room for it; the line under the table always has."""
        text = _helps().get(field, "").removesuffix(".")
        return (
            text if len(text) <= next((width for column, _, width in self._layout if column.key == "note"), 0) else ""
        )

    @property
    def under(self) -> int:
        return 1 if self.width >= _MEANING else 2

    def _meaning(self) -> str:
        """What the limit under the cursor means."""
        row = self.selected_row
        if isinstance(row, BreakerLine) and row.trip is not None:
            return f"{sentence(row.trip.reason)}."
        return _helps().get(row.field, "") if isinstance(row, BreakerLine | LimitLine) else ""

    def _gauge_cell(self, field: str, use: Use, column: str) -> tuple[str, Style]:
        ink, share = self.ink, float(use.share)
        colour = ink.error if share >= 1 else ink.warning if share >= _NEAR else ink.bid
        match column:
            case "used":
                return _used_words(field, use.used), ink.text
            case "limit":
                return _words(field, use.limit), ink.text
            case "gauge":
                full = min(_GAUGE, round(share * _GAUGE))
                return "━" * full + "─" * (_GAUGE - full), colour if full else ink.faint
            case _:
                return f"{min(share, 9.99):.0%}", colour if share >= _NEAR else ink.dim

    def footer(self) -> Sequence[tuple[str, Style]] | None:
        ink, engine = self.ink, self.engine
        breakers = engine.core.breakers
        parts = [(" ", ink.dim)]
        if engine.trading_state is not TradingState.ACTIVE:
            parts.append((f" {engine.trading_state.upper()} ", ink.badges["paper"]))
            parts.append((f" {engine.state_reason} ", ink.text))
        if breakers.marks is not None:
            parts += [(" Peak ", ink.dim), (shown(f"{breakers.marks.peak:,.2f}"), ink.text)]
            parts += [("  day began with ", ink.dim), (shown(f"{breakers.marks.day_start:,.2f}"), ink.text)]
        if breakers.size_scale != 1:
            parts.append((f"  sizes at {breakers.size_scale:.0%}", ink.warning))
        return parts

    def paint(self, now: int) -> None:
        engine = self.engine
        if self.up_to_date(
            now // SECOND, engine.risk.version, engine.orders_version, engine.portfolio_version, engine.trading_state
        ):
            return
        self._rows = lines_of(engine, now)
        super().paint(now)
        lines = textwrap.wrap(self._meaning(), max(10, self.width - 2), max_lines=self.under, placeholder=" …")
        for n in range(self.under):
            text = lines[n] if n < len(lines) else ""
            self.put_text(self.height - self.under + n, f" {text}", self.ink.dim)

    def status(self) -> str:
        count = len(self.engine.risk.tripped())
        return f"{count} tripped" if count else ""

    # -- keys

    def chosen(self, row: Row) -> None:
        self.action_edit()

    def _field_here(self) -> str:
        row = self.selected_row
        if isinstance(row, LimitLine) and not row.editable:
            raise Refused(f"{row.field} is set in the config file, under risk.groups.")
        if not isinstance(row, LimitLine | BreakerLine):
            raise Refused("There is no limit under the cursor.")
        return row.field

    def action_edit(self) -> None:
        self._ask(self._field_here())

    def _ask(self, field: str, start: str | None = None) -> None:
        """Ask for a limit's new value; with a value to start with, whether it is to be that."""
        book = self.engine.core.limits_book
        value = limit_value(self.engine.risk.limits, field)
        own = own_parts(field)
        meaning = _helps().get(field, "") if own is None else f"Of {own[0]} alone; none is no limit of its own."
        configured = _words(field, limit_value(book.configured, field))
        text = f"{meaning}\nNow {_words(field, value)}; the config file says {configured}."
        listed = limit_kind(field) is tuple

        def judge(typed: str) -> tuple[str, bool]:
            try:
                plain = _plainly(field, typed)
                if plain == limit_text(value):
                    return "Type the new value.", False
                old, new = book.preview(field, plain)
            except Refused as refusal:
                return refusal_text(refusal, typed), False
            return sentence(f"{field}: {old} → {new}."), True

        def done(typed: str | None) -> None:
            if typed is not None:
                self.spawn(self._change(field, _plainly(field, typed)))

        begin, asked = limit_text(value) if start is None else start, start is not None
        begin = begin if listed else shown(begin)
        self.app.push_screen(TypedDialog(field, text, begin, judge, confirm=True, asked=asked), done)

    async def _change(self, field: str, text: str) -> None:
        self.toast(sentence(changed_text(await self.engine.risk.change_limit(field, text, "risk page"))))

    def action_default(self) -> None:
        field = self._field_here()
        book = self.engine.core.limits_book
        book.preview(field, "")  # refused here, it is not asked
        self._ask(field, limit_text(limit_value(book.configured, field)))

    def action_reset(self) -> None:
        row = self.selected_row
        if not isinstance(row, BreakerLine) or row.trip is None:
            raise Refused("No tripped breaker is under the cursor.")
        name, trip = row.name, row.trip
        peak = "\nThe present equity becomes the new peak." if name.startswith("drawdown") else ""
        text = f"{sentence(trip.reason)}.\nType {name} to end this breaker before its time.{peak}"

        def judge(typed: str) -> tuple[str, bool]:
            fine = typed.strip() == name
            return ("Enter resets it." if fine else f"Type {name}."), fine

        def done(typed: str | None) -> None:
            if typed is not None:
                self.spawn(self._reset(name, trip.subject))

        self.app.push_screen(TypedDialog(f"Reset {name}", text, "", judge, confirm=False), done)

    async def _reset(self, name: str, subject: str) -> None:
        await self.engine.risk.reset_breaker(name, subject, "risk page")
        self.toast(f"The breaker {name} was reset.")
