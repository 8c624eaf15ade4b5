"""The one table of everything that can be done on the desk: it feeds keys, footer, help, palette and `:` names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from screens.keys import UnknownKey, canonical, display

EVERYWHERE = "everywhere"  # acts in dialogs and text fields too
DESK = "desk"  # acts outside dialogs and text fields


class Action(msgspec.Struct, frozen=True):
    """One thing to do.

    In a pane's own table `name` is the verb ("recentre") and runs the pane's method `action_recentre`; in the desk's
    table it is "<pane>.recentre". `trades`: acts only while the desk is ARMED, and never on a key or click that waited
    through a stall of the desk, unless it only `pulls` orders. `footer`: rank among the footer's
    hints, higher first, 0 for not shown. `short` is the footer's word for it. `group` heads it in the help.
    """

    name: str
    title: str
    help: str
    keys: tuple[str, ...] = ()
    trades: bool = False
    footer: int = 0
    short: str = ""
    group: str = ""
    context: str = DESK
    palette: bool = True
    pulls: bool = False
    #: Whether a pane's key goes to the desk without a word where the desk has it (`p` pauses a replay).
    yields: bool = False
    #: False while there is nothing that it could do: a page that does not exist. Its key is kept.
    exists: bool = True

    @property
    def verb(self) -> str:
        return self.name.rpartition(".")[2]

    @property
    def label(self) -> str:
        return self.short or self.title

    @property
    def shown_keys(self) -> str:
        return " ".join(display(key) for key in self.keys)


class ActionTable:
    """All actions by name and by key. Add first, then `rekey` with keymap and the trader's own keys, as often as those
    change."""

    def __init__(self, actions: Iterable[Action] = ()) -> None:
        self._actions: dict[str, Action] = {}
        self._own: dict[str, tuple[str, ...]] = {}  # the keys that the actions came with
        self._keys: dict[tuple[str, str], Action] = {}
        self._of: dict[str, list[Action]] = {}  # what `of` has found since the last change
        for action in actions:
            self.add(action)

    def add(self, action: Action) -> None:
        """Add an action. Raises ValueError for a name or a key of its context that is taken, `UnknownKey` for a key."""
        if action.name in self._actions:
            raise ValueError(f"two actions are called {action.name}")
        action = replace(action, keys=tuple(canonical(key) for key in action.keys))
        for key in action.keys:
            if other := self._rival(action, key):
                raise ValueError(f"{display(key)} is the key of both {other.name} and {action.name}")
        self._own[action.name] = action.keys
        self._put(action)

    def add_pane(self, pane: str, actions: Iterable[Action]) -> list[str]:
        """Add a pane's own table. A key that is taken is left out; a sentence for each."""
        problems = []
        for action in actions:
            own = replace(action, name=f"{pane}.{action.name}", context=pane, keys=())
            keys = []
            for key in map(canonical, action.keys):
                other = self._rival(own, key) or self._keys.get((DESK, key))
                if other is not None and action.yields and not other.exists:
                    other = None  # the desk's action has nothing to do here
                if other is None:
                    keys.append(key)
                elif not action.yields:
                    problems.append(f"{display(key)} is the key of {other.name}, so {own.name} has not got it")
            self.add(replace(own, keys=tuple(keys)))
        return problems

    def in_order(self, panes: Sequence[str]) -> None:
        """The panes' actions in the order of the panes, after the desk's: as if they had been added so."""
        order = {pane: number for number, pane in enumerate(panes)}
        ranked = sorted(self._actions.items(), key=lambda item: order.get(item[1].context, -1))
        self._actions = dict(ranked)
        self._of = {}

    def _put(self, action: Action) -> None:
        self._actions[action.name] = action
        self._of = {}
        for key in action.keys:
            self._keys[action.context, key] = action

    def _rival(self, action: Action, key: str) -> Action | None:
        """Another action that `key` would run where `action` is to be run by it."""
        contexts = {action.context, EVERYWHERE}
        if action.context == EVERYWHERE:
            contexts = {context for context, _ in self._keys}
        for context in sorted(contexts):
            other = self._keys.get((context, key))
            if other is not None and other.name != action.name:
                return other
        return None

    def __iter__(self) -> Iterator[Action]:
        return (action for action in self._actions.values() if action.exists)

    def retitle(self, action: Action) -> None:
        """Give an action of this name another title and help; its keys stay as they are."""
        self._put(replace(action, keys=self._actions[action.name].keys))

    def get(self, name: str) -> Action | None:
        return self._actions.get(name)

    def of(self, context: str) -> list[Action]:
        if (found := self._of.get(context)) is None:
            found = self._of[context] = [action for action in self if action.context == context]
        return list(found)

    def for_key(self, key: str, context: str) -> Action | None:
        return self._keys.get((context, key))

    def rival(self, name: str, key: str) -> Action | None:
        """Another action that has the key where the named one is to have it."""
        return self._rival(self._actions[name], key)

    def hidden(self, name: str, key: str) -> list[Action]:
        """What the key does elsewhere, which it does no longer where the named action acts, or the other way round."""
        action = self._actions[name]
        if action.context == DESK:
            others = [held for (context, one), held in self._keys.items() if one == key and context != DESK]
        else:
            others = [self._keys[DESK, key]] if (DESK, key) in self._keys else []
        return [other for other in others if other.name != name and other.context != EVERYWHERE]

    def own_keys(self, name: str) -> tuple[str, ...]:
        """The keys that an action came with."""
        return self._own[name]

    def rekey(self, keymap: Mapping[str, str | Sequence[str]], own: Mapping[str, str | Sequence[str]]) -> list[str]:
        """The actions' own keys, then a keymap's, then the trader's `own`; a sentence for each that cannot be.

        A keymap may name actions of panes that are not installed.
        """
        self._keys.clear()
        for action in list(self._actions.values()):
            self._put(replace(action, keys=self._own[action.name]))
        contexts = {action.context for action in self}
        here = {
            name: keys
            for name, keys in keymap.items()
            if name in self._actions or ("." in name and name.partition(".")[0] in contexts)
        }
        return [*self.remap(here), *self.remap(own)]

    def remap(self, keys: Mapping[str, str | Sequence[str]]) -> list[str]:
        """Give actions the trader's own keys by name, and tell in a sentence each what cannot be and who lost a key.

        A key that is wanted here is taken from an action that only came with it. Of two that want the same one the
        first has it, but the kill switch before all: nothing takes a key from it, and it is never left without one.
        """
        problems: list[str] = []
        wanted: list[Action] = []
        for name, value in keys.items():
            action = self._actions.get(name)
            if action is None:
                problems.append(f"keys: there is no action {name!r}{self._nearest(name)}")
                continue
            try:
                chosen = tuple(canonical(key) for key in ([value] if isinstance(value, str) else value) if key)
            except UnknownKey as error:
                problems.append(f"keys: {name}: {error}")
                continue
            if not chosen and action.name == "kill":
                problems.append("keys: the kill switch cannot be left without a key")
                continue
            wanted.append(replace(action, keys=chosen))
        for action in wanted:  # the old keys of all go first, so that two actions can swap theirs
            for key in self._actions[action.name].keys:
                self._keys.pop((action.context, key), None)
        wanted.sort(key=lambda action: action.name != "kill")
        asked = {action.name for action in wanted}
        lost: dict[str, list[str]] = {}  # action → what was taken from it, each "<key> by <action>"
        for action in wanted:
            free = []
            for key in action.keys:
                while (other := self._rival(action, key)) is not None and other.name not in asked | {"kill"}:
                    self._put(replace(other, keys=tuple(one for one in other.keys if one != key)))
                    del self._keys[other.context, key]
                    lost.setdefault(other.name, []).append(f"{display(key)} to {action.name}")
                if other is not None:
                    problems.append(
                        f"keys: {display(key)} is already the key of {other.name}, so {action.name} has not got it"
                    )
                else:
                    free.append(key)
            self._put(replace(action, keys=tuple(free)))
        for name, taken in lost.items():
            left = self._actions[name].keys
            now = f"its key is {display(left[0])} now" if left else "it has no key now, the palette runs it"
            problems.append(f"keys: {name} has lost {' and '.join(taken)}: {now}")
        return problems

    def _nearest(self, name: str) -> str:
        import difflib

        near = difflib.get_close_matches(name, self._actions, n=1)
        return f"; did you mean {near[0]!r}?" if near else ""


