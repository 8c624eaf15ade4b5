"""What a strategy is: `Strategy` (events) and `SignalStrategy` (signals on bars). One class for backtest and desk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from workstation.market.candles import Bools, Candles, Codes, Floats
from workstation.strategies import indicator_loops as loops
from workstation.strategies.exits import Exits
from workstation.strategies.parameters import Choice, Int, ParameterError, parameters_of
from workstation.strategies.protections import Protections
from workstation.strategies.sizing import Sizing

if TYPE_CHECKING:
    from workstation.domain.bar import Bar
    from workstation.domain.fill import Fill
    from workstation.domain.instrument import Instrument
    from workstation.domain.market import BookSnapshot, Trade
    from workstation.domain.order import Side

#: The tag of orders that hedge another leg: their quantity is that leg's, and is not cut.
HEDGE = "hedge"
#: What a signal strategy calls the second instrument that it needs.
PEER = "peer"


class StrategyError(Exception):
    """A strategy cannot be used or has done what it may not; the text says what."""


class Trader(Protocol):
    """What a running strategy trades through: of one instrument, with the desk's risk checks behind it; `of` gives
    those of further ones.

    Orders name their client order id; they raise the desk's `Refused` with a sentence. Nothing is sent while the desk
    is halted.
    """

    @property
    def instrument(self) -> Instrument: ...
    @property
    def now(self) -> int:
        """UTC ns, simulated or real."""

    @property
    def position(self) -> Decimal:
        """Signed quantity that this strategy holds."""

    @property
    def entry(self) -> Decimal | None:
        """Average price of what it holds; None while it holds nothing."""

    @property
    def equity(self) -> Decimal:
        """The capital allocated to this strategy with its profit and loss, in the account currency."""

    def order(
        self,
        side: Side,
        quantity: Decimal,
        *,
        limit: Decimal | None = None,
        stop: Decimal | None = None,
        reduce_only: bool = False,
        post_only: bool = False,
        tag: str = "",
    ) -> str: ...
    def cancel(self, client_id: str) -> None: ...
    def cancel_all(self) -> None:
        """Cancel this strategy's orders, of every instrument; of one that `of` gave those of its own."""

    def close(self, tag: str = "") -> None:
        """Cancel this strategy's orders and close its positions at the market, of every instrument; of one that `of`
        gave its own."""

    def of(self, name: str) -> Trader:
        """What it trades a further instrument through that it declares in `FURTHER`. Money is the same."""

    @property
    def blind(self) -> str:
        """Why one of its instruments is not to be traded now (its book is not known), as a sentence; "" if all are."""

    def say(self, text: str, *, loud: bool = False) -> None:
        """Tell the trader a sentence: it stands in the desk's log under the strategy's name; with `loud` as an error of
        which he is sent a note too."""

    def hold(self, weights: Mapping[str, float], *, band: float = 0.0) -> None:
        """Bring what this strategy holds, of any instruments, to these weights of its equity (fractions by
        "VENUE:SYMBOL"; the rest stays in money), as one plan of the desk. Weights that are off by `band` at most are
        left alone. On the desk only: what is held of instruments other than `instrument` no backtest knows."""

    def timer(self, seconds: float, name: str = "") -> None:
        """`on_timer(name)` after so long, once."""


class Strategy:
    """A strategy that lives on events. Parameters are class attributes (see `parameters`), set by keyword.

    Override what you need; `self.trader` is there from `on_start` on. Keep no clock and no randomness of your own:
    the time is `self.trader.now`.
    """

    NAME = ""  # snake_case; the file's or class's name if empty
    TITLE = ""
    #: What it calls the instruments that it trades or reads beside the one that it is started on. A backtest has one.
    FURTHER: ClassVar[tuple[str, ...]] = ()
    #: Whether it enters nothing while the data of one of its instruments is not there.
    WAITS_FOR_ALL: ClassVar[bool] = False
    trader: Trader

    def __init__(self, **params: Any) -> None:
        known = parameters_of(type(self))
        for name, value in params.items():
            if name not in known:
                raise ParameterError(
                    f"{strategy_name(type(self))} has no parameter {name!r}; it has {', '.join(known) or 'none'}."
                )
            setattr(self, name, value)

    @property
    def params(self) -> dict[str, Any]:
        """Every parameter with its value, in order of declaration."""
        return {name: getattr(self, name) for name in parameters_of(type(self))}

    def on_start(self) -> None:
        """The strategy has been started (or restarted: `self.trader.position` may not be flat)."""

    def on_bar(self, bar: Bar) -> None:
        """A bar has closed."""

    def on_further_bar(self, name: str, bar: Bar) -> None:
        """A bar of a further instrument has closed. Those of one time come in no order, and one of them may be late or
        not come at all: an interval without a trade has none."""

    def on_book(self, book: BookSnapshot) -> None:
        """The book of one of its instruments has changed (conflated)."""

    def on_trade(self, trade: Trade) -> None:
        """A public trade of one of its instruments."""

    def on_fill(self, fill: Fill) -> None:
        """An order of this strategy was executed; or the venue (a liquidation) or the kill switch closed of what it
        holds: `client_id` is that of none of its orders then, `quantity` what it lost."""

    def on_reject(self, client_id: str, reason: str) -> None:
        """An order of this strategy ended with something unfilled, and not by the strategy itself: refused by risk or
        the venue, cancelled by the trader or the venue, expired, or not handed over at all."""

    def on_unsent(self, client_id: str, reason: str) -> None:
        """A stop of this strategy (reduce-only) did not get to its venue, which cannot be reached now. One that is
        ordered in its place is sent as soon as it can be. By default it counts as refused."""
        self.on_reject(client_id, reason)

    def on_pulled(self, client_id: str) -> None:
        """An order that this strategy cancelled itself has ended with something unfilled."""

    def on_timer(self, name: str) -> None:
        """A timer that `self.trader.timer` set has run out."""

    def on_stop(self) -> None:
        """The strategy is being stopped; its orders are pulled after this."""

    @property
    def barred(self) -> str:
        """Why it enters nothing until the trader does something about it, as the end of a sentence; "" where it does.
        The desk shows it with the run."""
        return ""

    def on_save(self) -> dict[str, Any]:
        """What it must know after a restart of the desk, as JSON has it; asked for after each event that it handled."""
        return {}

    def on_load(self, state: dict[str, Any]) -> None:
        """What `on_save` gave last, before `on_start`; not called for a strategy that starts afresh."""


