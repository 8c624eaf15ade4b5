"""How much of each limit is used now: what the risk page's gauges show."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from workstation.domain.numbers import ONE, ZERO, add, divide
from workstation.domain.spans import SECOND
from workstation.trading.breakers import Breaker
from workstation.trading.core import TradingCore


class Use(msgspec.Struct, frozen=True):
    """What is used of a limit (in the limit's own unit) and where: the instrument, group or venue that uses most."""

    used: Decimal
    limit: Decimal
    where: str = ""

    @property
    def share(self) -> Decimal:
        """Used part as a fraction; it can be above 1."""
        return divide(self.used, self.limit) if self.limit > 0 else ONE if self.used > 0 else ZERO


def limit_uses(core: TradingCore, now: int) -> dict[str, Use]:
    """The use of every limit that fills up, by its path; groups as "groups.NAME", strategies as "strategies.ORIGIN"."""
    limits, orders = core.limits, core.orders.open_orders()
    open_in = {order.instrument for order in orders} | {one.instrument for one in core.portfolio.open_positions()}
    busy = sorted(open_in)  # of two that use as much, always the same one is named
    exposures = {name: core.position_risk(core.instruments[name]).exposure for name in busy}
    total = ZERO
    for exposure in exposures.values():
        total = add(total, exposure)
    largest = max(exposures, key=lambda name: exposures[name], default="")
    most = exposures.get(largest, ZERO)
    working = {name: sum(order.instrument == name for order in orders) for name in busy}
    busiest = max(working, key=lambda name: working[name], default="")
    equity = core.portfolio.equity(core.market.mark).total
    found = {
        "max_position_value": Use(most, limits.max_position_value, largest),
        "max_exposure": Use(total, limits.max_exposure),
        "max_leverage": Use(_times(total, equity), limits.max_leverage),
        "max_instrument_leverage": Use(_times(most, equity), limits.max_instrument_leverage, largest),
        "max_working_orders": Use(Decimal(len(orders)), Decimal(limits.max_working_orders)),
        "max_working_orders_per_instrument": Use(
            Decimal(working.get(busiest, 0)), Decimal(limits.max_working_orders_per_instrument), busiest
        ),
        "max_orders_per_second": Use(Decimal(core.entered_since(now - SECOND)), Decimal(limits.max_orders_per_second)),
        "max_orders_per_day": Use(Decimal(core.sent_on(now)), Decimal(limits.max_orders_per_day)),
    }
    for name, group in limits.groups.items():
        found[f"groups.{name}"] = Use(core.group_worst(name), group.max_exposure)
    return found


def breaker_uses(core: TradingCore, now: int) -> dict[str, Use]:
    """How near each breaker is to its threshold, by its name."""
    breakers, limits = core.breakers, core.limits.breakers
    drawdown = breakers.drawdown or ZERO
    venues = sorted({instrument.venue for instrument in core.instruments.values()})
    errors = {venue: breakers.errors_of(venue, now) for venue in venues}
    worst = max(errors, key=lambda venue: errors[venue], default="")
    moves = breakers.moves(now)
    mover = max(moves, key=lambda name: abs(moves[name]), default="")
    return {
        Breaker.DAILY_LOSS: Use(breakers.loss or ZERO, limits.daily_loss),
        Breaker.DRAWDOWN: Use(drawdown, limits.drawdown),
        Breaker.DRAWDOWN_KILL: Use(drawdown, limits.drawdown_kill),
        Breaker.VENUE_ERRORS: Use(
            Decimal(errors.get(worst, 0)), Decimal(limits.venue_errors_per_minute), worst if errors.get(worst) else ""
        ),
        Breaker.PRICE_MOVE: Use(abs(moves.get(mover, ZERO)), limits.price_move, mover),
    }


def _times(exposure: Decimal, equity: Decimal) -> Decimal:
    return divide(exposure, equity) if equity > 0 else ZERO
