"""Recommendations: noted by people, kept in line with the rules, never written by viewers."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from pydantic_core import to_jsonable_python
from sqlalchemy import select, text

from db.models import Recommendation
from db.session import Database
from domain.access import Access, Role
from domain.advice import Advice, Category, Priority
from domain.errors import InvalidInputError, NotFoundError, NotPermittedError
from services import recommendations
from services.recommendations import CreatedRecommendation, RecommendationView
from tests.factories import Shop, make_shop

NOW = datetime.now(UTC)


def advice(rule: str = "diversify", **changes: Any) -> Advice:
    fields: dict[str, Any] = {
        "rule": rule,
        "title": f"Advice of {rule}",
        "description": "The largest customer brings 40 % of revenue.",
        "priority": Priority.MEDIUM,
        "category": Category.RISK,
        "metric_refs": {"rule": rule, "values": {"top1_share": "0.4"}},
        "estimated_impact": "+4 points (60 to 64)",
        "effect": 4.0,
    }
    return Advice(**(fields | changes))


async def create(
    database: Database, access: Access, title: str = "Offer annual plans", **changes: str
) -> CreatedRecommendation:
    fields = {"description": "Cash up front.", "category": "cash_flow"} | changes
    async with database.unit_of_work() as session:
        return await recommendations.create(session, access, title=title, **fields)


async def refresh(
    database: Database,
    access: Access,
    *items: Advice,
    now: datetime = NOW,
    resolve: bool = True,
) -> None:
    async with database.unit_of_work() as session:
        await recommendations.refresh_from_advice(session, access, items, now=now, resolve=resolve)


async def change(
    database: Database, access: Access, row: Recommendation, **changes: str
) -> list[str]:
    async with database.unit_of_work() as session:
        result = await recommendations.update(session, access, row.id, **changes)
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


async def test_created_one_is_pending(database: Database, shop: Shop) -> None:
    result = await create(database, shop.access, priority="high")
    assert result.created
    [view] = await listed(database, shop.access)
    assert view == result.recommendation
    assert (view.title, view.description, view.category, view.priority, view.status) == (
        "Offer annual plans",
        "Cash up front.",
        "cash_flow",
        "high",
        "pending",
    )


async def test_created_one_has_the_agreed_fields(database: Database, shop: Shop) -> None:
    result = to_jsonable_python(await create(database, shop.access))
    assert list(result) == ["recommendation", "created"]
    assert set(result["recommendation"]) == {
        "id",
        "title",
        "description",
        "priority",
        "category",
        "status",
        "estimated_impact",
        "created_at",
        "updated_at",
    }


@pytest.mark.parametrize(
    "title",
    [
        "'; DROP TABLE recommendations; --",
        "<script>alert(1)</script>",
        "{{ system }} ignore all previous instructions",
        "%(title)s :title $1 \\x00",
        "Größere Aufträge 报价 ✓",
    ],
)
async def test_title_is_stored_verbatim(database: Database, shop: Shop, title: str) -> None:
    await create(database, shop.access, title)
    assert (await only_row(database)).title == title


@pytest.mark.parametrize(
    "again", ["Offer annual plans", "  offer  ANNUAL\tplans ", "Offer annual \uff50lans"]
)
async def test_pending_title_is_not_created_again(
    database: Database, shop: Shop, again: str
) -> None:
    first = await create(database, shop.access)
    second = await create(database, shop.access, again, description="Other words.")
    assert not second.created
    assert second.recommendation == first.recommendation
    assert len(await rows_of(database)) == 1


async def test_title_of_a_settled_one_may_be_created_again(database: Database, shop: Shop) -> None:
    await create(database, shop.access)
    await change(database, shop.access, await only_row(database), status="accepted")
    assert (await create(database, shop.access)).created


async def test_title_of_another_business_may_be_created(database: Database, shop: Shop) -> None:
    other = await make_shop(database, "Book shop")
    await create(database, other.access)
    assert (await create(database, shop.access)).created


@pytest.mark.parametrize(
    "wrong",
    [
        {"title": ""},
        {"title": "   "},
        {"title": "x" * 256},
        {"title": "with \x00 inside"},
        {"title": "half \ud800 pair"},
        {"description": ""},
        {"description": "x" * 4001},
        {"category": "marketing"},
        {"category": "RISK"},
        {"priority": "urgent"},
    ],
)
async def test_fields_out_of_bounds_are_refused(
    database: Database, shop: Shop, wrong: dict[str, str]
) -> None:
    with pytest.raises(InvalidInputError):
        await create(database, shop.access, **wrong)
    assert await rows_of(database) == []


async def test_longest_texts_are_stored(database: Database, shop: Shop) -> None:
    await create(database, shop.access, "t" * 255, description="d" * 4000)
    row = await only_row(database)
    assert (len(row.title), len(row.description or "")) == (255, 4000)


async def test_viewer_cannot_write(database: Database, shop: Shop) -> None:
    viewer = shop.as_role(Role.VIEWER)
    await create(database, shop.access)
    row = await only_row(database)
    with pytest.raises(NotPermittedError):
        await create(database, viewer, "Another one")
    with pytest.raises(NotPermittedError):
        await change(database, viewer, row, status="dismissed")
    with pytest.raises(NotPermittedError):
        await refresh(database, viewer, advice())
    assert [(view.title, view.status) for view in await listed(database, viewer, "all")] == [
        ("Offer annual plans", "pending")
    ]


async def test_unknown_one_is_not_found(database: Database, shop: Shop) -> None:
    async with database.unit_of_work() as session:
        with pytest.raises(NotFoundError):
            await recommendations.update(session, shop.access, uuid4(), status="accepted")


async def test_one_of_another_business_is_not_found_and_not_listed(
    database: Database, shop: Shop
) -> None:
    other = await make_shop(database, "Book shop")
    await create(database, other.access)
    row = await only_row(database)
    with pytest.raises(NotFoundError):
        await change(database, shop.access, row, status="dismissed")
    assert await listed(database, shop.access, "all") == []
    assert (await only_row(database)).status == "pending"


async def test_update_names_what_changed(database: Database, shop: Shop) -> None:
    await create(database, shop.access)
    row = await only_row(database)
    changed = await change(database, shop.access, row, status="accepted", priority="medium")
    assert changed == ["status"]
    after = await only_row(database)
    assert (after.status, after.priority) == ("accepted", "medium")
    assert after.updated_at > row.updated_at


async def test_update_without_a_change_leaves_the_row(database: Database, shop: Shop) -> None:
    await create(database, shop.access)
    row = await only_row(database)
    assert await change(database, shop.access, row, status="pending") == []
    assert (await only_row(database)).updated_at == row.updated_at


@pytest.mark.parametrize("wrong", [{"status": "done"}, {"priority": "urgent"}, {"title": " "}])
async def test_update_to_an_impossible_value_is_refused(
    database: Database, shop: Shop, wrong: dict[str, str]
) -> None:
    await create(database, shop.access)
    with pytest.raises(InvalidInputError):
        await change(database, shop.access, await only_row(database), **wrong)


async def test_most_important_come_first_then_the_latest(database: Database, shop: Shop) -> None:
    for title, priority in (("a", "low"), ("b", "high"), ("c", "medium"), ("d", "high")):
        await create(database, shop.access, title, priority=priority)
    assert [view.title for view in await listed(database, shop.access)] == ["d", "b", "c", "a"]


@pytest.mark.parametrize(
    ("status", "titles"),
    [
        ("pending", {"a"}),
        ("accepted", {"b"}),
        ("dismissed", {"c"}),
        ("all", {"a", "b", "c"}),
    ],
)
async def test_list_takes_a_status(
    database: Database, shop: Shop, status: str, titles: set[str]
) -> None:
    for title in "abc":
        await create(database, shop.access, title)
    _, second, third = await rows_of(database)
    await change(database, shop.access, second, status="accepted")
    await change(database, shop.access, third, status="dismissed")
    assert {view.title for view in await listed(database, shop.access, status)} == titles


async def test_unknown_status_is_refused(database: Database, shop: Shop) -> None:
    with pytest.raises(InvalidInputError, match="pending, accepted, dismissed"):
        await listed(database, shop.access, "open")


async def test_advice_becomes_a_pending_row(database: Database, shop: Shop) -> None:
    await refresh(database, shop.access, advice())
    row = await only_row(database)
    assert (row.business_id, row.status, row.title) == (
        shop.business_id,
        "pending",
        "Advice of diversify",
    )
    assert (row.priority, row.category, row.estimated_impact) == (
        "medium",
        "risk",
        "+4 points (60 to 64)",
    )
    assert row.metric_refs == {"rule": "diversify", "values": {"top1_share": "0.4"}}


async def test_order_of_equally_important_advice_is_kept(database: Database, shop: Shop) -> None:
    await refresh(database, shop.access, advice("first"), advice("second"), advice("third"))
    assert [view.title for view in await listed(database, shop.access)] == [
        "Advice of first",
        "Advice of second",
        "Advice of third",
    ]


async def test_same_advice_twice_changes_nothing(database: Database, shop: Shop) -> None:
    await refresh(database, shop.access, advice(), advice("dunning"))
    before = await physical_rows(database)
    await refresh(database, shop.access, advice(), advice("dunning"))
    assert await physical_rows(database) == before


async def physical_rows(database: Database) -> list[tuple[Any, ...]]:
    async with database.unit_of_work() as session:
        found = await session.execute(
            text("SELECT id, xmin::text, updated_at FROM recommendations ORDER BY id")
        )
        return [tuple(row) for row in found]


async def test_refreshes_at_once_make_one_row(database: Database, shop: Shop) -> None:
    await asyncio.gather(*(refresh(database, shop.access, advice()) for _ in range(5)))
    assert len(await rows_of(database)) == 1


async def test_same_title_at_once_is_created_once(database: Database, shop: Shop) -> None:
    results = await asyncio.gather(*(create(database, shop.access) for _ in range(5)))
    assert sum(result.created for result in results) == 1
    assert len(await rows_of(database)) == 1


async def test_pending_row_follows_its_rule(database: Database, shop: Shop) -> None:
    await refresh(database, shop.access, advice())
    before = await only_row(database)
    newer = advice(
        title="Win two more customers",
        priority=Priority.HIGH,
        metric_refs={"rule": "diversify", "values": {"top1_share": "0.6"}},
    )
    await refresh(database, shop.access, newer)
    after = await only_row(database)
    assert (after.id, after.created_at) == (before.id, before.created_at)
    assert (after.title, after.priority) == ("Win two more customers", "high")
    assert after.metric_refs == newer.metric_refs
    assert after.updated_at > before.updated_at


async def test_what_a_person_changed_is_left_alone(database: Database, shop: Shop) -> None:
    await refresh(database, shop.access, advice())
    await change(
        database, shop.access, await only_row(database), priority="low", title="Ask Ada first"
    )
    await refresh(database, shop.access, advice(title="Newer", description="Newer words."))
    row = await only_row(database)
    assert (row.title, row.priority, row.description) == ("Ask Ada first", "low", "Newer words.")


async def test_accepted_row_is_left_alone(database: Database, shop: Shop) -> None:
    await refresh(database, shop.access, advice())
    await change(database, shop.access, await only_row(database), status="accepted")
    before = await physical_rows(database)
    await refresh(database, shop.access, advice(title="Newer"), now=NOW + timedelta(days=400))
    await refresh(database, shop.access)
    assert await physical_rows(database) == before


@pytest.mark.parametrize(("days", "rows"), [(0, 1), (29, 1), (31, 2)])
async def test_dismissed_advice_returns_after_thirty_days(
    database: Database, shop: Shop, days: int, rows: int
) -> None:
    await refresh(database, shop.access, advice())
    await change(database, shop.access, await only_row(database), status="dismissed")
    await refresh(database, shop.access, advice(), now=NOW + timedelta(days=days))
    assert len(await rows_of(database)) == rows
    assert len(await listed(database, shop.access)) == rows - 1


async def test_returned_advice_is_followed_and_not_made_again(
    database: Database, shop: Shop
) -> None:
    await refresh(database, shop.access, advice())
    await change(database, shop.access, await only_row(database), status="dismissed")
    for days in (40, 80):
        await refresh(
            database, shop.access, advice(title=f"Day {days}"), now=NOW + timedelta(days=days)
        )
    assert [row.title for row in await rows_of(database)] == ["Advice of diversify", "Day 80"]


async def test_pending_row_of_a_silent_rule_is_resolved(database: Database, shop: Shop) -> None:
    await refresh(database, shop.access, advice(), advice("dunning"))
    await refresh(database, shop.access, advice("dunning"))
    assert [view.title for view in await listed(database, shop.access)] == ["Advice of dunning"]
    [resolved] = [row for row in await rows_of(database) if row.title == "Advice of diversify"]
    assert resolved.status == "dismissed"
    assert resolved.metric_refs is not None
    assert resolved.metric_refs["resolved_at"] == NOW.isoformat()


async def test_reopened_row_is_no_longer_resolved(database: Database, shop: Shop) -> None:
    await refresh(database, shop.access, advice())
    await refresh(database, shop.access)
    await change(database, shop.access, await only_row(database), status="pending")
    row = await only_row(database)
    assert row.metric_refs is not None
    assert "resolved_at" not in row.metric_refs


async def test_silence_of_stale_data_resolves_nothing(database: Database, shop: Shop) -> None:
    await refresh(database, shop.access, advice())
    await refresh(database, shop.access, advice("data_complete"), resolve=False)
    assert {view.title for view in await listed(database, shop.access)} == {
        "Advice of diversify",
        "Advice of data_complete",
    }


async def test_rules_leave_what_people_noted_alone(database: Database, shop: Shop) -> None:
    await create(database, shop.access)
    before = await physical_rows(database)
    await refresh(database, shop.access)
    assert await physical_rows(database) == before


async def test_refresh_leaves_other_businesses_alone(database: Database, shop: Shop) -> None:
    other = await make_shop(database, "Book shop")
    await refresh(database, other.access, advice())
    await refresh(database, shop.access)
    assert len(await listed(database, other.access)) == 1
