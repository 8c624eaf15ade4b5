"""What the command palette and the instrument search offer."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from screens.actions import DESK, EVERYWHERE
from screens.figures import price_text
from screens.finder import Entry, action_entries
from workstation.domain.instrument import InstrumentId

if TYPE_CHECKING:
    from screens.app import TwsApp


def entries(app: TwsApp) -> list[Entry]:
    """Everything there is to run, go to, select or change: the focused pane's own actions first."""
    titles = {info.name: info.title for info in app.pane_infos}
    pane = app.workspace.focused_pane
    here = pane.PANE if pane is not None else ""
    actions = sorted(app.table, key=lambda one: (one.context != here, one.context not in (DESK, EVERYWHERE)))
    found = action_entries(actions, titles, app.run_named)
    found += [
        Entry("Pane", title, partial(app.workspace.focus_slot, slot), words=f"go to pane {slot}", id=f"pane {slot}")
        for slot, title in app.workspace.every_slot()
    ]
    found += app.layout_commands.open_entries()
    found += instruments(app)
    found += app.layout_commands.layout_entries()
    found += [
        Entry("Theme", name, partial(app.use_theme, name), words="theme colours", id=f"theme {name}")
        for name in app.live.theme_names()
    ]
    use = app.commands.use_setting
    found += [
        Entry("Keymap", name, partial(use, "keymap", name), words="keymap keys", id=f"keymap {name}")
        for name in app.live.keymap_names()
    ]
    for path, one in app.live.book.defaults.items():
        title, show = f"{one.section}: {one.name}", partial(app.commands.open_settings, path)
        found.append(Entry("Setting", title, show, one.help, words=f"setting change {path}", id=f"setting {path}"))
    return found


def instruments(app: TwsApp) -> list[Entry]:
    """Every instrument with its price; choosing one selects it."""
    found = []
    for instrument in app.engine.instruments():
        mark = app.engine.mark(instrument.id)
        found.append(
            Entry(
                instrument.venue[:10],
                instrument.symbol,
                partial(_select, app, instrument.id),
                f"{instrument.contract.value} · tick {instrument.tick.normalize():f}",
                price_text(mark, instrument) if mark is not None else "",
                f"{instrument.id} instrument {instrument.base} {instrument.quote}",
                f"instrument {instrument.id}",
            )
        )
    return found


def _select(app: TwsApp, instrument: InstrumentId) -> None:
    """For the focused pane's link group if it is in one, else for the desk."""
    pane = app.workspace.focused_pane
    if pane is None:
        app.desk.select(instrument)
    else:
        pane.select_instrument(instrument)
