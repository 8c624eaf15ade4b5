"""The command line's two ends at a desk: what its words refer to now, and doing what they ask."""

from __future__ import annotations

import datetime
from collections.abc import Awaitable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Protocol

from msgspec import UNSET, UnsetType

from workstation.clock import Clock, span
from workstation.domain.formats import POINT, NumberStyle
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.margin import MarginMode
from workstation.domain.numbers import floor_to
from workstation.domain.order import ClientOrderId, Order, OrderDraft, OrderState, OrderType, Side, state_word
from workstation.domain.plan import Plan, PlanId, PlanKind, Trail
from workstation.domain.position import Position
from workstation.domain.prices import average_words, price_words
from workstation.domain.route import Route
from workstation.market.book import OrderBook
from workstation.trading.alert_desk import AlertDesk
from workstation.trading.alerts import sentence
from workstation.trading.command_execution import ExecutionDesk, execute, pause, progress
from workstation.trading.command_plans import chase_bound
from workstation.trading.command_rebalance import (
    PORTFOLIOS,
    RebalancingDesk,
    kept_portfolios,
    manage,
    preview_words,
    progress_lines,
    start_rebalance,
)
from workstation.trading.command_strategies import StrategyDesk, perform_strategy
from workstation.trading.command_text import exits_in_words, grouped
from workstation.trading.command_words import Token
from workstation.trading.commands import (
    BreakEven,
    CancelOrders,
    ChangeExits,
    ChangeLimit,
    ChaseOrder,
    ClosePosition,
    Command,
    Context,
    Execute,
    ExecutionProgress,
    Flatten,
    Kill,
    ManageRebalance,
    PauseExecution,
    PlaceOrder,
    Prices,
    Rearm,
    ResetBreaker,
    ReversePosition,
    Seek,
    SetAlert,
    SetLeverage,
    SetMarginMode,
    SetReducing,
    SetSpeed,
    SnoozeAlerts,
    StartPlan,
    StartRebalance,
)
from workstation.trading.core import TradingCore
from workstation.trading.errors import Refused
from workstation.trading.exits import held_words
from workstation.trading.limits_book import changed_text
from workstation.trading.plans.rows import is_kept
from workstation.trading.rebalancing.looking import RebalancePreview
from workstation.trading.rebalancing.planning import Wish
from workstation.trading.risk_desk import RiskDesk
from workstation.trading.routing.looking import RouteLook
from workstation.trading.routing.words import look_words, started_words
from workstation.trading.sizing import settlement_rate
from workstation.trading.strategy_commands import (
    ChangeStrategy,
    CloseStrategy,
    EndStrategy,
    ResumeStrategy,
    StartStrategy,
)


class CommandDesk(ExecutionDesk, RebalancingDesk, Protocol):
    """What the command line needs of the engine."""

    clock: Clock
    replay: Any
    risk: RiskDesk
    alerts: AlertDesk

    @property
    def core(self) -> TradingCore: ...
    @property
    def strategies(self) -> StrategyDesk: ...
    def get_setting(self, key: str, default: Any = None) -> Any: ...
    def preview_rebalance(self, wish: Wish, /) -> RebalancePreview: ...
    def instruments(self) -> Sequence[Instrument]: ...
    def instrument(self, instrument: InstrumentId, /) -> Instrument: ...
    def book(self, instrument: InstrumentId, /) -> OrderBook: ...
    def mark(self, instrument: InstrumentId, /) -> Decimal | None: ...
    def equity(self) -> Decimal: ...
    def position(self, instrument: InstrumentId, /) -> Position: ...
    def open_orders(self, instrument: InstrumentId | None = None, /) -> Sequence[Order]: ...
    def plan_of(self, order: Order, /) -> Plan | None: ...
    def submit(self, draft: OrderDraft, /) -> Awaitable[Order]: ...
    def holds(self, draft: OrderDraft, /) -> bool: ...
    def preview_route(self, draft: OrderDraft, /) -> RouteLook: ...
    def route_order(self, draft: OrderDraft, /) -> Awaitable[Order | Route]: ...
    def start_plan(self, plan: Plan, /) -> Awaitable[Plan]: ...
    def amend_plan(
        self,
        plan_id: PlanId,
        /,
        *,
        stop: Decimal | UnsetType | None = UNSET,
        target: Decimal | UnsetType | None = UNSET,
        trail: Trail | UnsetType | None = UNSET,
    ) -> Awaitable[Plan]: ...
    def chase(self, client_id: ClientOrderId, bound: Decimal, /) -> Awaitable[Plan]: ...
    def cancel_all(
        self, instrument: InstrumentId | None = None, side: Side | None = None
    ) -> Awaitable[Sequence[Order]]: ...
    def close_position(self, instrument: InstrumentId, /) -> Awaitable[Order]: ...
    def reverse(self, instrument: InstrumentId, /) -> Awaitable[Order]: ...
    def break_even(self, instrument: InstrumentId, /) -> Awaitable[Order | Plan]: ...
    def set_leverage(self, instrument: InstrumentId, leverage: Decimal, /) -> Awaitable[None]: ...
    def set_margin_mode(self, instrument: InstrumentId, mode: MarginMode, /) -> Awaitable[None]: ...
    def kill(self, reason: str = ..., /) -> Any: ...
    def flatten(self) -> Any: ...
    def rearm(self, account_name: str, /) -> Awaitable[None]: ...
    def set_reducing(self, reducing: bool, /) -> Awaitable[None]: ...


