"""Recommendations: made by the rules after a sync, or noted by a person; kept in one list."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from db.models import Recommendation
from db.repositories import recommendations as stored
from db.repositories.businesses import lock_business
from db.repositories.recommendations import RecommendationStatus
from db.session import Session
from domain.access import Access, Permission
from domain.advice import Advice, Category, Priority
from domain.errors import InvalidInputError
from services.texts import clean_text

TITLE_LIMIT = 255
DESCRIPTION_LIMIT = 4000
# Who has said no is not asked again before circumstances can have changed.
QUIET_AFTER_DISMISSAL = timedelta(days=30)
ALL = "all"

_Choice = TypeVar("_Choice", bound=StrEnum)


class RecommendationView(BaseModel):
    """A recommendation as every caller gets it."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    id: UUID
    title: str
    description: str | None
    priority: str | None
    category: str | None
    status: str | None
    estimated_impact: str | None
    created_at: datetime
    updated_at: datetime


class RecommendationList(BaseModel):
    """Recommendations, the most important first."""

    model_config = ConfigDict(frozen=True)

    recommendations: list[RecommendationView]
    count: int


class CreatedRecommendation(BaseModel):
    """The recommendation; `created` is False if a pending one had that title already."""

    model_config = ConfigDict(frozen=True)

    recommendation: RecommendationView
    created: bool


class UpdatedRecommendation(BaseModel):
    """The recommendation and the names of the fields that changed."""

    model_config = ConfigDict(frozen=True)

    recommendation: RecommendationView
    changed: list[str]


async def list_recommendations(
    session: Session, access: Access, status: str = RecommendationStatus.PENDING
) -> RecommendationList:
    """List the recommendations of a status, or `all`; raise InvalidInputError on another word."""
    wanted = None if status == ALL else _choice(RecommendationStatus, status, "status")
    rows = await stored.list_recommendations(session, access, status=wanted)
    views = [_view(row) for row in rows]
    return RecommendationList(recommendations=views, count=len(views))


async def create(
    session: Session,
    access: Access,
    *,
    title: str,
    description: str,
    category: str,
    priority: str = Priority.MEDIUM,
) -> CreatedRecommendation:
    """Note a recommendation, unless a pending one has the same title but for case and blanks.

    Raise NotPermittedError for a viewer and InvalidInputError for texts out of bounds or an
    unknown category or priority.
    """
    access.require(Permission.WRITE_RECOMMENDATIONS)
    row = Recommendation(
        business_id=access.business_id,
        title=clean_text(title, "title", TITLE_LIMIT),
        description=clean_text(description, "description", DESCRIPTION_LIMIT),
        category=_choice(Category, category, "category"),
        priority=_choice(Priority, priority, "priority"),
        status=RecommendationStatus.PENDING,
    )
    await lock_business(session, access)
    for pending in await stored.list_pending(session, access):
        if _normalised(pending.title) == _normalised(row.title):
            return CreatedRecommendation(recommendation=_view(pending), created=False)
    created = await stored.insert_recommendation(session, row)
    return CreatedRecommendation(recommendation=_view(created), created=True)


async def update(
    session: Session,
    access: Access,
    recommendation_id: UUID,
    *,
    status: str | None = None,
    priority: str | None = None,
    title: str | None = None,
    description: str | None = None,
) -> UpdatedRecommendation:
    """Change what is given; what a person changed, the rules leave alone from then on.

    Raise NotPermittedError for a viewer, NotFoundError for an unknown one, and InvalidInputError
    for texts out of bounds or an unknown status or priority.
    """
    access.require(Permission.WRITE_RECOMMENDATIONS)
    wanted: dict[str, str] = {}
    if status is not None:
        wanted["status"] = _choice(RecommendationStatus, status, "status")
    if priority is not None:
        wanted["priority"] = _choice(Priority, priority, "priority")
    if title is not None:
        wanted["title"] = clean_text(title, "title", TITLE_LIMIT)
    if description is not None:
        wanted["description"] = clean_text(description, "description", DESCRIPTION_LIMIT)
    await lock_business(session, access)
    row = await stored.get_recommendation(session, access, recommendation_id)
    changed = _assign(row, wanted)
    _remember_edits(row, changed)
    return UpdatedRecommendation(
        recommendation=_view(await stored.save_recommendation(session, row)), changed=changed
    )


