"""Stored monthly metrics: one row for each calendar month of a business, and what it said before.

A snapshot is known from when it was stored, or from when its last revision ended; a revision until
the rebuild that changed or removed the snapshot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, literal, or_, select, text
from sqlalchemy.dialects.postgresql import insert

from db.models import MetricSnapshot, SnapshotRevision
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
    session: Session, access: Access, snapshots: Sequence[SnapshotValues], *, now: datetime
) -> None:
    """Store the snapshots by period; a row that would not change is not written."""
    if not snapshots:
        return
    ours = {"business_id": access.business_id, "created_at": now}
    rows = [{**ours, **_columns(snapshot)} for snapshot in snapshots]
    statement = insert(MetricSnapshot)
    changed = [
        getattr(MetricSnapshot, name).is_distinct_from(statement.excluded[name])
        for name in _CONTENT
    ]
    # One statement, sent with each row: it is planned once, however many months there are.
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=_KEY,
            set_={name: statement.excluded[name] for name in _CONTENT},
            where=or_(*changed),
        ),
        rows,
    )


def _columns(snapshot: SnapshotValues) -> dict[str, Any]:
    return {field.name: getattr(snapshot, field.name) for field in fields(SnapshotValues)}


def _known_from() -> ColumnElement[datetime]:
    """Return since when the current row says what it says."""
    last = (
        select(func.max(SnapshotRevision.known_until))
        .where(
            SnapshotRevision.business_id == MetricSnapshot.business_id,
            SnapshotRevision.period_start == MetricSnapshot.period_start,
        )
        .scalar_subquery()
    )
    return func.greatest(MetricSnapshot.created_at, last)


async def keep_revisions(
    session: Session, access: Access, period_starts: Sequence[date], *, now: datetime
) -> None:
    """Keep what the snapshots of these periods say, as known until now; then change them.

    What was stored by an earlier rebuild of the same moment was never known, and is not kept.
    """
    if not period_starts:
        return
    kept = select(
        MetricSnapshot.business_id,
        MetricSnapshot.period_start,
        func.greatest(literal(now), _known_from()),
        _known_from(),
        MetricSnapshot.id,
        MetricSnapshot.period_end,
        *(getattr(MetricSnapshot, name) for name in _CONTENT),
    ).where(
        MetricSnapshot.business_id == access.business_id,
        MetricSnapshot.period_start.in_(period_starts),
    )
    names = ["business_id", "period_start", "known_until", "known_from", "snapshot_id"]
    statement = insert(SnapshotRevision).from_select([*names, "period_end", *_CONTENT], kept)
    await session.execute(statement.on_conflict_do_nothing())


async def list_known_at(
    session: Session, access: Access, at: datetime
) -> Sequence[MetricSnapshot | SnapshotRevision]:
    """List the snapshots as they were known at a moment, the earliest period first."""
    current = (
        select(MetricSnapshot)
        .where(MetricSnapshot.business_id == access.business_id, _known_from() <= at)
        .execution_options(populate_existing=True)
    )
    earlier = select(SnapshotRevision).where(
        SnapshotRevision.business_id == access.business_id,
        SnapshotRevision.known_from <= at,
        SnapshotRevision.known_until > at,
    )
    found: list[MetricSnapshot | SnapshotRevision] = []
    found += (await session.execute(current)).scalars()
    found += (await session.execute(earlier)).scalars()
    return sorted(found, key=lambda row: row.period_start)


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