def prices_of(desk: CommandDesk, instrument: Instrument) -> Prices:
    """Best bid, best ask and middle of the book; the mark where a side is missing."""
    book = desk.book(instrument.id)
    bid, ask = book.best_bid, book.best_ask
    if bid is None or ask is None:
        middle = desk.mark(instrument.id)
    else:
        middle = instrument.price(bid + ask) / 2
    return Prices(
        None if bid is None else instrument.price(bid), None if ask is None else instrument.price(ask), middle
    )


def context_of(
    desk: CommandDesk,
    selected: InstrumentId | None,
    *,
    currency: str,
    account_name: str,
    max_order_value: Decimal | None = None,
    actions: Mapping[str, str] | None = None,
    themes: Sequence[str] = (),
    zone: datetime.tzinfo = datetime.UTC,
    numbers: NumberStyle = POINT,
) -> Context:
    """What the words of a line refer to at this moment."""
    instruments = desk.instruments()
    replay = desk.replay
    return Context(
        instrument=None if selected is None else desk.instrument(selected),
        instruments=instruments,
        now=desk.clock.now(),
        prices=lambda name: prices_of(desk, desk.instrument(name)),
        equity=desk.equity(),
        rate=lambda one: settlement_rate(one, instruments, currency, desk.mark),
        currency=currency,
        max_order_value=max_order_value,
        account_name=account_name,
        actions=actions or {},
        themes=themes,
        recording=None if replay is None else (replay.start, replay.end),
        zone=zone,
        position=lambda name: desk.position(name).quantity,
        protection=lambda name: _protection(desk, name),
        strategies=[run.run_id for run in desk.core.strategy_runs.values() if run.active],
        ended_strategies=[run.run_id for run in desk.core.strategy_runs.values() if not run.active],
        installed=desk.strategies.names,
        numbers=numbers,
        portfolios=kept_portfolios(desk.get_setting(PORTFOLIOS)),
        rebalance=lambda wish: preview_words(desk.preview_rebalance(wish), currency),
        route=lambda draft: look_words(desk.preview_route(draft)),
        holds=desk.holds,
        limit=desk.core.limits_book.preview,
    )


def _protection(desk: CommandDesk, name: InstrumentId) -> tuple[Sequence[Plan], Decimal]:
    """The plans whose exits protect a position, and what of it none of them does."""
    position, plans = desk.position(name), desk.core.plans
    side = Side.BUY if position.quantity > 0 else Side.SELL
    protecting = [one for one in plans.active(name) if one.has_exits and one.side is side and plans.tally(one).open > 0]
    return protecting, floor_to(plans.unclaimed(name, position.quantity), desk.instrument(name).lot)


async def perform(command: Command, desk: CommandDesk) -> str | None:
    """Do a command of trading or replay; a sentence about what came of it. Raises `Refused`.

    What belongs to the screen (`SetTheme`, `SelectInstrument`, `RunAction`) is the shell's: TypeError here.
    """

    def said(order: Order) -> str:
        return outcome(order, desk.instrument(order.instrument))

    def begun(plan: Plan) -> str:
        return started(plan, desk.instrument(plan.instrument), any(map(desk.holds, plan.entries)))

    match command:
        case PlaceOrder(draft=draft, best_of=True):
            sent = await desk.route_order(draft)
            return said(sent) if isinstance(sent, Order) else started_words(sent)
        case PlaceOrder(draft=draft):
            return said(await desk.submit(draft))
        case StartPlan(plan=plan):
            return begun(await desk.start_plan(plan))
        case ChangeExits(before=before, after=after):
            kept = await desk.amend_plan(
                after.plan_id,
                stop=after.stop if after.stop != before.stop else UNSET,
                target=after.target if after.target != before.target else UNSET,
                trail=after.trail if after.trail != before.trail else UNSET,
            )
            exits = exits_in_words(kept, desk.instrument(kept.instrument))
            return f"{kept.instrument.partition(':')[2]} is protected by {exits} now."
        case ChaseOrder():
            return begun(await _chase(command, desk))
        case Execute():
            done = await execute(command, desk)
            return said(done) if isinstance(done, Order) else done
        case PauseExecution():
            return await pause(command, desk)
        case ExecutionProgress():
            lines = progress_lines(desk)
            try:
                lines.append(progress(desk))
            except Refused:
                if not lines:
                    raise
            return "\n".join(lines)
        case StartRebalance():
            return await start_rebalance(command, desk)
        case ManageRebalance():
            return await manage(command, desk)
        case CancelOrders(instrument=instrument, side=side):
            return cancelled(await desk.cancel_all(instrument, side))
        case ClosePosition(instrument=instrument):
            return said(await desk.close_position(instrument))
        case ReversePosition(instrument=instrument):
            return said(await desk.reverse(instrument))
        case BreakEven(instrument=instrument):
            stop = await desk.break_even(instrument)
            if isinstance(stop, Order):
                return said(stop)
            return f"Break-even stop of {instrument}: {held_words(stop, desk.instrument(instrument))}"
        case SetLeverage(instrument=instrument, leverage=leverage):
            await desk.set_leverage(instrument, leverage)
            return f"The leverage of {instrument} is {leverage} now."
        case SetMarginMode(instrument=instrument, mode=mode):
            await desk.set_margin_mode(instrument, mode)
            return f"{instrument} has {mode} margin now."
        case Kill():
            desk.kill("typed on the command line")
        case Flatten():
            desk.flatten()
        case Rearm(account=account):
            await desk.rearm(account)
            return "Re-armed: orders may be sent again."
        case SetReducing(on=on):
            await desk.set_reducing(on)
        case ChangeLimit(field=field, text=text):
            return changed_text(await desk.risk.change_limit(field, text, "command line"))
        case ResetBreaker(name=name, subject=subject):
            await desk.risk.reset_breaker(name, subject, "command line")
            return f"The breaker {name} was reset."
        case SetAlert(alert=alert):
            desk.alerts.add(alert)
            return f"Alert set: {sentence(alert)}."
        case SnoozeAlerts(length=length, every=every):
            quiet = desk.alerts.snooze(length, every=every)
            what = sentence(quiet[0]) if len(quiet) == 1 else f"{len(quiet)} alerts"
            return f"Quiet for {span(length)}: {what}."
        case StartStrategy() | EndStrategy() | ResumeStrategy() | CloseStrategy() | ChangeStrategy():
            return await perform_strategy(command, desk.strategies)
        case SetSpeed(factor=factor):
            desk.replay.set_speed(factor)
        case Seek(to=to):
            desk.replay.seek(to)
        case _:
            raise TypeError(f"{type(command).__name__} is not the engine's to do")
    return None


