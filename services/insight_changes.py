"""What a refresh changed: months, score, recommendations, and how that is told to a person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal, NamedTuple
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from db.models import Recommendation
from db.repositories import insight_changes as stored
from db.repositories.readiness import find_latest_score
from db.repositories.recommendations import list_made_by_rules
from db.session import Session
from domain.access import Access
from domain.periods import Month

# More months than this in one sentence are told as a number.
_NAMED = 3


class Cause(StrEnum):
    """What a refresh followed."""

    SYNC = "sync"
    EVENTS = "events"
    NIGHTLY = "nightly"


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True)


class ScoreMark(_Told):
    """A score as it stood."""

    id: UUID
    score: int
    tier: str


class ChangedRecommendation(_Told):
    """A recommendation that a rule made, changed or resolved."""

    id: UUID
    title: str
    change: Literal["new", "changed", "resolved"]


class Changes(_Told):
    """What one refresh changed (`insight_changes.content`).

    `months` (`YYYY-MM`) are those whose figures changed. `score_before` and `score_after` are
    equal where the refresh left the score alone.
    """

    months: list[str]
    score_before: ScoreMark | None
    score_after: ScoreMark | None
    recommendations: list[ChangedRecommendation]

    @property
    def is_empty(self) -> bool:
        """Whether nothing changed."""
        same_score = self.score_before == self.score_after
        return same_score and not self.months and not self.recommendations


class ChangeView(Changes):
    """What one refresh changed, when, after what, and in sentences."""

    id: UUID
    changed_at: datetime
    cause: Cause
    told: list[str]


class ChangePage(_Told):
    """Changes, the latest first; `next` is what to pass as `after`, None at the end."""

    items: list[ChangeView]
    next: UUID | None


class _Shown(NamedTuple):
    """What a person sees of a recommendation; its trigger's values move with every payment."""

    title: str
    status: str | None
    priority: str | None
    estimated_impact: str | None
    resolved: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """What a refresh may change, as it is at one moment."""

    score: ScoreMark | None
    recommendations: Mapping[UUID, _Shown]


async def standing(session: Session, access: Access) -> Standing:
    """Return the present score and the recommendations that rules made."""
    score = await find_latest_score(session, access)
    mark = None if score is None else ScoreMark(id=score.id, score=score.score, tier=score.tier)
    rows = await list_made_by_rules(session, access)
    return Standing(mark, {row.id: _shown(row) for row in rows})


async def record(
    session: Session,
    access: Access,
    *,
    cause: Cause,
    months: Iterable[Month],
    before: Standing,
    now: datetime,
) -> Changes:
    """Store what changed since `before`, unless nothing did; return it."""
    after = await standing(session, access)
    changes = Changes(
        months=[str(month) for month in months],
        score_before=before.score,
        score_after=after.score,
        recommendations=_changed(before, after),
    )
    if not changes.is_empty:
        content = changes.model_dump(mode="json")
        await stored.insert_change(session, access, cause=cause, content=content, now=now)
    return changes


async def list_changes(
    session: Session, access: Access, *, limit: int, after: UUID | None = None
) -> ChangePage:
    """List what refreshes changed, the latest first, from behind the id `after`."""
    rows = await stored.list_changes(session, access, limit=limit + 1, after=after)
    items = []
    for row in rows[:limit]:
        changes = Changes.model_validate(row.content)
        items.append(
            ChangeView(
                **changes.model_dump(),
                id=row.id,
                changed_at=row.changed_at,
                cause=Cause(row.cause),
                told=sentences(changes),
            )
        )
    return ChangePage(items=items, next=items[-1].id if len(rows) > limit else None)


def sentences(changes: Changes) -> list[str]:
    """Return what changed as sentences, the score first; none if nothing did."""
    told = [_score_sentence(changes.score_before, changes.score_after)]
    told += [
        f"{_OPENINGS[item.change]}: {item.title.rstrip('.')}." for item in changes.recommendations
    ]
    told.append(_months_sentence(changes.months))
    return [sentence for sentence in told if sentence]


_OPENINGS = {
    "new": "New recommendation",
    "changed": "Recommendation changed",
    "resolved": "No longer needed",
}


def _score_sentence(before: ScoreMark | None, after: ScoreMark | None) -> str:
    if after is None or after == before:
        return ""
    if before is None:
        return f"The readiness score is {after.score} ({_words(after.tier)})."
    if before.score == after.score and before.tier == after.tier:
        return f"The readiness score stays at {after.score} ({_words(after.tier)}), on newer data."
    tier = f" ({_words(after.tier)})"
    if before.tier != after.tier:
        tier = f", and its tier from {_words(before.tier)} to {_words(after.tier)}"
    return f"The readiness score went from {before.score} to {after.score}{tier}."


def _words(tier: str) -> str:
    return tier.replace("_", " ")


def _months_sentence(months: Sequence[str]) -> str:
    if not months:
        return ""
    if len(months) > _NAMED:
        return f"The figures of {len(months)} months changed, {months[0]} to {months[-1]}."
    return f"The figures of {', '.join(months)} changed."


def _changed(before: Standing, after: Standing) -> list[ChangedRecommendation]:
    return [
        ChangedRecommendation(id=row_id, title=shown.title, change=_change_of(known, shown))
        for row_id, shown in after.recommendations.items()
        if (known := before.recommendations.get(row_id)) != shown
    ]


def _change_of(known: _Shown | None, shown: _Shown) -> Literal["new", "changed", "resolved"]:
    if known is None or (known.resolved and not shown.resolved):
        return "new"
    return "resolved" if shown.resolved and not known.resolved else "changed"


def _shown(row: Recommendation) -> _Shown:
    return _Shown(
        row.title,
        row.status,
        row.priority,
        row.estimated_impact,
        resolved="resolved_at" in (row.metric_refs or {}),
    )
