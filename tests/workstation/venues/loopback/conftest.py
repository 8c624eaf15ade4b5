"""Clients of the loopback exchange: unmodified ccxt classes with other addresses."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import ccxt.pro
import pytest

from tests.support.exchange import LoopbackExchange

type Connect = Callable[..., Any]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """connect(exchange, login="main", **changes of the config) → a ccxt client, closed at the end of the test."""
    clients: list[Any] = []

    def open_client(exchange: LoopbackExchange, login: str = "main", **changes: Any) -> Any:
        config = exchange.config(login) | {"timeout_on_exit": 0} | changes
        client = getattr(ccxt.pro, exchange.name)(config)
        client.timeout_on_exit = 0
        clients.append(client)
        return client

    yield open_client
    for client in clients:
        await client.close()
