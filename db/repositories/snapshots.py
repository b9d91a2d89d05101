"""Stored monthly metrics: one row for each calendar month of a business."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, or_, select, text
from sqlalchemy.dialects.postgresql import insert

from db.models import MetricSnapshot
from db.session import Session
from domain.access import Access


@dataclass(frozen=True, slots=True)
class SnapshotValues:
    """What one row holds; both days are inclusive, money is in major units."""

    period_start: date
    period_end: date
    revenue_total: Decimal
    revenue_volatility: Decimal | None
    chargeback_count: int
    chargeback_ratio: Decimal | None
    refund_count: int
    refund_ratio: Decimal | None
    mrr: Decimal | None
    metrics_json: dict[str, Any]


_KEY = ("business_id", "period_start", "period_end")
_CONTENT = (
    "revenue_total",
    "revenue_volatility",
    "chargeback_count",
    "chargeback_ratio",
    "refund_count",
    "refund_ratio",
    "mrr",
    "metrics_json",
)


def values_of(row: MetricSnapshot) -> SnapshotValues:
    """Return what the row holds."""
    return SnapshotValues(
        **{field.name: getattr(row, field.name) for field in fields(SnapshotValues)}
    )


async def upsert_snapshots(
    session: Session, access: Access, snapshots: Sequence[SnapshotValues]
) -> None:
    """Store the snapshots by period; a row that would not change is not written."""
    if not snapshots:
        return
    rows = [{"business_id": access.business_id, **asdict(snapshot)} for snapshot in snapshots]
    statement = insert(MetricSnapshot).values(rows)
    changed = [
        getattr(MetricSnapshot, name).is_distinct_from(statement.excluded[name])
        for name in _CONTENT
    ]
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=_KEY,
            set_={name: statement.excluded[name] for name in _CONTENT},
            where=or_(*changed),
        )
    )


async def delete_snapshots(session: Session, access: Access, ids: Sequence[UUID]) -> None:
    """Delete the named snapshots."""
    await session.execute(
        delete(MetricSnapshot).where(
            MetricSnapshot.business_id == access.business_id, MetricSnapshot.id.in_(ids)
        )
    )


async def list_snapshots(session: Session, access: Access) -> Sequence[MetricSnapshot]:
    """List the snapshots of the business, the earliest first."""
    query = (
        select(MetricSnapshot)
        .where(MetricSnapshot.business_id == access.business_id)
        .order_by(MetricSnapshot.period_end)
        .execution_options(populate_existing=True)
    )
    return (await session.execute(query)).scalars().all()


async def list_last_six_months(session: Session, access: Access) -> Sequence[MetricSnapshot]:
    """List the snapshots that end within the last six months, the latest first."""
    query = (
        select(MetricSnapshot)
        .where(
            MetricSnapshot.business_id == access.business_id,
            MetricSnapshot.period_end >= func.current_date() - text("INTERVAL '6 months'"),
        )
        .order_by(MetricSnapshot.period_end.desc())
        .execution_options(populate_existing=True)
    )
    return (await session.execute(query)).scalars().all()
