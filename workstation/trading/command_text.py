"""What a typed command does, in words, and an order as the line that would enter it again."""

from __future__ import annotations

import datetime
from decimal import Decimal

from workstation.clock import SECOND, span
from workstation.domain.instrument import Instrument
from workstation.domain.margin import MarginMode
from workstation.domain.numbers import ONE, ZERO, multiply, plain, subtract
from workstation.domain.order import Order, OrderDraft, OrderType, Side, TimeInForce
from workstation.domain.plan import Plan, PlanKind
from workstation.domain.prices import price_words
from workstation.trading.alerts import sentence
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
    Rearm,
    ResetBreaker,
    ReversePosition,
    RunAction,
    Seek,
    SelectInstrument,
    SetAlert,
    SetLeverage,
    SetMarginMode,
    SetReducing,
    SetSpeed,
    SetTheme,
    SnoozeAlerts,
    StartPlan,
    StartRebalance,
)
from workstation.trading.plans.words import distance_text
from workstation.trading.rebalancing.planning import Wish
from workstation.trading.strategy_commands import (
    ChangeStrategy,
    CloseStrategy,
    EndStrategy,
    ResumeStrategy,
    StartStrategy,
    strategy_text,
)


def grouped(value: Decimal) -> str:
    """With thousands separators and no trailing zeros: 64200.50 → '64,200.5'."""
    text = format(value, ",f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def quote_value(instrument: Instrument, quantity: Decimal, price: Decimal) -> Decimal:
    """What a quantity is worth in the instrument's quote currency."""
    if instrument.is_inverse:
        return multiply(quantity, instrument.multiplier)
    return instrument.notional(quantity, price)


def order_text(draft: OrderDraft, context: Context) -> str:
    """The order as a sentence: Buy 0.5 BTC-USDT at 64,200.00 limit on NOVA, good till cancelled, ≈ 32,100 USDT."""
    venue, _, symbol = draft.instrument.partition(":")
    instrument = context.named(draft.instrument)
    words = [f"{draft.side.capitalize()} {grouped(draft.quantity)} {symbol}"]
    if draft.type.has_limit and draft.price is not None:
        words.append(f"at {price_words(draft.price, instrument)} limit")
    else:
        words.append("at market")
    if draft.stop_price is not None:
        rises = (draft.side is Side.BUY) is not draft.type.takes_profit
        words.append(
            f"once it trades at {price_words(draft.stop_price, instrument)} or {'higher' if rises else 'lower'}"
        )
    if draft.type is OrderType.TRAILING_STOP:
        low_high = "above the lowest" if draft.side is Side.BUY else "below the highest"
        words.append(f"once it trades {_distance(draft)} {low_high} price")
        if draft.activation_price is not None:
            words.append(f"from {price_words(draft.activation_price, instrument)} on")
    if draft.display is not None:
        words.append(f"showing {grouped(draft.display)} at a time")
    words.append(f"on {venue}")
    parts = [" ".join(words)]
    if context.holds(draft):
        parts.append("held by this desk until then")
    if draft.tif is TimeInForce.IOC:
        parts.append("what cannot fill at once is cancelled")
    elif draft.tif is TimeInForce.FOK:
        parts.append("all at once or nothing")
    elif draft.tif is TimeInForce.GTD and draft.expire_at is not None:
        parts.append(f"good for {span(draft.expire_at - context.now)}")
    elif draft.tif is TimeInForce.DAY:
        parts.append("good till the end of the session")
    elif draft.type is not OrderType.MARKET:
        parts.append("good till cancelled")
    if draft.post_only:
        parts.append("post-only")
    if draft.reduce_only:
        parts.append("reduce-only")
    price = draft.price or draft.stop_price or context.prices(draft.instrument).to_take(draft.side)
    if instrument is not None and price is not None and price > 0:
        worth = quote_value(instrument, draft.quantity, price)
        parts.append(f"≈ {grouped(worth.quantize(Decimal('0.01')))} {instrument.quote}")
    return ", ".join(parts)


def _distance(draft: OrderDraft | Order) -> str:
    """A trailing stop's distance as it is typed: 150 or 0.5%."""
    if draft.trail is not None:
        return plain(draft.trail)
    return "" if draft.trail_bps is None else f"{plain(draft.trail_bps.scaleb(-2))}%"


def exits_in_words(plan: Plan, instrument: Instrument | None) -> str:
    """stop at 63,000, target at 66,000, trailing by 1% once 300 beyond the entry."""
    parts = []
    if plan.stop is not None:
        parts.append(f"stop at {price_words(plan.stop, instrument)}")
    if plan.target is not None:
        parts.append(f"target at {price_words(plan.target, instrument)}")
    if plan.trail is not None:
        after = f" once {distance_text(plan.trail.after)} beyond the entry" if plan.trail.after.amount else ""
        parts.append(f"a stop that trails by {distance_text(plan.trail.distance)}{after}")
    return ", ".join(parts)


def plan_sentence(plan: Plan, context: Context) -> str:
    """What a plan will do, as a sentence."""
    instrument = context.named(plan.instrument)
    exits = exits_in_words(plan, instrument)
    symbol = plan.instrument.partition(":")[2]
    if not plan.entries:
        pair = "; one cancels the other" if plan.target is not None and (plan.stop or plan.trail) else ""
        plans, free = context.protection(plan.instrument) if context.protection is not None else ((), ZERO)
        what = (
            f"Exits of the {grouped(free)} {symbol} that have none" if plans else f"Exits of the position in {symbol}"
        )
        return f"{what}: {exits}{pair}."
    first = plan.entries[0]
    if plan.kind is PlanKind.SCALE:
        prices = [draft.price for draft in plan.entries if draft.price is not None]
        total = sum((draft.quantity for draft in plan.entries), ZERO)
        count = f"{len(plan.entries)} {'buys' if plan.side is Side.BUY else 'sells'} of {grouped(first.quantity)}"
        span_ = f"from {price_words(prices[0], instrument)} to {price_words(prices[-1], instrument)}"
        maker = ", post-only" if first.post_only else ""
        text = f"{count} {symbol} {span_} on {plan.instrument.partition(':')[0]}, {grouped(total)} in all{maker}"
    else:
        text = order_text(first, context)
    if plan.chase_to is not None:
        text += f"; it follows the best price to {price_words(plan.chase_to, instrument)}"
    return f"{text}. Then for what fills: {exits}." if exits else f"{text}."


def spell(draft: OrderDraft | Order, now: int) -> str:
    """The line that a trader would type for the order; typed at `now` it gives the same draft again."""
    kind = {OrderType.STOP: "stop", OrderType.STOP_LIMIT: "stop", OrderType.TRAILING_STOP: "trail"}.get(draft.type)
    if draft.type.takes_profit:
        kind = "tp"
    words = [draft.side.value, *([kind] if kind else []), plain(draft.quantity), draft.instrument]
    if draft.type is OrderType.TRAILING_STOP:
        words += ["by", _distance(draft)]
        if draft.activation_price is not None:
            words += ["from", plain(draft.activation_price)]
    elif kind and draft.stop_price is not None:
        words += ["@", plain(draft.stop_price)]
        if draft.type.has_limit and draft.price is not None:
            words += ["limit", plain(draft.price)]
    elif draft.type is OrderType.LIMIT and draft.price is not None:
        words += ["@", plain(draft.price)]
    else:
        words.append("market")
    if draft.tif is TimeInForce.GTD and draft.expire_at is not None:
        words += ["gtd", span(draft.expire_at - now)]
    elif draft.tif is not TimeInForce.GTC:
        words.append(draft.tif.value.lower())
    if draft.display is not None:
        words += ["show", plain(draft.display)]
    if draft.post_only:
        words.append("po")
    if draft.reduce_only:
        words.append("ro")
    return " ".join(words)


def _execute_text(command: Execute, instrument: Instrument | None) -> str:
    """What Enter will do."""
    venue, _, symbol = command.instrument.partition(":")
    words = [f"{command.side.capitalize()} {grouped(command.quantity)} {symbol} on {venue}"]
    if command.kind is PlanKind.TWAP:
        words.append("evenly")
    if command.kind is PlanKind.VWAP:
        words.append("along the usual volume")
    if command.length is not None:
        words.append(f"over {span(command.length)}")
    if command.every is not None:
        words.append(f"with a slice every {span(command.every)}")
    if command.share is not None:
        words.append(f"as {plain(command.share.scaleb(2))}% of what trades")
    if command.show is not None:
        words.append(f"showing {grouped(command.show)} at a time")
    if command.limit is not None:
        words.append(f"at {price_words(command.limit, instrument)} or better")
    return f"{' '.join(words)}{', reduce-only' if command.reduce_only else ''}."


def _pause_text(command: PauseExecution) -> str:
    if command.resume:
        return f"Let the paused execution algorithms of {command.instrument} go on."
    return f"Pause the execution algorithms of {command.instrument}: their slices are pulled."


def rebalance_text(wish: Wish) -> str:
    """What a rebalance is to come to, as a sentence."""
    weights = [f"{name.partition(':')[2]} {_percent(weight)}" for name, weight in list(wish.targets.items())[:6]]
    more = f" and {len(wish.targets) - 6} more" if len(wish.targets) > 6 else ""
    rest = subtract(ONE, sum(wish.targets.values(), ZERO))
    money = f", {_percent(rest)} in money" if rest > Decimal("0.0001") else ""
    of = f" of {grouped(wish.budget)}" if wish.budget is not None else ""
    return f"Rebalance{of} to {', '.join(weights)}{more}{money}, as one plan: sales first."


def _percent(share: Decimal) -> str:
    return f"{plain(share.scaleb(2).quantize(Decimal('0.01')))}%"


def _manage_text(what: str, name: str) -> str:
    which = f"the rebalance {name}" if name else "the rebalance that is under way"
    if what == "pause":
        return f"Pause {which}: its orders are pulled."
    if what == "resume":
        return f"Let {which} go on."
    return f"End {which} and pull its orders; what has traded stays."


def describe(command: Command, context: Context) -> str:
    """What Enter will do, in plain words."""
    match command:
        case PlaceOrder(draft=draft, note=note):
            return f"{order_text(draft, context)}.{' ' + note if note else ''}"
        case StartPlan(plan=plan):
            return plan_sentence(plan, context)
        case ChangeExits(before=before, after=after):
            symbol, terms = after.instrument.partition(":")[2], context.named(after.instrument)
            now, then = exits_in_words(before, terms), exits_in_words(after, terms)
            return f"Change the exits of the position in {symbol}: {then}. Now: {now}."
        case ChaseOrder(instrument=instrument, bound=bound, percent=percent):
            far = (
                f"to {price_words(bound, context.named(instrument))}"
                if bound is not None
                else f"for {plain(percent or ZERO)}% at most"
            )
            return f"Let the newest working limit order of {instrument} follow the best price, {far}."
        case Execute():
            return _execute_text(command, context.named(command.instrument))
        case PauseExecution():
            return _pause_text(command)
        case ExecutionProgress():
            return "Say how far every execution algorithm and every rebalance is."
        case StartRebalance(wish=wish):
            return rebalance_text(wish)
        case ManageRebalance(what=what, name=name):
            return _manage_text(what, name)
        case CancelOrders(instrument=instrument, side=side):
            what = "order" if side is None else f"{side} order"
            where = "of every instrument" if instrument is None else f"of {instrument}"
            return f"Cancel every working {what} {where}, protective stops too."
        case ClosePosition(instrument=instrument):
            return f"Cancel the orders of {instrument} and close its position at market."
        case ReversePosition(instrument=instrument):
            return f"Cancel the orders of {instrument} and reverse its position at market."
        case BreakEven(instrument=instrument):
            return f"Put a reduce-only stop of {instrument} where closing pays entry and fees."
        case SetLeverage(instrument=instrument, leverage=leverage):
            return f"Set the leverage of {instrument} to {plain(leverage)}."
        case SetMarginMode(instrument=instrument, mode=mode):
            behind = "only what is set aside" if mode is MarginMode.ISOLATED else "all free money of its currency"
            return f"Margin {instrument} {mode}: {behind} stands behind its position."
        case Kill():
            return "Kill switch: halt trading and cancel every working order, protective stops too."
        case Flatten():
            return "Halt trading, cancel every working order and close every position at market."
        case Rearm(account=account):
            return f"Re-arm the account {account}: orders may be sent again."
        case SetReducing(on=on):
            if on:
                return "REDUCING: from now on only orders that shrink a position may be sent."
            return "ACTIVE: orders that open positions may be sent again."
        case ChangeLimit(field=field, text=text):
            was, value = context.limit(field, text) if context.limit is not None else ("", text)
            was, value = f" from {was}" if was else "", value or "what the config file says"
            return f"Change the limit {field}{was} to {value}, until the config file says something else of it."
        case ResetBreaker(name=name, subject=subject):
            of = f" of {subject}" if subject else ""
            peak = ", with the present equity as the new peak" if name.startswith("drawdown") else ""
            return f"End the breaker {name}{of} before its time{peak}."
        case SetTheme(name=name):
            return f"Use the theme {name}."
        case SetSpeed(factor=factor):
            return f"Play the recording at {factor:g}× speed."
        case Seek(to=to):
            when = datetime.datetime.fromtimestamp(to / SECOND, context.zone)
            return f"Go to {when:%Y-%m-%d %H:%M:%S} in the recording."
        case SetAlert(alert=alert):
            often = " every time" if alert.repeat else ""
            until = f", for {span(alert.expires - context.now)}" if alert.expires is not None else ""
            return f"Tell{often} when {sentence(alert)}{until}."
        case SnoozeAlerts(length=length, every=every):
            return f"Keep {'every alert' if every else 'the alert that fired last'} quiet for {span(length)}."
        case StartStrategy() | EndStrategy() | ResumeStrategy() | CloseStrategy() | ChangeStrategy():
            return strategy_text(command, context.currency)
        case SelectInstrument(instrument=instrument):
            return f"Show {instrument}."
        case RunAction(name=name):
            return f"{context.actions.get(name, name)}."
