"""What a real venue lists, kept in a file, so that a desk opens at once and without a network.

The file holds the instruments that some desk of this machine has opened, by ccxt's symbols, and grows only: an order of
last year can still be read when its market is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from workstation.domain.instrument import Instrument
from workstation.venues.ccxt.client import close_exchange, open_exchange
from workstation.venues.ccxt.errors import translated
from workstation.venues.ccxt.instruments import NoInstrument, desk_symbol, instrument_of, market_named, nearest
from workstation.venues.ccxt.particulars import Particulars
from workstation.venues.ccxt.settings import VenueSettings
from workstation.venues.contract import VenueError
from workstation.whole_file import in_place_of

#: Seconds that a start waits for a venue's listing where it has none yet.
_PATIENCE = 15.0


class Listing(msgspec.Struct, kw_only=True):
    """`markets` by ccxt's symbol, with the fees of the exchange's list; `names`: what was asked for → ccxt's symbol;
    `fees`: what this account pays, by ccxt's symbol, as maker and as taker, as the exchange last told."""

    markets: dict[str, Instrument] = {}
    names: dict[str, str] = {}
    fees: dict[str, tuple[Decimal, Decimal]] = {}

    @classmethod
    def read(cls, file: Path) -> Listing:
        """An unreadable file is an empty one: it is asked for anew."""
        try:
            return msgspec.json.decode(file.read_bytes(), type=cls)
        except (OSError, msgspec.MsgspecError, ValueError):
            return cls()

    def write(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        with in_place_of(file, durable=False) as part:
            part.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=1))

    def changed(self, new: Listing, file: Path) -> None:
        """Take over what another one has, and write the file where that is news. Raises OSError."""
        before = self.markets, self.fees
        self.markets, self.fees = {**self.markets, **new.markets}, {**self.fees, **new.fees}
        self.names = {**self.names, **new.names}
        if (self.markets, self.fees) != before:
            self.write(file)

    def take(self, venue: str, exchange: Any, wanted: Iterable[str]) -> list[str]:
        """The wanted markets as an exchange object has loaded them; a sentence for each that cannot be had."""
        problems: list[str] = []
        for name in wanted:
            market = market_named(exchange.markets, name)
            if market is None:
                known = [desk_symbol(each) for each in exchange.markets.values() if each.get("base")]
                problems.append(f"{venue} lists no {name}{nearest(name, known)}")
                continue
            try:
                self.markets[str(market["symbol"])] = instrument_of(venue, market, exchange.precisionMode)
                self.names[name] = str(market["symbol"])
            except NoInstrument as error:
                problems.append(str(error))
        return problems

    def chosen(self, wanted: Iterable[str]) -> dict[str, Instrument]:
        """The wanted instruments that are known, by ccxt's symbol."""
        symbols = (self.names.get(name, name) for name in wanted)
        return {symbol: self.paying(symbol) for symbol in symbols if symbol in self.markets}

    def paying(self, symbol: str) -> Instrument:
        """The instrument of ccxt's symbol with the fees that this account pays, where they are known."""
        found = self.markets[symbol]
        if symbol not in self.fees:
            return found
        maker, taker = self.fees[symbol]
        return msgspec.structs.replace(found, maker_fee=maker, taker_fee=taker)

    def missing(self, wanted: Iterable[str]) -> list[str]:
        return [name for name in wanted if self.names.get(name, name) not in self.markets]


def wanted_symbols(facts: Particulars, settings: VenueSettings) -> tuple[str, ...]:
    return settings.symbols or facts.symbols


async def ask_listing(
    venue: str, facts: Particulars, settings: VenueSettings, listing: Listing, wanted: Iterable[str]
) -> list[str]:
    """Ask the exchange for the wanted markets; a sentence for each that cannot be had. Raises `VenueError`."""
    exchange = await asyncio.to_thread(open_exchange, facts, settings, None)
    try:
        await asyncio.wait_for(exchange.load_markets(), _PATIENCE)
    except Exception as error:
        raise translated(error, venue, "the list of its markets") from error
    finally:
        await close_exchange(exchange)
    return listing.take(venue, exchange, wanted)


def instruments_for(
    venue: str, facts: Particulars, settings: VenueSettings, file: Path, also: Mapping[str, Instrument]
) -> tuple[dict[str, Instrument], list[str]]:
    """The instruments of a venue by ccxt's symbol, asked for only if some are not known yet, and what is to be said.

    `also`: instruments of the desk's store (by id) that are opened too where they are known. Blocks; no loop may run.
    """
    listing, problems = Listing.read(file), list[str]()
    wanted = wanted_symbols(facts, settings)
    if listing.missing(wanted):
        try:
            problems += asyncio.run(ask_listing(venue, facts, settings, listing, wanted))
        except VenueError as error:
            problems.append(f"{error} Its instruments are not known here yet: start the desk again once it answers.")
        else:
            with contextlib.suppress(OSError):
                listing.write(file)
    found = listing.chosen(wanted)
    for symbol, instrument in listing.markets.items():
        if instrument.id in also and symbol not in found:
            found[symbol] = listing.paying(symbol)
    return {symbol: msgspec.structs.replace(each, venue=venue) for symbol, each in found.items()}, problems
