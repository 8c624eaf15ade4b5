"""The settings of a desk, typed. Where they stand: `settings_file`; what each may be: `settings_rules`.

The `#:` comments below are the help of each setting (`settings_help`).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from workstation.trading.limits import RiskLimits
from workstation.trading.order_defaults import OrderDefaults
from workstation.venues.ccxt.settings import VenueSettings

type Mode = Literal["demo", "replay", "paper", "live"]
type Rising = Literal["green", "red"]
type Positive = Annotated[float, Meta(gt=0)]
type NotNegative = Annotated[float, Meta(ge=0)]
type Count = Annotated[int, Meta(ge=1)]


class SettingsError(Exception):
    """A setting is wrong; the text is one sentence that names where it stands, the setting and what is expected."""


class AccountSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    #: Name of the account: on the screen, and typed to re-arm a halted desk.
    name: Annotated[str, Meta(min_length=1)] = "demo"
    #: Currency in which equity, limits and profit of the whole desk are reckoned.
    currency: Annotated[str, Meta(min_length=1)] = "USDT"
    #: Opening balance of every simulated venue, by currency; given when a desk starts for the very first time.
    balances: dict[str, Decimal] = field(default_factory=lambda: {"USDT": Decimal(100_000)})
    #: Opening balances of single simulated venues in place of `balances`, by venue and currency.
    #: For example: {NOVA = {USDT = 50000}}
    venue_balances: dict[str, dict[str, Decimal]] = field(default_factory=dict)

    def opening(self, venue: str) -> dict[str, Decimal]:
        """The opening balances of a simulated venue."""
        return self.venue_balances.get(venue, self.balances)


class DemoSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    #: Seed of the simulated market: the same seed gives the same market.
    seed: int = 1
    #: How busy the simulated market is: 2 is twice the updates and trades of the recordings that it is modelled on.
    rate: Positive = 1.0


class LatencySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    #: Milliseconds that an order takes to reach a simulated venue.
    order_ms: NotNegative = 2.0
    #: Milliseconds that a simulated venue's answer takes to come back.
    report_ms: NotNegative = 2.0
    #: Mean of the random milliseconds that come on top each way; 0 for none.
    jitter_ms: NotNegative = 1.0


class KillSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    #: A second press of the kill key within this many seconds flattens the positions.
    flatten_window_seconds: Positive = 3.0


class AlertSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    #: Whether the terminal's bell rings when an alert fires.
    bell: bool = True
    #: Whether an alert also asks the terminal for a note of its own on the desktop (OSC 9).
    terminal: bool = False


class NotifySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    #: What notes are sent of to the addresses that `tws notify add` keeps: any of fill, reject, breaker, kill,
    #: disconnect, strategy, alert, trouble; empty for none.
    topics: tuple[Literal["fill", "reject", "breaker", "kill", "disconnect", "strategy", "alert", "trouble"], ...] = (
        "fill",
        "reject",
        "breaker",
        "kill",
        "disconnect",
        "strategy",
        "alert",
        "trouble",
    )
    #: Notes a minute at most; what is above it is counted in one note. Kill switch, breakers and trouble always go.
    per_minute: Count = 10
    #: Hours of the trader's time zone in which only kill switch, breakers and trouble are told, as "22:00-07:00".
    #: For example: 22:00-07:00
    quiet_hours: Annotated[str, Meta(pattern=r"^$|^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$")] = ""
    #: Words of single topics in place of the desk's own, with their fields in braces.
    #: For example: {fill = "{side} {quantity} @ {price}"}
    templates: dict[str, str] = field(default_factory=dict)


class LiveSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    #: Whether a live desk asks for the venue's name before it is armed: once in each session, or never.
    confirm: Literal["session", "never"] = "session"
    #: Seconds between two comparisons of this desk's books with what the venues show.
    compare_seconds: Annotated[float, Meta(ge=5)] = 120.0


class MarketSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    #: Market data older than this many milliseconds is shown as old.
    stale_after_ms: Count = 5_000
    #: Trades that the tape keeps of each instrument.
    tape_length: Count = 2_000
    #: Candles that are kept of each instrument and interval; of intervals under a minute never more than 2½ hours.
    bars_kept: Count = 5_000
    #: How many times a second the screen is painted at most.
    frame_rate: Annotated[int, Meta(ge=1, le=60)] = 20


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    #: What the desk trades on: demo (a simulated market), replay (a recording), paper (a live market with simulated
    #: money) or live.
    mode: Mode = "demo"
    #: Colours of the desk: a theme of its own (tws-dark, tws-light, tws-contrast, tws-safe, tws-mono, tws-ansi) or a
    #: TOML file in the themes folder beside the config file.
    theme: Annotated[str, Meta(min_length=1)] = "tws-dark"
    #: The colour in which rising prices, bids and profits stand; falling ones have the other.
    rising: Rising = "green"
    #: Keymap: default, vim, superdom, or a TOML file in the keymaps folder beside the config file. `keys` goes on top.
    keymap: Annotated[str, Meta(min_length=1)] = "default"
    #: How numbers are written and read, as a locale (en_GB, de_DE, fr_CH …); empty for that of the environment.
    #: For example: de_DE
    locale: str = ""
    #: Zone of the times on the screen, as Europe/Berlin or UTC; empty for the machine's. Inside all is UTC.
    #: For example: Europe/Berlin
    time_zone: str = ""
    #: Instruments on the watchlist of a new desk, as "VENUE:SYMBOL"; empty for all that the venues list.
    #: For example: NOVA:BTC-USDT, NOVA:ETH-USDT
    watchlist: tuple[str, ...] = ()
    #: Order sizes between which the size keys step, as values in the quote currency, ascending.
    size_presets: Annotated[tuple[Decimal, ...], Meta(min_length=1)] = tuple(
        Decimal(value) for value in (50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000)
    )
    #: What orders of an instrument begin with, by "VENUE:SYMBOL" (* and ? as wildcards): size, sizes (quantities among
    #: which the size keys step), and the exits of an entry: stop, target, trail as distances, "1%" or 300.
    #: For example: {"*:BTC-*" = {size = 0.01, sizes = [0.01, 0.1], stop = "1%", target = "2%"}}
    order_defaults: dict[str, OrderDefaults] = field(default_factory=dict)
    #: Time of day (UTC) at which orders of the time in force DAY end, as "HH:MM".
    session_end: Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = "00:00"
    #: Venues of `venues` that this desk opens; empty for all of them.
    #: For example: binance, kraken
    open_venues: tuple[str, ...] = ()
    account: AccountSettings = AccountSettings()
    risk: RiskLimits = RiskLimits()
    demo: DemoSettings = DemoSettings()
    latency: LatencySettings = LatencySettings()
    kill: KillSettings = KillSettings()
    alerts: AlertSettings = AlertSettings()
    notify: NotifySettings = NotifySettings()
    market: MarketSettings = MarketSettings()
    live: LiveSettings = LiveSettings()
    #: Real venues of paper and live desks by name, each a table `[venues.NAME]` with its exchange at least.
    #: For example: {binance = {exchange = "binance", symbols = ["BTC-USDT"]}}
    venues: dict[str, VenueSettings] = field(default_factory=dict)
    #: Keys by action: one key or a list of keys in place of the action's own, for example `orders.cancel = "d"`.
    keys: dict[str, str | list[str]] = field(default_factory=dict)

    @property
    def session_ends_ns(self) -> int:
        """`session_end` in ns after midnight UTC."""
        hours, minutes = self.session_end.split(":")
        return (int(hours) * 60 + int(minutes)) * 60_000_000_000