async def refresh_from_advice(
    session: Session,
    access: Access,
    advice: Sequence[Advice],
    *,
    now: datetime,
    resolve: bool = True,
) -> None:
    """Bring the recommendations that rules made in line with what the rules now advise.

    A rule's latest row decides: pending ones are updated in place, accepted ones left alone, and
    one that was dismissed is made anew only after 30 days. With `resolve`, a pending one whose
    rule is silent now is dismissed with `metric_refs.resolved_at`, for it has no status of its
    own. Raise NotPermittedError for a viewer.
    """
    access.require(Permission.WRITE_RECOMMENDATIONS)
    await lock_business(session, access)
    latest: dict[str, Recommendation] = {}
    for row in await stored.list_made_by_rules(session, access):
        latest.setdefault(_refs(row)["rule"], row)
    # The least important first: among equal priorities the list shows the newest row first.
    for item in reversed(advice):
        await _follow(session, access, item, latest.get(item.rule), now)
    if resolve:
        advised = {item.rule for item in advice}
        for rule, row in latest.items():
            if rule not in advised and row.status == RecommendationStatus.PENDING:
                row.status = RecommendationStatus.DISMISSED
                row.metric_refs = {**_refs(row), "resolved_at": now.astimezone(UTC).isoformat()}
    await session.flush()


async def _follow(
    session: Session, access: Access, advice: Advice, row: Recommendation | None, now: datetime
) -> None:
    if row is None or _may_return(row, now):
        row = Recommendation(
            business_id=access.business_id,
            status=RecommendationStatus.PENDING,
            metric_refs=advice.metric_refs,
            **_columns(advice),
        )
        await stored.insert_recommendation(session, row)
    elif row.status == RecommendationStatus.PENDING:
        edited = _refs(row).get("edited", [])
        _assign(row, {name: text for name, text in _columns(advice).items() if name not in edited})
        row.metric_refs = {**advice.metric_refs, **({"edited": edited} if edited else {})}


def _may_return(row: Recommendation, now: datetime) -> bool:
    long_ago = now - row.updated_at >= QUIET_AFTER_DISMISSAL
    return row.status == RecommendationStatus.DISMISSED and long_ago


def _columns(advice: Advice) -> dict[str, str]:
    return {
        "title": advice.title,
        "description": advice.description,
        "priority": advice.priority.value,
        "category": advice.category.value,
        "estimated_impact": advice.estimated_impact,
    }


def _assign(row: Recommendation, wanted: Mapping[str, str]) -> list[str]:
    changed = [name for name, value in wanted.items() if getattr(row, name) != value]
    for name in changed:
        setattr(row, name, wanted[name])
    return changed


def _remember_edits(row: Recommendation, changed: Sequence[str]) -> None:
    """Note which fields of a rule's row a person changed, and that it is open again if so."""
    refs = dict(_refs(row))
    if "rule" not in refs or not changed:
        return
    edited = sorted({*refs.get("edited", []), *changed} - {"status"})
    if edited:
        refs["edited"] = edited
    if "status" in changed:
        refs.pop("resolved_at", None)
    row.metric_refs = refs


def _refs(row: Recommendation) -> dict[str, Any]:
    return row.metric_refs or {}


def _view(row: Recommendation) -> RecommendationView:
    return RecommendationView.model_validate(row)


def _choice(choices: type[_Choice], value: str, name: str) -> _Choice:
    try:
        return choices(value)
    except ValueError:
        allowed = ", ".join(choices)
        raise InvalidInputError(
            f"There is no {name} {value!r}. Choose one of: {allowed}."
        ) from None


def _normalised(title: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", title).casefold().split())
