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


@dataclasses.dataclass
class JobQueries(Queries):
    """The engine's own statements but for two that it repeats.

    After each job it asks for more until there are none, and then three questions about when to ask
    again. That was five statements for each run, which it waited for before it took the next.
    """

    _is_emptied: bool = dataclasses.field(init=False, default=False)
    # How long the soonest queued job still has to wait, None if none is queued.
    _soonest: timedelta | None = dataclasses.field(init=False, default=None)
    _disowned: set[int] = dataclasses.field(init=False, default_factory=set)

    @classmethod
    def over(cls, connection: asyncpg.Connection[asyncpg.Record]) -> JobQueries:
        """Return those of a worker with this connection."""
        return cls(AsyncpgDriver(connection))

    def disown(self, job_id: int) -> None:
        """Leave a job to the worker that has taken it over: the engine would delete its row."""
        self._disowned.add(job_id)

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
        """Delete the rows of jobs that have ended, but for those of another worker."""
        ended = [one for one in job_status if one[0].id not in self._disowned]
        self._disowned.difference_update(job.id for job, *_ in job_status)
        if ended:
            await super().log_jobs(ended)
