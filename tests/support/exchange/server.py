"""The loopback exchange: a real server on 127.0.0.1, in a thread of its own, that a desk cannot tell from the venue.

    with LoopbackExchange("binance") as exchange:
        client = ccxt.pro.binance(exchange.config())

`exchange.config()` holds nothing but addresses, a key and the options that ccxt needs against it: the class is
unmodified. `exchange.do(call)` runs a call on the exchange's own loop, where its state may be read and changed.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from concurrent.futures import Future
from decimal import Decimal
from typing import Any

from aiohttp import web

from tests.support.exchange.dialect import Answer, Dialect, Wire
from tests.support.exchange.faults import REQUEST_KINDS, STREAM_KINDS, Fault, Faults, Kind
from tests.support.exchange.floor import Floor, Login
from tests.support.exchange.socket import Socket
from tests.support.exchange.walker import Walker
from workstation.clock import Clock, LiveClock
from workstation.domain.instrument import Instrument
from workstation.domain.market import MarketEvent

RICH = {
    "USDT": Decimal(100_000),
    "BTC": Decimal(2),
    "ETH": Decimal(20),
    "SOL": Decimal(500),
}


def dialect(name: str) -> Dialect:
    if name == "binance":
        from tests.support.exchange.binance import Binance

        return Binance()
    if name == "binanceusdm":
        from tests.support.exchange.binance_usdm import BinanceUsdm

        return BinanceUsdm()
    if name == "bybit":
        from tests.support.exchange.bybit import Bybit

        return Bybit()
    raise ValueError(f"The loopback exchange does not speak {name}.")


class LoopbackExchange:
    """One exchange. `seed` moves its market; with `seed=None` it stands still until `feed` moves it by hand.

    It may be closed and opened again on the same port (`restart`): what it knows stays, every connection is cut.
    """

    def __init__(
        self,
        name: str = "binance",
        *,
        instruments: Iterable[Instrument] | None = None,
        logins: Iterable[Login] = (Login(balances=RICH),),
        seed: int | None = 1,
        rate: float = 0.3,
        port: int = 0,
        fee_in_quote: bool = False,
        limits: bool = True,
        clock: Clock | None = None,
        depth_every: float = 0.1,
    ) -> None:
        self.name = name  # of the ccxt class
        self.dialect: Any = dialect(name)
        self.faults = Faults()
        self.clock = clock or LiveClock()
        self.port = port
        self.limits = limits
        self.depth_every = depth_every
        self.floor = Floor(
            self.dialect.instruments if instruments is None else instruments,
            logins,
            self.clock,
            fee_in_quote=fee_in_quote,
        )
        self._seed, self._rate = seed, rate
        self.walker: Walker | None = None
        self.sockets: set[Socket] = set()
        #: (place, UTC ns of the exchange) of every request that was done: what a test counts.
        self.done: list[tuple[str, dict[str, str]]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._runner: web.AppRunner | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    # For tests, from their own thread

    def __enter__(self) -> LoopbackExchange:
        return self.open()

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> LoopbackExchange:
        ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="loopback exchange", daemon=True)
        self._thread.start()
        ready.result(30)
        return self

    def close(self) -> None:
        if self._thread is not None and self._loop is not None:
            self.faults.clear()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(30)
            self._thread = None

    def said_all(self) -> bool:
        """Whether nothing that the exchange has to say waits in a stream."""
        return self.do(lambda: all(socket.said_all for socket in self.sockets))

    def pause(self) -> None:
        """On its own loop: the market that moves by itself stands still from now on."""
        if self.walker is not None:
            self.walker.paused = True

    def do[T](self, call: Callable[[], T]) -> T:
        """Run a call on the exchange's loop and wait for what it gives."""

        async def run() -> T:
            return call()

        return self.wait(run())

    def wait[T](self, work: Coroutine[Any, Any, T]) -> T:
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def feed(self, *events: MarketEvent) -> None:
        """Move the market by hand."""
        self.do(lambda: [self.floor.feed(event) for event in events])

    def restart(self, away: float = 0.0) -> None:
        """Every connection is cut and nothing listens for `away` seconds; orders, fills and money stay."""
        self.wait(self._restart(away))

    def cut(self, path: str = "") -> None:
        """Close every socket whose path contains `path`."""
        self.do(lambda: [socket.cut() for socket in list(self.sockets) if path in socket.path])

    def drift(self, seconds: float) -> None:
        """Set the exchange's clock ahead of (or behind) the truth."""
        self.floor.drift = int(seconds * 1e9)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def config(self, login: str = "main") -> dict[str, Any]:
        """What the ccxt class is built with."""
        who = self.floor.account(login).login
        return {"apiKey": who.key, "secret": who.secret} | self.dialect.config(self.address)

    def places(self) -> dict[str, str]:
        """Its addresses by their place in ccxt's `urls` ("api.ws.spot"), as the settings of a venue name them."""
        return dict(_flat(self.dialect.config(self.address)["urls"]))

    def profile(self, name: str = "loop", mode: str = "live", symbols: Iterable[str] = (), **terms: Any) -> str:
        """A profile of the config file (TOML) for a desk on it; the venue is called LOOP. Its key goes into
        the environment as TWSKEY_LOOP_KEY and TWSKEY_LOOP_SECRET."""
        return profile_of({"loop": self}, name, mode, symbols, **terms)

    def keys(self, name: str = "loop", login: str = "main") -> dict[str, str]:
        """The environment variables of its key, for a venue of this name."""
        who = self.floor.account(login).login
        return {f"TWSKEY_{name.upper()}_KEY": who.key, f"TWSKEY_{name.upper()}_SECRET": who.secret}

    def tells(self, login: str = "main") -> bool:
        """Whether anybody is being told of the account's orders and fills."""
        account = self.floor.account(login)
        return self.do(lambda: bool(self.dialect.user.told(account)))

    # On its own loop

    def _run(self, ready: Future[None]) -> None:
        loop = asyncio.new_event_loop()
        self._loop = loop
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(self._start())
        except BaseException as error:
            ready.set_exception(error)
            return
        ready.set_result(None)
        loop.run_forever()
        loop.run_until_complete(self._stop())
        loop.close()

    async def _start(self) -> None:
        self.dialect.start(self)
        await self._listen()
        if self._seed is not None:
            self.walker = Walker(
                self.floor.instruments.values(), self.clock, self.floor.feed, seed=self._seed, rate=self._rate
            )
            self.walker.step()
            self.spawn(self.walker.run())

    async def _listen(self) -> None:
        app = web.Application(client_max_size=1 << 20)
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def _restart(self, away: float) -> None:
        await self._hang_up()
        await asyncio.sleep(away)
        await self._listen()

    async def _hang_up(self) -> None:
        for socket in list(self.sockets):
            socket.cut()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _stop(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._hang_up()
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._socket(request)
        wire = Wire(
            method=request.method,
            path=request.path,
            query=request.raw_path.partition("?")[2],
            body=await request.text(),
            headers=dict(request.headers),
            peer=request.remote or "",
        )
        place = f"rest {wire.method} {wire.path}"
        fault = self.faults.strike(place, (*REQUEST_KINDS, Kind.PRETENDED))
        if fault is not None and fault.kind is Kind.LOST:
            return self._cut(request)
        if fault is not None and fault.kind is Kind.LATE:
            await asyncio.sleep(fault.seconds)
        if (hold := self.faults.held(place, "arrived")) is not None:
            await hold.wait()
        if fault is not None and fault.kind is Kind.STATUS:
            return _sent(self.dialect.trouble(fault.status))
        answer, after = self.dialect.answer(wire, pretend=fault is not None and fault.kind is Kind.PRETENDED)
        self.done.append((place, wire.params))
        after()  # the streams hear of it now; the answer may come before or after them
        if (hold := self.faults.held(place, "done")) is not None:
            await hold.wait()
        if fault is not None:
            return await self._suffer(request, answer, fault)
        return _sent(answer)

    async def _suffer(self, request: web.Request, answer: Answer, fault: Fault) -> web.StreamResponse:
        match fault.kind:
            case Kind.UNANSWERED:
                await asyncio.sleep(3600)
            case Kind.CUT:
                return self._cut(request)
            case Kind.SLOW:
                await asyncio.sleep(fault.seconds)
            case Kind.STATUS_AFTER:
                return _sent(self.dialect.trouble(fault.status))
            case Kind.GARBLED:
                return web.Response(text=answer.text[: len(answer.text) // 2], content_type="application/json")
        return _sent(answer)

    @staticmethod
    def _cut(request: web.Request) -> web.StreamResponse:
        if request.transport is not None:
            request.transport.abort()
        raise asyncio.CancelledError  # nobody is there to be answered

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        fault = self.faults.strike(f"connect {request.path}", (Kind.LOST, Kind.STATUS, Kind.LATE))
        if fault is not None:
            if fault.kind is Kind.LOST:
                return self._cut(request)
            if fault.kind is Kind.STATUS:
                return _sent(self.dialect.trouble(fault.status))
            await asyncio.sleep(fault.seconds)
        talk = self.dialect.socket(request.path)
        if talk is None:
            return web.Response(status=404)
        answer = web.WebSocketResponse(autoping=False, compress=False, max_msg_size=1 << 20)
        await answer.prepare(request)
        socket = Socket(answer, request, self.faults, STREAM_KINDS)
        self.sockets.add(socket)
        self.dialect.opened(socket)
        try:
            await socket.talk(talk)
        finally:
            self.sockets.discard(socket)
            self.dialect.gone(socket)
        return answer


class Elsewhere:
    """A loopback exchange in a process of its own: only its addresses are known here."""

    def __init__(self, name: str, *options: str) -> None:
        command = [sys.executable, "-m", "tests.support.exchange", "--venue", name, *options]
        self.name = name
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self._told = json.loads(self._process.stdout.readline())

    def __enter__(self) -> Elsewhere:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def config(self, login: str = "main") -> dict[str, Any]:
        return dict(self._told["config"])

    def places(self) -> dict[str, str]:
        return dict(_flat(self._told["config"]["urls"]))


def profile_of(
    exchanges: Mapping[str, LoopbackExchange],
    name: str = "loop",
    mode: str = "live",
    symbols: Iterable[str] = (),
    risk: Mapping[str, Any] | None = None,
    **terms: Any,
) -> str:
    """A profile of the config file (TOML) for a desk on all of them, each under the name of its venue."""
    import tomlkit

    venues = {
        venue: {
            "exchange": at.name,
            "symbols": list(symbols) or [instrument.symbol for instrument in at.floor.instruments.values()],
            **terms,
            "urls": at.places(),
            "options": at.dialect.config(at.address)["options"],
        }
        for venue, at in exchanges.items()
    }
    return tomlkit.dumps({"profiles": {name: {"mode": mode, "venues": venues, "risk": dict(risk or {})}}})


def _flat(table: dict[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def _sent(answer: Answer) -> web.Response:
    return web.Response(text=answer.text, status=answer.status, headers=answer.headers, content_type="application/json")