#: The decisions of `Signals`, in the order of their bits.
COLUMNS = ("long_entry", "long_exit", "short_entry", "short_exit")


@dataclass(frozen=True, slots=True)
class Signals:
    """One bool a bar for each decision, made on that bar's close with nothing later; None is never.

    Entries are acted on while flat (or in the other direction: the position is reversed), exits while in the trade. An
    entry that comes with its own exit, or a long with a short entry, is no entry.
    """

    long_entry: Bools | None = None
    long_exit: Bools | None = None
    short_entry: Bools | None = None
    short_exit: Bools | None = None

    def columns(self) -> Mapping[str, Bools]:
        """Those that are there, by name."""
        return {name: column for name in COLUMNS if (column := getattr(self, name)) is not None}


class SignalStrategy(Strategy):
    """A strategy that decides on closed bars, all at once: `signals(candles)`.

    The same method feeds single runs, sweeps, event backtests and the desk. Signals of bar t may use nothing after t's
    close. `sizing`, `exits` and `protections` may be set on the class or on an instance; `direction` is a parameter of
    every signal strategy.
    """

    direction = Choice("long", ("long", "short", "both"), help="Trades long, short, or both ways")
    sizing: Sizing = Sizing()
    exits: Exits = Exits()
    protections: Protections = Protections()
    NEEDS_PEER = False  # whether it reads candles.peer, a second instrument: it is called `PEER` then

    @property
    def hedged(self) -> bool:
        """Whether it trades its peer against the first instrument, by `hedge`."""
        return False

    def hedge(self, candles: Candles) -> Floats:
        """Units of the peer to hold for each unit of the first, one number a bar; below zero for the other side."""
        raise NotImplementedError

    def signals(self, candles: Candles) -> Signals:
        """The decisions, one a bar. Raises `ParameterError` for parameters that do not go together."""
        raise NotImplementedError

    def memory(self, interval: int) -> int:
        """How many bars (of `interval` ns) its signals may hang on: the desk keeps at least so many, and drops older
        ones. By default twenty times the largest whole-number parameter, where smoothed averages have forgotten what
        they began with. Override it where signals reach back further."""
        whole = (name for name, parameter in parameters_of(type(self)).items() if isinstance(parameter, Int))
        return 20 * max((int(getattr(self, name)) for name in whole), default=0)

    def codes(self, candles: Candles, into: Codes | None = None) -> Codes:
        """The signals in the wanted direction, one byte a bar: 1 long entry, 2 long exit, 4 short entry, 8 short exit;
        in `into` if it is given.

        Raises `StrategyError` where the signals do not fit the candles.
        """
        if self.NEEDS_PEER and candles.peer is None:
            raise StrategyError(f"{strategy_name(type(self))} needs the candles of a second instrument (--peer).")
        codes = np.empty(len(candles), dtype=np.uint8) if into is None else into
        columns, direction = dict.fromkeys(COLUMNS, _NEVER), self.direction
        for name, column in self.signals(candles).columns().items():
            found = np.asarray(column)
            if found.shape != codes.shape or found.dtype != np.bool_:
                raise StrategyError(
                    f"{strategy_name(type(self))}: {name} must be one bool a bar ({len(codes)}), "
                    f"not {found.dtype} of shape {found.shape}."
                )
            if direction == "both" or name.startswith(direction):
                # Any other kind of array would compile a loop of its own.
                plain = found.flags.c_contiguous and found.flags.writeable
                columns[name] = found if plain else found.copy()
        loops.encode(codes, *columns.values())
        return codes


_NEVER: Bools = np.zeros(0, dtype=np.bool_)


def strategy_name(cls: type) -> str:
    """The name on the command line: `NAME`, or the class's name in snake_case (SmaCross → sma_cross)."""
    if name := getattr(cls, "NAME", ""):
        return str(name)
    words = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in cls.__name__)
    return words.strip("_")


def further_of(cls: type) -> tuple[str, ...]:
    """What a strategy calls the instruments that it needs beside its first."""
    names: tuple[str, ...] = getattr(cls, "FURTHER", ())
    return names or ((PEER,) if getattr(cls, "NEEDS_PEER", False) else ())


def strategy_title(cls: type) -> str:
    """The name on the screen."""
    return getattr(cls, "TITLE", "") or strategy_name(cls).replace("_", " ")
