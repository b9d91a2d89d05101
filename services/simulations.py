"""What-ifs, the cheapest ways to a tier, why scores differ: all from stored inputs.

Neither the ledger nor the snapshots are read, and nothing is stored.
"""

from __future__ import annotations

import asyncio
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from db.repositories import readiness as stored_scores
from db.repositories.integrations import find_integration
from db.repositories.readiness import ScoreWithDetail
from db.session import Session
from domain.access import Access
from domain.errors import InvalidInputError, NoDataError
from domain.periods import local_date
from domain.readiness import (
    MODEL_VERSION,
    Changes,
    ComponentKey,
    Path,
    Paths,
    ReadinessInputs,
    Step,
    Tier,
    Wait,
    assess,
    changed_inputs,
    cheapest_paths,
    difference,
    inputs_from_json,
)
from domain.readiness.model import SPECS, InputUnit
from domain.readiness.simulation import Simulation
from domain.readiness.simulation import simulate as run_simulation
from domain.readiness.wording import displayed, percent
from services.businesses import time_zone_of
from services.readiness import NEVER_COMPUTED, get_latest
from services.readiness_results import DroppedView
from services.simulation_results import (
    DifferenceResult,
    PathsResult,
    PathStep,
    PathView,
    SimulationResult,
    StoredScore,
    WaitView,
    changed_views,
    moves,
    score_view,
)

NO_INPUTS = (
    "This score was stored before its inputs were kept. Recompute the score, or wait for the next"
    " sync, and ask again."
)
NO_EARLIER = "There is no earlier score from other data to compare with yet."
EFFORT_UNIT = (
    "widths of the component's curve: 1 is the way from the value that earns nothing to the one"
    " that earns everything"
)


async def simulate(
    session: Session, access: Access, *, changes: Changes, now: datetime
) -> SimulationResult:
    """Return the current score with the changes made, beside the score as it is.

    Raise InvalidInputError for a change that cannot be, NoDataError if there is no current score.
    """
    latest, inputs = await _current_inputs(session, access, now)
    told = run_simulation(inputs, changes, previous_tier=Tier(latest.score.tier))
    return SimulationResult(
        before=score_view(told.before),
        after=score_view(told.after),
        points=(told.after.score or 0) - (told.before.score or 0),
        changed=changed_views(changed_inputs(inputs, told.inputs)),
        moved=moves(told.moved),
        no_effect=told.no_effect,
        not_scored=[
            DroppedView(component=part.key.value, label=part.label, reason=part.reason)
            for part in told.not_scored
        ],
        assumptions=_assumptions(latest, inputs, changes, told),
        model_version=MODEL_VERSION,
        computed_at=latest.score.created_at,
        as_of=latest.detail.data_as_of,
    )


async def find_paths(
    session: Session, access: Access, *, target: Tier, now: datetime
) -> PathsResult:
    """Return the cheapest changes that reach the tier; raise NoDataError without a score."""
    latest, inputs = await _current_inputs(session, access, now)
    day = await _day_of(session, access, latest, now)
    # Up to a second of computing, which must not hold up the process's other requests.
    found = await asyncio.to_thread(
        cheapest_paths, inputs, target, as_of=day, previous_tier=Tier(latest.score.tier)
    )
    unreachable = not (found.reached or found.paths or found.wait or found.from_month)
    return PathsResult(
        target=target.value,
        reached=found.reached,
        score=found.before.score or 0,
        tier=found.before.tier.value,
        paths=[_path(path, inputs.currency) for path in found.paths],
        from_month=_wait(found.from_month),
        wait=_wait(found.wait),
        payouts_first=found.enable_payouts,
        not_reachable=_why_not(found) if unreachable else None,
        effort_unit=EFFORT_UNIT,
        model_version=MODEL_VERSION,
        computed_at=latest.score.created_at,
        as_of=latest.detail.data_as_of,
    )


async def explain_difference(
    session: Session,
    access: Access,
    *,
    earlier: datetime | None = None,
    later: datetime | None = None,
) -> DifferenceResult:
    """Return why the score that stood at `later` differs from the one that stood at `earlier`.

    Without `later` it is the current score; without `earlier` the one before it that came from
    other inputs or another model. Raise InvalidInputError if they are not in order, NoDataError if
    there is no such score or its inputs were not kept.
    """
    if earlier and later and earlier >= later:
        raise InvalidInputError("`from` must be before `to`.")
    new = await _stood_at(session, access, later)
    if earlier is None:
        old = await stored_scores.find_different_before(session, access, new)
    else:
        old = await stored_scores.find_detail_at(session, access, earlier)
    if old is None:
        raise NoDataError(NO_EARLIER)
    return _difference(old, new)


