"""What can be done on the page of strategies."""

from __future__ import annotations

from screens.actions import Action
from screens.table import COPY_ACTIONS, TABLE_ACTIONS

_RUN = "Run"
_FORM = "Form"

ACTIONS: tuple[Action, ...] = (
    Action("start", "Start the strategy", "Starts what the form says: strategy, instrument, bars, capital, parameters "
           "and limits of its own.", ("S",), trades=True, footer=96, short="Start", group=_RUN),
    Action("apply", "Send the changes", "Gives what was changed (marked *) to the run: parameters, rules, capital and "
           "limits.",
           ("a",), trades=True, footer=94, short="Apply", group=_RUN),
    Action("stop", "Stop the strategy", "Ends the run: its orders are pulled, protective ones too. What it holds "
           "stays.", ("x",), footer=92, short="Stop", group=_RUN),
    Action("close", "Stop it and close its position", "Ends the run, pulls its orders and closes what it holds at the "
           "market.", ("X",), trades=True, footer=84, short="Stop + close", group=_RUN),
    Action("pause", "Pause / resume", "Pulls its orders and lets it hear nothing; again, it goes on where it was.",
           ("space",), footer=88, short="Pause", group=_RUN),
    Action("take", "Take over from another desk", "Brings a strategy of the demo, of paper or of live here, with its "
           "parameters, rules and capital, into the form; S starts it. There it goes on as it did.", ("m",), footer=58,
           short="From desk", group=_RUN),
    Action("choose", "Into the form / type a value", "Goes into the form; there, types the value under the cursor or "
           "picks the instrument.", ("enter",), group=_FORM, footer=90, short="Form"),
    Action("back", "Back to the list", "Drops what was changed in the form and not sent; else goes back to the list.",
           ("escape",), group=_FORM, palette=False),
    Action("form", "Form / list", "Moves the cursor from the list into the form, and back.", ("f",), group=_FORM,
           footer=60, short="List ↔ form"),
    Action("less", "Less", "Steps the value down.", ("left", "h"), group=_FORM, palette=False),
    Action("more", "More", "Steps the value up.", ("right", "l"), group=_FORM, palette=False),
    Action("far_less", "Ten steps less", "Steps the value ten steps down.", ("H",), group=_FORM, palette=False),
    Action("far_more", "Ten steps more", "Steps the value ten steps up.", ("L",), group=_FORM, palette=False),
    Action("default", "Parameters to default", "Puts every parameter and rule to what the strategy declares.", ("D",),
           group=_FORM),
    Action("view", "Next table", "Orders, signals, result, log, about: the next one.", ("v",), group="View", footer=70,
           short="Table"),
    Action("view_back", "Previous table", "The table before this one.", ("V",), group="View", palette=False),
    Action("scroll_down", "Table down", "Shows what stands further down in the table.", ("}",), group="View",
           palette=False),
    Action("scroll_up", "Table up", "Shows what stands further up in the table.", ("{",), group="View",
           palette=False),
    Action("again", "Read the strategies again", "Reads entry points and the files of the strategies folder again.",
           ("r",), group="View", footer=50, short="Read again"),
    Action("instrument", "Select its instrument", "Selects the instrument of the run on the desk.", ("i",),
           group="View"),
    *COPY_ACTIONS,
    *(one for one in TABLE_ACTIONS if one.group == "Move"),
)  # fmt: skip
