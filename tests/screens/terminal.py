"""A terminal that shows the text of what the desk sends it."""

from __future__ import annotations

import re


class Terminal:
    def __init__(self, width, height):
        self.rows = [[" "] * width for _ in range(height)]

    def write(self, output):
        x = y = 0
        for row, column, text in re.findall(r"\x1b\[(\d+);(\d+)H|\x1b\[[\d;]*m|([^\x1b])", output):
            if row:
                y, x = int(row) - 1, int(column) - 1
            elif text == "\n":
                y, x = y + 1, 0
            elif text:
                self.rows[y][x] = text
                x += 1

    @property
    def lines(self):
        return ["".join(row) for row in self.rows]


def connect(desk, monkeypatch, told=lambda update: None):
    """A terminal that shows the desk as it is, and from now on what is sent; `told` is given each update after it."""
    terminal = Terminal(*desk.app.size)
    terminal.write(desk.app.screen._compositor.render_full_update().render_segments(desk.app.console))

    def display(_app, _screen, update):
        if update is not None:
            terminal.write(update.render_segments(desk.app.console))
            told(update)

    monkeypatch.setattr(type(desk.app), "_display", display)
    return terminal
