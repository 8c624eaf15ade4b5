"""One WebSocket of a client, with everything that may happen to its messages on the way."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable

from aiohttp import WSMsgType, web

from tests.support.exchange.dialect import Talk
from tests.support.exchange.faults import Faults, Kind


class Socket:
    """Sends in order unless a fault says otherwise. `subscribed` and `login` belong to the dialect."""

    def __init__(
        self, answer: web.WebSocketResponse, request: web.Request, faults: Faults, kinds: Iterable[Kind]
    ) -> None:
        self.path = request.path
        self.query = dict(request.query)
        self.subscribed: set[str] = set()
        self.login: str | None = None
        self.silent = False
        self._answer, self._request = answer, request
        self._faults, self._kinds = faults, tuple(kinds)
        self._queue: asyncio.Queue[str | None] = asyncio.Queue()
        self._kept: str | None = None  # a message that waits to be overtaken

    def send(self, place: str, text: str) -> None:
        """Put a message on its way. Never waits."""
        fault = self._faults.strike(place, self._kinds)
        match None if fault is None else fault.kind:
            case Kind.DROP:
                return
            case Kind.DELAY:
                asyncio.get_running_loop().call_later(fault.seconds, self._queue.put_nowait, text)  # type: ignore[union-attr]
                return
            case Kind.DUPLICATE:
                self._queue.put_nowait(text)
            case Kind.REORDER:
                kept, self._kept = self._kept, text
                if kept is not None:
                    self._queue.put_nowait(kept)
                return
            case Kind.CORRUPT:
                text = text[: len(text) * 2 // 3] + "\ufffd"
            case Kind.CLOSE:
                self.cut()
                return
            case Kind.SILENCE:
                self.silent = True
        self._queue.put_nowait(text)
        if self._kept is not None:
            kept, self._kept = self._kept, None
            self._queue.put_nowait(kept)

    @property
    def said_all(self) -> bool:
        """Whether nothing waits to be sent."""
        return self._queue.empty()

    def cut(self) -> None:
        """The connection is gone, without a word."""
        self._queue.put_nowait(None)
        if self._request.transport is not None:
            self._request.transport.abort()

    async def talk(self, listener: Talk) -> None:
        sender = asyncio.get_running_loop().create_task(self._send_all())
        try:
            async for message in self._answer:
                if self.silent:
                    continue
                if message.type is WSMsgType.TEXT:
                    listener(self, message.data)
                elif message.type is WSMsgType.PING:
                    with contextlib.suppress(ConnectionError, RuntimeError):
                        await self._answer.pong(message.data)
        finally:
            sender.cancel()

    async def _send_all(self) -> None:
        while (text := await self._queue.get()) is not None:
            if self.silent:
                continue
            try:
                await self._answer.send_str(text)
            except (ConnectionError, RuntimeError):
                return  # the client has gone
