"""How often runs may be asked for: counted in PostgreSQL, so all processes count together."""

from __future__ import annotations

from datetime import datetime

from db.repositories import run_allowances
from db.repositories.run_allowances import CountKind
from db.session import Session
from domain.access import Access
from domain.errors import RateLimitedError
from domain.limits import MINUTE, UNLIMITED, RunLimits, next_day


async def count_run(session: Session, access: Access, limits: RunLimits, now: datetime) -> None:
    """Count a run that is about to be created; raise RateLimitedError if it is one too many.

    A minute begins with a user's first run in it, a day at 00:00 UTC. Whoever is refused rolls
    back, so a run that is not created does not count.
    """
    if limits == UNLIMITED:
        return
    refused = await run_allowances.count_run(session, access, limits, now)
    if refused is CountKind.USER_MINUTE:
        began = await run_allowances.began_at(session, access.user_id, refused)
        wait = max((began + MINUTE - now).total_seconds(), 1.0)
        raise RateLimitedError(
            f"You have asked {limits.a_minute} questions within a minute, "
            "which is as many as are answered.",
            hint=f"Send the same request again in {-(-wait // 1):.0f} s.",
            retry_after=wait,
        )
    if refused is CountKind.BUSINESS_DAY:
        raise RateLimitedError(
            f"This business has asked {limits.a_day:,} questions today, "
            "which is as many as are answered.",
            hint="The count starts again at 00:00 UTC.",
            retry_after=(next_day(now) - now).total_seconds(),
        )
