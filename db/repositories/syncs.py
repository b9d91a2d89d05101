"""Syncs: who runs which attempt, and how far each list has been read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from uuid_utils.compat import uuid7

from db.models import SyncRun
from db.models.sync import ACTIVE_SYNC
from db.session import Session
from domain.access import Access
from domain.errors import NotFoundError

MAX_MESSAGE = 500


class SyncState(StrEnum):
    """Where a sync stands (`sync_runs.state`)."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


class SyncPurpose(StrEnum):
    """What a sync was asked for (`sync_runs.purpose`)."""

    SYNC = "sync"
    RECONCILE = "reconcile"


ACTIVE_STATES = (SyncState.QUEUED, SyncState.RUNNING)


class Lease(NamedTuple):
    """The right to write a sync's results: the attempt that was started last holds it."""

    sync_id: UUID
    attempt: int


async def insert_sync(
    session: Session,
    access: Access,
    integration_id: UUID,
    *,
    now: datetime,
    purpose: SyncPurpose = SyncPurpose.SYNC,
) -> SyncRun | None:
    """Queue a sync; None if one of the account is active, even if it was queued just now."""
    statement = (
        pg_insert(SyncRun)
        .values(
            id=uuid7(),
            business_id=access.business_id,
            integration_id=integration_id,
            state=SyncState.QUEUED,
            purpose=purpose,
            created_at=now,
        )
        .on_conflict_do_nothing(
            index_elements=[SyncRun.integration_id], index_where=text(ACTIVE_SYNC)
        )
        .returning(SyncRun)
    )
    return (await session.scalars(statement)).one_or_none()


async def find_active_sync(
    session: Session, access: Access, integration_id: UUID
) -> SyncRun | None:
    """Return the account's sync that is queued or running."""
    query = select(SyncRun).where(
        SyncRun.business_id == access.business_id,
        SyncRun.integration_id == integration_id,
        SyncRun.state.in_(ACTIVE_STATES),
    )
    return (await session.execute(query)).scalar_one_or_none()


async def get_sync(session: Session, access: Access, sync_id: UUID) -> SyncRun:
    """Return the business's sync or raise NotFoundError."""
    query = select(SyncRun).where(SyncRun.business_id == access.business_id, SyncRun.id == sync_id)
    sync = (await session.execute(query)).scalar_one_or_none()
    if sync is None:
        raise NotFoundError("There is no such sync.")
    return sync


async def list_syncs(
    session: Session, access: Access, *, limit: int, after: SyncRun | None = None
) -> Sequence[SyncRun]:
    """List the business's syncs, the newest first, from behind `after`."""
    query = (
        select(SyncRun)
        .where(SyncRun.business_id == access.business_id)
        .order_by(SyncRun.created_at.desc(), SyncRun.id.desc())
        .limit(limit)
    )
    if after is not None:
        position = tuple_(SyncRun.created_at, SyncRun.id)
        query = query.where(position < tuple_(after.created_at, after.id))
    return (await session.execute(query)).scalars().all()


async def find_sync_to_run(session: Session, sync_id: UUID) -> SyncRun | None:
    """Return the sync for the job that runs it, locked; None if it has ended or is unknown."""
    query = (
        select(SyncRun)
        .where(SyncRun.id == sync_id, SyncRun.state.in_(ACTIVE_STATES))
        .with_for_update()
    )
    return (await session.execute(query)).scalar_one_or_none()


async def start_attempt(
    session: Session, sync: SyncRun, *, cursors: Mapping[str, Any], now: datetime
) -> Lease:
    """Begin another attempt, which takes the lease from any before it; return the lease.

    The first attempt's start stays the sync's: what was read then may be that old.
    """
    sync.attempt += 1
    sync.state = SyncState.RUNNING
    sync.started_at = sync.started_at or now
    sync.cursors = dict(cursors)
    await session.flush()
    return Lease(sync.id, sync.attempt)


async def save_cursor(
    session: Session,
    lease: Lease,
    patch: Mapping[str, Any],
    *,
    findings: Mapping[str, Any] | None = None,
) -> bool:
    """Replace some of the cursors and findings, by their names at the top.

    False if the lease is lost, and then nothing is written.
    """
    merged: dict[str, Any] = {"cursors": SyncRun.cursors.concat(dict(patch))}
    if findings:
        merged["findings"] = SyncRun.findings.concat(dict(findings))
    return await _write(session, lease, **merged)


async def finish(
    session: Session,
    lease: Lease,
    state: SyncState,
    *,
    now: datetime,
    error_code: str | None = None,
    error_message: str | None = None,
) -> bool:
    """End the sync; False if the lease is lost, and then nothing is written."""
    return await _write(
        session,
        lease,
        state=state,
        finished_at=now,
        error_code=error_code,
        error_message=None if error_message is None else error_message[:MAX_MESSAGE],
    )


async def _write(session: Session, lease: Lease, **values: Any) -> bool:
    statement = (
        update(SyncRun)
        .where(
            SyncRun.id == lease.sync_id,
            SyncRun.attempt == lease.attempt,
            SyncRun.state == SyncState.RUNNING,
        )
        .values(**values)
        .returning(SyncRun.id)
    )
    return (await session.execute(statement)).scalar_one_or_none() is not None
