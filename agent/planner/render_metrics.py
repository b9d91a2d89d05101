"""Figures of a period as Markdown: one line for one month, a table for several."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from agent.planner.figures import (
    NOT_AVAILABLE,
    amount,
    during,
    inert,
    joined,
    period_words,
)
from agent.planner.intents import MetricQuestion
from agent.planner.periods import Period, months_in_words
from agent.planner.results import Figure, MonthFigures, Snapshots
from agent.planner.section import Section
from domain.errors import PeriodError
from domain.metric_definitions import TotalRule
from domain.periods import Month

_MOST_REASONS = 6


def render_metrics(
    snapshots: Snapshots, question: MetricQuestion, period: Period, calculated: Sequence[str] = ()
) -> Section:
    """Render the answer to a question for figures of the period.

    `calculated` are sentences with what the calculator made of these figures. They come first, but
    for a share, which speaks of the figure before it.
    """
    several = period.length > 1 and snapshots.months
    if several:
        parts = [*_extremes(snapshots, question), *_over_months(snapshots, period)]
    else:
        parts = [_one_month(snapshots, period)]
    at = 1 if question.share is not None else 0
    parts[at:at] = calculated
    parts += [*_assumption(question, period), *narrowing_note(question.ignored)]
    return Section("\n\n".join(parts), as_of=snapshots.as_of, stale=snapshots.stale)


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


def _over_months(snapshots: Snapshots, period: Period) -> list[str]:
    return [*_overall(snapshots, period), _table(snapshots), *_gaps(snapshots)]


def _overall(snapshots: Snapshots, period: Period) -> list[str]:
    """Head the table: with the one total where there is one metric, else with the period."""
    totals = snapshots.totals
    if len(totals) != 1:
        return [f"**{period}**"]
    if totals[0].rule is TotalRule.LAST:
        return [_headline(snapshots.months[-1].figures[0])] if snapshots.months[-1].figures else []
    if totals[0].value is None:
        return [f"**{inert(totals[0].label)} by month, {period}**"]
    return [_headline(totals[0])]


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
    return figure.rule in (TotalRule.SUM, TotalRule.RECOMPUTED)


def _total_label(totals: Iterable[Figure]) -> str:
    sums = all(figure.rule is TotalRule.SUM for figure in totals)
    return "**Total**" if sums else "**Whole period**"


def _total(figure: Figure) -> str:
    if not _has_total(figure) or figure.value is None:
        return NOT_AVAILABLE
    return f"**{amount(figure)}**"


def _extremes(snapshots: Snapshots, question: MetricQuestion) -> list[str]:
    if question.extreme is None:
        return []
    lines = []
    for total in snapshots.totals:
        column = snapshots.column(total.metric)
        # A month that is not over is low because it is not over.
        rivals = [f for f in column if question.extreme == "highest" or not f.month_to_date]
        if rivals:
            pick = max if question.extreme == "highest" else min
            best = pick(rivals, key=lambda figure: figure.value or Decimal(0))
            when = period_words(best)
            lines.append(f"**{question.extreme.capitalize()}: {when}, {amount(best)}**")
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
