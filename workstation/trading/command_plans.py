"""The words of contingent orders: `… stop 63000 tp 66000`, `oco 63000 66000`, `trail 1%`, `scale 5 0.1 63000 64000`.

Percentages of a trail and of a chase are distances: `trail 1%` stays one percent behind the best price, `chase 0.2%`
follows it at most that far from where it stands now.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from workstation.domain.instrument import Instrument
from workstation.domain.numbers import ONE, ZERO, add, floor_to, is_multiple, multiply, plain, subtract
from workstation.domain.order import OrderDraft, OrderType, Side
from workstation.domain.plan import Distance, Plan, Trail
from workstation.trading.command_words import CommandError, Token, amount, number, price, suggestion
from workstation.trading.commands import ChangeExits, ChaseOrder, Context, Prices, StartPlan
from workstation.trading.plans import terms
from workstation.trading.sizing import Basis, SizeError, SizeUnit, quantity_for

STOP = ("stop", "sl")
TARGET = ("tp", "target")
TRAIL = ("trail",)
CHASE = ("chase",)
_AFTER = "after"
_POST_ONLY = ("po", "post", "post-only")
#: How far a chase without a bound follows, in percent of the best price at its start.
CHASE_PERCENT = Decimal("0.5")
_MOST_RUNGS = 50


class ExitWords(msgspec.Struct):
    """The exits that a line has named so far."""

    stop: Token | None = None
    target: Token | None = None
    trail: Trail | None = None

    def __bool__(self) -> bool:
        return self.stop is not None or self.target is not None or self.trail is not None

    def take(self, word: Token, words: list[Token], end: int) -> bool:
        """Read the exit that begins with `word`, its figures from `words`; False if it is another word."""
        if word.text in STOP:
            _once(self.stop is None, word)
            self.stop = following(word, words, end, "the price of the stop")
        elif word.text in TARGET:
            _once(self.target is None, word)
            self.target = following(word, words, end, "the price of the target")
        elif word.text in TRAIL:
            _once(self.trail is None, word)
            self.trail = _trail(word, words, end)
        else:
            return False
        return True

    def changed(self, plan: Plan, instrument: Instrument, prices: Prices) -> Plan:
        """A plan that has a position with these exits in place of its own; those that are not named stay."""
        named: dict[str, object] = {} if self.trail is None else {"trail": self.trail, "trailing": False}
        for name, token in (("stop", self.stop), ("target", self.target)):
            if token is not None:
                named[name] = price(token, plan.side.opposite, instrument, prices)
        after = msgspec.structs.replace(plan, **named)
        if sentence := terms.problem(after, instrument, None, prices.mid):
            raise CommandError(sentence, (self.stop or self.target or Token("", "", 0)).at)
        return after

    def on(self, plan: Plan, instrument: Instrument, prices: Prices, entry: Decimal | None) -> Plan:
        """The plan with these exits. Raises `CommandError` for exits that cannot stand."""
        closing = plan.side.opposite
        stop = None if self.stop is None else price(self.stop, closing, instrument, prices)
        target = None if self.target is None else price(self.target, closing, instrument, prices)
        plan = msgspec.structs.replace(plan, stop=stop, target=target, trail=self.trail)
        if sentence := terms.problem(plan, instrument, entry, None):
            token = self.stop if "stop" in sentence.lower() else self.target
            raise CommandError(sentence, (token or self.stop or Token("", "", 0)).at)
        return plan


def _once(free: bool, word: Token) -> None:
    if not free:
        raise CommandError(f"{word.raw} is there twice.", word.at)


def following(word: Token, words: list[Token], end: int, what: str) -> Token:
    """The next word, which must be there."""
    if not words:
        raise CommandError(f"After {word.raw} comes {what}.", end)
    return words.pop(0)


def distance_of(token: Token) -> Distance:
    """200 or 1% as a distance. Raises `CommandError`."""
    percent = token.text.endswith("%")
    value = number(token.text.removesuffix("%").strip("$"))
    if value is None or value <= 0 or (percent and value >= 100):
        raise CommandError(f"{token.raw} is not a distance: type 200 or 1%.", token.at)
    return Distance(value, percent)


def _trail(word: Token, words: list[Token], end: int) -> Trail:
    distance = distance_of(following(word, words, end, "its distance: 200 or 1%"))
    if words and words[0].text == _AFTER:
        after = words.pop(0)
        return Trail(
            distance, distance_of(following(after, words, end, "how far the market must go first: 300 or 0.5%"))
        )
    return Trail(distance)


# Exits of a position.


def parse_exits(instrument: Instrument, words: Sequence[Token], end: int, context: Context) -> StartPlan | ChangeExits:
    """The words after oco, or a whole line that begins with stop, tp or trail: exits of the position that is there.
    Where a plan protects all of it already, its exits change."""
    left = list(words)
    held = context.position(instrument.id)
    at = left[0].at if left else end
    if held == 0:
        raise CommandError(f"There is no position in {instrument.symbol} that exits could close.", at)
    side = Side.BUY if held > 0 else Side.SELL
    prices = context.prices(instrument.id)
    exits, bare = ExitWords(), []
    while left:
        word = left.pop(0)
        if not exits.take(word, left, end):
            bare.append(word)
    if len(bare) == 2 and not exits:
        bare.sort(key=lambda token: price(token, side.opposite, instrument, prices), reverse=side is Side.SELL)
        exits.stop, exits.target = bare
    elif bare:
        raise CommandError(f"{bare[0].raw} is not understood: oco 63000 66000, or stop 63000 tp 66000.", bare[0].at)
    if not exits:
        raise CommandError("Which exits? oco 63000 66000, stop 63000 tp 66000 or trail 1%.", end)
    plans, free = context.protection(instrument.id) if context.protection is not None else ((), ZERO)
    if not plans or free > 0:
        return StartPlan(plan=exits.on(terms.exits(instrument.id, side), instrument, prices, prices.mid))
    if len(plans) > 1:
        raise CommandError(
            f"{len(plans)} plans protect the position in {instrument.symbol}: change the stop or the target of each in "
            "the orders pane.", at,
        )  # fmt: skip
    return ChangeExits(before=plans[0], after=exits.changed(plans[0], instrument, prices))


# Chasing.


def chase_bound(token: Token | None, side: Side, instrument: Instrument, prices: Prices) -> Decimal:
    """The worst price that a chase may follow to: a price, a distance in percent, or the usual distance."""
    if token is not None and not token.text.endswith("%"):
        return price(token, side, instrument, prices)
    best = (prices.bid if side is Side.BUY else prices.ask) or prices.mid
    if best is None:
        raise CommandError(f"There is no price of {instrument.symbol} now to chase.", 0 if token is None else token.at)
    share = CHASE_PERCENT if token is None else distance_of(token).amount
    far = multiply(best, share).scaleb(-2)
    return floor_to(add(best, far) if side is Side.BUY else subtract(best, far), instrument.tick)


def parse_chase(instrument: Instrument, words: Sequence[Token], context: Context) -> ChaseOrder:
    """`chase [bound]`: the newest working limit order of the instrument follows the best price."""
    if words[1:]:
        raise CommandError(f"{words[1].raw} is one word too many.", words[1].at)
    if not words:
        return ChaseOrder(instrument=instrument.id, percent=CHASE_PERCENT)
    if words[0].text.endswith("%"):
        return ChaseOrder(instrument=instrument.id, percent=distance_of(words[0]).amount)
    bound = price(words[0], Side.BUY, instrument, context.prices(instrument.id))
    return ChaseOrder(instrument=instrument.id, bound=bound)


def is_bound(token: Token) -> bool:
    """Whether the word after chase is its bound."""
    return number(token.text) is not None or (token.text.endswith("%") and number(token.text[:-1]) is not None)


# Ladders.


def parse_scale(instrument: Instrument, words: Sequence[Token], end: int, context: Context) -> StartPlan:
    """`[buy|sell] COUNT SIZE FROM TO [po] [exits]`: COUNT limit orders of SIZE each, evenly from FROM to TO."""
    left, exits, prices = list(words), ExitWords(), context.prices(instrument.id)
    figures: list[Token] = []
    side: Side | None = None
    post_only = False
    while left:
        word = left.pop(0)
        if word.text in ("buy", "sell"):
            side = Side(word.text)
        elif word.text in _POST_ONLY:
            post_only = True
        elif not exits.take(word, left, end):
            figures.append(word)
    usage = "scale 5 0.1 63000 64000 (five orders of 0.1 each), then stop, tp or trail if you like"
    if len(figures) < 4:
        raise CommandError(f"Scale how? {usage}.", end)
    if figures[4:]:
        near = suggestion(figures[4].text, ["stop", "tp", "trail", "po", "buy", "sell"])
        raise CommandError(f"{figures[4].raw} is not understood.{near}", figures[4].at)
    count = number(figures[0].text)
    if count is None or not is_multiple(count, ONE) or not 2 <= count <= _MOST_RUNGS:
        raise CommandError(f"A ladder has 2 to {_MOST_RUNGS} orders, not {figures[0].raw}.", figures[0].at)
    first, last = (price(token, side or Side.BUY, instrument, prices) for token in figures[2:4])
    side = side or _side_of(first, last, prices, figures[2])
    rungs = _rungs(first, last, int(count), instrument, figures[3])
    quantity = _each(figures[1], side, instrument, context, rungs)
    drafts = [
        OrderDraft(
            instrument=instrument.id,
            side=side,
            quantity=quantity,
            type=OrderType.LIMIT,
            price=rung,
            post_only=post_only,
        )
        for rung in rungs
    ]
    nearest_the_stop = min(rungs) if side is Side.BUY else max(rungs)
    return StartPlan(plan=exits.on(terms.scale(drafts), instrument, prices, nearest_the_stop))


def _side_of(first: Decimal, last: Decimal, prices: Prices, token: Token) -> Side:
    mid = prices.mid
    if mid is not None and max(first, last) <= mid:
        return Side.BUY
    if mid is not None and min(first, last) >= mid:
        return Side.SELL
    raise CommandError("Buy or sell? The range does not lie on one side of the market: scale buy 5 …", token.at)


def _rungs(first: Decimal, last: Decimal, count: int, instrument: Instrument, token: Token) -> list[Decimal]:
    ticks = [instrument.to_ticks(first), instrument.to_ticks(last)]
    places = [ticks[0] + (ticks[1] - ticks[0]) * n // (count - 1) for n in range(count)]
    if len(set(places)) < count:
        raise CommandError(f"{count} orders have no room between these prices.", token.at)
    return [instrument.price(place) for place in places]


def _each(token: Token, side: Side, instrument: Instrument, context: Context, rungs: Sequence[Decimal]) -> Decimal:
    size = amount(token.text, instrument)
    if size is None:
        raise CommandError(f"{token.raw} is not a size: 0.1, 100$ or 2% for each order.", token.at)
    if size.size.unit is SizeUnit.UNITS and not is_multiple(size.size.amount, instrument.lot):
        raise CommandError(f"{plain(size.size.amount)} is not a multiple of the lot {plain(instrument.lot)}.", token.at)
    basis = Basis(
        instrument=instrument,
        side=side,
        price=max(rungs),
        equity=context.equity,
        rate=context.rate(instrument),
    )
    try:
        return quantity_for(size.size, basis)
    except SizeError as error:
        raise CommandError(str(error), token.at) from None
