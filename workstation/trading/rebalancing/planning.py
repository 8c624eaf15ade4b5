"""Target weights → trades: what to sell and buy, in whole lots, with what it will cost. Pure and exact.

A target is a share of the budget, which by default is all that the portfolio's instruments and the free money of their
venues are worth. The weights aimed at are those of what is left after the costs. Quantities are rounded towards no
trade at all, so what comes out is within one lot of the target and nothing is sold that is not held. Money does not
travel between venues: what a venue's buys would cost more than it has (with what its sales bring), they are cut by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.margin import initial
from workstation.domain.numbers import ONE, ZERO, add, divide, floor_to, from_float, multiply, negate, plain, subtract
from workstation.domain.order import Side
from workstation.domain.rebalance import RebalanceTrade
from workstation.domain.spans import MINUTE
from workstation.trading.errors import Refused
from workstation.trading.execution.schedule import smallest_slice

#: A price level: price and quantity.
type Level = tuple[Decimal, Decimal]

_ROUNDS = 4
_WHOLE = Decimal("1.000001")  # weights of a hundredth of a basis point each are rounded


class Asset(msgspec.Struct, frozen=True, kw_only=True):
    """One instrument of the portfolio as it is now.

    `held` is what the portfolio has of it (signed for derivatives), `free` what of it no working sell binds. `bids` and
    `asks` are the book from the best price on; `rate` the value of one unit of the settlement currency in the account
    currency. `leverage`: derivatives.
    """

    instrument: Instrument
    held: Decimal
    free: Decimal
    bids: Sequence[Level]
    asks: Sequence[Level]
    rate: Decimal
    leverage: Decimal = ONE

    @property
    def mid(self) -> Decimal:
        return divide(add(self.bids[0][0], self.asks[0][0]), Decimal(2))

    @property
    def unit(self) -> Decimal:
        """Value of one unit of quantity in the account currency."""
        return multiply(self.instrument.notional(ONE, self.mid), self.rate)

    def worth(self, quantity: Decimal) -> Decimal:
        return multiply(quantity, self.unit)

    @property
    def pool(self) -> tuple[str, str]:
        """The money that it is traded with: venue and currency."""
        return (self.instrument.venue, self.instrument.settlement)


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for. Money in the account currency.

    `targets`: weight of each instrument (a fraction; negative is short, derivatives only); what they leave stays in
    money. `budget`: what they are weights of; None takes all that is there. An instrument trades only where its weight
    is off by more than `band` (percentage points as a fraction) and by more than `relative` of its target; with `whole`
    all trade as soon as one is off. Trades worth less than `least` are left out, and `reserve` of the budget stays
    in money: prices move while the plan is worked.
    `patience` (ns), `drift` and `length` (ns) as in `Rebalance`.
    """

    targets: dict[InstrumentId, Decimal]
    budget: Decimal | None = None
    band: Decimal = ZERO
    relative: Decimal = ZERO
    whole: bool = False
    least: Decimal = Decimal(10)
    reserve: Decimal = Decimal("0.001")
    drift: Decimal = Decimal("0.01")
    patience: int = 0
    length: int = 30 * MINUTE
    name: str = "rebalance"
    origin: str = "manual"


