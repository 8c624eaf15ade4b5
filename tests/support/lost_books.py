"""A loopback exchange of Binance's dialect whose books fall silent while all else goes on."""

from __future__ import annotations

import pytest

from tests.support.exchange.socket import Socket


def silence_books(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """While the list holds something, no change of a book is told."""
    gone: list[bool] = []
    send = Socket.send

    def without_books(self: Socket, place: str, text: str) -> None:
        if not (gone and "depthUpdate" in place):
            send(self, place, text)

    monkeypatch.setattr(Socket, "send", without_books)
    return gone
