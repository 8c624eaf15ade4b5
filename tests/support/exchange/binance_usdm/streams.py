"""fapi's market streams: depth updates that name the one before, and mark prices."""

from __future__ import annotations

import re
from typing import Any

from tests.support.exchange.binance.streams import Streams
from workstation.domain.market import MarketEvent, MarkPrice

_MARK = re.compile(r"^(?P<symbol>[a-z0-9]+)@markPrice(@1s)?$")


class UsdmStreams(Streams):
    def _known(self, stream: str) -> bool:
        match = _MARK.match(stream)
        return super()._known(stream) if match is None else match["symbol"].upper() in self.public.by_symbol

    def _on_market(self, event: MarketEvent, changed: tuple[dict[int, int], dict[int, int]]) -> None:
        if isinstance(event, MarkPrice):
            self._mark(event)
        else:
            super()._on_market(event, changed)

    def _mark(self, event: MarkPrice) -> None:
        row = self.public.premium_of(self.floor.public[event.instrument])  # type: ignore[attr-defined]
        symbol = row["symbol"]
        message = {
            "e": "markPriceUpdate",
            "E": row["time"],
            "s": symbol,
            "p": row["markPrice"],
            "i": row["indexPrice"],
            "P": row["estimatedSettlePrice"],
            "r": row["lastFundingRate"],
            "T": row["nextFundingTime"],
        }
        for speed in ("", "@1s"):
            self._publish(f"{symbol.lower()}@markPrice{speed}", "markPriceUpdate", message)

    def _also(self, sent: int) -> dict[str, Any]:
        return {"T": self.floor.now_ms(), "pu": sent}
