"""How often runs may be asked for: counted in PostgreSQL, so all processes count together."""

from __future__ import annotations

from datetime import UTC, datetime, time

from db.repositories.run_counts import Counted, CountKind, began_at, count_one
from db.session import Session
from domain.access import Access
from domain.errors import RateLimitedError
from domain.limits import MINUTE, RunLimits, day_of, next_day


async def count_run(session: Session, access: Access, limits: RunLimits, now: datetime) -> None:
    """Count a run that is about to be created; raise RateLimitedError if it is one too many.

    A minute begins with a user's first run in it, a day at 00:00 UTC. Whoever is refused rolls
    back, so a run that is not created does not count.
    """
    if limits.a_minute is not None:
        await _count_minute(session, access, limits.a_minute, now)
    if limits.a_day is not None:
        await _count_day(session, access, limits.a_day, now)


async def _count_minute(session: Session, access: Access, limit: int, now: datetime) -> None:
    # Clocks of several processes differ: what began in the future has begun.
    counted = Counted(CountKind.USER_MINUTE, access.user_id, now - MINUTE, now, limit)
    if not await count_one(session, counted):
        began = await began_at(session, counted)
        wait = max((began + MINUTE - now).total_seconds(), 1.0)
        raise RateLimitedError(
            f"You have asked {limit} questions within a minute, which is as many as are answered.",
            hint=f"Send the same request again in {-(-wait // 1):.0f} s.",
            retry_after=wait,
        )


async def _count_day(session: Session, access: Access, limit: int, now: datetime) -> None:
    begin = datetime.combine(day_of(now), time(), UTC)
    counted = Counted(CountKind.BUSINESS_DAY, access.business_id, begin, begin, limit)
    if not await count_one(session, counted):
        raise RateLimitedError(
            f"This business has asked {limit:,} questions today, which is as many as are answered.",
            hint="The count starts again at 00:00 UTC.",
            retry_after=(next_day(now) - now).total_seconds(),
        )
