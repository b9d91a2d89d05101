"""What each job does: read the payload, call the one function that does the work."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

import orjson
from pgqueuer import PgQueuer
from pgqueuer.domain.errors import RetryRequested
from pgqueuer.domain.models import Context, Job

from agent import runs
from db.repositories.jobs import Entrypoint
from domain.errors import DatabaseError
from worker.syncing import sync
from worker.wiring import Wiring

# A lost connection is back soon, or the worker itself is started again.
RETRY_AFTER = timedelta(seconds=2)


def register(engine: PgQueuer, wiring: Wiring) -> None:
    """Tell the engine what this worker can do."""

    @engine.entrypoint(Entrypoint.RUN.value)
    async def agent_run(job: Job, context: Context) -> None:
        await _work(job, context, lambda ids: runs.execute(wiring.agent, UUID(ids["run_id"])))

    @engine.entrypoint(Entrypoint.SYNC.value)
    async def stripe_sync(job: Job, context: Context) -> None:
        await _work(job, context, lambda ids: sync(wiring, UUID(ids["sync_id"])))


async def _work(
    job: Job, context: Context, work: Callable[[dict[str, str]], Awaitable[None]]
) -> None:
    task = asyncio.ensure_future(work(orjson.loads(job.payload or b"{}")))
    stopping = False
    try:
        # Left by its own cancellation (somebody asked for it), the scope ends the job quietly.
        with context.cancellation:
            await asyncio.wait({task})
    except asyncio.CancelledError:
        stopping = True
    # Cancelled once, from outside of the scope: inside, every await of the work's own clean-up
    # would be cancelled as well, and leave connections open that it was about to close.
    if not task.done():
        task.cancel()
        await asyncio.wait({task})
    error = None if task.cancelled() else task.exception()
    if stopping:
        # The job goes back to the queue, for whoever is next.
        raise RetryRequested(reason="handed over") from error
    if isinstance(error, DatabaseError):
        raise RetryRequested(RETRY_AFTER, reason=error.code) from error
    if error is not None:
        raise error
