"""What every pane that sends orders needs: saying what came of something, and waiting for the venue's answer."""

from __future__ import annotations

import asyncio
from decimal import Decimal

from screens.figures import plain_text, price_text, sentence
from screens.own_orders import is_stop
from screens.painted import PaintedPane
from screens.pane import Desk
from screens.sight import Sight
from workstation.clock import MILLISECOND
from workstation.domain.events import OrderAmended, OrderAmendRejected, OrderCanceled, OrderCancelRejected, OrderFilled
from workstation.domain.numbers import ZERO, add
from workstation.domain.order import Order, OrderDraft, OrderState
from workstation.trading.command_run import outcome, started
from workstation.trading.errors import Refused
from workstation.trading.plans.words import exits_text
from workstation.trading.preview import Preview

#: States in which a command of ours is under way.
UNANSWERED = (OrderState.INITIALIZED, OrderState.SUBMITTED, OrderState.PENDING_AMEND, OrderState.PENDING_CANCEL)
#: Ends that a trader must be told of.
BAD = (OrderState.DENIED, OrderState.REJECTED, OrderState.UNKNOWN)
_PATIENCE = 20.0  # wall-clock seconds; the desk gives up on an answer before that
_PREVIEW_EVERY = 250 * MILLISECOND
_REFUSALS = (OrderAmendRejected, OrderCancelRejected)


class OrderEntryPane(PaintedPane):
    """A painted pane with hands: it sends orders and tells in a sentence what became of them."""

    def __init__(self, desk: Desk, slot: str) -> None:
        super().__init__(desk, slot)
        self.sight = Sight()
        self.outcome: tuple[str, bool] = ("", False)  # the last sentence, and whether it is bad news
        self._preview: tuple[OrderDraft, int, Preview] | None = None

    def draft(self) -> OrderDraft | None:
        """The order that waits for Enter; None if none is staged."""
        raise NotImplementedError

    def staged_preview(self, now: int) -> Preview | None:
        """What the engine says of the staged order, a moment old at most."""
        draft = self.draft()
        if draft is None or not self.engine.ready:  # before, what there is is not known: nothing can be said of it
            self._preview = None
            return None
        known = self._preview
        if known is None or known[0] != draft or now - known[1] >= _PREVIEW_EVERY:
            known = self._preview = (draft, now, self.engine.preview(draft))
        return known[2]

    def say(self, text: str, bad: bool = False) -> None:
        """Show what came of something, in the pane, and as a notice if it is bad news."""
        self.outcome = (text, bad)
        if bad:
            self.toast(text, error=True)

    async def answered(self, order: Order) -> Order:
        """The order once its venue has answered, or has failed to."""
        order = self.engine.order(order.client_id) or order  # its answer may have come while this waited for a turn
        if order.state not in UNANSWERED:
            return order
        events = self.engine.follow_orders()
        try:
            async with asyncio.timeout(_PATIENCE):
                async for event in events:
                    now = self.engine.order(order.client_id)
                    if event.client_id == order.client_id and now is not None and now.state not in UNANSWERED:
                        return now
        except TimeoutError:  # the order shows its state in its pane; it is being asked about
            pass
        finally:
            events.close()
        return self.engine.order(order.client_id) or order

    def refusal(self, order: Order) -> str:
        """Why the last change of the order was refused; empty if it was not."""
        for event in reversed(self.engine.order_events(order.client_id)):
            if isinstance(event, _REFUSALS):
                return sentence(event.reason)
            if isinstance(event, OrderAmended | OrderCanceled | OrderFilled):
                break
        return ""

    def tell(self, what: str, order: Order) -> None:
        """Say what became of an order; in a notice if the pane shows another instrument by now."""
        text, bad = f"{what}: {sentence(outcome(order, self.engine.instrument(order.instrument)))}", order.state in BAD
        if order.instrument != self.instrument_id:
            self.toast(f"{order.instrument}: {text}", error=bad)
        else:
            self.say(text, bad)

    async def enter(self, what: str, draft: OrderDraft) -> None:
        """Send a draft, with its instrument's default exits if it has some, and tell what became of it.
        Raises `Refused`."""
        self.say(f"{what}: sending …")
        try:
            plan = self.desk.plan_of(draft)
            if plan is None:
                self.tell(what, await self.answered(await self.engine.submit(draft)))
            else:
                self.sight.must_be_new(self.engine, self.engine.instrument(draft.instrument))  # plans carry no age
                begun, held = await self.engine.start_plan(plan), any(map(self.engine.holds, plan.entries))
                self.say(f"{what}. {started(begun, self.engine.instrument(plan.instrument), held)}")
        except Refused:
            self.outcome = (f"{what}: not sent.", True)
            raise

    def staged_exits(self, draft: OrderDraft | None) -> str:
        """The default exits that the draft will bring along: "stop 63000 tp 66000"; empty for none."""
        plan = None if draft is None else self.desk.plan_of(draft)
        return "" if plan is None else exits_text(plan)

    async def amend_by(self, order: Order, by: Decimal) -> None:
        """Move an order by so much in price, a waiting stop with its limit, and tell what came of it."""
        if is_stop(order):
            stop = add(order.stop_price or ZERO, by)
            limit = None if order.price is None else add(order.price, by)
            amended = await self.engine.amend(order.client_id, price=limit, stop_price=stop)
        else:
            amended = await self.engine.amend(order.client_id, price=add(order.price or ZERO, by))
        amended = await self.answered(amended)
        what = f"{order.side.capitalize()} {plain_text(order.leaves)}"
        if reason := self.refusal(amended):
            self.say(f"{what} was not moved: {reason}", bad=True)
        elif amended.is_closed:
            self.say(f"{what}: {sentence(outcome(amended, self.engine.instrument(order.instrument)))}")
        else:
            price = (amended.stop_price if is_stop(amended) else amended.price) or ZERO
            self.say(f"{what} moved to {price_text(price, self.engine.instrument(order.instrument))}.")
