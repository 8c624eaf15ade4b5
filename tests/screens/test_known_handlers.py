"""The tests keep in mind which handlers take a message: they are those that Textual finds."""

from __future__ import annotations

from pathlib import Path

from textual import events
from textual.message import Message
from textual.message_pump import MessagePump
from textual.widgets import Button, Input

from plugins.ticket import TicketPane
from screens.testing import FrozenDesk
from tests.support.handlers import _get_dispatch_methods, known_handlers


async def test_they_are_those_that_textual_finds(tmp_path: Path) -> None:
    desk = FrozenDesk(tmp_path, [TicketPane])
    async with desk.app.run_test(size=(160, 48)) as pilot:
        await desk.ready(pilot)
        pumps: list[MessagePump] = [desk.app, desk.app.screen, *desk.app.screen.query("*")]
        messages: list[Message] = [
            events.Mount(),
            events.Key("a", "a"),
            events.Blur(),
            Input.Changed(Input(), "1"),
            Button.Pressed(Button()),
        ]
        found = 0
        for message in messages:
            for pump in pumps:
                theirs = list(_get_dispatch_methods(pump, message.handler_name, message))
                for _ in range(2):
                    assert list(known_handlers(pump, message.handler_name, message)) == theirs
                found += len(theirs)
        assert found > len(pumps)
        refused = events.Key("a", "a")
        refused.prevent_default()
        assert list(known_handlers(desk.app, refused.handler_name, refused)) == []
