"""What follows from a sync: snapshots, score and recommendations, once and in one transaction."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from db.session import Database
from domain.access import Access, Role, service_access
from domain.errors import NotPermittedError
from domain.periods import Month
from services import insight, readiness, recommendations
from services.insight import Refreshed
from tests.factories import Shop, make_shop
from tests.services.books import Books

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")


def concentrated_books(access: Access, **options: Any) -> Books:
    """A year of sales of which one customer brings four fifths."""
    books = Books(access, **options)
    for offset in range(12):
        month = Month(2026, 11).plus(-offset)
        books.charge(f"{month}-05T15:00:00", 800_000, customer="cus_large")
        for number in range(4):
            books.charge(f"{month}-1{number}T15:00:00", 50_000, customer=f"cus_{number}")
    return books


async def refresh(database: Database, access: Access, now: datetime = NOW) -> Refreshed:
    async with database.unit_of_work() as session:
        return await insight.refresh(session, access, zone=NEW_YORK, now=now)


async def everything(database: Database) -> list[tuple[Any, ...]]:
    """Return every derived row with its version and times."""
    tables = {
        "financial_metric_snapshots": "created_at",
        "readiness_scores": "created_at",
        "readiness_score_details": "data_as_of",
        "recommendations": "updated_at",
        "insight_changes": "changed_at",
        "recommendation_changes": "changed_at",
    }
    rows: list[tuple[Any, ...]] = []
    async with database.unit_of_work() as session:
        for table, time in tables.items():
            found = await session.execute(
                text(f"SELECT '{table}', xmin::text, ctid::text, {time} FROM {table} ORDER BY 3")
            )
            rows += [tuple(row) for row in found]
    return rows


async def pending(database: Database, access: Access) -> set[str]:
    async with database.unit_of_work() as session:
        rows = await session.execute(
            text(
                "SELECT metric_refs ->> 'rule' FROM recommendations"
                " WHERE status = 'pending' AND business_id = :id"
            ),
            {"id": access.business_id},
        )
        return set(rows.scalars())


async def test_refresh_derives_everything(database: Database, shop: Shop) -> None:
    await concentrated_books(shop.access).save(database)
    result = await refresh(database, shop.access)
    assert len(result.months_changed) == 12
    assert result.score is not None
    assert "diversify" in await pending(database, shop.access)


async def test_second_refresh_changes_no_row(database: Database, shop: Shop) -> None:
    await concentrated_books(shop.access).save(database)
    first = await refresh(database, shop.access)
    before = await everything(database)
    again = await refresh(database, shop.access, NOW + timedelta(minutes=30))
    assert again == Refreshed((), first.score)
    assert len(before) > 14
    assert await everything(database) == before


async def test_two_refreshes_at_once_make_each_row_once(database: Database, shop: Shop) -> None:
    await concentrated_books(shop.access).save(database)
    await asyncio.gather(*(refresh(database, shop.access) for _ in range(4)))
    async with database.unit_of_work() as session:
        scores = await session.scalar(text("SELECT count(*) FROM readiness_scores"))
        made = await session.execute(
            text(
                "SELECT metric_refs ->> 'rule' AS rule, count(*) AS made"
                " FROM recommendations GROUP BY 1"
            )
        )
        counts: dict[str, int] = {row.rule: row.made for row in made}
    assert scores == 1
    assert counts
    assert set(counts.values()) == {1}


async def test_lock_does_not_keep_messages_of_the_business_waiting(
    database: Database, shop: Shop
) -> None:
    await concentrated_books(shop.access).save(database)
    async with database.unit_of_work() as session:
        await insight.refresh(session, shop.access, zone=NEW_YORK, now=NOW)
        async with database.unit_of_work() as other:
            await other.execute(text("SET LOCAL lock_timeout = '2s'"))
            await other.execute(
                text("INSERT INTO agent_conversations (business_id, user_id) VALUES (:b, :u)"),
                {"b": shop.business_id, "u": shop.access.user_id},
            )


async def test_improvement_resolves_the_advice(database: Database, shop: Shop) -> None:
    books = concentrated_books(shop.access)
    await books.save(database)
    await refresh(database, shop.access)
    for offset in range(12):
        for number in range(40):
            day = f"{Month(2026, 11).plus(-offset)}-{number % 20 + 1:02d}"
            books.charge(f"{day}T16:00:00", 250_000, customer=f"cus_new_{number}")
    await books.save(database)
    await refresh(database, shop.access)
    assert "diversify" not in await pending(database, shop.access)


async def test_advice_names_the_snapshots_and_the_score_that_it_rests_on(
    database: Database, shop: Shop
) -> None:
    await concentrated_books(shop.access).save(database)
    await refresh(database, shop.access)
    refs = (await references(database))["diversify"]
    async with database.unit_of_work() as session:
        snapshots = await session.scalars(
            text(
                "SELECT id::text FROM financial_metric_snapshots"
                " WHERE period_start < '2026-11-01' ORDER BY period_start"
            )
        )
        score = await session.scalar(text("SELECT id::text FROM readiness_scores"))
    assert refs["snapshot_ids"] == list(snapshots)
    assert refs["score_id"] == score
    assert refs["predicted"]["points_before"] < refs["predicted"]["points_after"]


async def test_score_that_is_computed_again_changes_no_advice(
    database: Database, shop: Shop
) -> None:
    await concentrated_books(shop.access).save(database)
    await refresh(database, shop.access)
    before = await references(database)
    async with database.unit_of_work() as session:
        await readiness.recompute(session, shop.access, now=NOW)
    await refresh(database, shop.access)
    assert await references(database) == before


async def references(database: Database) -> dict[str, Any]:
    """Return what each rule's recommendation refers to."""
    async with database.unit_of_work() as session:
        rows = await session.execute(
            text("SELECT metric_refs ->> 'rule' AS rule, metric_refs AS refs FROM recommendations")
        )
        return {row.rule: row.refs for row in rows}


