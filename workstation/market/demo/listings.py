"""What the two demo venues list, and the temper of each book: how deep, how busy, how tight, how quick."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from workstation.domain.instrument import ContractType, Instrument
from workstation.domain.margin import tiers

#: (value up to, maintenance rate, highest leverage), as Binance's brackets of BTCUSDT were in 2024.
PERP_TIERS = tiers(
    [
        (Decimal(50_000), Decimal("0.004"), Decimal(125)),
        (Decimal(600_000), Decimal("0.005"), Decimal(100)),
        (Decimal(3_000_000), Decimal("0.0065"), Decimal(75)),
        (Decimal(12_000_000), Decimal("0.01"), Decimal(50)),
        (Decimal(70_000_000), Decimal("0.02"), Decimal(25)),
        (None, Decimal("0.05"), Decimal(10)),
    ]
)
#: What is sold short on margin: liquidated at assets of 1.1 times the debt, as on Binance's margin accounts.
SPOT_TIERS = tiers([(None, Decimal("0.1"), Decimal(5))])
#: Interest an hour on borrowed coins: 3.5 % a year.
BORROW_RATE = Decimal("0.000004")

#: Those that are fitted to recordings. What they do is the same with and without the others.
ASSETS = ("BTC", "ETH", "SOL")
#: More spot assets, in quiet books of one venue, so that there is a universe to make a portfolio of.
MINORS = ("XRP", "ADA", "DOGE", "AVAX", "LINK", "LTC", "DOT")
ALL_ASSETS = ASSETS + MINORS
START_PRICES = {
    "BTC": 64_000.0, "ETH": 3_200.0, "SOL": 150.0,
    "XRP": 0.6, "ADA": 0.45, "DOGE": 0.15, "AVAX": 35.0, "LINK": 15.0, "LTC": 75.0, "DOT": 6.5,
}  # fmt: skip
#: Below, a tick is too coarse for a book of 200 levels.
LEAST_PRICES = {
    "BTC": 1_000.0, "ETH": 20.0, "SOL": 20.0,
    "XRP": 0.2, "ADA": 0.2, "DOGE": 0.02, "AVAX": 20.0, "LINK": 2.0, "LTC": 20.0, "DOT": 2.0,
}  # fmt: skip

#: Rows of (distance from the touch in bps, levels within, quantity within in units of that within 5 bps).
type Shape = tuple[tuple[float, int, float], ...]

# Shapes of one side of a book. Beyond 5 bps there are fewer levels than recorded, though not less quantity: a book of
# about 250 levels a side shows the depth of one of a thousand.
SPOT_SHAPE: Shape = (
    (0.0, 0, 0.0),
    (0.5, 7, 0.03),
    (1.0, 16, 0.08),
    (2.0, 37, 0.21),
    (5.0, 108, 1.0),
    (10.0, 150, 2.1),
    (20.0, 190, 4.2),
    (50.0, 240, 6.0),
)
PERP_SHAPE: Shape = (
    (0.0, 0, 0.0),
    (0.5, 6, 0.03),
    (1.0, 15, 0.07),
    (2.0, 44, 0.22),
    (5.0, 169, 1.0),
    (10.0, 200, 2.7),
    (20.0, 235, 10.0),
    (50.0, 280, 26.0),
)


class Temper(msgspec.Struct, frozen=True, kw_only=True):
    """How one book behaves. Quantities are in base units, times in seconds, distances in basis points (bps)."""

    shape: Shape
    depth: float  # quantity within 5 bps of the touch, one side, without the touch itself
    touch: float  # mean quantity at the best price
    rate: float  # book events a second in calm times
    patience: float  # half of the events are market orders when arrivals run at this many times the calm rate
    prints: float  # resting orders met by a market order of median size, beyond the first
    shred: float  # how small most of the prints of an order are: exponent of a uniform share
    order_median: float  # lognormal order size: median …
    order_sigma: float  # … and sigma of its logarithm
    modify: float  # share of level changes that alter a standing level
    changes: float  # mean number of levels that one event changes
    persistence: float  # correlation of successive aggressor sides …
    run: float  # … and the mean number of orders of one parent order
    band: float  # the mid follows the efficient price once it is this many bps away
    tight: float  # probability that a widened spread closes to one tick at the next event
    lag: float  # how soon this book hears of the efficient price and of moves of the asset's other books
    branching: float = 0.75  # share of the events that earlier ones have stirred up: the rest comes evenly
    basis: float = 0.0  # mean distance from the asset's efficient price, bps
    basis_sd: float = 0.3  # standard deviation of its slow part, bps


class Listing(msgspec.Struct, frozen=True):
    instrument: Instrument
    temper: Temper


def _scaled(temper: Temper, *, units: float, rate: float, tight: float, lag: float, band: float = 1.0) -> Temper:
    """The same temper with `units` times the quantities, `rate` times the events, and its own spread and lag."""
    return msgspec.structs.replace(
        temper,
        depth=temper.depth * units,
        touch=temper.touch * units,
        order_median=temper.order_median * units,
        rate=temper.rate * rate,
        band=temper.band * band,
        tight=tight,
        lag=lag,
    )


def _spot(venue: str, asset: str, tick: str, lot: str, temper: Temper) -> Listing:
    maker, taker, minimum = _SPOT_TERMS[venue]
    return Listing(
        Instrument(
            venue=venue,
            symbol=f"{asset}-USDT",
            base=asset,
            quote="USDT",
            tick=Decimal(tick),
            lot=Decimal(lot),
            min_quantity=Decimal(lot),
            min_notional=Decimal(minimum),
            maker_fee=Decimal(maker),
            taker_fee=Decimal(taker),
            tiers=SPOT_TIERS,
            borrow_rate=BORROW_RATE,
        ),
        temper,
    )


def _perpetual(venue: str, tick: str, temper: Temper) -> Listing:
    maker, taker, minimum = _PERP_TERMS[venue]
    return Listing(
        Instrument(
            venue=venue,
            symbol="BTC-USDT-PERP",
            base="BTC",
            quote="USDT",
            tick=Decimal(tick),
            lot=Decimal("0.001"),
            contract=ContractType.LINEAR,
            min_quantity=Decimal("0.001"),
            min_notional=Decimal(minimum),
            maker_fee=Decimal(maker),
            taker_fee=Decimal(taker),
            leverage=Decimal(10),
            tiers=PERP_TIERS,
        ),
        temper,
    )


#: (maker fee, taker fee, minimum notional) by venue.
_SPOT_TERMS = {"NOVA": ("0.0008", "0.001", "5"), "ORCA": ("0.0006", "0.0012", "10")}
_PERP_TERMS = {"NOVA": ("0.0002", "0.0005", "50"), "ORCA": ("0.0001", "0.00055", "5")}

# NOVA's BTC books are fitted to the recordings; the others are scaled from them by price and by how busy they are.
_SPOT = Temper(
    shape=SPOT_SHAPE,
    depth=20.5,
    touch=2.3,
    rate=14.5,
    patience=9.0,
    prints=0.3,
    shred=8.0,
    order_median=0.0025,
    order_sigma=2.5,
    modify=0.2,
    changes=8.0,
    persistence=0.45,
    run=20.0,
    band=1.0,
    tight=0.97,
    lag=0.06,
)
_PERP = Temper(
    shape=PERP_SHAPE,
    depth=51.0,
    touch=3.4,
    rate=24.0,
    patience=12.0,
    prints=0.55,
    shred=4.0,
    order_median=0.023,
    order_sigma=2.6,
    modify=0.4,
    changes=8.0,
    persistence=0.19,
    run=18.0,
    band=1.0,
    tight=0.97,
    lag=0.02,
    basis=-3.5,
    basis_sd=1.5,
)

LISTINGS: tuple[Listing, ...] = (
    _spot("NOVA", "BTC", "0.01", "0.00001", _SPOT),
    _spot("NOVA", "ETH", "0.01", "0.0001", _scaled(_SPOT, units=12, rate=0.7, tight=0.95, lag=0.07)),
    _spot("NOVA", "SOL", "0.01", "0.001", _scaled(_SPOT, units=130, rate=0.5, tight=0.95, lag=0.08)),
    _perpetual("NOVA", "0.1", _PERP),
    _spot("ORCA", "BTC", "0.1", "0.0001", _scaled(_SPOT, units=0.45, rate=0.6, tight=0.6, lag=0.1, band=1.3)),
    _spot("ORCA", "ETH", "0.01", "0.001", _scaled(_SPOT, units=5, rate=0.45, tight=0.6, lag=0.11, band=1.3)),
    _spot("ORCA", "SOL", "0.01", "0.01", _scaled(_SPOT, units=50, rate=0.3, tight=0.8, lag=0.12, band=1.3)),
    _perpetual("ORCA", "0.5", _scaled(_PERP, units=0.5, rate=0.6, tight=0.9, lag=0.05, band=1.2)),
    *(
        _spot(
            "NOVA",
            asset,
            tick,
            lot,
            # quiet, but never so long without a word that its price would count as old
            msgspec.structs.replace(
                _scaled(_SPOT, units=units, rate=0.12, tight=0.9, lag=0.12, band=1.3), branching=0.1
            ),
        )
        for asset, tick, lot, units in (
            ("XRP", "0.0001", "0.1", 26_000.0),
            ("ADA", "0.0001", "0.1", 22_000.0),
            ("DOGE", "0.00001", "1", 80_000.0),
            ("AVAX", "0.01", "0.01", 290.0),
            ("LINK", "0.001", "0.01", 640.0),
            ("LTC", "0.01", "0.001", 120.0),
            ("DOT", "0.001", "0.01", 1_100.0),
        )
    ),
)
