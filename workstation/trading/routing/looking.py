"""What an order to the best venues would do now: who takes part, how it is split, and what risk says of every leg.

A venue takes no part where its book is not whole or old, its link is down, or any risk check refuses the leg that it
would get: the order is then split anew over the others, and the sentence is kept for the trader. Money and holdings are
each venue's own: a leg is cut to what they allow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

import msgspec

from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.margin import initial
from workstation.domain.numbers import ONE, ZERO, add, divide, floor_to, multiply, plain
from workstation.domain.order import OrderDraft, OrderType, Side, TimeInForce
from workstation.domain.prices import price_words
from workstation.trading.core import TradingCore
from workstation.trading.errors import Refused
from workstation.trading.risk import CHECKS, Question, Verdict, judge
from workstation.trading.routing.split import Leg, Resting, Split, Taker, resting, single, split

#: Checks of one order that bind the whole as well: legs must not be a way around them.
_OF_ALL_LEGS = ("order value", "drawdown size", "total exposure")
#: What refuses the whole where it refuses a leg: the desk says no, not the venue, and another venue is no way out.
_OF_THE_DESK = {*_OF_ALL_LEGS, "leverage", "painted book", "working orders", "order rate", "orders per day"}
#: Asked of the whole order when it is sent: the legs of the same order differ from one moment to the next.
_ASKED_OF_THE_WHOLE = "duplicate"

type Age = Callable[[InstrumentId], int | None]


class RouteLook(msgspec.Struct, frozen=True, kw_only=True):
    """`split` and `drafts` (one a leg, in its order) of an order that takes; `rests` of a limit that waits, with its
    one draft. `out`: who takes no part and why; `cut`: whose leg was cut and to what; `alone`: the best single venue
    for the same order."""

    draft: OrderDraft
    instrument: Instrument
    split: Split
    drafts: tuple[OrderDraft, ...] = ()
    verdicts: Mapping[InstrumentId, Sequence[Verdict]] = {}
    out: Mapping[InstrumentId, str] = {}
    cut: Mapping[InstrumentId, str] = {}
    alone: Split | None = None
    rests: Resting | None = None
    whole: str = ""  # why the whole may not be sent

    @property
    def problem(self) -> str:
        """Why nothing can be sent, as a sentence; empty if it can."""
        if self.whole:
            return self.whole
        if self.drafts:
            return ""
        words = list(dict.fromkeys(why.partition(": ")[2] or why for why in self.out.values()))
        if len(words) == 1:
            return words[0]
        if words:
            return "No venue takes part. " + " ".join(self.out.values())
        where = "" if self.draft.price is None else f" at {price_words(self.draft.price, self.instrument)} or better"
        return f"No book can take any of it{where}."

    @property
    def saves(self) -> Decimal | None:
        """What the split costs less, or brings more, than the best single venue that takes as much; None: none does."""
        if self.alone is None or self.alone.filled != self.split.filled:
            return None
        return self.alone.worse_by(self.split)


def same_asset(core: TradingCore, instrument: Instrument) -> list[Instrument]:
    """Every venue's instrument of the same asset and contract, itself first; only itself for inverse contracts, whose
    sizes are money."""
    if instrument.is_inverse:
        return [instrument]
    key = (instrument.base, instrument.quote, instrument.contract)
    others = [one for one in core.instruments.values() if (one.base, one.quote, one.contract) == key]
    return sorted(others, key=lambda one: (one.id != instrument.id, one.id))


def route_look(
    core: TradingCore, draft: OrderDraft, now: int, link_up: Callable[[InstrumentId], bool], stale_for: Age
) -> RouteLook:
    """Look ahead on a draft whose instrument names the asset. Raises `Refused` for one that cannot be routed."""
    instrument = core.instruments[draft.instrument]
    venues = same_asset(core, instrument)
    _must_be_routable(draft, instrument, venues)
    out = {one.id: why for one in venues if (why := _old(core, one, stale_for))}
    takes = draft.type is OrderType.MARKET or draft.tif is TimeInForce.IOC
    look = _spread if takes else _rest
    return look(core, draft, instrument, [one for one in venues if one.id not in out], out, now, link_up)


def _must_be_routable(draft: OrderDraft, instrument: Instrument, venues: Sequence[Instrument]) -> None:
    if len(venues) < 2:
        raise Refused(f"No other venue of this desk lists {instrument.base} against {instrument.quote}.")
    if draft.type not in (OrderType.MARKET, OrderType.LIMIT):
        raise Refused("A stop waits at one venue: choose which.")
    if draft.type is OrderType.LIMIT and (draft.price is None or draft.price <= 0):
        raise Refused("A limit order needs a price above zero.")
    if draft.tif is TimeInForce.FOK:
        raise Refused("Several venues cannot promise fill or kill together: choose IOC, or one venue.")
    if draft.display is not None:
        raise Refused("An iceberg waits at one venue: choose which.")


def _old(core: TradingCore, instrument: Instrument, stale_for: Age) -> str:
    """Why the venue's prices may not be traded on; empty if they may."""
    if (why := core.market.markets[instrument.id].book.stale) is not None:
        return f"The book of {instrument.id} is stale: {why}."
    age = stale_for(instrument.id)
    return "" if age is None else f"The newest price of {instrument.id} is {age / 1e9:.0f} s old."


