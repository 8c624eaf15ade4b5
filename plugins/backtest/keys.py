"""What can be done on the backtest page."""

from __future__ import annotations

from screens.actions import Action
from screens.table_copy import COPY_TABLE_ACTIONS

_MOVE = "Move"
_FORM = "Form"
_CHART = "Chart"
_SEARCH = "Search"

ACTIONS: tuple[Action, ...] = (
    Action("less", "Less", "Steps the value of the form's row down; goes left in the map.", ("left", "h"), group=_FORM,
           footer=99, short="Value ←→", palette=False),
    Action("more", "More", "Steps the value of the form's row up; goes right in the map.", ("right", "l"), group=_FORM,
           palette=False),
    Action("far_less", "Ten steps less", "Steps the value ten steps down.", ("H",), group=_FORM, palette=False),
    Action("far_more", "Ten steps more", "Steps the value ten steps up.", ("L",), group=_FORM, palette=False),
    Action("choose", "Choose / type / load", "Picks candles or strategy from a list, or types a value; in a table "
           "shows the trade in the chart, in the map loads the cell.", ("enter",), group=_FORM, footer=95,
           short="Choose"),
    Action("candles", "Pick candles", "Chooses what the backtest runs on; Tab marks several sets, which "
           "then share one account.", ("c",), group=_FORM, footer=60,
           short="Candles"),
    Action("strategy", "Pick a strategy", "Chooses the strategy; files in the strategies folder are read again.",
           ("t",), group=_FORM, footer=59, short="Strategy"),
    Action("file", "Open a candle file", "Asks for the path of a CSV, Parquet, Feather or JSON file.", ("F",),
           group=_FORM),
    Action("default", "Parameters back to default", "Puts every parameter back to what the strategy declares.", ("D",),
           group=_FORM),
    Action("deploy", "Start this on the desk", "Fills the form of the Strategies page with this strategy, its "
           "parameters and the money; nothing is started yet.", ("S",), group=_FORM, footer=80, short="To the desk"),
    Action("plot", "Chart of backtesting.py", "Writes backtesting.py's interactive chart into the exports folder and "
           "opens it in the browser where there is one.", ("p",), group="Report", yields=True),
    Action("report", "Save a report", "Writes the run into the exports folder: tearsheet (HTML), JSON, or its trades "
           "as CSV.", ("e",), group="Report", footer=40, short="Report"),
    Action("again", "Run again", "Reads strategy files again and runs.", ("r",), group=_FORM),
    Action("view", "Next table", "Trades, figures, months, splits, sweep, search, luck, walk-forward, honesty, "
           "runs: the next one.", ("v",), group="View", footer=90, short="Table"),
    Action("view_back", "Previous table", "The table before this one.", ("V",), group="View"),
    Action("enter_view", "Into the table / back", "Moves the cursor from the form into the table or map, and back.",
           ("f",), group="View", footer=92, short="Into table"),
    Action("runs", "Stored runs", "Every run is kept: Enter makes one again and says whether the digits are the same.",
           ("u",), group="View"),
    Action("compare", "Compare with the stored run", "The table Figures shows the stored run under the cursor beside "
           "the one that shows, and up to three others; again takes it out.", ("a",), group="View"),
    Action("back", "Back", "Calls the search off; else goes back to the form and shows the whole chart.", ("escape",),
           group="View", palette=False),
    Action("sweep", "Sweep two parameters", "Runs a map of two parameters; it fills while it runs. ↔ and ↕ in the form "
           "mark them.", ("s",), group=_SEARCH, footer=85, short="Sweep"),
    Action("across", "Sweep this row across", "The map's columns are values of this row: a parameter, a size, an exit, "
           "a protection.", ("x",), group=_SEARCH),
    Action("down_axis", "Sweep this row down", "The map's rows are values of this row: a parameter, a size, an exit, a "
           "protection.", ("y",), group=_SEARCH),
    Action("rank", "Next figure of the map", "Ranks by Sharpe, Sortino, Calmar, return, profit factor, SQN, drawdown.",
           ("m",), group=_SEARCH),
    Action("best", "Go to the best cell", "Puts the map's cursor on the best combination.", ("b",), group=_SEARCH),
    Action("walk", "Walk forward", "Chooses parameters on the past, trades what came next, window by window.", ("w",),
           group=_SEARCH, footer=70, short="Walk"),
    Action("walk_anchored", "Walk forward, anchored", "As walk forward; every training window begins with the first "
           "bar.", ("W",), group=_SEARCH),
    Action("searched", "Search this row, or leave it", "The search moves every parameter; this has it leave one as it "
           "is (=), or move a size, an exit, a protection too (~).", ("space",), group=_SEARCH),
    Action("optuna", "Search by Optuna", "Searches all parameters, and rows that are marked by ~; asks for sampler and "
           "objectives. It goes on where the same search was left.", ("O",), group=_SEARCH, footer=72, short="Optuna"),
    Action("band", "Honesty band", "The run under every path inside its bars, and the trades that hang on it.", ("B",),
           group=_SEARCH, footer=66, short="Honesty"),
    Action("fan", "The other fan", "Monte Carlo by shuffled trades, returns drawn anew, prices with noise, or "
           "parameters moved.", ("M",), group=_SEARCH),
    Action("zoom_in", "Zoom the chart in", "Shows half as many bars, around the chosen trade.", ("+", "="),
           group=_CHART),
    Action("zoom_out", "Zoom the chart out", "Shows twice as many bars.", ("-",), group=_CHART),
    Action("earlier", "Earlier", "Moves the chart half a screen back.", ("{",), group=_CHART, palette=False),
    Action("later", "Later", "Moves the chart half a screen on.", ("}",), group=_CHART, palette=False),
    Action("up", "Up", "Moves the cursor up.", ("up", "k"), group=_MOVE, palette=False),
    Action("down", "Down", "Moves the cursor down.", ("down", "j"), group=_MOVE, palette=False),
    Action("page_up", "Page up", "Moves the cursor one page up.", ("pageup",), group=_MOVE, palette=False),
    Action("page_down", "Page down", "Moves the cursor one page down.", ("pagedown",), group=_MOVE, palette=False),
    Action("first", "First row", "Moves the cursor to the first row.", ("home", "g"), group=_MOVE, palette=False),
    Action("last", "Last row", "Moves the cursor to the last row.", ("end", "G"), group=_MOVE, palette=False),
    *COPY_TABLE_ACTIONS,
)  # fmt: skip
