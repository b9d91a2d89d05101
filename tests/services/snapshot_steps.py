"""Steps that tests of snapshots share: rebuild, read, ask."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from db.models import MetricSnapshot
from db.repositories.snapshots import list_snapshots
from db.session import Database
from domain.access import Access
from domain.metrics import MetricName
from domain.periods import Month
from services import snapshots
from services.figures import SnapshotQueryResult
from services.snapshot_metrics import SnapshotMetrics
from tests.services.books import Books

NEW_YORK = ZoneInfo("America/New_York")
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ALL_METRICS = list(MetricName)


async def rebuild(
    database: Database, access: Access, *, zone: ZoneInfo = NEW_YORK, now: datetime = NOW
) -> list[Month]:
    async with database.unit_of_work() as session:
        return await snapshots.rebuild(session, access, zone=zone, now=now)


async def rows_of(database: Database, access: Access) -> dict[str, MetricSnapshot]:
    async with database.unit_of_work() as session:
        rows = await list_snapshots(session, access)
    return {f"{row.period_start:%Y-%m}": row for row in rows}


async def query(
    database: Database,
    access: Access,
    first: str,
    last: str,
    *metrics: MetricName,
    now: datetime = NOW,
) -> SnapshotQueryResult:
    async with database.unit_of_work() as session:
        return await snapshots.query(
            session,
            access,
            metrics=metrics or ALL_METRICS,
            first=Month.parse(first),
            last=Month.parse(last),
            now=now,
        )


def stored(row: MetricSnapshot) -> SnapshotMetrics:
    return SnapshotMetrics.model_validate(row.metrics_json)


def values(result: SnapshotQueryResult) -> dict[str, dict[str, Decimal | None]]:
    return {
        month.month: {figure.metric.value: figure.value for figure in month.figures}
        for month in result.months
    }


def a_year_of_books(access: Access, **options: Any) -> Books:
    """Sales of 100.00 and 50.00 every month of 2026, with refunds and a dispute in June."""
    books = Books(access, **options)
    for month in range(1, 12):
        charge = books.charge(f"2026-{month:02d}-10T15:00:00", 10_000, customer="cus_a", fee=320)
        books.charge(f"2026-{month:02d}-12T15:00:00", 5_000, customer=f"cus_{month}", fee=175)
        if month == 6:
            books.refund(charge, "2026-06-20T15:00:00", 4_000)
            books.dispute(charge, "2026-06-21T15:00:00", 10_000)
            books.balance("2026-06-21T15:00:00", -10_000, category="dispute", fee=1_500)
    return books
