"""Takes notes to their addresses, each in a thread for which nobody waits: a server that goes on answering for ever
holds up neither the next address nor the end of the process."""

from __future__ import annotations

import asyncio

from workstation.aside import aside
from workstation.notify.delivery import Deliver

#: Wall-clock seconds after which a note counts as not answered.
PATIENCE = 20.0


class Courier:
    """On one event loop."""

    def __init__(self, deliver: Deliver, patience: float = PATIENCE) -> None:
        self._deliver = deliver
        self._patience = patience
        self._out: set[str] = set()  # addresses that have not answered yet: threads do not pile up behind one

    async def take(self, address: str, title: str, text: str) -> str | None:
        """Bring one note. None if it was taken, else why not, as the rest of a sentence."""
        if address in self._out:
            return "has not answered to an earlier note yet"
        self._out.add(address)
        answer = aside(lambda: self._deliver(address, title, text), "a note")
        answer.add_done_callback(lambda _: self._out.discard(address))
        try:
            async with asyncio.timeout(self._patience):
                return await asyncio.shield(answer)
        except TimeoutError:
            return f"has not answered within {self._patience:g} s"
        except Exception as error:
            return f"did not take the note ({type(error).__name__})"
