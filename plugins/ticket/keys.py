"""The ticket's own actions and their keys."""

from __future__ import annotations

from screens.actions import Action

ACTIONS = (
    Action("send", "Send the order", "Sends the order as the ticket shows it.", ("enter",), trades=True,
           footer=85, short="Send", group="Trade"),
    Action("clear", "Clear the ticket", "Puts the fields back as they were at first.", ("escape",), footer=75,
           short="Clear", group="Trade"),
    Action("buy", "Buy", "Makes the order a buy (outside text fields).", ("b",), footer=64, short="Buy",
           group="Fields"),
    Action("sell", "Sell", "Makes the order a sell (outside text fields).", ("s",), footer=64, short="Sell",
           group="Fields"),
    Action("best_of", "Best of the venues",
           "Splits the order over the venues that list the asset (outside text fields).", ("v",),
           footer=20, short="Best of", group="Fields"),
    Action("size_down", "Smaller size", "Goes to the next smaller size preset (outside text fields).", ("-",),
           footer=62, short="Smaller", group="Fields"),
    Action("size_up", "Larger size", "Goes to the next larger size preset (outside text fields).", ("+",),
           footer=62, short="Larger", group="Fields"),
    Action("step_up", "Step up", "Prices a tick up, the quantity to the next preset, a choice back.", ("up",),
           footer=30, short="Tick", group="Fields", palette=False),
    Action("step_down", "Step down", "Prices a tick down, the quantity to the preset before, a choice on.",
           ("down",), group="Fields", palette=False),
    Action("touch", "Price at the touch", "Takes the best bid for a buy, the best ask for a sell.", ("=",),
           group="Fields"),
)  # fmt: skip
