"""What the ticket says of an order to the best venues: its legs, what they cost against one venue, who has no part."""

from __future__ import annotations

from decimal import Decimal

from rich.cells import cell_len

from plugins.ticket.report import Line, wrapped
from screens.figures import plain_text, price_text, quantity_text, sentence, shown, small_money_text
from screens.theme import Ink
from workstation.domain.numbers import divide
from workstation.domain.order import Side
from workstation.domain.route import Route
from workstation.trading.orders import venue_of
from workstation.trading.routing.looking import RouteLook
from workstation.trading.routing.split import Leg


def report(look: RouteLook, ink: Ink, width: int) -> list[Line]:
    """The whole report: what is sent where, what it comes to, then what stands against it."""
    lines: list[Line] = []
    if look.problem:
        lines += wrapped(sentence(look.problem), "✗ ", ink.error, width)
    if look.rests is not None:
        best = look.rests.instrument
        lines += wrapped(f"Waits at {best.id}: {look.rests.why}.", "· ", ink.text, width)
    else:
        lines += _legs(look, ink, width)
    for words in look.cut.values():
        lines += wrapped(sentence(words), "· ", ink.warning, width)
    if not look.problem:
        for words in look.out.values():
            lines += wrapped(sentence(words), "✗ ", ink.warning, width)
    if look.split.legs and look.split.left > 0:
        left = f"{plain_text(look.split.left)} {look.instrument.base} stay out: the books hold no more of it"
        lines += wrapped(
            left + (" within the limit." if look.draft.price is not None else "."), "· ", ink.warning, width
        )
    if look.drafts and not look.problem:
        each = "every leg passes" if len(look.drafts) > 1 else "it passes"
        lines += wrapped(f"{each} every risk check", "✓ ", ink.good, width)
    return lines


def _legs(look: RouteLook, ink: Ink, width: int) -> list[Line]:
    found = look.split
    if not found.legs:
        return []
    colour = ink.bid if found.side is Side.BUY else ink.ask
    names = max(6, *(cell_len(leg.instrument.venue) for leg in found.legs))
    lines: list[Line] = []
    for leg in found.legs:
        words = f" {leg.instrument.venue:<{names}} "
        size, at = quantity_text(leg.quantity, leg.instrument), _average(leg)
        fee = f"fee {small_money_text(leg.fee)}"
        line: list[tuple[str, object]] = [(words, ink.dim), (size, colour), (f" @ {at}", ink.text)]
        used = sum(cell_len(text) for text, _ in line)
        if used + cell_len(fee) + 2 < width:
            line.append((fee.rjust(width - 1 - used), ink.dim))
        lines.append(tuple(line))  # type: ignore[arg-type]
    if len(found.legs) > 1:
        average = shown(f"{found.average:,.{look.instrument.price_places}f}")
        whole = quantity_text(divide(found.filled, look.instrument.multiplier), look.instrument)
        lines.append(((f" {'Whole':<{names}} ", ink.dim), (f"{whole} @ {average}", ink.text)))
    word = "Costs" if found.side is Side.BUY else "Brings"
    total, fees = small_money_text(abs(found.net)), f"fees {small_money_text(found.fees)}"
    text = f"{total} {look.instrument.quote}, {fees}"
    if names + cell_len(text) + 3 > width:
        text = f"{total}, {fees}"
    lines.append(((f" {word:<{names}} ", ink.dim), (text, ink.strong)))
    lines += wrapped(_against(look), "· ", ink.good if (look.saves or 0) > 0 else ink.dim, width)
    return lines


def _average(leg: Leg) -> str:
    return shown(f"{leg.average:,.{leg.instrument.price_places}f}")


def _against(look: RouteLook) -> str:
    """The split beside the best single venue."""
    found, alone = look.split, look.alone
    if alone is None:
        return "No venue could take it alone."
    where = alone.legs[0].instrument.venue
    if look.saves is None:
        return f"{where} alone could take {plain_text(alone.filled)} of {plain_text(found.filled)}."
    if look.saves <= 0 or len(found.legs) == 1:
        return f"All of it goes to {where}: no split is better now."
    better = "cheaper" if found.side is Side.BUY else "more"
    return f"{small_money_text(look.saves)} {look.instrument.quote} {better} than {where} alone."


def button(look: RouteLook, armed: bool, ink: Ink, width: int) -> Line:
    """What Enter will send."""
    if not armed:
        return ((" DISARMED: Enter sends nothing".ljust(width), ink.warning + ink.on_bar),)
    if look.problem:
        return ((" ⏎ sends a complete order".ljust(width), ink.dim + ink.on_bar),)
    draft = look.draft
    where = "market" if draft.price is None else price_text(draft.price, look.instrument)
    venues = ", ".join(dict.fromkeys(venue_of(one.instrument) for one in look.drafts))
    text = f" ⏎ {draft.side.upper()} {plain_text(draft.quantity)} @ {where} at "
    text += venues if cell_len(text + venues) <= width else f"{len(look.drafts)} venues"
    style = (ink.bid + ink.on_bid) if draft.side is Side.BUY else (ink.ask + ink.on_ask)
    return ((text[:width].ljust(width), style),)


def fate(route: Route, filled: Decimal, ink: Ink, width: int) -> list[Line]:
    """What became of a route that was sent."""
    if not route.is_active:
        whole = filled >= route.quantity
        return wrapped(sentence(route.reason), "● " if whole else "✗ ", ink.own if whole else ink.error, width)
    text = f"Sent to {len(route.legs)} venues: {plain_text(filled)} of {plain_text(route.quantity)} filled."
    return wrapped(text, "● ", ink.own, width)
