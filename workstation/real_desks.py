"""Desks on real venues: live, and paper on live prices. Called by the command line before any event loop runs."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from workstation.aside import InTurn
from workstation.assembly import latency_of, open_store
from workstation.clock import Clock, LiveClock
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.engine import Engine
from workstation.market.data import MarketData
from workstation.paths import Paths
from workstation.real_keys import keys_of
from workstation.same_account import desks_beside, in_words, leave_note
from workstation.settings import Settings, SettingsError
from workstation.trading.order_ids import kill_order_id, random_order_id
from workstation.venues.ccxt import borrowing
from workstation.venues.ccxt.history import VenueHistory
from workstation.venues.ccxt.listing import Listing, instruments_for, wanted_symbols
from workstation.venues.ccxt.particulars import Particulars, particulars
from workstation.venues.ccxt.prices_only import PricesOnly
from workstation.venues.ccxt.settings import CredentialSource, VenueSettings
from workstation.venues.ccxt.venue import CcxtVenue
from workstation.venues.contract import Venue, VenueError
from workstation.venues.paper import PaperVenue
from workstation.watch.requests import Doors

_DOLLARS = ("USDT", "USD", "USDC", "FDUSD", "DAI", "BUSD")


def live_desk(
    settings: Settings,
    paths: Paths,
    profile: str | None = None,
    clock: Clock | None = None,
    credentials: CredentialSource | None = None,
    store: Path | None = None,
    traded: Path | None = None,
) -> Engine:
    """The desk on the profile's real venues. `store` is another file in place of its own; keys come from the vault.
    `traded`: the store of the desk for which `tws kill` opens this one; its instruments are opened beside the
    profile's. Where `store` is another, it is only read, and orders bear the mark of that.

    Opens without a network: a venue that cannot be reached is DOWN and goes on trying. Blocks only where a venue's
    instruments are not known on this machine yet. Raises `SettingsError`, `StoreError` if another desk has the store.
    """
    clock = clock or LiveClock()
    credentials = credentials or keys_of(paths)
    store = store or paths.store("live", profile)
    _release(store, paths)
    notices: list[str] = []
    beside: list[Callable[[], list[str]]] = []
    venues: list[Venue] = []
    for name, facts, terms in opened_venues(settings):
        _must_be_there(store, name, facts, terms)
        instruments, problems = _instruments(name, facts, terms, paths, traded or store)
        instruments = _on_margin(name, facts, terms, instruments)
        notices += problems
        venues.append(_ccxt_venue(name, facts, terms, instruments, clock, credentials, paths))
        if traded is None and not terms.data_only:
            beside.append(_beside(paths, store, name, terms, credentials))
    next_id = random_order_id if traded in (None, store) else kill_order_id
    return _engine("live", settings, paths, profile, clock, venues, store, notices, beside, next_id)


def paper_desk(
    settings: Settings, paths: Paths, profile: str | None = None, clock: Clock | None = None, store: Path | None = None
) -> Engine:
    """The desk on live prices with simulated money: each of the profile's venues has a paper account on the matching
    engine, kept in a file of its own. As `live_desk` otherwise; no key is needed."""
    clock = clock or LiveClock()
    store = store or paths.store("paper", profile)
    _release(store, paths)
    notices: list[str] = []
    venues: list[Venue] = []
    for name, facts, terms in opened_venues(settings):
        source = _price_source(settings, name, facts, terms)
        instruments, problems = _instruments(name, source[0], source[1], paths, store)
        notices += problems
        if terms.account == borrowing.MARGIN:
            notices.append(f"{name} trades spot without borrowing here: a paper account has no loans.")
        prices = _ccxt_venue(name, source[0], _data_only(source[1]), instruments, clock, _none, paths)
        account = PaperVenue(
            name,
            instruments.values(),
            clock,
            settings.account.opening(name),
            prices,
            latency=latency_of(settings),
            ledger=paths.data / f"{store.stem}-{name.lower()}.ledger.sqlite",
        )
        venues.append(account)
    return _engine("paper", settings, paths, profile, clock, venues, store, notices)


def _beside(
    paths: Paths, store: Path, name: str, terms: VenueSettings, credentials: CredentialSource
) -> Callable[[], list[str]]:
    """Tells of other desks of this machine that run on the same account now, in a sentence."""
    try:
        keys = credentials(name)
    except VenueError:  # the venue itself says so when it connects
        keys = None
    notes = None if keys is None else leave_note(paths, store, name, keys.key or keys.wallet)

    def look() -> list[str]:
        found = [] if notes is None else desks_beside(notes, store)
        return [in_words(name, found, terms.external_orders == "adopt")] if found else []

    return look


def _none(_venue: str) -> None:
    return None


def _release(store: Path, paths: Paths) -> None:
    """Another desk is named before anything of its is touched."""
    from workstation.store.lock import DeskLock

    paths.data.mkdir(parents=True, exist_ok=True)
    DeskLock(store).release()


def opened_venues(settings: Settings) -> list[tuple[str, Particulars, VenueSettings]]:
    """Name (in capitals), particulars and settings of each venue that the desk opens."""
    known = {name.upper(): terms for name, terms in settings.venues.items()}
    wanted = [name.upper() for name in settings.open_venues] or list(known)
    if not wanted:
        raise SettingsError(
            f'A {settings.mode} desk needs a venue: put [venues.binance] with exchange = "binance" into the profile.'
        )
    found = []
    for name in wanted:
        terms = known.get(name)
        if terms is None:
            raise SettingsError(f"open_venues names {name.lower()}, but there is no [venues.{name.lower()}].")
        if terms.data and settings.mode == "live":
            raise SettingsError(
                f"venues.{name.lower()}.data is for paper desks: on a live one open {terms.data} too, "
                "with data_only = true."
            )
        found.append((name, particulars(terms.exchange or name.lower()), terms))
    return found


def asked_venues(settings: Settings) -> list[tuple[str, Particulars, VenueSettings]]:
    """What is asked over the network for each venue that the desk opens; none for a demo desk. Raises
    `SettingsError`."""
    if settings.mode not in ("paper", "live"):
        return []
    opened = opened_venues(settings)
    if settings.mode == "live":
        return opened
    return [(name, *_price_source(settings, name, facts, terms)) for name, facts, terms in opened]


def _price_source(
    settings: Settings, name: str, facts: Particulars, terms: VenueSettings
) -> tuple[Particulars, VenueSettings]:
    if not terms.data:
        return facts, terms
    other = {each.upper(): its for each, its in settings.venues.items()}.get(terms.data.upper())
    if other is None:
        raise SettingsError(f"venues.{name.lower()}.data names {terms.data}, but there is no such venue.")
    return particulars(other.exchange or terms.data.lower()), other


def _data_only(terms: VenueSettings) -> VenueSettings:
    import msgspec

    return msgspec.structs.replace(terms, data_only=True)


def _file(paths: Paths, name: str, facts: Particulars, terms: VenueSettings) -> Path:
    return paths.markets / f"{name.lower()}-{facts.ccxt}{'-sandbox' if terms.sandbox else ''}.json"


def _instruments(
    name: str, facts: Particulars, terms: VenueSettings, paths: Paths, store: Path
) -> tuple[dict[str, Instrument], list[str]]:
    file = _file(paths, name, facts, terms)
    if Listing.read(file).missing(wanted_symbols(facts, terms)):
        sys.stderr.write(f"Asking {facts.title} for its markets …\n")
    return instruments_for(name, facts, terms, file, _traded(store, name))


def _on_margin(
    name: str, facts: Particulars, terms: VenueSettings, instruments: dict[str, Instrument]
) -> dict[str, Instrument]:
    """The instruments as the venue's account trades them. Raises `SettingsError` where it cannot."""
    if terms.account != borrowing.MARGIN or terms.data_only:
        return instruments
    if said := borrowing.refusal(name, facts, terms):
        raise SettingsError(said)
    try:
        return borrowing.pooled(facts, instruments)
    except VenueError as error:
        raise SettingsError(f"venues.{name.lower()}: {error}") from None


