"""Recommendations: noted by people, never written by viewers."""

import asyncio
from uuid import uuid4

import pytest
from pydantic_core import to_jsonable_python

from db.session import Database
from domain.access import Role
from domain.errors import InvalidInputError, NotFoundError, NotPermittedError
from services import recommendations
from tests.factories import Shop, make_shop
from tests.services.recommendation_steps import (
    advice,
    change,
    create,
    listed,
    only_row,
    refresh,
    rows_of,
)


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
        "created_by",
        "resolved",
        "resolved_at",
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


async def test_same_title_at_once_is_created_once(database: Database, shop: Shop) -> None:
    results = await asyncio.gather(*(create(database, shop.access) for _ in range(5)))
    assert sum(result.created for result in results) == 1
    assert len(await rows_of(database)) == 1
