"""What kind of account this is, Bybit is asked once by a start, not by each of its questions."""

from __future__ import annotations

from pathlib import Path

from tests.support.exchange import LoopbackExchange
from tests.support.exchange_hand import Hand
from tests.support.live_desk import live_desk_on


async def test_a_start_asks_once_what_kind_of_account_it_is(tmp_path: Path) -> None:
    with LoopbackExchange("bybit", seed=None) as exchange:
        Hand(exchange)
        async with live_desk_on(exchange, tmp_path, compare_seconds=600.0):
            asked = [place for place, _ in exchange.do(lambda: list(exchange.done))]
            assert asked.count("rest GET /v5/user/query-api") <= 2, "once for the key's rights, once for the kind"
            assert asked.count("rest GET /v5/account/info") <= 2, "once for the margin mode, once for the kind"
