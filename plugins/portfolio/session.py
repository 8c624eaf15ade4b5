"""What the page does with what it was told: figures in and out of sample, walk-forwards, orders, kept portfolios."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from plugins.portfolio.asking import Asking
from plugins.portfolio.form import CALENDAR_FIELD, Form
from screens.figures import moment
from workstation.clock import coarse_span
from workstation.domain.instrument import InstrumentId
from workstation.engine import Engine
from workstation.portfolio.problem import PortfolioError
from workstation.trading.alerts import Alert, AlertKind
from workstation.trading.errors import Refused
from workstation.trading.rebalancing.desk import Progress
from workstation.trading.rebalancing.looking import RebalancePreview

if TYPE_CHECKING:
    from workstation.market.candles import Floats
    from workstation.portfolio.comparing import Figures

_PORTFOLIOS = "portfolios"
#: What methods are compared, beside the one that is chosen.
COMPARED = ("equal_weight", "inverse_volatility", "min_risk", "max_ratio", "risk_parity", "hrp", "max_diversification")


@dataclass(frozen=True, slots=True)
class Compared:
    """A method over the walk-forward; `why` where it could not be fitted."""

    method: str
    figures: Figures | None = None
    why: str = ""


class Session(Asking):
    """The page's whole state beside its form."""

    def __init__(
        self, engine: Callable[[], Engine], form: Form, spawn: Callable[[Coroutine[Any, Any, Any]], None]
    ) -> None:
        super().__init__(engine, form, spawn)
        self.compared: list[Compared] = []
        self._long: asyncio.Task[None] | None = None

    def forget(self) -> None:
        self.call_off()
        self.compared = []

    # -- figures

    def in_and_out(self) -> tuple[Figures | None, Figures | None]:
        """The choice over the rows that it was fitted on; the same choice fitted on the first part, over the rest."""
        from workstation.portfolio.comparing import figures, held_returns

        choice, table = self.choice, self.table
        if choice is None or table is None:
            return None, None
        import numpy as np

        used = table.take(tuple(choice.weights))
        periods = used.periods_per_year
        rf = self.form["rf"] / 100 / periods
        returns = np.nan_to_num(used.returns)
        inside = figures(returns @ np.array(list(choice.weights.values())), periods, rf)
        trained: Any = self.trained_allocation
        weights: Any = None if trained is None else trained.values
        if self.place is not None and self.trained is not None:
            trained, weights = self.trained, self.trained.weights[min(self.place, len(self.trained) - 1)]
        if trained is None or weights is None:
            return inside, None
        from workstation.portfolio.comparing import IN_SAMPLE

        rest = np.nan_to_num(table.take(trained.assets).returns)[max(2, round(len(table) * IN_SAMPLE) - 1) :]
        earned, _ = held_returns(rest, np.asarray(weights))
        return inside, figures(earned, periods, rf)

    def compare(self) -> None:
        """Methods side by side over a walk-forward."""
        self.call_off()
        self.compared = []
        self._long = asyncio.ensure_future(self._compare())

    def call_off(self) -> bool:
        """End the long work; whether there was some."""
        if self._long is not None and not self._long.done():
            self._long.cancel()
            return True
        return False

    async def _compare(self) -> None:
        from workstation.portfolio.comparing import figures, sizes, walked, windows

        if self.table is None:
            return
        import numpy as np

        table = self._with_factors(self.assets)
        if bool(np.isnan(table.values).any()):
            table = table.rows(int(np.argmax(~np.isnan(table.values).any(axis=1))), len(table))
        returns = np.nan_to_num(table.take(self.assets).returns)
        train, hold = sizes(len(returns))
        asked = self.form.problem(table.periods_per_year, {})
        asked_periods = table.periods_per_year
        cost = self.form["costs"] / 100 or self.usual_cost()
        methods = list(dict.fromkeys([asked.method, *COMPARED]))
        cut = windows(len(returns), train, hold)
        mine = asyncio.current_task()
        try:
            for number, method in enumerate(methods):
                why = ""
                fits: list[tuple[tuple[int, int, int], Floats]] = []
                for window in cut:
                    self.busy = f"Walk-forward {number * len(cut) + len(fits)} of {len(cut) * len(methods)}"
                    self.bump()
                    rows = table.rows(window[0], window[1] + 1)
                    try:
                        fitted = await self.engine.portfolio.allocate(
                            rows, self.form.problem(asked_periods, {}, method)
                        )
                    except PortfolioError as error:
                        why = str(error)
                        break
                    fits.append((window, fitted.values))
                if why:
                    self.compared.append(Compared(method, None, why))
                else:
                    earned, turnover, paid = walked(returns, fits, cost)
                    found = figures(earned, table.periods_per_year, asked.rf, turnover=turnover, cost=paid)
                    self.compared.append(Compared(method, found))
                self.bump()
        finally:
            if self._long is mine:
                self.busy = ""
            self.bump()

    def usual_cost(self) -> float:
        """Of a unit of turnover: the mean taker fee of the instruments, and a basis point of spread."""
        fees = [
            float(self.engine.instrument(name).taker_fee) for name in self.instruments().values() if name is not None
        ]
        return (sum(fees) / len(fees) if fees else 0.001) + 0.0001

    # -- orders

    def tradable(self) -> dict[InstrumentId, float]:
        """The weights under the cursor by instrument, those that are listed here."""
        choice = self.choice
        if choice is None:
            return {}
        found = self.instruments()
        return {name: choice.weights.get(asset, 0.0) for asset, name in found.items() if name is not None}

    def unlisted(self) -> list[str]:
        return [asset for asset, name in self.instruments().items() if name is None]

    def plan_name(self) -> str:
        """The name of the rebalance: the method and the measure, or the frontier's place."""
        if self.place is not None and self.frontier is not None:
            return f"frontier {self.place + 1} of {len(self.frontier)}"
        return str(self.form["method"]).replace("_", " ")

    def preview(self) -> RebalancePreview:
        """The exact orders of the weights under the cursor. Raises `Refused`."""
        weights = self.tradable()
        if not weights:
            raise Refused("None of these assets is listed at a venue of this desk: weights only, no orders.")
        due = self.due()
        if due is not None and self.engine.clock.now() < due:
            raise Refused(
                f"By the calendar ({self.form.shown(CALENDAR_FIELD)}) orders are due {self.due_words(due)}: "
                "choose any time to trade sooner."
            )
        return self.engine.preview_rebalance(self.form.wish(weights, self.plan_name()))

    # -- the calendar

    def due(self) -> int | None:
        """UTC ns from which the calendar proposes orders again; None: at any time."""
        every = self.form.every
        if every is None or not (names := self.tradable()):
            return None
        last = self.engine.last_rebalance(names)
        return None if last is None else last + every

    def due_words(self, due: int) -> str:
        """As in: on Thu 03 Dec 11:07, in 6d23h."""
        return f"on {moment(due):%a %d %b %H:%M}, in {coarse_span(due - self.engine.clock.now())}"

    def remind(self) -> None:
        """The one alert that tells when these assets' next rebalance is due, as the calendar now says. Raises
        `Refused`."""
        names, every = self.tradable(), self.form.every
        if not names:
            return
        alerts = self.engine.alerts
        mine = [a for a in alerts.alerts() if a.kind is AlertKind.REBALANCE and names.keys() == set(a.portfolio)]
        for one in mine:
            if one.every != every:
                alerts.delete(one.alert_id)
        if every is not None and all(one.every != every for one in mine):
            alerts.add(Alert(alert_id="", kind=AlertKind.REBALANCE, portfolio=tuple(names), every=every, repeat=True))

    def active(self) -> Progress | None:
        """The newest rebalance that is under way."""
        for rebalance in reversed(self.engine.rebalances()):
            if rebalance.is_active:
                return self.engine.rebalance_progress(rebalance.rebalance_id)
        return None

    # -- kept portfolios

    def kept(self) -> dict[str, dict[str, Any]]:
        found = self.engine.get_setting(_PORTFOLIOS) or {}
        return dict(found) if isinstance(found, dict) else {}

    def keep(self, name: str) -> None:
        """Form and weights under a name; the weights are what `rebalance NAME` on the command line trades."""
        choice = self.choice
        if choice is None:
            raise Refused("There are no weights to keep yet.")
        weights = {name: weight for name, weight in self.tradable().items() if abs(weight) > 1e-6}
        entry = {"form": dict(self.form.values), "weights": weights, "place": self.place, "what": choice.name}
        self.engine.set_setting(_PORTFOLIOS, {**self.kept(), name: entry})

    def drop(self, name: str) -> None:
        kept = self.kept()
        kept.pop(name, None)
        self.engine.set_setting(_PORTFOLIOS, kept)

    def restore(self, entry: Mapping[str, Any]) -> None:
        self.form.values.update(Form(entry.get("form") or {}).values)
        place = entry.get("place")
        self.place = place if isinstance(place, int) else None
        self.refresh()
