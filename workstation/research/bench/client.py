"""The desk's side of the research process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workstation.research.bench.messages import LONG, BenchError, Offer, Request, RunRequest
from workstation.sideline.client import SideProcess


class Bench(SideProcess):
    """One process, started by the first question and kept warm. Questions of the long kind (a sweep) and short ones run
    beside each other; of each kind one after another."""

    def __init__(self) -> None:
        super().__init__("workstation.research.bench.worker", "research", BenchError)
        #: What could be picked when it was asked for last.
        self.offer: Offer | None = None

    async def ask(self, request: Request, on_part: Callable[[Any], None] | None = None) -> Any:
        """The answer; `on_part` hears what comes before it (progress, cells of a sweep, a word on what is being done).

        Cancelling the awaiting task calls the work off. Raises `BenchError` with a sentence.
        """
        answer = await super().ask(request, on_part)
        if isinstance(answer, Offer):
            self.offer = answer
        return answer

    def is_long(self, request: Request) -> bool:
        return isinstance(request, LONG)

    def warms(self, request: Request) -> bool:
        return isinstance(request, RunRequest)
