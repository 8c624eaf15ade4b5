"""Comparing leverage and margin mode with what a venue tells: the trader may change them at its page at any time.

A difference is appended as what the venue has changed. What it does not tell is not known: then no liquidation price of
the desk's own is shown either, which would be a guess.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from workstation.domain.events import LeverageChanged, MarginModeChanged
from workstation.domain.numbers import plain
from workstation.log import DeskLog
from workstation.trading.core import TradingCore
from workstation.venues.contract import KeepsMargin, TellsMargin, Venue, VenueError


async def compare_margin(
    venue: Venue, core: TradingCore, log: DeskLog, now: Callable[[], int], found: Callable[[str, str, str], None], *,
    seconds: float,
) -> None:  # fmt: skip
    """Never raises for a venue that cannot answer: nothing else of a comparison hangs on it."""
    if not isinstance(venue, TellsMargin) or not isinstance(venue, KeepsMargin):
        return
    try:
        version = core.portfolio.version
        told = await asyncio.wait_for(venue.margin_told(), seconds)
        if core.portfolio.version != version:  # what was booked meanwhile may be newer than the answer
            told = await asyncio.wait_for(venue.margin_told(), seconds)
    except (VenueError, TimeoutError) as error:
        core.margin_told = {name: each for name, each in core.margin_told.items() if not _of(name, venue)}
        log.warning(
            "account", f"{venue.name} does not tell leverage and margin mode: {str(error) or 'no answer'}. Not known."
        )
        return
    before = core.margin_told
    core.margin_told = {name: each for name, each in before.items() if not _of(name, venue)} | told
    for name, each in told.items():
        instrument = core.instruments.get(name)
        if instrument is None or venue.on_entry is None:
            continue
        setting, position = core.portfolio.margin.setting(instrument), core.portfolio.position(name)
        moved = each.mode is not None and each.mode is not setting.mode
        if moved and each.mode is not None:
            words = f"{name}: {each.mode} margin at {venue.name}, the desk had {setting.mode}"
            entry_id = f"margin-{name}-{now()}"
            venue.on_entry(
                MarginModeChanged(ts=now(), venue=venue.name, entry_id=entry_id, instrument=name, mode=each.mode)
            )
            found(venue.name, "margin mode", words)
            log.warning("account", f"{words}: changed at the exchange.")
        lever = each.leverage or setting.leverage
        # a position that has become isolated is margined by the leverage anew
        if lever != setting.leverage or (moved and position.quantity):
            entry_id = f"leverage-{name}-{now()}"
            venue.on_entry(
                LeverageChanged(ts=now(), venue=venue.name, entry_id=entry_id, instrument=name, leverage=lever)
            )
        if lever != setting.leverage:
            words = f"{name}: leverage {plain(lever)} at {venue.name}, the desk had {plain(setting.leverage)}"
            found(venue.name, "leverage", words)
            log.warning("account", f"{words}: changed at the exchange.")
        if not each.known and (name not in before or before[name].known):
            log.warning("account", f"{name}: {venue.name} does not tell leverage and margin mode now: not known.")


def _of(name: str, venue: Venue) -> bool:
    return name.startswith(f"{venue.name}:")
