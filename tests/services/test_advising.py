"""Recommendations of rules: in line with the figures, and left alone where a person decided."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text

from db.session import Database
from domain.access import Role
from domain.advice import Advised, Priority
from domain.errors import NotPermittedError
from services import advising, recommendations
from tests.factories import Shop, make_shop
from tests.services.recommendation_steps import (
    NOW,
    advice,
    change,
    changes_of,
    create,
    listed,
    only_row,
    physical_rows,
    refresh,
    rows_of,
)


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
    assert row.metric_refs == {
        "rule": "diversify",
        "values": {"top1_share": "0.4"},
        "model_version": "readiness-1",
        "created_by": "rule",
        "snapshot_ids": [],
        "score_id": None,
    }


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


async def test_refreshes_at_once_make_one_row(database: Database, shop: Shop) -> None:
    await asyncio.gather(*(refresh(database, shop.access, advice()) for _ in range(5)))
    assert len(await rows_of(database)) == 1


async def wait_for_a_waiting_transaction(database: Database) -> None:
    """Return once some transaction waits for a lock that another one holds."""
    async with database.unit_of_work() as session:
        for _ in range(6000):
            if await session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")):
                return
            await asyncio.sleep(0.01)
    raise AssertionError("Nobody waits.")


async def test_second_refresh_waits_for_the_first_and_finds_its_row(
    database: Database, shop: Shop
) -> None:
    advised = Advised((advice(),))
    async with database.unit_of_work() as session:
        await advising.refresh_from_advice(session, shop.access, advised, now=NOW)
        second = asyncio.create_task(refresh(database, shop.access, advice(title="Newer")))
        await wait_for_a_waiting_transaction(database)
    await second
    assert (await only_row(database)).title == "Newer"
    assert [change.actor for change in await changes_of(database)] == ["rule", "rule"]


async def test_persons_decision_waits_for_a_refresh_and_outlives_it(
    database: Database, shop: Shop
) -> None:
    await refresh(database, shop.access, advice())
    row = await only_row(database)
    advised = Advised((advice(title="Newer"),))
    async with database.unit_of_work() as session:
        await advising.refresh_from_advice(session, shop.access, advised, now=NOW)
        decision = asyncio.create_task(change(database, shop.access, row, status="accepted"))
        await wait_for_a_waiting_transaction(database)
    assert await decision == ["status"]
    after = await only_row(database)
    assert (after.title, after.status) == ("Newer", "accepted")


async def test_refresh_waits_for_a_persons_edit_and_keeps_it(
    database: Database, shop: Shop
) -> None:
    await refresh(database, shop.access, advice())
    row = await only_row(database)
    async with database.unit_of_work() as session:
        await recommendations.update(session, shop.access, row.id, title="Ask Ada first")
        newer = asyncio.create_task(
            refresh(database, shop.access, advice(title="Newer", description="Newer words."))
        )
        await wait_for_a_waiting_transaction(database)
    await newer
    after = await only_row(database)
    assert (after.title, after.description) == ("Ask Ada first", "Newer words.")


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
    assert after.metric_refs is not None
    assert after.metric_refs["values"] == {"top1_share": "0.6"}
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


async def test_pending_row_of_a_clear_rule_is_resolved(database: Database, shop: Shop) -> None:
    await refresh(database, shop.access, advice(), advice("dunning"))
    await refresh(database, shop.access, advice("dunning"), cleared={"diversify"})
    assert [view.title for view in await listed(database, shop.access)] == ["Advice of dunning"]
    [resolved] = await listed(database, shop.access, "dismissed")
    assert (resolved.title, resolved.resolved, resolved.resolved_at) == (
        "Advice of diversify",
        True,
        NOW,
    )


async def test_accepted_row_of_a_clear_rule_is_resolved_and_stays_accepted(
    database: Database, shop: Shop
) -> None:
    await refresh(database, shop.access, advice())
    await change(database, shop.access, await only_row(database), status="accepted")
    await refresh(database, shop.access, cleared={"diversify"})
    [view] = await listed(database, shop.access, "accepted")
    assert (view.resolved, view.resolved_at) == (True, NOW)


async def test_dismissed_row_of_a_clear_rule_is_a_persons_no_and_not_resolved(
    database: Database, shop: Shop
) -> None:
    await refresh(database, shop.access, advice())
    await change(database, shop.access, await only_row(database), status="dismissed")
    await refresh(database, shop.access, cleared={"diversify"})
    [view] = await listed(database, shop.access, "dismissed")
    assert (view.resolved, view.resolved_at) == (False, None)


@pytest.mark.parametrize(("days", "rows"), [(0, 1), (29, 1), (30, 2)])
@pytest.mark.parametrize("status", ["pending", "accepted"])
async def test_resolved_advice_returns_after_thirty_days(
    database: Database, shop: Shop, status: str, days: int, rows: int
) -> None:
    await refresh(database, shop.access, advice())
    await change(database, shop.access, await only_row(database), status=status)
    await refresh(database, shop.access, cleared={"diversify"})
    await refresh(database, shop.access, advice(), now=NOW + timedelta(days=days))
    assert len(await rows_of(database)) == rows


async def test_rule_that_knows_nothing_leaves_its_row(database: Database, shop: Shop) -> None:
    await refresh(database, shop.access, advice())
    before = await physical_rows(database)
    await refresh(database, shop.access, advice("data_complete"), cleared={"dunning"})
    assert set(before) < set(await physical_rows(database))


async def test_resolving_twice_changes_nothing(database: Database, shop: Shop) -> None:
    await refresh(database, shop.access, advice())
    await refresh(database, shop.access, cleared={"diversify"})
    before = await physical_rows(database)
    await refresh(database, shop.access, cleared={"diversify"}, now=NOW + timedelta(days=1))
    assert await physical_rows(database) == before


async def test_reopened_row_is_no_longer_resolved(database: Database, shop: Shop) -> None:
    await refresh(database, shop.access, advice())
    await refresh(database, shop.access, cleared={"diversify"})
    await change(database, shop.access, await only_row(database), status="pending")
    [view] = await listed(database, shop.access)
    assert not view.resolved


async def open_rules(database: Database, shop: Shop) -> dict[str, dict[str, str]]:
    async with database.unit_of_work() as session:
        return await advising.open_rules(session, shop.access)


@pytest.mark.parametrize(
    ("status", "is_open"), [("pending", True), ("accepted", True), ("dismissed", False)]
)
async def test_rule_is_open_until_it_is_dismissed(
    database: Database, shop: Shop, status: str, is_open: bool
) -> None:
    await refresh(database, shop.access, advice())
    await change(database, shop.access, await only_row(database), status=status)
    expected = {"diversify": {"top1_share": "0.4"}} if is_open else {}
    assert await open_rules(database, shop) == expected


async def test_resolved_rule_is_not_open(database: Database, shop: Shop) -> None:
    await refresh(database, shop.access, advice())
    await change(database, shop.access, await only_row(database), status="accepted")
    await refresh(database, shop.access, cleared={"diversify"})
    assert await open_rules(database, shop) == {}


async def test_rules_leave_what_people_noted_alone(database: Database, shop: Shop) -> None:
    await create(database, shop.access)
    before = await physical_rows(database)
    await refresh(database, shop.access, cleared={"diversify"})
    assert await physical_rows(database) == before


async def test_refresh_leaves_other_businesses_alone(database: Database, shop: Shop) -> None:
    other = await make_shop(database, "Book shop")
    await refresh(database, other.access, advice())
    await refresh(database, shop.access, cleared={"diversify"})
    assert len(await listed(database, other.access)) == 1


async def test_viewer_cannot_refresh(database: Database, shop: Shop) -> None:
    with pytest.raises(NotPermittedError):
        await refresh(database, shop.as_role(Role.VIEWER), advice())
    assert await rows_of(database) == []
