"""Prices, quantities, money and times as panes show them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from workstation.clock import SECOND
from workstation.domain.instrument import Instrument
from workstation.domain.numbers import places


def price_text(price: Decimal | None, instrument: Instrument) -> str:
    """With the tick's decimals and thousands separators: 64,200.50; – for none."""
    return "–" if price is None else f"{price:,.{places(instrument.tick)}f}"


def quantity_text(quantity: Decimal | None, instrument: Instrument) -> str:
    """With the lot's decimals: 0.0500; – for none."""
    return "–" if quantity is None else f"{quantity:,.{places(instrument.lot)}f}"


def money_text(value: Decimal | None, sign: bool = False, decimals: int = 2) -> str:
    """Money with fixed decimals, with a sign if asked (none for what rounds to zero); – for none."""
    if value is None:
        return "–"
    shown = f"{value:{'+' if sign else ''},.{decimals}f}"
    return shown if shown.strip("+-0.,") else f"{0:.{decimals}f}"


def small_money_text(value: Decimal | None) -> str:
    """Money by itself: two decimals, and below one unit as many as show three digits (0.00128)."""
    if value is None or value == 0 or abs(value) >= 1:
        return money_text(value)
    return money_text(value, decimals=min(8, max(2, 2 - value.adjusted())))


def settlement_places(instrument: Instrument) -> int:
    """Decimals of money in the instrument's settlement currency: two, or eight where it settles in the coin."""
    return 8 if instrument.is_inverse else 2


def name_text(instrument: Instrument, width: int) -> str:
    """VENUE:SYMBOL; where that does not fit, a derivative's without its quote currency: NOVA:BTC-PERP."""
    if len(instrument.id) <= width or instrument.is_spot:
        return instrument.id
    return instrument.id.replace(f"-{instrument.quote}", "")


def local_time(ts: int, milliseconds: bool = False) -> str:
    """UTC ns as the time of day in the user's zone: 14:03:05 or 14:03:05.120."""
    moment = datetime.fromtimestamp(ts // SECOND).astimezone()
    text = f"{moment:%H:%M:%S}"
    return f"{text}.{ts % SECOND // 1_000_000:03d}" if milliseconds else text
