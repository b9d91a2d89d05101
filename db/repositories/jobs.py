"""Jobs are enqueued in the transaction that creates what they work on."""

from __future__ import annotations

from enum import StrEnum

import orjson
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.types import JobId
from sqlalchemy import text

from db.session import Session


class Entrypoint(StrEnum):
    """What a worker knows how to do."""

    RUN = "agent_run"
    SYNC = "stripe_sync"


async def _queries(session: Session) -> Queries:
    # The engine speaks asyncpg itself. A statement through SQLAlchemy first makes sure that
    # its transaction, which the engine's insert must be part of, has begun on the wire.
    connection = await session.connection()
    await connection.execute(text("SELECT 1"))
    raw = await connection.get_raw_connection()
    driver_connection = raw.driver_connection
    assert driver_connection is not None
    return Queries(AsyncpgDriver(driver_connection))


async def enqueue(session: Session, entrypoint: Entrypoint, payload: dict[str, str]) -> int:
    """Enqueue a job that becomes visible to workers when the transaction commits."""
    queries = await _queries(session)
    [job_id] = await queries.enqueue(entrypoint.value, orjson.dumps(payload))
    return int(job_id)


async def interrupt(session: Session, job_id: int) -> None:
    """Ask whichever worker is running the job to stop; the job's row stays.

    Unlike the engine's own cancellation, a job whose worker has died is still picked up
    again, so that it can end properly.
    """
    queries = await _queries(session)
    await queries.notify_job_cancellation([JobId(job_id)])