#: The desk's own actions. The panes add theirs.
DESK_ACTIONS: tuple[Action, ...] = (
    Action(
        "kill",
        "Kill switch",
        "Halts trading, cancels every working order and stops every strategy at once; again within 3 s flattens all.",
        ("f9", "ctrl+backslash"),
        footer=100,
        short="Kill",
        group="Safety",
        context=EVERYWHERE,
    ),
    Action(
        "arm",
        "Arm / disarm order entry",
        "Trading keys act only while the desk is ARMED; cancelling by the kill switch always works.",
        ("ctrl+l",),
        footer=60,
        short="Arm",
        group="Safety",
        context=EVERYWHERE,
    ),
    Action("reducing", "Only reduce / trade again",
           "REDUCING: only orders that shrink a position may be sent, until it is turned off.", (), group="Safety"),
    Action("rearm", "Re-arm after a halt", "Begins the line that ends a halt: rearm, and the account's name.", (),
           group="Safety"),
    Action("palette", "Command palette", "Finds and runs any action, instrument, pane or theme by its name.",
           ("ctrl+p",), footer=40, short="Palette", group="Find", context=EVERYWHERE, palette=False),
    Action("help", "Help for where you are", "Shows every key of the focused pane and of the desk; type to search.",
           ("f1", "ctrl+g"), group="Find", context=EVERYWHERE),
    Action("help_here", "Help", "The same as F1, outside text fields.", ("?",), footer=90, short="Help", group="Find",
           palette=False),
    Action("search", "Instrument search", "Finds an instrument and selects it for every pane that follows the desk.",
           ("/",), footer=50, short="Find", group="Find"),
    Action("command", "Command line", "Orders and commands by typing: buy 0.5 @ 64200, cancel all, close, rearm.",
           (":",), footer=55, short="Command", group="Find"),
    Action("jump", "Jump", "Shows a letter on each pane, page and control; press it to go there.", ("ctrl+o",),
           group="Panes", context=EVERYWHERE),
    Action("ticket", "Order ticket", "Opens the order ticket for the selected instrument; a number typed next is the "
           "size.", ("o",), footer=70, short="Ticket", group="Trade"),
    Action("exits", "Default exits on / off", "Whether entries of ladder, chart and ticket bring the exits along that "
           "the settings have for their instrument.", (), group="Trade"),
    Action("alerts", "Alerts", "Shows the alerts that wait and those that have fired.", (), group="Find"),
    Action("focus_next", "Next field or pane", "Moves the focus onwards.", ("tab",), footer=20, short="Focus",
           group="Panes", palette=False),
    Action("focus_previous", "Previous field or pane", "Moves the focus back.", ("shift+tab",), group="Panes",
           palette=False),
    Action("pane_previous", "Previous pane", "Moves the focus to the previous pane.", ("[",), group="Panes"),
    Action("pane_next", "Next pane", "Moves the focus to the next pane.", ("]",), group="Panes"),
    Action("zoom", "Maximise pane", "Gives the focused pane the whole page; again to go back.", ("z",), footer=30,
           short="Zoom", group="Panes"),
    Action("layout", "Layout mode", "Splits, moves, resizes, opens and closes panes; pages and saved layouts.",
           ("ctrl+w",), short="Layout", group="Panes"),
    Action("settings", "Settings", "Finds, explains and changes every setting; writes the config file.", ("ctrl+s",),
           group="Desk"),
    Action("keys", "Key editor", "Shows the keys of every action and gives it others.", (), group="Desk"),
    Action("theme", "Dark / light theme", "Switches between the dark and the light theme and remembers it.", (),
           group="Desk"),
    Action("restart_pane", "Restart the failed pane", "Starts the focused pane again after an error.", ("ctrl+r",),
           group="Panes"),
    Action("record", "Start / stop recording", "Records the running market into a file that can be replayed.",
           ("ctrl+e",), group="Desk"),
    Action("test_note", "Send a test note", "Sends a note to every address of tws notify add.", (), group="Desk"),
    Action("sessions", "Time travel: sessions", "Shows the desk as it stood at any moment of a stored session.", (),
           group="Desk"),
    Action("now", "Time travel: back to now", "Leaves the past: the desk shows what is now, and orders can be sent.",
           ("ctrl+n",), group="Desk"),
    Action("notices", "Clear notices", "Takes all notices off the screen.", (), group="Desk"),
    Action("quit", "Quit", "Leaves the desk. Working orders stay at the venues; the desk says how many.",
           ("ctrl+q",), group="Desk", context=EVERYWHERE),
)  # fmt: skip

