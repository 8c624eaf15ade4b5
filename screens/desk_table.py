"""The table of all actions of a desk, and what of the settings' keys, keymap and theme cannot be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from msgspec.structs import replace

from screens import keymaps, themes
from screens.actions import DESK_ACTIONS, RECORDING_ACTIONS, REPLAY_ACTIONS, Action, ActionTable, page_actions
from screens.key_safety import swallowed
from screens.keys import UnknownKey, canonical
from screens.layout_actions import LAYOUT_ACTIONS
from screens.plugins import list_plugins
from workstation.settings import Settings


def desk_table(
    panes: Mapping[str, Iterable[Action]], pages: Sequence[str], replay: bool
) -> tuple[ActionTable, list[str]]:
    """The desk's own actions and those of the panes by name; a sentence for each key that a pane cannot have."""
    table, problems = ActionTable(DESK_ACTIONS), []
    for action in (
        *page_actions(pages),
        *LAYOUT_ACTIONS,
        *(replace(action, exists=replay) for action in (*REPLAY_ACTIONS, *RECORDING_ACTIONS)),
    ):
        table.add(action)
    for name, actions in panes.items():
        problems += table.add_pane(name, actions)
    return table, problems


def problems_of(settings: Settings, folder: Path, plugins: Path | None) -> list[str]:
    """For who looks without a screen: a sentence for each key, keymap and theme of the settings that cannot be; the
    user's own are in `folder`."""
    panes = {info.name: info.cls.ACTIONS for info in list_plugins(plugins) if info.cls is not None}
    table, problems = desk_table(panes, ["Trade"], replay=True)
    try:
        keymap: Mapping[str, str | list[str]] = keymaps.load(settings.keymap, folder / "keymaps").keys
    except keymaps.KeymapError as error:
        problems.append(str(error))
        keymap = {}
    problems += table.rekey(keymap, settings.keys)
    for name, value in settings.keys.items():
        for key in filter(None, [value] if isinstance(value, str) else value):
            try:
                reason = swallowed(canonical(key))
            except UnknownKey:
                continue  # `rekey` has said it
            if reason:
                problems.append(f"keys: {name}: {reason}")
    try:
        themes.load(settings.theme, folder / "themes")
    except themes.ThemeError as error:
        problems.append(str(error))
    return problems
