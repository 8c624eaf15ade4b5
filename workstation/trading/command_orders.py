"""The words of an order: `buy 0.5 @ 64200`, `sell stop 0.2 @ 63000`, `buy risk 1% stop 63000 market` → a draft."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.numbers import floor_to, is_multiple, multiply, plain
from workstation.domain.order import OrderDraft, OrderType, Side, TimeInForce
from workstation.trading.command_plans import CHASE, STOP, TARGET, TRAIL, ExitWords, chase_bound, is_bound
from workstation.trading.command_text import grouped, quote_value
from workstation.trading.command_words import (
    Amount,
    CommandError,
    Token,
    amount,
    did_you_mean,
    distance,
    duration,
    nearest,
    price,
)
from workstation.trading.commands import Context, PlaceOrder, StartPlan
from workstation.trading.errors import Refused
from workstation.trading.plans import terms
from workstation.trading.sizing import Basis, SizeError, SizeUnit, quantity_for, unit_name

_AT = ("@", "at")
_MARKET = ("market", "mkt")
_POST_ONLY = ("po", "post", "post-only")
_REDUCE_ONLY = ("ro", "reduce", "reduce-only")
_TIF = {"gtc": TimeInForce.GTC, "day": TimeInForce.DAY, "ioc": TimeInForce.IOC, "fok": TimeInForce.FOK}
#: Kinds of order that a word before the size names, with an example of the rest of the line.
_KINDS = {"stop": "stop {} @ 63000", "tp": "tp {} @ 66000", "trail": "trail {} by 0.5%"}
_WORDS = (
    *_AT, *_MARKET, *_POST_ONLY, *_REDUCE_ONLY, *_TIF, *_KINDS, "gtd", "best", "limit", "risk", "by", "from", "show",
    *STOP, *TARGET, *TRAIL, *CHASE,
)  # fmt: skip

#: A bare number from here on is questioned: units are meant, or money?
QUESTIONED = Decimal(100)


def instrument_named(text: str, context: Context) -> Instrument | None:
    """The instrument that a word names: NOVA:BTC-USDT, or BTC-USDT of the selected venue or of the only one."""
    word = text.upper()
    for instrument in context.instruments:
        if instrument.id.upper() == word:
            return instrument
    named = [instrument for instrument in context.instruments if instrument.symbol.upper() == word]
    venue = context.instrument.venue if context.instrument is not None else ""
    named.sort(key=lambda instrument: instrument.venue != venue)
    return named[0] if len(named) == 1 or (named and named[0].venue == venue) else None


def venues_of(text: str, context: Context) -> list[InstrumentId]:
    """All instruments of that symbol."""
    return [instrument.id for instrument in context.instruments if instrument.symbol.upper() == text.upper()]


def instrument_near(word: str, context: Context, others: Iterable[str] = (), before: str = "") -> str:
    """' Did you mean ETH-USDT?' for what is nearest to a word in lower case among the instruments and `others`, or ''.
    It can be typed as it stands: an instrument with its venue where its symbol alone names none, each after `before`
    (peer=)."""
    found = nearest(word, (*others, *(one for each in context.instruments for one in (each.symbol, each.id))))
    several = venues_of(found, context) if found and instrument_named(found, context) is None else []
    return did_you_mean(" or ".join(f"{before}{one}" for one in several or [found] if one))


def parse_order(side: Side, words: Sequence[Token], end: int, context: Context) -> PlaceOrder | StartPlan:
    """The words after buy or sell; `end` is where the line ends. Raises `CommandError`."""
    return _Order(side, words, end, context).parse()


class _Order:
    def __init__(self, side: Side, words: Sequence[Token], end: int, context: Context) -> None:
        self.side = side
        self.words = list(words)
        self.end = end
        self.context = context
        self.instrument = self._instrument()
        self.prices = context.prices(self.instrument.id)
        self.size: tuple[Amount, Token] | None = None
        self.at: tuple[Token, Token] | None = None  # the word and its price
        self.limit: Token | None = None
        self.exits = ExitWords()  # what is named after the size
        self.chase: Token | None = None
        self.bound: Token | None = None
        self.kind = ""  # a word of _KINDS
        self.by: Token | None = None  # a trailing stop's distance
        self.start: Token | None = None  # the price from which it follows
        self.show: Token | None = None  # how much of an iceberg is seen
        self.best: Token | None = None  # of the venues that list the asset
        self.market = self.risk = self.post_only = self.reduce_only = False
        self.tif = TimeInForce.GTC
        self.expire_at: int | None = None

    def _instrument(self) -> Instrument:
        for index, word in enumerate(self.words):
            found = instrument_named(word.text, self.context)
            if found is not None:
                del self.words[index]
                return found
            if several := venues_of(word.text, self.context):
                raise CommandError(f"{word.raw} is listed at more than one venue: {' or '.join(several)}.", word.at)
        if self.context.instrument is None:
            raise CommandError("Select an instrument first, or name it: buy 0.5 NOVA:BTC-USDT @ 64200.", self.end)
        return self.context.instrument

    def parse(self) -> PlaceOrder | StartPlan:
        while self.words:
            self._word(self.words.pop(0))
        return self._result()

    def _next(self, what: str, after: Token) -> Token:
        if not self.words:
            raise CommandError(f"After {after.raw} comes {what}.", self.end)
        return self.words.pop(0)

    def _word(self, word: Token) -> None:
        text = word.text
        if text in _AT:
            self._once(self.at is None and not self.market, word)
            self.at = (word, self._next("a price: 64200, bid, ask, mid or -0.5%", word))
        elif text in _MARKET:
            self._once(self.at is None and not self.market, word)
            self.market = True
        elif text in _KINDS and self.size is None and not self.risk:
            self._once(not self.kind, word)
            self.kind = text
        elif text == "by":
            self._once(self.by is None, word)
            self.by = self._next("a distance: 150, 0.5% or 50bp", word)
        elif text == "from":
            self._once(self.start is None, word)
            self.start = self._next("the price from which the stop follows", word)
        elif text == "show":
            self._once(self.show is None, word)
            self.show = self._next("how much of the order is seen: 0.5", word)
        elif self.exits.take(word, self.words, self.end):
            return
        elif text in CHASE:
            self._once(self.at is None and not self.market and self.chase is None, word)
            self.chase = word
            if self.words and is_bound(self.words[0]):
                self.bound = self.words.pop(0)
        elif text == "best":
            self.best = word
            if self.words and self.words[0].text == "of":
                self.words.pop(0)
        elif text == "limit":
            self._once(self.limit is None, word)
            self.limit = self._next("the limit price", word)
        elif text == "risk":
            self._once(not self.risk and self.size is None, word)
            self.risk = True
        elif text in _POST_ONLY:
            self.post_only = True
        elif text in _REDUCE_ONLY:
            self.reduce_only = True
        elif text in _TIF:
            self.tif = _TIF[text]
        elif text == "gtd":
            length = self._next("how long it is good: 30m, 1h30m, 45s", word)
            nanoseconds = duration(length.text)
            if nanoseconds is None:
                raise CommandError(f"{length.raw} is not a length of time: type 30m, 1h30m or 45s.", length.at)
            self.tif, self.expire_at = TimeInForce.GTD, self.context.now + nanoseconds
        elif (size := amount(text, self.instrument)) is not None:
            if self.size is not None:
                raise CommandError(f"{word.raw} is a second size: put @ before a price.", word.at)
            self.size = (size, word)
        else:
            raise CommandError(f"{word.raw} is not understood.{instrument_near(text, self.context, _WORDS)}", word.at)

    def _once(self, free: bool, word: Token) -> None:
        if not free:
            raise CommandError(f"{word.raw} is one price too many.", word.at)

    # -- what it comes to

    def _price(self, token: Token) -> Decimal:
        return price(token, self.side, self.instrument, self.prices)

    def _result(self) -> PlaceOrder | StartPlan:
        side, instrument = self.side, self.instrument
        if self.size is None:
            raise CommandError(f"How much? Type {side} 0.5, {side} 100$ or {side} 2% and a price.", self.end)
        size, word = self.size
        type_, limit, stop = self._terms(word)
        if self.post_only and limit is None:
            raise CommandError("Post-only needs a limit price: a market order always takes.", word.at)
        risk_stop = self._risk_stop(size, word)
        entry = limit or stop or self.prices.to_take(side)
        quantity = self._quantity(size, word, entry, risk_stop)
        trail, trail_bps = (None, None) if self.by is None else distance(self.by, instrument)
        draft = OrderDraft(
            instrument=instrument.id,
            side=side,
            quantity=quantity,
            type=type_,
            price=limit,
            stop_price=stop,
            tif=self.tif,
            expire_at=self.expire_at,
            post_only=self.post_only,
            reduce_only=self.reduce_only,
            display=self._display(quantity),
            trail=trail,
            trail_bps=trail_bps,
            activation_price=None if self.start is None else self._price(self.start),
        )
        question = bare_question(size, quantity, entry, self.instrument, self.context)
        if self.best is not None:
            return self._routed(draft, question, self.best)
        if not self.exits and self.chase is None:
            return PlaceOrder(draft=draft, question=question)
        if self.reduce_only:
            raise CommandError("A reduce-only order closes a position: it takes no exits and does not chase.", word.at)
        plan = terms.bracket(draft)
        if self.chase is not None:
            plan = terms.chase(draft, chase_bound(self.bound, side, instrument, self.prices))
        return StartPlan(plan=self.exits.on(plan, instrument, self.prices, entry), question=question)

    def _routed(self, draft: OrderDraft, question: str, word: Token) -> PlaceOrder:
        if self.exits or self.chase is not None:
            raise CommandError("An order to the best of the venues takes no exits and does not chase.", word.at)
        if self.context.route is None:
            raise CommandError("Orders cannot be routed here.", word.at)
        try:
            return PlaceOrder(draft=draft, question=question, best_of=True, note=self.context.route(draft))
        except Refused as refusal:
            raise CommandError(str(refusal), word.at) from None

    def _terms(self, word: Token) -> tuple[OrderType, Decimal | None, Decimal | None]:
        """Type, limit price, stop price."""
        if self.kind == "trail":
            if self.by is None:
                example = _KINDS["trail"].format(word.raw)
                raise CommandError(f"At which distance does the stop follow? {self.side} {example}.", self.end)
            if (wrong := self.limit or (self.at and self.at[0])) is not None:
                raise CommandError("A trailing stop follows the market: it takes by and from, no price.", wrong.at)
            return OrderType.TRAILING_STOP, None, None
        if (wrong := self.by or self.start) is not None:
            raise CommandError(
                f"by and from belong to a trailing stop: {self.side} trail {word.raw} by 0.5%.", wrong.at
            )
        if self.kind:
            if self.at is None:
                what = "stop" if self.kind == "stop" else "target"
                example = _KINDS[self.kind].format(word.raw)
                raise CommandError(f"At which price is the {what}? {self.side} {example}.", self.end)
            limit = None if self.limit is None else self._price(self.limit)
            plain_type, limited = (
                (OrderType.STOP, OrderType.STOP_LIMIT)
                if self.kind == "stop"
                else (OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT)
            )
            return (limited if limit else plain_type), limit, self._price(self.at[1])
        if self.at is not None and self.limit is not None:
            raise CommandError("Two prices: use @ or limit, not both.", self.limit.at)
        at = self.limit if self.at is None else self.at[1]
        if self.market:
            if at is not None:
                raise CommandError("Market or a price, not both.", at.at)
            return OrderType.MARKET, None, None
        if self.chase is not None:
            if at is not None:
                raise CommandError("Chase or a price, not both: a chase begins at the best price.", at.at)
            return OrderType.LIMIT, self._best(self.chase), None
        if at is None:
            if self.exits and not self.risk:
                return OrderType.MARKET, None, None  # an entry with exits and no price is one at market
            raise CommandError(f"At which price? Add @ 64200, @ bid or market to {self.side} {word.raw}.", self.end)
        return OrderType.LIMIT, self._price(at), None

    def _display(self, quantity: Decimal) -> Decimal | None:
        if self.show is None:
            return None
        size = amount(self.show.text, self.instrument)
        if size is None or size.size.unit is not SizeUnit.UNITS:
            raise CommandError(f"{self.show.raw} is not a quantity to show: type 0.5.", self.show.at)
        shown = size.size.amount
        if not is_multiple(shown, self.instrument.lot) or not 0 < shown <= quantity:
            raise CommandError(
                f"An iceberg shows a multiple of the lot {plain(self.instrument.lot)}, and no more than the order's "
                f"{plain(quantity)}.",
                self.show.at,
            )
        return shown

    def _best(self, word: Token) -> Decimal:
        best = self.prices.bid if self.side is Side.BUY else self.prices.ask
        if best is None:
            raise CommandError(f"There is no price of {self.instrument.symbol} now to chase.", word.at)
        return best

    def _risk_stop(self, size: Amount, word: Token) -> Decimal | None:
        if not self.risk:
            return None
        if size.size.unit is not SizeUnit.EQUITY:
            raise CommandError(f"Risk is a percent of equity: risk 1%, not {word.raw}.", word.at)
        if self.exits.stop is None:
            raise CommandError(f"Risk to which stop? {self.side} risk {word.raw} stop 63000.", self.end)
        return price(self.exits.stop, self.side.opposite, self.instrument, self.prices)

    def _quantity(self, size: Amount, word: Token, entry: Decimal | None, risk_stop: Decimal | None) -> Decimal:
        instrument, wanted = self.instrument, size.size
        if wanted.unit is SizeUnit.UNITS and not is_multiple(wanted.amount, instrument.lot):
            below = floor_to(wanted.amount, instrument.lot)
            raise CommandError(
                f"{plain(wanted.amount)} is not a multiple of the lot {plain(instrument.lot)}: {plain(below)} is.",
                word.at,
            )
        if risk_stop is not None:
            wanted = type(wanted)(wanted.amount, SizeUnit.RISK)
        basis = Basis(
            instrument=instrument,
            side=self.side,
            price=entry,
            equity=self.context.equity,
            rate=self.context.rate(instrument),
            stop=risk_stop,
        )
        try:
            return quantity_for(wanted, basis)
        except SizeError as error:
            raise CommandError(str(error), word.at) from None


def bare_question(
    size: Amount, quantity: Decimal, entry: Decimal | None, instrument: Instrument, context: Context
) -> str:
    """A bare number that may have been meant as money is asked about, and one beyond the order-value limit.

    Where a unit is worth at most two of the quote currency, units and money are nearly the same and sizes of
    hundreds are normal: no question.
    """
    if not size.bare:
        return ""
    worth = None if entry is None else quote_value(instrument, quantity, entry)
    large = quantity >= QUESTIONED and (worth is None or worth > multiply(quantity, Decimal(2)))
    limit = context.max_order_value
    rate = context.rate(instrument)
    if worth is not None and limit is not None and rate is not None and not instrument.is_inverse:
        large = large or multiply(worth, rate) > limit
    if not large:
        return ""
    unit, about = unit_name(instrument), ""
    if worth is not None:
        about = f", worth {grouped(worth.quantize(Decimal(1)))} {instrument.quote}"
    return f"{grouped(quantity)} {unit}{about}? Enter again sends it; for money type {plain(quantity)}$."
