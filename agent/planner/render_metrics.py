"""Figures of a period as Markdown: one line for one month, a table for several."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal

from agent.planner.figures import (
    NOT_AVAILABLE,
    WIDE,
    amount,
    during,
    inert,
    joined,
    money,
    number,
    period_words,
)
from agent.planner.intents import MetricQuestion
from agent.planner.periods import Period, months_in_words
from agent.planner.results import CalculationResult, Figure, MonthFigures, Snapshots
from agent.planner.section import Section
from domain.errors import PeriodError
from domain.metric_definitions import METRICS, MetricName, TotalRule
from domain.periods import Month

_MOST_REASONS = 6


def render_metrics(snapshots: Snapshots, question: MetricQuestion, period: Period) -> Section:
    """Render the answer to a question for figures of the period."""
    several = period.length > 1 and snapshots.months
    body = _over_months(snapshots, question, period) if several else _one_month(snapshots, period)
    notes = [*_assumption(question, period), *narrowing_note(question.ignored)]
    return Section("\n\n".join([body, *notes]), as_of=snapshots.as_of, stale=snapshots.stale)


def with_share(
    section: Section, share: str, snapshots: Snapshots, part: CalculationResult
) -> Section:
    """Put the share of the one figure, as the calculator gave it, before the figure itself."""
    assert snapshots.sole is not None
    told = f"**{share} % of that is {amount(snapshots.sole, part.result)}.**"
    headline, *rest = section.text.split("\n\n")
    return replace(section, text="\n\n".join([headline, told, *rest]))


def narrowing_note(ignored: Sequence[str]) -> list[str]:
    """Say which words of the question could not narrow the figures, if any."""
    if not ignored:
        return []
    words = joined([f"“{inert(words)}”" for words in ignored])
    return [f"I cannot narrow figures to {words}: these cover the whole business."]


def _assumption(question: MetricQuestion, period: Period) -> list[str]:
    if not question.assumed:
        return []
    if period.length == 1:
        return ["No period was named, so this is the last complete month."]
    return [f"No period was named, so these are the last {period.length} complete months."]


def _one_month(snapshots: Snapshots, period: Period) -> str:
    figures = [figure for month in snapshots.months for figure in month.figures]
    figures = figures or snapshots.totals
    if not figures:
        return f"There is no data for {period}."
    if len(figures) == 1:
        return _headline(figures[0])
    heading = f"**{period_words(figures[0])}**"
    lines = [f"- {inert(figure.label)}: {_value_or_reason(figure)}" for figure in figures]
    return "\n".join([heading, "", *lines])


def _headline(figure: Figure) -> str:
    label = inert(figure.label)
    if figure.value is None:
        return f"{label} {during(figure)} is not available: {_reason(figure)}"
    return f"**{label} {during(figure)}: {amount(figure)}**"


def _value_or_reason(figure: Figure) -> str:
    if figure.value is None:
        return f"not available ({_reason(figure).rstrip('.')})"
    return f"**{amount(figure)}**"


def _reason(figure: Figure) -> str:
    reason = inert(figure.missing_reason or "no reason is known").rstrip(".")
    return f"{reason}."


def _over_months(snapshots: Snapshots, question: MetricQuestion, period: Period) -> str:
    asked = _extremes(snapshots, question) + (_averages(snapshots) if question.average else [])
    parts = [*asked, *_overall(snapshots, period), _table(snapshots), *_gaps(snapshots)]
    return "\n\n".join(parts)


def _overall(snapshots: Snapshots, period: Period) -> list[str]:
    """Head the table: with the one total where there is one metric, else with the period."""
    totals = snapshots.totals
    if len(totals) != 1:
        return [f"**{period}**"]
    if _rule(totals[0]) is TotalRule.LAST:
        return [_headline(snapshots.months[-1].figures[0])] if snapshots.months[-1].figures else []
    if totals[0].value is None:
        return [f"**{inert(totals[0].label)} by month, {period}**"]
    return [_headline(totals[0])]


def _rule(figure: Figure) -> TotalRule:
    try:
        return METRICS[MetricName(figure.metric)].summable
    except ValueError:
        return TotalRule.NONE


def _table(snapshots: Snapshots) -> str:
    labels = [inert(figure.label) for figure in snapshots.totals] or ["Figure"]
    rows = [["Month", *labels], ["---", *["---:"] * len(labels)]]
    rows += [[_month_label(month), *map(amount, month.figures)] for month in snapshots.months]
    if any(_has_total(figure) for figure in snapshots.totals):
        rows.append([_total_label(snapshots.totals), *map(_total, snapshots.totals)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _month_label(month: MonthFigures) -> str:
    words = _month_words(month.month)
    return f"{words} (month to date)" if month.month_to_date else words


def _month_words(text: str) -> str:
    try:
        month = Month.parse(text)
    except PeriodError:
        return inert(text)
    return months_in_words(month, month)


def _has_total(figure: Figure) -> bool:
    return _rule(figure) in (TotalRule.SUM, TotalRule.RECOMPUTED)


def _total_label(totals: Iterable[Figure]) -> str:
    sums = all(_rule(figure) is TotalRule.SUM for figure in totals)
    return "**Total**" if sums else "**Whole period**"


def _total(figure: Figure) -> str:
    if not _has_total(figure) or figure.value is None:
        return NOT_AVAILABLE
    return f"**{amount(figure)}**"


def _columns(snapshots: Snapshots) -> list[list[Figure]]:
    """Return each metric's figures of the months that have one."""
    known = [[f for f in month.figures if f.value is not None] for month in snapshots.months]
    names = [total.metric for total in snapshots.totals]
    return [[f for row in known for f in row if f.metric == name] for name in names]


def _extremes(snapshots: Snapshots, question: MetricQuestion) -> list[str]:
    if question.extreme is None:
        return []
    lines = []
    for column in _columns(snapshots):
        # A month that is not over is low because it is not over.
        rivals = [f for f in column if question.extreme == "highest" or not f.month_to_date]
        if rivals:
            pick = max if question.extreme == "highest" else min
            best = pick(rivals, key=lambda figure: figure.value or Decimal(0))
            when = period_words(best)
            lines.append(f"**{question.extreme.capitalize()}: {when}, {amount(best)}**")
    return lines


def _averages(snapshots: Snapshots) -> list[str]:
    lines = []
    for column in _columns(snapshots):
        complete = [f for f in column if not f.month_to_date and f.unit != "ratio"]
        if complete:
            values = [figure.value for figure in complete if figure.value is not None]
            mean = sum(values, Decimal(0)) / len(values)
            shown = (
                money(mean, complete[0].currency or "")
                if complete[0].unit == "money"
                else number(mean.quantize(Decimal("0.1"), context=WIDE))
            )
            months = f"{len(values)} complete month{'s' if len(values) > 1 else ''}"
            label = inert(complete[0].label)
            lines.append(f"**{label}, average per month: {shown}** (of {months})")
    return lines


def _gaps(snapshots: Snapshots) -> list[str]:
    """Say which months and figures are missing, and why."""
    lines = []
    if snapshots.missing_months:
        months = joined([_month_words(month) for month in snapshots.missing_months])
        lines.append(f"There is no data for {months}.")
    missing = [f for month in snapshots.months for f in month.figures if f.value is None]
    missing += [total for total in snapshots.totals if total.value is None and _has_total(total)]
    lines += [f"- {_headline(figure)}" for figure in missing[:_MOST_REASONS]]
    if len(missing) > _MOST_REASONS:
        lines.append(f"- {len(missing) - _MOST_REASONS} more figures are not available.")
    return ["\n".join(lines)] if lines else []
