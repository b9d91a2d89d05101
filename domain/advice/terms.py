"""The words of advice: what a rule looks at, what it finds, and what a person is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from domain.metrics import MonthMetrics
from domain.periods import Month
from domain.readiness import Assessment, ComponentKey, ReadinessInputs

# A trigger clears, and its effect is predicted, 10 % beyond its threshold: no flicker at the line.
CLEARED = Decimal("0.9")
CLEARED_ABOVE = Decimal("1.1")


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


@dataclass(frozen=True, slots=True)
class Case:
    """What every rule looks at: `complete` months in order, `first_month` that of a payment."""

    inputs: ReadinessInputs
    complete: tuple[MonthMetrics, ...]
    first_month: Month | None
    assessment: Assessment

    def value(self, key: ComponentKey) -> Decimal | None:
        """Return the component's raw value."""
        return self.inputs.value(key)

    def window(self, key: ComponentKey) -> str:
        """Return in words the time that the component's value covers."""
        measured = self.inputs.measurement(key)
        return measured.window if measured else ""


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that triggered, before its effect is known.

    `values` triggered it against `thresholds`; `improved` are the inputs with the one value at
    which the trigger clears, or None if the score cannot tell the effect. `impact` replaces the
    predicted effect's text where that is not about points; `at_least` is the lowest priority.
    """

    rule: str
    title: str
    description: str
    category: Category
    metrics: tuple[str, ...]
    values: Mapping[str, str]
    thresholds: Mapping[str, str]
    improved: ReadinessInputs | None = None
    impact: str | None = None
    at_least: Priority = Priority.LOW


@dataclass(frozen=True, slots=True)
class Advice:
    """One piece of computed advice, with the columns of `recommendations` as limits.

    `title` has at most 255 characters, `estimated_impact` at most 100. `metric_refs` holds `rule`,
    `metrics`, `values`, `thresholds`, `predicted_points` and `model_version`, numbers as strings.
    `effect` is the predicted change of the exact score in points.
    """

    rule: str
    title: str
    description: str
    priority: Priority
    category: Category
    metric_refs: dict[str, Any]
    estimated_impact: str
    effect: float
