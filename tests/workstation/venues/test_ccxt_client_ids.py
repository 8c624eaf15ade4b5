"""Client order ids as the exchanges want them: they fit, they come back, and strangers stay strangers."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workstation.trading.order_ids import kill_order_id, random_order_id
from workstation.venues.ccxt.ids import EXTERNAL, external_id, to_desk, to_wire
from workstation.venues.ccxt.particulars import OFFERED, IdRule
from workstation.venues.contract import VenueError

#: What the exchanges' API documents allow.
ALLOWED = {
    "binance": r"[\.A-Z\:/a-z0-9_-]{1,36}",
    "binanceusdm": r"[\.A-Z\:/a-z0-9_-]{1,36}",
    "bybit": r"[A-Za-z0-9_-]{1,36}",
    "okx": r"[A-Za-z0-9]{1,32}",
    "kraken": r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
    "coinbase": r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
    "kucoin": r"[0-9a-zA-Z_-]{1,40}",
    "bitget": r"[0-9a-zA-Z_-]{1,40}",
    "gate": r"t-[0-9A-Za-z_.-]{1,28}",
    "hyperliquid": r"0x[0-9a-f]{32}",
}


@pytest.mark.parametrize("exchange", sorted(OFFERED))
def test_the_desk_s_own_ids_fit_every_exchange_and_come_back(exchange: str) -> None:
    rule = OFFERED[exchange].ids
    for client_id in [random_order_id() for _ in range(200)] + [kill_order_id()]:
        wire = to_wire(client_id, rule)
        assert re.fullmatch(ALLOWED[exchange], wire)
        assert to_desk(wire, "77", rule) == client_id


@given(st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", min_size=1, max_size=13))
def test_short_ids_of_any_kind_come_back_too(client_id: str) -> None:
    for rule in IdRule:
        assert to_desk(to_wire(client_id, rule), "77", rule) == client_id


@given(st.integers(0, 2**128 - 1))
def test_another_s_uuid_is_never_taken_for_ours_unless_it_says_the_same(number: int) -> None:
    digits = f"{number:032x}"
    wire = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    found = to_desk(wire, "77", IdRule.UUID)
    assert found == f"{EXTERNAL}77" or to_wire(found, IdRule.UUID) == wire


def test_upper_case_and_left_out_dashes_do_not_matter() -> None:
    client_id = random_order_id()
    wire = to_wire(client_id, IdRule.UUID)
    assert to_desk(wire.upper(), "77", IdRule.UUID) == client_id
    assert to_desk(wire.replace("-", ""), "77", IdRule.UUID) == client_id


def test_an_order_without_an_id_of_ours_is_called_by_the_venue_s_own() -> None:
    for wire in (None, "", "not one/of:ours?", "x" * 40):
        assert to_desk(wire, "123", IdRule.PLAIN) == "ext:123"
    assert external_id("ext:123") == "123"
    assert external_id(random_order_id()) is None
    with pytest.raises(VenueError):
        to_wire("ext:123", IdRule.PLAIN)


def test_what_does_not_fit_is_refused_not_cut() -> None:
    with pytest.raises(VenueError, match="longer than"):
        to_wire("a-strategy-of-mine", IdRule.UUID)
    with pytest.raises(VenueError, match="longer than"):
        to_wire("a" * 29, IdRule.GATE)
