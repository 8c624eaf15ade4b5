"""How a signal strategy trades what its signals say: sizes, exits, protections. One value for all who ask for them: the
command line, the forms of the Backtest and the Strategies page, stored runs and the journal's runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


class TradeRules(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What takes the place of a strategy's own; None leaves its own, 0 switches a part off. Fractions: 0.02 is 2 %.

    The names are those of `strategies.exits.Exits` and `strategies.protections.Protections`, which say what each does.
    `size_rule` is one of `AMOUNTS`, `size` its amount, `size_cap` the most of equity (Kelly, volatility), `size_length`
    the bars that it looks at (ATR, volatility) or the trades that Kelly waits for.
    """

    size_rule: str | None = None
    size: float | None = None
    size_cap: float | None = None
    size_length: int | None = None
    stop: float | None = None
    atr_stop: float | None = None
    atr_length: int | None = None
    take_profit: float | None = None
    roi: tuple[tuple[int, float], ...] | None = None
    trailing: float | None = None
    trailing_offset: float | None = None
    break_even: float | None = None
    max_bars: int | None = None
    cooldown: int | None = None
    max_drawdown: float | None = None
    max_drawdown_lock: int | None = None
    stop_count: int | None = None
    stop_lookback: int | None = None
    stop_lock: int | None = None
    profit_trades: int | None = None
    profit_lookback: int | None = None
    profit_least: float | None = None
    profit_lock: int | None = None

    @property
    def given(self) -> dict[str, Any]:
        """Those that are said, by name, as JSON has them."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return {name: value for name, value in found.items() if value is not None}

    def over(self, own: TradeRules) -> TradeRules:
        """These, and where they say nothing what `own` says. Another way to size brings its own usual amount."""
        said = {name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not None}
        if self.size_rule is not None and self.size_rule != own.size_rule:
            said = usual_size(self.size_rule) | said
        return msgspec.structs.replace(own, **said)


#: Says nothing: everything is as the strategy has it.
UNCHANGED = TradeRules()


class Rule(msgspec.Struct, frozen=True):
    """The declaration of one of `TradeRules`: how it is shown, stepped and checked. `kind`: "choice", "fraction",
    "number", "whole" or "steps" (of the ROI table). `needs`: it means nothing while that one is off. `usual`: what it
    becomes when that one is switched on and this one is 0."""

    name: str
    label: str
    group: str
    kind: str
    help: str
    low: float = 0.0
    high: float = 0.0
    step: float = 1.0
    needs: str = ""
    usual: float = 0.0
    choices: tuple[str, ...] = ()


#: A rule among a strategy's parameters (a sweep's axis, a row of a form) is named so: both may have one of a name.
KEY = "rule:"

#: What each way to size means by its amount.
AMOUNTS = {
    "equity": Rule("size", "of equity", "Size", "fraction", "The part of equity in an entry", 0.01, 10, 0.05, "", 1),
    "value": Rule("size", "value", "Size", "number", "The value of an entry in money", 0.01, 1e12, 100, "", 1_000),
    "units": Rule("size", "quantity", "Size", "number", "The quantity of an entry", 1e-9, 1e12, 0.1, "", 1),
    "risk": Rule("size", "risked", "Size", "fraction", "Lost at the stop, of equity, with fees", 1e-4, 1, 0.0025, "",
                 0.01),
    "atr": Rule("size", "at 2 ATR", "Size", "fraction", "Lost at a move of two average true ranges, of equity",
                1e-4, 1, 0.0025, "", 0.01),
    "volatility": Rule("size", "a year", "Size", "fraction", "The volatility of the account that is aimed at, a year",
                       0.01, 5, 0.01, "", 0.2),
    "kelly": Rule("size", "of Kelly", "Size", "fraction", "The part of Kelly's share, from the run's closed trades",
                  0.05, 1, 0.05, "", 0.5),
}  # fmt: skip
#: Sizes with a cap, and with a length.
CAPPED, LONG = {"volatility": 1.0, "kelly": 1.0}, {"atr": 14, "volatility": 20, "kelly": 20}

RULES = (
    Rule("size_rule", "Size by", "Size", "choice", "What the size of an entry follows", choices=tuple(AMOUNTS)),
    AMOUNTS["equity"],
    Rule("size_cap", "at most", "Size", "fraction", "The most of the equity in an entry", 0.01, 10, 0.05),
    Rule("size_length", "over", "Size", "whole", "Bars that are looked at; of Kelly the trades that it waits for",
         1, 2_000),
    Rule("stop", "Stop", "Exits", "fraction", "A stop so far from the entry", 0, 0.9, 0.005),
    Rule("atr_stop", "ATR stop ×", "Exits", "number", "A stop so many average true ranges from the entry", 0, 50, 0.5),
    Rule("atr_length", "of bars", "Exits", "whole", "Bars of that average true range", 1, 1_000, 1, "atr_stop", 14),
    Rule("take_profit", "Target", "Exits", "fraction", "Closes so far from the entry", 0, 5, 0.005),
    Rule("roi", "ROI table", "Exits", "steps",
         "Targets by bars held: 0:4 30:1 is 4 %, from bar 30 1 %"),
    Rule("trailing", "Trailing", "Exits", "fraction", "A stop so far from the best price", 0, 0.9, 0.005),
    Rule("trailing_offset", "from a gain of", "Exits", "fraction", "It trails once the best price has gained so much",
         0, 5, 0.005, "trailing"),
    Rule("break_even", "Break-even at", "Exits", "fraction",
         "Once the best price has gained so much the stop stands where the trade pays its fees", 0, 5, 0.005),
    Rule("max_bars", "Time exit, bars", "Exits", "whole", "Leaves after so many bars in the trade", 0, 100_000),
    Rule("cooldown", "Cooldown, bars", "Protections", "whole", "No entry for so many bars after a loss", 0, 10_000),
    Rule("max_drawdown", "Drawdown guard", "Protections", "fraction",
         "No entry once closed equity stands so far below its peak", 0, 0.99, 0.01),
    Rule("max_drawdown_lock", "for bars", "Protections", "whole", "Bars without an entry then", 0, 100_000, 5,
         "max_drawdown", 50),
    Rule("stop_count", "Stop guard, stops", "Protections", "whole", "No entry after so many losses by a stop", 0, 100),
    Rule("stop_lookback", "within bars", "Protections", "whole", "Bars in which they are counted", 0, 100_000, 5,
         "stop_count", 100),
    Rule("stop_lock", "for bars", "Protections", "whole", "Bars without an entry then", 0, 100_000, 5,
         "stop_count", 50),
    Rule("profit_trades", "Low profit, trades", "Protections", "whole",
         "No entry when so many trades together brought too little", 0, 1_000),
    Rule("profit_lookback", "within bars", "Protections", "whole", "Bars in which they are counted", 0, 100_000, 5,
         "profit_trades", 200),
    Rule("profit_least", "least sum", "Protections", "fraction", "The least that their returns sum up to", -1, 5, 0.005,
         "profit_trades"),
    Rule("profit_lock", "for bars", "Protections", "whole", "Bars without an entry then", 0, 100_000, 5,
         "profit_trades", 50),
)  # fmt: skip
BY_NAME = {rule.name: rule for rule in RULES}
#: Those that are groups of one: partners that must be there too, or it would do nothing.
_PARTNERS = {
    "max_drawdown": ("max_drawdown_lock",),
    "stop_count": ("stop_lookback", "stop_lock"),
    "profit_trades": ("profit_lookback", "profit_lock"),
}
#: What a strategy has that says nothing of its own.
PLAIN = TradeRules(
    size_rule="equity", size=1.0, size_cap=1.0, size_length=14, stop=0.0, atr_stop=0.0, atr_length=14, take_profit=0.0,
    roi=(), trailing=0.0, trailing_offset=0.0, break_even=0.0, max_bars=0, cooldown=0, max_drawdown=0.0,
    max_drawdown_lock=0, stop_count=0, stop_lookback=0, stop_lock=0, profit_trades=0, profit_lookback=0,
    profit_least=0.0, profit_lock=0,
)  # fmt: skip


def rule_of(name: str, rules: TradeRules) -> Rule:
    """The declaration, that of the amount by the way to size."""
    if name == "size":
        return AMOUNTS[rules.size_rule or "equity"]
    return BY_NAME[name]


def usual_size(rule: str) -> dict[str, Any]:
    """The amount, cap and length with which a way to size begins."""
    return {"size": AMOUNTS[rule].usual, "size_cap": CAPPED.get(rule, 1.0), "size_length": LONG.get(rule, 14)}


def check(given: TradeRules, own: TradeRules = PLAIN) -> TradeRules:
    """Everything that holds when `given` takes the place of `own`. Raises `ValueError` with a sentence for what is out
    of its range, and for what would do nothing without another one that is off."""
    if given.size_rule is not None and given.size_rule not in AMOUNTS:
        raise ValueError(f"There is no size rule {given.size_rule!r}: {', '.join(AMOUNTS)}.")
    whole = given.over(own)
    said = given.given
    for name in said:
        rule, value = rule_of(name, whole), getattr(given, name)
        _check_range(rule, name, value)
        if rule.needs and value and not getattr(whole, rule.needs):
            raise ValueError(f"{name} does nothing without {rule.needs}.")
    for name, partners in _PARTNERS.items():
        if name not in said or not getattr(whole, name):
            continue
        for partner in partners:
            if not getattr(whole, partner):
                raise ValueError(f"{name} does nothing without {partner}: {BY_NAME[partner].help.lower()}.")
    if "size_cap" in said and whole.size_rule not in CAPPED:
        raise ValueError(f"A size by {whole.size_rule} has no cap: {', '.join(CAPPED)} have one.")
    if "size_length" in said and whole.size_rule not in LONG:
        raise ValueError(f"A size by {whole.size_rule} has no length: {', '.join(LONG)} have one.")
    by_stop = whole.size_rule == "risk" and {"size_rule", "stop", "atr_stop"} & said.keys()
    if by_stop and not (whole.stop or whole.atr_stop):
        raise ValueError("A size by the risk to the stop needs a stop: stop or atr_stop.")
    return whole


def check_ranges(given: TradeRules) -> None:
    """Raises `ValueError` with a sentence for what is out of its range, whatever strategy it is for."""
    for name in given.given:
        _check_range(rule_of(name, given), name, getattr(given, name))


def _check_range(rule: Rule, name: str, value: Any) -> None:
    if rule.kind == "steps":
        if any(bars < 0 or not -1 < gain <= 5 for bars, gain in value):
            raise ValueError("The ROI table has bars from 0 on, and gains above −100 % and up to 500 %.")
    elif rule.kind != "choice" and not rule.low <= value <= rule.high:
        raise ValueError(f"{name} goes from {rule.low:g} to {rule.high:g}, not {value:g}.")


def put(given: TradeRules, own: TradeRules, name: str, value: Any) -> TradeRules:
    """`given` with one value in place. What is switched on brings its partners, what is switched off takes them along;
    what would hold anyway is not said."""
    said: dict[str, Any] = {one: getattr(given, one) for one in given.__struct_fields__}
    said[name] = value
    if name == "size_rule":
        said |= dict.fromkeys(("size", "size_cap", "size_length"))
    now = given.over(own)
    for rule in RULES:
        if rule.needs == name and not value:
            said[rule.name] = None
        elif rule.needs == name and not getattr(now, rule.name) and rule.usual:
            said[rule.name] = int(rule.usual)
    kept = {}
    for one, wanted in said.items():
        if wanted is None:
            continue
        otherwise = TradeRules(**{**said, one: None}).over(own)
        if wanted != getattr(otherwise, one):
            kept[one] = wanted
    return TradeRules(**kept)


def apart(params: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters of the strategy, and the rules by their own names that stand among them."""
    rules = {name.removeprefix(KEY): value for name, value in params.items() if name.startswith(KEY)}
    return {name: value for name, value in params.items() if not name.startswith(KEY)}, rules


