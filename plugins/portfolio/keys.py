"""What can be done on the portfolio page."""

from __future__ import annotations

from screens.actions import Action
from screens.table_copy import COPY_TABLE_ACTIONS

_MOVE = "Move"
_FORM = "Form"
_WALK = "Frontier"
_SEND = "Rebalance"

ACTIONS: tuple[Action, ...] = (
    Action("less", "Less / less risk", "Steps the form's row down; on the frontier goes to less risk.", ("left", "h"),
           group=_FORM, footer=99, short="Value ←→", palette=False),
    Action("more", "More / more risk", "Steps the form's row up; on the frontier goes to more risk.", ("right", "l"),
           group=_FORM, palette=False),
    Action("far_less", "Five steps less", "Steps the value, or the place on the frontier, five down.", ("H",),
           group=_FORM, palette=False),
    Action("far_more", "Five steps more", "Steps the value, or the place on the frontier, five up.", ("L",),
           group=_FORM, palette=False),
    Action("choose", "Choose / type / take up", "Picks from a list or types a value; takes a saved portfolio up.",
           ("enter",), group=_FORM, footer=95, short="Choose"),
    Action("universe", "Pick a universe", "Chooses where the prices come from: the market, stored candles, a file.",
           ("u",), group=_FORM, footer=70, short="Universe"),
    Action("file", "Open a price table", "Asks for a CSV or Parquet file: a date column and one column an asset.",
           ("F",), group=_FORM),
    Action("assets", "Pick assets", "Takes assets in or out; Enter on one changes it, Esc ends.", ("a",), group=_FORM,
           footer=69, short="Assets"),
    Action("again", "Read and work out again", "Reads prices and holdings again.", ("r",), group=_FORM),
    Action("frontier", "Onto the frontier / back", "The arrows walk along the frontier, or step the form.", ("f",),
           group=_WALK, footer=92, short="Frontier"),
    Action("best", "Best ratio", "To the frontier's point with the most return for its risk.", ("m",), group=_WALK,
           footer=64, short="Best"),
    Action("least_risk", "Least risk", "To the frontier's point of least risk.", ("n",), group=_WALK, footer=63,
           short="Least risk"),
    Action("own", "The method's weights", "Back to the weights of the chosen method.", ("w",), group=_WALK),
    Action("view", "Next table", "Orders, risk, figures, clusters, methods compared, saved: the next one.", ("v",),
           group="View", footer=88, short="Table"),
    Action("view_back", "Previous table", "The table before this one.", ("V",), group="View"),
    Action("compare", "Compare methods", "A walk-forward of several methods side by side; Esc stops it.", ("c",),
           group="View", footer=60, short="Compare"),
    Action("send", "Preview and send", "Shows the exact orders with every risk check; Enter sends them as one plan.",
           ("g",), group=_SEND, footer=97, short="Send"),
    Action("pause", "Pause / resume", "Pulls the rebalance's orders and sends none until it is resumed.", ("P",),
           group=_SEND, footer=58, short="Pause"),
    Action("cancel", "Cancel the rebalance", "Ends it and pulls its orders; what has traded stays.", ("x",),
           group=_SEND, footer=57, short="Cancel"),
    Action("save", "Save the portfolio", "Keeps form and weights under a name.", ("s",), group="Saved", footer=50,
           short="Save"),
    Action("forget", "Delete the saved one", "Deletes the saved portfolio under the cursor.", ("d",), group="Saved"),
    Action("back", "Back", "Stops a comparison; else goes back to the form.", ("escape",), group="View",
           palette=False),
    Action("up", "Up", "Moves the cursor up.", ("up", "k"), group=_MOVE, palette=False),
    Action("down", "Down", "Moves the cursor down.", ("down", "j"), group=_MOVE, palette=False),
    Action("page_up", "Page up", "Scrolls the tables up.", ("pageup",), group=_MOVE, palette=False),
    Action("page_down", "Page down", "Scrolls the tables down.", ("pagedown",), group=_MOVE, palette=False),
    *COPY_TABLE_ACTIONS,
)  # fmt: skip
