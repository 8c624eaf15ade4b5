"""Bybit's public REST: what the market is and does."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tests.support.exchange.bars import Bars
from tests.support.exchange.bybit.listing import category, instrument_info, wire_symbol
from tests.support.exchange.bybit.refusals import Refused, bad
from tests.support.exchange.floor import Floor, PublicBook
from workstation.clock import MILLISECOND
from workstation.domain.instrument import Instrument
from workstation.domain.market import Trade
from workstation.domain.numbers import plain
from workstation.domain.spans import MINUTE

INTERVALS = {name: int(name) for name in ("1", "3", "5", "15", "30", "60", "120", "240", "360", "720")} | {"D": 1440}
CATEGORIES = ("spot", "linear", "inverse", "option")

type Params = dict[str, Any]


class Public:
    def __init__(self, floor: Floor, bars: Bars) -> None:
        self.floor, self.bars = floor, bars
        self.by_symbol = {(category(i), wire_symbol(i)): i for i in floor.instruments.values()}

    def routes(self) -> dict[str, Callable[[Params], Any]]:
        return {
            "/v5/market/time": self.time,
            "/v5/market/instruments-info": self.instruments_info,
            "/v5/market/orderbook": self.orderbook,
            "/v5/market/kline": self.kline,
            "/v5/market/tickers": self.tickers,
            "/v5/market/recent-trade": self.trades,
            "/v5/market/funding/history": self.funding_history,
            "/v5/market/risk-limit": self.risk_limit,
        }

    def category(self, params: Params) -> str:
        name = str(params.get("category") or "")
        if name not in CATEGORIES:
            raise bad("Category is invalid")
        return name

    def instrument(self, params: Params) -> Instrument:
        found = self.by_symbol.get((self.category(params), str(params.get("symbol") or "")))
        if found is None:
            raise Refused(10001, "params error: symbol invalid")
        return found

    def listed(self, params: Params) -> list[Instrument]:
        wanted = self.category(params)
        if params.get("symbol"):
            return [self.instrument(params)]
        return [i for (name, _), i in self.by_symbol.items() if name == wanted]

    def time(self, params: Params) -> Any:
        now = self.floor.clock.now() + self.floor.drift
        return {"timeSecond": str(now // 1_000_000_000), "timeNano": str(now)}

    def instruments_info(self, params: Params) -> Any:
        rows = [] if params.get("status") == "PreLaunch" else [instrument_info(i) for i in self.listed(params)]
        return {"category": self.category(params), "list": rows, "nextPageCursor": ""}

    def orderbook(self, params: Params) -> Any:
        public = self.floor.public[self.instrument(params).id]
        limit = min(int(params.get("limit") or 25), 1000)
        bids, asks = depth(public, limit)
        now = self.floor.now_ms()
        return {
            "s": wire_symbol(public.instrument),
            "b": bids,
            "a": asks,
            "ts": now,
            "u": public.update,
            "seq": public.update,
            "cts": now,
        }

    def kline(self, params: Params) -> Any:
        instrument = self.instrument(params)
        name = str(params.get("interval") or "")
        if name not in INTERVALS:
            raise bad("interval invalid")
        interval = INTERVALS[name] * MINUTE
        limit = min(int(params.get("limit") or 200), 1000)
        start = None if params.get("start") is None else int(params["start"]) * MILLISECOND
        end = None if params.get("end") is None else int(params["end"]) * MILLISECOND
        now = self.floor.clock.now()
        count = limit if start is None else min(10_000, max(1, (now - start) // interval + 2))
        bars = [
            bar
            for bar in self.bars.last(instrument.id, interval, count, now)
            if (start is None or bar.ts >= start) and (end is None or bar.ts <= end)
        ]
        rows = [kline_row(bar) for bar in bars[-limit:]]
        return {"category": category(instrument), "symbol": wire_symbol(instrument), "list": rows[::-1]}

    def tickers(self, params: Params) -> Any:
        rows = [self.ticker(self.floor.public[i.id]) for i in self.listed(params)]
        return {"category": self.category(params), "list": rows}

    def trades(self, params: Params) -> Any:
        public = self.floor.public[self.instrument(params).id]
        limit = min(int(params.get("limit") or 60), 1000)
        rows = []
        for number, trade in list(public.trades)[-limit:][::-1]:
            row = trade_row(self.floor, public, number, trade)
            rows.append(
                {
                    "execId": row["i"],
                    "symbol": row["s"],
                    "price": row["p"],
                    "size": row["v"],
                    "side": row["S"],
                    "time": str(row["T"]),
                    "isBlockTrade": False,
                }
            )
        return {"category": self.category(params), "list": rows}

    def funding_history(self, params: Params) -> Any:
        public = self.floor.public[self.instrument(params).id]
        rows = []
        if public.mark is not None and public.mark.funding_rate is not None and public.mark.next_funding is not None:
            last = self.floor.ms(public.mark.next_funding) - 8 * 3_600_000
            row = {"symbol": wire_symbol(public.instrument), "fundingRate": plain(public.mark.funding_rate)}
            rows.append(row | {"fundingRateTimestamp": str(last)})
        return {"category": self.category(params), "list": rows}

    def risk_limit(self, params: Params) -> Any:
        rows = []
        for instrument in self.listed(params):
            for number, tier in enumerate(instrument.tiers, 1):
                rows.append(
                    {
                        "id": number,
                        "symbol": wire_symbol(instrument),
                        "riskLimitValue": "1000000000" if tier.limit is None else plain(tier.limit),
                        "maintenanceMargin": plain(tier.rate),
                        "initialMargin": plain(1 / tier.leverage),
                        "isLowestRisk": int(number == 1),
                        "maxLeverage": plain(tier.leverage),
                        "mmDeduction": plain(tier.amount),
                    }
                )
        return {"category": self.category(params), "list": rows, "nextPageCursor": ""}

    def ticker(self, public: PublicBook) -> dict[str, Any]:
        instrument, now = public.instrument, self.floor.clock.now()
        bids, asks = depth(public, 1)
        bid, ask = (bids or [["", ""]])[0], (asks or [["", ""]])[0]
        last = public.trades[-1][1].price if public.trades else public.book.best_bid or 0
        price = instrument.price(last)
        bars = self.bars.last(instrument.id, 60 * MINUTE, 24, now)
        first = Decimal(str(bars[0].open)) if bars else price
        volume = round(sum(bar.volume for bar in bars), 6)
        ticker = {
            "symbol": wire_symbol(instrument),
            "lastPrice": plain(price),
            "prevPrice24h": plain(first),
            "price24hPcnt": f"{price / first - 1 if first else 0:.4f}",
            "highPrice24h": plain(max([price, *(Decimal(str(bar.high)) for bar in bars)])),
            "lowPrice24h": plain(min([price, *(Decimal(str(bar.low)) for bar in bars)])),
            "volume24h": str(volume),
            "turnover24h": str(round(volume * float(price), 4)),
            "bid1Price": bid[0],
            "bid1Size": bid[1],
            "ask1Price": ask[0],
            "ask1Size": ask[1],
        }
        if instrument.is_spot:
            return ticker | {"usdIndexPrice": plain(price)}
        mark = public.mark
        at = price if mark is None else mark.price
        due = None if mark is None else mark.next_funding
        rate = None if mark is None else mark.funding_rate
        return ticker | {
            "indexPrice": plain(at),
            "markPrice": plain(at),
            "prevPrice1h": plain(price),
            "openInterest": "50000",
            "openInterestValue": plain(at * 50_000),
            "fundingRate": "" if rate is None else plain(rate),
            "nextFundingTime": "" if due is None else str(self.floor.ms(due)),
            "fundingIntervalHour": "8",
            "fundingCap": "0.00375",
            "predictedDeliveryPrice": "",
            "basisRate": "",
            "deliveryFeeRate": "",
            "deliveryTime": "0",
        }


def levels(instrument: Instrument, rows: list[tuple[int, int]]) -> list[list[str]]:
    return [[plain(instrument.price(ticks)), plain(instrument.quantity(lots))] for ticks, lots in rows]


def depth(public: PublicBook, limit: int) -> tuple[list[list[str]], list[list[str]]]:
    book, instrument = public.book, public.instrument
    return levels(instrument, book.bid_levels(limit)), levels(instrument, book.ask_levels(limit))


def trade_row(floor: Floor, public: PublicBook, number: int, trade: Trade) -> dict[str, Any]:
    return {
        "T": floor.ms(trade.ts),
        "s": wire_symbol(public.instrument),
        "S": "Buy" if trade.buyer_is_aggressor else "Sell",
        "v": plain(public.instrument.quantity(trade.quantity)),
        "p": plain(public.instrument.price(trade.price)),
        "L": "ZeroPlusTick",
        "i": f"{number:020d}",
        "BT": False,
        "seq": number,
    }


def kline_row(bar: Any) -> list[str]:
    numbers = (bar.open, bar.high, bar.low, bar.close, bar.volume, bar.volume * bar.close)
    return [str(bar.ts // MILLISECOND), *(repr(round(number, 8)) for number in numbers)]
