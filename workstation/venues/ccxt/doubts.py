"""Books whose last reading gave cause for doubt: the next change may end it, and where none does, the book is begun
anew. A feed that lags goes on, and is waited for; beginning it anew makes a crowded line no shorter."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from workstation.clock import SECOND, Clock
from workstation.venues.ccxt.books import BookReader
from workstation.venues.ccxt.stream_state import StreamState

#: Seconds between two looks: so long may a book stay crossed.
_LOOK = 1.0
#: ns without a word after which what came late is no feed that lags.
_SILENT = 5 * SECOND


class Doubts:
    """Of the books of one exchange object."""

    def __init__(
        self,
        readers: Mapping[str, BookReader],
        states: Mapping[str, StreamState],
        clock: Clock,
        deny: Callable[[str, str], None],
    ) -> None:
        """`deny(symbol, reason)` has a book begun anew."""
        self._readers, self._states, self._clock, self._deny = readers, states, clock, deny
        self._since: dict[str, int] = {}

    def begin(self, symbol: str, ts: int) -> None:
        self._since[symbol] = ts
        asyncio.get_running_loop().call_later(_LOOK, self._look, symbol, ts)

    def end(self, symbol: str) -> None:
        self._since.pop(symbol, None)
        self._readers[symbol].doubted = ""

    def _look(self, symbol: str, ts: int) -> None:
        reader, state = self._readers[symbol], self._states.get(f"book {symbol}")
        if self._since.get(symbol) != ts or not reader.doubted or state is None:
            return
        if reader.crossed or self._clock.now() - state.last > _SILENT:
            self._deny(symbol, reader.doubted)
        else:
            asyncio.get_running_loop().call_later(_LOOK, self._look, symbol, ts)
