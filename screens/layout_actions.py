"""The actions of the layout mode. They are in the palette too, and `:` knows their names."""

from __future__ import annotations

from screens.actions import Action

LAYOUT = "layout"
_PANES, _PAGES, _LAYOUTS, _SIZES = "Panes of this page", "Pages", "Layouts", "Sizes"


def _action(
    name: str, title: str, help_text: str, keys: tuple[str, ...], group: str, footer: int = 0, short: str = "",
    palette: bool = True,
) -> Action:  # fmt: skip
    return Action(f"{LAYOUT}.{name}", title, help_text, keys, False, footer, short, group, LAYOUT, palette)


LAYOUT_ACTIONS: tuple[Action, ...] = (
    _action("left", "Go to the left", "Focuses the pane at the left.", ("left", "h"), _PANES, palette=False),
    _action("down", "Go down", "Focuses the pane below.", ("down", "j"), _PANES, palette=False),
    _action("up", "Go up", "Focuses the pane above.", ("up", "k"), _PANES, palette=False),
    _action("right", "Go to the right", "Focuses the pane at the right.", ("right", "l"), _PANES, palette=False),
    _action("split_right", "Split right", "Opens a pane at the right, in half of the room.", ("r", "|"), _PANES, 95,
            "Right"),
    _action("split_below", "Split below", "Opens a pane below, in half of the room.", ("d",), _PANES, 94, "Below"),
    _action("open", "Open a pane as a tab", "Opens a pane in the same place, as a tab.", ("t",), _PANES, 85, "Tab"),
    _action("close", "Close the pane", "Takes the pane off its page; u brings it back.", ("x",), _PANES, 90, "Close"),
    _action("move_left", "Move the pane left", "Changes places with the pane at the left; at the edge it takes all of "
            "it.", ("H",), _PANES, 88, "Move HJKL"),
    _action("move_down", "Move the pane down", "Changes places with the pane below.", ("J",), _PANES),
    _action("move_up", "Move the pane up", "Changes places with the pane above.", ("K",), _PANES),
    _action("move_right", "Move the pane right", "Changes places with the pane at the right.", ("L",), _PANES),
    _action("apart", "Tab apart, or together", "Gives a tab a place of its own; a pane of its own becomes a tab of its "
            "neighbour.", ("a",), _PANES, 40, "Apart"),
    _action("to_page", "Move the pane to another page", "Asks for the page.", ("m",), _PANES, 70, "To page"),
    _action("zoom", "Maximise the pane", "Gives it the whole page; again to go back.", ("z",), _PANES, 35, "Zoom"),
    _action("link", "Link group of the pane", "Panes of one link group show one instrument: A … F, then none.",
            ("g",), _PANES, 75, "Link"),
    _action("instrument", "Instrument of the pane", "Gives the pane an instrument of its own.", ("i",), _PANES, 72,
            "Instrument"),
    _action("narrower", "Narrower", "Moves the border: one column less.", ("<",), _SIZES, palette=False),
    _action("wider", "Wider", "Moves the border: one column more.", (">",), _SIZES, 87, "Size <>-+", palette=False),
    _action("shorter", "Shorter", "Moves the border: one row less.", ("-",), _SIZES, palette=False),
    _action("taller", "Taller", "Moves the border: one row more.", ("+",), _SIZES, palette=False),
    _action("even", "Even sizes", "Gives all parts of the page the same size.", ("=",), _SIZES, 30, "Even"),
    _action("page_new", "New page", "Adds a page with a pane that you choose.", ("n",), _PAGES, 60, "New page"),
    _action("page_rename", "Rename the page", "Gives the page another name.", ("R",), _PAGES, 45, "Rename"),
    _action("page_earlier", "Page one earlier", "Moves the page one number down.", (",",), _PAGES),
    _action("page_later", "Page one later", "Moves the page one number up.", (".",), _PAGES),
    _action("page_delete", "Delete the page", "Takes the page with its panes away; u brings it back.", ("X",), _PAGES,
            20, "Delete page"),
    _action("save", "Save the layout", "Keeps all pages as they are under a name.", ("s",), _LAYOUTS, 65, "Save"),
    _action("load", "Load a layout", "Shows a saved layout, one from a file or the built-in one.", ("o",), _LAYOUTS,
            64, "Load"),
    _action("export", "Export the layout to a file", "Writes it into the layouts folder, to be shared.", ("e",),
            _LAYOUTS, 15, "Export"),
    _action("delete", "Delete a saved layout", "Asks which one.", ("D",), _LAYOUTS),
    _action("reset_page", "Reset the page", "Gives a built-in page its own layout back.", ("0",), _LAYOUTS, 25,
            "Reset"),
    _action("reset", "Reset all pages", "Shows the built-in pages as on the first day; u takes it back.", ("Z",),
            _LAYOUTS),
    _action("undo", "Undo the change of layout", "Takes the last change of pages and layouts back.", ("u",), _LAYOUTS,
            80, "Undo"),
    _action("redo", "Redo the change of layout", "Does again what was undone.", ("U",), _LAYOUTS),
    _action("leave", "Leave the layout mode", "Keys act on the panes again.", ("escape", "enter", "q", "ctrl+w"),
            _LAYOUTS, 99, "Done", palette=False),
)  # fmt: skip