def put_all(given: TradeRules, own: TradeRules, values: Mapping[str, Any]) -> TradeRules:
    """`given` with several values in place, one after another in the order of `RULES`."""
    for rule in RULES:
        if rule.name in values:
            given = put(given, own, rule.name, values[rule.name])
    return given


def shown(own: TradeRules, given: TradeRules) -> list[Rule]:
    """The rules that a form has rows for: what is off takes those along that need it."""
    whole = given.over(own)
    by = whole.size_rule or "equity"
    found: list[Rule] = []
    for rule in RULES:
        hidden = (rule.needs and not getattr(whole, rule.needs)) or (
            (rule.name == "size_cap" and by not in CAPPED) or (rule.name == "size_length" and by not in LONG)
        )
        if not hidden:
            found.append(rule_of(rule.name, whole))
    return found


class RulesChange(msgspec.Struct, frozen=True):
    """What becomes of a run's rules: `said` takes its place among them, `own` are the strategy's own again; `whole`:
    nothing of the former ones stays."""

    said: TradeRules = UNCHANGED
    own: tuple[str, ...] = ()
    whole: bool = False

    def of(self, before: TradeRules, offered: TradeRules) -> TradeRules:
        """The rules that hold then, where the strategy itself has `offered`. What is switched on brings what it does
        nothing without, what is switched off takes it along."""
        if self.whole:
            return self.said
        names = TradeRules.__struct_fields__
        own = {name for name in names if name in self.own or BY_NAME[name].needs in self.own}
        kept = TradeRules(**{name: None if name in own else getattr(before, name) for name in names})
        said = {name: value for name in names if (value := getattr(self.said, name)) is not None}
        return put_all(kept, offered, said)
