"""How well a query fits a text: every word of it must be found, as it stands or with letters left out."""

from __future__ import annotations


def score(query: str, text: str) -> float:
    """0 for no match; higher is better. Case does not matter; the beginning of a word counts most."""
    text = text.lower()
    total = 1.0
    for word in query.lower().split():
        one = _word(word, text)
        if one == 0:
            return 0.0
        total += one
    return total


def _word(word: str, text: str) -> float:
    at = text.find(word)
    if at >= 0:
        start = at == 0 or not text[at - 1].isalnum()
        return 100 + (50 if start else 0) + 20 * len(word) / len(text) - min(at, 40) / 4
    position = -1
    gaps = 0
    for letter in word:
        found = text.find(letter, position + 1)
        if found < 0:
            return 0.0
        if position >= 0 and found != position + 1:
            gaps += 1
        position = found
    return max(1.0, 40 - 8 * gaps) if gaps <= len(word) // 2 + 1 else 0.0