def _must_be_there(store: Path, name: str, facts: Particulars, terms: VenueSettings) -> None:
    """The store's books are of one account at one exchange. Elsewhere (another exchange under the venue's name, or the
    test network until yesterday) none of their positions is there, and closing one would sell what the desk never
    bought. Raises `SettingsError`."""
    if terms.data_only or not store.exists():
        return
    from workstation.store import reader

    try:
        before = reader.setting(store, f"place:{name}")
    except Exception:  # a store that cannot be read says so itself when it is opened
        return
    now = terms.place(facts.ccxt)
    if before and before != now:
        raise SettingsError(
            f"{store.name} has what this desk traded on {name} when that was {before}, and now it is {now}: give the "
            "profile another name, and it gets a store of its own."
        )


def _traded(store: Path, venue: str) -> dict[InstrumentId, Instrument]:
    """Instruments that the store has fills or working orders of: without them its journal cannot be folded, and what
    is open in them would not be seen at the venue."""
    if not store.exists():
        return {}
    from workstation.store import reader

    try:
        names = reader.traded(store)
        return {name: each for name, each in reader.instruments(store).items() if name in names and each.venue == venue}
    except Exception:  # a store that cannot be read says so itself when it is opened
        return {}


def _ccxt_venue(
    name: str,
    facts: Particulars,
    terms: VenueSettings,
    instruments: dict[str, Instrument],
    clock: Clock,
    credentials: CredentialSource,
    paths: Paths,
) -> CcxtVenue:
    kind = PricesOnly if terms.data_only else CcxtVenue
    venue = kind(name, facts, terms, instruments, clock, credentials)
    file, wanted = _file(paths, name, facts, terms), wanted_symbols(facts, terms)
    opened = {instrument.symbol for instrument in instruments.values()}
    known = Listing.read(file).fees
    venue.own_fees = frozenset(each.id for symbol, each in instruments.items() if symbol in known)

    writing = InTurn(f"listing of {name}")  # a disk that hangs holds up nothing but the file

    def told(error: OSError) -> None:
        venue.on_notice("warning", f"What {name} lists cannot be kept for the next start: {error}.")

    def change(new: Listing) -> None:
        """Without room on the disk the venue is opened all the same."""
        loop = asyncio.get_running_loop()

        def write() -> None:
            try:
                Listing.read(file).changed(new, file)
            except OSError as error:
                with contextlib.suppress(RuntimeError):  # the desk has closed
                    loop.call_soon_threadsafe(told, error)

        writing.do(write)

    def keep(fees: Mapping[str, tuple[Decimal, Decimal]]) -> None:
        """The next start, and paper trading, reckon with what the account pays from their first moment on."""
        change(Listing(fees=dict(fees)))

    def refresh(exchange: Any) -> None:
        """The file has the terms that the exchange shows now: for the next start."""
        listing = Listing()
        listing.take(name, exchange, [*wanted, *instruments])
        change(listing)
        late = [each.symbol for each in listing.chosen(wanted).values() if each.symbol not in opened]
        if late:
            venue.on_notice(
                "warning", f"{name} lists {', '.join(late)}: start the desk again to open what was missing."
            )

    venue.on_markets, venue.on_fees = refresh, keep
    return venue


