"""What is particular to each exchange that the set-up offers: facts that ccxt does not tell, in one table.

An exchange that is not in the table can be used too, with the narrowest rules (`particulars`). The sources are the
exchanges' own API documents, as ccxt's methods name them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec


class IdRule(StrEnum):
    """How a client order id of the desk is written at the exchange."""

    PLAIN = "plain"  # letters and digits, as it is
    GATE = "gate"  # "t-" and the id, at most 28 characters after it
    UUID = "uuid"  # a UUID, 128 bits
    HEX = "hex"  # 0x and 32 hexadecimal digits


class Lookup(StrEnum):
    """How an order is found again by its client order id alone."""

    ORDER = "order"  # fetchOrder takes it
    LISTS = "lists"  # the lists of open and of closed orders take it as a filter
    SCAN = "scan"  # the lists of open and of recent orders are searched


class Ahead(StrEnum):
    """How far an order's request can be made a moment before it is sent, others being sent in between."""

    SIGNED = "signed"  # ready to go: the signature bears a time, and holds for seconds
    WRITTEN = "written"  # not signed: each request has to bear a greater number than the one before
    NOT = ""  # the words themselves bear such a number, or it is not known


class Counted(StrEnum):
    """What grows with every fill that an exchange makes in a market, and so says in which order it made them."""

    NOT = ""  # nothing: its clock says it, to the millisecond
    ID = "id"  # the number of the trade
    SEQUENCE = "sequence"  # a number beside it


#: What the pictures of all books may cost together in ccxt's units: some ten seconds' worth of the rate limit.
_PICTURES = 200.0


class Particulars(msgspec.Struct, frozen=True, kw_only=True):
    """One exchange. `ccxt` is the name of its class; `title` what it calls itself."""

    ccxt: str
    title: str
    ids: IdRule = IdRule.PLAIN
    lookup: Lookup = Lookup.SCAN
    #: Parameter by which `Lookup.ORDER` and `Lookup.LISTS` ask.
    lookup_param: str = "clientOrderId"
    #: Whether one call cancels the orders of an instrument ("symbol") or of the whole account ("account"); "" for none.
    cancel_all: str = ""
    #: Longest time in seconds for which the exchange's own dead man's switch is set; 0 where it has none.
    dead_man: float = 0.0
    #: The shortest time that it takes.
    dead_man_least: float = 1.0
    #: Whether it hangs on topics of the private socket, and counts from when that is gone.
    dead_man_topics: bool = False
    #: What telling it once costs for each instrument, in ccxt's units, where it is told instrument by instrument.
    dead_man_cost: float = 0.0
    #: What the list of all open orders costs more than that of one market, as a factor.
    list_cost: float = 1.0
    #: Parameters of the dead man's switch.
    dead_man_params: dict[str, Any] = {}
    #: Parameters of a market order that closes a position of contracts as a whole, however small; empty: there is none.
    whole_close: dict[str, Any] = {}
    #: Whether an order's price and quantity can be changed in place, keeping its id.
    amend: bool = False
    #: Parameter by which ccxt's class takes the client order id of a new order.
    order_id_param: str = "clientOrderId"
    #: Parameter by which an order is cancelled that only the client id is known of; "id" where it stands for the
    #: exchange's own id, "" where that has to be asked for first.
    cancel_by: str = "clientOrderId"
    #: Whether it has no market orders: ccxt wants a price for them, so the desk sends limit orders that take.
    market_by_limit: bool = False
    #: Whether an order of a contract names the margin mode; where not, the account's own counts.
    order_margin_mode: bool = False
    #: Whether an order of a contract names its leverage: ccxt makes it 1 where it is not told.
    order_leverage: bool = False
    #: How far an order's request is made before it is sent.
    ahead: Ahead = Ahead.SIGNED
    #: Whether ccxt's class wants numbers of contracts as numbers.
    counts_contracts: bool = False
    #: Methods of ccxt's class that are kept from doing anything: they sign what the trader has not asked for.
    withheld: tuple[str, ...] = ()
    #: The exchange's trade ids are unique for one market only.
    trade_id_per_symbol: bool = False
    counted: Counted = Counted.NOT
    #: ccxt's implicit method that tells the key's rights, and the path to "may withdraw" in its answer.
    rights: str = ""
    rights_path: tuple[str, ...] = ()
    #: ccxt's implicit method whose answer has the account's number as `user_id`, where streams of contracts need it.
    number: str = ""
    #: ccxt's method that learns what kind of account this is, where each question asks for that until one knows.
    kind: str = ""
    #: Seconds' worth of the rate limit that may be spent at once: some count by the minute, most by the second.
    burst_seconds: float = 1.0
    #: Cost of a request by its path, in ccxt's units, where ccxt counts it otherwise than the exchange does.
    costs: dict[str, float] = {}
    #: Whether a password (OKX, KuCoin, Bitget) or a wallet (Hyperliquid) is needed beside key and secret.
    password: bool = False
    wallet: bool = False
    #: Markets on which a desk without a list of symbols opens.
    symbols: tuple[str, ...] = ("BTC/USDT", "ETH/USDT")
    #: ccxt options that make the class right for the desk.
    options: dict[str, Any] = {}
    #: Depth in levels that is asked of the book stream; None for the exchange's own.
    depth: int | None = None
    #: Lesser depths, and what the picture of a book of each depth costs in ccxt's units, the deepest first: taken where
    #: many books are open, so that all pictures come soon.
    depths: tuple[tuple[int, float], ...] = ()
    #: Payments in one answer where the funding of all instruments is asked for at once; 0 where each is asked for.
    funding_whole: int = 0
    #: Whether ccxt hands funding on as the fee that the exchange makes of it: positive was paid, in the coin in which
    #: the instrument settles, whichever ccxt takes for it.
    funding_as_fee: bool = False
    #: Name of the checker of sequence or checksum (`continuity`); "" where the exchange numbers nothing.
    continuity: str = ""
    #: For how many seconds after the time that a request bears the exchange takes it.
    receive_window: float = 60.0
    #: Requests, by ccxt's paths, that bear a time from which on the exchange takes them no more, `receive_window` after
    #: they are sent; of exchanges that want it said in so many words.
    deadline: frozenset[str] = frozenset()
    #: Whether ccxt signs what it is sent by this machine's clock, whatever is measured of the exchange's.
    signs_by_own_clock: bool = False
    #: Whether its streams of the account are asked for by their address alone and nothing is said to that: that the
    #: connection was made is all the answer there is.
    own_streams_silent: bool = False
    #: What the trader should know, one sentence each.
    notes: tuple[str, ...] = ()

    def depth_of(self, books: int) -> int | None:
        """The depth to ask for with so many books open."""
        return next((depth for depth, cost in self.depths if cost * books <= _PICTURES), None) or (
            self.depths[-1][0] if self.depths else self.depth
        )

    def dead_man_of(self, seconds: float) -> float:
        """The time that the exchange's dead man's switch can be set to, nearest to the one that is wanted."""
        return max(self.dead_man_least, min(seconds, self.dead_man))