#: Only where time can be moved.
REPLAY_ACTIONS: tuple[Action, ...] = (
    Action("replay_pause", "Pause / go on", "Stops the recording's time and lets it run again.", ("p",), footer=45,
           short="Pause", group="Replay"),
    Action("replay_step", "Step", "Lets the paused recording go on by one event.", (",", "."), group="Replay"),
    Action("replay_slower", "Slower", "Halves the recording's speed.", ("<",), group="Replay"),
    Action("replay_faster", "Faster", "Doubles the recording's speed.", (">",), group="Replay"),
)  # fmt: skip

#: Of those, what a what-if has not: it never goes back, and has no end.
RECORDING_ACTIONS: tuple[Action, ...] = (
    Action("replay_seek", "Go to a time", "Begins a line that says where to: seek +5m, seek -30s, seek 50%.", (),
           group="Replay"),
    Action("replay_loop", "Begin again at the end: on / off", "Whether a recording that has ended plays from its start "
           "again.", (), group="Replay"),
)  # fmt: skip


def page_actions(titles: Sequence[str]) -> tuple[Action, ...]:
    """One action for each of nine pages: keys 1 … 9. Those without a page wait for one."""
    return tuple(
        Action(
            f"page_{number}",
            f"Page {number}: {titles[number - 1]}" if number <= len(titles) else f"Page {number}",
            f"Shows the {titles[number - 1]} page." if number <= len(titles) else "Shows a page of your own.",
            (str(number),),
            group="Panes",
            exists=number <= len(titles),
        )
        for number in range(1, 10)
    )
