"""Icebergs: one slice shows at a time, keeps its place until it is used up, and the next goes to the back."""

from __future__ import annotations

import pytest
from matching_desk import FOK, IOC, Bench

from workstation.domain.order import Side


class Bids:
    """Our bids at 100 behind 10 lots of others, or the same as offers."""

    def __init__(self, side: Side) -> None:
        self.bench = Bench()
        self.side = side
        self.book(10)

    def book(self, size: int) -> None:
        ours, other = {100: size} if size else {}, {101: 50} if self.side is Side.BUY else {99: 50}
        self.bench.book(*((ours, other) if self.side is Side.BUY else (other, ours)))

    def rest(self, quantity: int, show: int | None = None, **terms: object) -> str:
        from decimal import Decimal

        send = self.bench.buy if self.side is Side.BUY else self.bench.sell
        return send(quantity, 100, display=None if show is None else Decimal(show), **terms)

    def hit(self, quantity: int) -> None:
        (self.bench.sold if self.side is Side.BUY else self.bench.bought)(quantity, 100)

    def filled(self, client_id: str) -> list[int]:
        return [quantity for quantity, _ in self.bench.fills(client_id)]


@pytest.fixture(params=list(Side))
def bids(request: pytest.FixtureRequest) -> Bids:
    return Bids(request.param)


def test_the_shown_slice_keeps_its_place_and_the_next_goes_to_the_back(bids: Bids) -> None:
    iceberg, behind = bids.rest(6, show=2), bids.rest(3)
    bids.hit(11)  # the 10 before us, and one of the slice
    assert bids.filled(iceberg) == [1]
    bids.hit(3)  # the rest of the slice, then who stands behind it
    assert (bids.filled(iceberg), bids.filled(behind)) == ([1, 1], [2])


def test_the_next_slice_stands_behind_all_that_the_book_shows(bids: Bids) -> None:
    iceberg = bids.rest(6, show=2)
    bids.hit(12)
    assert bids.filled(iceberg) == [2]
    assert bids.bench.engine.queue_ahead(iceberg) == 10  # the book has not said yet what the trade left
    bids.hit(10)
    assert bids.filled(iceberg) == [2]
    bids.hit(3)
    assert bids.filled(iceberg) == [2, 2]


def test_two_icebergs_take_turns(bids: Bids) -> None:
    bids.book(0)
    one, two = bids.rest(4, show=2), bids.rest(4, show=1)
    bids.hit(6)
    assert (bids.filled(one), bids.filled(two)) == ([2, 2], [1, 1])


def test_a_trade_beyond_the_price_fills_every_slice(bids: Bids) -> None:
    iceberg = bids.rest(6, show=2)
    through = 99 if bids.side is Side.BUY else 101
    (bids.bench.sold if bids.side is Side.BUY else bids.bench.bought)(50, through)
    assert bids.filled(iceberg) == [2, 2, 2]


def test_the_other_side_reaching_the_price_fills_slice_by_slice(bids: Bids) -> None:
    iceberg, behind = bids.rest(5, show=2), bids.rest(4)
    crossed = ({95: 1}, {100: 7}) if bids.side is Side.BUY else ({100: 7}, {105: 1})
    bids.bench.book(*crossed)
    assert (bids.filled(iceberg), bids.filled(behind)) == ([2, 1], [4])


def test_an_iceberg_takes_with_its_whole_size(bids: Bids) -> None:
    from decimal import Decimal

    send = bids.bench.buy if bids.side is Side.BUY else bids.bench.sell
    iceberg = send(60, 101 if bids.side is Side.BUY else 99, display=Decimal(2))
    assert bids.filled(iceberg) == [50]
    assert bids.bench.engine.orders[iceberg].shown == 2


def test_an_amended_iceberg_shows_a_whole_slice_again_at_the_back(bids: Bids) -> None:
    bids.book(0)
    iceberg, other = bids.rest(6, show=2), bids.rest(1)
    bids.hit(1)
    bids.bench.amend(iceberg, quantity=8)
    bids.hit(2)
    assert (bids.filled(other), bids.filled(iceberg)) == ([1], [1, 1])
    assert bids.bench.engine.orders[iceberg].shown == 1


def test_what_shows_never_exceeds_what_is_left(bids: Bids) -> None:
    iceberg = bids.rest(3, show=2)
    bids.hit(12)
    assert bids.bench.engine.orders[iceberg].shown == 1


@pytest.mark.parametrize("tif", [IOC, FOK])
def test_only_what_may_rest_can_hide(bids: Bids, tif: object) -> None:
    assert "Only a limit order that may rest" in bids.bench.reason(bids.rest(4, show=2, tif=tif))
    assert (
        bids.bench.reason(bids.rest(4, show=5))
        == "What an iceberg shows must be above zero and no more than the order."
    )
