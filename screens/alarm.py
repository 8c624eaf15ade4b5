"""How an alert reaches the trader: a notice that stays a while, the terminal's bell, and a note of the terminal's own.

The note is OSC 9 (iTerm2, kitty, WezTerm, foot, Windows Terminal show it on the desktop; others ignore it). Inside tmux
it is handed through, where tmux allows that (`set -g allow-passthrough on`).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from screens.figures import sentence
from workstation.trading.alerts import Alert

if TYPE_CHECKING:
    from screens.app import TwsApp

#: Seconds for which an alert's notice stands.
STAYS = 60.0


def terminal_note(text: str, in_tmux: bool) -> str:
    """The escape sequence that asks the terminal for a note."""
    plain = "".join(char for char in text if char.isprintable())[:200]
    sequence = f"\x1b]9;{plain}\x07"
    if not in_tmux:
        return sequence
    return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\"


def ring(app: TwsApp, alert: Alert, text: str) -> None:
    """Tell of an alert that has fired, in the ways that the settings allow."""
    _tell(app, f"ALERT  {sentence(text)}")


def warn(app: TwsApp, text: str, bad: bool) -> None:
    """Tell, as of an alert, that a position is not protected or alerts are blind; quietly that all is well again."""
    if bad:
        _tell(app, sentence(text), error=True)
    else:
        app.toast(sentence(text))


def _tell(app: TwsApp, text: str, error: bool = False) -> None:
    ways = app.live.book.settings.alerts
    app.desk_screen.notices.add(text, error, stay=STAYS)
    if ways.bell:
        app.bell()
    driver = app._driver
    if ways.terminal and driver is not None and not app.is_headless:
        driver.write(terminal_note(text, "TMUX" in os.environ))
