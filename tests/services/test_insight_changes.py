"""What a refresh changed is recorded once, and told in sentences."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from db.session import Database
from domain.access import Access
from services import insight, insight_changes
from services.insight_changes import (
    Cause,
    ChangedRecommendation,
    ChangePage,
    Changes,
    ScoreMark,
    sentences,
)
from tests.factories import Shop, make_shop
from tests.services.books import Books
from tests.services.test_insight import NEW_YORK, NOW, concentrated_books


async def refresh(
    database: Database, access: Access, now: datetime = NOW, cause: Cause = Cause.SYNC
) -> None:
    async with database.unit_of_work() as session:
        await insight.refresh(session, access, zone=NEW_YORK, now=now, cause=cause)


async def changes(database: Database, access: Access, limit: int = 20) -> ChangePage:
    async with database.unit_of_work() as session:
        return await insight_changes.list_changes(session, access, limit=limit)


async def test_first_refresh_tells_score_months_and_recommendations(
    database: Database, shop: Shop
) -> None:
    await concentrated_books(shop.access).save(database)
    await refresh(database, shop.access)
    [change] = (await changes(database, shop.access)).items
    assert (change.cause, change.changed_at) == (Cause.SYNC, NOW)
    assert change.months[0] == "2025-12"
    assert len(change.months) == 12
    assert change.score_before is None
    assert change.score_after is not None
    assert change.told[0].startswith(f"The readiness score is {change.score_after.score} (")
    assert {item.change for item in change.recommendations} == {"new"}
    assert change.told[-1] == "The figures of 12 months changed, 2025-12 to 2026-11."


async def test_refresh_that_changes_nothing_leaves_no_record(
    database: Database, shop: Shop
) -> None:
    await concentrated_books(shop.access).save(database)
    await refresh(database, shop.access)
    await refresh(database, shop.access, NOW + timedelta(minutes=5))
    assert len((await changes(database, shop.access)).items) == 1


async def test_new_sale_tells_its_month_and_nothing_else(database: Database, shop: Shop) -> None:
    books = concentrated_books(shop.access)
    await books.save(database)
    await refresh(database, shop.access)
    books.charge("2026-11-20T15:00:00", 5_000, customer="cus_1")
    await books.save(database)
    await refresh(database, shop.access, cause=Cause.EVENTS)
    latest = (await changes(database, shop.access)).items[0]
    assert (latest.cause, latest.months) == (Cause.EVENTS, ["2026-11"])
    assert latest.told == ["The figures of 2026-11 changed."]


async def test_list_goes_on_behind_the_last_one_and_is_the_tenants_own(
    database: Database, shop: Shop
) -> None:
    await concentrated_books(shop.access).save(database)
    await refresh(database, shop.access)
    async with database.unit_of_work() as session:
        await session.execute(text("DELETE FROM readiness_score_details"))
        await session.execute(text("DELETE FROM readiness_scores"))
    await refresh(database, shop.access, NOW + timedelta(hours=1))
    first = await changes(database, shop.access, limit=1)
    assert len(first.items) == 1
    async with database.unit_of_work() as session:
        rest = await insight_changes.list_changes(session, shop.access, limit=1, after=first.next)
    assert [item.changed_at for item in (*first.items, *rest.items)] == [
        NOW + timedelta(hours=1),
        NOW,
    ]
    assert rest.next is None
    other = await make_shop(database, "Other")
    assert (await changes(database, other.access)).items == []


async def test_night_asks_for_a_refresh_of_every_business_that_was_read(
    database: Database, shop: Shop
) -> None:
    await concentrated_books(shop.access).save(database)
    unread = await make_shop(database, "Never read")
    await Books(unread.access, synced_at=None).save(database)
    async with database.unit_of_work() as session:
        assert await insight.request_nightly(session) == 1
    async with database.unit_of_work() as session:
        payloads = (
            await session.execute(text("SELECT payload FROM pgqueuer WHERE entrypoint = 'insight'"))
        ).scalars()
        assert [json.loads(payload) for payload in payloads] == [
            {"business_id": str(shop.business_id), "cause": "nightly"}
        ]


def mark(score: int, tier: str) -> ScoreMark:
    return ScoreMark(id=uuid4(), score=score, tier=tier)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (("needs_work", 58), ("needs_work", 55), "went from 58 to 55 (needs work)."),
        (
            ("needs_work", 58),
            ("funding_ready", 61),
            "went from 58 to 61, and its tier from needs work to funding ready.",
        ),
        (("needs_work", 58), ("needs_work", 58), "stays at 58 (needs work), on newer data."),
    ],
)
def test_score_is_told_with_where_it_came_from(
    before: tuple[str, int], after: tuple[str, int], told: str
) -> None:
    changed = Changes(
        months=[],
        score_before=mark(before[1], before[0]),
        score_after=mark(after[1], after[0]),
        recommendations=[],
    )
    assert sentences(changed) == [f"The readiness score {told}"]


def test_recommendations_and_few_months_are_told_by_name() -> None:
    advice = [
        ChangedRecommendation(id=uuid4(), title="Diversify.", change="resolved"),
        ChangedRecommendation(id=uuid4(), title="Bring refunds down", change="new"),
        ChangedRecommendation(id=uuid4(), title="Bring disputes down", change="changed"),
    ]
    same = mark(50, "needs_work")
    changed = Changes(
        months=["2026-09", "2026-10"], score_before=same, score_after=same, recommendations=advice
    )
    assert sentences(changed) == [
        "No longer needed: Diversify.",
        "New recommendation: Bring refunds down.",
        "Recommendation changed: Bring disputes down.",
        "The figures of 2026-09, 2026-10 changed.",
    ]
