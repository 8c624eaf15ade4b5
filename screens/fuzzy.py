"""How well a query fits a title: every word of it must be found, as it stands or as letters left out of the title."""

from __future__ import annotations


def score(query: str, title: str, words: str = "") -> float:
    """0 for no match; higher is better. Case does not matter; the beginning of a word of the title counts most, then
    what stands inside it, the first letters of its words, the other `words`, and last a title that has the letters in
    this order."""
    title, words = title.lower(), words.lower()
    total = 0.0
    for word in query.lower().split():
        one = _word(word, title) or _initials(word, title) or (50.0 if word in words else 0.0) or _letters(word, title)
        if one == 0:
            return 0.0
        total += one
    return total


def _word(word: str, title: str) -> float:
    at = title.find(word)
    if at < 0:
        return 0.0
    start = at == 0 or not title[at - 1].isalnum()
    return 100 + (50 if start else 0) + 20 * len(word) / len(title) - min(at, 40) / 4


def _initials(word: str, title: str) -> float:
    """The mnemonic of a title: the first letters of its words, "ot" for "Order ticket"."""
    initials = "".join(part[0] for part in title.replace("/", " ").split() if part[0].isalnum())
    return 90.0 + 20 * len(word) / len(initials) if len(word) > 1 and initials.startswith(word) else 0.0


def _letters(word: str, title: str) -> float:
    """The letters in order, the first at the beginning of a word, with at most two jumps."""
    best = 0.0
    for start, letter in enumerate(title):
        if letter != word[0] or (start and title[start - 1].isalnum()):
            continue
        at, jumps = start, 0
        for wanted in word[1:]:
            found = title.find(wanted, at + 1)
            if found < 0:
                break
            jumps += found != at + 1
            at = found
        else:
            if jumps <= 2:
                best = max(best, 40.0 - 10 * jumps)
    return best