async def test_share_between_both_lines_keeps_the_advice_and_makes_none(
    database: Database, shop: Shop
) -> None:
    """26 % opens, 24 % holds, 22 % clears; of a business that begins at 24 % nothing is said."""
    other = await make_shop(database, "Book shop")
    heard = []
    for percent in (26, 24, 22):
        await set_books(database, shop.access, percent)
        await refresh(database, shop.access)
        heard.append("diversify" in await pending(database, shop.access))
    assert heard == [True, True, False]
    await set_books(database, other.access, 24)
    await refresh(database, other.access)
    assert "diversify" not in await pending(database, other.access)


async def set_books(database: Database, access: Access, percent: int) -> None:
    """Let one customer bring so many percent of a year, and 100 others the rest."""
    async with database.unit_of_work() as session:
        for table in ("ledger_charges", "ledger_balance_transactions", "integration_accounts"):
            await session.execute(
                text(f"DELETE FROM {table} WHERE business_id = :id"), {"id": access.business_id}
            )
    books = Books(access)
    for offset in range(1, 13):
        month = Month(2026, 11).plus(-offset)
        books.charge(f"{month}-05T15:00:00", percent * 10_000, customer="cus_large")
        for number in range(100):
            day = number % 20 + 1
            amount = (100 - percent) * 100
            books.charge(f"{month}-{day:02d}T16:00:00", amount, customer=f"cus_{number}")
    await books.save(database)


async def test_stale_data_adds_one_advice_and_keeps_the_rest(
    database: Database, shop: Shop
) -> None:
    await concentrated_books(shop.access).save(database)
    await refresh(database, shop.access)
    before = await pending(database, shop.access)
    result = await refresh(database, shop.access, NOW + timedelta(days=9))
    assert result.score is None
    assert await pending(database, shop.access) == before | {"data_complete"}
    async with database.unit_of_work() as session:
        found = await recommendations.list_recommendations(session, shop.access)
        scores = await session.scalar(text("SELECT count(*) FROM readiness_scores"))
    assert "Bring the data up to date" in {view.title for view in found.recommendations}
    assert scores == 1


async def test_empty_ledger_derives_nothing(database: Database, shop: Shop) -> None:
    await Books(shop.access).save(database)
    assert await refresh(database, shop.access) == Refreshed((), None)
    assert await everything(database) == []


async def test_zone_is_that_of_the_stripe_account(database: Database, shop: Shop) -> None:
    books = Books(shop.access, zone="Pacific/Auckland")
    books.charge("2026-09-30T11:30:00", 700)
    await books.save(database)
    async with database.unit_of_work() as session:
        result = await insight.refresh(session, service_access(shop.business_id), now=NOW)
    # Half past midnight on 1 October in Auckland.
    assert result.months_changed[0] == Month(2026, 10)


async def test_viewer_cannot_refresh(database: Database, shop: Shop) -> None:
    await concentrated_books(shop.access).save(database)
    with pytest.raises(NotPermittedError):
        await refresh(database, shop.as_role(Role.VIEWER))
    assert await everything(database) == []


async def test_refresh_leaves_other_businesses_alone(database: Database, shop: Shop) -> None:
    other = await make_shop(database, "Book shop")
    await concentrated_books(other.access).save(database)
    await refresh(database, other.access)
    before = await everything(database)
    await Books(shop.access).save(database)
    await refresh(database, shop.access)
    assert await everything(database) == before
