"""What refreshes changed: appended by each that changed anything, read the latest first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from uuid_utils.compat import uuid7

from db.models import InsightChange
from db.session import Session
from domain.access import Access


async def insert_change(
    session: Session, access: Access, *, cause: str, content: dict[str, Any], now: datetime
) -> None:
    """Store what a refresh changed."""
    session.add(
        InsightChange(
            id=uuid7(),
            business_id=access.business_id,
            changed_at=now,
            cause=cause,
            content=content,
        )
    )
    await session.flush()


async def list_changes(
    session: Session, access: Access, *, limit: int, after: UUID | None = None
) -> Sequence[InsightChange]:
    """List the business's changes, the latest first, from behind `after`."""
    query = (
        select(InsightChange)
        .where(InsightChange.business_id == access.business_id)
        .order_by(InsightChange.id.desc())
        .limit(limit)
    )
    if after is not None:
        query = query.where(InsightChange.id < after)
    return (await session.execute(query)).scalars().all()
