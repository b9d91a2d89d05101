"""The readiness score, why it is what it is, and what to do first, as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from agent.planner.capabilities import NO_PROMISE
from agent.planner.figures import (
    day_words,
    inert,
    inert_line,
    joined,
    number,
    title_of,
    whole_percent,
)
from agent.planner.render_recommendations import impact_words, priority_words
from agent.planner.results import (
    Component,
    ComponentPoints,
    Explanation,
    NextTier,
    Readiness,
    Recommendation,
)
from agent.planner.section import Section

_MOST_COMPONENTS = 4
_MOST_STEPS = 3


def render_score(readiness: Readiness) -> Section:
    """Render the score with its tier, what binds, and its strongest and weakest parts."""
    return _score(readiness, ())


def render_outlook(readiness: Readiness) -> Section:
    """Render the score where a loan was asked about: it promises none."""
    return _score(readiness, (NO_PROMISE,))


def _score(readiness: Readiness, remarks: Sequence[str]) -> Section:
    parts = [_headline(readiness), *remarks, *_binding(readiness)]
    if readiness.weakest:
        parts.append(f"Weakest: {_brief(readiness.weakest)}.")
    if readiness.strongest:
        parts.append(f"Strongest: {_brief(readiness.strongest)}.")
    return Section("\n\n".join([*parts, *_limits(readiness)]), as_of=readiness.as_of)


def render_recomputed(readiness: Readiness) -> Section:
    """Render the score just computed, and how it changed."""
    before = readiness.previous_score
    if readiness.score is None:
        return render_score(readiness)
    if before is None:
        change = "The score was computed for the first time."
    elif before == readiness.score:
        change = f"The score was computed anew; it is still {before}."
    else:
        change = f"The score was computed anew; it was {before} before."
    section = render_score(readiness)
    return Section(f"{change}\n\n{section.text}", as_of=section.as_of)


def render_explanation(explanation: Explanation) -> Section:
    """Render the score with the components that cost most, caps, gaps and the next tier."""
    parts = [_headline(explanation), *_binding(explanation)]
    if costly := _costly(explanation):
        parts.append("What costs most points:\n\n" + _bullets(_lines(costly)))
    if explanation.strongest:
        parts.append(f"Strongest: {_brief(explanation.strongest)}.")
    if explanation.dropped:
        dropped = [f"{inert(d.label)}{_because(d.reason)}" for d in explanation.dropped]
        parts.append("Left out of the score:\n\n" + _bullets(dropped))
    if explanation.next_tier is not None:
        parts.append(_way_up(explanation.next_tier))
    return Section("\n\n".join([*parts, *_limits(explanation)]), as_of=explanation.as_of)


def render_tiers(explanation: Explanation) -> Section:
    """Render the scale of the score, and where on it the score is."""
    lines = sorted(explanation.tier_thresholds.items(), key=lambda tier: tier[1])
    steps = joined([f"{title_of(tier)} from {points}" for tier, points in lines])
    parts = [f"The score goes from 0 to 100: {steps} points."] if lines else []
    parts.append(f"Yours: {_headline(explanation)}")
    if explanation.next_tier is not None:
        parts.append(_way_up(explanation.next_tier))
    return Section("\n\n".join([*parts, *_limits(explanation)]), as_of=explanation.as_of)


def render_advice(
    explanation: Explanation | None, recommendations: Sequence[Recommendation]
) -> Section:
    """Render what to do first: the pending recommendations, then what costs most points."""
    parts = list(_steps(recommendations))
    if explanation is not None:
        parts += _binding(explanation)
        costly = _costly(explanation)
        if costly and recommendations:
            parts.append(f"Most points are lost here: {_lost(costly[0])}.")
        elif costly:
            parts.append("Work on what costs most points:\n\n" + _bullets(_lines(costly)))
        known = explanation.score is not None
        parts.append(
            f"Your score now: {_headline(explanation)}" if known else _headline(explanation)
        )
    return Section("\n\n".join(parts), as_of=explanation.as_of if explanation else None)


def _headline(readiness: Readiness) -> str:
    if readiness.score is None or readiness.tier is None:
        return _no_score(readiness)
    return f"**{readiness.score} of 100 — {title_of(readiness.tier)}**"


def _no_score(readiness: Readiness) -> str:
    reason = inert(readiness.stale or "no reason is known").rstrip(".")
    last = readiness.last_score
    before = f" The last score was {last.score} of 100 ({title_of(last.tier)})." if last else ""
    return f"**There is no current score**: {reason}.{before}"


def _binding(readiness: Readiness) -> list[str]:
    binding = readiness.binding
    if binding is None:
        return []
    name = title_of(binding.component)
    reason = ""
    if isinstance(readiness, Explanation):
        cap = next((c for c in readiness.caps if c.component == binding.component), None)
        reason = f" {inert(cap.reason)}" if cap and cap.reason else ""
        name = inert(cap.label) if cap else name
    told = f"What binds: **{name}** caps the score at {number(binding.limit)}.{reason}"
    return [f"{told} Until that improves, nothing else can raise the score."]


def _brief(components: Sequence[ComponentPoints]) -> str:
    return ", ".join(
        f"{inert(c.label)} ({number(c.points)} of {number(c.weight)} points"
        + (f": {inert(c.display)})" if c.display else ")")
        for c in components
    )


def _costly(explanation: Explanation) -> list[Component]:
    losing = [component for component in explanation.components if component.points_lost > 0]
    return sorted(losing, key=lambda c: c.points_lost, reverse=True)[:_MOST_COMPONENTS]


def _lines(components: Sequence[Component]) -> list[str]:
    return [
        f"{_lost(component)}{_measured(component)}"
        + (f" {inert(component.reason)}" if component.reason else "")
        for component in components
    ]


def _lost(component: Component) -> str:
    return (
        f"**{inert(component.label)}**: {number(component.points)} of "
        f"{number(component.weight)} points, {number(component.points_lost)} lost"
    )


def _measured(component: Component) -> str:
    facts = [inert(fact) for fact in (component.display, component.window) if fact]
    return f" ({', '.join(facts)})." if facts else "."


def _way_up(tier: NextTier) -> str:
    missing = number(tier.points_needed)
    words = f"**{missing} points** are missing to the next tier, {title_of(tier.tier)}."
    if tier.points_needed == 0:
        words = f"The points for the next tier, {title_of(tier.tier)}, are reached."
    if tier.confidence_needed is None:
        return words
    return f"{words} It also needs a confidence of {whole_percent(tier.confidence_needed)}."


def _because(reason: str | None) -> str:
    return f": {inert(reason)}" if reason else ""


def _limits(readiness: Readiness) -> list[str]:
    parts = []
    if readiness.not_assessed:
        names = joined([title_of(name) for name in readiness.not_assessed])
        parts.append(f"Not assessed, as payments cannot show it: {names}.")
    facts = []
    if readiness.confidence is not None:
        facts.append(f"Confidence {whole_percent(readiness.confidence)}")
    if readiness.computed_at is not None:
        facts.append(f"computed on {day_words(readiness.computed_at.date())}")
    if facts:
        parts.append(f"{', '.join(facts)}.")
    return parts


def _steps(recommendations: Sequence[Recommendation]) -> list[str]:
    if not recommendations:
        return ["There is no pending recommendation."]
    first, *others = recommendations[:_MOST_STEPS]
    lines = [
        f"**Do this first: {inert(first.title)}** ({priority_words(first)}{impact_words(first)})."
    ]
    if first.description:
        lines.append(inert_line(first.description))
    if others:
        lines.append(f"After that: {joined([f'“{inert(r.title)}”' for r in others])}.")
    return lines


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
