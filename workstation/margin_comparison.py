"""Leverage, margin mode and liquidation prices as a venue tells them: they may be changed at its page at any time.

They are read after each comparison, beside all else: no order waits for them. What the desk has never known is adopted
without a word; what differs from what it knew is a difference, told once, and appended as what the venue has changed.
What a venue told last holds while it tells nothing else (many tell of open positions only); a venue that gives no
answer twice has told nothing. Until it has, the screen says "not known", no liquidation price of the desk's own is
shown, which would be a guess, and margin is reckoned at a leverage of 1.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from workstation.domain.events import LeverageChanged, MarginModeChanged
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.margin import MarginMode, MarginSetting, MarginTold
from workstation.domain.numbers import plain
from workstation.log import DeskLog
from workstation.trading.core import TradingCore
from workstation.venues.contract import KeepsMargin, RealLink, TellsMargin, Venue, VenueError

#: Seconds for one reading: its questions wait behind everything else.
_PATIENCE = 60.0
#: Instruments without position and working order that are asked again at one comparison, of those that are known.
_AGAIN = 8


class MarginComparison:
    """Of all venues that tell. `begin` after a comparison; `settled` is False while one is read."""

    def __init__(
        self, core: TradingCore, log: DeskLog, now: Callable[[], int], found: Callable[[str, str, str], None]
    ) -> None:
        """`found(venue, kind, words)`: a difference."""
        self._core, self._log, self._now, self._found = core, log, now, found
        self._running: dict[str, asyncio.Task[None]] = {}
        self._read: dict[InstrumentId, float] = {}  # when each was last asked for
        self._failed: dict[str, int] = {}  # readings in a row without an answer
        self._said: dict[str, int] = {}  # the epoch of each venue in which the log was told that it does not tell

    def introduce(self, venue: Venue) -> None:
        """Its derivatives are not known until it tells."""
        if isinstance(venue, TellsMargin):
            self._core.portfolio.margin.keepers.add(venue.name)
            venue.on_margin = partial(self._heard, venue)

    def _heard(self, venue: Venue, name: InstrumentId, word: MarginTold) -> None:
        instrument = self._core.instruments.get(name)
        if instrument is not None and isinstance(venue, KeepsMargin):
            self._take(venue, instrument, word)

    @property
    def settled(self) -> bool:
        return not self._running

    def begin(self, venue: Venue) -> None:
        if not isinstance(venue, TellsMargin) or not isinstance(venue, KeepsMargin) or venue.name in self._running:
            return
        task = asyncio.create_task(self._compare(venue), name=f"leverage at {venue.name}")
        self._running[venue.name] = task
        task.add_done_callback(lambda _: self._running.pop(venue.name, None))

    async def close(self) -> None:
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _compare(self, venue: Venue) -> None:
        assert isinstance(venue, TellsMargin)
        assert isinstance(venue, KeepsMargin)
        book = self._core.portfolio.margin
        ours = [each for each in self._core.instruments.values() if each.venue == venue.name and not each.is_spot]
        if not ours:
            return
        before = dict(book.told)
        try:
            told = await asyncio.wait_for(venue.margin_told(self._wanted(ours)), _PATIENCE)
        except (VenueError, TimeoutError) as error:
            times = self._failed[venue.name] = self._failed.get(venue.name, 0) + 1
            if times > 1:
                for each in ours:
                    book.told.pop(each.id, None)
                self._say(venue, f"{str(error).rstrip('.') or 'no answer'}")
            return
        except Exception as error:
            self._log.error("account", f"Leverage and margin mode at {venue.name} could not be read: {error!r}.")
            return
        self._failed.pop(venue.name, None)
        for each in ours:
            if (word := told.get(each.id)) is not None:
                self._take(venue, each, _unless_newer(word, before.get(each.id), book.told.get(each.id)))
        untold = [each.symbol for each in ours if not book.knows(each) and self._busy(each)]
        if untold:
            self._say(venue, f"not of {', '.join(untold[:3])}{' …' if len(untold) > 3 else ''}")

    def _wanted(self, ours: list[Instrument]) -> list[InstrumentId]:
        """Those with a position or a working order, then those that are not known, then some of the rest in turn."""
        book, now = self._core.portfolio.margin, asyncio.get_running_loop().time()
        busy = [each.id for each in ours if self._busy(each)]
        unknown = [each.id for each in ours if each.id not in busy and not book.knows(each)]
        rest = [each.id for each in ours if each.id not in busy and book.knows(each)]
        wanted = [*busy, *unknown, *sorted(rest, key=lambda name: self._read.get(name, 0.0))[:_AGAIN]]
        self._read |= dict.fromkeys(wanted, now)
        return wanted

    def _busy(self, instrument: Instrument) -> bool:
        return bool(
            self._core.portfolio.position(instrument.id).quantity or self._core.orders.open_orders(instrument.id)
        )

    def _say(self, venue: Venue, why: str) -> None:
        """Once for each connection."""
        epoch = venue.epoch if isinstance(venue, RealLink) else 0
        if self._said.get(venue.name) != epoch:
            self._said[venue.name] = epoch
            self._log.warning(
                "account",
                f"{venue.name} does not tell leverage and margin mode ({why}): they are shown as not known, and margin "
                "is reckoned at a leverage of 1.",
            )

    def _take(self, venue: KeepsMargin, instrument: Instrument, word: MarginTold) -> None:
        book, name = self._core.portfolio.margin, instrument.id
        earlier = book.told.get(name)
        known = earlier is not None or name in book.settings
        if earlier is not None:
            word = msgspec.structs.replace(
                word, leverage=word.leverage or earlier.leverage, mode=word.mode or earlier.mode
            )
        book.told[name] = word
        held, had = self._core.portfolio.position(name), book.setting(instrument)
        mode, lever = word.mode or had.mode, word.leverage or had.leverage
        if venue.on_entry is None or MarginSetting(lever, mode) == had:
            return
        at = self._now()
        terms: dict[str, Any] = {"ts": at, "venue": instrument.venue, "instrument": name}
        if mode is not had.mode:
            venue.on_entry(MarginModeChanged(entry_id=f"margin-{name}-{at}", mode=mode, **terms))
            words = f"{name}: {mode} margin at {instrument.venue}, the desk had {had.mode}"
            self._differs(known, instrument.venue, "margin mode", words)
        # a position that has become isolated is margined by the leverage anew
        if lever != had.leverage or (mode is MarginMode.ISOLATED and held.quantity):
            venue.on_entry(LeverageChanged(entry_id=f"leverage-{name}-{at}", leverage=lever, **terms))
        if lever != had.leverage:
            words = f"{name}: leverage {plain(lever)} at {instrument.venue}, the desk had {plain(had.leverage)}"
            self._differs(known, instrument.venue, "leverage", words)

    def _differs(self, known: bool, venue: str, kind: str, words: str) -> None:
        if known:
            self._found(venue, kind, words)
            self._log.warning("account", f"{words}: changed at the exchange.")


def _unless_newer(word: MarginTold, before: MarginTold | None, now: MarginTold | None) -> MarginTold:
    """An answer, but for what the desk or a stream has changed since it was asked for."""
    if now is None or now is before:
        return word
    before = before or MarginTold()
    return MarginTold(
        leverage=word.leverage if now.leverage == before.leverage else now.leverage,
        mode=word.mode if now.mode == before.mode else now.mode,
        quantity=now.quantity,
        liquidation=now.liquidation,
    )
