"""Jobs are enqueued in the transaction that creates what they work on."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import overload

import orjson
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.types import JobId
from sqlalchemy import Interval, LargeBinary, Text, bindparam, text

from db.session import Session


class Entrypoint(StrEnum):
    """What a worker knows how to do."""

    RUN = "agent_run"
    SYNC = "stripe_sync"
    EVENTS = "stripe_events"
    POLL = "stripe_poll"
    RECONCILE = "stripe_reconcile"
    INSIGHT = "insight"
    NIGHTLY_INSIGHT = "insight_nightly"
    SPENDING = "spending"
    PRUNE = "prune"
    RECOVER = "recover_lost_runs"


# The migration that makes the function says what it does.
_QUEUE = text("SELECT queue_job(:entrypoint, :payload, :wait, :key)").bindparams(
    bindparam("entrypoint", type_=Text()),
    bindparam("payload", type_=LargeBinary()),
    bindparam("wait", type_=Interval()),
    bindparam("key", type_=Text()),
)
_EXCLUDE = text(
    "SELECT pg_advisory_xact_lock(hashtextextended(dedupe_key, 0)) FROM pgqueuer WHERE id = :id"
)
_LET_GO = text("UPDATE pgqueuer SET dedupe_key = NULL WHERE id = :id")


@overload
async def enqueue(
    session: Session,
    entrypoint: Entrypoint,
    payload: dict[str, str],
    *,
    dedupe_key: None = None,
    execute_after: timedelta | None = None,
) -> int: ...


@overload
async def enqueue(
    session: Session,
    entrypoint: Entrypoint,
    payload: dict[str, str],
    *,
    dedupe_key: str,
    execute_after: timedelta | None = None,
) -> int | None: ...


async def enqueue(
    session: Session,
    entrypoint: Entrypoint,
    payload: dict[str, str],
    *,
    dedupe_key: str | None = None,
    execute_after: timedelta | None = None,
) -> int | None:
    """Enqueue a job that becomes visible to workers when the transaction commits.

    It waits for at least `execute_after`. None if a job with the `dedupe_key` is queued or running
    already; see `allow_another` for what comes up while it runs.
    """
    queued = await session.execute(
        _QUEUE,
        {
            "entrypoint": entrypoint.value,
            "payload": orjson.dumps(payload),
            "wait": execute_after or timedelta(),
            "key": dedupe_key,
        },
    )
    job_id: int | None = queued.scalar_one()
    return job_id


async def allow_another(session: Session, job_id: int) -> None:
    """Let go of a running job's dedupe key, before it looks at what there is to do.

    What comes up later would be lost otherwise: the job does not look again, and none is queued
    while it runs. Whoever was told that none is needed has committed its work when this returns.
    """
    await session.execute(_EXCLUDE, {"id": job_id})
    await session.execute(_LET_GO, {"id": job_id})


async def interrupt(session: Session, job_id: int) -> None:
    """Ask whichever worker is running the job to stop; the job's row stays.

    Unlike the engine's own cancellation, a job whose worker has died is still picked up
    again, so that it can end properly.
    """
    # The engine speaks asyncpg itself. A statement through SQLAlchemy first makes sure that
    # its transaction, which the notification must be part of, has begun on the wire.
    connection = await session.connection()
    await connection.execute(text("SELECT 1"))
    raw = await connection.get_raw_connection()
    driver_connection = raw.driver_connection
    assert driver_connection is not None
    await Queries(AsyncpgDriver(driver_connection)).notify_job_cancellation([JobId(job_id)])
