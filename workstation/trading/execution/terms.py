"""Execution algorithms as they are asked for. Each raises `Refused` with a sentence; the engine starts the plan."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from workstation.clock import SECOND
from workstation.domain.bar import Bar
from workstation.domain.execution import Execution
from workstation.domain.instrument import Instrument
from workstation.domain.numbers import ZERO, divide, floor_to, is_multiple, plain
from workstation.domain.order import Side
from workstation.domain.plan import Plan, PlanKind
from workstation.domain.prices import price_words
from workstation.trading.errors import Refused
from workstation.trading.execution import schedule

_MOST_SLICES, _SHORTEST = 120, 10 * SECOND
#: A slice waits at the best price of its own side for this share of an interval before the rest of it takes.
_PATIENCE = 0.4
_POV_PATIENCE = 5 * SECOND
_POV_SLICES = 40


def twap(
    instrument: Instrument,
    side: Side,
    quantity: Decimal,
    length: int,
    *,
    price: Decimal,
    seed: int,
    every: int | None = None,
    limit: Decimal | None = None,
    reduce_only: bool = False,
) -> Plan:
    """The quantity in equal parts over `length` ns. `price`: about what it costs now; `every`: ns between slices."""
    count = _count(instrument, quantity, length, price, every)
    return _timed(PlanKind.TWAP, instrument, side, quantity, length, [1.0] * count, price, seed, limit, reduce_only)


def vwap(
    instrument: Instrument,
    side: Side,
    quantity: Decimal,
    length: int,
    *,
    price: Decimal,
    seed: int,
    bars: Sequence[Bar],
    interval: int,
    now: int,
    every: int | None = None,
    limit: Decimal | None = None,
    reduce_only: bool = False,
) -> Plan:
    """The quantity over `length` ns along the volume that is usual at this time of day: `bars` of `interval` ns."""
    count = _count(instrument, quantity, length, price, every)
    weights = schedule.usual_volumes(bars, interval, now, length, count)
    return _timed(PlanKind.VWAP, instrument, side, quantity, length, weights, price, seed, limit, reduce_only)


def pov(
    instrument: Instrument,
    side: Side,
    quantity: Decimal,
    share: Decimal,
    *,
    price: Decimal,
    seed: int,
    limit: Decimal | None = None,
    reduce_only: bool = False,
) -> Plan:
    """The quantity as `share` (a fraction) of what trades, however long that takes."""
    if not ZERO < share <= Decimal("0.5"):
        raise Refused("A share of the volume is above 0% and at most 50%.")
    smallest = schedule.smallest_slice(instrument, price)
    wanted = max(smallest, floor_to(divide(quantity, Decimal(_POV_SLICES)), instrument.lot))
    return _plan(
        PlanKind.POV,
        instrument,
        side,
        Execution(
            quantity=_enough(quantity, smallest),
            limit=limit,
            share=share,
            slice=wanted,
            patience=_POV_PATIENCE,
            seed=seed,
            reduce_only=reduce_only,
        ),
    )


def iceberg(
    instrument: Instrument,
    side: Side,
    quantity: Decimal,
    show: Decimal,
    limit: Decimal,
    *,
    seed: int,
    reduce_only: bool = False,
) -> Plan:
    """The quantity at `limit` with at most `show` of it to be seen: for venues that have no icebergs of their own."""
    smallest = schedule.smallest_slice(instrument, limit)
    if show < smallest:
        raise Refused(f"An iceberg of {instrument.symbol} shows {plain(smallest)} at least.")
    if show > quantity:
        raise Refused(f"An iceberg shows no more than the order's {plain(quantity)}.")
    terms = Execution(quantity=quantity, limit=limit, slice=show, seed=seed, reduce_only=reduce_only)
    return _plan(PlanKind.ICEBERG, instrument, side, terms)


def _count(instrument: Instrument, quantity: Decimal, length: int, price: Decimal, every: int | None) -> int:
    """How many slices: one a minute or at least ten, if the venue's minimum allows."""
    if length < 2 * _SHORTEST:
        raise Refused("An execution over time takes 20 seconds at least.")
    if every is not None and not SECOND <= every <= length // 2:
        raise Refused("Slices follow each other after 1 second at least and half of the time at most.")
    smallest = schedule.smallest_slice(instrument, price)
    _enough(quantity, smallest)
    wanted = length // every if every is not None else max(10, length // (60 * SECOND))
    shortest = SECOND if every is not None else _SHORTEST
    return max(1, min(wanted, _MOST_SLICES if every is None else wanted, length // shortest, int(quantity / smallest)))


def _enough(quantity: Decimal, smallest: Decimal) -> Decimal:
    if quantity < smallest:
        raise Refused(f"{plain(quantity)} are less than the venue's smallest order of {plain(smallest)}.")
    return quantity


def _timed(
    kind: PlanKind,
    instrument: Instrument,
    side: Side,
    quantity: Decimal,
    length: int,
    weights: Sequence[float],
    price: Decimal,
    seed: int,
    limit: Decimal | None,
    reduce_only: bool,
) -> Plan:
    smallest = schedule.smallest_slice(instrument, price)
    return _plan(
        kind,
        instrument,
        side,
        Execution(
            quantity=quantity,
            limit=limit,
            steps=schedule.steps(instrument, quantity, length, weights, smallest, seed),
            length=length,
            patience=round(length / len(weights) * _PATIENCE),
            seed=seed,
            reduce_only=reduce_only,
        ),
    )


def _plan(kind: PlanKind, instrument: Instrument, side: Side, execution: Execution) -> Plan:
    if not is_multiple(execution.quantity, instrument.lot):
        lot = plain(instrument.lot)
        raise Refused(f"The quantity {plain(execution.quantity)} is not a multiple of the lot {lot}.")
    if execution.limit is not None and not is_multiple(execution.limit, instrument.tick):
        tick = plain(instrument.tick)
        raise Refused(f"The limit {price_words(execution.limit, instrument)} is not a multiple of the tick {tick}.")
    return Plan(plan_id="", kind=kind, instrument=instrument.id, side=side, execution=execution, origin=str(kind))
