"""The history of a recommendation: every change, by whom, and nothing that can be altered."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from db.session import Database
from domain.access import Role
from domain.advice import Actor, Priority
from domain.errors import InvalidInputError, NotFoundError
from services import recommendation_history, recommendations
from services.recommendation_history import ChangeView
from tests.factories import Shop, make_shop
from tests.services.recommendation_steps import (
    NOW,
    advice,
    change,
    changes_of,
    create,
    only_row,
    refresh,
)


async def history(database: Database, shop: Shop, **page: object) -> list[ChangeView]:
    row = await only_row(database)
    async with database.unit_of_work() as session:
        return await recommendation_history.list_changes(
            session,
            shop.access,
            row.id,
            **page,  # type: ignore[arg-type]
        )


@pytest.mark.parametrize("actor", [Actor.PERSON, Actor.AGENT])
async def test_note_is_recorded_with_its_maker(
    database: Database, shop: Shop, actor: Actor
) -> None:
    result = await create(database, shop.access, actor=actor)
    [first] = await history(database, shop)
    assert (first.actor, first.user_id, first.rule) == (actor, shop.access.user_id, None)
    assert first.changes["title"] == [None, "Offer annual plans"]
    assert first.changes["status"] == [None, "pending"]
    assert first.changes["metric_refs.created_by"] == [None, actor.value]
    assert result.recommendation.created_by == actor.value


async def test_rules_changes_name_the_rule_and_its_model(database: Database, shop: Shop) -> None:
    await refresh(database, shop.access, advice())
    await refresh(database, shop.access, advice(priority=Priority.HIGH))
    latest, first = await history(database, shop)
    for one in (latest, first):
        assert (one.actor, one.user_id) == ("rule", None)
        assert (one.rule, one.model_version) == ("diversify", "readiness-1")
    assert latest.changes == {"priority": ["medium", "high"]}
    assert first.changes["metric_refs.values"] == [None, {"top1_share": "0.4"}]


async def test_persons_change_holds_before_and_after(database: Database, shop: Shop) -> None:
    await create(database, shop.access)
    await change(
        database, shop.access, await only_row(database), status="accepted", priority="high"
    )
    latest, _ = await history(database, shop)
    assert latest.changes == {"status": ["pending", "accepted"], "priority": ["medium", "high"]}
    assert (latest.actor, latest.user_id) == ("person", shop.access.user_id)


async def test_resolution_is_told_apart_from_a_dismissal(database: Database, shop: Shop) -> None:
    await refresh(database, shop.access, advice())
    await refresh(database, shop.access, cleared={"diversify"})
    latest, _ = await history(database, shop)
    assert latest.changes == {
        "status": ["pending", "dismissed"],
        "metric_refs.resolved_at": [None, NOW.isoformat()],
    }
    assert latest.why == "Its trigger has cleared."


async def test_change_of_nothing_is_not_recorded(database: Database, shop: Shop) -> None:
    await refresh(database, shop.access, advice())
    await refresh(database, shop.access, advice(), now=NOW + timedelta(days=1))
    await change(database, shop.access, await only_row(database), status="pending")
    assert len(await changes_of(database)) == 1


async def test_refused_change_leaves_no_trace(database: Database, shop: Shop) -> None:
    await create(database, shop.access)
    with pytest.raises(InvalidInputError):
        await change(database, shop.access, await only_row(database), priority="urgent")
    assert len(await changes_of(database)) == 1


async def test_change_that_is_rolled_back_is_not_in_the_history(
    database: Database, shop: Shop
) -> None:
    await create(database, shop.access)
    row = await only_row(database)
    async with database.unit_of_work() as session:
        await recommendations.update(session, shop.access, row.id, status="accepted")
        await session.rollback()
    assert len(await changes_of(database)) == 1


async def test_pages_follow_one_another_without_gap_or_repeat(
    database: Database, shop: Shop
) -> None:
    await create(database, shop.access)
    for title in ("Second", "Third", "Fourth", "Fifth"):
        await change(database, shop.access, await only_row(database), title=title)
    whole = await history(database, shop)
    assert [item.changes["title"][1] for item in whole][:2] == ["Fifth", "Fourth"]
    paged: list[ChangeView] = []
    while page := await history(
        database, shop, limit=2, after=(paged[-1].changed_at, paged[-1].id) if paged else None
    ):
        paged += page
    assert paged == whole


@pytest.mark.parametrize(
    "attempt", ["UPDATE recommendation_changes SET why = 'x'", "DELETE FROM recommendation_changes"]
)
async def test_history_can_neither_be_altered_nor_deleted(
    database: Database, shop: Shop, attempt: str
) -> None:
    await create(database, shop.access)
    with pytest.raises(DBAPIError, match="append-only"):
        async with database.unit_of_work() as session:
            await session.execute(text(attempt))
    [kept] = await changes_of(database)
    assert kept.why == "A person noted it."


async def test_history_of_another_business_is_not_found(database: Database, shop: Shop) -> None:
    other = await make_shop(database, "Book shop")
    await create(database, other.access)
    with pytest.raises(NotFoundError):
        await history(database, shop)


async def test_viewer_may_read_the_history(database: Database, shop: Shop) -> None:
    await create(database, shop.access)
    assert len(await history(database, Shop(shop.as_role(Role.VIEWER)))) == 1
