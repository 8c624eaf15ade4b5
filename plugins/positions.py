"""Open positions with their live profit, and what there is of every currency."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from decimal import Decimal
from typing import ClassVar

import msgspec
from rich.style import Style

from screens.actions import Action
from screens.figures import (
    figure_within,
    money_text,
    name_text,
    places_of,
    plain_text,
    price_text,
    price_within,
    sentence,
    settlement_places,
    shown,
)
from screens.pane import Desk
from screens.sight import age_words
from screens.table import COPY_ACTIONS, TABLE_ACTIONS, Column, TablePane
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.margin import MarginMode
from workstation.domain.numbers import ZERO, divide, multiply
from workstation.domain.order import Order, OrderState
from workstation.trading.command_run import outcome
from workstation.trading.errors import Refused
from workstation.trading.exits import held_words
from workstation.trading.margin import InstrumentMargin
from workstation.trading.portfolio import Equity


class Holding(msgspec.Struct, frozen=True):
    """An open position at its mark. Money in the instrument's settlement currency; None without a mark."""

    instrument: InstrumentId
    quantity: Decimal
    average: Decimal | None
    mark: Decimal | None
    value: Decimal | None
    unrealized: Decimal | None
    share: Decimal | None  # of the cost, in percent
    realized: Decimal
    fees: Decimal
    currency: str
    liquidation: Decimal | None = None
    margined: str = ""  # leverage and margin mode
    known: bool = True  # whether the venue has told them
    reckoned: bool = False  # the liquidation price is the desk's reckoning, not the venue's word
    distance: Decimal | None = None  # to the liquidation price, in percent of the mark
    funding: Decimal = ZERO  # received less paid
    old: str = ""  # the age of the mark where it is stale


class Balance(msgspec.Struct, frozen=True):
    """What a venue holds of a currency, what of it nothing binds, and its worth in the account currency."""

    venue: str
    currency: str
    total: Decimal
    free: Decimal | None
    worth: Decimal | None


type Row = Holding | Balance

_far = Decimal("Infinity")  # what cannot be liquidated sorts last
#: Closer to liquidation than this many percent of the mark is shown as a warning.
_NEAR = Decimal(10)

_LIQUIDATION = 10  # cells
_POSITIONS = (
    Column("instrument", "Instrument", 13, keep=12, flex=True, sort=lambda row: row.instrument),
    Column("quantity", "Qty", 8, right=True, keep=11, sort=lambda row: row.quantity),
    Column("average", "Average", 10, right=True, keep=8, sort=lambda row: row.average or ZERO),
    Column("mark", "Mark", 10, right=True, keep=7, sort=lambda row: row.mark or ZERO),
    Column("value", "Value", 11, right=True, keep=4, sort=lambda row: row.value or ZERO),
    Column("unrealized", "Unreal.", 10, right=True, keep=10, sort=lambda row: row.unrealized or ZERO),
    Column("share", "%", 7, right=True, keep=6, sort=lambda row: row.share or ZERO),
    Column("liquidation", "Liq.", _LIQUIDATION, right=True, keep=9, sort=lambda row: row.liquidation or ZERO),
    Column(
        "distance", "Dist.%", 6, right=True, keep=8, sort=lambda row: _far if row.distance is None else row.distance
    ),
    Column("margin", "Margin", 10, right=True, keep=4),
    Column("realized", "Realised", 10, right=True, keep=5, sort=lambda row: row.realized),
    Column("fees", "Fees", 8, right=True, keep=3, sort=lambda row: row.fees),
    Column("funding", "Funding", 9, right=True, keep=3, sort=lambda row: row.funding),
    Column("currency", "In", 5, keep=2),
)
_BALANCES = (
    Column("venue", "Venue", 6, keep=9, flex=True, sort=lambda row: row.venue),
    Column("currency", "In", 5, keep=12, sort=lambda row: row.currency),
    Column("total", "Total", 14, right=True, keep=11, sort=lambda row: row.total),
    Column("free", "Free", 14, right=True, keep=10, sort=lambda row: row.free or ZERO),
    Column("worth", "Worth", 12, right=True, keep=8, sort=lambda row: row.worth or ZERO),
)
#: What is worked out at the mark, and grey where that is stale.
_FIGURES = ("quantity", "value", "unrealized", "realized", "fees", "funding")
_AT_MARK = ("mark", "value", "unrealized", "share", "distance")
_REFUSED = (OrderState.DENIED, OrderState.REJECTED, OrderState.UNKNOWN)


