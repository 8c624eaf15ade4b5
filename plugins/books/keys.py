"""The ladder's own actions and their keys."""

from __future__ import annotations

from screens.actions import Action

_MOVE = (
    Action("up", "Cursor up", "Moves the cursor, or what is staged, one row up.", ("up", "k"), group="Move",
           palette=False),
    Action("down", "Cursor down", "Moves the cursor, or what is staged, one row down.", ("down", "j"), group="Move",
           palette=False),
    Action("page_up", "Half a page up", "Moves the cursor half a page up.", ("pageup",), group="Move", palette=False),
    Action("page_down", "Half a page down", "Moves the cursor half a page down.", ("pagedown",), group="Move",
           palette=False),
    Action("left", "Bid side", "Puts the cursor on the bids' side.", ("left", "h"), group="Move", palette=False),
    Action("right", "Ask side", "Puts the cursor on the asks' side.", ("right", "l"), group="Move", palette=False),
    Action("recentre", "Recentre", "Brings the best prices to the middle; the cursor rests on them again.", ("space",),
           footer=40, short="Centre", group="Move"),
)  # fmt: skip

_TRADE = (
    Action("buy", "Stage a buy limit", "Stages a buy limit at the cursor's price. Enter sends it, Esc discards it.",
           ("b",), trades=True, footer=99, short="Buy", group="Trade"),
    Action("sell", "Stage a sell limit", "Stages a sell limit at the cursor's price. Enter sends it, Esc discards it.",
           ("s",), trades=True, footer=98, short="Sell", group="Trade"),
    Action("send", "Send what is staged", "Sends the staged order or amendment.", ("enter",), trades=True, footer=97,
           short="Send", group="Trade"),
    Action("discard", "Discard what is staged", "Discards the staged order or amendment; the cursor goes back to the "
           "best price.", ("escape",), footer=50, short="Discard", group="Trade"),
    Action("take", "Take the offer", "Sends a buy limit at the best ask, at once.", ("B",), trades=True, footer=84,
           short="Take", group="Trade"),
    Action("hit", "Hit the bid", "Sends a sell limit at the best bid, at once.", ("S",), trades=True, footer=83,
           short="Hit", group="Trade"),
    Action("smaller", "Smaller size", "The next smaller size preset.", ("-",), footer=61, short="Size", group="Trade"),
    Action("larger", "Larger size", "The next larger size preset.", ("+", "="), footer=60, short="Size",
           group="Trade"),
    Action("move_down", "Move the order a tick down", "Moves the order at the cursor (or what is staged) a tick down; "
           "Enter sends the amendment. The mouse drags it, too.", ("J",), trades=True, footer=71, short="Tick down",
           group="Trade"),
    Action("move_up", "Move the order a tick up", "Moves the order at the cursor (or what is staged) a tick up; Enter "
           "sends the amendment.", ("K",), trades=True, footer=70, short="Tick up", group="Trade"),
    Action("cancel", "Cancel at the cursor", "Cancels your orders in the cursor's row.", ("x",), trades=True,
           pulls=True, footer=88, short="Cancel", group="Trade"),
    Action("cancel_all", "Cancel all of this instrument", "Cancels every working order of this instrument, protective "
           "stops included.", ("X",), trades=True, pulls=True, footer=87, short="Cancel all", group="Trade"),
    Action("close", "Close the position", "Cancels this instrument's orders and closes its position at the market.",
           ("C",), trades=True, footer=78, short="Close", group="Trade"),
    Action("reverse", "Reverse the position", "Turns the position round at the market: long becomes short.", ("R",),
           trades=True, footer=77, short="Reverse", group="Trade"),
    Action("break_even", "Stop to break-even", "Puts a stop where the position closes without loss.", ("E",),
           trades=True, footer=76, short="Break-even", group="Trade"),
)  # fmt: skip

_VIEW = (
    Action("coarser", "Coarser rows", "More ticks in a row: 1, 2, 5, 10, 20, 50, …", ("G",), footer=31, short="Coarser",
           group="View"),
    Action("finer", "Finer rows", "Fewer ticks in a row.", ("g",), footer=30, short="Finer", group="View"),
    Action("fit", "Fitting rows", "Lets the rows fit the market's range and spread again.", ("a",), group="View"),
    Action("one_click", "One-click orders on / off", "On: a click on a bid or ask sends at once. Off: it stages, and a "
           "second click sends.", ("M",), group="View"),
    Action("alert", "Alert at the cursor", "Begins the line that sets an alert at the cursor's price; Enter sets it.",
           ("A",), group="View"),
    Action("pin", "Pin the instrument", "Keeps this ladder on its instrument; again to follow the desk.", ("P",),
           group="View"),
)  # fmt: skip

LADDER_ACTIONS = (*_TRADE, *_MOVE, *_VIEW)
