"""What is noted of a trade as one typed line: @setup #tag #tag r=50 and words."""

from __future__ import annotations

from decimal import Decimal

from screens.figures import plain_text, typed_number
from workstation.domain.events import TradeNoted
from workstation.trading.errors import Refused


def line_of(note: TradeNoted | None) -> str:
    """The line that says what is noted."""
    if note is None:
        return ""
    words = [f"@{note.setup}"] if note.setup else []
    words += [f"#{tag}" for tag in note.tags]
    words += [f"r={plain_text(note.risk)}"] if note.risk is not None else []
    return " ".join([*words, note.note] if note.note else words)


def read(line: str, trade_id: str, ts: int, before: TradeNoted | None) -> TradeNoted:
    """The note that the line says; pictures stay. Raises `Refused` for a risk that is no amount."""
    setup, risk, words = "", None, []
    tags: list[str] = []
    for word in line.split():
        if word.startswith("@") and len(word) > 1:
            setup = word[1:]
        elif word.startswith("#") and len(word) > 1:
            tags.append(word[1:].casefold())
        elif word.casefold().startswith("r="):
            risk = _risk(word[2:])
        else:
            words.append(word)
    return TradeNoted(
        ts=ts,
        trade_id=trade_id,
        setup=setup,
        tags=tuple(dict.fromkeys(tags)),
        note=" ".join(words),
        risk=risk,
        pictures=() if before is None else before.pictures,
    )


def _risk(text: str) -> Decimal:
    risk = typed_number(text, "risk")
    if risk <= 0:
        raise Refused("The risk of a trade is an amount above zero: r=50.")
    return risk
