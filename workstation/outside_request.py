"""The halt request of `tws kill` on its way to the disk, which may hang: then the desk itself is asked all the same."""

from __future__ import annotations

import threading
from pathlib import Path

from workstation.watch.requests import HaltRequest, HaltRequests

#: Seconds after which a disk that has not answered counts as one that hangs.
PATIENCE = 2.0
#: Where there is no desk either.
NOTHING_DONE = (
    "No desk answers, and the disk of its store does not either: nothing could be done from here. Pull the orders and "
    "close the positions at the venues, or repeat this command when the disk answers."
)


class Leaving:
    """Begun when it is made, by a thread for which nobody waits."""

    def __init__(self, requests: HaltRequests, request: HaltRequest, state: Path) -> None:
        """`state`: the folder of the desk's address, which is made too."""
        self._requests, self._request, self._state = requests, request, state
        #: Whether it is durable beside the store.
        self.written = False
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="halt request", daemon=True)
        self._thread.start()

    def hangs(self) -> bool:
        """Whether the disk has not answered yet: whatever else is tried on it would hang as well."""
        return self._thread.is_alive()

    def problem(self) -> str:
        """Wait for it, not for ever. Why it is not there, in words; empty where it is."""
        self._thread.join(PATIENCE)
        if self.written:
            return ""
        return str(self._error) if self._error is not None else f"the disk does not answer within {PATIENCE:g} s"

    def _run(self) -> None:
        try:
            self._state.mkdir(parents=True, exist_ok=True)
            self._requests.write(self._request)
            self.written = True
        except OSError as error:
            self._error = error
