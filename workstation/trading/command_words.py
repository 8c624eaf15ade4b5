"""The words of the command line: tokens with their places, amounts, prices, durations, and the nearest known word."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

from workstation.clock import SECOND
from workstation.domain.instrument import Instrument
from workstation.domain.numbers import add, floor_to, is_multiple, multiply, plain
from workstation.domain.order import Side
from workstation.trading.commands import Prices
from workstation.trading.errors import Refused
from workstation.trading.sizing import Size, SizeUnit

_NUMBER = re.compile(r"(?P<whole>\d{1,3}(?:,\d{3})+|\d*)(?:\.(?P<part>\d*))?\Z", re.ASCII)
_AMOUNT = re.compile(r"(?P<dollar>\$?)(?P<number>[\d.,]+)(?P<times>k?)(?P<unit>[$%]?|[a-z]{2,10})\Z", re.ASCII)
_OFFSET = re.compile(r"(?P<sign>[+-])(?P<number>[\d.]+)%\Z", re.ASCII)
_QUOTE = re.compile(r"(?P<name>bid|ask|mid)(?:(?P<ticks>[+-]\d{1,6}))?\Z", re.ASCII)
_TIMES = {"": 1, "k": 1_000}
_DURATION = re.compile(r"(?:(\d{1,4})d)?(?:(\d{1,5})h)?(?:(\d{1,6})m)?(?:(\d{1,8})s)?\Z", re.ASCII)


class CommandError(Refused):
    """The line cannot be understood or done: a sentence, and the place in the line that it is about."""

    def __init__(self, sentence: str, position: int = 0) -> None:
        super().__init__(sentence)
        self.position = position


class Token(msgspec.Struct, frozen=True):
    """One word: `text` in lower case, as typed in `raw`, where it begins in the line."""

    text: str
    raw: str
    at: int


def tokens(line: str) -> list[Token]:
    """The words of a line; an @ stands by itself."""
    return [Token(m.group().lower(), m.group(), m.start()) for m in re.finditer(r"@|[^\s@]+", line)]


def glued(words: Sequence[Token]) -> list[Token]:
    """The words with those that an @ joins without a space as one: sma_cross@NOVA:BTC-USDT."""
    found: list[Token] = []
    for word in words:
        last = found[-1] if found else None
        if last is not None and word.at == last.at + len(last.raw) and "@" in (word.text, last.text[-1:]):
            found[-1] = Token(last.text + word.text, last.raw + word.raw, last.at)
        else:
            found.append(word)
    return found


def number(text: str) -> Decimal | None:
    """A plain number without sign, thousands separators allowed; None for anything else or for absurd lengths."""
    match = _NUMBER.match(text)
    if match is None or not any(c.isdigit() for c in text):
        return None
    whole, part = match["whole"].replace(",", ""), match["part"] or ""
    if len(whole) > 15 or len(part) > 12:
        return None
    return Decimal(f"{whole or 0}.{part}")


class Amount(msgspec.Struct, frozen=True):
    """`bare`: nothing said whether the number means units or money."""

    size: Size
    bare: bool


def amount(text: str, instrument: Instrument) -> Amount | None:
    """A size: 0.5, 100$, $100, 100usdt, 2%, 5k$, 0.5btc; None for anything else."""
    match = _AMOUNT.match(text)
    value = None if match is None else number(match["number"])
    if match is None or value is None:
        return None
    value = multiply(value, Decimal(_TIMES[match["times"]]))
    unit = match["unit"]
    if match["dollar"]:
        return None if unit else Amount(Size(value, SizeUnit.VALUE), bare=False)
    if unit == "":
        return Amount(Size(value), bare=True)
    if unit in ("$", instrument.quote.lower()):
        return Amount(Size(value, SizeUnit.VALUE), bare=False)
    if unit == "%":
        return Amount(Size(value, SizeUnit.EQUITY), bare=False)
    if unit == instrument.base.lower() and not instrument.is_inverse and instrument.multiplier == 1:
        return Amount(Size(value), bare=False)
    return None


def price(token: Token, side: Side, instrument: Instrument, prices: Prices) -> Decimal:
    """A price: 64200, 64,200.5, bid, ask+2 (ticks), mid, -0.5% (from the middle; rounded away from the market).

    Raises `CommandError`.
    """
    text = token.text
    if (value := number(text)) is not None:
        if value <= 0:
            raise CommandError("The price must be above zero.", token.at)
        if not is_multiple(value, instrument.tick):
            raise CommandError(
                f"The price {plain(value)} is not a multiple of the tick {plain(instrument.tick)}.", token.at
            )
        return value
    if match := _OFFSET.match(text):
        share = number(match["number"])
        if share is None:
            raise CommandError(f"{token.raw} is not a distance in percent.", token.at)
        mid = _known(prices.mid, instrument, token)
        share = share if match["sign"] == "+" else share.copy_negate()
        return _on_tick(multiply(mid, add(Decimal(1), share.scaleb(-2))), side, instrument, token)
    if match := _QUOTE.match(text):
        base = _known(getattr(prices, match["name"]), instrument, token)
        return _on_tick(add(base, multiply(Decimal(match["ticks"] or 0), instrument.tick)), side, instrument, token)
    raise CommandError(f"{token.raw} is not a price: type 64200, bid, ask, mid or -0.5%.", token.at)


def distance(token: Token, instrument: Instrument) -> tuple[Decimal | None, Decimal | None]:
    """How far a trailing stop follows: 150 in price, or 0.5% or 50bp in basis points. Raises `CommandError`."""
    text = token.text
    for ending, factor in (("%", Decimal(100)), ("bps", Decimal(1)), ("bp", Decimal(1))):
        if text.endswith(ending):
            share = number(text.removesuffix(ending))
            bps = None if share is None else multiply(share, factor)
            if bps is None or not 0 < bps < 10_000 or not is_multiple(bps, Decimal("0.01")):
                raise CommandError(f"{token.raw} is not a distance: type 0.5%, 50bp or 150.", token.at)
            return None, bps
    value = number(text)
    if value is None or value <= 0 or not is_multiple(value, instrument.tick):
        what = f"a multiple of the tick {plain(instrument.tick)}"
        raise CommandError(f"{token.raw} is not a distance: type {what}, 0.5% or 50bp.", token.at)
    return value, None


def _known(value: Decimal | None, instrument: Instrument, token: Token) -> Decimal:
    if value is None:
        raise CommandError(f"There is no price of {instrument.symbol} now: type one.", token.at)
    return value


def _on_tick(value: Decimal, side: Side, instrument: Instrument, token: Token) -> Decimal:
    result = floor_to(value, instrument.tick)
    if side is Side.SELL and result < value:
        result = add(result, instrument.tick)
    if result <= 0:
        raise CommandError(f"{token.raw} gives a price of {plain(result)}: it must be above zero.", token.at)
    return result


def duration(text: str) -> int | None:
    """30m, 1h30m, 45s, 2d in ns; None for anything else or nothing."""
    match = _DURATION.match(text)
    if match is None or not text:
        return None
    days, hours, minutes, seconds = (int(group or 0) for group in match.groups())
    return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * SECOND or None


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word nearest to one in lower case, or ''."""
    written = {one.lower(): one for one in known}
    near = difflib.get_close_matches(word, written, n=1, cutoff=0.6)
    return written[near[0]] if near else ""


def suggestion(word: str, known: Iterable[str]) -> str:
    """' Did you mean cancel?' for the known word nearest to one in lower case, or ''."""
    return did_you_mean(nearest(word, known))


def did_you_mean(what: str) -> str:
    return f" Did you mean {what}?" if what else ""