async def _stood_at(session: Session, access: Access, moment: datetime | None) -> ScoreWithDetail:
    if moment is None:
        found = await stored_scores.find_latest_detail(session, access)
    else:
        found = await stored_scores.find_detail_at(session, access, moment)
    if found is None:
        raise NoDataError(NEVER_COMPUTED if moment is None else "There was no score at that time.")
    return found


def _difference(old: ScoreWithDetail, new: ScoreWithDetail) -> DifferenceResult:
    before, after = _kept(old), _kept(new)
    exact = (_exact(old), _exact(new))
    found = difference(
        assess(before, previous_tier=Tier(old.score.tier)),
        assess(after, previous_tier=Tier(new.score.tier)),
        stored=exact,
    )
    return DifferenceResult(
        earlier=_stored(old),
        later=_stored(new),
        points=new.score.score - old.score.score,
        moved=moves(found),
        changed=changed_views(changed_inputs(before, after)),
        model_changed=old.detail.model_version != new.detail.model_version,
        judged_by=MODEL_VERSION,
    )


def _stored(found: ScoreWithDetail) -> StoredScore:
    score, detail = found
    return StoredScore(
        score=score.score,
        tier=score.tier,
        computed_at=score.created_at,
        as_of=detail.data_as_of,
        model_version=detail.model_version,
    )


async def _current_inputs(
    session: Session, access: Access, now: datetime
) -> tuple[ScoreWithDetail, ReadinessInputs]:
    latest, stale = await get_latest(session, access, now)
    if stale is not None:
        raise NoDataError(stale)
    return latest, _kept(latest)


def _kept(found: ScoreWithDetail) -> ReadinessInputs:
    if found.detail.inputs is None:
        raise NoDataError(NO_INPUTS)
    return inputs_from_json(found.detail.inputs)


def _exact(found: ScoreWithDetail) -> float:
    if found.detail.exact_score is None:
        raise NoDataError(NO_INPUTS)
    return found.detail.exact_score


async def _day_of(session: Session, access: Access, latest: ScoreWithDetail, now: datetime) -> date:
    """Return the business's local day that the score's data is from."""
    zone = ZoneInfo(time_zone_of(await find_integration(session, access)))
    return local_date(latest.detail.data_as_of or now, zone)


def _assumptions(
    latest: ScoreWithDetail, inputs: ReadinessInputs, changes: Changes, told: Simulation
) -> list[str]:
    said = []
    if changes.more_months:
        said.append(
            f"{changes.more_months} more complete months like the last ones: history and evidence"
            " grow, while average revenue, growth and all rates stay as they are."
        )
    said += [
        f"{part.label} is not known yet; it is taken as proven by half."
        for key in changes.values
        if inputs.measurement(key) is None and (part := told.after.component(key))
    ]
    if latest.detail.model_version != MODEL_VERSION:
        said.append(
            f"The stored score ({latest.score.score}) is of {latest.detail.model_version}; both"
            f" sides here are of {MODEL_VERSION}."
        )
    return said


def _path(path: Path, currency: str) -> PathView:
    return PathView(
        steps=[_step(step, currency) for step in path.steps],
        effort=f"{path.effort:.2f}",
        score=path.after.score or 0,
        tier=path.after.tier.value,
    )


def _step(step: Step, currency: str) -> PathStep:
    return PathStep(
        component=step.key.value,
        label=SPECS[step.key].label,
        before=_words(step.key, step.before, currency),
        after=_words(step.key, step.after, currency),
        value_before=f"{step.before:f}",
        value_after=f"{step.after:f}",
        bound="at_least" if step.after > step.before else "at_most",
        effort=f"{step.effort:.2f}",
    )


def _words(key: ComponentKey, value: Decimal, currency: str) -> str:
    """Return the value with all the digits that decide whether it is enough."""
    if SPECS[key].unit is InputUnit.RATIO:
        return percent(value, 2)
    return displayed(key, value, currency)


def _wait(wait: Wait | None) -> WaitView | None:
    if wait is None:
        return None
    after = wait.after
    return WaitView(months=wait.months, on=wait.on, score=after.score or 0, tier=after.tier.value)


def _why_not(found: Paths) -> str:
    if found.before.confidence == 0:
        return "There is too little data yet to tell what would reach it."
    return (
        "Neither the best values of everything that can be changed nor 24 more months reach it:"
        " too little of the business can be assessed."
    )
