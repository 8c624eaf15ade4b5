"""The class of real venues under the conformance suite, on the loopback exchange, in each dialect that it speaks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal

import msgspec
import pytest
from venue_conformance import ConformanceBench, VenueConformance
from venue_desk import VenueDesk
from venue_market import PERP, SPOT, HandMarket

from tests.support.exchange import Login, LoopbackExchange
from tests.support.exchange.floor import VENUE
from tests.support.real_venue import instruments_of, on_margin, stands, until, venue_on
from workstation.clock import LiveClock
from workstation.domain.instrument import Instrument
from workstation.domain.order import Side
from workstation.market.demo.listings import PERP_TIERS

pytestmark = pytest.mark.slow

#: Bybit's list of contracts names no fees; these are the ones that ccxt takes for granted.
_BYBIT_PERP = msgspec.structs.replace(
    PERP,
    symbol="BTC-USDT-PERP",
    tiers=PERP_TIERS,
    maker_fee=Decimal("0.0001"),
    taker_fee=Decimal("0.0006"),
)
_SPOT = msgspec.structs.replace(SPOT, maker_fee=Decimal("0.001"))
_USDM_PERP = msgspec.structs.replace(_BYBIT_PERP, taker_fee=Decimal("0.0005"), maker_fee=Decimal("0.0002"))
LISTED = {"binance": [_SPOT], "bybit": [_SPOT, _BYBIT_PERP], "binanceusdm": [_USDM_PERP]}


class _RealVenueConformance(VenueConformance):
    dialect: str
    on_margin = False

    @pytest.fixture
    def exchange(self) -> Iterator[LoopbackExchange]:
        login = Login(balances={"USDT": Decimal(100_000)}, lends=self.on_margin)
        listed = [each for each in LISTED[self.dialect] if each.is_spot or not self.on_margin]
        with LoopbackExchange(
            self.dialect, instruments=listed, logins=[login], seed=None, depth_every=0.02
        ) as exchange:
            yield exchange

    @pytest.fixture
    async def bench(self, exchange: LoopbackExchange) -> AsyncIterator[ConformanceBench]:
        market = HandMarket(exchange.clock, exchange.feed)  # type: ignore[arg-type]

        def theirs(instrument: Instrument) -> Instrument:
            return exchange.floor.instruments[f"{VENUE}:{instrument.symbol}"]

        for instrument in exchange.floor.instruments.values():
            market.book(instrument, {"999": "5", "998": "5"}, {"1001": "5", "1002": "5"})
        clock = LiveClock()
        symbols = [instrument.symbol for instrument in exchange.floor.instruments.values()]
        instruments = await instruments_of(exchange, symbols)
        if self.on_margin:
            venue = venue_on(exchange, on_margin(exchange, instruments), clock, account="margin")
        else:
            venue = venue_on(exchange, instruments, clock)
        desk = VenueDesk(venue, clock)  # type: ignore[arg-type]
        venue.known_order = desk.orders.get
        await desk.connect()
        await until(lambda: stands(venue) and exchange.tells())

        async def trade(instrument: Instrument, side: Side, quantity: str, price: str) -> None:
            (market.bought if side is Side.BUY else market.sold)(theirs(instrument), quantity, price)

        async def move(instrument: Instrument, bids: dict[str, str], asks: dict[str, str]) -> None:
            market.delta(theirs(instrument), bids, asks)

        async def settle() -> None:
            """Until the exchange has said everything, the desk has asked for what it missed, and nothing new comes."""
            quiet = 0
            while quiet < 4:
                heard = len(desk.reports)
                said = await asyncio.to_thread(exchange.said_all)
                await asyncio.sleep(0.03)
                quiet = quiet + 1 if said and not venue._later and heard == len(desk.reports) else 0

        async def wait(nanoseconds: int) -> None:
            await asyncio.sleep(nanoseconds / 1e9)

        ours = {instrument.symbol: instrument for instrument in venue.instruments()}
        perp = ours.get("BTC-USDT-PERP")
        spot = ours.get(SPOT.symbol) or perp  # what holds for spot holds for a venue that lists perpetuals only
        assert spot is not None
        yield ConformanceBench(desk, spot, perp, trade, move, settle, wait)
        await venue.close()


class TestBinance(_RealVenueConformance):
    dialect = "binance"


class TestBybit(_RealVenueConformance):
    dialect = "bybit"


class TestBinanceUsdm(_RealVenueConformance):
    dialect = "binanceusdm"


class TestBinanceMargin(_RealVenueConformance):
    dialect = "binance"
    on_margin = True


class TestBybitMargin(_RealVenueConformance):
    dialect = "bybit"
    on_margin = True
