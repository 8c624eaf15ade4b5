"""What the set-up says of one real venue, and where its API credentials come from."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, field


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """What signs requests. Its text shows nothing of it."""

    key: str = ""
    secret: str = ""
    password: str = ""  # OKX, KuCoin and Bitget call it passphrase
    wallet: str = ""  # Hyperliquid: the address, with a private key as `secret`

    def __repr__(self) -> str:
        return "Credentials(…)"

    __str__ = __repr__

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return []  # else what shows a traceback's variables would take the fields from msgspec's own

    def __bool__(self) -> bool:
        return bool(self.key or self.secret or self.wallet)


#: Gives the credentials of a venue by its name when they are needed; None if there are none. May raise `VenueError`
#: with a sentence (a wrong passphrase, say). Called off the event loop.
type CredentialSource = Callable[[str], Credentials | None]


def no_credentials(_venue: str) -> Credentials | None:
    return None


def environment_credentials(venue: str, environ: Mapping[str, str] = os.environ) -> Credentials | None:
    """TWSKEY_BINANCE_KEY, …_SECRET, …_PASSWORD and …_WALLET of the environment, for a venue named BINANCE."""
    prefix = f"TWSKEY_{re.sub(r'[^A-Z0-9]', '_', venue.upper())}_"
    words = {name: environ.get(prefix + name.upper(), "") for name in ("key", "secret", "password", "wallet")}
    return Credentials(**words) if any(words.values()) else None


class VenueSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    #: The exchange, by ccxt's name: binance, binanceusdm, bybit, okx, kraken, coinbase, kucoin, bitget, gate,
    #: hyperliquid, or another one that ccxt.pro has.
    exchange: str = ""
    #: Whether this is the exchange's test network, with money of its own.
    sandbox: bool = False
    #: Markets that the desk opens, as BTC-USDT, BTC-USDT-PERP or in ccxt's spelling; empty for the exchange's two main
    #: ones.
    #: For example: BTC-USDT, ETH-USDT
    symbols: tuple[str, ...] = ()
    #: Whether only prices come from here, and no order goes there.
    data_only: bool = False
    #: Venue of the same profile whose prices a paper venue uses; empty for its own exchange's.
    data: str = ""
    #: What is done with orders of the account that this desk did not make: adopt them, or ignore them.
    external_orders: Literal["adopt", "ignore"] = "adopt"
    #: Margin mode that the account's derivatives are in; the desk sets it when it is asked to, not by itself.
    margin_mode: Literal["cross", "isolated"] = "cross"
    #: Account whose money is read, where the exchange has several: spot, swap, future or unified; empty for those of
    #: the instruments. Orders go where the instrument is traded. With margin, spot is traded on borrowed coins, and
    #: nothing else: at binance and bybit (cross margin).
    account: Literal["", "spot", "margin", "swap", "future", "unified"] = ""
    #: Seconds after which the venue cancels everything if this desk has fallen silent, where it can; 0 switches it off.
    dead_man_seconds: Annotated[float, Meta(ge=0)] = 30.0
    #: Milliseconds without a message after which a stream counts as dead and is begun anew.
    silence_ms: Annotated[int, Meta(ge=500)] = 15_000
    #: Share of the exchange's rate limit that the desk uses at most.
    rate_share: Annotated[float, Meta(gt=0, le=1)] = 0.9
    #: Addresses in place of the exchange's own, by the place in ccxt's `urls` ("api.public"), or `host` for all of
    #: them: a proxy, or an exchange on this machine.
    urls: dict[str, str] = field(default_factory=dict)
    #: ccxt's options of the exchange, on top of the desk's.
    options: dict[str, Any] = field(default_factory=dict)

    def place(self, ccxt_class: str) -> str:
        """Where the account is, in words; `ccxt_class` is the exchange's."""
        account = f"the margin account of {ccxt_class}" if self.account == "margin" else ccxt_class
        return f"{account}'s test network" if self.sandbox else account
