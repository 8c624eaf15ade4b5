"""An exchange's markets against the instruments that the desk runs on.

What it has changed of one of them, or lists no more, is no reason to leave the others alone, or to pull no order: it
connects all the same. New orders of that one are refused with a sentence, and its book is not built (it would be
counted in ticks and lots that are none any more). Its orders are cancelled and asked about as ever.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Any

from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.market import BookStale
from workstation.domain.numbers import plain
from workstation.domain.order import Order, OrderType
from workstation.venues.ccxt.errors import is_limit, translated
from workstation.venues.ccxt.instruments import NoInstrument, changed_terms, instrument_of
from workstation.venues.contract import ClosingTerms, VenueError
from workstation.venues.matching.rules import malformed

if TYPE_CHECKING:
    from workstation.venues.ccxt.venue import CcxtVenue


class Terms:
    """What is amiss with which instrument of a venue, as it was found when its list was looked at last."""

    def __init__(self) -> None:
        #: Instruments that nothing new is sent for, each with the sentence that says why.
        self.amiss: dict[InstrumentId, str] = {}
        #: Those that are listed all the same, as the exchange lists them now.
        self.now: dict[InstrumentId, Instrument] = {}
        #: Those that are not listed; of them, by ccxt's symbol, those that it has never heard of in this run.
        self.unlisted: set[InstrumentId] = set()
        self.gone: dict[str, Instrument] = {}
        #: ccxt's markets of the desk's instruments, as they were last listed: by them what was delisted is spoken of.
        self.markets: dict[str, Any] = {}

    def compare(self, venue: CcxtVenue, exchange: Any) -> None:
        """Look at the markets that were just loaded, and tell of what is amiss that was not before."""
        before, self.amiss, self.now = self.amiss, {}, {}
        known_before, self.unlisted, self.gone = {**venue.markets, **self.gone}, set(), {}
        for symbol, known in known_before.items():
            market = exchange.markets.get(symbol)
            if market is not None:
                self.markets[symbol] = market
                venue.markets[symbol] = known
                self._listed(venue, known, market, exchange.precisionMode)
                continue
            self.unlisted.add(known.id)
            self.amiss[known.id] = (
                f"{venue.name} no longer lists {known.symbol}: nothing new is sent for it and its prices stand still, "
                "all else goes on. Take it from the profile's symbols."
            )
            if (kept := self.markets.get(symbol)) is not None:
                exchange.markets[symbol] = kept
                exchange.markets_by_id.setdefault(kept["id"], []).append(kept)
            else:
                venue.markets.pop(
                    symbol, None
                )  # no question can name it, and one that did would fail for all the others
                self.gone[symbol] = known
        for name, said in self.amiss.items():
            if before.get(name) != said:
                venue.on_notice("error", said)

    def _listed(self, venue: CcxtVenue, known: Instrument, market: Any, mode: int) -> None:
        try:
            now = instrument_of(venue.name, market, mode)
        except NoInstrument as error:
            self.amiss[known.id] = f"{error} Nothing new is sent for {known.symbol}, all else goes on."
            return
        if known.pooled and market.get("margin") is False:
            self.amiss[known.id] = (
                f"{venue.name} does not lend for {known.symbol} any more: nothing new is sent for it, all else goes "
                "on. Take it from the profile's symbols."
            )
        elif changed := changed_terms(known, now):
            self.now[known.id] = now
            what = ", ".join(_change(name, known, now) for name in changed)
            self.amiss[known.id] = (
                f"{venue.name} has changed {what} of {known.symbol}: nothing new is sent for it and its prices stand "
                "still, all else goes on. Start the desk again to take it."
            )

    def blank(self, venue: CcxtVenue) -> None:
        """No price of an instrument that is amiss may be believed."""
        for name, said in self.amiss.items():
            venue.market_event(BookStale(name, venue.clock.now(), said.rstrip(".")))

    def refusal(self, order: Order, now: int) -> str | None:
        """Why a new order is not sent, if its instrument is amiss. One that only closes, at the market, is sent if it
        is right by the terms that the exchange has now: it bears no price, and its quantity is exact."""
        said = self.amiss.get(order.instrument)
        if said is None:
            return None
        terms = self.now.get(order.instrument)
        if terms is None or not order.reduce_only or order.type is not OrderType.MARKET:
            return said
        problem = malformed(order, terms, now)
        return None if problem is None else f"{problem} {said}"

    def closing(self, name: InstrumentId, known: Instrument | None) -> ClosingTerms | None:
        """What goes for an order that only closes; None where nothing is amiss. `known`: as the desk took it, as far as
        the exchange can still be asked about it."""
        if (said := self.amiss.get(name)) is None:
            return None
        if (now := self.now.get(name)) is not None:
            return ClosingTerms(now)
        return None if known is None else ClosingTerms(known, said.partition(":")[0].rstrip("."))


async def if_listed[T](venue: CcxtVenue, symbol: str, question: Awaitable[Sequence[T]]) -> Sequence[T]:
    """What is answered on a market by itself; nothing where the exchange refuses to be asked about one that it lists no
    more, which would fail the question about all the others. Raises what the question raises elsewhere."""
    try:
        return await question
    except Exception as error:
        known = venue.markets.get(symbol)
        if known is None or known.id not in venue.terms.unlisted or is_limit(error):
            raise
        if type(translated(error, venue.name, "it")) is not VenueError:
            raise
        return ()


def _change(name: str, known: Instrument, now: Instrument) -> str:
    old, new = getattr(known, name), getattr(now, name)
    word = name.replace("min_", "minimum ")
    try:
        return f"{word} ({plain(old)} → {plain(new)})"
    except (AttributeError, TypeError, ValueError):
        return f"{word} ({old} → {new})"
