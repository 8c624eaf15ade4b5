"""Decimal texts of raw messages to whole ticks and lots, exactly and fast."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal, InvalidOperation

from workstation.domain.instrument import InstrumentId
from workstation.domain.market import Levels
from workstation.domain.numbers import ONE, floor_to, is_multiple


class OffGrid(ValueError):
    """A price or quantity that is not on the instrument's steps; the text is a sentence part for the trader."""


class Grid(dict[str, int]):
    """Whole steps by text: `grid["61804.70"]`. Texts repeat, so each is converted once and remembered.

    Raises `OffGrid` for a text that is not a multiple of the step.
    """

    REMEMBERED = 100_000

    def __init__(self, step: Decimal) -> None:
        super().__init__()
        self.step = step

    def __missing__(self, text: str) -> int:
        value = _decimal(text)
        if not is_multiple(value, self.step):
            raise OffGrid(f"{text} is not a multiple of {self.step}")
        if len(self) >= self.REMEMBERED:
            self.clear()
        steps = self[text] = int(value / self.step)
        return steps


class Quantities(Grid):
    """Whole lots by text. Books hold quantities that are finer than the lot (left from before a lot was made coarser):
    they count as whole lots rounded down, but as one lot at least."""

    def __missing__(self, text: str) -> int:
        try:
            return super().__missing__(text)
        except OffGrid:
            lots = self[text] = max(1, int(floor_to(_decimal(text), self.step) / self.step))
            return lots


class Grids:
    """The price and quantity grid of one instrument.

    A venue that has made a tick coarser keeps old orders between the new ticks. Where the tick is known from the
    venue (`between_ticks`), such levels are left out and counted; where it was inferred, they raise `OffGrid`.
    """

    __slots__ = ("_between_ticks", "_left_out", "price", "quantity")

    def __init__(self, tick: Decimal, lot: Decimal, *, between_ticks: bool = False) -> None:
        self.price = Grid(tick)
        self.quantity = Quantities(lot)
        self._between_ticks = between_ticks
        self._left_out: set[str] = set()

    def levels(self, texts: Sequence[Sequence[str]]) -> Levels:
        price, quantity = self.price, self.quantity
        try:
            return tuple([(price[level[0]], quantity[level[1]]) for level in texts])
        except OffGrid:
            if not self._between_ticks:
                raise
        return tuple([(price[level[0]], quantity[level[1]]) for level in texts if self._on_tick(level[0])])

    def _on_tick(self, text: str) -> bool:
        if text in self._left_out:
            return False
        try:
            return self.price[text] >= 0
        except OffGrid:
            self._left_out.add(text)
            return False

    def notices(self, instrument: InstrumentId) -> list[str]:
        count, tick = len(self._left_out), self.price.step
        return (
            [f"{count} prices of {instrument} between its ticks of {tick} are left out of its book."] if count else []
        )

    def bids(self, texts: Sequence[Sequence[str]]) -> Levels:
        """Levels of a snapshot, best (highest) first."""
        return tuple(sorted(self.levels(texts), reverse=True))

    def asks(self, texts: Sequence[Sequence[str]]) -> Levels:
        return tuple(sorted(self.levels(texts)))


class Steps:
    """Finds an instrument's tick and lot in its data, where a recording has no metadata.

    The step is the finest decimal place that any number seen so far uses (trailing zeros do not count): 61804.70 and
    61805.10 give 0.1. A full snapshot of a book, which is always among what is seen, uses every place in practice; a
    step that is not a power of ten (0.5, 25) is found as the power of ten beneath it.
    """

    def __init__(self) -> None:
        self._prices = 0
        self._quantities = 0

    def see(self, levels: Iterable[Sequence[str]]) -> None:
        for level in levels:
            self._prices = max(self._prices, _places(level[0]))
            self._quantities = max(self._quantities, _places(level[1]))

    @property
    def tick(self) -> Decimal:
        return ONE.scaleb(-self._prices)

    @property
    def lot(self) -> Decimal:
        return ONE.scaleb(-self._quantities)


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise OffGrid(f"{text!r} is not a number") from None


def _places(text: str) -> int:
    _, point, fraction = text.partition(".")
    return len(fraction.rstrip("0")) if point else 0
