"""What an order would do, before it is sent: cost, fee, resulting position and every risk verdict."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from workstation.domain.fill import Fill, Liquidity
from workstation.domain.margin import MarginMode, initial
from workstation.domain.numbers import ONE, multiply
from workstation.domain.order import OrderDraft, OrderType, Side
from workstation.domain.position import apply_fill
from workstation.trading.core import TradingCore
from workstation.trading.margin import liquidation_after
from workstation.trading.plans import held_entries
from workstation.trading.risk import Verdict, judge


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """Money in the instrument's settlement currency; None where there is no price to reckon with.

    `price` is the worst at which the order would trade; `fee` at the maker's rate if the order would rest, else the
    taker's, and `listed_fee` where that is the list's: the venue has not told what this account pays; `margin` what it
    binds (spot: its whole value); `queue` the quantity in front of it at its price; `liquidation_after` the mark price
    at which the position would be liquidated once the order has filled.
    """

    verdicts: Sequence[Verdict]
    price: Decimal | None
    value: Decimal | None
    fee: Decimal | None
    fee_currency: str
    margin: Decimal | None
    position_after: Decimal
    average_after: Decimal | None
    queue: Decimal | None
    liquidation_after: Decimal | None = None
    mark: Decimal | None = None
    leverage: Decimal = ONE
    mode: MarginMode = MarginMode.CROSS  # of a derivative
    margin_known: bool = True  # whether the venue has told leverage and margin mode
    reckoned: bool = False  # `liquidation_after` is but the desk's reckoning: the venue has rules of its own
    listed_fee: bool = False

    @property
    def ok(self) -> bool:
        return all(verdict.ok for verdict in self.verdicts)


def held_verdicts(core: TradingCore, draft: OrderDraft, now: int, link_up: bool = True) -> Sequence[Verdict]:
    """What the risk checks say of a stop order that the desk holds; its venue must take what it becomes."""
    becomes = judge(core.question(held_entries.fired(draft), now, link_up))
    taken = next(verdict for verdict in becomes if verdict.check == "venue")
    return [taken if verdict.check == "venue" else verdict for verdict in judge(core.question(draft, now, link_up))]


def preview(core: TradingCore, draft: OrderDraft, now: int, link_up: bool = True, held: bool = False) -> Preview:
    """Look ahead on one draft. `held`: by the desk. Raises KeyError for an unknown instrument."""
    question = core.question(draft, now, link_up)
    instrument = question.instrument
    verdicts = held_verdicts(core, draft, now, link_up) if held else judge(question)
    price = question.price
    position = question.position
    if price is None or price <= 0 or draft.quantity <= 0:
        return Preview(
            verdicts=verdicts,
            price=None,
            value=None,
            fee=None,
            fee_currency=instrument.settlement,
            margin=None,
            position_after=position.quantity,
            average_after=position.average_price(instrument),
            queue=None,
        )
    rests = draft.type is OrderType.LIMIT and _rests(draft, price, question.best_opposite)
    notional = instrument.notional(draft.quantity, price)
    fee = multiply(notional, instrument.maker_fee if rests else instrument.taker_fee)
    fill = Fill(
        trade_id="",
        client_id="",
        instrument=instrument.id,
        side=draft.side,
        quantity=draft.quantity,
        price=price,
        fee=fee,
        fee_currency=instrument.settlement,
        liquidity=Liquidity.MAKER if rests else Liquidity.TAKER,
        ts=now,
    )
    after = apply_fill(position, fill, instrument)
    return Preview(
        verdicts=verdicts,
        price=price,
        value=notional,
        fee=fee,
        fee_currency=instrument.settlement,
        margin=notional if instrument.is_spot and draft.side is Side.BUY else initial(notional, question.leverage),
        position_after=after.quantity,
        average_after=after.average_price(instrument),
        queue=_queue(core, draft, price) if rests else None,
        liquidation_after=liquidation_after(core, instrument, fill) if question.leverage_known else None,
        margin_known=question.leverage_known,
        reckoned=instrument.venue in core.portfolio.margin.keepers,
        mode=core.portfolio.margin.setting(instrument).mode,
        mark=core.market.mark(instrument.id),
        leverage=question.leverage,
    )


def _rests(draft: OrderDraft, price: Decimal, opposite: Decimal | None) -> bool:
    if opposite is None:
        return True
    return price < opposite if draft.side is Side.BUY else price > opposite


def _queue(core: TradingCore, draft: OrderDraft, price: Decimal) -> Decimal | None:
    market = core.market.markets[draft.instrument]
    side = market.book.bids if draft.side is Side.BUY else market.book.asks
    try:
        return market.instrument.quantity(side.get(market.instrument.to_ticks(price), 0))
    except ValueError:
        return None