def holding(origin: str, equity: Decimal, weights: Mapping[InstrumentId, float], band: float) -> Wish:
    """A strategy's wish to hold weights of its equity: the border from its floats to exact numbers."""
    step = Decimal("0.000001")
    return Wish(
        targets={name: from_float(weight, step) for name, weight in weights.items()},
        budget=equity,
        band=from_float(band, step),
        whole=True,
        name=origin,
        origin=origin,
    )


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One instrument of a proposal. Weights are of the budget; money in the account currency.

    `trade` is None where nothing is traded, and `note` says why, or what is to be known of the trade.
    """

    instrument: Instrument
    held: Decimal
    unit: Decimal
    now: Decimal
    target: Decimal
    after: Decimal
    trade: RebalanceTrade | None = None
    value: Decimal = ZERO
    fee: Decimal = ZERO
    spread: Decimal = ZERO
    price: Decimal | None = None  # average price that the book shows for it
    note: str = ""

    @property
    def cost(self) -> Decimal:
        return add(self.fee, self.spread)


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """What would be traded, sales first. `money` is what is in money now, as a share of the budget; `money_after` then.

    `notes` are sentences about the whole.
    """

    wish: Wish
    budget: Decimal
    rows: tuple[Row, ...]
    money: Decimal
    money_after: Decimal
    notes: tuple[str, ...] = ()

    @property
    def trades(self) -> tuple[RebalanceTrade, ...]:
        """Sales first; each side in the order of the rows."""
        found = [row.trade for row in self.rows if row.trade is not None]
        return tuple(sorted(found, key=lambda trade: trade.side is Side.BUY))

    @property
    def fees(self) -> Decimal:
        return _total(row.fee for row in self.rows)

    @property
    def spread(self) -> Decimal:
        return _total(row.spread for row in self.rows)

    @property
    def cost(self) -> Decimal:
        return add(self.fees, self.spread)

    @property
    def turnover(self) -> Decimal:
        """Value of all trades."""
        return _total(row.value for row in self.rows)


def _total(amounts: object) -> Decimal:
    total = ZERO
    for amount in amounts:  # type: ignore[attr-defined]
        total = add(total, amount)
    return total


def sweep(levels: Sequence[Level], quantity: Decimal) -> tuple[Decimal, Decimal]:
    """(quantity × price summed over the levels that it takes, quantity that they do not hold)."""
    left, paid = quantity, ZERO
    for price, there in levels:
        taken = min(left, there)
        paid = add(paid, multiply(taken, price))
        left = subtract(left, taken)
        if left <= 0:
            break
    return paid, left


class _Draft:
    """A trade in the making."""

    def __init__(self, asset: Asset, wanted: Decimal) -> None:
        self.asset = asset
        change = subtract(wanted, asset.held)
        self.side = Side.BUY if change > 0 else Side.SELL
        self.quantity = floor_to(abs(change), asset.instrument.lot)
        self.note = ""
        if self.side is Side.SELL and asset.instrument.is_spot and self.quantity > asset.free:
            self.quantity = floor_to(max(asset.free, ZERO), asset.instrument.lot)
            self.note = "what working orders bind is not sold"

    def skip(self, why: str) -> None:
        self.quantity, self.note = ZERO, why

    def fill(self) -> tuple[Decimal, Decimal]:
        """(average price by the book, what the book does not hold). What is not shown is reckoned at its last price."""
        levels = self.asset.asks if self.side is Side.BUY else self.asset.bids
        if not self.quantity:
            return levels[0][0], ZERO
        paid, missing = sweep(levels, self.quantity)
        paid = add(paid, multiply(missing, levels[-1][0]))
        return divide(paid, self.quantity), missing

    @property
    def value(self) -> Decimal:
        """In the settlement currency, at the price that it will have."""
        return self.asset.instrument.notional(self.quantity, self.fill()[0])

    @property
    def fee(self) -> Decimal:
        return multiply(self.value, max(self.asset.instrument.taker_fee, ZERO))

    @property
    def spread(self) -> Decimal:
        """What the book takes against the middle, in the settlement currency."""
        at_mid = self.asset.instrument.notional(self.quantity, self.asset.mid)
        return abs(subtract(self.value, at_mid))

    @property
    def cost(self) -> Decimal:
        """Fee and spread in the account currency."""
        return multiply(add(self.fee, self.spread), self.asset.rate)

    @property
    def money(self) -> Decimal:
        """What it takes from the venue's money (below zero: what it brings), in the settlement currency."""
        if self.asset.instrument.is_spot:
            value = self.value if self.side is Side.BUY else negate(self.value)
            return add(value, self.fee)
        after = add(self.asset.held, multiply(self.quantity, Decimal(self.side.sign)))
        grows = subtract(abs(after), abs(self.asset.held))
        margin = initial(self.asset.instrument.notional(abs(grows), self.fill()[0]), self.asset.leverage)
        return add(margin if grows > 0 else negate(margin), add(self.fee, self.spread))


