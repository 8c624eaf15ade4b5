"""The form of a strategy: terms of a run that may be started, or changes of one that runs. Knows no screen."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from screens.figures import shown, typed_number
from screens.parameters import fitting, help_of, stepped, typed, typed_text, value_text
from screens.rule_rows import RuleRow, rule_rows, typed_rule, value_in, with_rule
from workstation.domain.instrument import InstrumentId
from workstation.domain.strategy_run import RunId, StrategyRun
from workstation.domain.trade_rules import PLAIN, UNCHANGED, RulesChange, TradeRules, check
from workstation.market.bars import INTERVALS
from workstation.market.timeframes import BadTimeframe, Timeframe
from workstation.research.bench.messages import ParameterSpec, StrategyChoice
from workstation.strategies.making import run_id_of
from workstation.trading.errors import Refused
from workstation.trading.limits import OWN_NAMES, RiskLimits, limit_from_text, limit_text, limit_value, own_field

_BARS = ParameterSpec("bars", "choice", "1m", choices=tuple(INTERVALS), help="Length of the bars that it decides on")
_RESTART = ParameterSpec("restart", "bool", False, help="Whether it starts again when the desk is opened again")
_CAPITAL_HELP = "Money allocated to it, in the account currency: it sizes its orders by this and what it has won"
_FURTHER_HELP = "A further instrument that it reads, and may trade"
_LIMIT_LABELS = {
    "max_order_value": ("Order value", "Value of one of its orders at most"),
    "max_position_value": ("Position value", "Value of its position at most, working orders included"),
    "max_working_orders": ("Working orders", "Orders of it that may work at once"),
    "max_orders_per_day": ("Orders a day", "Orders of it in one UTC day"),
}
_CAPITAL_STEP = Decimal(100)
#: Under which the rules that the trader has changed are staged, whole.
RULES = "rules"


@dataclass(frozen=True, slots=True)
class Terms:
    """What a run is started with."""

    instrument: InstrumentId
    interval: int  # ns
    capital: Decimal
    restarts: bool
    params: dict[str, Any]
    rules: TradeRules
    further: dict[str, InstrumentId]  # by the strategy's names for them

    @property
    def where(self) -> str:
        return " and ".join((self.instrument, *self.further.values()))


@dataclass(frozen=True, slots=True)
class Field:
    """A row of the form: `value` as it stands there, `before` what is in force; a `fixed` one cannot be changed."""

    key: str
    label: str
    value: Any
    before: Any
    help: str
    spec: ParameterSpec | None = None
    fixed: bool = False
    group: str = ""
    rule: RuleRow | None = None

    @property
    def picked(self) -> bool:
        """Whether it is an instrument, which is picked from a list."""
        return self.key == "instrument" or self.key.startswith("further:")

    @property
    def changed(self) -> bool:
        return bool(self.value != self.before)

    @property
    def text(self) -> str:
        return self._text(self.value) if self.rule is None else self.rule.text

    @property
    def typed(self) -> str:
        """What the dialog of the row begins with."""
        return "" if self.value is None else typed_text(self.value)

    @property
    def text_before(self) -> str:
        return self._text(self.before) if self.rule is None else self.rule.text_of(self.before)

    def _text(self, value: Any) -> str:
        if self.key == "restarts":
            return "starts again" if value else "stays stopped"
        if value is None:
            return "none" if self.key.startswith("limit:") else "choose one"
        if isinstance(value, Decimal):
            return shown(f"{value:,f}")
        return value_text(value)


class RunForm:
    """The rows of one subject: an installed strategy or a run. `staged` holds what the trader has changed and not sent,
    by the field's key; it is his, and outlives the form."""

    def __init__(
        self,
        strategy: str,
        choice: StrategyChoice | None,
        run: StrategyRun | None,
        staged: MutableMapping[str, Any],
        limits: RiskLimits,
        start: Mapping[str, Any],
    ) -> None:
        """`start`: instrument and capital with which a new run begins, where `staged` says nothing else."""
        self.strategy, self.choice, self.run, self.staged = strategy, choice, run, staged
        self._limits = limits
        self._start = start

    @property
    def active(self) -> bool:
        """Whether it is about a run that has not ended."""
        return self.run is not None and self.run.active

    @property
    def run_id(self) -> RunId:
        """The run's name, or the one that it would have; "" without an instrument."""
        if self.active and self.run is not None:
            return self.run.run_id
        instrument, further = self._value("instrument", self._base("instrument")), self.further
        whole = instrument and all(further.values())
        return run_id_of(self.strategy, instrument, further) if whole else ""

    @property
    def further(self) -> dict[str, Any]:
        """Further instruments by the strategy's names for them; None of one that is not chosen yet."""
        if self.active and self.run is not None:
            return dict(self.run.further)
        before = tuple(self.run.further) if self.run is not None else ()
        names = self.choice.further if self.choice is not None else before
        return {name: self._value(f"further:{name}", self._base(f"further:{name}")) for name in names}

    def fields(self) -> list[Field]:
        fixed = self.active
        rows = [
            self._field("instrument", "Instrument", "What it trades", fixed=fixed),
            *(
                self._field(f"further:{name}", name.replace("_", " ").capitalize(), _FURTHER_HELP, fixed=fixed)
                for name in self.further
            ),
            self._field("interval", "Bars", _BARS.help, _BARS, fixed=fixed),
            self._field("capital", "Capital", _CAPITAL_HELP),
            self._field("restarts", "After restart", _RESTART.help, _RESTART),
        ]
        for spec in self.choice.parameters if self.choice is not None else ():
            label = spec.name.replace("_", " ")
            rows.append(self._field(f"param:{spec.name}", label, help_of(spec), spec, group="Parameters"))
        if self.choice is not None and self.choice.sweeps:
            rows += [self._rule_field(row) for row in rule_rows(self.choice.rules, self.rules)]
        for name in OWN_NAMES:
            label, words = _LIMIT_LABELS[name]
            rows.append(
                self._field(f"limit:{name}", label, f"{words}; none is no limit of its own", group="Own limits")
            )
        return rows

    def _field(
        self, key: str, label: str, words: str, spec: ParameterSpec | None = None, *, fixed: bool = False,
        group: str = "",
    ) -> Field:  # fmt: skip
        before = self._base(key, spec)
        value = before if fixed else self._value(key, before)
        return Field(key, label, value, before, words, spec, fixed, group)

    @property
    def rules(self) -> TradeRules:
        """What is said in place of the strategy's own sizes, exits and protections."""
        staged: TradeRules | None = self.staged.get(RULES)
        return self._rules_before if staged is None else staged

    def rules_change(self) -> RulesChange | None:
        """What is to become of the run's rules; None for nothing."""
        return None if self.rules == self._rules_before else RulesChange(self.rules, whole=True)

    @property
    def _rules_before(self) -> TradeRules:
        return self.run.rules if self.run is not None else UNCHANGED

    def _rule_field(self, row: RuleRow) -> Field:
        before = value_in(row, self._rules_before.over(self._own))
        return Field(row.key, row.label, row.value, before, help_of(row.spec), row.spec, False, row.group, row)

    @property
    def _own(self) -> TradeRules:
        return self.choice.rules if self.choice is not None else PLAIN

    def _base(self, key: str, spec: ParameterSpec | None = None) -> Any:
        run = self.run
        kind, _, name = key.partition(":")
        if kind == "limit":
            run_id = self.run_id
            return limit_value(self._limits, own_field(run_id, name)) if run_id else None
        if kind == "further":
            return run.further.get(name) if run is not None else None
        if kind == "param":
            assert spec is not None
            return fitting(run.params.get(name, spec.default), spec) if run is not None else spec.default
        if run is not None:
            return str(Timeframe.of(run.interval)) if key == "interval" else getattr(run, key)
        return {"interval": "1m", "restarts": False}.get(key, self._start.get(key))

    def _value(self, key: str, before: Any) -> Any:
        return self.staged.get(key, before)

    def changes(self) -> list[Field]:
        """What differs from what is in force."""
        return [field for field in self.fields() if field.changed]

    def step(self, field: Field, by: int, instruments: list[InstrumentId]) -> bool:
        """Step a field; whether anything changed. Raises `Refused` for what cannot be changed."""
        self._must_change(field)
        if field.picked:
            at = instruments.index(field.value) + by if field.value in instruments else 0
            return self.put(field, instruments[max(0, min(at, len(instruments) - 1))])
        if field.key == "capital":
            return self.put(field, max(_CAPITAL_STEP, (field.value or Decimal(0)) + _CAPITAL_STEP * by))
        return field.spec is not None and self.put(field, stepped(field.value, field.spec, by))

    def type(self, field: Field, text: str) -> bool:
        """Take what was typed; whether anything changed. Raises `Refused` with a sentence."""
        self._must_change(field)
        kind, _, name = field.key.partition(":")
        if kind == "limit":
            if not self.run_id:
                raise Refused("Choose its instruments first: the limits are those of a run on them.")
            try:
                return self.put(field, limit_from_text(own_field(self.run_id, name), _plainly(text)))
            except ValueError as error:
                raise Refused(str(error)) from None
        if field.key == "interval":
            try:
                return self.put(field, str(Timeframe.parse(text)))
            except BadTimeframe as error:
                raise Refused(str(error)) from None
        if field.key == "capital":
            capital = typed_number(text, "capital")
            if capital <= 0:
                raise Refused("The capital of a strategy must be above zero.")
            return self.put(field, capital)
        assert field.spec is not None
        typed_in = typed(text, field.spec, field.label) if field.rule is None else typed_rule(field.rule, text)
        return self.put(field, typed_in)

    def put(self, field: Field, value: Any) -> bool:
        """Stage a value; one that is in force is no change."""
        if value == field.value:
            return False
        if field.rule is not None:
            self._stage_rules(with_rule(self._own, self.rules, field.key, value))
        elif value == field.before:
            self.staged.pop(field.key, None)
        else:
            self.staged[field.key] = value
        return True

    def _stage_rules(self, rules: TradeRules) -> None:
        self.staged[RULES] = rules
        if rules == self._rules_before:
            del self.staged[RULES]

    def put_params(self, params: Mapping[str, Any]) -> None:
        """Take parameters from elsewhere; those that do not fit are left as they are."""
        specs = {field.key.removeprefix("param:"): field for field in self.fields() if field.key.startswith("param:")}
        for name, value in params.items():
            if (field := specs.get(name)) is not None and field.spec is not None:
                self.put(field, fitting(value, field.spec))

    def defaults(self) -> bool:
        """Put every parameter and every rule to what the strategy declares."""
        changed = self.rules != UNCHANGED
        if changed:
            self._stage_rules(UNCHANGED)
        for field in self.fields():
            if field.key.startswith("param:") and field.spec is not None:
                changed |= self.put(field, field.spec.default)
        return changed

    def terms(self) -> Terms:
        """What a run would be started with. Raises `Refused` for what is missing."""
        values = {field.key: field.value for field in self.fields()}
        if not values["instrument"]:
            raise Refused("Choose the instrument first.")
        further = self.further
        for name, chosen in further.items():
            if not chosen:
                raise Refused(f"Choose its {name.replace('_', ' ')} too: it needs a further instrument.")
        if len({values["instrument"], *further.values()}) <= len(further):
            raise Refused("Its instruments must differ: choose another.")
        if not values["capital"]:
            raise Refused("Type its capital first.")
        params = {key.removeprefix("param:"): value for key, value in values.items() if key.startswith("param:")}
        interval = Timeframe.parse(values["interval"]).ns
        try:
            if self.choice is not None:
                check(self.rules, self.choice.rules)
        except ValueError as error:
            raise Refused(str(error)) from None
        capital, restarts = values["capital"], bool(values["restarts"])
        return Terms(values["instrument"], interval, capital, restarts, params, self.rules, further)

    def limit_changes(self) -> list[tuple[str, str]]:
        """(path, text) of each own limit that differs, as `RiskDesk.change_limit` takes it."""
        return [
            (own_field(self.run_id, field.key.removeprefix("limit:")), limit_text(field.value))
            for field in self.changes()
            if field.key.startswith("limit:")
        ]

    def _must_change(self, field: Field) -> None:
        if field.fixed:
            raise Refused(f"{field.label} stays while it runs: stop it, then start it with another.")


def _plainly(text: str) -> str:
    """A limit as `limit_from_text` reads it: the trader's own signs taken out."""
    if text.strip().lower() in ("", "none", "–", "-"):
        return "none"
    return format(typed_number(text), "f")
