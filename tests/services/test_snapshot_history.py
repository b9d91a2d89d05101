"""Figures as they were known at a moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from db.models import LedgerCharge, SnapshotRevision
from db.session import Database
from domain.access import Access
from domain.errors import NoDataError, PeriodError
from domain.metrics import MetricName
from domain.periods import Month
from services import snapshots
from services.figures import SnapshotQueryResult
from tests.factories import Shop, make_shop
from tests.services.books import Books, mark
from tests.services.snapshot_steps import NOW, a_year_of_books, rebuild

MONDAY, TUESDAY, FRIDAY = NOW - timedelta(days=6), NOW - timedelta(days=5), NOW - timedelta(days=2)


async def known(
    database: Database, access: Access, at: datetime, month: str = "2026-10"
) -> SnapshotQueryResult:
    async with database.unit_of_work() as session:
        return await snapshots.query(
            session,
            access,
            metrics=[MetricName.REVENUE_TOTAL],
            first=Month.parse(month),
            last=Month.parse(month),
            now=NOW,
            known_at=at,
        )


async def revenue(database: Database, access: Access, at: datetime) -> Decimal | None:
    return (await known(database, access, at)).totals[0].value


async def two_rebuilds(database: Database, shop: Shop) -> None:
    """150.00 in October as it was known from Monday on, 160.00 from Friday on."""
    books = a_year_of_books(shop.access, synced_at="2026-11-16T10:00:00")
    await books.save(database)
    await rebuild(database, shop.access, now=MONDAY)
    books.charge("2026-10-20T12:00:00", 1_000)
    await books.save(database)
    await rebuild(database, shop.access, now=FRIDAY)


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (MONDAY, "150.00"),
        (FRIDAY - timedelta(microseconds=1), "150.00"),
        (FRIDAY, "160.00"),
        (NOW, "160.00"),
    ],
)
async def test_figure_is_told_as_it_was_known_at_the_moment(
    database: Database, shop: Shop, at: datetime, value: str
) -> None:
    await two_rebuilds(database, shop)
    assert await revenue(database, shop.access, at) == Decimal(value)


async def test_without_a_moment_the_present_figure_is_told(database: Database, shop: Shop) -> None:
    await two_rebuilds(database, shop)
    async with database.unit_of_work() as session:
        months = await snapshots.list_months(session, shop.access)
    assert months[-2].metrics.revenue_minor == 16_000


async def test_figure_that_was_known_is_no_younger_than_the_moment(
    database: Database, shop: Shop
) -> None:
    books = a_year_of_books(shop.access, synced_at="2026-11-22T10:00:00")
    await books.save(database)
    await rebuild(database, shop.access, now=MONDAY)
    result = await known(database, shop.access, TUESDAY)
    assert (result.as_of, result.known_at) == (TUESDAY, TUESDAY)


async def test_moment_before_anything_was_kept_is_refused(database: Database, shop: Shop) -> None:
    await two_rebuilds(database, shop)
    with pytest.raises(NoDataError, match="kept since 2026-11-16 12:00 UTC"):
        await known(database, shop.access, MONDAY - timedelta(seconds=1))


async def test_moment_to_come_is_refused(database: Database, shop: Shop) -> None:
    await two_rebuilds(database, shop)
    with pytest.raises(PeriodError, match="has not come"):
        await known(database, shop.access, NOW + timedelta(seconds=1))


async def test_business_that_was_never_rebuilt_has_no_history(
    database: Database, shop: Shop
) -> None:
    with pytest.raises(NoDataError, match="Connect Stripe"):
        await known(database, shop.access, NOW)


async def test_month_that_the_ledger_lost_is_still_known_for_then(
    database: Database, shop: Shop
) -> None:
    books = Books(shop.access)
    books.charge("2026-07-15T12:00:00", 900)
    books.charge("2026-10-15T12:00:00")
    await books.save(database)
    await rebuild(database, shop.access, now=MONDAY)
    async with database.unit_of_work() as session:
        row = (
            await session.execute(select(LedgerCharge).where(LedgerCharge.amount == 900))
        ).scalar_one()
        await mark(session, shop.access, row)
        await session.delete(row)
    await rebuild(database, shop.access, now=FRIDAY)
    then = await known(database, shop.access, TUESDAY, "2026-07")
    now = await known(database, shop.access, NOW, "2026-07")
    assert then.totals[0].value == Decimal("9.00")
    assert (now.totals[0].value, now.missing_months) == (None, ["2026-07"])


async def test_rebuild_that_changes_no_figure_keeps_no_revision(
    database: Database, shop: Shop
) -> None:
    await two_rebuilds(database, shop)
    count = select(func.count()).select_from(SnapshotRevision)
    async with database.unit_of_work() as session:
        before = await session.scalar(count)
    await rebuild(database, shop.access, now=NOW)
    async with database.unit_of_work() as session:
        assert await session.scalar(count) == before


async def test_revisions_of_another_business_are_never_told(database: Database, shop: Shop) -> None:
    other = await make_shop(database, "Book shop")
    await two_rebuilds(database, other)
    await a_year_of_books(shop.access).save(database)
    await rebuild(database, shop.access, now=datetime(2026, 11, 1, tzinfo=UTC))
    assert await revenue(database, shop.access, TUESDAY) == Decimal("150.00")
    async with database.unit_of_work() as session:
        months = await snapshots.list_months(session, shop.access, known_at=TUESDAY)
    assert len(months) == len({month.metrics.month for month in months})
