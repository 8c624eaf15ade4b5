"""Opening a file in the user's browser, where there is a screen for one."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def open_in_browser(path: str | Path) -> bool:
    """Show a file in the browser; False where there is no graphical screen (over ssh, say) or no browser."""
    headless = sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    if headless or os.environ.get("SSH_CONNECTION"):
        return False  # a text browser would take the terminal away from the desk
    import webbrowser

    try:
        return webbrowser.open(Path(path).absolute().as_uri())
    except webbrowser.Error:
        return False
