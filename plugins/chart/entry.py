"""What the chart's keys do: moving the view and the crosshair, staging and sending orders."""

from __future__ import annotations

import dataclasses
from decimal import Decimal

from msgspec.structs import replace

from plugins.chart.candles import ZOOMS
from plugins.chart.keys import CHART_ACTIONS
from plugins.chart.marks import Moved, Staged
from plugins.chart.plot import Plot
from plugins.chart.scale import PriceScale, round_step
from plugins.chart.studies import Study, parse_studies
from plugins.chart.timeline import Timeline, slot_at
from screens.figures import plain_text, price_text, refusal_text
from screens.name_dialog import NameDialog
from screens.order_entry import OrderEntryPane
from screens.pane import Desk
from workstation.domain.instrument import Instrument
from workstation.domain.order import OrderDraft
from workstation.domain.order import Side as OrderSide
from workstation.market.bars import INTERVALS
from workstation.trading.errors import Refused

_NAMES = tuple(INTERVALS)


class ChartControl(OrderEntryPane):
    """View, crosshair and order entry of the chart. Painting is the subclass's."""

    ACTIONS = CHART_ACTIONS

    def __init__(self, desk: Desk, slot: str) -> None:
        super().__init__(desk, slot)
        self.scale = PriceScale(bool(self.settings.get("logarithmic", False)))
        self.plot: Plot | None = None
        self.end: int | None = None  # opening time of the last bar shown; None stays with the newest
        self.crosshair: int | None = None  # its price in ticks; None while it is hidden
        self.bar_ts: int | None = None  # the bar under the crosshair; None is the newest
        self.hovering = False  # the crosshair follows the mouse and goes with it
        self.staged: Staged | Moved | None = None

    # -- settings

    @property
    def interval_name(self) -> str:
        name = self.settings.get("interval")
        return name if name in INTERVALS else "1m"

    @property
    def interval(self) -> int:
        return INTERVALS[self.interval_name]

    @property
    def zoom(self) -> int:
        chosen = self.settings.get("zoom")
        if isinstance(chosen, int) and 0 <= chosen < len(ZOOMS):
            return chosen
        return 0 if self.width < 70 else 1

    @property
    def shows_volume(self) -> bool:
        return bool(self.settings.get("volume", True))

    @property
    def studies(self) -> tuple[Study, ...]:
        """The lines over the candles, and the panels beneath them."""
        saved = self.settings.get("studies")
        try:
            return parse_studies(saved) if isinstance(saved, str) else ()
        except Refused:
            return ()

    def _keep(self, name: str, value: object) -> None:
        self.settings[name] = value
        self.save_settings()

    # -- what the actions need

    def here(self) -> tuple[Instrument, Plot]:
        """The instrument and what is painted of it. Raises `Refused` where that is nothing."""
        instrument, plot = self.instrument, self.plot
        if instrument is None:
            raise Refused("No instrument is selected: / finds one.")
        if plot is None or plot.instrument != instrument.id or not plot.slots:
            raise Refused(f"The chart of {instrument.symbol} is not on the screen yet.")
        return instrument, plot

    def trusted(self) -> tuple[Instrument, Plot]:
        """As `here`, if the market can be traded on. Raises `Refused` where its book is stale."""
        instrument, plot = self.here()
        book = self.book
        if book is not None and book.stale is not None:
            raise Refused(f"Nothing was sent: the book of {instrument.symbol} is stale ({book.stale}).")
        return instrument, plot

    def _timeline(self) -> Timeline | None:
        if self.instrument_id is None:
            return None
        return Timeline(self.engine.bar_series(self.instrument_id, self.interval), self.engine.clock.now())

    def last_ticks(self, instrument: Instrument) -> int:
        """The last price in ticks. Raises `Refused` before the first trade."""
        last = self.engine.market(instrument.id).last
        if last is not None:
            return last.price
        bars = self.engine.bar_series(instrument.id, self.interval).last(1)
        if not bars:
            raise Refused(f"Nothing has traded in {instrument.symbol} yet.")
        return max(1, round(bars[-1].close / float(instrument.tick)))

    # -- the crosshair

    def show_crosshair(self) -> int:
        """The crosshair's price in ticks; it appears at the last price if it was hidden."""
        instrument, plot = self.here()
        self.hovering = False
        if self.crosshair is None:
            ticks = self.last_ticks(instrument)
            if not self.scale.shows(ticks * float(instrument.tick)):
                ticks = max(1, round(self.scale.price(plot.rows // 2) / float(instrument.tick)))
            self.crosshair, self.bar_ts = ticks, None if self.end is None else plot.slots[-1].bar.ts
        return self.crosshair

    def _move_price(self, direction: int, ticks: int | None = None) -> None:
        instrument, _ = self.here()
        at = self.show_crosshair()
        if self.staged is not None:
            at = self.staged.ticks
        if ticks is None:  # to the next round price
            step = max(1, int(round_step(self.scale.row_height / 2, instrument.tick) / instrument.tick))
            at = (at // step + 1) * step if direction > 0 else (-(-at // step) - 1) * step
        else:
            at += direction * ticks
        self.crosshair = max(1, at)
        if self.staged is not None:
            self.staged = dataclasses.replace(self.staged, ticks=self.crosshair)

    def action_up(self) -> None:
        self._move_price(1)

    def action_down(self) -> None:
        self._move_price(-1)

    def action_tick_up(self) -> None:
        self._nudge(1)

    def action_tick_down(self) -> None:
        self._nudge(-1)

    def _nudge(self, direction: int) -> None:
        """By a tick: what is staged, else the crosshair."""
        self._move_price(direction, 1)

    def action_left(self) -> None:
        self._move_bar(-1)

    def action_right(self) -> None:
        self._move_bar(1)

    def _move_bar(self, by: int) -> None:
        _, plot = self.here()
        self.show_crosshair()
        slots = plot.slots
        index = len(slots) - 1 if self.bar_ts is None else slot_at(slots, self.bar_ts) or 0
        if not 0 <= index + by < len(slots):  # the view comes along
            self.scroll(-by)
            timeline = self._timeline()
            slots = timeline.window(self.end, plot.count) if timeline is not None else slots
            index = 0 if by < 0 else len(slots) - 1
        else:
            index += by
        self.bar_ts = None if index == len(slots) - 1 and self.end is None else slots[index].bar.ts

    # -- the view

    def scroll(self, slots: int) -> None:
        """Move the view into the past by so many slots; below zero towards now."""
        _, plot = self.here()
        timeline = self._timeline()
        if timeline is None or self.instrument_id is None:
            return
        if slots < 0:
            self.end = timeline.forward(self.end, -slots)
            return
        candles = self.engine.market(self.instrument_id).candles
        while len(timeline.window(self.end, plot.count + slots)) < plot.count + slots and candles.older(self.interval):
            pass
        self.end = timeline.back(self.end, slots, plot.count)

    def _half(self) -> int:
        return max(1, self.here()[1].count // 2)

    def action_back(self) -> None:
        self.scroll(self._half())

    def action_forward(self) -> None:
        self.scroll(-self._half())

    def action_oldest(self) -> None:
        self.scroll(100_000)

    def action_live(self) -> None:
        self.end = self.bar_ts = None
        self.scale.reset()

    def action_longer(self) -> None:
        self._change_interval(1)

    def action_shorter(self) -> None:
        self._change_interval(-1)

    def _change_interval(self, by: int) -> None:
        index = _NAMES.index(self.interval_name) + by
        if not 0 <= index < len(_NAMES):
            raise Refused(f"{self.interval_name} is the {'longest' if by > 0 else 'shortest'} interval.")
        self._keep("interval", _NAMES[index])
        if self.end is not None:
            self.end -= self.end % self.interval
        self.scale.reset()

    def action_wider(self) -> None:
        self._keep("zoom", min(self.zoom + 1, len(ZOOMS) - 1))
        self.scale.reset()

    def action_narrower(self) -> None:
        self._keep("zoom", max(self.zoom - 1, 0))
        self.scale.reset()

    def action_volume(self) -> None:
        self._keep("volume", not self.shows_volume)

    def action_studies(self) -> None:
        def done(typed: str | None) -> None:
            if typed is None:
                return
            self._keep("studies", ", ".join(one.text for one in read(typed)))
            self.repaint()

        def read(typed: str) -> tuple[Study, ...]:
            return parse_studies("" if typed == "none" else typed)

        def judge(typed: str) -> str:
            try:
                read(typed)
            except Refused as refusal:
                return refusal_text(refusal)
            return ""

        text = ", ".join(one.text for one in self.studies)
        hint = "sma 20, ema 50, bb 20 2, vwap, vp, rsi 14, macd 12 26 9"
        self.app.push_screen(NameDialog("Lines and panels", text, hint, 120, judge), done)

    def action_logarithmic(self) -> None:
        self.scale = PriceScale(not self.scale.logarithmic)
        self._keep("logarithmic", self.scale.logarithmic)

    def action_fit(self) -> None:
        self.scale.reset()

    def action_alert(self) -> None:
        instrument, _ = self.here()
        price = instrument.price(self.show_crosshair())
        way = ">" if price >= instrument.price(self.last_ticks(instrument)) else "<"
        self.desk.begin_line(f"alert {instrument.id} {way} {plain_text(price)}")

    def action_pin(self) -> None:
        instrument, _ = self.here()
        if self.settings.get("instrument"):
            self.pin(None)
        else:
            self.pin(instrument.id)
            self.toast(f"This chart stays with {instrument.id}; P lets it follow the desk again.")

    # -- staging and sending

    def action_buy(self) -> None:
        self._stage(OrderSide.BUY)

    def action_sell(self) -> None:
        self._stage(OrderSide.SELL)

    def _stage(self, side: OrderSide) -> None:
        instrument, _ = self.trusted()
        ticks = self.staged.ticks if self.staged is not None else self.show_crosshair()
        self.staged = Staged(side, ticks, self.desk.size(instrument.id))
        self.outcome = ("", False)

    def draft(self) -> OrderDraft | None:
        """The staged order as it would be sent."""
        instrument, staged = self.instrument, self.staged
        if instrument is None or not isinstance(staged, Staged):
            return None
        return OrderDraft(
            instrument=instrument.id,
            side=staged.side,
            quantity=staged.quantity,
            price=instrument.price(staged.ticks),
        )

    def takes(self) -> bool:
        """Whether what is staged would trade at once, at least in part; a stop: be triggered at once."""
        staged, book = self.staged, self.book
        if staged is None or book is None:
            return False
        best = book.best_ask if staged.side is OrderSide.BUY else book.best_bid
        if best is None:
            return False
        reach = (staged.ticks - best) * staged.side.sign
        return reach <= 0 if isinstance(staged, Moved) and staged.stop else reach >= 0

    def action_discard(self) -> None:
        if self.staged is not None:
            self.staged = None
        else:
            self.crosshair = self.bar_ts = None
            self.outcome = ("", False)

    async def action_send(self) -> None:
        instrument, _ = self.trusted()
        draft = self.draft()
        if draft is None or draft.price is None:
            raise Refused("Nothing is staged: b stages a buy, s a sell, m picks up a working order to move it.")
        seen_at = self.sight.seen_at(self.engine.clock.now(), instrument, self.engine.book(instrument.id))
        self.staged = None
        what = f"{draft.side.capitalize()} {plain_text(draft.quantity)} @ {price_text(draft.price, instrument)}"
        await self.enter(what, replace(draft, seen_at=seen_at))

    def action_smaller(self) -> None:
        self._resize(-1)

    def action_larger(self) -> None:
        self._resize(1)

    def _resize(self, steps: int) -> None:
        instrument, _ = self.here()
        quantity: Decimal = self.desk.step_size(instrument.id, steps)
        if isinstance(self.staged, Staged):
            self.staged = Staged(self.staged.side, self.staged.ticks, quantity)
        self.outcome = (f"Size {plain_text(quantity)} {instrument.base}", False)
