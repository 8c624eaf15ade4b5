"""Names of instruments in columns that are too narrow for them."""

from __future__ import annotations

import msgspec
import pytest

from screens.figures import name_text
from screens.testing import BTC, PERP


@pytest.mark.parametrize(
    ("instrument", "venue", "width", "text"),
    [
        (BTC, "NOVA", 13, "NOVA:BTC-USDT"),
        (PERP, "NOVA", 13, "NOVA:BTC-PERP"),
        (BTC, "BINANCE", 16, "BINANCE:BTC-USDT"),
        (BTC, "BINANCE", 14, "BINA…:BTC-USDT"),
        (BTC, "BINANCE", 13, "BIN…:BTC-USDT"),
        (PERP, "BINANCE-USDM", 14, "BINA…:BTC-PERP"),
        (BTC, "BINANCE", 5, "BIN…:BTC-USDT"),  # the column cuts the rest
    ],
)
def test_what_is_traded_stays_whole_and_a_long_venue_is_shortened(instrument, venue, width, text):
    named = msgspec.structs.replace(instrument, venue=venue)
    assert name_text(named, width) == text
