"""What follows from a sync: snapshots, then the score, then the recommendations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from db.repositories.integrations import find_integration
from db.session import Session
from domain.access import Access, Permission
from domain.advice import advise
from domain.periods import Month
from domain.rates import NO_RATES, StatedRates
from services import readiness, recommendations, snapshots
from services.businesses import time_zone_of


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
    rates: StatedRates = NO_RATES,
) -> Refreshed:
    """Derive everything anew from the ledger, in the transaction that completed the sync.

    `zone` is that of the Stripe account unless given. Nothing is written where nothing changed,
    so a second refresh changes no row. Raise NotPermittedError for a viewer.
    """
    access.require(Permission.RECOMPUTE)
    if zone is None:
        zone = ZoneInfo(time_zone_of(await find_integration(session, access)))
    changed = tuple(await snapshots.rebuild(session, access, zone=zone, now=now, rates=rates))
    computed = await readiness.recompute_if_changed(session, access, now=now)
    if computed is None:
        return Refreshed(changed, None)
    advice = advise(computed.inputs, computed.months, computed.assessment, computed.as_of)
    # Stale data says nothing about what has improved: it only adds that it is stale.
    is_fresh = computed.assessment.stale is None
    await recommendations.refresh_from_advice(session, access, advice, now=now, resolve=is_fresh)
    return Refreshed(changed, computed.assessment.score)
