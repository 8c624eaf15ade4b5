"""The exchange object of ccxt as the desk uses it: its class unmodified, and beneath it hooks in a few places.

The hooks are methods that ccxt calls on itself: the throttle (our queue, `gate`), the handler of raw messages (sequence
numbers, heartbeat), the factories of order books (`books`), opening a connection (link state), and choosing one (which
books stand on it).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

from workstation.history.ccxt_class import UnknownExchange, pro_class
from workstation.venues.ccxt import listen_token
from workstation.venues.ccxt.books import Tape, patched
from workstation.venues.ccxt.borrowing import lending_of
from workstation.venues.ccxt.errors import words_of
from workstation.venues.ccxt.gate import RequestGate
from workstation.venues.ccxt.particulars import Particulars
from workstation.venues.ccxt.prepared import preparing, turn
from workstation.venues.ccxt.settings import Credentials, VenueSettings
from workstation.venues.contract import VenueError

#: Milliseconds after which ccxt gives a request up.
_TIMEOUT = 8_000


class Hooks:
    """What the desk hears and steers of one exchange object."""

    def __init__(self, gate: RequestGate | None = None) -> None:
        self.gate = gate
        #: See `Particulars.costs`.
        self.costs: Mapping[str, float] = {}
        self.dirty: list[Tape] = []
        #: Before ccxt takes a raw message: False keeps it from ccxt.
        self.on_message: Callable[[Any, Any], bool] = lambda _client, _message: True
        #: After ccxt has taken a raw message.
        self.after_message: Callable[[Any, Any], None] = lambda _client, _message: None
        #: Binance's word that the account's leverage was changed, of which ccxt takes no notice.
        self.on_config: Callable[[Mapping[str, Any]], None] = lambda _message: None
        self.on_open: Callable[[Any], None] = lambda _client: None
        #: A watch method is about to wait for what this connection brings.
        self.on_use: Callable[[Any], None] = lambda _client: None
        #: A connection has shown that it lives, and told nothing: a ping, or the answer to one.
        self.on_beat: Callable[[Any], None] = lambda _client: None
        #: Why something that is tried again was in vain so far, in words.
        self.on_trouble: Callable[[str], None] = lambda _words: None
        self._beside: set[asyncio.Task[None]] = set()

    def beside(self, work: Coroutine[Any, Any, None]) -> None:
        """Run what lasts beside the streams, until it ends or they do."""
        task = asyncio.create_task(work)
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)

    async def stop(self) -> None:
        tasks = list(self._beside)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Unreadable(ConnectionError):
    """A message that cannot be read: what it would have told is missing, and so its connection is of no use."""


class Overtaken(ConnectionError):
    """A picture of a book that was begun anew while it was on its way."""


def hooked(exchange_class: type[Any], hooks: Hooks) -> type[Any]:
    """A subclass of a ccxt class that calls the hooks."""

    async def throttle(self: Any, cost: Any = None) -> None:
        if (early := preparing.get()) is not None:
            early.owe(cost)
            if not early.signs:
                await early.wait()
        elif (paid := turn.get()) is not None and paid.take():
            return
        elif hooks.gate is not None:
            await hooks.gate.pass_through(cost)

    def calculate_rate_limiter_cost(
        self: Any, api: Any, method: str, path: str, params: Any, config: Any = None
    ) -> Any:
        if (cost := hooks.costs.get(path)) is not None:
            return cost
        return exchange_class.calculate_rate_limiter_cost(self, api, method, path, params, config or {})

    def sign(self: Any, path: str, api: Any = "public", method: str = "GET", params: Any = None, *more: Any) -> Any:
        """At the last moment before a request is sent, however long it has waited for its turn."""
        if path in getattr(self, "bears_deadline", ()):
            ahead = int(self.receive_window * 1_000)
            params = {**(params or {}), "deadline": self.iso8601(self.nonce() + ahead)}  # by the exchange's clock
        return exchange_class.sign(self, path, api, method, params or {}, *more)

    def handle_message(self: Any, client: Any, message: Any) -> None:
        if hooks.on_message(client, message):
            exchange_class.handle_message(self, client, message)
            hooks.after_message(client, message)

    def handle_account_message(self: Any, client: Any, message: Any) -> None:
        if type(message) is dict and message.get("e") == "ACCOUNT_CONFIG_UPDATE":
            hooks.on_config(message)
        handle_message(self, client, message)

    def on_connected(self: Any, client: Any, message: Any = None) -> None:
        exchange_class.on_connected(self, client, message)
        hooks.on_open(client)

    def client(self: Any, url: str) -> Any:
        found = exchange_class.client(self, url)
        if "handle_message" not in vars(found):
            found.handle_message = _heard(found, hooks)
        hooks.on_use(found)
        return found

    async def fetch_rest_order_book_safe(self: Any, symbol: str, *arguments: Any, **terms: Any) -> Any:
        book = self.orderbooks.get(symbol)
        picture = await exchange_class.fetch_rest_order_book_safe(self, symbol, *arguments, **terms)
        if self.orderbooks.get(symbol, book) is not book:
            raise Overtaken(f"the book of {symbol} was begun anew meanwhile")
        return picture

    def get_cache_index(self: Any, picture: Any, changes: Any) -> int:
        """Bitstamp stamps changes and pictures with a microsecond: what is newer than the picture is put on top of it.
        ccxt's own takes none of them unless one bears the very stamp of the picture, and its book stays wrong."""
        stamp = picture.get("nonce")
        if not changes or stamp is None or stamp < int(changes[0]["microtimestamp"]):
            return -1
        newer = (index for index, change in enumerate(changes) if int(change["microtimestamp"]) > stamp)
        return next(newer, len(changes))

    async def ensure_user_data_stream_ws_subscribe_signature(self: Any, market: str = "spot") -> None:
        """Binance's account stream. What has refused it has taken the subscription away before ccxt does, which
        stumbles there: who asks next would wait for the answer for ever, on a stream that seems to stand."""
        try:
            await exchange_class.ensure_user_data_stream_ws_subscribe_signature(self, market)
        except KeyError as stumbled:
            refused = stumbled.__context__
            if not isinstance(refused, Exception):
                raise
            connection = exchange_class.client(self, self.urls["api"]["ws"]["ws-api"][market])
            waiting = f"authenticate:signature:{market}"
            if waiting in connection.futures:
                connection.reject(refused, waiting)
            raise refused from None

    async def ensure_user_data_stream_ws_subscribe_listen_token(
        self: Any, market: str = "margin", params: Any = None
    ) -> None:
        async def ask() -> None:
            await exchange_class.ensure_user_data_stream_ws_subscribe_listen_token(self, market, params or {})

        await listen_token.subscribe(self, market, ask, hooks.beside, hooks.on_trouble)

    def handle_event_stream_terminated(self: Any, client: Any, message: Any) -> None:
        """Binance tells nothing more of the account. ccxt would leave everybody waiting for it."""
        listen_token.ended(client)

    body = patched(exchange_class, lambda _self: hooks.dirty)
    for method in (throttle, calculate_rate_limiter_cost, handle_message, on_connected, client):
        body[method.__name__] = method
    if hasattr(exchange_class, "fetch_order_book_snapshot"):  # it takes whichever book stands there when it is done
        body["fetch_rest_order_book_safe"] = fetch_rest_order_book_safe
    if hasattr(exchange_class, "ensure_user_data_stream_ws_subscribe_signature"):
        body["ensure_user_data_stream_ws_subscribe_signature"] = ensure_user_data_stream_ws_subscribe_signature
    if hasattr(exchange_class, "ensure_user_data_stream_ws_subscribe_listen_token"):
        body["ensure_user_data_stream_ws_subscribe_listen_token"] = ensure_user_data_stream_ws_subscribe_listen_token
    if hasattr(exchange_class, "handle_event_stream_terminated"):
        body["handle_event_stream_terminated"] = handle_event_stream_terminated
    if exchange_class.__name__ == "binanceusdm":
        body["handle_message"] = handle_account_message
    if exchange_class.__name__ == "kraken":
        body["sign"] = sign
    if exchange_class.__name__ == "bitstamp":
        body["get_cache_index"] = get_cache_index
    return type(exchange_class.__name__, (exchange_class,), body)


