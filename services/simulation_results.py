"""What-ifs, paths and differences as every caller gets them; broken numbers are strings.

Points are in tenths, and the parts of a difference add up to it as they are shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from pydantic import BaseModel, ConfigDict

from domain.readiness import (
    Assessment,
    CapChange,
    CapEffect,
    ComponentChange,
    ComponentScore,
    Difference,
    InputChange,
    shown_parts,
)
from services.readiness_results import Binding, DroppedView


class _View(BaseModel):
    model_config = ConfigDict(frozen=True)


class ScoreView(_View):
    """A score in a word; `exact` before it was rounded down."""

    score: int
    exact: str
    tier: str
    confidence: str
    binding: Binding | None


class ComponentMove(_View):
    """A component on both sides; a side is None where it was not assessed."""

    component: str
    label: str
    before: str | None
    after: str | None
    points_before: str | None
    points_after: str | None
    points: str


class CapMove(_View):
    """A cap that binds on a side: it `began`, `ceased` or `still_binds`; `points` is its part."""

    component: str
    label: str
    effect: CapEffect
    limit_before: str | None
    limit_after: str | None
    points: str


class ChangedInput(_View):
    """An input on both sides, in words."""

    input: str
    before: str | None
    after: str | None


class Moves(_View):
    """What makes a difference of exact scores: `model`, components and caps add up to `total`."""

    total: str
    model: str
    components: list[ComponentMove]
    caps: list[CapMove]


class SimulationResult(_View):
    """The score as it is and as it would be; nothing is stored.

    `points` is the difference of the whole scores. `no_effect` says why the score stays.
    """

    before: ScoreView
    after: ScoreView
    points: int
    changed: list[ChangedInput]
    moved: Moves
    no_effect: str | None
    not_scored: list[DroppedView]
    assumptions: list[str]
    model_version: str
    computed_at: datetime
    as_of: datetime | None


class PathStep(_View):
    """One change; `bound` says whether the value may be higher or lower still."""

    component: str
    label: str
    before: str
    after: str
    value_before: str
    value_after: str
    bound: str
    effort: str


class PathView(_View):
    """Changes that together reach the target, and the score computed with them."""

    steps: list[PathStep]
    effort: str
    score: int
    tier: str


class WaitView(_View):
    """Months like the last ones, the day they are over, and the score computed with them."""

    months: int
    on: date
    score: int
    tier: str


class PathsResult(_View):
    """The cheapest ways to a tier: single changes, the least effort first, or one combination.

    `from_month`: nothing reaches the target sooner. `wait`: waiting alone reaches it.
    """

    target: str
    reached: bool
    score: int
    tier: str
    paths: list[PathView]
    from_month: WaitView | None
    wait: WaitView | None
    payouts_first: bool
    not_reachable: str | None
    effort_unit: str
    model_version: str
    computed_at: datetime
    as_of: datetime | None


class StoredScore(_View):
    """A score of the history."""

    score: int
    tier: str
    computed_at: datetime
    as_of: datetime | None
    model_version: str


class DifferenceResult(_View):
    """Why a later score differs from an earlier one; `points` is later less earlier."""

    earlier: StoredScore
    later: StoredScore
    points: int
    moved: Moves
    changed: list[ChangedInput]
    model_changed: bool
    judged_by: str


def score_view(assessment: Assessment) -> ScoreView:
    """Return an assessment that has a score in a word."""
    cap = assessment.binding
    return ScoreView(
        score=assessment.score or 0,
        exact=f"{assessment.exact or 0:.1f}",
        tier=assessment.tier.value,
        confidence=f"{int(assessment.confidence * 100 + 1e-7) / 100:.2f}",
        binding=cap
        and Binding(kind=cap.kind.value, component=cap.key.value, limit=f"{cap.limit:.1f}"),
    )


def moves(found: Difference) -> Moves:
    """Return the difference with parts that add up as shown."""
    parts = [found.model, *(part.points for part in found.components)]
    parts += [part.points for part in found.caps]
    model, *shown = [str(part) for part in shown_parts(parts)]
    split = len(found.components)
    return Moves(
        total=str(sum(shown_parts(parts))),
        model=model,
        components=_components(found.components, shown[:split]),
        caps=_caps(found.caps, shown[split:]),
    )


def _components(parts: Sequence[ComponentChange], points: Sequence[str]) -> list[ComponentMove]:
    return [
        ComponentMove(
            component=part.key.value,
            label=part.label,
            before=part.before and part.before.display,
            after=part.after and part.after.display,
            points_before=_points(part.before),
            points_after=_points(part.after),
            points=shown,
        )
        for part, shown in zip(parts, points, strict=True)
    ]


def _points(part: ComponentScore | None) -> str | None:
    return None if part is None else f"{part.points:.1f}"


def _caps(parts: Sequence[CapChange], points: Sequence[str]) -> list[CapMove]:
    return [
        CapMove(
            component=part.key.value,
            label=part.label,
            effect=part.effect,
            limit_before=_limit(part.limit_before),
            limit_after=_limit(part.limit_after),
            points=shown,
        )
        for part, shown in zip(parts, points, strict=True)
    ]


def _limit(limit: float | None) -> str | None:
    return None if limit is None else f"{limit:.1f}"


def changed_views(changes: Sequence[InputChange]) -> list[ChangedInput]:
    """Return changed inputs as callers get them."""
    return [ChangedInput(input=c.name, before=c.before, after=c.after) for c in changes]
