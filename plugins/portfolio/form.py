"""The form: universe, method, measure, estimates, constraints, and how the weights become orders."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from plugins.portfolio.universe import BARS
from screens.figures import shown, typed_signed
from screens.parameters import typed_text
from workstation.clock import SECOND
from workstation.domain.instrument import InstrumentId
from workstation.domain.numbers import ZERO, from_float
from workstation.portfolio.methods import COVARIANCES, EXPECTED, MEASURES, METHODS, Method
from workstation.portfolio.problem import Constraints, GroupBound, Problem, View
from workstation.trading.errors import Refused
from workstation.trading.rebalancing.planning import Wish

#: Smallest step of a weight that is handed to the exact world.
_WEIGHT = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Field:
    """A row of the form. `choices` maps codes to (name, one line on it); a number has `low`, `high`, `step`."""

    key: str
    label: str
    help: str = ""
    group: str = ""
    choices: Mapping[str, tuple[str, str]] | None = None
    low: float = 0.0
    high: float = 0.0
    step: float = 0.0
    unit: str = ""
    off: str = ""  # what a value of zero is called
    text: bool = False


def _table(rows: Mapping[str, Any], named: bool = True) -> dict[str, tuple[str, str]]:
    return {
        code: (row.name if named else code, row.text if named else f"{row.name}. {row.text}")
        for code, row in rows.items()
    }


#: How often orders are proposed; a band of the drift may go with it.
CALENDAR: dict[str, tuple[str, str]] = {
    "any": ("any time", "Orders are proposed at any time; nothing reminds of them"),
    "day": ("once a day", "Orders wait until a day after the last rebalance of these assets; an alert says when"),
    "week": ("once a week", "Orders wait until a week after the last rebalance of these assets; an alert says when"),
    "month": ("once a month", "Orders wait until 30 days after the last rebalance of these assets; an alert says when"),
}
_PERIODS = {"day": 1, "week": 7, "month": 30}

FIELDS: tuple[Field, ...] = (
    Field("universe", "Universe", "Where the prices come from; Enter picks"),
    Field("assets", "Assets", "Which of them; Enter picks"),
    Field("bars", "Bars", "Length of the returns, of the desk's own market",
          choices={bars: (bars, "Returns over bars of this length") for bars in BARS}),
    Field("method", "Method", choices=_table(METHODS), group="Weights"),
    Field("risk", "Risk", choices=_table(MEASURES, named=False), group="Weights"),
    Field("expected", "Expected", choices=_table(EXPECTED), group="Weights"),
    Field("covariance", "Covariance", choices=_table(COVARIANCES), group="Weights"),
    Field("rf", "Risk-free", "Return of money a year", "Weights", low=-10, high=50, step=0.5, unit="%"),
    Field("aversion", "Aversion", "Weight of risk in the utility (maximum utility)", "Weights", low=0.1, high=100,
          step=0.5),
    Field("views", "Views", "Black-Litterman, returns a year: BTC-USDT > ETH-USDT 5; SOL-USDT 20", "Weights",
          text=True, off="none"),
    Field("factors", "Factors", "Columns that explain the others, with no weight of their own: BTC-USDT ETH-USDT",
          "Weights", text=True, off="none"),
    Field("upper", "Most each", "Largest weight of one asset", "Bounds", low=1, high=100, step=5, unit="%"),
    Field("lower", "Least each", "Smallest weight of one asset", "Bounds", low=0, high=50, step=1, unit="%"),
    Field("groups", "Groups", "Weights of groups in per cent: BTC-USDT ETH-USDT 20..60; SOL-USDT DOGE-USDT ..15",
          "Bounds", text=True, off="none"),
    Field("short", "Short", "Sum of short weights at most; spot cannot be sold short by the plan", "Bounds", low=0,
          high=200, step=10, unit="%", off="none"),
    Field("count", "Number", "Assets held at most", "Bounds", low=0, high=200, step=1, off="any"),
    Field("turnover", "Turnover", "Sum of all changes of weights at most; 100 is half the book", "Bounds", low=0,
          high=200, step=5, unit="%", off="any"),
    Field("floor", "Return floor", "Expected return a year at least", "Bounds", low=0, high=200, step=1, unit="%",
          off="none"),
    Field("tracking", "Tracking error", "A year, against equal weights, at most", "Bounds", low=0, high=100, step=1,
          unit="%", off="any"),
    Field("costs", "Cost of trading", "Of a unit of turnover, taken off the expected return", "Bounds", low=0, high=5,
          step=0.05, unit="%", off="none"),
    Field("budget", "Money", "What the weights are weights of, in the account currency", "Orders", low=0, high=1e12,
          step=10_000, off="all there is"),
    Field("band", "Drift band", "A weight that is off by less is left alone", "Orders", low=0, high=20, step=0.25,
          unit="%", off="none"),
    Field("calendar", "Calendar", choices=CALENDAR, group="Orders"),
    Field("least", "Least trade", "Trades worth less are left out", "Orders", low=0, high=1e9, step=10),
    Field("patience", "Patience", "Seconds an order waits at its own side before it takes", "Orders", low=0, high=600,
          step=5, unit="s", off="takes at once"),
)  # fmt: skip
_BY_KEY = {field.key: field for field in FIELDS}
CALENDAR_FIELD = _BY_KEY["calendar"]
_DEFAULTS: dict[str, Any] = {
    "universe": "", "assets": [], "bars": "1d", "method": "min_risk", "risk": "MV", "expected": "hist",
    "covariance": "ledoit", "rf": 0.0, "aversion": 2.0, "views": "", "factors": "", "groups": "",
    "upper": 40.0, "lower": 0.0, "short": 0.0,
    "count": 0.0, "turnover": 0.0, "floor": 0.0, "tracking": 0.0, "costs": 0.0, "budget": 0.0, "band": 0.0,
    "calendar": "any",
    "least": 25.0, "patience": 0.0,
}  # fmt: skip
#: Rows that change what is to be sent, not what the weights are.
OF_ORDERS = frozenset({"budget", "band", "calendar", "least", "patience"})


class Form:
    """What the trader has chosen; `values` is remembered between starts (JSON values)."""

    def __init__(self, given: Mapping[str, Any] | None = None) -> None:
        self.values: dict[str, Any] = dict(_DEFAULTS)
        for key, value in (given or {}).items():
            if key in _BY_KEY:
                self.values[key] = _sane(key, value)
        self.cursor = 0

    def __getitem__(self, key: str) -> Any:
        return self.values[key]

    @property
    def field(self) -> Field:
        fields = self.fields()
        self.cursor = max(0, min(self.cursor, len(fields) - 1))
        return fields[self.cursor]

    def fields(self) -> list[Field]:
        """The rows that matter for what is chosen."""
        hidden = set()
        if not str(self["universe"]).startswith("market:"):
            hidden.add("bars")
        if self["method"] != "max_utility":
            hidden.add("aversion")
        if self["expected"] != "BL":
            hidden.add("views")
        if self["expected"] != "FM":
            hidden.add("factors")
        return [field for field in FIELDS if field.key not in hidden]

    def move(self, by: int) -> None:
        self.cursor = max(0, min(self.cursor + by, len(self.fields()) - 1))

    def step(self, by: int, universes: Sequence[str]) -> bool:
        """Step the field under the cursor; whether anything changed."""
        field = self.field
        if field.key == "assets" or field.text:
            return False
        now = self[field.key]
        if field.key == "universe" or field.choices is not None:
            codes = list(universes) if field.key == "universe" else list(field.choices or ())
            if not codes:
                return False
            at = codes.index(now) if now in codes else 0
            return self.put(field.key, codes[max(0, min(at + by, len(codes) - 1))])
        return self.put(field.key, round(min(field.high, max(field.low, now + by * field.step)), 6))

    def put(self, key: str, value: Any) -> bool:
        if self.values[key] == value:
            return False
        self.values[key] = value
        if key == "universe":
            self.values["assets"] = []
        return True

    def type(self, text: str) -> bool:
        """Take what was typed into the field under the cursor. Raises `Refused` with a sentence."""
        field = self.field
        if field.text:
            _PARSERS[field.key](text)
            return self.put(field.key, text.strip())
        value = float(typed_signed(text.strip().rstrip("%s "), field.label))
        if not field.low <= value <= field.high:
            raise Refused(f"{field.label} goes from {field.low:g} to {field.high:g}, not {value:g}.")
        return self.put(field.key, value)

    def typed(self, field: Field) -> str:
        """The value as its dialog begins: `type` takes it as no change."""
        return typed_text(self[field.key])

    def shown(self, field: Field) -> str:
        """The value as the row shows it."""
        value = self[field.key]
        if field.choices is not None:
            return field.choices[value][0]
        if field.text:
            return str(value) or field.off
        if not value and field.off:
            return field.off
        return shown(f"{value:,.10g}") + (f" {field.unit}" if field.unit else "")

    def help(self, field: Field) -> str:
        if field.choices is not None:
            return field.choices[self[field.key]][1]
        method = METHODS[self["method"]]
        if field.group == "Bounds" and not method.bounded and not (method.boxed and field.key in ("upper", "lower")):
            return f"{field.help}. {method.name} does not keep it; the frontier does."
        return field.help

    @property
    def factors(self) -> tuple[str, ...]:
        """Columns of the factor model, where that is what is chosen."""
        return tuple(parse_factors(self["factors"])) if self["expected"] == "FM" else ()

    def problem(self, periods: float, held: Mapping[str, float], method: str = "") -> Problem:
        """What the optimiser is asked, of the form's method or another one, with those of the bounds that it keeps.
        `periods`: a year's; `held`: weights held now, by asset. Raises `Refused`."""
        views = (
            tuple(View(plus, value / 100 / periods, minus) for plus, value, minus in parse_views(self["views"]))
            if self["expected"] == "BL"
            else ()
        )
        return Problem(
            method=method or self["method"],
            risk=self["risk"],
            rf=self["rf"] / 100 / periods,
            expected=self["expected"],
            covariance=self["covariance"],
            aversion=self["aversion"],
            views=views,
            factors=self.factors,
            held=tuple((asset, round(weight, 4)) for asset, weight in held.items()),
            constraints=self._constraints(METHODS[method or self["method"]], periods),
        )

    def _constraints(self, method: Method, periods: float) -> Constraints:
        lower, upper = self["lower"] / 100, self["upper"] / 100
        if not method.bounded:
            return Constraints(lower=lower, upper=upper) if method.boxed else Constraints()
        return Constraints(
            lower=lower,
            upper=upper,
            groups=tuple(parse_groups(self["groups"])),
            short=self["short"] / 100,
            max_assets=int(self["count"]) or None,
            turnover=self["turnover"] / 100 or None,
            costs=self["costs"] / 100,
            tracking_error=self["tracking"] / 100 / math.sqrt(periods) or None,
            min_return=self["floor"] / 100 / periods or None,
        )

    @property
    def every(self) -> int | None:
        """The calendar's time from one rebalance to the next, ns; None: at any time."""
        days = _PERIODS.get(self["calendar"])
        return None if days is None else days * 86_400 * SECOND

    def wish(self, weights: Mapping[InstrumentId, float], name: str) -> Wish:
        """Weights as a rebalance: the border from floats to exact numbers."""
        budget = Decimal(repr(float(self["budget"])))
        return Wish(
            targets={instrument: from_float(weight, _WEIGHT) for instrument, weight in weights.items()},
            budget=budget if budget > 0 else None,
            band=Decimal(repr(float(self["band"]))).scaleb(-2),
            least=max(ZERO, Decimal(repr(float(self["least"])))),
            patience=round(self["patience"] * SECOND),
            name=name,
        )


