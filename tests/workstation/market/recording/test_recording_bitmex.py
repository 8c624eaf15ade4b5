"""Raw BitMEX sessions: tables of rows by key, contracts that are inverse, linear and quanto."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from raw_replays import answer, at, book_of, kinds, play, stream

from workstation.domain.instrument import ContractType
from workstation.domain.market import BookDelta, BookSnapshot, BookStale, MarketEvent, Quote, Trade
from workstation.market.recording import RecordingError, RecordingSource

XBT = "BITMEX:BTC-USD-PERP"
WS = "wss://www.bitmex.com/realtime"
COMMON = {"typ": "FFWCSX", "settlCurrency": "XBt", "lotSize": 1, "initMargin": 0.01, "makerFee": -0.00025}
XBTUSD = COMMON | {
    "symbol": "XBTUSD", "underlying": "XBT", "quoteCurrency": "USD", "tickSize": 0.5, "multiplier": -100000000,
    "lotSize": 100, "isInverse": True, "takerFee": 0.00075,
}  # fmt: skip
UNIUSDT = COMMON | {
    "symbol": "UNIUSDT", "underlying": "UNI", "quoteCurrency": "USDT", "tickSize": 0.001, "multiplier": 1000,
    "isQuanto": True, "initMargin": 0.03,
}  # fmt: skip
XRPU21 = COMMON | {
    "symbol": "XRPU21", "typ": "FFCCSX", "expiry": "2021-09-24T12:00:00.000Z", "underlying": "XRP",
    "quoteCurrency": "XBT", "tickSize": 1e-08, "multiplier": 100000000,
}  # fmt: skip
LINEAR = COMMON | {
    "symbol": "SOLUSDTM", "underlying": "SOL", "quoteCurrency": "USDT", "tickSize": 0.01, "multiplier": 10000,
    "settlCurrency": "USDt",
}  # fmt: skip
#: An index, which has no steps at all.
INDEX = {"symbol": ".BXBT", "typ": "MRCXXX", "tickSize": 0.01}
METADATA = "https://www.bitmex.com/api/v1/instrument/active"
INFO = answer(METADATA, [XBTUSD, UNIUSDT, XRPU21, LINEAR, INDEX])


def rows(action: str, *data: dict[str, Any], symbol: str = "XBTUSD") -> dict[str, Any]:
    message = {"table": "orderBookL2", "action": action, "data": [{"symbol": symbol, **row} for row in data]}
    return message | ({"filter": {"symbol": symbol}} if action == "partial" else {})


def row(number: int, side: str, size: int | None = None, price: float | None = None) -> dict[str, Any]:
    found = {"id": number, "side": side, "size": size, "price": price}
    return {name: value for name, value in found.items() if value is not None}


WHOLE = rows("partial", row(7, "Sell", 300, 32192.5), row(8, "Buy", 1200, 32170.5), row(9, "Buy", 500, 32170))


def session(folder: Path, *messages: Any) -> tuple[RecordingSource, list[MarketEvent]]:
    asked = {"success": True, "subscribe": "orderBookL2:XBTUSD"}
    return play(folder, [INFO], stream(WS, [asked, *messages]))


def test_rows_are_changed_by_their_key_and_keep_the_price_they_were_inserted_with(tmp_path: Path) -> None:
    _, events = session(
        tmp_path,
        rows("update", row(8, "Buy", 100)),  # before the partial: not for us
        WHOLE,
        rows("insert", row(6, "Sell", 900, 32190.0)),
        rows("update", row(6, "Sell", 800), row(9, "Buy", 400)),
        rows("delete", row(8, "Buy")),
    )
    assert events == [
        BookSnapshot(XBT, at(2), 0, ((64341, 12), (64340, 5)), ((64385, 3),)),
        BookDelta(XBT, at(3), 0, 0, (), ((64380, 9),)),
        BookDelta(XBT, at(4), 0, 0, ((64340, 4),), ((64380, 8),)),
        BookDelta(XBT, at(5), 0, 0, ((64341, 0),), ()),
    ]
    assert book_of(events).bid_levels(5) == [(64340, 4)]


@pytest.mark.parametrize(
    ("missing", "reason"),
    [
        (
            rows("update", row(5, "Buy", 100)),
            "level 5 is updated, which does not fit the book: updates are missing here",
        ),
        (rows("delete", row(7, "Buy")), "level 7 is deleted, which does not fit the book: updates are missing here"),
        (
            rows("insert", row(7, "Sell", 100, 32192.5)),
            "level 7 is inserted, which does not fit the book: updates are missing here",
        ),
    ],
)
def test_a_row_that_does_not_fit_makes_the_book_stale_until_the_next_partial(
    tmp_path: Path, missing: dict[str, Any], reason: str
) -> None:
    _, events = session(tmp_path, WHOLE, missing, rows("update", row(8, "Buy", 100)), WHOLE)
    assert kinds(events) == ["BookSnapshot", "BookStale", "BookSnapshot"]
    assert events[1] == BookStale(XBT, at(2), reason)
    assert book_of(events).stale is None


def test_an_empty_partial_is_an_empty_book(tmp_path: Path) -> None:
    _, events = session(tmp_path, WHOLE, rows("partial"))
    assert events[-1] == BookSnapshot(XBT, at(2), 0, (), ())


def partials(*symbols: str) -> list[Any]:
    return [rows("partial", row(1, "Buy", 100, 1.0), symbol=symbol) for symbol in symbols]


def test_contracts_are_valued_in_what_they_are_settled_in(tmp_path: Path) -> None:
    source, _ = session(tmp_path, *partials("XBTUSD", "UNIUSDT", "XRPU21", "SOLUSDTM"))
    found = {each.symbol: each for each in source.instruments}
    inverse, quanto = found["BTC-USD-PERP"], found["UNI-USDT-PERP"]
    dated, linear = found["XRP-BTC-210924"], found["SOL-USDT-PERP"]
    assert (inverse.contract, inverse.tick, inverse.lot, inverse.multiplier) == (
        ContractType.INVERSE,
        Decimal("0.5"),
        100,
        1,
    )
    assert (inverse.maker_fee, inverse.taker_fee, inverse.leverage) == (Decimal("-0.00025"), Decimal("0.00075"), 100)
    # A point of UNI is worth 1,000 satoshi a contract.
    assert quanto.value(Decimal(1000), Decimal("17.292")) == Decimal("0.17292")
    # Of such a trade the venue said a gross value of 27,285 satoshi.
    assert dated.value(Decimal(15), Decimal("0.00001819")) == Decimal("0.00027285")
    assert linear.value(Decimal(1), Decimal(100)) == 1
    assert [each.settlement for each in (inverse, quanto, dated, linear)] == ["BTC", "BTC", "BTC", "USDT"]
    assert source.notices == ["Profit and loss of UNI-USDT-PERP are in BTC (quanto)."]


def test_quotes_of_both_sides_and_trades_of_the_session_are_taken(tmp_path: Path) -> None:
    def table(name: str, action: str, *data: dict[str, Any]) -> dict[str, Any]:
        return {"table": name, "action": action, "data": [{"symbol": "XBTUSD", **each} for each in data]}

    quote = {"bidPrice": 32170.5, "bidSize": 1200, "askPrice": 32192.5, "askSize": 300}
    trade = {"side": "Sell", "size": 200, "price": 32170.5, "trdMatchID": "m-1"}
    _, events = session(
        tmp_path,
        WHOLE,
        table("trade", "partial", trade),
        table("trade", "insert", trade, trade | {"trdType": "AltQuote"}),
        table("quote", "insert", quote, quote | {"askPrice": None, "askSize": None}),
    )
    assert events[1:] == [Trade(XBT, at(3), 64341, 2, False, "m-1"), Quote(XBT, at(4), 0, 64341, 12, 64385, 3)]


def test_contracts_that_cannot_be_valued_are_left_out_and_said(tmp_path: Path) -> None:
    source, _ = session(tmp_path, *partials("XBTUSD", "NEWUSD"))
    assert [each.id for each in source.instruments] == [XBT]
    assert source.notices == ["NEWUSD is a kind of contract that tws does not know, and is left out."]


def test_a_session_without_its_list_of_instruments_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"^A session of BITMEX needs its list of instruments .*\.$"):
        play(tmp_path, stream(WS, [WHOLE]))
