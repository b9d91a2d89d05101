"""How often runs were asked for: counted in the transaction that creates them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select, text

from db.models import RunCount
from db.session import Session


class CountKind(StrEnum):
    """Who is counted, and for how long."""

    USER_MINUTE = "user_minute"
    BUSINESS_DAY = "business_day"


class Counted(NamedTuple):
    """One count: of whom, since when at the latest it began, and how many it may reach.

    A count that began before `since` begins anew at `starts_at`.
    """

    kind: CountKind
    subject_id: UUID
    since: datetime
    starts_at: datetime
    limit: int


# The row is locked until the run is committed, or is as it was if it is not.
_COUNT = text("""
    INSERT INTO run_counts AS count (subject_id, kind, starts_at, used)
    VALUES (:subject_id, :kind, :starts_at, 1)
    ON CONFLICT (subject_id, kind) DO UPDATE
    SET used = CASE WHEN count.starts_at >= :since THEN count.used + 1 ELSE 1 END,
        starts_at = CASE WHEN count.starts_at >= :since
            THEN count.starts_at ELSE excluded.starts_at END
    WHERE count.starts_at < :since OR count.used < :limit
    RETURNING used
""")


async def count_one(session: Session, counted: Counted) -> bool:
    """Count one more if the limit allows it; return whether it does."""
    found = await session.execute(_COUNT, {**counted._asdict(), "kind": counted.kind.value})
    return found.scalar_one_or_none() is not None


async def began_at(session: Session, counted: Counted) -> datetime:
    """Return when a count that is there began."""
    query = select(RunCount.starts_at).where(
        RunCount.subject_id == counted.subject_id, RunCount.kind == counted.kind.value
    )
    return (await session.execute(query)).scalar_one()
