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
from services import advising, readiness, signals, snapshots
from services.businesses import time_zone_of


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh found: the months whose figures changed, and the score if there is one."""

    months_changed: tuple[Month, ...]
    score: int | None


async def refresh(
    session: Session, access: Access, *, now: datetime, zone: ZoneInfo | None = None
) -> Refreshed:
    """Derive everything anew from the ledger, in the transaction that completed the sync.

    `zone` is that of the Stripe account unless given. Nothing is written where nothing changed,
    so a second refresh changes no row. Raise NotPermittedError for a viewer.
    """
    access.require(Permission.RECOMPUTE)
    if zone is None:
        zone = ZoneInfo(time_zone_of(await find_integration(session, access)))
    changed = tuple(await snapshots.rebuild(session, access, zone=zone, now=now))
    computed = await readiness.recompute_if_changed(session, access, now=now)
    if computed is None:
        return Refreshed(changed, None)
    advised = advise(
        computed.inputs,
        computed.months,
        computed.assessment,
        computed.as_of,
        signals=await signals.read(
            session, access, months=computed.months, as_of=computed.as_of, now=now
        ),
        open_rules=await advising.open_rules(session, access),
    )
    await advising.refresh_from_advice(session, access, advised, now=now)
    return Refreshed(changed, computed.assessment.score)