async def _chase(command: ChaseOrder, desk: CommandDesk) -> Plan:
    terms = desk.instrument(command.instrument)
    working = [
        order
        for order in desk.open_orders(command.instrument)
        if order.type is OrderType.LIMIT and desk.plan_of(order) is None
    ]
    if not working:
        raise Refused(f"There is no working limit order of {terms.symbol} to chase with: buy 0.5 chase sends one.")
    order = working[-1]
    bound = command.bound
    if bound is None:
        share = f"{command.percent}%"
        bound = chase_bound(Token(share, share, 0), order.side, terms, prices_of(desk, terms))
    return await desk.chase(order.client_id, bound)


def started(plan: Plan, instrument: Instrument | None, held: bool = False) -> str:
    """What a plan that was just started will do, as a sentence. `held`: its entry waits on the desk for its trigger."""
    exits = exits_in_words(plan, instrument)
    if plan.kind is PlanKind.EXIT:
        return f"{grouped(plan.covers)} protected: {exits}."
    entries = f"{len(plan.entries)} entries are" if len(plan.entries) > 1 else "The entry is"
    if plan.chase_to is not None:
        entries = f"The order chases the best price to {price_words(plan.chase_to, instrument)} and is"
    where = "held by this desk until the market reaches its price" if held else "on the way"
    return f"{entries} {where}{f'; then {exits}' if exits else ''}."


def cancelled(orders: Sequence[Order]) -> str:
    """What came of pulling orders, as a sentence."""
    if not orders:
        return "There was no working order to cancel."
    gone = sum(order.state is OrderState.CANCELED for order in orders)
    noun = "order" if len(orders) == 1 else "orders"
    if gone == len(orders):
        return f"{gone} {noun} cancelled."
    return f"{gone} of {len(orders)} {noun} cancelled so far: look at the others in the orders pane."


def outcome(order: Order, instrument: Instrument | None) -> str:
    """What became of an order that was just sent, as a sentence; its prices are written by the `instrument`'s tick."""
    if is_kept(order):
        at = "" if order.stop_price is None else f" until the market passes {price_words(order.stop_price, instrument)}"
        return f"Held by this desk{at}: it does nothing while the desk is off."
    average = "" if order.average_price is None else f" at {average_words(order.average_price, instrument)}"
    match order.state:
        case OrderState.DENIED:
            return f"Not sent: {order.reason}"
        case OrderState.REJECTED:
            return f"Rejected by the venue: {order.reason}"
        case OrderState.UNKNOWN:
            return "No answer from the venue: it is being asked. Do not send it again."
        case OrderState.FILLED:
            return f"Filled {grouped(order.filled)}{average}."
        case OrderState.PARTIALLY_FILLED:
            return f"Filled {grouped(order.filled)} of {grouped(order.quantity)}{average}; the rest works."
        case OrderState.CANCELED | OrderState.EXPIRED:
            done = f" after {grouped(order.filled)} filled{average}" if order.filled else ""
            ended = state_word(order.state).capitalize()
            return f"{ended}{done}: {order.reason}" if order.reason else f"{ended}{done}."
        case OrderState.SUBMITTED | OrderState.INITIALIZED:
            return "Sent to the venue."
        case _:
            return "Accepted: it works at the venue."
