"""What the server needs of a wire protocol, and the words that both have in common."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qsl

from workstation.domain.instrument import Instrument

if TYPE_CHECKING:
    from tests.support.exchange.server import LoopbackExchange
    from tests.support.exchange.socket import Socket

#: Called with each message of a client: (socket, the text of it).
type Talk = Callable[[Socket, str], None]
#: What is to be told to the streams once a request is done.
type After = Callable[[], None]


def nothing() -> None:
    pass


@dataclass(frozen=True)
class Wire:
    """A request as it came."""

    method: str
    path: str
    query: str
    body: str
    headers: dict[str, str]
    peer: str

    @cached_property
    def params(self) -> dict[str, str]:
        """Those of the query and of a body, be it a form or JSON."""
        pairs = parse_qsl(self.query, keep_blank_values=True)
        if self.body.startswith("{"):
            with contextlib.suppress(ValueError):
                pairs += [(name, str(value)) for name, value in json.loads(self.body).items()]
        elif self.body:
            pairs += parse_qsl(self.body, keep_blank_values=True)
        return dict(pairs)

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers.items() if key.lower() == name.lower()), "")


@dataclass(frozen=True)
class Answer:
    text: str
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class Dialect(Protocol):
    #: What the exchange lists unless it is told otherwise.
    instruments: Sequence[Instrument]

    def start(self, exchange: LoopbackExchange) -> None:
        """On the exchange's loop, before anybody connects."""
        ...

    def config(self, address: str) -> dict[str, Any]:
        """ccxt's addresses and the options without which it asks for more than is served here."""
        ...

    def answer(self, wire: Wire, *, pretend: bool) -> tuple[Answer, After]:
        """Do what is asked; with `pretend` say that it was done."""
        ...

    def trouble(self, status: int) -> Answer:
        """The answer of a venue in trouble or out of patience."""
        ...

    def socket(self, path: str) -> Talk | None:
        """Who listens on a socket of this path."""
        ...

    def opened(self, socket: Socket) -> None:
        """A socket is there; some tell who they are by their address alone."""
        ...

    def gone(self, socket: Socket) -> None: ...
