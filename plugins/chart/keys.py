"""The chart's own actions and their keys."""

from __future__ import annotations

from screens.actions import Action

_TRADE = (
    Action("buy", "Stage a buy limit", "Stages a buy limit at the crosshair's price. Enter sends it, Esc discards it.",
           ("b",), trades=True, footer=99, short="Buy", group="Trade"),
    Action("sell", "Stage a sell limit", "Stages a sell limit at the crosshair's price. Enter sends it, Esc discards "
           "it.", ("s",), trades=True, footer=98, short="Sell", group="Trade"),
    Action("send", "Send what is staged", "Sends the staged order or amendment.", ("enter",), trades=True, footer=97,
           short="Send", group="Trade"),
    Action("discard", "Discard what is staged", "Discards the staged order, or leaves an order that is picked up where "
           "it stands; without either, hides the crosshair.", ("escape",), footer=50, short="Discard", group="Trade"),
    Action("pick", "Pick up a working order", "Picks up the working order or kept exit nearest the crosshair, to move "
           "it; again the next one. J and K move it by ticks, arrows by round steps; Enter sends the amendment, "
           "Esc leaves it.", ("m",), trades=True, group="Trade"),
    Action("smaller", "Smaller size", "The next smaller size preset.", ("-",), footer=61, short="Size", group="Trade"),
    Action("larger", "Larger size", "The next larger size preset.", ("+", "="), footer=60, short="Size",
           group="Trade"),
)  # fmt: skip

_MOVE = (
    Action("up", "Crosshair up", "Moves the crosshair, or what is staged, up by a round step.", ("up", "k"),
           group="Move", palette=False),
    Action("down", "Crosshair down", "Moves the crosshair, or what is staged, down by a round step.", ("down", "j"),
           group="Move", palette=False),
    Action("tick_up", "A tick up", "Moves what is staged, the working order under the crosshair, or the crosshair, up "
           "by one tick; Enter sends an amendment.", ("K",), group="Move", palette=False),
    Action("tick_down", "A tick down", "Moves what is staged, the working order under the crosshair, or the "
           "crosshair, down by one tick; Enter sends an amendment.", ("J",), group="Move", palette=False),
    Action("left", "A bar back", "Moves the crosshair to the bar before.", ("left", "h"), group="Move", palette=False),
    Action("right", "A bar on", "Moves the crosshair to the bar after.", ("right", "l"), group="Move", palette=False),
    Action("back", "Scroll back", "Shows what was before, by half a screen.", ("pageup", "H"), group="Move"),
    Action("forward", "Scroll forward", "Goes on towards the newest bar, by half a screen.", ("pagedown", "L"),
           group="Move"),
    Action("oldest", "Oldest bars", "Goes back to the first bar that is there.", ("home", "g"), group="Move"),
    Action("live", "Back to live", "Goes to the newest bar and stays with it.", ("space", "end", "G"), footer=40,
           short="Live", group="Move"),
)  # fmt: skip

_VIEW = (
    Action("longer", "Longer interval", "The next longer interval: 5s 15s 1m 5m 15m 1h 4h 1d.", ("i",), footer=70,
           short="Interval", group="View"),
    Action("shorter", "Shorter interval", "The next shorter interval.", ("I",), group="View"),
    Action("wider", "Wider bars", "Zooms in: wider and fewer bars.", ("w",), footer=45, short="Wider", group="View"),
    Action("narrower", "Narrower bars", "Zooms out: narrower and more bars.", ("W",), footer=44, short="Narrower",
           group="View"),
    Action("volume", "Volume on / off", "Shows or hides the volume.", ("v",), group="View"),
    Action("studies", "Lines and panels", "Asks for indicators: averages, bands, VWAP, volume profile as overlays of "
           "the candles, RSI and MACD beneath: sma 20, ema 50, bb 20 2, vwap, vp, rsi 14, macd 12 26 9.", ("f",),
           group="View"),
    Action("logarithmic", "Logarithmic scale on / off", "Equal distances are equal percentages.", ("y",),
           group="View"),
    Action("fit", "Fit the price scale", "Draws the price scale in to what shows.", ("a",), group="View"),
    Action("alert", "Alert at the crosshair", "Begins the line that sets an alert at the crosshair's price; Enter sets "
           "it.", ("A",), group="View"),
    Action("pin", "Pin the instrument", "Keeps this chart on its instrument; again to follow the desk.", ("P",),
           group="View"),
)  # fmt: skip

CHART_ACTIONS = (*_TRADE, *_MOVE, *_VIEW)
