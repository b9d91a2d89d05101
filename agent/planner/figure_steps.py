"""Steps to the answers about figures: read them, and calculate what follows from them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from agent.planner.calculating import Derived, averages, portion, share
from agent.planner.capabilities import NO_CALCULATOR
from agent.planner.intents import Comparison, MetricQuestion
from agent.planner.periods import Period
from agent.planner.render_comparison import render_comparison
from agent.planner.render_metrics import render_metrics
from agent.planner.results import (
    BusinessProfile,
    PeriodComparison,
    Snapshots,
    ToolAnswerError,
    read_result,
)
from agent.planner.stepping import CALCULATOR, Asking, Steps
from agent.planner.transcript import Call
from domain.periods import Month


def metric_steps(question: MetricQuestion, today: date, *, may_calculate: bool) -> Steps:
    """Read the figures of a period and calculate the average, share or portion asked for."""
    period = question.period
    if period is None:
        (known,) = yield (Call("get_business_profile", {}),)
        period = _everything(read_result(BusinessProfile, known), today)
    clipped = period.clipped(Month.of(today))
    (answer,) = yield (
        Call(
            "query_snapshots",
            {
                "metrics": [metric.value for metric in question.metrics],
                "start_month": str(clipped.first),
                "end_month": str(clipped.last),
            },
        ),
    )
    snapshots = read_result(Snapshots, answer)
    wanted = _wanted(question, snapshots, clipped)
    calculated = yield from _calculated(wanted, may_calculate=may_calculate)
    return render_metrics(snapshots, question, clipped, calculated)


def _wanted(question: MetricQuestion, snapshots: Snapshots, period: Period) -> list[Derived | str]:
    """Return what has to be calculated, or a sentence why it cannot be."""
    wanted: list[Derived | str] = []
    if question.portion_of is not None:
        part = portion(snapshots, question.portion_of)
        wanted += [part] if part is not None else []
    if question.average and period.length > 1:
        wanted += averages(snapshots)
    figures = snapshots.overall
    if question.share is not None and len(figures) == 1 and figures[0].value is not None:
        wanted.append(share(question.share, figures[0]))
    return wanted


def _calculated(wanted: Sequence[Derived | str], *, may_calculate: bool) -> Asking[list[str]]:
    derived = [each for each in wanted if isinstance(each, Derived)]
    if derived and not may_calculate:
        return [NO_CALCULATOR]
    calls = tuple(Call(CALCULATOR, {"expression": each.expression}) for each in derived)
    answers = iter((yield calls) if calls else ())
    return [each if isinstance(each, str) else each.told(next(answers)) for each in wanted]


def _everything(profile: BusinessProfile, today: date) -> Period:
    start = profile.first_charge_at
    if start is None:
        raise ToolAnswerError("There is no charge yet, so there are no figures.")
    day = start.date() if isinstance(start, datetime) else start
    return Period(min(Month.of(day), Month.of(today)), Month.of(today))


def comparison_steps(question: Comparison, today: date) -> Steps:
    """Compare the two periods, a call for each metric."""
    older, newer = (period.clipped(Month.of(today)) for period in (question.older, question.newer))
    answers = yield tuple(
        Call(
            "compare_periods",
            {
                "metric": metric.value,
                "first_start_month": str(older.first),
                "first_end_month": str(older.last),
                "second_start_month": str(newer.first),
                "second_end_month": str(newer.last),
            },
        )
        for metric in question.metrics
    )
    return render_comparison([read_result(PeriodComparison, a) for a in answers], question)
