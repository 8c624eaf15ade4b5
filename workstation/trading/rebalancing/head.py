"""A rebalance as one row among the orders."""

from __future__ import annotations

from decimal import Decimal

from workstation.domain.numbers import counted, from_float
from workstation.domain.order import OrderState, OrderType, TimeInForce
from workstation.domain.rebalance import Rebalance
from workstation.trading.core import TradingCore
from workstation.trading.plans.rows import Head
from workstation.trading.rebalancing.desk import progress_of

REBALANCE = "rebalance"
_HUNDREDTH = Decimal("0.01")


def rebalance_head(core: TradingCore, rebalance: Rebalance) -> Head:
    """The row under the rebalance's own id: `quantity` counts its trades, `filled` is that
    times the share that has traded; `origin` its kind, `note` its state, `reason` its name and how far it is."""
    progress = progress_of(core, rebalance, rebalance.updated_at, {})
    count = len(rebalance.trades)
    first = rebalance.trades[0]
    note = "PAUSED" if rebalance.is_paused else "working" if rebalance.is_active else "ending"
    trades = counted(count, "trade")
    return Head(
        client_id=rebalance.rebalance_id,
        instrument=first.instrument,
        side=first.side,
        type=OrderType.LIMIT,
        quantity=Decimal(count),
        price=None,
        stop_price=None,
        tif=TimeInForce.IOC,
        expire_at=None,
        post_only=False,
        reduce_only=False,
        origin=REBALANCE,
        note=note,
        created_at=rebalance.created_at,
        updated_at=rebalance.updated_at,
        state=OrderState.ACCEPTED,
        filled=from_float(count * progress.share, _HUNDREDTH),
        reason=f"{rebalance.name}: {100 * progress.share:.0f}% of {trades}, fees {progress.fees:,.2f}",
        plan=rebalance.rebalance_id,
    )
