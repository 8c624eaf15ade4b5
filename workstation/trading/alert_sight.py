"""What alerts see, and which of them see nothing.

While a book is believed it is what a price is judged by, with the trades since the last look. While it is not, trades
and marks are, by the rule of the stops that the desk holds (`market.proof`); a spread is not judged then. Funding goes
by marks, profit by the prices that positions are valued at. An alert that sees nothing for two seconds is BLIND, and
that is said, once, and once more when it sees again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal

from workstation.domain.instrument import InstrumentId
from workstation.domain.numbers import divide, multiply
from workstation.log import DeskLog
from workstation.market.data import InstrumentMarket
from workstation.market.proof import Range, believed, disbelief, marked, proofs, unseen
from workstation.market.sight import Sight
from workstation.trading.alerts import Alert, AlertKind, Seen, Way
from workstation.trading.core import TradingCore

type Traded = tuple[int, int] | None  # ticks: the lowest and the highest trade since the last look


class AlertSight:
    """Values of level alerts."""

    def __init__(self, core: TradingCore, day_pnl: Callable[[], Decimal]) -> None:
        self._core, self._day_pnl = core, day_pnl

    def seen(self, alert: Alert, traded: Traded, now: int) -> list[Seen]:
        """What a market alert sees now; nothing where it is blind. Above a level is a price that traded or is bid
        there, below one that traded or is offered there."""
        if self.blind(alert, now):
            return []
        market = self._core.market.markets[alert.instrument]
        match alert.kind:
            case AlertKind.SPREAD if (spread := market.book.spread) is not None:
                return [_just(market.instrument.price(spread))]
            case AlertKind.FUNDING if market.mark is not None and market.mark.funding_rate is not None:
                return [_just(market.mark.funding_rate)]
            case AlertKind.PRICE if believed(market, now):
                return [_price(market, traded)]
            case AlertKind.PRICE:
                return _proved(alert, proofs(market, now))
            case _:
                return []

    def profit(self, name: InstrumentId, now: int) -> Decimal | None:
        """Of an instrument's position, or ("") the day's, in the account currency, to a cent; None while a price that
        it needs is missing or old."""
        portfolio = self._core.portfolio
        if self._profit_blind(name, now):
            return None
        if not name:
            return divide(self._day_pnl(), Decimal(1), Decimal("0.01"))
        position, instrument = portfolio.position(name), self._core.instruments[name]
        mark = self._core.market.mark(name)
        rate = portfolio.rate(instrument.venue, instrument.settlement, self._core.market.mark)
        if mark is None or rate is None or position.is_flat:
            return None
        return divide(multiply(position.unrealized(instrument, mark), rate), Decimal(1), Decimal("0.01"))

    def blind(self, alert: Alert, now: int) -> str:
        """Why its value is not seen now; "" where it is, or where there is nothing to see."""
        if alert.kind is AlertKind.PNL:
            return self._profit_blind(alert.instrument, now)
        market = self._core.market.markets.get(alert.instrument)
        if market is None:
            return "it is not listed here"
        if alert.kind is AlertKind.FUNDING:
            return "" if marked(market, now) else "no mark price is told"
        return disbelief(market, now) if alert.kind is AlertKind.SPREAD else unseen(market, now)

    def sure(self, alert: Alert, now: int) -> bool:
        """Whether what it sees is the believed book, or a live mark, and not a trade now and then."""
        market = self._core.market.markets.get(alert.instrument)
        return alert.kind is not AlertKind.PRICE or (market is not None and believed(market, now))

    def _profit_blind(self, name: InstrumentId, now: int) -> str:
        portfolio = self._core.portfolio
        held = portfolio.open_positions() if not name else [portfolio.position(name)]
        for position in held:
            market = self._core.market.markets.get(position.instrument)
            if market is None or position.is_flat:
                continue
            if (
                why := disbelief(market, now)
                if market.mark is None
                else ""
                if marked(market, now)
                else "its mark is old"
            ):
                return why if name else f"{position.instrument}: {why}"
        return ""


def _just(value: Decimal) -> Seen:
    return Seen(value, value, value)


def _proved(alert: Alert, ranges: tuple[Range, ...]) -> list[Seen]:
    """The market is above or below what a range lies wholly beyond. Where trades and marks do not lie on one side of
    the level, only what is waited for is seen, and that the market has come back is not: else each look would tell of
    a crossing, or take the alert for one that has fired."""
    level = alert.level or Decimal(0)
    above, below = [one for one in ranges if one[0] > level], [one for one in ranges if one[1] < level]
    if len(ranges) not in (len(above), len(below)):
        above = above if alert.way is Way.ABOVE else []
        below = below if alert.way is Way.BELOW else []
    return [*(_just(low) for low, _ in above), *(_just(high) for _, high in below)]


def _price(market: InstrumentMarket, traded: Traded) -> Seen:
    bid, ask, price = market.book.best_bid, market.book.best_ask, market.instrument.price
    assert bid is not None
    assert ask is not None
    last = min(max((bid + ask) // 2 if market.last is None else market.last.price, bid), ask)
    low, high = traded or (last, last)
    return Seen(price(min(low, last, ask)), price(max(high, last, bid)), price(last))


type _What = tuple[AlertKind, InstrumentId]


class BlindAlerts:
    """Tells which alerts see nothing. `why`: by kind and instrument, of those that were told."""

    def __init__(self, sight: AlertSight, core: TradingCore, log: DeskLog) -> None:
        self._sight, self._core, self._log = sight, core, log
        self._sights: dict[_What, Sight] = {}
        #: Called with a sentence, and whether it is bad news (a screen shows it).
        self.on_told: Callable[[str, bool], None] = lambda _text, _bad: None

    def why(self, alert: Alert) -> str:
        sight = self._sights.get((alert.kind, alert.instrument))
        return "" if sight is None or alert.done else sight.why

    def look(self, alerts: Iterable[Alert], now: int) -> bool:
        """Look again at those that wait. Whether anything has changed."""
        waiting = {(one.kind, one.instrument): one for one in alerts if one.has_level and now >= one.snoozed_until}
        changed = False
        for what in [what for what in self._sights if what not in waiting]:
            changed |= bool(self._sights.pop(what).why)
        for what, alert in waiting.items():
            sight = self._sights.setdefault(what, Sight())
            if not self._begun(alert.instrument) or not sight.notes(
                self._sight.blind(alert, now), self._sight.sure(alert, now), now
            ):
                continue
            changed = True
            kind, of = alert.kind.value, f" of {alert.instrument}" if alert.instrument else ""
            if sight.why:
                self._tell(f"BLIND: alerts on the {kind}{of} are not judged, nothing tells it ({sight.why}).", True)
            else:
                self._tell(f"Alerts on the {kind}{of} are judged again.", False)
        return changed

    def _begun(self, name: InstrumentId) -> bool:
        """Before a market has told anything it is awaited, not lost."""
        market = self._core.market.markets.get(name)
        return market is None or market.updated_at > 0

    def _tell(self, text: str, bad: bool) -> None:
        (self._log.warning if bad else self._log.info)("alerts", text)
        self.on_told(text, bad)
