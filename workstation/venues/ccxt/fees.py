"""What this account pays, in place of the list's fees that ccxt carries: asked for once the link stands.

ccxt's rates are those of the smallest customer, and of some markets a guess. Until the exchange has answered, and where
it does not, previews and limits reckon with what it told last, and else with the list's; the trader is told.
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
    venue.own_fees |= {venue.markets[symbol].id for symbol in found}
    if found:
        venue.on_fees(found)
    missing = [instrument for symbol, instrument in venue.markets.items() if symbol not in found]
    for kept, words in ((False, "the fees of its list"), (True, "what it told last")):
        names = [each.symbol for each in missing if (each.id in venue.own_fees) is kept]
        if names:
            venue.on_notice(
                "warning",
                f"{venue.name} does not tell what this account pays on {', '.join(names)} ({why}): previews and limits "
                f"reckon with {words}.",
            )
    if found and not missing:
        rates = ", ".join(
            f"{venue.markets[symbol].symbol} {maker * 100:f} % maker and {taker * 100:f} % taker"
            for symbol, (maker, taker) in found.items()
        )
        venue.on_notice("info", f"{venue.name}: this account pays {rates}.")
