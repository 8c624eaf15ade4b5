"""Every setting there is: found by its plain name, explained, refused with a sentence, changed, in force, and kept.

One desk for all of them: a table says what each setting is changed to, what it cannot be, and where the change shows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal

import demo_panes
import pytest

from screens import figures, themes
from screens.dialog import Lines
from screens.finder import Finder
from screens.key_editor import KeyEditor
from screens.live_dialog import LiveDialog
from screens.settings_dialog import SettingsDialog, rank
from screens.testing import BTC, FrozenDesk
from workstation.assembly import demo_desk
from workstation.clock import SimClock
from workstation.domain.formats import COMMA
from workstation.paths import Paths
from workstation.settings import Settings
from workstation.settings_book import SettingsBook
from workstation.settings_file import load
from workstation.settings_help import describe, setting_value
from workstation.trading.limits import limit_fields, limit_value
from workstation.venues.ccxt.settings import VenueSettings

VENUE = "venues.kraken"
#: path → what is typed, what is refused, and words of the sentence that says why.
TYPED: dict[str, tuple[str, str, str]] = {
    "mode": ("replay", "backtest", "must be one of demo, replay, paper, live"),
    "theme": ("tws-light", "neon", "neon"),
    "rising": ("red", "blue", "must be one of green, red"),
    "keymap": ("vim", "emacs", "emacs"),
    "locale": ("de_DE", "klingon", "a locale like en_GB"),
    "time_zone": ("Asia/Tokyo", "Mars/Olympus", "a zone that this machine knows"),
    "watchlist": ("NOVA:ETH-USDT, NOVA:BTC-USDT", "[1]", "a list whose every entry is text"),
    "size_presets": ("100, 200, 400", "400, 200", "in ascending order"),
    "order_defaults": ('{"*:BTC-*" = {size = 0.03, stop = "1%"}}', '{"*" = {stop = "near"}}', "is not a distance"),
    "session_end": ("22:00", "10pm", "must be text"),
    "open_venues": ("kraken", "[true]", "a list whose every entry is text"),
    "account.name": ("main", "", "must be text"),
    "account.currency": ("USDT", "", "must be text"),
    "account.balances": ("{USDT = 5000}", "{USDT = -1}", "must not be negative"),
    "account.venue_balances": ("{NOVA = {USDT = 7000}}", "{NOVA = 3}", "must be a table"),
    "risk.price_collar": ("3 %", "200 %", "must be a fraction between 0 and 1"),
    "risk.price_collar_resting": ("0.4", "much", "is not a number"),
    "risk.max_order_value": ("50000", "-1", "must be above 0"),
    "risk.max_position_value": ("150000", "0", "must be above 0"),
    "risk.max_exposure": ("400000", "nan", "must be a number"),
    "risk.max_leverage": ("3", "0", "must be above 0"),
    "risk.max_instrument_leverage": ("2.5", "-2", "must be above 0"),
    "risk.max_working_orders": ("50", "2.5", "must be a whole number"),
    "risk.max_working_orders_per_instrument": ("20", "0", "must be above 0"),
    "risk.max_orders_per_second": ("5", "0", "must be above 0"),
    "risk.max_orders_per_day": ("500", "x", "is not a number"),
    "risk.duplicate_window_ms": ("0", "-5", "must be 0 (off) or above"),
    "risk.max_price_age_ms": ("4000", "", "is not a number"),
    "risk.max_painted_age_ms": ("900", "0", "must be above 0"),
    "risk.allow_instruments": ("NOVA:*, ORCA:*", "", ""),
    "risk.deny_instruments": ("*:DOGE-*", "", ""),
    "risk.breakers.daily_loss": ("4 %", "4", "must be a fraction between 0 and 1"),
    "risk.breakers.daily_loss_minutes": ("30", "0", "must be above 0"),
    "risk.breakers.drawdown": ("0.08", "-0.1", "must be a fraction between 0 and 1"),
    "risk.breakers.drawdown_minutes": ("600", "0.5", "must be a whole number"),
    "risk.breakers.drawdown_zero_size": ("0.12", "1", "must be a fraction between 0 and 1"),
    "risk.breakers.drawdown_kill": ("0.18", "2", "must be a fraction between 0 and 1"),
    "risk.breakers.venue_errors_per_minute": ("7", "0", "must be above 0"),
    "risk.breakers.venue_pause_minutes": ("3", "soon", "is not a number"),
    "risk.breakers.price_move": ("0.05", "0", "must be a fraction between 0 and 1"),
    "risk.breakers.price_move_minutes": ("9", "0", "must be above 0"),
    "risk.groups": ('{majors = {members = ["*:BTC-*"], max_exposure = 9000}}', "{majors = 1}", "must be a table"),
    "risk.strategies": ('{"sma*" = {max_order_value = 5000}}', '{"sma*" = {max_ordre = 1}}', "max_ordre"),
    "demo.seed": ("7", "seven", "must be a whole number"),
    "demo.rate": ("2", "0", "must be a number > 0"),
    "latency.order_ms": ("12", "-1", "must be a number >= 0"),
    "latency.report_ms": ("13", "slow", "must be a number"),
    "latency.jitter_ms": ("0", "-1", "must be a number >= 0"),
    "kill.flatten_window_seconds": ("7", "0", "must be a number > 0"),
    "alerts.bell": ("false", "maybe", "must be one of false, true"),
    "alerts.terminal": ("true", "1", "must be one of false, true"),
    "notify.topics": ("fill, kill", "weather", "must be a list whose every entry is one of fill, reject"),
    "notify.per_minute": ("3", "0", "must be a whole number >= 1"),
    "notify.quiet_hours": ("22:00-07:00", "10pm", "must be text"),
    "notify.templates": ('{fill = "{side} {quantity}"}', '{fill = "{colour}"}', "has no field {colour}"),
    "market.stale_after_ms": ("1500", "0", "must be a whole number >= 1"),
    "market.tape_length": ("300", "many", "must be a whole number"),
    "market.bars_kept": ("400", "0", "must be a whole number >= 1"),
    "market.frame_rate": ("10", "99", "must be a whole number <= 60"),
    "live.confirm": ("never", "always", "must be one of session, never"),
    "live.compare_seconds": ("60", "1", "must be a number >= 5"),
    "venues": ('{kraken = {exchange = "kraken"}}', "kraken", "must be a table"),
    f"{VENUE}.exchange": ("bybit", "", ""),
    f"{VENUE}.sandbox": ("true", "perhaps", "must be one of false, true"),
    f"{VENUE}.symbols": ("BTC-USDT, ETH-USDT", "[1]", "a list whose every entry is text"),
    f"{VENUE}.data_only": ("true", "7", "must be one of false, true"),
    f"{VENUE}.data": ("binance", "", ""),
    f"{VENUE}.external_orders": ("ignore", "keep", "must be one of adopt, ignore"),
    f"{VENUE}.margin_mode": ("isolated", "both", "must be one of cross, isolated"),
    f"{VENUE}.account": ("spot", "cash", "must be one of"),
    f"{VENUE}.dead_man_seconds": ("0", "-1", "must be a number >= 0"),
    f"{VENUE}.silence_ms": ("9000", "10", "must be a whole number >= 500"),
    f"{VENUE}.rate_share": ("0.5", "2", "must be a number <= 1"),
    f"{VENUE}.urls": ('{host = "127.0.0.1"}', "{host = 1}", "must be text"),
    f"{VENUE}.options": ('{defaultType = "spot"}', "spot", "must be a table"),
}

type Probe = Callable[[FrozenDesk], bool]


def _arms_without_a_question(desk: FrozenDesk) -> bool:
    app = desk.app
    app.armed, app.engine.mode = False, "live"
    try:
        app.commands.do_arm()
        return app.armed and not isinstance(app.screen, LiveDialog)
    finally:
        app.engine.mode = "demo"


def _flatten_window(desk: FrozenDesk) -> bool:
    desk.app.commands._killed_at = desk.app.seconds()
    left = desk.app.commands.flatten_left()
    desk.app.commands._killed_at = None
    return 6.9 < left <= 7


#: What takes effect at once: where that is to be seen.
AT_ONCE: dict[str, Probe] = {
    "theme": lambda desk: desk.app.theme == "tws-light",
    "rising": lambda desk: desk.app.ink.colours.bid == themes.load(desk.app.theme, None).ask,
    "keymap": lambda desk: desk.app.table.get("pane_next").keys == ("right_square_bracket", "L"),
    "locale": lambda desk: figures.style() == COMMA,
    "time_zone": lambda desk: str(figures.zone()) == "Asia/Tokyo",
    "size_presets": lambda desk: len(desk.app.desk._sizes._values) == 3,
    "order_defaults": lambda desk: desk.app.desk.order_defaults(BTC.id).size == Decimal("0.03"),
    "kill.flatten_window_seconds": _flatten_window,
    "alerts.bell": lambda desk: not desk.app.live.book.settings.alerts.bell,  # `screens.alarm` reads it at each alert
    "alerts.terminal": lambda desk: desk.app.live.book.settings.alerts.terminal,
    "market.stale_after_ms": lambda desk: desk.engine._stale_after == 1_500_000_000,
    "market.frame_rate": lambda desk: desk.app.frames._timer._interval == 0.1,
    "live.confirm": _arms_without_a_question,
}
LIMITS = [f"risk.{name}" for name, _ in limit_fields()]


def told(dialog: SettingsDialog) -> str:
    return " ".join("".join(text for text, _ in line.left).strip() for line in list(dialog.query(Lines))[1].lines)


async def one_setting(desk: FrozenDesk, dialog: SettingsDialog, path: str) -> None:
    """Find it, read it, be refused, change it, see the change."""
    one = desk.app.live.book.defaults[path]
    text, wrong, sentence = TYPED[path]
    dialog.query_one("#query").value = path
    dialog.narrow(f"{one.section} {one.name}")
    assert dialog.chosen == path, f"{one.name} finds {dialog.chosen}"
    assert one.help[:50] in told(dialog)
    assert path in told(dialog)
    dialog.edit()
    assert dialog.editing == path
    if sentence:
        before = desk.app.live.value(path)
        dialog.keep(wrong)
        assert dialog.editing == path, f"{wrong} was taken"
        assert dialog.said[1]
        assert sentence in dialog.said[0], dialog.said[0]
        assert dialog.said[0].endswith("."), dialog.said[0]
        assert desk.app.live.value(path) == before
    dialog.keep(text)
    if path in LIMITS:
        assert "Enter again does it" in dialog.said[0]
        dialog.keep(text)
    assert dialog.editing is None, dialog.said[0]
    assert f"{path} is " in dialog.said[0]
    if path in LIMITS:
        field = path.removeprefix("risk.")
        wanted = limit_value(desk.app.live.book.settings.risk, field)
        await _until(desk, lambda: limit_value(desk.engine.risk.limits, field) == wanted)
        assert desk.engine.risk.changes[-1].field == field
        assert desk.engine.risk.changes[-1].who == "settings"
        assert "takes effect at once" in told(dialog)
    elif path in AT_ONCE:
        assert AT_ONCE[path](desk), f"{path} has changed nothing"
        assert "takes effect at once" in told(dialog)
    else:
        assert "takes effect at the next start" in dialog.said[0]


async def _until(desk: FrozenDesk, condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.002)


@pytest.mark.slow
async def test_every_setting_is_found_understood_refused_changed_and_kept(tmp_path):
    file = tmp_path / "config.toml"
    book = SettingsBook(file, environ={"LC_ALL": "C"})
    desk = FrozenDesk(tmp_path, demo_panes.ALL, book=book)
    failed: list[str] = []
    try:
        async with desk.app.run_test(size=(80, 24)) as pilot:
            await desk.ready(pilot)
            await pilot.press("ctrl+s")
            dialog = desk.app.screen
            assert isinstance(dialog, SettingsDialog)
            assert {*TYPED, "keys"} >= {one.path for one in describe()}
            for path in TYPED:
                try:
                    await one_setting(desk, dialog, path)
                except AssertionError as wrong:
                    failed.append(f"{path}: {wrong}")
                    if dialog.editing is not None:
                        dialog.action_close()
            assert set(TYPED) | {"keys"} == set(desk.app.live.book.defaults)
            dialog.narrow("keys")
            dialog.edit()
            await pilot.pause()
            assert isinstance(desk.app.screen, KeyEditor)  # the keys have an editor of their own
    finally:
        await desk.engine.close()
    assert not failed, "\n".join(failed)
    after = load(file, environ={})
    assert after == book.settings
    assert SettingsBook(file, environ={}).words("risk.max_order_value") == "50000"
    for path in describe():
        if path.path not in ("keys", "account.currency"):
            assert setting_value(after, path.path) != setting_value(Settings(), path.path), path.path
    _the_next_desk_has_them(after, tmp_path)


def _the_next_desk_has_them(settings: Settings, folder) -> None:
    """What takes effect at the next start has done so in a desk that is put together from the file."""
    engine = demo_desk(settings, Paths(config=folder, data=folder / "next", state=folder / "next"), SimClock(10**18))
    venue = engine.venues["NOVA"]
    assert engine.account_name == "main"
    assert engine.core.limits == settings.risk
    assert engine.core.limits.groups["majors"].max_exposure == 9000
    assert venue._exchange.account.state.balances["USDT"] == 7000


def test_the_venues_of_the_set_up_are_among_the_settings():
    helps = {one.path: one for one in describe(Settings(venues={"kraken": VenueSettings(exchange="kraken")}))}
    assert helps["venues.kraken.dead_man_seconds"].section == "Venue kraken"
    assert "fallen silent" in helps["venues.kraken.dead_man_seconds"].help


def test_every_setting_is_found_by_its_path_before_any_other():
    for one in describe():
        assert max(describe(), key=lambda other: rank(one.path, other)).path == one.path


def test_every_setting_has_a_sentence_of_its_own():
    helps = [one.help for one in describe()]
    assert all(len(text) > 25 for text in helps)
    assert len(set(helps)) == len(helps)


async def test_the_palette_finds_settings_by_their_plain_names(tmp_path):
    desk = FrozenDesk(tmp_path, demo_panes.ALL)
    try:
        async with desk.app.run_test(size=(80, 24)) as pilot:
            await desk.ready(pilot)
            await pilot.press("ctrl+p")
            finder = desk.app.screen
            assert isinstance(finder, Finder)
            for one in describe():
                finder.narrow(f"{one.name} {one.section}")
                assert finder.found[0].id == f"setting {one.path}", one.path
                assert one.help == finder.found[0].detail
            finder.narrow("max order value")
            await pilot.press("enter")
            await pilot.pause()
            assert desk.app.screen.chosen == "risk.max_order_value"
    finally:
        await desk.engine.close()
