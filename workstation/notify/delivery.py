"""The way out: Apprise sends a text to an address. Blocking, so it is called in a thread.

An address holds a token as a rule: none is ever in a text of ours, and Apprise's own log is kept silent.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

#: Sends a text to an address; None if it was taken, else why not, as the rest of a sentence.
type Deliver = Callable[[str, str, str], str | None]


def deliver(address: str, title: str, text: str) -> str | None:
    """Send one note. Never raises, and never tells the address."""
    try:
        import apprise
    except ImportError:
        return "needs the extra 'notify' (uv sync --extra notify, or pip install apprise)"
    logging.getLogger("apprise").setLevel(logging.CRITICAL)
    try:
        post = apprise.Apprise()
        if not post.add(address):
            return "has an address that Apprise does not know"
        return None if post.notify(body=text, title=title) else "did not take the note"
    except Exception as error:
        return f"did not take the note ({type(error).__name__})"
