"""What planning and working look at, read off the trading core: holdings, books, money, and the verdicts of risk."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

import msgspec

from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.margin import initial
from workstation.domain.numbers import ONE, ZERO, add, divide, floor_to, multiply, subtract
from workstation.domain.order import OrderDraft, OrderType, Side, TimeInForce
from workstation.domain.rebalance import Rebalance, RebalanceTrade
from workstation.trading import pools
from workstation.trading.core import TradingCore
from workstation.trading.errors import Refused
from workstation.trading.rebalancing.planning import Asset, Level, Proposal, Wish, propose
from workstation.trading.rebalancing.working import Scene, Work
from workstation.trading.risk import Verdict, judge

_LEVELS = 150
_HAND = "manual"
#: What an order of a rebalance waits for by itself: it is no reason not to begin.
_PACED = frozenset({"order rate"})


class RebalancePreview(msgspec.Struct, frozen=True, kw_only=True):
    """A proposal with what every risk check says of each of its trades, as it will be once the trades before it are
    done: the money of the sales is there then, and what they sold is no exposure any more."""

    proposal: Proposal
    verdicts: Mapping[InstrumentId, Sequence[Verdict]]

    @property
    def problem(self) -> str:
        """Why it cannot be sent, as a sentence; empty if it can."""
        if not self.proposal.trades:
            return "There is nothing to trade: every weight is where it should be, or too small to be moved."
        for name, verdicts in self.verdicts.items():
            for verdict in verdicts:
                if not verdict.ok:
                    return f"{name}: {verdict.sentence}"
        return ""

    @property
    def ok(self) -> bool:
        return not self.problem

    def refusal(self, instrument: InstrumentId) -> str:
        """The first sentence by which risk refuses the instrument's trade; empty if there is none."""
        return next((v.sentence for v in self.verdicts.get(instrument, ()) if not v.ok), "")


def preview(core: TradingCore, wish: Wish, now: int, link_up: Callable[[InstrumentId], bool]) -> RebalancePreview:
    """What the wish would trade now, and what risk says of it. Raises `Refused` for a wish that cannot be meant."""
    assets = assets_of(core, wish)
    money = {asset.pool: pools.own_money(core, *asset.pool) for asset in assets}
    proposal = propose(assets, money, wish)
    by_id = {asset.instrument.id: asset for asset in assets}
    return RebalancePreview(proposal=proposal, verdicts=_verdicts(core, proposal, by_id, now, link_up))


def assets_of(core: TradingCore, wish: Wish) -> list[Asset]:
    """The wish's instruments as they are now. Raises `Refused` for one that is not there or has no price."""
    bases: dict[tuple[str, str], InstrumentId] = {}
    assets = []
    for name in wish.targets:
        instrument = core.instruments.get(name)
        if instrument is None:
            raise Refused(f"There is no instrument {name} at any venue of this desk.")
        if instrument.is_spot and (other := bases.setdefault((instrument.venue, instrument.base), name)) != name:
            raise Refused(f"{name} and {other} are the same {instrument.base}: choose one of them.")
        assets.append(_asset(core, instrument, wish.origin))
    return assets


def held_of(core: TradingCore, instrument: Instrument, origin: str) -> Decimal:
    """What the portfolio of an origin has of an instrument: the trader's hand all that is there, a strategy its own."""
    if origin == _HAND:
        return core.held(instrument)
    owned = core.results.owners.get((origin, instrument.id))
    return ZERO if owned is None else owned.position.quantity


def _asset(core: TradingCore, instrument: Instrument, origin: str) -> Asset:
    book = core.market.markets[instrument.id].book
    bids, asks = book.bid_levels(_LEVELS), book.ask_levels(_LEVELS)
    if book.stale is not None or not bids or not asks:
        why = book.stale or "its book has only one side"
        raise Refused(f"There is no price of {instrument.id} to trade at: {why}.")
    rate = core.portfolio.rate(instrument.venue, instrument.settlement, core.market.mark)
    if rate is None:
        raise Refused(f"{instrument.id} cannot be valued: there is no price of {instrument.settlement}.")
    held = held_of(core, instrument, origin)
    free = min(held, core.free_base(instrument)) if instrument.is_spot else abs(held)
    return Asset(
        instrument=instrument,
        held=held,
        free=free,
        bids=_levels(instrument, bids),
        asks=_levels(instrument, asks),
        rate=rate,
        leverage=core.portfolio.margin.counted(instrument),
    )


def _levels(instrument: Instrument, levels: Sequence[tuple[int, int]]) -> list[Level]:
    return [(instrument.price(ticks), instrument.quantity(lots)) for ticks, lots in levels]


