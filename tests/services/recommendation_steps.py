"""Steps of tests about recommendations, each in a transaction of its own."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select, text

from db.models import Recommendation, RecommendationChange
from db.session import Database
from domain.access import Access
from domain.advice import Actor, Advice, Advised, Category, Priority
from services import advising, recommendations
from services.recommendations import CreatedRecommendation, RecommendationView

NOW = datetime.now(UTC)


def advice(rule: str = "diversify", **changes: Any) -> Advice:
    fields: dict[str, Any] = {
        "rule": rule,
        "title": f"Advice of {rule}",
        "description": "The largest customer brings 40 % of revenue.",
        "priority": Priority.MEDIUM,
        "category": Category.RISK,
        "metric_refs": {
            "rule": rule,
            "values": {"top1_share": "0.4"},
            "model_version": "readiness-1",
        },
        "estimated_impact": "+4 points (60 to 64)",
        "effect": 4.0,
    }
    return Advice(**(fields | changes))


async def create(
    database: Database,
    access: Access,
    title: str = "Offer annual plans",
    *,
    actor: Actor = Actor.PERSON,
    **changes: str,
) -> CreatedRecommendation:
    fields = {"description": "Cash up front.", "category": "cash_flow"} | changes
    async with database.unit_of_work() as session:
        return await recommendations.create(session, access, title=title, actor=actor, **fields)


async def change(
    database: Database,
    access: Access,
    row: Recommendation,
    *,
    actor: Actor = Actor.PERSON,
    **changes: Any,
) -> list[str]:
    async with database.unit_of_work() as session:
        result = await recommendations.update(session, access, row.id, actor=actor, **changes)
    return result.changed


async def listed(
    database: Database, access: Access, status: str = "pending"
) -> list[RecommendationView]:
    async with database.unit_of_work() as session:
        result = await recommendations.list_recommendations(session, access, status)
    assert result.count == len(result.recommendations)
    return result.recommendations


async def rows_of(database: Database) -> list[Recommendation]:
    async with database.unit_of_work() as session:
        query = select(Recommendation).order_by(Recommendation.created_at)
        return list((await session.execute(query)).scalars())


async def only_row(database: Database) -> Recommendation:
    [row] = await rows_of(database)
    return row


async def refresh(
    database: Database,
    access: Access,
    *items: Advice,
    now: datetime = NOW,
    cleared: Collection[str] = (),
) -> None:
    """Follow the advice; the rules in `cleared` are known to be clear."""
    advised = Advised(items, frozenset(cleared))
    async with database.unit_of_work() as session:
        await advising.refresh_from_advice(session, access, advised, now=now)


async def physical_rows(database: Database) -> list[tuple[Any, ...]]:
    async with database.unit_of_work() as session:
        found = await session.execute(
            text("SELECT id, xmin::text, updated_at FROM recommendations ORDER BY id")
        )
        return [tuple(row) for row in found]


async def changes_of(database: Database) -> list[RecommendationChange]:
    """Every change that is stored, the earliest first."""
    async with database.unit_of_work() as session:
        query = select(RecommendationChange).order_by(RecommendationChange.id)
        return list((await session.execute(query)).scalars())