# An order that takes.


def _spread(
    core: TradingCore,
    draft: OrderDraft,
    instrument: Instrument,
    venues: Sequence[Instrument],
    out: dict[InstrumentId, str],
    now: int,
    link_up: Callable[[InstrumentId], bool],
) -> RouteLook:
    quantity = multiply(draft.quantity, instrument.multiplier)
    most = {one.id: _held(core, one, draft) for one in venues}
    cut: dict[InstrumentId, str] = {}
    among = list(venues)
    while True:
        takers = [Taker(one, core.market.markets[one.id].book, most[one.id]) for one in among]
        found = split(takers, draft.side, quantity, draft.price)
        drafts = [_draft(draft, leg) for leg in found.legs]
        verdicts: dict[InstrumentId, Sequence[Verdict]] = {}
        before, whole = ZERO, _whole(core, draft, found, now) if found.legs else ""
        for leg, one in zip(found.legs, drafts, strict=True):
            question = core.question(one, now, link_up(one.instrument))
            question = msgspec.structs.replace(question, exposure_elsewhere=add(question.exposure_elsewhere, before))
            before = add(before, question.value or ZERO)
            verdicts[one.instrument] = _asked(judge(question))
            refusals = [verdict for verdict in verdicts[one.instrument] if not verdict.ok]
            whole = whole or next((verdict.sentence for verdict in refusals if verdict.check in _OF_THE_DESK), "")
            bad = next((verdict for verdict in refusals if verdict.check not in _OF_THE_DESK), None)
            if bad is None:
                continue
            room = _affordable(question, leg) if bad.check == "buying power" else ZERO
            if ZERO < room < leg.quantity:
                most[one.instrument] = room
                cut[one.instrument] = f"{leg.instrument.venue} has money for {plain(room)}."
            else:
                out[one.instrument] = f"{leg.instrument.venue}: {bad.sentence}"
                among = [other for other in among if other.id != one.instrument]
            break
        else:
            break
    singles = [single(taker, draft.side, quantity, draft.price) for taker in takers]
    alone = sorted((one for one in singles if one.legs), key=lambda one: (-one.filled, one.net * draft.side.sign))
    return RouteLook(
        draft=draft,
        instrument=instrument,
        split=found,
        drafts=tuple(drafts),
        verdicts=verdicts,
        out=out,
        cut={name: words for name, words in cut.items() if name not in out},
        alone=alone[0] if alone else None,
        whole=whole,
    )


def _asked(verdicts: Sequence[Verdict]) -> list[Verdict]:
    return [verdict for verdict in verdicts if verdict.check != _ASKED_OF_THE_WHOLE]