#: Opcodes of a ping and of its answer (RFC 6455, 5.5).
_BEATS = (9, 10)


def _heard(client: Any, hooks: Hooks) -> Callable[[Any], None]:
    """How a connection takes its messages, for ccxt's receive loop: an exception would end that loop without a word,
    and a connection that was given up would go on telling what waits in its buffer. `client.spoke` says that something
    has come."""
    take = client.handle_message

    def handle(message: Any) -> None:
        if client.error is not None:
            return
        client.spoke = True
        pong = client.lastPong
        try:
            take(message)
            # some exchanges answer a ping in a message of their own, which ccxt then notes as an answer
            if message.type in _BEATS or client.lastPong != pong:
                hooks.on_beat(client)
        except Exception as error:
            client.on_error(Unreadable(f"a message cannot be read: {words_of(error) or type(error).__name__}"))

    return handle


def open_exchange(
    facts: Particulars, settings: VenueSettings, credentials: Credentials | None, hooks: Hooks | None = None
) -> Any:
    """An exchange object, not connected yet; imports ccxt, so call it off the event loop.

    Raises `VenueError` for an exchange that ccxt.pro does not have, or one without the test network that is asked for.
    """
    try:
        kind = pro_class(facts.ccxt)
    except UnknownExchange as error:
        raise VenueError(str(error)) from None
    if hooks is not None:
        hooks.costs = facts.costs
    exchange = configured(kind if hooks is None else hooked(kind, hooks), facts, settings, credentials)
    guard(exchange, exchange.fetch, hooks)
    return exchange


