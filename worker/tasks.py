"""What each job does: one table of functions, and what becomes of a job that did not end well."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

import orjson
from pgqueuer import PgQueuer
from pgqueuer.domain.errors import RetryRequested
from pgqueuer.domain.models import Context, Job, Schedule

from agent.execution import execute
from db.repositories.jobs import Entrypoint
from domain.errors import DatabaseError
from domain.runs import RunSupersededError
from integrations.stripe.failures import TransientStripeError
from services.insight_changes import Cause
from worker import stripe_jobs, upkeep_jobs
from worker.wiring import Wiring

# A lost connection is back soon, or the worker itself is started again.
RETRY_AFTER = timedelta(seconds=2)
# Stripe has been asked for up to half a minute already.
STRIPE_RETRY_AFTER = timedelta(minutes=1)
EVERY_MINUTE = "* * * * *"
# At night where most customers are, and not on the hour, when everybody does such things.
NIGHTLY = "17 3 * * *"
# Behind the nightly syncs, most of which have ended by then; each refreshes its own business.
NIGHTLY_INSIGHT = "47 3 * * *"
# Behind both, when little else is written.
NIGHTLY_PRUNING = "27 4 * * *"
EVERY_FIVE_MINUTES = "*/5 * * * *"


Ids = dict[str, str]
Handler = Callable[[Wiring, Ids, int], Awaitable[None]]
# What is done for each, with the ids of the job's payload and the job's own.
HANDLERS: dict[Entrypoint, Handler] = {
    Entrypoint.RUN: lambda wiring, ids, _: execute(wiring.agent, UUID(ids["run_id"])),
    Entrypoint.SYNC: lambda wiring, ids, _: stripe_jobs.sync(wiring, UUID(ids["sync_id"])),
    Entrypoint.EVENTS: lambda wiring, ids, job_id: stripe_jobs.apply_events(
        wiring, UUID(ids["integration_id"]), job_id
    ),
    Entrypoint.INSIGHT: lambda wiring, ids, job_id: stripe_jobs.refresh_insight(
        wiring, UUID(ids["business_id"]), job_id, Cause(ids.get("cause", Cause.EVENTS))
    ),
    Entrypoint.NIGHTLY_INSIGHT: lambda wiring, *_: stripe_jobs.request_nightly_insight(wiring),
    Entrypoint.POLL: lambda wiring, *_: stripe_jobs.poll(wiring),
    Entrypoint.RECONCILE: lambda wiring, *_: stripe_jobs.reconcile(wiring),
    Entrypoint.PRUNE: lambda wiring, *_: upkeep_jobs.prune(wiring),
    Entrypoint.RECOVER: lambda wiring, *_: upkeep_jobs.recover_lost_runs(wiring),
    Entrypoint.SPENDING: lambda wiring, *_: upkeep_jobs.settle_spending(wiring),
}
# What is queued by the clock, at most once at a time.
SCHEDULES = (
    ("poll_stripe", EVERY_MINUTE, Entrypoint.POLL),
    ("settle_spending", EVERY_MINUTE, Entrypoint.SPENDING),
    ("reconcile_stripe", NIGHTLY, Entrypoint.RECONCILE),
    ("refresh_insight", NIGHTLY_INSIGHT, Entrypoint.NIGHTLY_INSIGHT),
    ("prune", NIGHTLY_PRUNING, Entrypoint.PRUNE),
    ("recover_lost_runs", EVERY_FIVE_MINUTES, Entrypoint.RECOVER),
)


def register(engine: PgQueuer, wiring: Wiring, *, schedules: bool = True) -> None:
    """Tell the engine what this worker can do, and with `schedules` what is due by the clock."""
    for entrypoint, handler in HANDLERS.items():
        engine.entrypoint(entrypoint.value)(_job_of(handler, wiring))
    if schedules:
        for name, due, entrypoint in SCHEDULES:
            engine.schedule(name, due)(_queueing(wiring, entrypoint))


def _job_of(handler: Handler, wiring: Wiring) -> Callable[[Job, Context], Awaitable[None]]:
    async def run(job: Job, context: Context) -> None:
        ids: Ids = orjson.loads(job.payload or b"{}")
        # Whoever goes on with the run has taken the job over, row and all.
        with contextlib.suppress(RunSupersededError):
            await _work(context, handler(wiring, ids, job.id))

    return run


def _queueing(wiring: Wiring, entrypoint: Entrypoint) -> Callable[[Schedule], Awaitable[None]]:
    async def queue(_schedule: Schedule) -> None:
        await stripe_jobs.queue_once(wiring, entrypoint)

    return queue


async def _work(context: Context, work: Awaitable[None]) -> None:
    task = asyncio.ensure_future(work)
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
    if isinstance(error, TransientStripeError):
        raise RetryRequested(STRIPE_RETRY_AFTER, reason=error.code) from error
    if error is not None:
        raise error
