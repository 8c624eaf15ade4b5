"""Execution algorithms as terms of a plan: one parent quantity that the desk works in slices."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from workstation.domain.numbers import ZERO

#: Leg of every slice.
SLICE_LEG = "slice"


class Step(msgspec.Struct, frozen=True):
    """From `at` (ns after the start) on, `total` of the parent is due."""

    at: int
    total: Decimal


class Execution(msgspec.Struct, frozen=True, kw_only=True):
    """How the parent `quantity` is worked. Times in ns.

    `limit` is the worst price of any slice. TWAP and VWAP follow `steps` for `length`; POV follows the market's volume
    at `share` (a fraction) in slices of about `slice`; an iceberg rests at its limit with at most `slice` to be seen.
    `seed` draws the sizes that are not in the steps. `shift` is how long the parent has been paused so far; `paused_at`
    (UTC ns) says that it is paused now.
    """

    quantity: Decimal
    limit: Decimal | None = None
    steps: tuple[Step, ...] = ()
    length: int | None = None
    share: Decimal | None = None
    slice: Decimal = ZERO
    patience: int = 0
    seed: int = 0
    reduce_only: bool = False
    shift: int = 0
    paused_at: int | None = None
