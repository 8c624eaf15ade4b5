"""Stops that this desk holds while it sees no price to judge them by: the position is NOT PROTECTED, and that is said.

No real venue has stop orders that this desk sends, so every stop there is held. A book that breaks is whole again
within a second or two mostly; what lasts longer is told once, on the screen, in the row of the stop and in the log,
and once more when something tells the price again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal

from workstation.clock import SECOND
from workstation.domain.instrument import InstrumentId
from workstation.domain.numbers import ZERO, add, plain
from workstation.domain.plan import STOP_LEG, Plan, PlanState
from workstation.domain.prices import price_words
from workstation.log import DeskLog
from workstation.market.proof import believed
from workstation.market.sight import Sight
from workstation.trading.core import TradingCore

_LOOK = SECOND


class UnseenStops:
    """`look` is called time and again while stops are held; what it has told stands in `PlanBook.unseen`."""

    def __init__(self, core: TradingCore, log: DeskLog) -> None:
        self._core, self._log = core, log
        self._sights: dict[InstrumentId, Sight] = {}
        #: Called with a sentence, and whether it is bad news (a screen shows it).
        self.on_told: Callable[[str, bool], None] = lambda _text, _bad: None

    def look(self, held: Iterable[Plan], now: int) -> int | None:
        """`held`: plans whose stop this desk holds over something that is open, or of which an entry waits here for its
        price. When to look again (UTC ns)."""
        plans: dict[InstrumentId, list[Plan]] = {}
        for plan in held:
            plans.setdefault(plan.instrument, []).append(plan)
        told = self._core.plans.unseen
        for gone in [name for name in self._sights if name not in plans]:
            del self._sights[gone]
            if told.pop(gone, None) is not None:
                self._core.plans.version += 1
        for name, here in plans.items():
            self._judge(name, here, now)
        return now + _LOOK if plans else None

    def let_go(self, _reason: str) -> None:
        """The desk was halted, which ends every plan: what a stop that no venue has protected until then is named."""
        core = self._core
        for plan in core.plans.sets.values():
            if plan.state is not PlanState.HALTED or plan.updated_at != core.state_change.ts or plan.stop is None:
                continue
            tally = core.plans.tally(plan)
            if tally.open and not tally.live(STOP_LEG):
                stop = price_words(plan.stop, core.instruments[plan.instrument])
                text = f"{self._amount([plan])} are NOT PROTECTED: the halt has let go of the stop at {stop} held here."
                self._log.warning("plans", text)

    def _judge(self, name: InstrumentId, plans: list[Plan], now: int) -> None:
        market, told = self._core.market.markets[name], self._core.plans.unseen
        sight = self._sights.setdefault(name, Sight())
        if not sight.changes(market, now):
            return
        if sight.why:
            told[name] = sight.why
            self._tell(f"{self._words(plans)} held here. Watch it at the exchange ({sight.why}).", True)
            return
        del told[name]
        whole = believed(market, now)
        by = "its book is whole" if whole else "its trades or marks tell the price, its book does not yet"
        if self._open(plans):
            self._tell(f"{self._amount(plans)} are protected again by this desk: {by}.", False)
        else:
            self._tell(f"The price of {name}, for which an entry waits here, is seen again: {by}.", False)

    def _tell(self, text: str, bad: bool) -> None:
        self._core.plans.version += 1
        (self._log.error if bad else self._log.info)("plans", text)
        self.on_told(text, bad)

    def _open(self, plans: list[Plan]) -> Decimal:
        open_ = ZERO
        for plan in plans:
            open_ = add(open_, self._core.plans.tally(plan).open)
        return open_

    def _amount(self, plans: list[Plan]) -> str:
        return f"{plain(self._open(plans))} {plans[0].instrument}"

    def _words(self, plans: list[Plan]) -> str:
        if not self._open(plans):
            what = "the stop entry" if len(plans) == 1 else f"{len(plans)} stop entries"
            return f"{plans[0].instrument}: no price is seen for {what}"
        plans = [plan for plan in plans if self._core.plans.tally(plan).open]
        terms, first = self._core.instruments[plans[0].instrument], plans[0].stop
        what = f"{len(plans)} stops" if first is None or len(plans) > 1 else f"the stop at {price_words(first, terms)}"
        return f"{self._amount(plans)} are NOT PROTECTED: no price is seen for {what}"