_BINANCE: dict[str, Any] = {
    "ids": IdRule.PLAIN,
    "lookup": Lookup.ORDER,
    "lookup_param": "origClientOrderId",
    "cancel_all": "symbol",
    "trade_id_per_symbol": True,
    "counted": Counted.ID,
    "receive_window": 10.0,  # what ccxt asks for
    "burst_seconds": 10.0,
    "rights": "sapiGetAccountApiRestrictions",
    "rights_path": ("enableWithdrawals",),
    "continuity": "binance",
    "depth": 1000,
}
_PERPS = ("BTC/USDT:USDT", "ETH/USDT:USDT")

OFFERED: dict[str, Particulars] = {
    each.ccxt: each
    for each in (
        Particulars(
            ccxt="binance",
            title="Binance spot",
            list_cost=13.0,
            depths=((1000, 10.0), (500, 5.0), (100, 1.0)),
            options={
                "defaultType": "spot",
                "fetchMarkets": {"types": ["spot"]},
                "fetchCurrencies": False,
                "fetchMargins": False,
                "warnOnFetchOpenOrdersWithoutSymbol": False,
            },
            notes=("It has no dead man's switch for spot: should this machine be lost, working orders stay.",),
            **_BINANCE,
        ),
        Particulars(
            ccxt="binanceusdm",
            title="Binance USD-M futures",
            symbols=_PERPS,
            dead_man=120.0,
            dead_man_cost=10.0,
            list_cost=40.0,
            amend=True,
            own_streams_silent=True,
            depths=((1000, 20.0), (500, 10.0), (100, 5.0), (50, 2.0)),
            funding_whole=1000,
            options={
                "fetchMarkets": {"types": ["linear"]},
                "fetchCurrencies": False,
                "fetchMargins": False,
                "warnOnFetchOpenOrdersWithoutSymbol": False,
            },
            **_BINANCE,
        ),
        Particulars(
            ccxt="bybit",
            title="Bybit unified account",
            funding_as_fee=True,
            lookup=Lookup.LISTS,
            lookup_param="orderLinkId",
            counted=Counted.SEQUENCE,
            receive_window=5.0,  # what ccxt asks for
            cancel_by="orderLinkId",
            cancel_all="account",
            # a quantity of nothing, reduce-only: "you can close the position", say its notes on placing orders
            whole_close={"qty": "0", "closeOnTrigger": True},
            amend=True,
            kind="is_unified_enabled",
            rights="privateGetV5UserQueryApi",
            rights_path=("result", "permissions", "Wallet", "Withdraw"),
            continuity="bybit",
            depth=200,
            dead_man=300.0,
            dead_man_least=3.0,
            dead_man_topics=True,
            # ten a second of derivatives, twenty of spot; ccxt counts the one a second of options, which no desk trades
            costs={"v5/order/cancel-all": 5.0},
            options={"fetchCurrencies": False, "enableUnifiedAccount": True},
        ),
        Particulars(
            ccxt="okx",
            title="OKX",
            lookup=Lookup.ORDER,
            counted=Counted.ID,
            receive_window=30.0,
            dead_man=120.0,
            dead_man_least=10.0,
            amend=True,
            rights="privateGetAccountConfig",
            rights_path=("data", "0", "perm", "withdraw"),
            password=True,
            order_margin_mode=True,
            continuity="okx",
            notes=("It has no call that cancels everything: the desk cancels in batches and one by one.",),
        ),
        Particulars(
            ccxt="kraken",
            title="Kraken",
            ahead=Ahead.WRITTEN,
            ids=IdRule.UUID,
            lookup=Lookup.SCAN,
            cancel_all="account",
            dead_man=60.0,
            amend=True,
            symbols=("BTC/USD", "ETH/USD"),
            # by itself it takes a request for as long as its number is above that of one that it has taken, less some
            # seconds' play that a key may be given; a deadline may be 2 to 60 s ahead
            receive_window=10.0,
            deadline=frozenset({"AddOrder", "AmendOrder"}),
            # its counter takes 15 calls at once and forgets one in three seconds; a page of trades counts as two
            burst_seconds=40.0,
            options={"watchOrderBook": {"checksum": True}},
            depth=100,
            continuity="kraken",
            notes=("A cancel of one instrument is sent order by order: its own call cancels the whole account.",),
        ),
        Particulars(
            ccxt="coinbase",
            title="Coinbase Advanced",
            ids=IdRule.UUID,
            lookup=Lookup.SCAN,
            order_id_param="client_order_id",
            receive_window=120.0,
            signs_by_own_clock=True,
            cancel_by="",
            symbols=("BTC/USD", "ETH/USD"),
            # of the two lists of accounts the one that tells what orders hold
            options={
                "fetchBalance": "v3PrivateGetBrokerageAccounts",
                "v3Accounts": ["ACCOUNT_TYPE_CRYPTO", "ACCOUNT_TYPE_FIAT", "CRYPTO", "FIAT"],
            },
            rights="v3PrivateGetBrokerageKeyPermissions",
            rights_path=("can_transfer",),
            continuity="coinbase",
            notes=("It has neither a call that cancels everything nor a dead man's switch.",),
        ),
        Particulars(
            ccxt="kucoin",
            title="KuCoin",
            options={"watchBalance": {"fetchBalanceSnapshot": False, "awaitBalanceSnapshot": False}},
            lookup=Lookup.ORDER,
            cancel_all="symbol",
            password=True,
            order_margin_mode=True,
            receive_window=5.0,
            counts_contracts=True,
            order_leverage=True,
            continuity="kucoin",
            depth=100,
        ),
        Particulars(
            ccxt="bitget",
            title="Bitget",
            lookup=Lookup.ORDER,
            cancel_all="symbol",
            password=True,
            order_margin_mode=True,
            receive_window=30.0,
            options={"watchOrderBook": {"checksum": True}},
            continuity="bitget",
        ),
        Particulars(
            ccxt="gate",
            title="Gate",
            ids=IdRule.GATE,
            number="privateAccountGetDetail",
            lookup=Lookup.ORDER,
            cancel_by="id",
            cancel_all="symbol",
            options={"watchOrderBook": {"checksum": True}},
            continuity="gate",
            notes=("It finds an order by its client id for one hour after it was closed.",),
        ),
        Particulars(
            ccxt="hyperliquid",
            title="Hyperliquid",
            ahead=Ahead.NOT,
            ids=IdRule.HEX,
            lookup=Lookup.ORDER,
            dead_man=60.0,
            dead_man_least=6.0,
            wallet=True,
            market_by_limit=True,
            signs_by_own_clock=True,
            receive_window=120.0,  # it has none: by its rules alone, a request could wait for two days
            # ccxt would have the account pay its authors a part of each trade, and name them as who referred it
            withheld=("handle_builder_fee_approval", "set_ref"),
            burst_seconds=20.0,  # it counts by the minute
            symbols=("BTC/USDC:USDC", "ETH/USDC:USDC"),
            notes=(
                "Its books come as whole pictures about twice a second and are not numbered.",
                "A request that it has not taken holds good for two days: the desk gives up an order that it has not "
                "known for two minutes, and pulls it should it come later.",
                "It has a dead man's switch only for accounts that have traded a million dollars, and it cannot be let "
                "go: there, working orders are cancelled soon after the desk is closed.",
            ),
        ),
    )
}


def particulars(name: str) -> Particulars:
    """What is known of an exchange; of one that is not offered, the narrowest."""
    return OFFERED.get(name) or Particulars(ccxt=name, title=name, ahead=Ahead.NOT)
