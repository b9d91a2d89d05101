"""Runs counted over all businesses, each from a partial index."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Select, func, select

from db.models import Run
from db.repositories.event_logs import IS_KEPT
from db.repositories.run_health import IS_UNFINISHED
from db.session import Session


async def count_unfinished(session: Session) -> dict[str, int]:
    """Count the runs that have not ended, by state; a state without any is left out."""
    return await _count(session, select(Run.state, func.count()).where(IS_UNFINISHED))


async def count_ended(session: Session, *, since: timedelta) -> dict[str, int]:
    """Count the runs that ended so long ago at most, by state."""
    lately = Run.finished_at > func.now() - since
    # Logs are kept for longer than that, so the index of what is kept has all of them.
    return await _count(session, select(Run.state, func.count()).where(lately, IS_KEPT))


async def _count(session: Session, query: Select[str, int]) -> dict[str, int]:
    rows = await session.execute(query.group_by(Run.state))
    return {state: count for state, count in rows}  # noqa: C416 - rows are no pairs to the checker
