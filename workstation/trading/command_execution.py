"""The words of execution algorithms: `twap buy 2 over 30m`, `vwap sell 3 over 2h @ 63000`, `pov sell 3 10%`,
`iceberg buy 5 show 0.5 @ 63000`, `pause`, `resume`; and starting what they ask for.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Protocol

import msgspec

from workstation.clock import Clock
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.numbers import ZERO, is_multiple, plain
from workstation.domain.order import Order, OrderDraft, OrderType, Side, TimeInForce
from workstation.domain.plan import Plan, PlanKind
from workstation.market.bars import INTERVALS, BarSeries
from workstation.trading.command_orders import bare_question, instrument_named, instrument_near, venues_of
from workstation.trading.command_words import CommandError, Token, amount, duration, number, price
from workstation.trading.commands import Context, Execute, ExecutionProgress, PauseExecution
from workstation.trading.errors import Refused
from workstation.trading.execution import terms
from workstation.trading.plans.words import plan_text, progress_text
from workstation.trading.sizing import Basis, SizeError, SizeUnit, quantity_for
from workstation.venues.contract import Venue

_EXAMPLES = {
    PlanKind.TWAP: "twap buy 2 over 30m",
    PlanKind.VWAP: "vwap buy 2 over 30m",
    PlanKind.POV: "pov sell 3 10%",
    PlanKind.ICEBERG: "iceberg buy 5 show 0.5 @ 63000",
}
_WORDS = ("buy", "sell", "over", "every", "show", "at", "limit", "ro")
#: Bars that the usual volume of a time of day is read from.
_PROFILE = INTERVALS["5m"]
_PROFILE_BARS = 5_000


class ExecutionDesk(Protocol):
    """What starting an algorithm needs of the engine."""

    clock: Clock

    @property
    def venues(self) -> Mapping[str, Venue]: ...
    def instrument(self, instrument: InstrumentId, /) -> Instrument: ...
    def mark(self, instrument: InstrumentId, /) -> Decimal | None: ...
    def bar_series(self, instrument: InstrumentId, interval: int, /) -> BarSeries: ...
    def plans(self, instrument: InstrumentId | None = None, /) -> Sequence[Plan]: ...
    def plan_orders(self, plan: Plan, /) -> Sequence[Order]: ...
    def start_plan(self, plan: Plan, /) -> Awaitable[Plan]: ...
    def pause_plan(self, plan_id: str, /) -> Awaitable[Plan]: ...
    def resume_plan(self, plan_id: str, /) -> Awaitable[Plan]: ...
    def submit(self, draft: OrderDraft, /) -> Awaitable[Order]: ...


def parse_execution(word: Token, rest: Sequence[Token], end: int, context: Context) -> Execute:
    """The line after its first word. Raises `CommandError`."""
    return _Execution(PlanKind(word.text), word, rest, end, context).parse()


def parse_pause(word: Token, rest: Sequence[Token], end: int, context: Context) -> PauseExecution:
    """`pause` and `resume`, of the selected instrument or a named one."""
    instrument = context.instrument if not rest else instrument_named(rest[0].text, context)
    if instrument is None:
        at, what = (rest[0].at, rest[0].raw) if rest else (end, "")
        asked = (
            f"There is no instrument {what}." if what else f"Select an instrument first, or name it after {word.raw}."
        )
        raise CommandError(asked, at)
    if rest[1:]:
        raise CommandError(f"{rest[1].raw} is one word too many.", rest[1].at)
    return PauseExecution(instrument.id, resume=word.text == "resume")


class _Execution:
    def __init__(self, kind: PlanKind, word: Token, rest: Sequence[Token], end: int, context: Context) -> None:
        self.kind, self.word, self.words, self.end, self.context = kind, word, list(rest), end, context
        self.given: dict[str, Token] = {}
        self.reduce_only = False

    def parse(self) -> Execute:
        side = self._side()
        instrument = self._instrument()
        while self.words:
            self._take(self.words.pop(0))
        limit = self._limit(side, instrument)
        share, length, every = self._share(), self._length("over"), self._length("every")
        size = self._needed("size", "How much?")
        wanted = amount(size.text, instrument)
        if wanted is None:
            known = instrument_near(size.text, self.context, _WORDS)
            raise CommandError(f"{size.raw} is not understood.{known}", size.at)
        quantity = self._quantity(wanted, size, side, instrument, limit)
        # The limit of one order does not bind a whole that is worked in slices.
        unlimited = msgspec.structs.replace(self.context, max_order_value=None)
        entry = limit or self.context.prices(instrument.id).to_take(side)
        show = None
        if (shown := self.given.get("show")) is not None:
            size_shown = amount(shown.text, instrument)
            if size_shown is None or size_shown.size.unit is not SizeUnit.UNITS or not size_shown.size.amount:
                raise CommandError(f"{shown.raw} is not a quantity to show: type 0.5.", shown.at)
            show = size_shown.size.amount
            if not is_multiple(show, instrument.lot):
                raise CommandError(f"{shown.raw} is not a multiple of the lot {plain(instrument.lot)}.", shown.at)
        return Execute(
            kind=self.kind,
            instrument=instrument.id,
            side=side,
            quantity=quantity,
            length=length,
            every=every,
            share=share,
            show=show,
            limit=limit,
            reduce_only=self.reduce_only,
            question=bare_question(wanted, quantity, entry, instrument, unlimited),
        )

    def _side(self) -> Side:
        if not self.words or self.words[0].text not in ("buy", "sell"):
            at = self.words[0].at if self.words else self.end
            raise CommandError(f"Buy or sell? {_EXAMPLES[self.kind]}.", at)
        return Side(self.words.pop(0).text)

    def _instrument(self) -> Instrument:
        for index, word in enumerate(self.words):
            if (found := instrument_named(word.text, self.context)) is not None:
                del self.words[index]
                return found
            if several := venues_of(word.text, self.context):
                raise CommandError(f"{word.raw} is listed at more than one venue: {' or '.join(several)}.", word.at)
        if self.context.instrument is None:
            raise CommandError(f"Select an instrument first, or name it: {_EXAMPLES[self.kind]} BTC-USDT.", self.end)
        return self.context.instrument

    def _take(self, word: Token) -> None:
        text = {"@": "at", "limit": "at"}.get(word.text, word.text)
        if text in ("ro", "reduce", "reduce-only"):
            self.reduce_only = True
            return
        allowed = {
            PlanKind.TWAP: ("over", "every", "at"),
            PlanKind.VWAP: ("over", "every", "at"),
            PlanKind.POV: ("at",),
            PlanKind.ICEBERG: ("show", "at"),
        }[self.kind]
        if text in allowed:
            if not self.words:
                raise CommandError(f"What comes after {word.raw}? {_EXAMPLES[self.kind]}.", self.end)
            self._once(text, self.words.pop(0))
        elif self.kind is PlanKind.POV and word.text.endswith("%") and "size" in self.given:
            self._once("share", word)
        else:
            self._once("size", word)

    def _once(self, name: str, token: Token) -> None:
        if name in self.given:
            known = instrument_near(token.text, self.context, _WORDS)
            raise CommandError(f"{token.raw} is one word too many.{known}", token.at)
        self.given[name] = token

    def _needed(self, name: str, question: str) -> Token:
        if name not in self.given:
            raise CommandError(f"{question} {_EXAMPLES[self.kind]}.", self.end)
        return self.given[name]

    def _limit(self, side: Side, instrument: Instrument) -> Decimal | None:
        if self.kind is PlanKind.ICEBERG:
            self._needed("show", "How much of it is seen?")
            self._needed("at", "At which price?")
        token = self.given.get("at")
        return None if token is None else price(token, side, instrument, self.context.prices(instrument.id))

    def _length(self, name: str) -> int | None:
        if name == "over" and self.kind in (PlanKind.TWAP, PlanKind.VWAP):
            self._needed("over", "Over how long?")
        token = self.given.get(name)
        if token is None:
            return None
        nanoseconds = duration(token.text)
        if nanoseconds is None:
            raise CommandError(f"{token.raw} is not a length of time: type 30m, 1h30m or 45s.", token.at)
        return nanoseconds

    def _share(self) -> Decimal | None:
        if self.kind is not PlanKind.POV:
            return None
        token = self._needed("share", "Which share of the volume?")
        percent = number(token.text.removesuffix("%"))
        if percent is None or not 0 < percent <= 50:
            raise CommandError("A share of the volume is above 0% and at most 50%.", token.at)
        return percent.scaleb(-2)

    def _quantity(self, wanted: Any, word: Token, side: Side, instrument: Instrument, limit: Decimal | None) -> Decimal:
        if wanted.size.unit is SizeUnit.UNITS and not is_multiple(wanted.size.amount, instrument.lot):
            raise CommandError(f"{word.raw} is not a multiple of the lot {plain(instrument.lot)}.", word.at)
        basis = Basis(
            instrument=instrument,
            side=side,
            price=limit or self.context.prices(instrument.id).to_take(side),
            equity=self.context.equity,
            rate=self.context.rate(instrument),
            stop=None,
        )
        try:
            return quantity_for(wanted.size, basis)
        except SizeError as error:
            raise CommandError(str(error), word.at) from None


def plan_of(command: Execute, desk: ExecutionDesk) -> Plan:
    """The plan that the command asks for, from the market as it is now. Raises `Refused`."""
    instrument, now = desk.instrument(command.instrument), desk.clock.now()
    mark = command.limit or desk.mark(command.instrument)
    if mark is None:
        raise Refused(f"There is no price of {instrument.symbol} yet.")
    common: dict[str, Any] = {"seed": now % (1 << 32), "reduce_only": command.reduce_only}
    side, quantity = command.side, command.quantity
    if command.kind is PlanKind.ICEBERG:
        assert command.show is not None
        assert command.limit is not None
        return terms.iceberg(instrument, side, quantity, command.show, command.limit, **common)
    common |= {"price": mark, "limit": command.limit}
    if command.kind is PlanKind.POV:
        assert command.share is not None
        return terms.pov(instrument, side, quantity, command.share, **common)
    assert command.length is not None
    if command.kind is PlanKind.TWAP:
        return terms.twap(instrument, side, quantity, command.length, every=command.every, **common)
    bars = desk.bar_series(instrument.id, _PROFILE).last(_PROFILE_BARS)
    return terms.vwap(
        instrument, side, quantity, command.length, bars=bars, interval=_PROFILE, now=now, every=command.every, **common
    )


async def execute(command: Execute, desk: ExecutionDesk) -> Order | str:
    """Start it; an iceberg goes to the venue as one order where the venue has icebergs. An `Order` or a sentence."""
    venue = desk.venues[desk.instrument(command.instrument).venue]
    if command.kind is PlanKind.ICEBERG and venue.capabilities.iceberg:
        return await desk.submit(
            OrderDraft(
                instrument=command.instrument,
                side=command.side,
                quantity=command.quantity,
                type=OrderType.LIMIT,
                price=command.limit,
                tif=TimeInForce.GTC,
                reduce_only=command.reduce_only,
                display=command.show,
            )
        )
    plan = await desk.start_plan(plan_of(command, desk))
    return f"Started: {plan_text(plan)}."


def progress(desk: ExecutionDesk) -> str:
    """How far each execution algorithm is, a line each. Raises `Refused` if there is none."""
    lines = []
    for plan in desk.plans():
        if plan.execution is not None and plan.is_active:
            filled = sum((order.filled for order in desk.plan_orders(plan)), ZERO)
            lines.append(f"{plan_text(plan)}: {progress_text(plan, filled, desk.clock.now())}")
    if not lines:
        raise Refused("No execution algorithm is running.")
    return "\n".join(lines)


def parse_progress(_word: Token, rest: Sequence[Token], _end: int, _context: Context) -> ExecutionProgress:
    if rest:
        raise CommandError(f"{rest[0].raw} is one word too many.", rest[0].at)
    return ExecutionProgress()


async def pause(command: PauseExecution, desk: ExecutionDesk) -> str:
    """Pause or resume every algorithm of the instrument. Raises `Refused`."""
    plans = [p for p in desk.plans(command.instrument) if p.is_active and p.execution is not None]
    wanted = [p for p in plans if p.execution is not None and (p.execution.paused_at is not None) is command.resume]
    if not wanted:
        state = "paused" if command.resume else "running"
        raise Refused(f"No execution algorithm of {command.instrument} is {state}.")
    for plan in wanted:
        await (desk.resume_plan if command.resume else desk.pause_plan)(plan.plan_id)
    names = ", ".join(str(plan.kind) for plan in wanted)
    return f"{'Resumed' if command.resume else 'Paused'}: {names}."
