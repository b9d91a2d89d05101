"""A worker: the job engine, owned, supervised and drained."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta

from pgqueuer import PgQueuer

from config.logs import get_logger
from db.job_engine import JobQueries
from db.session import LOST_CONNECTION, Database
from worker.tasks import register
from worker.wiring import Wiring

# A job whose worker has not been heard of for this long is somebody else's.
HEARTBEAT_TIMEOUT = timedelta(seconds=10)
# How long a stopping worker waits for its jobs before it hands them over.
DRAIN_SECONDS = 8.0
RECONNECT_SECONDS = 1.0
BATCH_SIZE = 10
# Runs mostly wait for their model; this many share one pool of connections without waiting.
MAX_JOBS = 100
_logger = get_logger(__name__)


class Worker:
    """Runs jobs until it is told to stop; a lost database connection is opened again."""

    def __init__(self, database: Database, wiring: Wiring, *, schedules: bool = True) -> None:
        """Prepare; nothing runs before `running`, and without `schedules` nothing by the clock."""
        self._schedules = schedules
        self._database = database
        self._wiring = wiring
        self._engine: PgQueuer | None = None
        self._stopping = False

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Worker]:
        """Run jobs in the background of the block, and drain them at its end."""
        task = asyncio.create_task(self.run(), name="worker")
        try:
            yield self
        finally:
            self.stop()
            await asyncio.wait({task}, timeout=DRAIN_SECONDS)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    @property
    def alive(self) -> bool:
        """Whether the engine is connected and takes jobs."""
        return self._engine is not None and not self._stopping

    def stop(self) -> None:
        """Take no new jobs; `run` returns when the present ones are done."""
        self._stopping = True
        if self._engine is not None:
            self._engine.shutdown.set()

    async def run(self) -> None:
        """Run jobs until `stop`."""
        while not self._stopping:
            try:
                await self._run_connected()
            except LOST_CONNECTION as error:
                if not self._stopping:
                    _logger.warning("worker.reconnecting", error=type(error).__name__)
                    await asyncio.sleep(RECONNECT_SECONDS)

    async def _run_connected(self) -> None:
        # An idle engine asks its connection only once a minute whether it is still there.
        async with self._database.connected() as connection:
            queries = JobQueries.over(connection)
            self._engine = PgQueuer(queries.driver, queries=queries)
            register(self._engine, self._wiring, schedules=self._schedules)
            try:
                await self._engine.run(
                    batch_size=BATCH_SIZE,
                    max_concurrent_tasks=MAX_JOBS,
                    heartbeat_timeout=HEARTBEAT_TIMEOUT,
                    shutdown_on_listener_failure=True,
                )
            finally:
                self._engine = None
