"""What follows from a sync: snapshots, then the score, then the recommendations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from db.repositories.businesses import lock_business
from db.repositories.integrations import find_integration, list_businesses_read
from db.session import Session
from domain.access import Access, Permission
from domain.advice import advise
from domain.periods import Month
from domain.rates import NO_RATES, StatedRates
from services import advising, insight_changes, readiness, signals, snapshots
from services.businesses import time_zone_of
from services.insight_changes import Cause
from services.syncs import request_insight


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh found: the months whose figures changed, and the score if there is one."""

    months_changed: tuple[Month, ...]
    score: int | None


async def refresh(
    session: Session,
    access: Access,
    *,
    now: datetime,
    zone: ZoneInfo | None = None,
    cause: Cause = Cause.SYNC,
    rates: StatedRates = NO_RATES,
) -> Refreshed:
    """Derive everything anew from the ledger, in the transaction that completed the sync.

    `zone` is that of the Stripe account unless given. Nothing is written where nothing changed,
    so a second refresh changes no row; what did is recorded, to be told. Raise NotPermittedError
    for a viewer.
    """
    access.require(Permission.RECOMPUTE)
    await lock_business(session, access)
    before = await insight_changes.standing(session, access)
    refreshed = await _derive(session, access, now, zone, rates)
    await insight_changes.record(
        session, access, cause=cause, months=refreshed.months_changed, before=before, now=now
    )
    return refreshed


async def request_nightly(session: Session) -> int:
    """Ask for a refresh of every business that was ever read; return how many there are.

    Time alone changes what is known: a month ends, data grows old, a recommendation may return.
    """
    read = await list_businesses_read(session)
    for business_id in read:
        await request_insight(session, business_id, cause=Cause.NIGHTLY)
    return len(read)


async def _derive(
    session: Session, access: Access, now: datetime, zone: ZoneInfo | None, rates: StatedRates
) -> Refreshed:
    if zone is None:
        zone = ZoneInfo(time_zone_of(await find_integration(session, access)))
    changed = tuple(await snapshots.rebuild(session, access, zone=zone, now=now, rates=rates))
    computed = await readiness.recompute_if_changed(session, access, now=now, rates=rates)
    if computed is None:
        return Refreshed(changed, None)
    advised = advise(
        computed.inputs,
        computed.months,
        computed.assessment,
        computed.as_of,
        signals=await signals.read(
            session,
            access,
            months=computed.months,
            recurring=computed.recurring,
            as_of=computed.as_of,
            now=now,
        ),
        open_rules=await advising.open_rules(session, access),
    )
    await advising.refresh_from_advice(session, access, advised, now=now)
    return Refreshed(changed, computed.assessment.score)