_VIEW = re.compile(r"^\s*(?P<plus>[^>]+?)(?:\s*>\s*(?P<minus>[^>]+?))?\s+(?P<value>[-+]?\d+(?:\.\d+)?)\s*%?\s*$")


def parse_views(text: str) -> list[tuple[tuple[str, ...], float, tuple[str, ...]]]:
    """ "BTC > ETH 5; SOL 20": (assets, percent a year, assets that they beat). Raises `Refused` with a sentence."""
    found: list[tuple[tuple[str, ...], float, tuple[str, ...]]] = []
    for part in filter(None, (one.strip() for one in text.split(";"))):
        match = _VIEW.match(part)
        if match is None:
            raise Refused(f"{part!r} is no view: type BTC-USDT > ETH-USDT 5; SOL-USDT 20.")
        minus = (match["minus"],) if match["minus"] else ()
        found.append(((match["plus"],), float(match["value"]), minus))
    return found


_GROUP = re.compile(r"^(?P<assets>.+?)\s+(?P<low>\d+(?:\.\d+)?)?\s*\.\.\s*(?P<high>\d+(?:\.\d+)?)?\s*%?$")


def parse_groups(text: str) -> list[GroupBound]:
    """ "BTC ETH 20..60; SOL ..15": assets that together hold from 20 to 60 %, at most 15 %. Raises `Refused`."""
    found: list[GroupBound] = []
    for part in filter(None, (one.strip() for one in text.split(";"))):
        match = _GROUP.match(part)
        if match is None or (match["low"] is None and match["high"] is None):
            raise Refused(f"{part!r} is no group: type BTC-USDT ETH-USDT 20..60; SOL-USDT DOGE-USDT ..15.")
        low, high = float(match["low"] or 0) / 100, float(match["high"] or 100) / 100
        if low > high:
            raise Refused(f"{part!r}: the least is above the most.")
        assets = tuple(match["assets"].replace(",", " ").split())
        found.append(GroupBound(" + ".join(assets), assets, low, high))
    return found


def parse_factors(text: str) -> list[str]:
    """ "BTC ETH" or "BTC, ETH": columns of the price table."""
    return list(dict.fromkeys(text.replace(",", " ").replace(";", " ").split()))


#: How the text of a row is read; each raises `Refused` with a sentence.
_PARSERS: dict[str, Callable[[str], object]] = {
    "views": parse_views, "groups": parse_groups, "factors": parse_factors,
}  # fmt: skip


def _sane(key: str, value: Any) -> Any:
    """A kept value, or the default where it fits no longer."""
    field, default = _BY_KEY[key], _DEFAULTS[key]
    if key == "assets":
        return [str(one) for one in value] if isinstance(value, list) else []
    if key == "universe" or field.text:
        return str(value)
    if field.choices is not None:
        return value if value in field.choices else default
    try:
        number = float(value)
    except (TypeError, ValueError):
        return default
    return number if field.low <= number <= field.high else default