def _engine(
    mode: str,
    settings: Settings,
    paths: Paths,
    profile: str | None,
    clock: Clock,
    venues: Sequence[Venue],
    store: Path,
    notices: list[str],
    beside: Sequence[Callable[[], list[str]]] = (),
    next_id: Callable[[], str] = random_order_id,
) -> Engine:
    instruments = [instrument for venue in venues for instrument in venue.instruments()]
    history = VenueHistory({venue.name: prices for venue in venues if (prices := _prices_of(venue)) is not None}, clock)
    market = MarketData(instruments, history, settings.market.tape_length, settings.market.bars_kept)
    history.market = market
    currency = settings.account.currency
    name = settings.account.name if settings.account.name != "demo" else (profile or mode)
    return Engine(
        mode=mode,
        next_id=next_id,
        clock=clock,
        venues=venues,
        market=market,
        limits=settings.risk,
        open_store=partial(open_store, store, mode, clock),
        settings=settings,
        currency=currency,
        at_par=_DOLLARS if currency in _DOLLARS else (),
        account_name=name,
        notices=lambda: [*notices, *(sentence for look in beside for sentence in look())],
        on_close=history.stop,
        doors=Doors.of(store, paths.state),
        strategies=paths.strategies,
    )


def _prices_of(venue: Venue) -> CcxtVenue | None:
    """The real venue that a venue's prices come from."""
    found = venue.prices if isinstance(venue, PaperVenue) else venue
    return found if isinstance(found, CcxtVenue) else None
