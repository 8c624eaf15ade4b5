"""`tws doctor --venue NAME`: what an exchange can do, what the desk does in its place, and whether it answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

from workstation.doctor import Finding
from workstation.network import NO_NETWORK, has_network
from workstation.paths import Paths
from workstation.real_desks import asked_venues
from workstation.real_keys import keys_of
from workstation.settings import Settings, SettingsError
from workstation.vault.file import VaultError
from workstation.venues.ccxt import account, borrowing
from workstation.venues.ccxt.client import close_exchange, open_exchange, rate_of
from workstation.venues.ccxt.countdowns import most, time_for
from workstation.venues.ccxt.errors import translated
from workstation.venues.ccxt.margin_terms import told_words
from workstation.venues.ccxt.particulars import OFFERED, Particulars, particulars
from workstation.venues.ccxt.settings import Credentials, VenueSettings
from workstation.venues.ccxt.told import streamed
from workstation.venues.contract import VenueError, VenueUnreachable

_PATIENCE = 15.0
_DEMO = "The demo desk needs no network"
#: ccxt's word for a stream, and what the desk says of it.
_STREAMS = (
    ("watchOrderBook", "order books"),
    ("watchTrades", "trades"),
    ("watchOrders", "own orders"),
    ("watchMyTrades", "own fills"),
)
#: ccxt's word for what can be asked or set of derivatives, and what the desk says of it.
_DERIVATIVES = (
    ("fetchPositions", "positions"),
    ("fetchFundingRate", "funding rates"),
    ("fetchFundingHistory", "funding paid"),
    ("setLeverage", "leverage"),
    ("setMarginMode", "margin mode"),
)


def examine_venue(name: str, settings: Settings, paths: Paths) -> list[Finding]:
    """What can be said of a venue of the config file, or of an exchange by ccxt's name; asks it where it can be
    reached. Raises `SettingsError` for a name that is neither."""
    known = {each.lower(): terms for each, terms in settings.venues.items()}
    terms = known.get(name.lower())
    if terms is None and name.lower() not in OFFERED:
        offered = ", ".join(sorted({*known, *OFFERED}))
        raise SettingsError(f"There is no venue {name!r}: the config file and the desk know {offered}.")
    terms = terms or VenueSettings(exchange=name.lower())
    facts = particulars(terms.exchange or name.lower())
    if said := borrowing.refusal(name, facts, terms):
        return [Finding(False, said)]
    try:
        exchange = open_exchange(facts, terms, None)
    except VenueError as error:
        return [Finding(False, str(error))]
    findings = [*_abilities(facts, terms, exchange), *_rules(facts, terms, exchange)]
    return [*findings, *asyncio.run(_asked(name, facts, terms, exchange, paths))]


def _abilities(facts: Particulars, terms: VenueSettings, exchange: Any) -> list[Finding]:
    has, on_margin = exchange.has, terms.account == borrowing.MARGIN
    told = "" if on_margin else streamed(exchange.id)
    streams = [words for method, words in _STREAMS if has.get(method)]
    asked = [words for method, words in _STREAMS if not has.get(method)]
    return [
        Finding(True, f"{facts.title} streams {', '.join(streams) or 'nothing'}"),
        *([Finding(True, f"{', '.join(asked)}: asked for again and again, there is no stream")] if asked else []),
        Finding(
            True,
            f"balances and positions: {told}asked for at the start, after every reconnect and every few minutes",
        ),
        *_derivatives(exchange),
        Finding(True, _margin(facts, on_margin)),
        Finding(True, f"amending: {'in place' if facts.amend else 'not there, cancel and enter a new order'}"),
        Finding(True, "stops, take-profits, trails, OCO and brackets: kept by this desk, marked so on the screen"),
    ]


def _margin(facts: Particulars, on_margin: bool) -> str:
    lending = borrowing.LENDING.get(facts.ccxt)
    if lending is None:
        return "spot on margin: not traded there, spot is never sold short"
    if not on_margin:
        return f'spot on margin: with account = "{borrowing.MARGIN}" in the venue\'s table (cross margin), else never'
    return (
        "spot on margin: coins are borrowed by the order that needs them and paid back by what closes; debts and "
        f"interest are compared like money; leverage as the desk bounds it, {lending.highest} at most"
    )


def _derivatives(exchange: Any) -> list[Finding]:
    has, markets = exchange.has, exchange.options.get("fetchMarkets")
    only_spot = isinstance(markets, Mapping) and markets.get("types") == ["spot"]
    if only_spot or not has.get("swap"):
        return []
    there = [words for method, words in _DERIVATIVES if has.get(method)]
    lacking = [words for method, words in _DERIVATIVES if not has.get(method)]
    without = f"; not: {', '.join(lacking)}" if lacking else ""
    return [
        Finding(True, f"of perpetuals it tells or takes {', '.join(there)}{without}"),
        Finding(True, f"leverage and margin mode as set there: {told_words(exchange.id)}"),
    ]


def _rules(facts: Particulars, terms: VenueSettings, exchange: Any) -> list[Finding]:
    cancel = {"symbol": "one call an instrument", "account": "one call"}.get(facts.cancel_all, "order by order")
    found = [
        Finding(True, f"cancelling everything: {cancel}"),
        Finding(True, f"an order without an answer is found again by: {facts.lookup}, id {facts.ids}"),
        Finding(True, _dead_man(facts, terms, exchange)),
        Finding(
            True, "the key's rights are asked for" if facts.rights else "the exchange does not tell a key's rights"
        ),
    ]
    return [*found, Finding(True, "this is its test network")] if terms.sandbox else found


def _dead_man(facts: Particulars, terms: VenueSettings, exchange: Any) -> str:
    if not (terms.dead_man_seconds > 0 and facts.dead_man > 0):
        return "dead man's switch: none, working orders stay there if this desk dies"
    held = f"dead man's switch: kept alive, {facts.dead_man_of(terms.dead_man_seconds):g} s"
    if not facts.dead_man_cost:
        return held
    gate = rate_of(exchange, facts, terms.rate_share)
    count = most(facts, gate)
    longest = time_for(count, terms.dead_man_seconds, facts, gate)
    return f"{held}, in instruments where orders work: {count} at most at a time, then up to {longest:g} s"


async def _asked(name: str, facts: Particulars, terms: VenueSettings, exchange: Any, paths: Paths) -> list[Finding]:
    """What the exchange answers; one plain sentence where there is no network."""
    try:
        start = time.perf_counter()
        markets = await asyncio.wait_for(exchange.load_markets(), _PATIENCE)
        took = time.perf_counter() - start
        found = [Finding(True, f"it answers: {len(markets):,} markets in {took:.1f} s")]
        found += await _clock(exchange)
        found += await _key(name, facts, terms, paths)
    except Exception as error:
        return [Finding(False, f"{facts.title} cannot be asked from here: {_why(error, facts.title)}. {_DEMO}")]
    finally:
        await close_exchange(exchange)
    return found


def _why(error: Exception, title: str) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer in {_PATIENCE:.0f} s"
    wrong = translated(error, title, "the question")
    if isinstance(wrong, VenueUnreachable):
        return "it cannot be reached" if has_network() else NO_NETWORK
    return str(wrong).rstrip(".")


def examine_links(settings: Settings) -> list[Finding]:
    """Whether there is a network, and whether each real venue of the desk answers. The demo needs none of both."""
    try:
        real = asked_venues(settings)
    except (SettingsError, VenueError):
        real = []  # what is wrong with the settings is a finding by itself
    if not real:
        return [Finding(True, "there is a network" if has_network() else f"{NO_NETWORK}: the demo desk needs none")]
    return asyncio.run(_links(real))


async def _links(real: Sequence[tuple[str, Particulars, VenueSettings]]) -> list[Finding]:
    return list(await asyncio.gather(*(_link(*each) for each in real)))


async def _link(name: str, facts: Particulars, terms: VenueSettings) -> Finding:
    try:
        exchange = await asyncio.to_thread(open_exchange, facts, terms, None)
    except VenueError as error:
        return Finding(False, str(error))
    start = time.perf_counter()
    try:
        ask = exchange.fetch_time if exchange.has.get("fetchTime") else exchange.load_markets
        await asyncio.wait_for(ask(), _PATIENCE)
    except Exception as error:
        waits = "Prices and orders wait until it can be"
        return Finding(False, f"{name} cannot be asked from here: {_why(error, facts.title)}. {waits}. {_DEMO}")
    finally:
        await close_exchange(exchange)
    return Finding(True, f"{name} answers here: {facts.title}, {(time.perf_counter() - start) * 1_000:.0f} ms")


async def _clock(exchange: Any) -> list[Finding]:
    if not exchange.has.get("fetchTime"):
        return []
    asked = time.time()
    server = await asyncio.wait_for(exchange.fetch_time(), _PATIENCE)
    drift = server / 1_000 - (asked + time.time()) / 2
    good = abs(drift) < 1.0
    return [Finding(good, f"its clock is {drift:+.2f} s from this machine's{'' if good else ': set the time here'}")]


async def _key(name: str, facts: Particulars, terms: VenueSettings, paths: Paths) -> list[Finding]:
    """Whether there is a key, whether it opens the account, and whether it may do too much."""
    if terms.data_only:
        return []
    try:
        credentials: Credentials | None = await asyncio.to_thread(lambda: keys_of(paths)(name))
    except (VaultError, VenueError) as error:
        return [Finding(False, str(error))]
    if not credentials:
        return [Finding(True, f"there is no API key: paper works without one, for live tws keys add {name.lower()}")]
    exchange = open_exchange(facts, terms, credentials)
    try:
        await asyncio.wait_for(exchange.fetch_balance(), _PATIENCE)
        allowed = await account.may_withdraw(exchange, facts.rights, facts.rights_path) if not terms.sandbox else None
        account.refuse_withdrawal(facts.title, allowed)
    except VenueError as error:
        return [Finding(False, str(error))]
    except Exception as error:
        return [Finding(False, f"the API key does not open the account: {translated(error, facts.title, 'it')}")]
    finally:
        await close_exchange(exchange)
    rights = "it may not withdraw" if allowed is False else "whether it may withdraw is not told: look at the exchange"
    return [Finding(True, f"the API key opens the account; {rights}")]