def margin_text(margin: InstrumentMargin) -> str:
    """How a derivative is margined, in ten cells."""
    if not margin.known:
        return "not known"
    return f"{'iso.' if margin.mode is MarginMode.ISOLATED else 'cross'} {plain_text(margin.leverage)}×"


class PositionsPane(TablePane[Row]):
    """Open positions; `v` shows the balances in their place. The last line is the whole desk's money."""

    PANE = "positions"
    FROM_ENGINE = True
    TITLE = "Positions"
    DEFAULT_KEY = "s"
    LEAST = (40, 5)
    FOLLOWS = False
    EMPTY = "No open positions. v shows the balances."
    COLUMNS: ClassVar[tuple[Column, ...]] = _POSITIONS
    ACTIONS = (
        Action("close", "Close the position", "Cancels the instrument's orders and closes the position at market.",
               ("C",), trades=True, footer=85, short="Close", group="Trade"),
        Action("reverse", "Reverse the position",
               "Cancels the instrument's orders and trades twice the position: long becomes short.", ("R",),
               trades=True, footer=80, short="Reverse", group="Trade"),
        Action("break_even", "Stop to break-even",
               "Puts a reduce-only stop where closing pays the entry and both fees.", ("E",), trades=True, footer=78,
               short="Break-even", group="Trade"),
        Action("choose", "Select its instrument", "Selects the position's instrument on the desk.", ("enter",),
               footer=72, short="Select", group="View"),
        Action("balances", "Positions / balances", "Shows what there is of every currency, or the positions.", ("v",),
               footer=70, short="Balances", group="View"),
        *COPY_ACTIONS,
        *TABLE_ACTIONS,
    )  # fmt: skip

    def __init__(self, desk: Desk, slot: str) -> None:
        super().__init__(desk, slot)
        self._equity: Equity | None = None
        self._equity_old = ""  # the age of the oldest stale price in it
        self._rows: Sequence[Row] = ()
        if self.settings.get("balances", False):
            self.COLUMNS = _BALANCES  # type: ignore[misc]  # each of the two views has its own columns

    @property
    def shows_balances(self) -> bool:
        return self.COLUMNS is _BALANCES

    # -- the table

    def rows(self) -> Sequence[Row]:
        return self._rows

    def _holdings(self) -> list[Row]:
        found: list[Row] = []
        for position in self.engine.positions():
            instrument = self.engine.instrument(position.instrument)
            mark = self.engine.mark(instrument.id)
            unrealized = None if mark is None else position.unrealized(instrument, mark)
            share = None
            if unrealized is not None and position.cost:
                share = divide(multiply(unrealized, Decimal(100)), abs(position.cost), Decimal("0.01"))
            margin = self.engine.margin(instrument.id)
            away = margin.distance
            found.append(
                Holding(
                    instrument=instrument.id,
                    quantity=position.quantity,
                    average=position.average_price(instrument),
                    mark=mark,
                    value=None if mark is None else instrument.notional(position.quantity, mark),
                    unrealized=unrealized,
                    share=share,
                    realized=position.realized,
                    fees=position.fees,
                    currency=instrument.settlement,
                    liquidation=margin.liquidation,
                    margined="" if instrument.is_spot else margin_text(margin),
                    known=margin.known,
                    reckoned=margin.reckoned,
                    distance=None if away is None else multiply(away, Decimal(100)),
                    funding=margin.funding,
                    old=self._old(instrument.id),
                )
            )
        return found

    def _old(self, instrument: InstrumentId) -> str:
        age = self.engine.mark_stale_for(instrument)
        return "" if age is None else age_words(age)

    def stale(self) -> str | None:
        """The age of the oldest stale price among the positions."""
        ages = [self.engine.mark_stale_for(position.instrument) for position in self.engine.positions()]
        return age_words(max(age for age in ages if age is not None)) if any(ages) else None

    def _balances(self) -> list[Row]:
        engine = self.engine
        found: list[Row] = []
        for name in engine.venues:
            instruments = [one for one in engine.instruments() if one.venue == name]
            for currency in dict.fromkeys([c for one in instruments for c in (one.quote, one.base)]):
                total = engine.balance(name, currency)
                if total:
                    found.append(self._balance(name, currency, total, instruments))
        return found

    def _balance(self, venue: str, currency: str, total: Decimal, instruments: Sequence[Instrument]) -> Balance:
        engine = self.engine
        spot = next((one for one in instruments if one.is_spot and one.base == currency), None)
        free = engine.free_funds(venue, currency) if spot is None else engine.free_base(spot.id)
        rate = Decimal(1) if currency == engine.currency else None if spot is None else engine.mark(spot.id)
        return Balance(venue, currency, total, free, None if rate is None else multiply(total, rate))

    def row_id(self, row: Row) -> Hashable:
        return row.instrument if isinstance(row, Holding) else (row.venue, row.currency)

    def cell(self, row: Row, column: str) -> tuple[str, Style]:
        ink = self.ink
        if isinstance(row, Balance):
            match column:
                case "venue":
                    return row.venue, ink.text
                case "currency":
                    return row.currency, ink.strong
                case "total":
                    return _amount(row.total, row.currency), ink.signed(row.total) if row.total < 0 else ink.text
                case "free":
                    return ("–" if row.free is None else _amount(row.free, row.currency)), ink.text
                case _:
                    return money_text(row.worth), ink.dim
        text, style = self._holding_cell(row, column)
        return text, ink.dim if row.old and column in _AT_MARK else style

    def _holding_cell(self, row: Holding, column: str) -> tuple[str, Style]:
        ink, instrument = self.ink, self.engine.instrument(row.instrument)
        decimals = settlement_places(instrument)
        match column:
            case "instrument":
                width = next((width for column, _, width in self._layout if column.key == "instrument"), 99)
                return name_text(instrument, width), ink.strong if row.instrument == self.desk.selected else ink.text
            case "quantity":
                return shown(f"{row.quantity:+,.{instrument.quantity_places}f}"), ink.signed(row.quantity)
            case "average":
                return price_text(row.average, instrument), ink.text
            case "mark":
                return price_text(row.mark, instrument), ink.text
            case "value":
                return money_text(row.value, decimals=decimals), ink.text
            case "unrealized":
                return money_text(row.unrealized, True, decimals), ink.signed(row.unrealized)
            case "share":
                return money_text(row.share, True), ink.signed(row.share)
            case "liquidation" if row.liquidation is None and not row.known and row.quantity:
                return "not known", ink.warning
            case "liquidation":
                about = "≈" if row.reckoned else ""
                return about + price_within(row.liquidation, instrument, _LIQUIDATION - len(about)), ink.text
            case "margin":
                return row.margined, ink.text if row.known else ink.warning
            case "distance":
                near = row.distance is not None and row.distance < _NEAR
                if row.distance is None and not row.known and row.quantity:
                    return "?", ink.warning
                text = "–" if row.distance is None else ">999" if row.distance > 999 else shown(f"{row.distance:,.1f}")
                return text, ink.warning if near else ink.dim
            case "funding":
                return money_text(row.funding, True, decimals), ink.signed(row.funding)
            case "realized":
                return money_text(row.realized, True, decimals), ink.signed(row.realized)
            case "fees":
                return money_text(row.fees, decimals=decimals), ink.dim
            case _:
                return row.currency, ink.dim

    def shown(self, row: Row, column: str, width: int) -> tuple[str, Style]:
        text, style = self.cell(row, column)
        return (figure_within(text, width) if column in _FIGURES else text), style

    def empty(self) -> str:
        if unread := self.engine.unread():
            return f"What is open at {unread[0]} has not been read yet."
        return self.EMPTY if self.engine.ready else "Opening: what there is is not known yet …"

    def footer(self) -> Sequence[tuple[str, Style]] | None:
        ink, equity = self.ink, self._equity
        if equity is None:
            return [("", ink.dim)]
        if unread := self.engine.unread():
            return [(f" What the account of {unread[0]} holds has not been read yet.", ink.warning)]
        old = self._equity_old
        about, places = "~" if old else "", places_of(self.engine.currency)
        figures = [
            ("Equity", about + money_text(equity.total, decimals=places), ink.warning if old else ink.strong),
            (
                "unreal.",
                about + money_text(equity.unrealized, True, places),
                ink.warning if old else ink.signed(equity.unrealized),
            ),
            ("realised", money_text(equity.realized, True, places), ink.signed(equity.realized)),
            ("fees", money_text(equity.fees, decimals=places), ink.text),
        ]
        parts: list[tuple[str, Style]] = []
        used = 0
        for label, text, style in figures:
            length = len(label) + len(text) + 3
            if used + length > self.width:
                break
            used += length
            parts += [(f" {label} ", ink.dim), (f"{text} ", style)]
        if old and used + len(old) + 12 <= self.width:
            parts.append((f" prices {old} old", ink.warning))
        if equity.unpriced:
            parts.append((f" no price of {', '.join(equity.unpriced)}", ink.warning))
        elif equity.left_out:
            parts.append((f" without {', '.join(equity.left_out)}, not traded here", ink.dim))
        return parts

    def paint(self, now: int) -> None:
        engine = self.engine
        marks = tuple((engine.mark(one.instrument), self._old(one.instrument)) for one in engine.positions())
        extra: Hashable = None
        if self.shows_balances:
            extra = (engine.orders_version, now // 500_000_000)  # what is free and its worth move with the market
        elif any(currency != engine.currency for _, currency, _ in engine.balances()):
            extra = now // 500_000_000  # equity moves with the price of a coin that is held without a position too
        age = engine.equity_stale_for()
        old = "" if age is None else age_words(age)
        if self.up_to_date(
            engine.portfolio_version, marks, extra, self.shows_balances, self.desk.selected, old, *engine.unread()
        ):
            return
        self._equity_old = old
        self._rows = self._balances() if self.shows_balances else self._holdings()
        self._equity = engine.equity_detail() if engine.ready else None
        super().paint(now)

    def status(self) -> str:
        if self.shows_balances:
            return "balances"
        count = len(self.engine.positions())
        return f"{count} open" if count else ""

    # -- keys

    def _instrument_here(self) -> InstrumentId:
        row = self.selected_row
        if not isinstance(row, Holding):
            raise Refused("There is no position under the cursor.")
        return row.instrument

    def _say(self, what: str, order: Order) -> None:
        self.toast(
            f"{what} {order.instrument}: {sentence(outcome(order, self.engine.instrument(order.instrument)))}",
            error=order.state in _REFUSED,
        )

    async def action_close(self) -> None:
        self._say("Close", await self.engine.close_position(self._instrument_here()))

    async def action_reverse(self) -> None:
        self._say("Reverse", await self.engine.reverse(self._instrument_here()))

    async def action_break_even(self) -> None:
        instrument = self._instrument_here()
        stop = await self.engine.break_even(instrument)
        if isinstance(stop, Order):
            self._say("Break-even stop of", stop)
        else:
            self.toast(f"Break-even stop of {instrument}: {held_words(stop, self.engine.instrument(instrument))}")

    def action_choose(self) -> None:
        if isinstance(row := self.selected_row, Holding):
            self.select_instrument(row.instrument)

    def chosen(self, row: Row) -> None:
        self.action_choose()

    def action_balances(self) -> None:
        self.COLUMNS = _POSITIONS if self.shows_balances else _BALANCES  # type: ignore[misc]
        self.settings["balances"] = self.shows_balances
        self.save_settings()
        self.resized()
        self.invalidate()


def _amount(value: Decimal, currency: str) -> str:
    """A balance: two decimals of what is worth about a dollar, eight of everything else."""
    return shown(f"{value:,.{2 if currency in ('USDT', 'USDC', 'USD', 'EUR') else 8}f}")
