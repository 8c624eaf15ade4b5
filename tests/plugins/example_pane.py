"""The spread of the selected instrument: now, its narrowest and its widest. Drop this file into the plugin folder."""

from screens.actions import Action
from screens.painted import PaintedPane

__version__ = "1.0"


class SpreadPane(PaintedPane):
    PANE = "spread"
    TITLE = "Spread"
    DEFAULT_KEY = "e"
    ACTIONS = (
        Action("forget", "Forget the extremes", "Measures from now on.", ("f",), footer=80, short="Forget"),
        Action("pull", "Pull my orders here", "Cancels every order.", ("X",), trades=True, footer=90, short="Pull"),
    )
    seen = None  # (narrowest, widest) in ticks

    def paint(self, now):  # at the frame rate while it is visible; only rows that changed are drawn
        book, instrument = self.book, self.instrument
        if book is None or book.spread is None:
            self.put_text(0, " Waiting for the book.", self.ink.dim)
            return
        low, high = self.seen or (book.spread, book.spread)
        self.seen = (min(low, book.spread), max(high, book.spread))
        for y, (name, ticks) in enumerate(zip(("now", "least", "most"), (book.spread, *self.seen), strict=True)):
            self.put_text(y, f" {name:6}{instrument.price(ticks)} {instrument.quote}")

    def instrument_changed(self):
        self.seen = None

    def action_forget(self):
        self.seen = None

    async def action_pull(self):  # runs beside the screen; a refusal becomes a notice, a bug an error card
        await self.engine.cancel_all(instrument=self.instrument_id)
