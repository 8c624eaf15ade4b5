"""A price in a sentence: the one place that writes it, for the engine's words, refusals, notes and the log."""

from __future__ import annotations

from decimal import Decimal

from workstation.domain.instrument import Instrument

#: What is shown of an average price or of another that is no multiple of its tick, in significant digits.
_DIGITS = 10


def price_words(price: Decimal, instrument: Instrument | None) -> str:
    """With the tick's decimals and thousands separators: 64,000.20 for a tick of 0.01. More decimals where the price
    has more (a slip, the middle of two ticks); as many as it has where the instrument is not known."""
    tick_places = 0 if instrument is None else instrument.price_places
    own = -int(price.normalize().as_tuple().exponent) if price.is_finite() else 0
    return f"{price:,.{max(tick_places, own, 0)}f}"


def average_words(price: Decimal, instrument: Instrument | None) -> str:
    """An average price as `price_words`, in ten digits or with the tick's decimals, whichever is more."""
    tick_places = 0 if instrument is None else instrument.price_places
    places = max(0, tick_places, _DIGITS - 1 - price.adjusted())
    return price_words(price.quantize(Decimal(1).scaleb(-places)), instrument)
