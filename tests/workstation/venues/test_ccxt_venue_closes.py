"""An exchange's own closing order is told from what others do."""

from __future__ import annotations

import pytest

from workstation.venues.ccxt.venue_closes import closed_by_venue
from workstation.venues.contract import DELEVERAGED, LIQUIDATED, SETTLED


@pytest.mark.parametrize(
    ("structure", "note"),
    [
        ({"clientOrderId": "autoclose-1700000000000000000"}, LIQUIDATED),
        ({"clientOrderId": "adl_autoclose"}, DELEVERAGED),
        ({"clientOrderId": "settlement_autoclose-1700000000"}, SETTLED),
        ({"clientOrderId": None, "info": {"createType": "CreateByLiq"}}, LIQUIDATED),
        ({"clientOrderId": None, "info": {"createType": "CreateByAdl_PassThrough"}}, DELEVERAGED),
        ({"clientOrderId": "", "info": {"category": "partial_liquidation"}}, LIQUIDATED),
        ({"clientOrderId": "", "info": {"category": "adl"}}, DELEVERAGED),
        ({"clientOrderId": "", "info": {"category": "linear", "createType": "CreateByUser"}}, ""),
        ({"clientOrderId": "web_autoclose", "info": {"category": "normal"}}, ""),
        ({"info": None}, ""),
    ],
)
def test_by_what_each_exchange_calls_it(structure: dict[str, object], note: str) -> None:
    assert closed_by_venue(structure) == note
