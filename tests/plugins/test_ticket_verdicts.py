"""What the ticket shows of the risk checks where they have not room enough."""

from __future__ import annotations

from plugins.ticket.report import verdicts
from screens.theme import DARK, INKS
from workstation.trading.risk_question import Verdict


def shown(height: int) -> list[str]:
    found = [Verdict(check, f"The {check} says at some length why this order may not be sent.") for check in "ab"]
    lines = verdicts([*found, Verdict("c", "")], INKS[DARK], 36, height)
    return ["".join(text for text, _ in line) for line in lines]


def test_where_room_is_short_every_refusal_is_seen_at_least_by_its_beginning() -> None:
    assert shown(2) == [" ✗ The a says at some length why …", " ✗ The b says at some length why …"]
    assert [row[:8] for row in shown(3)] == [" ✗ The a", "   this ", " ✗ The b"]
    assert [row[:8] for row in shown(4)] == [" ✗ The a", "   this ", " ✗ The b", "   this "]
    assert shown(1)[0].endswith("… +1 ✗")


def test_a_number_is_never_cut_in_the_middle() -> None:
    text = "The order's value 3,210,005.00 is above your limit of 100,000.00 an order."
    for width in range(24, 60):
        found = verdicts([Verdict("a", text), Verdict("b", text)], INKS[DARK], width, 1)
        told = found[0][0][0].removeprefix(" ✗ ").partition(" …")[0]
        assert f"{text} ".startswith(f"{told} "), width
