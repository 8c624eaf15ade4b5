"""What this account pays, in place of the list's fees that ccxt carries: asked for once the link stands.

ccxt's rates are those of the smallest customer, and of some markets a guess. Until the exchange has answered, and where
it does not, previews and limits reckon with them, and the trader is told.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from workstation.venues.ccxt.errors import words_of
from workstation.venues.ccxt.instruments import exact
from workstation.venues.urgency import Urgency, urgent

if TYPE_CHECKING:
    from workstation.venues.ccxt.venue import CcxtVenue

#: Between these lies every fee that an exchange has charged or paid; what lies outside was misread.
_LEAST, _MOST = Decimal("-0.01"), Decimal("0.03")


async def learn(venue: CcxtVenue) -> None:
    """Ask for the fees of every market that the desk has open there, and hand on the instruments that have others."""
    exchange = venue.exchange
    if exchange is None or venue.keys is None:
        return
    found: dict[str, tuple[Decimal, Decimal]] = {}
    why = ""
    try:
        with urgent(Urgency.BACKGROUND):
            for symbol in venue.markets:
                answer = await exchange.fetch_trading_fee(symbol)
                maker, taker = exact(answer.get("maker")), exact(answer.get("taker"))
                if maker is None or taker is None or not all(_LEAST <= fee <= _MOST for fee in (maker, taker)):
                    why = f"it says maker {answer.get('maker')}, taker {answer.get('taker')} of {symbol}"
                    continue
                found[symbol] = maker, taker
    except Exception as error:  # the list's fees go on to count, and nothing else depends on it
        venue.note_limit(error)
        why = words_of(error) or type(error).__name__
    for symbol, (maker, taker) in found.items():
        known = venue.markets[symbol]
        if (known.maker_fee, known.taker_fee) != (maker, taker):
            venue.markets[symbol] = msgspec.structs.replace(known, maker_fee=maker, taker_fee=taker)
            venue.on_terms(venue.markets[symbol])
    venue.own_fees = frozenset(venue.markets[symbol].id for symbol in found)
    missing = [instrument.symbol for instrument in venue.markets.values() if instrument.id not in venue.own_fees]
    if missing:
        venue.on_notice(
            "warning",
            f"{venue.name} does not tell what this account pays on {', '.join(missing)} ({why}): previews and limits "
            "reckon with the fees of its list.",
        )
    elif found:
        rates = ", ".join(
            f"{venue.markets[symbol].symbol} {maker * 100:f} % maker and {taker * 100:f} % taker"
            for symbol, (maker, taker) in found.items()
        )
        venue.on_notice("info", f"{venue.name}: this account pays {rates}.")
