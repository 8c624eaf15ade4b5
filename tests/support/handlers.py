"""Which handlers of a widget take a message: looked for once in a test, not for each of a thousand messages again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator

from textual.message import Message
from textual.message_pump import MessagePump

type _Handlers = list[tuple[type, list[Callable]]]

#: None: Textual is to look each time, for what it finds depends on the message's sender.
_known: dict[tuple[type, type, str], _Handlers | None] = {}
_get_dispatch_methods = MessagePump._get_dispatch_methods


def forget_handlers() -> None:
    """The next test may have put others into the classes."""
    _known.clear()


def _looked_for(kind: type, message: type, name: str) -> _Handlers | None:
    found: _Handlers = []
    taken = set()
    for cls in kind.__mro__:
        here: list[Callable] = []
        decorated = cls.__dict__.get("_decorated_handlers") or {}
        for each in message.__mro__:
            for method, selectors in decorated.get(each, ()):
                if selectors:
                    return None
                if method not in taken:
                    taken.add(method)
                    here.append(method)
        method = cls.__dict__.get(f"_{name}") or cls.__dict__.get(name)
        if method is not None and not getattr(method, "_textual_on", None):
            here.append(method)
        if here:
            found.append((cls, here))
    return found


def known_handlers(
    self: MessagePump, method_name: str, message: Message
) -> Iterator[tuple[type, Callable[[Message], Awaitable]]]:
    """What `MessagePump._get_dispatch_methods` gives."""
    key = (self.__class__, message.__class__, method_name)
    try:
        handlers = _known[key]
    except KeyError:
        handlers = _known[key] = _looked_for(*key)
    if handlers is None:
        yield from _get_dispatch_methods(self, method_name, message)
        return
    for cls, methods in handlers:
        if message._no_default_action:
            return
        for method in methods:
            yield cls, method.__get__(self, cls)
