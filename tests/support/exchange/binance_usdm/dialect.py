"""Binance USD-M futures: the doors of fapi, its streams, and the user stream behind a listen key."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from tests.support.exchange.bars import Bars
from tests.support.exchange.binance.dialect import Binance
from tests.support.exchange.binance.refusals import Refused
from tests.support.exchange.binance_usdm.private import UsdmPrivate
from tests.support.exchange.binance_usdm.public import UsdmPublic
from tests.support.exchange.binance_usdm.streams import UsdmStreams
from tests.support.exchange.binance_usdm.user import UsdmUserStreams
from tests.support.exchange.dialect import Talk
from tests.support.exchange.floor import Account
from tests.support.exchange.socket import Socket
from workstation.domain.instrument import ContractType, Instrument
from workstation.market.demo.listings import PERP_TIERS

PERP = Instrument(
    venue="LOOP",
    symbol="BTC-USDT-PERP",
    base="BTC",
    quote="USDT",
    tick=Decimal("0.1"),
    lot=Decimal("0.001"),
    contract=ContractType.LINEAR,
    min_quantity=Decimal("0.001"),
    min_notional=Decimal(50),
    maker_fee=Decimal("0.0002"),
    taker_fee=Decimal("0.0005"),
    leverage=Decimal(10),
    tiers=PERP_TIERS,
)


class BinanceUsdm(Binance):
    instruments = (PERP,)
    ordering = frozenset({("POST", "/fapi/v1/order")})
    private: Any
    user: Any

    def _furnish(self, bars: Bars) -> None:
        self.public = UsdmPublic(self.floor, bars)
        self.user = UsdmUserStreams(self)
        self.private = UsdmPrivate(self.floor, self.public, self.user)
        self.streams = UsdmStreams(self.floor, self.public, self.exchange.depth_every)

    def config(self, address: str) -> dict[str, Any]:
        found = super().config(address)
        found["urls"]["api"]["ws"]["linear"] = f"ws://{address}/ws"
        found["options"] = {"fetchMarkets": {"types": ["linear"]}, "fetchCurrencies": False, "fetchMargins": False}
        return found

    def signed_in(self, wire: Any) -> Account:
        if wire.path != "/fapi/v1/listenKey":  # the one that asks for the key alone
            return super().signed_in(wire)
        return self.key_holder(wire.header("X-MBX-APIKEY"))

    def socket(self, path: str) -> Talk | None:
        if path.startswith(("/public/ws", "/market/ws")):
            return self.streams.talk
        if path.startswith("/private/ws"):
            return _deaf
        return None

    def opened(self, socket: Socket) -> None:
        if socket.path.startswith("/private/ws"):
            self.user.opened(socket)


def _deaf(socket: Socket, text: str) -> None:
    """The user stream takes no requests."""
    answer = Refused(-1000, "This stream takes no requests.").body
    socket.send("ws answer", json.dumps({"error": answer}))
