"""The store's tables as SQLModel classes. Importing this costs half a second: only `Store.open` and export do so.

Times are UTC ns; money is exact decimal TEXT. `migrations.py` makes the tables; a test proves that both agree.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import Column, Dialect, ForeignKey, Index, Integer, Text, UniqueConstraint
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, SQLModel

from workstation.store.codec import exact_text


class ExactDecimal(TypeDecorator[Decimal]):
    """A decimal kept as text, digit for digit: SQLite would make a REAL of a NUMERIC and lose digits."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:
        return None if value is None else exact_text(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value)


def _decimal() -> Any:
    return Field(sa_column=Column(ExactDecimal, nullable=False))


def _maybe_decimal() -> Any:
    return Field(default=None, sa_column=Column(ExactDecimal, nullable=True))


def _text() -> Any:
    return Field(sa_type=Text)


class Meta(SQLModel, table=True):
    """One row: what this file is. The schema's number is `PRAGMA user_version`."""

    id: int = Field(primary_key=True)
    mode: str = _text()
    desk_id: str = _text()
    created_at: int


class JournalEntry(SQLModel, table=True):
    """Every order, account and trading-state event in the one order in which they happened. Append-only."""

    __tablename__ = "journal"
    __table_args__ = (
        Index("journal_client_id", "client_id", sqlite_where=Column("client_id").isnot(None)),
        {"sqlite_autoincrement": True, "sqlite_strict": True},
    )
    seq: int | None = Field(default=None, primary_key=True)
    ts: int
    kind: str = _text()
    client_id: str | None = Field(default=None, sa_type=Text)
    payload: str = _text()


class FillRow(SQLModel, table=True):
    """The fills of the journal's `filled` events; `seq` is the event's. Append-only."""

    __tablename__ = "fills"
    __table_args__ = (UniqueConstraint("venue", "trade_id"), {"sqlite_strict": True})
    seq: int = Field(sa_column=Column(Integer, ForeignKey("journal.seq"), primary_key=True))
    venue: str = _text()
    trade_id: str = _text()
    client_id: str = _text()
    instrument: str = _text()
    side: str = _text()
    quantity: Decimal = _decimal()
    price: Decimal = _decimal()
    fee: Decimal = _decimal()
    fee_currency: str = _text()
    liquidity: str = _text()
    ts: int
    number: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    fee_value: Decimal | None = _maybe_decimal()


class OrderRow(SQLModel, table=True):
    """Orders as they stand: a projection for queries, written together with the event that changed them."""

    __tablename__ = "orders"
    __table_args__ = ({"sqlite_strict": True},)
    client_id: str = Field(primary_key=True, sa_type=Text)
    venue_order_id: str | None = Field(default=None, sa_type=Text)
    instrument: str = _text()
    side: str = _text()
    type: str = _text()
    tif: str = _text()
    state: str = _text()
    quantity: Decimal = _decimal()
    price: Decimal | None = _maybe_decimal()
    stop_price: Decimal | None = _maybe_decimal()
    filled: Decimal = _decimal()
    filled_value: Decimal = _decimal()
    fees: Decimal = _decimal()
    post_only: int
    reduce_only: int
    expire_at: int | None = None
    origin: str = _text()
    note: str = _text()
    reason: str = _text()
    created_at: int
    updated_at: int
    display: Decimal | None = _maybe_decimal()
    trail: Decimal | None = _maybe_decimal()
    trail_bps: Decimal | None = _maybe_decimal()
    activation_price: Decimal | None = _maybe_decimal()


class EquityRow(SQLModel, table=True):
    """Equity of an account at a moment."""

    __tablename__ = "equity"
    __table_args__ = (Index("equity_account_ts", "account", "ts"), {"sqlite_strict": True})
    id: int | None = Field(default=None, primary_key=True)
    ts: int
    account: str = _text()
    currency: str = _text()
    equity: Decimal = _decimal()
    realized: Decimal = _decimal()
    unrealized: Decimal = _decimal()
    fees: Decimal = _decimal()


class ReceiptRow(SQLModel, table=True):
    """What a kill found and did, as JSON. Append-only."""

    __tablename__ = "kill_receipts"
    __table_args__ = ({"sqlite_autoincrement": True, "sqlite_strict": True},)
    id: int | None = Field(default=None, primary_key=True)
    ts: int
    body: str = _text()


class LogRow(SQLModel, table=True):
    __tablename__ = "log"
    __table_args__ = ({"sqlite_strict": True},)
    id: int | None = Field(default=None, primary_key=True)
    ts: int
    level: str = _text()
    source: str = _text()
    message: str = _text()


class SettingRow(SQLModel, table=True):
    """What the desk remembers (layouts, pane settings) as JSON by key."""

    __tablename__ = "settings"
    __table_args__ = ({"sqlite_strict": True},)
    key: str = Field(primary_key=True, sa_type=Text)
    value: str = _text()
    updated_at: int


class InstrumentRow(SQLModel, table=True):
    """Instruments that were traded or shown, their terms as JSON: positions can be folded without a venue."""

    __tablename__ = "instruments"
    __table_args__ = ({"sqlite_strict": True},)
    id: str = Field(primary_key=True, sa_type=Text)
    terms: str = _text()
    updated_at: int


class BacktestRow(SQLModel, table=True):
    """A backtest: what decided it (`setup` as JSON, the candles' fingerprint, the code's version, the seed), a digest
    of every number of the result, and its figures as JSON. The same run again is the same row."""

    __tablename__ = "backtests"
    __table_args__ = (Index("backtests_ts", "ts"), {"sqlite_strict": True})
    id: str = Field(primary_key=True, sa_type=Text)
    ts: int
    strategy: str = _text()
    candles: str = _text()
    setup: str = _text()
    seed: int
    fingerprint: str = _text()
    code: str = _text()
    digest: str = _text()
    figures: str = _text()
