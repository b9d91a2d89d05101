"""Recommendations as Markdown: lists, changes, and the question which one is meant."""

from __future__ import annotations

from collections.abc import Sequence

from agent.planner.figures import inert, inert_line, title_of
from agent.planner.intents import StatusFilter
from agent.planner.results import ChangedRecommendation, Recommendation
from agent.planner.section import Section

_PAST = {"accepted": "Accepted", "dismissed": "Dismissed", "pending": "Reopened"}


def priority_words(recommendation: Recommendation) -> str:
    """Return "high priority"; "no priority" if none is set."""
    return f"{title_of(recommendation.priority or 'no')} priority"


def impact_words(recommendation: Recommendation) -> str:
    """Return "; estimated impact: …", or nothing if there is no estimate."""
    impact = recommendation.estimated_impact
    return f"; estimated impact: {inert(impact)}" if impact else ""


def render_list(
    found: Sequence[Recommendation], status: StatusFilter, *, may_change: bool
) -> Section:
    """Render the recommendations of a status, numbered so that they can be spoken of."""
    kind = "" if status == "all" else f"{status} "
    if not found:
        return Section(f"There is no {kind}recommendation.")
    several = "s" if len(found) > 1 else ""
    order = ", the most important first" if several else ""
    parts = [f"**{len(found)} {kind}recommendation{several}**{order}:"]
    parts.append(_numbered(found, with_status=status == "all"))
    if may_change and status == "pending":
        parts.append("To decide, say “accept the first one” or “dismiss the second one”.")
    return Section("\n\n".join(parts))


def _numbered(found: Sequence[Recommendation], *, with_status: bool) -> str:
    return "\n".join(
        _item(place, recommendation, with_status=with_status)
        for place, recommendation in enumerate(found, start=1)
    )


def _item(place: int, recommendation: Recommendation, *, with_status: bool) -> str:
    facts = [priority_words(recommendation)]
    if recommendation.category:
        facts.append(title_of(recommendation.category))
    if with_status:
        facts.append(title_of(recommendation.state))
    line = f"{place}. **{inert(recommendation.title)}** ({', '.join(facts)}"
    line += f"{impact_words(recommendation)})"
    if recommendation.description:
        line += f"\n   {inert_line(recommendation.description)}"
    return line


def render_created(result: ChangedRecommendation) -> Section:
    """Say what was created, or that it was there before."""
    recommendation = result.recommendation
    title = f"**{inert(recommendation.title)}** ({priority_words(recommendation)})"
    if not result.created:
        return Section(f"There is such a recommendation already: {title}.")
    return Section(f"Created the recommendation {title}.")


def render_updated(result: ChangedRecommendation) -> Section:
    """Say what was changed, or that nothing had to be."""
    recommendation = result.recommendation
    title = f"**{inert(recommendation.title)}**"
    if not result.changed:
        state = f"{title_of(recommendation.state)}, {priority_words(recommendation)}"
        return Section(f"Nothing had to be changed: {title} is {state} already.")
    lines = []
    if "status" in result.changed:
        verb = _PAST.get(recommendation.state, title_of(recommendation.state).capitalize())
        lines.append(f"{verb}: {title}.")
    if "priority" in result.changed:
        lines.append(f"{title} has {priority_words(recommendation)} now.")
    return Section(" ".join(lines) or f"Changed: {title}.")


def render_which(
    found: Sequence[Recommendation], status: StatusFilter, *, several: bool
) -> Section:
    """Ask which of the recommendations is meant; nothing was changed."""
    if not found:
        kind = "" if status == "all" else f"{status} "
        return Section(f"There is no {kind}recommendation, so nothing was changed.")
    question = (
        "I change one recommendation at a time. Which one first?"
        if several
        else "Which one do you mean? Nothing was changed."
    )
    return Section(f"{question}\n\n{_numbered(found, with_status=status == 'all')}")
