"""The job engine's statements, without those that a busy worker need not wait for."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any, cast

import asyncpg
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.models import Job, TracebackRecord
from pgqueuer.domain.types import JOB_STATUS, QueueEntrypoint
from pgqueuer.ports.repository import EntrypointExecutionParameter

_SOONEST = """
    SELECT execute_after - now() AS wait FROM pgqueuer
    WHERE status = 'queued' AND entrypoint = ANY($1)
    ORDER BY execute_after LIMIT 1
"""
# As the engine's own, but for `updated`: it is written when a job is taken, so a row that has
# another one is held by whoever took the job over from a worker that was not heard of in time.
_LOG = """
WITH ended AS (
    SELECT * FROM unnest($1::bigint[], $2::timestamptz[], $3::pgqueuer_status[], $4::jsonb[])
        AS job (id, updated, status, traceback)
), deleted AS (
    DELETE FROM pgqueuer AS job USING ended
    WHERE job.id = ended.id AND job.updated = ended.updated AND ended.status <> 'failed'
    RETURNING job.id, ended.status, job.entrypoint, job.priority, ended.traceback
), held AS (
    UPDATE pgqueuer AS job SET status = 'failed', updated = now(), queue_manager_id = NULL
    FROM ended
    WHERE job.id = ended.id AND job.updated = ended.updated AND ended.status = 'failed'
    RETURNING job.id, ended.status, job.entrypoint, job.priority, ended.traceback
)
INSERT INTO pgqueuer_log (job_id, status, entrypoint, priority, traceback)
SELECT * FROM deleted UNION ALL SELECT * FROM held
"""
_RETRY = """
WITH retried AS (
    UPDATE pgqueuer SET status = 'queued', execute_after = now() + $3::interval,
        attempts = attempts + 1, updated = now(), queue_manager_id = NULL
    WHERE id = $1 AND updated = $2
    RETURNING id, entrypoint, priority
)
INSERT INTO pgqueuer_log (job_id, status, entrypoint, priority, traceback)
SELECT id, 'queued', entrypoint, priority, $4::jsonb FROM retried
"""


@dataclasses.dataclass
class JobQueries(Queries):
    """The engine's own statements, but fewer of them, and none that touches another worker's job.

    After each job it asks for more until there are none, and then three questions about when to ask
    again. That was five statements for each run, which it waited for before it took the next.
    """

    _is_emptied: bool = dataclasses.field(init=False, default=False)
    # How long the soonest queued job still has to wait, None if none is queued.
    _soonest: timedelta | None = dataclasses.field(init=False, default=None)

    @classmethod
    def over(cls, connection: asyncpg.Connection[asyncpg.Record]) -> JobQueries:
        """Return those of a worker with this connection."""
        return cls(AsyncpgDriver(connection))

    async def dequeue(
        self,
        batch_size: int,
        entrypoints: dict[QueueEntrypoint, EntrypointExecutionParameter],
        *more: Any,
        **named: Any,
    ) -> list[Job]:
        """Take jobs; once there were fewer than asked for, there are none the next time.

        What has come in between is seen by `eligible_queued_work`, which the engine asks next.
        """
        if self._is_emptied:
            self._is_emptied = False
            return []
        jobs = await super().dequeue(batch_size, entrypoints, *more, **named)
        self._is_emptied = 0 < len(jobs) < batch_size
        return jobs

    async def eligible_queued_work(self, entrypoints: list[QueueEntrypoint]) -> int:
        """Tell whether a job is due, and note when the next one is."""
        rows = await self.driver.fetch(_SOONEST, entrypoints)
        self._soonest = cast("timedelta", rows[0]["wait"]) if rows else None
        return int(self._soonest is not None and self._soonest <= timedelta())

    async def next_deferred_eta(self, entrypoints: list[QueueEntrypoint]) -> timedelta | None:
        """Return how long the next job has to wait, as `eligible_queued_work` has seen it."""
        del entrypoints
        return self._soonest

    async def queued_work(self, entrypoints: list[QueueEntrypoint]) -> int:
        """Tell whether any job was queued: one statement has seen those due and those to come."""
        del entrypoints
        return int(self._soonest is not None)

    async def log_jobs(
        self, job_status: list[tuple[Job, JOB_STATUS, TracebackRecord | None]]
    ) -> None:
        """Delete the rows of jobs that have ended, but for those that were taken over."""
        jobs, statuses, tracebacks = zip(*job_status, strict=True)
        await self.driver.execute(
            _LOG,
            [job.id for job in jobs],
            [job.updated for job in jobs],
            list(statuses),
            [_json(traceback) for traceback in tracebacks],
        )

    async def retry_job(
        self, job: Job, delay: timedelta, traceback_record: TracebackRecord | None
    ) -> None:
        """Queue the job again, unless it was taken over."""
        await self.driver.execute(_RETRY, job.id, job.updated, delay, _json(traceback_record))


def _json(traceback: TracebackRecord | None) -> str | None:
    return None if traceback is None else traceback.model_dump_json()
