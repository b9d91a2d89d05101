"""Questions about figures: which metrics, which periods, side by side or not."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from agent.planner.capabilities import BY_MONTH_ONLY, NAME_A_FIGURE, NAME_BOTH_ENDS
from agent.planner.comparing import Pair, pair_of
from agent.planner.dates import Dated
from agent.planner.hearing import Heard
from agent.planner.intents import (
    Clarify,
    Comparison,
    Definition,
    FutureQuestion,
    Intent,
    MetricQuestion,
)
from agent.planner.memory import Memory
from agent.planner.periods import Period, trailing
from agent.planner.residue import is_mostly_unknown, narrowings, unknown_words
from agent.planner.vocabulary import COMPARED_OVERVIEW, OVERVIEW, Mention
from domain.metric_definitions import MetricName
from domain.periods import Month

# A trend or a best month needs a year to mean something: seasons.
MONTHS_OF_A_TREND = 12
_MOST_PERIODS = 4


def figure_questions(heard: Heard, today: date, memory: Memory) -> tuple[Intent, ...]:
    """Return what is asked about figures; nothing if the text is about something else."""
    if not heard.asks_something:
        return ()
    metrics = heard.metrics or _metrics_leant_on(heard, memory)
    if not metrics:
        clear = heard.dates.periods and not unknown_words(heard.rest)
        return (Clarify(NAME_A_FIGURE),) if clear else ()
    named_when = heard.dates.periods or heard.dates.days
    if not named_when and is_mostly_unknown(heard.rest, recognised=heard.recognised):
        return ()
    if heard.meaning and not heard.dates.periods:
        return (Definition(metrics),)
    answered = _refused(heard, today) or _answered(heard, metrics, today, memory)
    return tuple(_not_ahead(intent, Month.of(today)) for intent in answered)


def _not_ahead(intent: Intent, current: Month) -> Intent:
    """Return the intent, or the fact that its period has not begun."""
    if isinstance(intent, MetricQuestion) and intent.period and intent.period.first > current:
        return FutureQuestion(intent.period)
    if isinstance(intent, Comparison) and intent.newer.first > current:
        return FutureQuestion(intent.newer)
    return intent


def _metrics_leant_on(heard: Heard, memory: Memory) -> tuple[MetricName, ...]:
    """Return the metrics of an earlier message, or revenue where two periods are compared."""
    if unknown_words(heard.rest):
        return ()
    continues = heard.leans or (heard.dates.periods and not heard.extreme)
    if memory.metrics and continues:
        return memory.metrics
    return (MetricName.REVENUE_TOTAL,) if heard.compares or heard.extreme else ()


def _refused(heard: Heard, today: date) -> tuple[Intent, ...]:
    """Return why the question cannot be answered as it was put, if so."""
    dates = heard.dates
    future = [d.period for d in dates.periods if d.period.first > Month.of(today)]
    if future:
        return (FutureQuestion(future[0]),)
    if heard.forecast and not dates.periods:
        return (FutureQuestion(None),)
    if dates.days and heard.metrics != (MetricName.REVENUE_VOLATILITY,):
        return (Clarify(BY_MONTH_ONLY),)
    return (Clarify(NAME_BOTH_ENDS),) if dates.one_sided else ()


def _answered(
    heard: Heard, metrics: tuple[MetricName, ...], today: date, memory: Memory
) -> tuple[Intent, ...]:
    base = memory.period if heard.leans else None
    if heard.compares or (heard.why and not heard.trend):
        compared = _comparison(heard, metrics, base, today)
        if compared is not None:
            return (compared,)
    if not heard.dates.periods and heard.shift is not None:
        period = heard.shift.apply(base or Period.month(Month.of(today)))
        return (_question(heard, metrics, period),)
    if not heard.dates.periods:
        return (_undated(heard, metrics, today, memory),)
    return _dated(heard, metrics)


def _comparison(
    heard: Heard, metrics: tuple[MetricName, ...], base: Period | None, today: date
) -> Comparison | None:
    periods = heard.dates.periods
    if len(heard.mentions) > 1 and len(periods) <= 1 and not (heard.moves or heard.shift):
        return None
    base = base or _implied_base(heard, today)
    only = periods[0].period if len(periods) == 1 and heard.shift is None else None
    if only is not None and base is None and not only.is_calendar_block:
        return None
    pair = pair_of(periods, heard.shift, base, today)
    if pair is None or pair.older == pair.newer:
        return None
    return _compared(heard, metrics, pair)


def _implied_base(heard: Heard, today: date) -> Period | None:
    """Return what "revenue against last month" is about: this month, or the last complete one."""
    dated = heard.dates.periods
    if not heard.against or len(dated) != 1 or heard.shift or dated[0].last_year:
        return None
    other, current = dated[0].period, Month.of(today)
    following = other.shifted(other.length)
    return following if following.holds(current) else trailing(1, today)


def _compared(heard: Heard, metrics: tuple[MetricName, ...], pair: Pair) -> Comparison:
    return Comparison(
        COMPARED_OVERVIEW if metrics == OVERVIEW else metrics,
        pair.older,
        pair.newer,
        assumed=pair.assumed,
        trimmed=pair.trimmed,
        instead_of=next((d.instead_of for d in heard.dates.periods if d.instead_of), None),
        asks_why=heard.why,
        ignored=narrowings(heard.rest),
    )


def _undated(
    heard: Heard, metrics: tuple[MetricName, ...], today: date, memory: Memory
) -> MetricQuestion | Comparison:
    if heard.dates.everything:
        return _question(heard, metrics, None)
    shown = memory.question.period if isinstance(memory.question, MetricQuestion) else None
    long = heard.trend or heard.average
    too_short = long and shown is not None and shown.length == 1
    if heard.leans and memory.question is not None and not too_short:
        return _again(memory.question, heard, metrics)
    if heard.leans and memory.period is not None and not long:
        return _question(heard, metrics, memory.period)
    period = trailing(MONTHS_OF_A_TREND if long or heard.extreme else 1, today)
    words = narrowings(heard.rest) or unknown_words(heard.rest)
    return replace(_question(heard, metrics, period), assumed=True, ignored=words)


def _again(
    question: MetricQuestion | Comparison, heard: Heard, metrics: tuple[MetricName, ...]
) -> MetricQuestion | Comparison:
    """Return the earlier question with the metrics, or the share, that are asked for now."""
    ignored = narrowings(heard.rest)
    if isinstance(question, Comparison):
        if heard.trend or heard.average:
            return _question(heard, metrics, Period(question.older.first, question.newer.last))
        return replace(question, metrics=metrics, ignored=ignored)
    return replace(
        question, metrics=metrics, average=heard.average, share=heard.share, ignored=ignored
    )


def _dated(heard: Heard, metrics: tuple[MetricName, ...]) -> tuple[Intent, ...]:
    periods = heard.dates.periods
    if _takes_turns(heard.mentions, periods):
        pairs = zip(heard.mentions, periods, strict=True)
        return tuple(_question(heard, m.metrics, dated.period) for m, dated in pairs)
    joined = _in_a_row([dated.period for dated in periods])
    return tuple(_question(heard, metrics, period) for period in joined[:_MOST_PERIODS])


def _question(
    heard: Heard, metrics: tuple[MetricName, ...], period: Period | None
) -> MetricQuestion:
    return MetricQuestion(
        metrics,
        period,
        extreme=heard.extreme,
        average=heard.average,
        share=heard.share,
        portion_of=heard.portion_of,
        ignored=narrowings(heard.rest),
    )


def _takes_turns(mentions: tuple[Mention, ...], periods: tuple[Dated, ...]) -> bool:
    """Tell whether each metric comes with its own period: "revenue in May and refunds in June"."""
    if len(mentions) < 2 or len(mentions) != len(periods):
        return False
    metric_first = mentions[0].start < periods[0].start
    marks = sorted([(m.start, True) for m in mentions] + [(d.start, False) for d in periods])
    return all(
        is_metric == (metric_first == (n % 2 == 0)) for n, (_, is_metric) in enumerate(marks)
    )


def _in_a_row(periods: list[Period]) -> list[Period]:
    """Join periods that follow on one another; keep others apart, in order of time."""
    joined: list[Period] = []
    for period in sorted(set(periods), key=lambda p: (p.first, p.last)):
        in_a_row = bool(joined) and joined[-1].last.plus(1) == period.first
        if in_a_row and period.length < 12:
            joined[-1] = Period(joined[-1].first, period.last)
        else:
            joined.append(period)
    return joined
