"""How often runs were asked for: counted in the transaction that creates them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import DateTime as Time
from sqlalchemy import Integer, bindparam, select, text

from db.models import RunCount
from db.session import Session
from domain.access import Access
from domain.limits import RunLimits


class CountKind(StrEnum):
    """Who is counted, and for how long."""

    USER_MINUTE = "user_minute"
    BUSINESS_DAY = "business_day"


# The migration that makes the function says what it does.
_COUNT = text("SELECT count_run(:user_id, :business_id, :asked_at, :a_minute, :a_day)").bindparams(
    bindparam("asked_at", type_=Time(timezone=True)),
    bindparam("a_minute", type_=Integer()),
    bindparam("a_day", type_=Integer()),
)


async def count_run(
    session: Session, access: Access, limits: RunLimits, now: datetime
) -> CountKind | None:
    """Count one more run; return which limit does not allow it, None if all do.

    The counts' rows are locked until the transaction ends.
    """
    values = {
        "user_id": access.user_id,
        "business_id": access.business_id,
        "asked_at": now,
        "a_minute": limits.a_minute,
        "a_day": limits.a_day,
    }
    refused = (await session.execute(_COUNT, values)).scalar_one()
    return None if refused is None else CountKind(refused)


async def began_at(session: Session, subject_id: UUID, kind: CountKind) -> datetime:
    """Return when a count that is there began."""
    query = select(RunCount.starts_at).where(
        RunCount.subject_id == subject_id, RunCount.kind == kind.value
    )
    return (await session.execute(query)).scalar_one()
