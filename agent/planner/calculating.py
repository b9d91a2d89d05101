"""Figures that follow from others: what the calculator is asked for, and what is told of it.

The planner computes nothing itself, so that every figure of an answer is in a tool's result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from agent.planner.figures import amount, during, inert
from agent.planner.results import CalculationResult, Figure, Snapshots, ToolAnswerError, read_result
from agent.planner.transcript import ToolAnswer
from domain.metric_definitions import MetricName, TotalRule
from domain.money import exponent

# The calculator takes no longer expression.
LONGEST_EXPRESSION = 200
# A count's average is told to the tenth.
_DECIMALS_OF_A_COUNT = 1
_DECIMALS_OF_A_PERCENTAGE = 2


@dataclass(frozen=True, slots=True)
class Derived:
    """An expression over figures; its result is told between the words before and after it."""

    expression: str
    before: str
    after: str
    figure: Figure | None = None

    def told(self, answer: ToolAnswer) -> str:
        """Return the sentence with the calculator's result, or why there is none."""
        try:
            result = read_result(CalculationResult, answer).result
        except ToolAnswerError as error:
            return f"That could not be calculated: {inert(error.message)}"
        shown = f"{result:f} %" if self.figure is None else amount(self.figure, result)
        return f"**{self.before}{shown}{self.after}"


def averages(snapshots: Snapshots) -> list[Derived | str]:
    """Return the average per complete month of each metric, or a sentence why there is none.

    Ratios and averages have none: theirs is the figure of the whole period.
    """
    totals = [t for t in snapshots.totals if t.unit != "ratio" and t.rule != TotalRule.RECOMPUTED]
    return [_average(snapshots, total) for total in totals if snapshots.column(total.metric)]


def _average(snapshots: Snapshots, total: Figure) -> Derived | str:
    column = snapshots.column(total.metric)
    complete = [figure for figure in column if not figure.month_to_date]
    label = inert(total.label)
    if len(complete) < 2:
        return f"{label}: no average, as no two months of this period are known and over."
    sums = [_sum_of_months(complete), *_sum_by_total(total, column)]
    expressions = (f"round(({each}) / {len(complete)}, {_decimals(total)})" for each in sums)
    short = next((e for e in expressions if len(e) <= LONGEST_EXPRESSION), None)
    if short is None:
        return f"{label}: no average, as these are too many months for one calculation."
    after = f"** (of {len(complete)} complete months)"
    return Derived(short, f"{label}, average per month: ", after, total)


def _sum_of_months(figures: Sequence[Figure]) -> str:
    return " + ".join(_plain(figure.value) for figure in figures)


def _sum_by_total(total: Figure, column: Sequence[Figure]) -> list[str]:
    """Return the same sum in fewer words: the total, less the month that is not over."""
    if total.rule is not TotalRule.SUM or total.value is None:
        return []
    current = (figure.value for figure in column if figure.month_to_date)
    return [" - ".join(map(_plain, (total.value, *current)))]


def share(percentage: str, figure: Figure) -> Derived:
    """Return so many percent of the figure."""
    expression = f"{percentage} / 100 * {_plain(figure.value)}"
    if figure.unit == "money":
        expression = f"round({expression}, {_decimals(figure)})"
    return Derived(expression, f"{percentage} % of that is ", ".**", figure)


def portion(snapshots: Snapshots, whole_name: MetricName) -> Derived | None:
    """Return what percentage of one money figure the other one is, if both are known."""
    figures = snapshots.overall
    whole = next((f for f in figures if f.metric == whole_name), None)
    part = next((f for f in figures if f.metric != whole_name), None)
    if whole is None or part is None or part.value is None or not whole.value:
        return None
    quotient = f"100 * {_plain(part.value)} / {_plain(whole.value)}"
    before = f"{inert(part.label)} {during(part)} as a percentage of {inert(whole.label).lower()}: "
    return Derived(f"round({quotient}, {_DECIMALS_OF_A_PERCENTAGE})", before, "**")


def _plain(value: Decimal | None) -> str:
    assert value is not None
    return f"{value:f}"


def _decimals(figure: Figure) -> int:
    return exponent(figure.currency or "") if figure.unit == "money" else _DECIMALS_OF_A_COUNT