def propose(assets: Sequence[Asset], money: Mapping[tuple[str, str], Decimal], wish: Wish) -> Proposal:
    """The trades that bring `assets` to the wish. `money`: free money of each (venue, currency) that they settle in.

    Raises `Refused` with a sentence for what cannot be meant.
    """
    _check(assets, wish)
    pools = {asset.pool: money.get(asset.pool, ZERO) for asset in assets}
    rate_of = {asset.pool: asset.rate for asset in assets}
    total = _total(multiply(amount, rate_of[pool]) for pool, amount in pools.items())
    for asset in assets:
        if asset.instrument.is_spot:
            total = add(total, asset.worth(asset.held))
        else:
            total = add(total, divide(asset.worth(abs(asset.held)), asset.leverage))
    budget = total if wish.budget is None else wish.budget
    if budget <= 0:
        raise Refused("There is no money and nothing held that weights could be weights of.")
    now = {asset.instrument.id: divide(asset.worth(asset.held), budget) for asset in assets}
    quiet = _quiet(assets, now, wish)
    drafts: list[_Draft] = []
    cost = multiply(budget, wish.reserve)
    for _ in range(_ROUNDS):  # what the trades cost is not there to be invested
        base = subtract(budget, cost)
        drafts = [_wanted(asset, base, wish, quiet) for asset in assets]
        paid = _total(draft.cost for draft in drafts)
        again = add(multiply(budget, wish.reserve), paid)
        if again == cost:
            break
        cost = max(cost, again)
    for draft in drafts:  # what is not sold brings no money
        _least(draft, wish)
    notes = _afford(drafts, pools)
    for draft in drafts:
        _least(draft, wish)
    return _proposal(drafts, budget, now, wish, notes)


def _check(assets: Sequence[Asset], wish: Wish) -> None:
    if not wish.targets:
        raise Refused("A rebalance needs weights: BTC-USDT 40% ETH-USDT 30%.")
    gross = ZERO
    for asset in assets:
        weight = wish.targets.get(asset.instrument.id, ZERO)
        if asset.instrument.is_spot:
            if weight < 0:
                raise Refused(f"{asset.instrument.symbol} is spot: a rebalance does not sell it short.")
            gross = add(gross, weight)
    if gross > _WHOLE:
        raise Refused(f"The spot weights sum to {plain(gross.scaleb(2).quantize(Decimal('0.01')))} %: "
                      "spot is not bought on credit.")  # fmt: skip
    missing = set(wish.targets) - {asset.instrument.id for asset in assets}
    if missing:
        raise Refused(f"There is no price of {', '.join(sorted(missing))}.")
    if wish.budget is not None and wish.budget <= 0:
        raise Refused("The money to be invested must be above zero.")


def _quiet(assets: Sequence[Asset], now: Mapping[InstrumentId, Decimal], wish: Wish) -> set[InstrumentId]:
    """The instruments that are within their bands, and so are not traded."""
    inside = set()
    for asset in assets:
        name = asset.instrument.id
        target = wish.targets.get(name, ZERO)
        off = abs(subtract(now[name], target))
        if off <= wish.band or off <= multiply(wish.relative, abs(target)):
            inside.add(name)
    return set() if wish.whole and len(inside) < len(assets) else inside


