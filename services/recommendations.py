"""Recommendations: noted and decided by people, by themselves or through the agent; one list.

`services.advising` keeps those that rules make.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import TypedDict, TypeVar, Unpack
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from db.models import Recommendation
from db.repositories import recommendations as stored
from db.repositories.businesses import lock_business
from db.repositories.recommendations import RecommendationStatus
from db.session import Session
from domain.access import Access, Permission
from domain.advice import Actor, Category, Priority
from domain.errors import InvalidInputError
from services.recommendation_history import NOTHING, Author, content_of, record
from services.texts import clean_text

TITLE_LIMIT = 255
DESCRIPTION_LIMIT = 4000
ALL = "all"
NOTED = {
    Actor.PERSON: "A person noted it.",
    Actor.AGENT: "The assistant noted it in a conversation, for the user.",
}
CHANGED = {
    Actor.PERSON: "A person changed it.",
    Actor.AGENT: "The assistant changed it in a conversation, for the user.",
}
_SHOWN = (
    "id",
    "title",
    "description",
    "priority",
    "category",
    "status",
    "estimated_impact",
    "created_at",
    "updated_at",
)

_Choice = TypeVar("_Choice", bound=StrEnum)


class RecommendationView(BaseModel):
    """A recommendation as every caller gets it.

    `created_by` is rule, agent or person. `resolved`: the trigger of the rule behind it has
    cleared, at `resolved_at`; an accepted one is then done, a dismissed one was not a person's no.
    """

    model_config = ConfigDict(frozen=True)

    id: UUID
    title: str
    description: str | None
    priority: str | None
    category: str | None
    status: str | None
    estimated_impact: str | None
    created_at: datetime
    updated_at: datetime
    created_by: str
    resolved: bool
    resolved_at: datetime | None


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


class Edits(TypedDict, total=False):
    """What of a recommendation can be changed; what is left out or None stays."""

    status: str | None
    priority: str | None
    title: str | None
    description: str | None


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


async def get(session: Session, access: Access, recommendation_id: UUID) -> RecommendationView:
    """Return the recommendation or raise NotFoundError."""
    return _view(await stored.get_recommendation(session, access, recommendation_id))


async def create(
    session: Session,
    access: Access,
    *,
    title: str,
    description: str,
    category: str,
    priority: str = Priority.MEDIUM,
    actor: Actor = Actor.PERSON,
) -> CreatedRecommendation:
    """Note a recommendation, unless a pending one has the same title but for case and blanks.

    `actor` is the user by themselves or through the agent; it is noted in the history. Raise
    NotPermittedError for a viewer and InvalidInputError for texts out of bounds or an unknown
    category or priority.
    """
    access.require(Permission.WRITE_RECOMMENDATIONS)
    row = Recommendation(
        business_id=access.business_id,
        title=clean_text(title, "title", TITLE_LIMIT),
        description=clean_text(description, "description", DESCRIPTION_LIMIT),
        category=_choice(Category, category, "category"),
        priority=_choice(Priority, priority, "priority"),
        status=RecommendationStatus.PENDING,
        metric_refs={"created_by": actor.value},
    )
    await lock_business(session, access)
    for pending in await stored.list_pending(session, access):
        if _normalised(pending.title) == _normalised(row.title):
            return CreatedRecommendation(recommendation=_view(pending), created=False)
    created = await stored.insert_recommendation(session, row)
    await record(session, access, created, NOTHING, Author.user(access, actor), NOTED[actor])
    return CreatedRecommendation(recommendation=_view(created), created=True)


async def update(
    session: Session,
    access: Access,
    recommendation_id: UUID,
    *,
    actor: Actor = Actor.PERSON,
    **edits: Unpack[Edits],
) -> UpdatedRecommendation:
    """Change what is given; what a person changed, the rules leave alone from then on.

    Raise NotPermittedError for a viewer, NotFoundError for an unknown one, and InvalidInputError
    for texts out of bounds or an unknown status or priority.
    """
    access.require(Permission.WRITE_RECOMMENDATIONS)
    wanted = _checked(edits)
    await lock_business(session, access)
    row = await stored.get_recommendation(session, access, recommendation_id)
    before = content_of(row)
    changed = _assign(row, wanted)
    _remember_edits(row, changed)
    saved = await stored.save_recommendation(session, row)
    await record(session, access, saved, before, Author.user(access, actor), CHANGED[actor])
    return UpdatedRecommendation(recommendation=_view(saved), changed=changed)


def _checked(edits: Edits) -> dict[str, str]:
    """Return the fields that are given, each in order."""
    wanted: dict[str, str] = {}
    if (status := edits.get("status")) is not None:
        wanted["status"] = _choice(RecommendationStatus, status, "status")
    if (priority := edits.get("priority")) is not None:
        wanted["priority"] = _choice(Priority, priority, "priority")
    if (title := edits.get("title")) is not None:
        wanted["title"] = clean_text(title, "title", TITLE_LIMIT)
    if (description := edits.get("description")) is not None:
        wanted["description"] = clean_text(description, "description", DESCRIPTION_LIMIT)
    return wanted


def _assign(row: Recommendation, wanted: Mapping[str, str]) -> list[str]:
    changed = [name for name, value in wanted.items() if getattr(row, name) != value]
    for name in changed:
        setattr(row, name, wanted[name])
    return changed


def _remember_edits(row: Recommendation, changed: Sequence[str]) -> None:
    """Note which fields of a rule's row a person changed, and that it is open again if so."""
    refs = dict(row.metric_refs or {})
    if "rule" not in refs or not changed:
        return
    edited = sorted({*refs.get("edited", []), *changed} - {"status"})
    if edited:
        refs["edited"] = edited
    if "status" in changed:
        refs.pop("resolved_at", None)
    row.metric_refs = refs


def _view(row: Recommendation) -> RecommendationView:
    refs = row.metric_refs or {}
    # Rows from before their maker was noted name a rule, or were noted by a person.
    made_by = Actor.RULE if "rule" in refs else Actor.PERSON
    return RecommendationView(
        **{name: getattr(row, name) for name in _SHOWN},
        created_by=refs.get("created_by", made_by.value),
        resolved="resolved_at" in refs,
        resolved_at=refs.get("resolved_at"),
    )


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
