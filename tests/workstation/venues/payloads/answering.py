"""A real venue's class on answers that are written down: everything is real but the way over the network."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from workstation.clock import SimClock
from workstation.domain import events as e
from workstation.domain.order import Order, OrderType, Side, TimeInForce
from workstation.history.ccxt_class import pro_class
from workstation.venues.ccxt.client import Hooks, configured, guard, hooked
from workstation.venues.ccxt.instruments import instrument_of
from workstation.venues.ccxt.particulars import particulars
from workstation.venues.ccxt.settings import Credentials, VenueSettings
from workstation.venues.ccxt.venue import CcxtVenue
from workstation.venues.contract import LinkState

#: 2026-11-26, in ns.
NOW = 1_795_651_200_000_000_000
_KEYS = Credentials(key="key", secret="c2VjcmV0", password="pass")
_WALLET = Credentials(secret="0x" + "11" * 32, wallet="0x" + "ab" * 20)


@dataclass(frozen=True)
class Sent:
    """A request as it would have left this machine."""

    method: str
    url: str
    body: str

    @property
    def text(self) -> str:
        return f"{self.method} {self.url} {self.body}"


@dataclass
class Answers:
    """What the exchange answers, by a part of the address (and, where it is in the body, of what is asked for): the
    longest part that fits counts. An answer may be a call that makes one of what was sent."""

    by_part: dict[str, Any] = field(default_factory=dict)
    sent: list[Sent] = field(default_factory=list)

    async def fetch(self, exchange: Any, url: str, method: str, headers: Any, body: Any) -> Any:
        sent = Sent(method, url, body if isinstance(body, str) else "" if body is None else json.dumps(body))
        self.sent.append(sent)
        fitting = [part for part in self.by_part if all(word in sent.text for word in part.split(" & "))]
        if not fitting:
            raise AssertionError(f"no answer is written down for {sent.text}")
        answer = self.by_part[max(fitting, key=len)]
        answer = answer(sent) if callable(answer) else answer
        text = answer.decode() if isinstance(answer, bytes) else json.dumps(answer)
        read = exchange.parse_json(text) if exchange.is_json_encoded_object(text) else None
        exchange.handle_errors(200, "OK", url, method, {}, text, read, headers, body)
        return text if read is None else read  # ccxt hands on what it cannot read


class Desk:
    """A venue that counts as connected, and what it has told."""

    def __init__(self, venue: CcxtVenue, answers: Answers) -> None:
        self.venue = venue
        self.answers = answers
        self.reports: list[e.OrderEvent] = []
        self.orders: dict[str, Order] = {}
        venue._order_sink = self.reports.append
        venue.known_order = self.orders.get

    def order(self, client_id: str, symbol: str, side: Side, quantity: str, price: str | None, **terms: Any) -> Order:
        """An order of the desk, known to it as if it had been sent."""
        instrument = next(each for each in self.venue.markets.values() if each.symbol == symbol)
        blank: dict[str, Any] = {"post_only": False, "reduce_only": False, "stop_price": None, "expire_at": None}
        order = Order(
            client_id=client_id,
            instrument=instrument.id,
            side=side,
            type=OrderType.MARKET if price is None else OrderType.LIMIT,
            quantity=Decimal(quantity),
            price=None if price is None else Decimal(price),
            tif=TimeInForce.GTC,
            origin="ticket",
            note="",
            created_at=NOW,
            updated_at=NOW,
            **(blank | terms),
        )
        self.orders[client_id] = order
        return order


async def desk_on(
    name: str, answers: Mapping[str, Any], markets: list[dict[str, Any]] | None = None, **options: Any
) -> Desk:
    """A desk on an exchange that gives these answers. `markets`: ccxt's structures of them, else they are asked for."""
    facts, settings = particulars(name), VenueSettings(exchange=name, options=options)
    hooks = Hooks()
    exchange = configured(hooked(pro_class(name), hooks), facts, settings, _WALLET if facts.wallet else _KEYS)
    exchange.timeout_on_exit = 0
    box = Answers(dict(answers))

    async def fetch(url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        return await box.fetch(exchange, url, method, headers, body)

    guard(exchange, fetch, hooks)
    exchange.has["fetchCurrencies"] = False
    if markets is None:
        await exchange.load_markets()
    else:
        exchange.set_markets([exchange.safe_market_structure(market) for market in markets])
        if name == "kraken":  # its load of markets fills this
            exchange.options["marketsByAltname"] = exchange.index_by(list(exchange.markets.values()), "altname")
    instruments = {
        symbol: instrument_of("X", market, exchange.precisionMode)
        for symbol, market in exchange.markets.items()
        if market.get("precision", {}).get("price") is not None and not market.get("option")
    }
    venue = CcxtVenue("X", facts, settings, instruments, SimClock(NOW), jitter=lambda: 0.0)
    venue.exchange, venue.state, venue.keys = exchange, LinkState.CONNECTED, _KEYS
    box.sent.clear()
    return Desk(venue, box)
