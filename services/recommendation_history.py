"""The history of recommendations: what changed, who changed it, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from db.models import Recommendation, RecommendationChange
from db.repositories import recommendations as stored
from db.session import Session
from domain.access import SERVICE_USER_ID, Access
from domain.advice import Actor

_COLUMNS = ("title", "description", "priority", "category", "status", "estimated_impact")
NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Author:
    """Who makes a change: a rule of a model, or a user, by themselves or through the agent."""

    actor: Actor
    user_id: UUID | None = None
    rule: str | None = None
    model_version: str | None = None

    @classmethod
    def user(cls, access: Access, actor: Actor) -> Author:
        """Return the user of the access as the author."""
        is_service = access.user_id == SERVICE_USER_ID
        return cls(actor, user_id=None if is_service else access.user_id)


class ChangeView(BaseModel):
    """One change; `changes` holds by field what it was and what it became.

    What is inside `metric_refs` goes by `metric_refs.<name>`. A new recommendation was null.
    """

    model_config = ConfigDict(frozen=True, from_attributes=True)

    id: UUID
    changed_at: datetime
    actor: str
    user_id: UUID | None
    rule: str | None
    model_version: str | None
    changes: dict[str, list[Any]]
    why: str


def content_of(row: Recommendation) -> dict[str, Any]:
    """Return what a change of the recommendation can change, by field."""
    content = {name: getattr(row, name) for name in _COLUMNS}
    refs = row.metric_refs or {}
    return content | {f"metric_refs.{name}": value for name, value in refs.items()}


async def record(
    session: Session,
    access: Access,
    row: Recommendation,
    before: Mapping[str, Any],
    author: Author,
    why: str,
) -> None:
    """Add how the row differs from before to its history; nothing if it does not."""
    after = content_of(row)
    changes = {
        name: [before.get(name), after.get(name)]
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    }
    if not changes:
        return
    change = RecommendationChange(
        business_id=access.business_id,
        recommendation_id=row.id,
        actor=author.actor,
        user_id=author.user_id,
        rule=author.rule,
        model_version=author.model_version,
        changes=changes,
        why=why,
    )
    await stored.insert_change(session, change)


async def list_changes(
    session: Session,
    access: Access,
    recommendation_id: UUID,
    *,
    limit: int = 50,
    after: tuple[datetime, UUID] | None = None,
) -> list[ChangeView]:
    """List a recommendation's changes, the latest first; raise NotFoundError for an unknown one."""
    await stored.get_recommendation(session, access, recommendation_id)
    rows = await stored.list_changes(session, access, recommendation_id, limit=limit, after=after)
    return [ChangeView.model_validate(row) for row in rows]
