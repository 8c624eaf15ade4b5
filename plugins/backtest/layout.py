"""How the page divides its room: the form at the left, charts over a table at the right."""

from __future__ import annotations

from dataclasses import dataclass

#: Tables and maps, in the order of `v`; the big ones take the room of the account's chart.
VIEWS = ("trades", "figures", "months", "splits", "sweep", "search", "luck", "walk", "band", "runs")
#: What the tabs say where it is not the table's own name, in full and where room is short.
TITLES = {"walk": ("Walk-forward", "Walk"), "band": ("Honesty", "Honesty")}
_BIG = ("splits", "sweep", "search", "luck", "walk", "band")


@dataclass(frozen=True, slots=True)
class Room:
    """Widths of the form and of the rest, and heights at the right, from the top: two lines of words, price with its
    time axis, account, drawdown, the tabs, the table."""

    form: int
    right: int
    price: int
    equity: int
    drawdown: int
    view: int

    @property
    def tabs_at(self) -> int:
        return 2 + self.price + (1 if self.price else 0) + self.equity + self.drawdown


def room(width: int, height: int, view: str) -> Room:
    """The division of a page of this size."""
    form = 34 if width >= 130 else 29 if width >= 95 else 25
    right = max(10, width - form - 1)
    rest = max(0, height - 3)
    if view in _BIG:
        below = min(rest, max(12, rest * 11 // 20))
    else:
        below = max(5, rest * 3 // 10)
    above = max(0, rest - below)
    if above < 5:
        return Room(form, right, 0, 0, 0, rest)
    if above < 9:
        return Room(form, right, above - 1, 0, 0, below)
    drawdown = 4 if above >= 26 else 2 if above >= 10 else 0
    equity = max(2, (above - drawdown) * 3 // 10)
    return Room(form, right, above - 1 - equity - drawdown, equity, drawdown, below)


def title_of(view: str, short: bool) -> str:
    """What a tab says."""
    return TITLES.get(view, (view.title(), view.title()))[short]


def tabs_in(width: int, view: str) -> tuple[tuple[str, ...], bool]:
    """The tabs that fit, the chosen one among them, and whether they are in short."""

    def wide(some: tuple[str, ...], short: bool) -> int:
        return sum(len(title_of(one, short)) + 2 for one in some)

    for short in (False, True):
        if wide(VIEWS, short) <= width:
            return VIEWS, short
    first = 0
    while VIEWS.index(view) >= first and wide(VIEWS[first : VIEWS.index(view) + 1], True) > width:
        first += 1
    shown = VIEWS[first:]
    while len(shown) > 1 and wide(shown, True) > width:
        shown = shown[:-1]
    return shown, True
