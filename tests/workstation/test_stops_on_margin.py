"""What closes a short of spot on margin: it buys back all that is owed, the fee in coins with it, or the own coins that
were sold."""

from __future__ import annotations

from pathlib import Path

from tests.support.exchange_hand import Hand
from tests.support.live_desk import Truth, told, until
from tests.support.margin_desk import BTC, D, balance, compare, debts, desk_on, lending
from workstation.domain.order import OrderDraft, OrderState, OrderType, Side
from workstation.trading.plans.terms import bracket

#: What is left where a fee is taken in coins: less than a lot.
DUST = D("0.00002")
SHORT = """
from decimal import Decimal

from workstation.domain.order import Side
from workstation.strategies.contract import Strategy

class Short(Strategy):
    '''Short on its start, with a target of its own.'''
    def on_start(self):
        self.trader.order(Side.SELL, Decimal("0.1"))
    def on_fill(self, fill):
        if fill.side is Side.SELL:
            held = abs(self.trader.position)
            self.trader.order(Side.BUY, held, limit=Decimal(63_985), reduce_only=True, tag="target")
"""


async def test_a_strategy_s_own_exit_buys_the_fee_in_coins_too(tmp_path: Path) -> None:
    file = tmp_path / "short.py"
    file.write_text(SHORT)
    with lending("binance") as exchange:
        hand = Hand(exchange)
        async with desk_on(exchange, tmp_path) as engine:
            run = await engine.strategies.start(f"{file}:Short", BTC, capital=D(10_000))
            view = engine.strategies.view

            def rests() -> bool:
                found = [one for one in view(run.run_id).orders if one.reduce_only]
                return [one.state for one in found] == [OrderState.ACCEPTED]

            await until(rests, 20, lambda: told(engine))
            hand.sold("1", "63985")
            await until(lambda: not view(run.run_id).orders, 10, lambda: told(engine))
            assert debts(exchange).get("BTC", D(0)) < DUST
            assert abs(view(run.run_id).position) < DUST
            assert abs(engine.position(BTC).quantity) < DUST
            await compare(engine)
            assert Truth.invented(engine) == []


async def test_a_short_of_coins_that_the_account_had_keeps_its_stop(tmp_path: Path) -> None:
    """A short is a bet on a falling price whether its coins are borrowed or the trader's own."""
    with lending("binance", {"USDT": D(10_000), "BTC": D("0.1")}) as exchange:
        hand = Hand(exchange)
        async with desk_on(exchange, tmp_path) as engine:
            entry = OrderDraft(instrument=BTC, side=Side.SELL, quantity=D("0.1"), type=OrderType.MARKET)
            plan = await engine.start_plan(bracket(entry, stop=D(64_100)))
            await until(lambda: engine.position(BTC).quantity == D("-0.1"), 10, lambda: told(engine))
            assert (engine.position(BTC).quantity, balance(engine, "BTC"), debts(exchange)) == (D("-0.1"), 0, {})
            hand.around(64_110)
            await until(lambda: not engine.core.plans.sets[plan.plan_id].is_active, 10, lambda: told(engine))
            assert len(engine.core.plans.children(plan)) == 2, "one entry, one stop: nothing was sent twice"
            assert abs(balance(engine, "BTC") - D("0.1")) < DUST, "the coins are back, the fee with them"
            assert abs(engine.position(BTC).quantity) < DUST
            assert debts(exchange) == {}
            await compare(engine)
            assert Truth.invented(engine) == []
            assert Truth(exchange).differences(engine) == []


async def test_a_short_of_more_than_the_account_had_is_closed_whole(tmp_path: Path) -> None:
    with lending("binance", {"USDT": D(10_000), "BTC": D("0.04")}) as exchange:
        Hand(exchange)
        async with desk_on(exchange, tmp_path) as engine:
            entry = OrderDraft(instrument=BTC, side=Side.SELL, quantity=D("0.1"), type=OrderType.MARKET)
            await engine.submit(entry)
            await until(lambda: engine.position(BTC).quantity == D("-0.1"), 10, lambda: told(engine))
            assert debts(exchange) == {"BTC": D("0.06")}
            await engine.close_position(BTC)
            await until(lambda: abs(engine.position(BTC).quantity) < DUST, 10, lambda: told(engine))
            assert abs(balance(engine, "BTC") - D("0.04")) < DUST
            assert debts(exchange) == {}
