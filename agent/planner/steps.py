"""From what is asked, and what tools have answered so far, to the next tool calls or the answer."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import replace
from datetime import date
from typing import Any

from agent.planner.figure_steps import comparison_steps, metric_steps
from agent.planner.intents import (
    Ask,
    Calculation,
    Comparison,
    CreateRecommendation,
    Depth,
    FloorsQuestion,
    Intent,
    ListRecommendations,
    MetricQuestion,
    ReadinessQuestion,
    ScoreChangeQuestion,
    UpdateRecommendation,
    WayToTier,
    WhatIf,
)
from agent.planner.matching import find_meant
from agent.planner.render_business import (
    render_calculation,
    render_profile,
    render_started_sync,
    render_sync_status,
)
from agent.planner.render_readiness import (
    render_advice,
    render_explanation,
    render_outlook,
    render_recomputed,
    render_score,
    render_tiers,
)
from agent.planner.render_recommendations import (
    render_created,
    render_list,
    render_updated,
    render_which,
)
from agent.planner.replies import reply_to
from agent.planner.results import (
    BusinessProfile,
    CalculationResult,
    ChangedRecommendation,
    Explanation,
    Readiness,
    Recommendations,
    StartedSync,
    SyncStatus,
    read_result,
)
from agent.planner.section import Section
from agent.planner.simulation_steps import simulation_steps
from agent.planner.stepping import CALCULATOR, Steps
from agent.planner.transcript import Call


def steps_for(intent: Intent, today: date, offered: Set[str]) -> Steps:
    """Return the steps that lead to the answer of one intent with the tools that are offered."""
    match intent:
        case MetricQuestion():
            steps = metric_steps(intent, today, may_calculate=CALCULATOR in offered)
        case Comparison():
            steps = comparison_steps(intent, today)
        case ReadinessQuestion():
            steps = _readiness(intent)
        case WhatIf() | WayToTier() | FloorsQuestion() | ScoreChangeQuestion():
            steps = simulation_steps(intent)
        case ListRecommendations():
            steps = _list(intent, may_change="update_recommendation" in offered)
        case CreateRecommendation():
            steps = _create(intent)
        case UpdateRecommendation():
            steps = _update(intent)
        case Ask():
            steps = _ask(intent)
        case Calculation():
            steps = _calculation(intent)
        case _:
            steps = _at_once(reply_to(intent, today))
    return steps


def tools_for(intent: Intent) -> tuple[str, ...]:
    """Return the tools that the intent cannot do without."""
    match intent:
        case CreateRecommendation():
            return ("create_recommendation",)
        case UpdateRecommendation():
            return ("list_recommendations", "update_recommendation")
        case Ask():
            return (intent.value,)
        case _:
            return ()


def _at_once(section: Section) -> Steps:
    yield from ()
    return section


def _readiness(question: ReadinessQuestion) -> Steps:
    if question.depth in {Depth.SCORE, Depth.LOAN}:
        section = yield from _score(question.depth)
    elif question.depth is Depth.ADVICE:
        section = yield from _advice()
    else:
        (explained,) = yield (Call("explain_readiness", {}),)
        explanation = read_result(Explanation, explained)
        tiers = question.depth is Depth.TIERS
        section = render_tiers(explanation) if tiers else render_explanation(explanation)
    parts = [question.remark, section.text] if question.remark else [section.text]
    return replace(section, text="\n\n".join(parts))


def _score(depth: Depth) -> Steps:
    (answer,) = yield (Call("get_readiness", {}),)
    score = read_result(Readiness, answer)
    return render_outlook(score) if depth is Depth.LOAN else render_score(score)


def _advice() -> Steps:
    explained, listed = yield (Call("explain_readiness", {}), _listing("pending"))
    pending = read_result(Recommendations, listed).recommendations
    # Without a score there may still be something to do.
    known = None if explained.failed and pending else read_result(Explanation, explained)
    return render_advice(known, pending)


def _listing(status: str) -> Call:
    return Call("list_recommendations", {"status": status})


def _list(request: ListRecommendations, *, may_change: bool) -> Steps:
    (answer,) = yield (_listing(request.status),)
    found = read_result(Recommendations, answer).recommendations
    return render_list(found, request.status, may_change=may_change)


def _create(request: CreateRecommendation) -> Steps:
    (answer,) = yield (
        Call(
            "create_recommendation",
            {
                "title": request.title,
                "description": f"{request.title}. Noted at your request in a conversation.",
                "category": request.category,
                "priority": request.priority,
            },
        ),
    )
    return render_created(read_result(ChangedRecommendation, answer))


def _update(request: UpdateRecommendation) -> Steps:
    (listed,) = yield (_listing(request.among),)
    found = read_result(Recommendations, listed).recommendations
    if request.status == "pending":
        found = [candidate for candidate in found if candidate.state != "pending"]
    meant = find_meant(request.reference, found)
    if meant is None:
        return render_which(found, request.among, several=request.reference.several)
    changes: Mapping[str, Any] = {"status": request.status, "priority": request.priority}
    wanted = {name: value for name, value in changes.items() if value is not None}
    (answer,) = yield (Call("update_recommendation", {"recommendation_id": meant.id, **wanted}),)
    return render_updated(read_result(ChangedRecommendation, answer))


def _ask(request: Ask) -> Steps:
    (answer,) = yield (Call(request.value, {}),)
    match request:
        case Ask.RECOMPUTE:
            return render_recomputed(read_result(Readiness, answer))
        case Ask.SYNC:
            return render_started_sync(read_result(StartedSync, answer))
        case Ask.SYNC_STATUS:
            return render_sync_status(read_result(SyncStatus, answer))
        case Ask.PROFILE:
            return render_profile(read_result(BusinessProfile, answer))


def _calculation(request: Calculation) -> Steps:
    (answer,) = yield (Call(CALCULATOR, {"expression": request.expression}),)
    return render_calculation(read_result(CalculationResult, answer))
