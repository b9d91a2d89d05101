"""The tool calls behind what-ifs, ways to a tier, funders' floors and changes of the score."""

from __future__ import annotations

from agent.planner.intents import FloorsQuestion, ScoreChangeQuestion, WayToTier, WhatIf
from agent.planner.render_simulation import (
    render_at_the_top,
    render_floors,
    render_paths,
    render_score_change,
    render_what_if,
)
from agent.planner.results import Readiness, read_result
from agent.planner.section import Section
from agent.planner.simulation_results import Floors, Paths, ScoreChange, Simulated
from agent.planner.stepping import Asking, Steps
from agent.planner.transcript import Call

_ORDER = ("not_ready", "needs_work", "funding_ready", "highly_attractive")


def simulation_steps(intent: WhatIf | WayToTier | FloorsQuestion | ScoreChangeQuestion) -> Steps:
    """Return the steps that lead to the answer."""
    match intent:
        case WhatIf():
            return _what_if(intent)
        case WayToTier():
            return _way(intent)
        case FloorsQuestion():
            return _floors(intent)
        case ScoreChangeQuestion():
            return _change()


def _what_if(asked: WhatIf) -> Steps:
    args: dict[str, object] = {}
    if asked.inputs:
        args["changes"] = [{"input": part.input, "value": part.value} for part in asked.inputs]
    if asked.more_months:
        args["more_months"] = asked.more_months
    if asked.payouts_enabled is not None:
        args["payouts_enabled"] = asked.payouts_enabled
    (answer,) = yield (Call("simulate_readiness", args),)
    return render_what_if(read_result(Simulated, answer))


def _way(asked: WayToTier) -> Steps:
    target = asked.target or (yield from _next_tier())
    if target is None:
        return render_at_the_top()
    (answer,) = yield (Call("find_readiness_paths", {"target": target}),)
    return render_paths(read_result(Paths, answer))


def _next_tier() -> Asking[str | None]:
    (answer,) = yield (Call("get_readiness", {}),)
    tier = read_result(Readiness, answer).tier
    place = _ORDER.index(tier) if tier in _ORDER else 0
    return _ORDER[place + 1] if place + 1 < len(_ORDER) else None


def _floors(asked: FloorsQuestion) -> Steps:
    (answer,) = yield (Call("check_funder_floors", {}),)
    return render_floors(read_result(Floors, answer), asked.funder)


def _change() -> Asking[Section]:
    (answer,) = yield (Call("explain_score_change", {}),)
    return render_score_change(read_result(ScoreChange, answer))