def guard(exchange: Any, fetch: Callable[..., Awaitable[Any]], hooks: Hooks | None) -> None:
    """Have an exchange object ask by this, and take no answer that cannot be read; with hooks, the requests of orders
    that are being prepared are held there at the latest."""

    async def read(url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        if hooks is not None and (early := preparing.get()) is not None:
            await early.wait()
        return must_be_readable(await fetch(url, method, headers, body))

    exchange.fetch = read
    exchange.holds_requests = hooks is not None


def configured(kind: type[Any], facts: Particulars, settings: VenueSettings, credentials: Credentials | None) -> Any:
    """An object of a ccxt class, set up as the venue's settings say. Raises `VenueError`."""
    config: dict[str, Any] = {"enableRateLimit": True, "timeout": _TIMEOUT, "newUpdates": True}
    if credentials is not None:
        config |= {"apiKey": credentials.key, "secret": credentials.secret, "password": credentials.password}
        if credentials.wallet:
            config |= {"walletAddress": credentials.wallet, "privateKey": credentials.secret}
    exchange = kind(config)
    lending = lending_of(facts, settings)
    margin = {} if lending is None else lending.options
    exchange.options = exchange.deep_extend(exchange.options, facts.options, margin, settings.options)
    for snapshot in ("fetchPositionsSnapshot", "awaitPositionsSnapshot"):  # positions are compared by a question
        exchange.options.setdefault("watchPositions", {})[snapshot] = False
    exchange.bears_deadline, exchange.receive_window = facts.deadline, facts.receive_window
    exchange.options["maxRetriesOnFailure"] = 0  # an order is never sent twice, not by ccxt either
    for method in facts.withheld:
        setattr(exchange, method, _withheld)
    if settings.sandbox:
        try:
            exchange.set_sandbox_mode(True)
        except Exception as error:  # ccxt raises NotSupported, TypeError or KeyError where there is none
            raise VenueError(f"{facts.title} has no test network that ccxt knows of.") from error
    _redirect(exchange, settings.urls)
    return exchange


def must_be_readable(answer: Any) -> Any:
    """The answer to a request, if it is one. ccxt hands one that it cannot read on as text, and its parsers find
    nothing in it: half an answer about the account would be an empty account, half a list of open orders none. That
    goes for questions that are put by POST (Hyperliquid's and Kraken's) as well, and a command that is answered so has
    had no answer: what became of it is asked. A single value in JSON, as Hyperliquid gives some, is an answer.

    Raises ccxt's `BadResponse`.
    """
    from ccxt.base.errors import BadResponse

    text = answer.decode(errors="replace") if isinstance(answer, bytes) else answer
    if text is None or isinstance(text, str):
        try:
            value = json.loads(text or "")
        except ValueError:
            value = []
        if isinstance(value, dict | list):  # ccxt had tried it
            raise BadResponse("its answer cannot be read")
    return answer


async def _withheld(*_: Any) -> bool:
    return True


def rate_of(exchange: Any, facts: Particulars, share: float) -> RequestGate:
    """The queue for an exchange's rate limit; ccxt counts one unit of cost every `rateLimit` ms."""
    rate = 1_000.0 / max(1.0, float(exchange.rateLimit or 50.0)) * share
    return RequestGate(rate, rate * facts.burst_seconds)


def _redirect(exchange: Any, urls: Mapping[str, str]) -> None:
    """Put other addresses in place of the exchange's own."""
    for place, address in urls.items():
        if place == "host":
            exchange.urls["api"] = _rehosted(exchange.urls["api"], address)
            continue
        names = place.split(".")
        at = exchange.urls
        for name in names[:-1]:
            at = at.setdefault(name, {})
        at[names[-1]] = address


def _rehosted(value: Any, host: str) -> Any:
    """Every address with another scheme and host, its path kept: "http://127.0.0.1:8000" in place of https://…"""
    if isinstance(value, Mapping):
        return {name: _rehosted(each, host) for name, each in value.items()}
    if not isinstance(value, str) or "://" not in value:
        return value
    from urllib.parse import urlsplit

    theirs, ours = urlsplit(value), urlsplit(host)
    secure = ours.scheme in ("https", "wss")
    stream = theirs.scheme in ("ws", "wss")
    scheme = ("wss" if secure else "ws") if stream else ("https" if secure else "http")
    return f"{scheme}://{ours.netloc}{ours.path.rstrip('/')}{theirs.path}"


async def close_exchange(exchange: Any, seconds: float = 3.0) -> None:
    """Close sockets and sessions; whatever goes wrong there, the desk is done with it."""
    with contextlib.suppress(Exception):
        await asyncio.wait_for(exchange.close(), seconds)