def _verdicts(
    core: TradingCore,
    proposal: Proposal,
    assets: Mapping[InstrumentId, Asset],
    now: int,
    link_up: Callable[[InstrumentId], bool],
) -> dict[InstrumentId, Sequence[Verdict]]:
    money: dict[tuple[str, str], Decimal] = {}  # what the trades before this one have brought or taken
    moved: dict[InstrumentId, Decimal] = {}  # change of exposure by the trades before this one
    found: dict[InstrumentId, Sequence[Verdict]] = {}
    for trade in proposal.trades:
        asset = assets[trade.instrument]
        instrument = asset.instrument
        draft = first_order(trade, asset, core.limits.max_order_value, proposal.wish.origin)
        question = core.question(draft, now, link_up(trade.instrument))
        rest = subtract(trade.quantity, draft.quantity)
        buys = add(question.others.buys, rest) if trade.side is Side.BUY else question.others.buys
        sells = add(question.others.sells, rest) if trade.side is Side.SELL else question.others.sells
        question = msgspec.structs.replace(
            question,
            others=msgspec.structs.replace(question.others, buys=buys, sells=sells),
            free_quote=add(question.free_quote, money.get(asset.pool, ZERO)),
            exposure_elsewhere=max(ZERO, add(question.exposure_elsewhere, _sum(moved.values()))),
        )
        found[trade.instrument] = [verdict for verdict in judge(question) if verdict.check not in _PACED]
        signed = multiply(trade.quantity, Decimal(trade.side.sign))
        after = add(asset.held, signed)
        moved[trade.instrument] = asset.worth(subtract(abs(after), abs(asset.held)))
        price = draft.price or asset.mid
        notional = instrument.notional(trade.quantity, price)
        fee = multiply(notional, max(instrument.taker_fee, ZERO))
        if not instrument.is_spot:
            grows = max(ZERO, subtract(abs(after), abs(asset.held)))
            notional = initial(instrument.notional(grows, price), asset.leverage)
        taken = add(notional, fee) if trade.side is Side.BUY or not instrument.is_spot else subtract(fee, notional)
        money[asset.pool] = subtract(money.get(asset.pool, ZERO), taken)
    return found


def _sum(amounts: object) -> Decimal:
    total = ZERO
    for amount in amounts:  # type: ignore[attr-defined]
        total = add(total, amount)
    return total


def first_order(trade: RebalanceTrade, asset: Asset, most: Decimal, origin: str) -> OrderDraft:
    """The first order of a trade that has not begun: `most` is the largest value of one order (account currency)."""
    work = Work(
        trade=trade,
        instrument=asset.instrument,
        bid=asset.bids[0][0],
        ask=asset.asks[0][0],
        most=divide(most, asset.rate),
    )
    price = work.taking_price() or trade.reference
    quantity = trade.quantity
    by_value = floor_to(divide(work.most or ZERO, asset.instrument.notional(ONE, price)), asset.instrument.lot)
    if by_value < quantity:
        quantity = max(asset.instrument.lot, by_value)
    return OrderDraft(
        instrument=trade.instrument,
        side=trade.side,
        quantity=quantity,
        type=OrderType.LIMIT,
        price=price,
        tif=TimeInForce.IOC,
        reduce_only=trade.reduce_only,
        origin=origin,
    )


def scene(
    core: TradingCore,
    rebalance: Rebalance,
    now: int,
    *,
    busy: frozenset[InstrumentId] = frozenset(),
    denied: Mapping[InstrumentId, tuple[int, str]] = {},
    room: int = 1_000,
) -> Scene:
    """All that a rebalance's rule looks at, now. `denied`: UTC ns until which risk refuses a trade, and its words."""
    works = [
        _work(core, rebalance, trade, trade.instrument in busy, denied.get(trade.instrument, (0, "")))
        for trade in rebalance.trades
    ]
    return Scene(rebalance=rebalance, works=works, now=now, state=core.state, room=room)


def _work(core: TradingCore, rebalance: Rebalance, trade: RebalanceTrade, busy: bool, denied: tuple[int, str]) -> Work:
    instrument = core.instruments[trade.instrument]
    book = core.market.markets[trade.instrument].book
    bid, ask = (None, None) if book.stale is not None else (book.best_bid, book.best_ask)
    rate = core.portfolio.rate(instrument.venue, instrument.settlement, core.market.mark)
    sells_spot = instrument.is_spot and trade.side is Side.SELL
    holding = None
    if sells_spot:
        holding = min(held_of(core, instrument, rebalance.origin), core.free_base(instrument))
    return Work(
        trade=trade,
        instrument=instrument,
        orders=core.rebalances.orders(rebalance.rebalance_id, trade.instrument),
        bid=None if bid is None else instrument.price(bid),
        ask=None if ask is None else instrument.price(ask),
        holding=holding,
        money=None
        if sells_spot or trade.reduce_only
        else pools.own_money(core, instrument.venue, instrument.settlement),
        leverage=core.portfolio.margin.counted(instrument),
        most=None if rate is None or not rate else divide(core.limits.max_order_value, rate),
        busy=busy,
        denied_until=denied[0],
        denied=denied[1],
    )
