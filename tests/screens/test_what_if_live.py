"""What if, on a live desk: the branch trades in a simulator, and the exchange never hears of it."""

from __future__ import annotations

from decimal import Decimal as D

import demo_panes

from screens.app import TwsApp
from screens.plugins import PaneInfo
from tests.support.exchange import RICH, Login, LoopbackExchange
from tests.support.exchange_hand import Hand
from tests.support.live_desk import Truth, live_desk_on, until
from workstation.domain.events import TradingState
from workstation.domain.order import OrderDraft, OrderState, OrderType, Side

BTC = "LOOP:BTC-USDT"


async def test_a_branch_of_a_live_desk_sends_nothing_to_the_venue(tmp_path):
    with LoopbackExchange("binance", logins=[Login(balances=RICH)], seed=None) as exchange:
        hand = Hand(exchange)
        async with live_desk_on(exchange, tmp_path) as engine:
            held = await engine.submit(
                OrderDraft(instrument=BTC, side=Side.BUY, quantity=D("0.02"), type=OrderType.MARKET)
            )
            await until(lambda: engine.order(held.client_id).state is OrderState.FILLED)
            resting = await engine.submit(
                OrderDraft(instrument=BTC, side=Side.BUY, quantity=D("0.01"), price=D(63_995))
            )
            hand.sold("0.5", "63999")
            await until(lambda: engine.mark(BTC) is not None and engine.order(resting.client_id).is_open)
            infos = [PaneInfo(pane.PANE, pane.TITLE, "test", "", None, pane) for pane in demo_panes.ALL]
            app = TwsApp(engine, infos, state_file=tmp_path / "desk.json", what_ifs=tmp_path / "what-if")
            async with app.run_test(size=(80, 24)) as pilot:
                await until(lambda: engine.ready)
                sent = len(exchange.done)
                app.travel.branch()
                await until(lambda: app.travel.what_if is not None, say=lambda: engine.log.entries[-1].text)
                branch = app.travel.present
                assert branch is not engine
                assert branch.mode == "replay"
                assert branch.core.portfolio.balance("LOOP", "BTC") == engine.core.portfolio.balance("LOOP", "BTC")
                assert [order.client_id for order in branch.open_orders()] == [resting.client_id]
                for words in ("buy 0.05 market", "buy 0.01 @ 63990", "sell 0.03 market", "cancel all", "close"):
                    await app.typed.run(words)
                    await pilot.pause(0.05)
                await until(lambda: not branch.open_orders() and branch.position(BTC).is_flat)
                await app.typed.run("flatten")
                assert "flatten would close the desk's own positions" in app.desk_screen.notices.items[-1].text
                assert not app.typed.meaning("flatten").ok
                assert app.travel.what_if is not None
                branch.kill()
                await until(lambda: branch.trading_state is TradingState.HALTED)
                assert len(branch.fills()) > len(engine.fills())
                await pilot.press("ctrl+n")
                await until(lambda: app.travel.what_if is None)
                changed = [place for place, _ in exchange.done[sent:] if not place.startswith("rest GET")]
                assert changed == []
            assert engine.trading_state is TradingState.ACTIVE
            assert [order.client_id for order in engine.open_orders()] == [resting.client_id]
            assert engine.order(resting.client_id).price == D(63_995)
            truth = Truth(exchange)
            await until(lambda: not truth.differences(engine), say=lambda: truth.differences(engine))
