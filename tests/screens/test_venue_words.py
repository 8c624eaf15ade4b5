"""What the status bar says of a real venue: whether its dead man's switch is held, and whether own orders are heard."""

from __future__ import annotations

import msgspec
import pytest
from demo_panes import ALL

from screens.bars import StatusBar
from screens.testing import FrozenDesk
from workstation.venues.contract import LinkState


def tell(desk: FrozenDesk, **links: tuple[LinkState, bool | None]) -> None:
    """The venues' links as told; the rest of the desk is real."""
    real = type(desk.app.engine).links

    def told():
        return [
            msgspec.structs.replace(link, state=links[link.venue][0], dead_man=links[link.venue][1])
            for link in real(desk.app.engine)
        ]

    desk.app.engine.links = told


def bar(desk: FrozenDesk) -> str:
    return "".join(text for text, _ in desk.app.query_one(StatusBar).parts())


async def test_it_is_said_when_it_is_held_when_it_is_not_and_when_it_runs_out(tmp_path):
    desk = FrozenDesk(tmp_path, ALL)
    async with desk.app.run_test(size=(200, 48)) as pilot:
        await desk.ready(pilot)
        up, down = LinkState.CONNECTED, LinkState.DOWN
        tell(desk, NOVA=(up, None), ORBIT=(up, None))
        assert "dead man" not in bar(desk)
        tell(desk, NOVA=(up, True), ORBIT=(up, None))
        assert bar(desk).count("dead man's switch held") == 1
        tell(desk, NOVA=(up, False), ORBIT=(up, None))
        assert "no dead man's switch" in bar(desk)
        tell(desk, NOVA=(down, True), ORBIT=(up, None))
        assert "NOVA down dead man's switch runs out" in bar(desk)
        tell(desk, NOVA=(down, False), ORBIT=(up, None))
        assert "dead man" not in bar(desk)


async def test_ages_stay_where_there_is_no_room_for_words_that_all_is_well(tmp_path):
    desk = FrozenDesk(tmp_path, ALL)
    async with desk.app.run_test(size=(130, 48)) as pilot:
        await desk.ready(pilot)
        tell(desk, NOVA=(LinkState.CONNECTED, True), ORBIT=(LinkState.CONNECTED, True))
        assert "NOVA 0.0s ●" in " ".join(bar(desk).split())
        assert "dead man" not in bar(desk)
        tell(desk, NOVA=(LinkState.CONNECTED, True), ORBIT=(LinkState.CONNECTED, False))
        assert "no dead man's switch" in bar(desk)


async def test_where_it_is_held_instrument_by_instrument_it_is_said_for_how_many(tmp_path):
    desk = FrozenDesk(tmp_path, ALL)
    async with desk.app.run_test(size=(200, 48)) as pilot:
        await desk.ready(pilot)
        real = type(desk.app.engine).links
        for held, count, said in (
            (None, (0, 0), "NOVA 0.0s dead man's switch waits for orders "),
            (True, (1, 1), "dead man's switch held for 1 instrument "),
            (True, (3, 3), "dead man's switch held for 3 instruments"),
            (False, (86, 100), "dead man's switch for 86 of 100"),
            (False, (0, 1), "no dead man's switch"),
        ):
            nova, orbit = real(desk.app.engine)
            links = [msgspec.structs.replace(nova, dead_man=held, dead_man_count=count), orbit]
            desk.app.engine.links = lambda links=links: links
            assert said in bar(desk) + " "
            assert bar(desk).count("dead man") == 1


async def test_an_account_that_was_never_read_is_not_worth_nothing(tmp_path):
    desk = FrozenDesk(tmp_path, ALL)
    async with desk.app.run_test(size=(200, 48)) as pilot:
        await desk.ready(pilot)
        assert "Equity 200,000.00 USDT" in bar(desk)
        desk.engine.core.unproven["ORCA"] = "it was never compared"
        assert "Equity – ORCA not read yet" in bar(desk)
        assert "Day –" in bar(desk)
        desk.engine.core.unproven["NOVA"] = desk.engine.core.unproven.pop("ORCA")  # its account is known: it was away
        assert "Equity 200,000.00 USDT" in bar(desk)


async def test_own_orders_that_are_not_heard_are_said(tmp_path):
    desk = FrozenDesk(tmp_path, ALL)
    async with desk.app.run_test(size=(160, 48)) as pilot:
        await desk.ready(pilot)
        real = type(desk.app.engine).links
        for hears, state, said in (
            (None, LinkState.CONNECTED, False),
            (True, LinkState.CONNECTED, False),
            (False, LinkState.CONNECTED, True),
            (False, LinkState.DOWN, False),
        ):
            links = [msgspec.structs.replace(link, state=state, hears_orders=hears) for link in real(desk.app.engine)]
            desk.app.engine.links = lambda links=links: links
            assert ("own orders not heard" in bar(desk)) is said


async def test_that_it_is_not_held_is_said_where_the_line_is_short(tmp_path):
    desk = FrozenDesk(tmp_path, ALL)
    async with desk.app.run_test(size=(100, 30)) as pilot:
        await desk.ready(pilot)
        tell(desk, NOVA=(LinkState.CONNECTED, False), ORBIT=(LinkState.CONNECTED, True))
        assert "no dead man's switch" in bar(desk)


@pytest.mark.parametrize("size", [(160, 48), (100, 30)], ids=str)
def test_a_venue_with_the_switch_and_one_without(snap_compare, tmp_path, monkeypatch, size):
    monkeypatch.setenv("TZ", "UTC")
    desk = FrozenDesk(tmp_path, ALL)

    async def steps(pilot):
        await desk.ready(pilot)
        tell(desk, NOVA=(LinkState.CONNECTED, True), ORBIT=(LinkState.CONNECTED, False))
        await desk.painted(pilot)
        await pilot.pause()

    assert snap_compare(desk.app, run_before=steps, terminal_size=size)


async def test_half_a_worth_is_not_shown_as_the_whole(tmp_path):
    """A coin whose market has no price yet: after a start without a network, say."""
    desk = FrozenDesk(tmp_path, ALL)
    async with desk.app.run_test(size=(160, 48)) as pilot:
        await desk.ready(pilot)
        engine = desk.app.engine
        assert "Equity 200,000.00 USDT  Day +0.00" in bar(desk)
        half = msgspec.structs.replace(engine.equity_detail(), unpriced=("BTC", "NOVA:BTC-USDT"))
        engine.equity_detail = lambda: half
        assert "Equity ~200,000.00 USDT without BTC  Day –" in bar(desk)
