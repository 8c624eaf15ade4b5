"""A key on its way from the terminal's thread: market and frames give way to it."""

import asyncio
import threading
from types import SimpleNamespace

from textual import events
from textual.driver import Driver

from screens.arrivals import AT_MOST_SECONDS, Arrivals, attentive
from workstation.clock import SECOND, LiveClock
from workstation.market.demo import DemoMarket
from workstation.venues.pump import MarketPump


class Silent(Driver):
    """A terminal that shows nothing; keys come by `send_message`, as from its thread."""

    def write(self, data):
        """Nothing is shown."""

    def start_application_mode(self):
        """It has no modes."""

    disable_input = stop_application_mode = start_application_mode


def press(desk, key):
    """The terminal's thread has read a key, and the event loop had no turn since."""
    driver = attentive(Silent, desk.app.arrivals.came)(desk.app)
    event = events.Key(key, key)
    thread = threading.Thread(target=driver.send_message, args=(event,))
    thread.start()
    thread.join()
    return event


async def test_a_key_is_near_until_the_desk_acts_on_it(open_desk):
    async with open_desk() as (desk, pilot):
        assert not desk.app.arrivals.near()
        press(desk, "2")
        assert desk.app.arrivals.near()
        assert desk.app.workspace.page == 0
        await pilot.pause()
        assert not desk.app.arrivals.near()
        assert desk.app.workspace.page == 1


async def test_nothing_gives_way_for_long_to_a_key_that_never_arrives():
    arrivals = Arrivals()
    arrivals.came(events.Key("x", "x"))
    assert arrivals.near()
    await asyncio.sleep(AT_MOST_SECONDS + 0.02)
    assert not arrivals.near()


async def test_a_frame_stops_between_two_panes_while_a_key_is_near(open_desk):
    async with open_desk() as (desk, pilot):
        app, painted = desk.app, []
        for pane in app.workspace.shown():
            pane.paint = lambda now, slot=pane.slot: painted.append(slot)
        app.frames.wake()
        frame = asyncio.ensure_future(app.frames.paint())
        await asyncio.sleep(0)
        assert len(painted) == 1
        press(desk, "2")
        await pilot.pause()
        await frame
        assert app.workspace.page == 1
        hidden = {pane.slot for pane in app.workspace.panes.values() if not pane.display}
        assert not hidden & set(painted[1:]), "what the key has hidden is not painted any more"


async def test_the_market_gives_one_event_a_turn_while_a_key_is_near():
    clock, given = LiveClock(), []
    source = DemoMarket(1, clock.now() - SECOND)
    feed = SimpleNamespace(feed=given.append)
    pump = MarketPump(source, clock, {one.venue: feed for one in source.instruments})
    pump.gives_way = lambda: True
    assert pump._turn(), "a second of the market is due"
    assert len(given) == 1
    pump.gives_way = lambda: False
    pump._turn()
    assert len(given) > 2
