"""ccxt's markets as instruments of the desk: exact steps, minimums and contract terms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from workstation.domain.instrument import ContractType, Instrument
from workstation.domain.numbers import ONE, ZERO

#: ccxt's precision modes (`ccxt.base.decimal_to_precision`).
_DECIMAL_PLACES, _SIGNIFICANT_DIGITS, _TICK_SIZE = 2, 3, 4


class NoInstrument(ValueError):
    """The desk cannot trade that market; the text is a sentence for the trader."""


def exact(value: Any) -> Decimal | None:
    """A number (of ccxt: float, int or text) as the decimal that was meant; None for None, "" and what is no number."""
    if value is None or value == "":
        return None
    try:
        found = Decimal(value if isinstance(value, str | int | Decimal) else repr(value))
    except (ArithmeticError, ValueError, TypeError):
        return None
    return found if found.is_finite() else None


def step(value: Any, mode: int, price: Decimal | None = None) -> Decimal | None:
    """The step that ccxt's precision means: a tick size, decimal places, or significant digits at a price."""
    number = exact(value)
    if number is None:
        return None
    if mode == _TICK_SIZE:
        return number if number > 0 else None
    if mode == _SIGNIFICANT_DIGITS:
        return None if not price or price <= 0 else ONE.scaleb(price.adjusted() - int(number) + 1)
    return ONE.scaleb(-int(number))


def desk_symbol(market: Mapping[str, Any]) -> str:
    """How the desk calls a market: BTC-USDT, BTC-USDT-PERP, BTC-USD-PERP (inverse), BTC-USDT-261225."""
    pair = f"{market['base']}-{market['quote']}".upper()
    if market.get("swap"):
        settled = str(market.get("settle") or "").upper()
        other = settled and settled not in (str(market["quote"]).upper(), str(market["base"]).upper())
        return f"{pair}-{settled}-PERP" if other else f"{pair}-PERP"
    if market.get("future"):
        return f"{pair}-{str(market['symbol']).rpartition('-')[2]}"
    return pair


def instrument_of(venue: str, market: Mapping[str, Any], mode: int) -> Instrument:
    """The instrument of a market. Raises `NoInstrument` for options and for a market without steps."""
    if market.get("option"):
        raise NoInstrument(f"{market['symbol']} is an option: options are not traded here yet.")
    if not (market.get("spot") or market.get("swap") or market.get("future")):
        raise NoInstrument(f"{market['symbol']} is neither spot nor a future.")
    precision = market.get("precision") or {}
    tick, lot = step(precision.get("price"), mode), step(precision.get("amount"), mode)
    if tick is None or lot is None:
        raise NoInstrument(f"{venue} tells no {'tick' if tick is None else 'lot'} of {market['symbol']}.")
    limits = market.get("limits") or {}
    contract = ContractType.SPOT
    if market.get("contract"):
        contract = ContractType.INVERSE if market.get("inverse") else ContractType.LINEAR
    minimum = exact((limits.get("amount") or {}).get("min")) or ZERO
    return Instrument(
        venue=venue,
        symbol=desk_symbol(market),
        base=str(market["base"]).upper(),
        quote=str(market["quote"] if contract is not ContractType.LINEAR else market.get("settle") or market["quote"]),
        tick=tick,
        lot=lot,
        contract=contract,
        multiplier=(exact(market.get("contractSize")) or ONE) if market.get("contract") else ONE,
        min_quantity=max(minimum, ZERO),
        min_notional=max(exact((limits.get("cost") or {}).get("min")) or ZERO, ZERO),
        maker_fee=_fee(market.get("maker"), contract),
        taker_fee=_fee(market.get("taker"), contract),
    )


def _fee(value: Any, contract: ContractType) -> Decimal:
    """A fee as a share of what is traded. ccxt gives those of some contracts (Coinbase's) in per cent; none anywhere is
    as much as two of a hundred."""
    fee = exact(value) or ZERO
    return fee / 100 if contract is not ContractType.SPOT and fee >= Decimal("0.02") else fee


def market_named(markets: Mapping[str, Mapping[str, Any]], name: str) -> Mapping[str, Any] | None:
    """The market that is meant by ccxt's symbol, the exchange's own id or the desk's symbol."""
    if name in markets:
        return markets[name]
    wanted = name.upper()
    found = [
        market for market in markets.values() if wanted in (str(market.get("id", "")).upper(), _safe_symbol(market))
    ]
    return min(found, key=lambda market: not market.get("spot"), default=None)


def _safe_symbol(market: Mapping[str, Any]) -> str:
    return desk_symbol(market) if market.get("base") and market.get("quote") else ""


def changed_terms(old: Instrument, new: Instrument) -> list[str]:
    """What an exchange has changed of an instrument, by name; changes of fees are none."""
    names = ("tick", "lot", "contract", "multiplier", "min_quantity", "min_notional", "base", "quote")
    return [name for name in names if getattr(old, name) != getattr(new, name)]


def nearest(name: str, markets: Iterable[str]) -> str:
    """A hint for a market that is not there."""
    import difflib

    near = difflib.get_close_matches(name.upper(), list(markets), n=1)
    return f"; did you mean {near[0]}?" if near else "."
