"""Two periods compared, as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from agent.planner.capabilities import WHY_ONLY_WHAT
from agent.planner.figures import (
    amount,
    during,
    inert,
    months_of,
    period_words,
    points,
    signed_percent,
)
from agent.planner.intents import Comparison
from agent.planner.periods import Period, months_in_words
from agent.planner.render_metrics import narrowing_note
from agent.planner.results import Figure, PeriodComparison
from agent.planner.section import Section


def render_comparison(results: Sequence[PeriodComparison], question: Comparison) -> Section:
    """Render one sentence a metric, and what has to be known to read it rightly."""
    sentences = [_sentence(result) for result in results]
    body = sentences[0] if len(sentences) == 1 else "\n".join(f"- {line}" for line in sentences)
    notes = [*_notes(results, question), *narrowing_note(question.ignored)]
    moments = [result.as_of for result in results if result.as_of is not None]
    return Section("\n\n".join([body, *notes]), as_of=min(moments, default=None))


def _sentence(result: PeriodComparison) -> str:
    older, newer = result.first, result.second
    label = inert(newer.label)
    missing = [figure for figure in (older, newer) if figure.value is None]
    if missing or result.change is None:
        known = [_told(figure) for figure in (older, newer)]
        return f"{label} cannot be compared. {' '.join(known)}"
    was, now = during(older), during(newer)
    if result.change == 0:
        return f"**{label}: {amount(newer)} {now}, the same as {was}.**"
    against = f"against {amount(older)} {was}"
    return f"**{label}: {amount(newer)} {now}, {against}: {_change(result)}.**"


def _told(figure: Figure) -> str:
    if figure.value is not None:
        return f"{period_words(figure)}: {amount(figure)}."
    reason = inert(figure.missing_reason or "not available").rstrip(".")
    return f"{period_words(figure)}: {reason}."


def _change(result: PeriodComparison) -> str:
    change = result.change
    assert change is not None
    direction = "up" if change > 0 else "down"
    if result.second.unit == "ratio":
        return f"{direction} {points(change)}"
    size = f"{direction} {amount(result.second, abs(change))}"
    if result.change_ratio is None:
        return size
    return f"{size} ({signed_percent(result.change_ratio)})"


def _notes(results: Sequence[PeriodComparison], question: Comparison) -> list[str]:
    notes = []
    if question.assumed:
        notes.append(
            f"As not both periods were named, {question.newer} is compared with {question.older}."
        )
    if question.instead_of is not None:
        notes.append(_passed_over(question.instead_of))
    if question.trimmed:
        notes.append(
            "The later period is not over, so only its complete months are compared, with as many "
            "of the earlier one."
        )
    unfinished = next((r.second for r in results if r.second.month_to_date), None)
    if unfinished is not None:
        last = months_of(unfinished)[1]
        words = months_in_words(last, last)
        notes.append(f"{words} is not over yet, so this is not like for like.")
    if question.asks_why:
        notes.append(WHY_ONLY_WHAT)
    return notes


def _passed_over(period: Period) -> str:
    unit = {1: "month", 3: "quarter"}.get(period.length)
    told = f"{period} is not over, so this is about the last one that is."
    return f"{told} For what there is of it, say “this {unit}”." if unit else told