def _held(core: TradingCore, instrument: Instrument, draft: OrderDraft) -> Decimal | None:
    """What there is to sell or to reduce, in units of the instrument; None: it bounds nothing."""
    if draft.reduce_only:
        signed = multiply(core.held(instrument), Decimal(-draft.side.sign))
        return max(ZERO, signed)
    if instrument.is_spot and draft.side is Side.SELL and not core.portfolio.margin.can_short(instrument):
        return max(ZERO, core.free_base(instrument))
    return None


def _affordable(question: Question, leg: Leg) -> Decimal:
    """What the venue's free money allows at the leg's worst price, in whole lots."""
    instrument = leg.instrument
    unit = instrument.notional(ONE, question.price or leg.worst)
    spot_buy = instrument.is_spot and question.draft.side is Side.BUY
    fee = multiply(unit, max(instrument.taker_fee, instrument.maker_fee, ZERO))
    if question.lends is not None and not spot_buy:  # on margin: what is there, and what may be borrowed
        lent = divide(question.lends, add(unit, fee))
        return floor_to(add(max(ZERO, question.free_base), max(ZERO, lent)), instrument.lot)
    needed = add(
        initial(unit, ONE if spot_buy else question.leverage),
        fee,
    )
    return floor_to(max(ZERO, divide(question.free_quote, needed)), instrument.lot)


def _draft(draft: OrderDraft, leg: Leg) -> OrderDraft:
    price = draft.price
    if price is not None:  # on the venue's tick, never beyond the limit
        tick = leg.instrument.tick
        below = floor_to(price, tick)
        price = below if draft.side is Side.BUY or below == price else add(below, tick)
    return msgspec.structs.replace(
        draft,
        instrument=leg.instrument.id,
        quantity=leg.quantity,
        price=price,
        tif=TimeInForce.IOC if draft.type is OrderType.LIMIT else draft.tif,
        leg=leg.instrument.id,
    )


def _whole(core: TradingCore, draft: OrderDraft, found: Split, now: int) -> str:
    """What the limits of one order say of all legs together: the first leg's question with the whole quantity."""
    first = found.legs[0]
    units = divide(found.filled, first.instrument.multiplier)  # it need not be whole lots to be valued
    whole = msgspec.structs.replace(_draft(draft, first), quantity=units)
    question = core.question(whole, now)
    if question.shrinks or draft.reduce_only:
        return ""
    return next((sentence for name in _OF_ALL_LEGS if (sentence := CHECKS[name](question))), "")


# A limit that waits.


def _rest(
    core: TradingCore,
    draft: OrderDraft,
    instrument: Instrument,
    venues: Sequence[Instrument],
    out: dict[InstrumentId, str],
    now: int,
    link_up: Callable[[InstrumentId], bool],
) -> RouteLook:
    price = draft.price or ZERO
    fit: dict[InstrumentId, tuple[OrderDraft, Sequence[Verdict]]] = {}
    takers = []
    for one in venues:
        units = divide(multiply(draft.quantity, instrument.multiplier), one.multiplier)
        here = msgspec.structs.replace(draft, instrument=one.id, quantity=units)
        verdicts = _asked(core.judge(here, now, link_up(one.id)))
        bad = next((verdict.sentence for verdict in verdicts if not verdict.ok), "")
        book = core.market.markets[one.id].book
        far = book.best_ask if draft.side is Side.BUY else book.best_bid
        if not bad and draft.post_only and far is not None and _crosses(one.price(far), price, draft.side):
            bad = "A post-only order at that price would trade at once."
        if bad:
            out[one.id] = f"{one.venue}: {bad}"
        else:
            fit[one.id] = (here, verdicts)
            takers.append(Taker(one, book))
    nothing = Split(draft.side, multiply(draft.quantity, instrument.multiplier))
    best = resting(takers, draft.side, price)
    if best is None:
        return RouteLook(draft=draft, instrument=instrument, split=nothing, out=out)
    here, passed = fit[best.instrument.id]
    return RouteLook(
        draft=draft,
        instrument=instrument,
        split=nothing,
        drafts=(here,),
        verdicts={here.instrument: passed},
        out=out,
        rests=best,
    )


def _crosses(far: Decimal, price: Decimal, side: Side) -> bool:
    return far <= price if side is Side.BUY else far >= price
