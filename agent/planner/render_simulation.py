"""What-ifs, ways to a tier, funders' floors and changes of the score, as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from agent.planner.capabilities import NO_PROMISE
from agent.planner.figures import day_words, inert, joined, money, number, title_of
from agent.planner.results import Exact
from agent.planner.section import Section
from agent.planner.simulation_results import (
    FloorCriterion,
    Floors,
    FunderFloors,
    Moved,
    MovedCap,
    MovedComponent,
    Path,
    Paths,
    PathStep,
    ScoreChange,
    Simulated,
    SimulatedScore,
)

_STATUS = {"met": "met", "not_met": "not met", "cannot_be_seen": "cannot be seen"}
_CAP_WORDS = {
    "began": "now limits the score",
    "ceased": "no longer limits the score",
    "still_binds": "still limits the score",
}
_MONTHS, _COUNTRY = "months", "country"


def render_what_if(told: Simulated) -> Section:
    """Render the score as it would be, what moved, and what holds it then."""
    before, after = told.before, told.after
    if told.points:
        parts = [
            f"**The score would be {_score(after)}**, {_change(told.points)} {_score(before)}."
        ]
    else:
        parts = [f"**The score would stay at {_score(after)}**."]
    if told.no_effect:
        parts.append(inert(told.no_effect))
    parts += _moved(told.moved)
    if after.binding is not None and not told.no_effect:
        name = title_of(after.binding.component)
        parts.append(
            f"What would bind then: **{name}** limits it to {number(after.binding.limit)}."
        )
    parts += [
        f"{inert(part.label)} is not part of the score: {inert(part.reason or '')}"
        for part in told.not_scored
    ]
    parts += [inert(assumption) for assumption in told.assumptions]
    return Section("\n\n".join(parts), as_of=told.as_of)


def _score(side: SimulatedScore) -> str:
    return f"{side.score} of 100 ({title_of(side.tier)})"


def _change(points: int) -> str:
    several = "" if abs(points) == 1 else "s"
    return f"{abs(points)} point{several} {'above' if points > 0 else 'below'} the present"


def _moved(moved: Moved) -> list[str]:
    lines = [_component(part) for part in moved.components if part.points]
    lines += [_cap(part) for part in moved.caps]
    if moved.model:
        lines.append(f"**The model** judges otherwise than before: {_signed(moved.model)}")
    return [f"What moves it:\n\n{_bullets(lines)}"] if lines else []


def _component(part: MovedComponent) -> str:
    before, after = part.before or "not assessed", part.after or "not assessed"
    values = f"{before} → {after}" if before != after else f"{after}, weighed anew"
    return f"**{inert(part.label)}** ({inert(values)}): {_signed(part.points)}"


def _cap(part: MovedCap) -> str:
    limit = part.limit_after if part.limit_after is not None else part.limit_before
    to = "" if limit is None or part.effect == "ceased" else f" to {number(limit)}"
    words = _CAP_WORDS.get(part.effect, "limits the score")
    return f"**{inert(part.label)}** {words}{to}: {_signed(part.points)}"


def _signed(points: Exact) -> str:
    return f"{'+' if points > 0 else ''}{number(points)} points"


def render_at_the_top() -> Section:
    """Say that there is no tier above."""
    return Section("There is no tier above highly attractive, and that is reached.")


def render_paths(found: Paths) -> Section:
    """Render the cheapest changes that reach the tier, the least effort first."""
    target = title_of(found.target)
    if found.reached:
        text = f"**{target.capitalize()} is reached**: the score is {found.score} of 100."
        return Section(text, as_of=found.as_of)
    parts = [f"The score is {found.score} of 100 ({title_of(found.tier)})."]
    if found.payouts_first:
        parts.append("**Stripe has disabled payouts**: that has to be put right first.")
    if found.from_month is not None and (found.wait is None or found.paths):
        parts.append(f"History is too short until {day_words(found.from_month.on)}.")
    parts += _ways(found, target)
    if found.wait is not None:
        parts.append(
            f"Waiting alone reaches it on **{day_words(found.wait.on)}**, if the"
            f" {found.wait.months} months until then are like the last ones: {found.wait.score} of"
            " 100."
        )
    if found.not_reachable:
        parts.append(f"**Nothing reaches {target} now.** {inert(found.not_reachable)}")
    return Section("\n\n".join(parts), as_of=found.as_of)


def _ways(found: Paths, target: str) -> list[str]:
    if not found.paths:
        return []
    if len(found.paths) == 1 and len(found.paths[0].steps) > 1:
        only = found.paths[0]
        intro = f"No single change reaches **{target}**; these together do ({only.score} of 100):"
        lines = _bullets([_step(step) for step in only.steps])
    else:
        intro = f"Any one of these reaches **{target}**, the least effort first:"
        lines = "\n".join(f"{place}. {_way(p)}" for place, p in enumerate(found.paths, start=1))
    unit = f"Effort is counted in {inert(found.effort_unit)}."
    return [f"{intro}\n\n{lines}", unit]


def _way(path: Path) -> str:
    return f"{'; '.join(_step(step) for step in path.steps)}: {path.score} of 100"


def _step(step: PathStep) -> str:
    bound = "at least" if step.bound == "at_least" else "at most"
    return (
        f"**{inert(step.label)}**: {inert(step.before)} now, {bound} {inert(step.after)}"
        f" (effort {number(step.effort)})"
    )


def render_score_change(told: ScoreChange) -> Section:
    """Render why the score is another one than it was."""
    old, new = told.earlier, told.later
    days = day_words(old.computed_at.date()), day_words(new.computed_at.date())
    was = f"{old.score} of 100 ({title_of(old.tier)}) on {days[0]}"
    now = f"{new.score} of 100 ({title_of(new.tier)}) on {days[1]}"
    parts = [f"**The score went from {was} to {now}.**"]
    if told.points == 0:
        parts = [f"**The score is still {now}**, as on {days[0]}."]
    parts += _moved(told.moved)
    parts.append(f"Together: {_signed(told.moved.total)} before rounding down.")
    if told.model_changed:
        parts.append(
            f"The model changed from {inert(old.model_version)} to {inert(new.model_version)}."
        )
    return Section("\n\n".join(parts), as_of=new.as_of)


def render_floors(floors: Floors, funder: str | None) -> Section:
    """Render published floors: of the funder that is meant, or of all in short."""
    meant = [part for part in floors.funders if funder and part.funder.startswith(funder)]
    in_full = "\n\n".join(_in_full(part) for part in meant)
    parts = [in_full or _all_in_short(floors.funders), NO_PROMISE]
    if floors.not_assessed:
        names = joined([title_of(name) for name in floors.not_assessed])
        parts.append(f"Not assessed, as payments cannot show it: {names}.")
    return Section("\n\n".join(parts), as_of=floors.as_of)


def _all_in_short(funders: Sequence[FunderFloors]) -> str:
    groups = []
    for status, title in (("met", "Met as far as payments show"), ("not_met", "Not met")):
        lines = [_in_short(part) for part in funders if part.status == status]
        groups.append(f"**{title}**:\n\n{_bullets(lines)}" if lines else f"**{title}**: none.")
    unseen = [inert(part.funder) for part in funders if part.status == "cannot_be_seen"]
    if unseen:
        groups.append(f"**Cannot be seen** in Stripe: {joined(unseen)}.")
    days = sorted({part.read_on for part in funders})
    groups.append(f"Read on {joined([day_words(day) for day in days])}.")
    return "\n\n".join(groups)


def _in_short(part: FunderFloors) -> str:
    missed = [_criterion(c) for c in part.criteria if c.status == "not_met"]
    source = f"{inert(part.source)}{', second-hand' if part.second_hand else ''}"
    return f"{inert(part.funder)} ({source})" + (f": {'; '.join(missed)}" if missed else "")


def _in_full(part: FunderFloors) -> str:
    lines = [f"{_STATUS.get(c.status, c.status)}: {_criterion(c)}" for c in part.criteria]
    known = {
        "met": "the published floors that payments show are met",
        "not_met": "not every published floor is met",
    }
    headline = known.get(part.status, "its published floors cannot be compared in full")
    second = " at second hand" if part.second_hand else ""
    return (
        f"**{inert(part.funder)}: {headline}.**\n\n{_bullets(lines)}\n\nRead{second} on"
        f" {day_words(part.read_on)}: {inert(part.source)}."
    )


def _criterion(part: FloorCriterion) -> str:
    facts = []
    if part.value is not None:
        facts.append(f"yours: {_in_unit(part.value, part.unit)}")
    if part.gap is not None:
        facts.append(f"missing: {_in_unit(part.gap, part.unit)}")
    if part.reason:
        facts.append(inert(part.reason).rstrip("."))
    return f"{inert(part.text)}" + (f" ({', '.join(facts)})" if facts else "")


def _in_unit(value: str, unit: str | None) -> str:
    if unit is None or unit == _COUNTRY:
        return inert(value)
    if unit == _MONTHS:
        return f"{inert(value)} month{'' if value == '1' else 's'}"
    return money(Decimal(value), unit)


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
