"""The words of advice: what a rule looks at, what it finds, and what a person is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

from domain.advice.signals import NO_SIGNALS, Signals
from domain.advice.thresholds import Threshold
from domain.metrics import MonthMetrics
from domain.periods import Month
from domain.readiness import Assessment, ComponentKey, ReadinessInputs


class Priority(StrEnum):
    """How much the advice is worth, least first (`recommendations.priority`)."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Category(StrEnum):
    """What the advice is about (`recommendations.category`)."""

    CASH_FLOW = "cash_flow"
    RISK = "risk"
    REVENUE = "revenue"
    OPERATIONS = "operations"
    DATA = "data"


class Effort(StrEnum):
    """What following the advice takes, least first.

    little: a setting or an upload, done in a day. some: another way of working, done in weeks.
    much: other customers, products or contracts, done in months.
    """

    LITTLE = "little"
    SOME = "some"
    MUCH = "much"


class Actor(StrEnum):
    """Who makes or changes a recommendation (`recommendation_changes.actor`)."""

    RULE = "rule"
    AGENT = "agent"
    PERSON = "person"


class Silence(StrEnum):
    """Why a rule has nothing to say: its trigger is clear, or what it needs is not known."""

    CLEAR = "clear"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Case:
    """What every rule looks at: `complete` months in order, `first_month` that of a payment.

    `open` holds the rules whose recommendation is neither dismissed nor resolved, each with the
    values it was last given for: their triggers hold on until they clear. `rule` is the one asked.
    """

    inputs: ReadinessInputs
    complete: tuple[MonthMetrics, ...]
    first_month: Month | None
    assessment: Assessment
    signals: Signals = NO_SIGNALS
    open: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    rule: str = ""

    @property
    def held(self) -> Mapping[str, str] | None:
        """The values behind the asked rule's open recommendation; None if it has none."""
        return self.open.get(self.rule)

    def crosses(self, threshold: Threshold, value: Decimal | int) -> bool:
        """Tell whether the value opens the asked rule, or keeps it open."""
        return threshold.crossed(Decimal(value), is_open=self.held is not None)

    def value(self, key: ComponentKey) -> Decimal | None:
        """Return the component's raw value."""
        return self.inputs.value(key)

    def window(self, key: ComponentKey) -> str:
        """Return in words the time that the component's value covers."""
        measured = self.inputs.measurement(key)
        return measured.window if measured else ""

    def evidence(self, key: ComponentKey) -> float:
        """Return how much the component's observations count, 0 to 1; 0 if it is not scored."""
        scored = self.assessment.component(key)
        return scored.evidence if scored else 0.0


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that triggered, before its effect is known.

    `values` are what triggered it. `improved` are the inputs with the value at which the trigger
    clears, `worsened` those of what the advice prevents; without either the score cannot tell the
    effect. `evidence` (0 to 1) is how far the values can be trusted. `months` is how many of the
    last complete months they come from. `impact` replaces the effect's text where it is not about
    points; `at_least` is the lowest priority.
    """

    title: str
    description: str
    metrics: tuple[str, ...]
    values: Mapping[str, str]
    evidence: float
    months: int = 0
    improved: ReadinessInputs | None = None
    worsened: ReadinessInputs | None = None
    impact: str | None = None
    at_least: Priority = Priority.LOW


@dataclass(frozen=True, slots=True)
class Advice:
    """One piece of computed advice, with the columns of `recommendations` as limits.

    `title` has at most 255 characters, `estimated_impact` at most 100. `metric_refs` holds `rule`,
    `metrics`, `values`, `thresholds`, `predicted`, `evidence`, `effort` and `model_version`,
    numbers as strings. `effect` is the predicted change of the exact score in points. `months` are
    those whose snapshots it rests on.
    """

    rule: str
    title: str
    description: str
    priority: Priority
    category: Category
    metric_refs: dict[str, Any]
    estimated_impact: str
    effect: float
    months: tuple[Month, ...] = ()


@dataclass(frozen=True, slots=True)
class Advised:
    """All the advice, most important first, and the rules whose triggers are known to be clear."""

    advice: tuple[Advice, ...] = ()
    cleared: frozenset[str] = frozenset()