def _wanted(asset: Asset, base: Decimal, wish: Wish, quiet: set[InstrumentId]) -> _Draft:
    name = asset.instrument.id
    if name in quiet:
        draft = _Draft(asset, asset.held)
        draft.note = "within its band" if wish.band or wish.relative else ""
        return draft
    target = wish.targets.get(name, ZERO)
    if not target:
        return _Draft(asset, ZERO)
    exact = divide(multiply(target, base), asset.unit)
    return _Draft(asset, exact)


def _afford(drafts: Sequence[_Draft], pools: Mapping[tuple[str, str], Decimal]) -> list[str]:
    """Cut the buys of every venue that has not the money for them, all in the same proportion."""
    notes = []
    for pool, free in pools.items():
        here = [draft for draft in drafts if draft.asset.pool == pool and draft.quantity]
        there = add(max(free, ZERO), _total(negate(d.money) for d in here if d.money < 0))
        takers = [draft for draft in here if draft.money > 0]
        needed = _total(draft.money for draft in takers)
        if needed <= there:
            continue
        share = divide(there, needed, Decimal("1e-9")) if there > 0 else ZERO
        lacking = subtract(needed, there)
        for draft in takers:
            draft.quantity = floor_to(multiply(draft.quantity, share), draft.asset.instrument.lot)
            draft.note = "cut to the money that is there"
        if share < Decimal("0.999"):
            amount = f"{lacking.quantize(Decimal('0.01')):,f}"
            notes.append(f"{pool[0]} lacks {amount} {pool[1]}: its buys are cut to {share * 100:.1f} %.")
    return notes


def _least(draft: _Draft, wish: Wish) -> None:
    """A trade that is not worth it, or that the venue would not take, is left out."""
    if not draft.quantity:
        return
    instrument = draft.asset.instrument
    closes = draft.quantity == abs(draft.asset.held) and draft.side is (Side.SELL if draft.asset.held > 0 else Side.BUY)
    value = draft.asset.worth(draft.quantity)
    if draft.quantity < smallest_slice(instrument, draft.asset.mid):
        draft.skip("too small for the venue")
    elif value < wish.least and not closes:
        draft.skip(f"below the least trade of {plain(wish.least)}")


def _proposal(
    drafts: Sequence[_Draft], budget: Decimal, now: Mapping[InstrumentId, Decimal], wish: Wish, notes: list[str]
) -> Proposal:
    rows, spent, cash_now = [], ZERO, ONE
    for draft in drafts:
        asset, instrument = draft.asset, draft.asset.instrument
        signed = multiply(draft.quantity, Decimal(draft.side.sign))
        after = divide(asset.worth(add(asset.held, signed)), budget)
        trade, price, note = None, None, draft.note
        if draft.quantity:
            price, missing = draft.fill()
            shrinks = not instrument.is_spot and draft.quantity <= abs(asset.held) and (asset.held > 0) is (signed < 0)
            trade = RebalanceTrade(
                instrument=instrument.id, side=draft.side, quantity=draft.quantity, reference=asset.mid,
                reduce_only=shrinks,
            )  # fmt: skip
            if missing:
                note = f"the book shows no more than {plain(subtract(draft.quantity, missing))}"
        rows.append(
            Row(
                instrument=instrument, held=asset.held, unit=asset.unit, now=now[instrument.id],
                target=wish.targets.get(instrument.id, ZERO), after=after, trade=trade,
                value=multiply(draft.value, asset.rate) if draft.quantity else ZERO,
                fee=multiply(draft.fee, asset.rate) if draft.quantity else ZERO,
                spread=multiply(draft.spread, asset.rate) if draft.quantity else ZERO,
                price=price, note=note,
            )
        )  # fmt: skip
        if instrument.is_spot:
            cash_now = subtract(cash_now, now[instrument.id])
            spent = add(spent, subtract(after, now[instrument.id]))
        spent = add(spent, divide(draft.cost, budget))
    return Proposal(
        wish=wish, budget=budget, rows=tuple(rows), money=cash_now, money_after=subtract(cash_now, spent),
        notes=tuple(notes),
    )  # fmt: skip
