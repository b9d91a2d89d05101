"""What each job does: read the payload, call the one function that does the work."""

from __future__ import annotations

import asyncio
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


def register(engine: PgQueuer, wiring: Wiring, *, schedules: bool = True) -> None:
    """Tell the engine what this worker can do, and with `schedules` what is due by the clock."""

    @engine.entrypoint(Entrypoint.RUN.value)
    async def agent_run(job: Job, context: Context) -> None:
        await _work(job, context, lambda ids: execute(wiring.agent, UUID(ids["run_id"])))

    @engine.entrypoint(Entrypoint.SYNC.value)
    async def stripe_sync(job: Job, context: Context) -> None:
        await _work(job, context, lambda ids: stripe_jobs.sync(wiring, UUID(ids["sync_id"])))

    @engine.entrypoint(Entrypoint.EVENTS.value)
    async def stripe_events(job: Job, context: Context) -> None:
        await _work(
            job,
            context,
            lambda ids: stripe_jobs.apply_events(wiring, UUID(ids["integration_id"]), job.id),
        )

    @engine.entrypoint(Entrypoint.INSIGHT.value)
    async def refresh_insight(job: Job, context: Context) -> None:
        await _work(
            job,
            context,
            lambda ids: stripe_jobs.refresh_insight(
                wiring, UUID(ids["business_id"]), job.id, Cause(ids.get("cause", Cause.EVENTS))
            ),
        )

    @engine.entrypoint(Entrypoint.NIGHTLY_INSIGHT.value)
    async def nightly_insight(job: Job, context: Context) -> None:
        await _work(job, context, lambda _: stripe_jobs.request_nightly_insight(wiring))

    @engine.entrypoint(Entrypoint.POLL.value)
    async def stripe_poll(job: Job, context: Context) -> None:
        await _work(job, context, lambda _: stripe_jobs.poll(wiring))

    @engine.entrypoint(Entrypoint.RECONCILE.value)
    async def stripe_reconcile(job: Job, context: Context) -> None:
        await _work(job, context, lambda _: stripe_jobs.reconcile(wiring))

    _register_upkeep(engine, wiring)
    if schedules:
        _register_schedules(engine, wiring)


def _register_upkeep(engine: PgQueuer, wiring: Wiring) -> None:
    @engine.entrypoint(Entrypoint.PRUNE.value)
    async def prune(job: Job, context: Context) -> None:
        await _work(job, context, lambda _: upkeep_jobs.prune(wiring))

    @engine.entrypoint(Entrypoint.RECOVER.value)
    async def recover_lost_runs(job: Job, context: Context) -> None:
        await _work(job, context, lambda _: upkeep_jobs.recover_lost_runs(wiring))

    @engine.entrypoint(Entrypoint.SPENDING.value)
    async def settle_spending(job: Job, context: Context) -> None:
        await _work(job, context, lambda _: upkeep_jobs.settle_spending(wiring))


def _register_schedules(engine: PgQueuer, wiring: Wiring) -> None:
    @engine.schedule("poll_stripe", EVERY_MINUTE)
    async def poll_stripe(_schedule: Schedule) -> None:
        await stripe_jobs.queue_once(wiring, Entrypoint.POLL)

    @engine.schedule("settle_spending", EVERY_MINUTE)
    async def settle_what_was_left(_schedule: Schedule) -> None:
        await stripe_jobs.queue_once(wiring, Entrypoint.SPENDING)

    @engine.schedule("reconcile_stripe", NIGHTLY)
    async def reconcile_stripe(_schedule: Schedule) -> None:
        await stripe_jobs.queue_once(wiring, Entrypoint.RECONCILE)

    @engine.schedule("refresh_insight", NIGHTLY_INSIGHT)
    async def refresh_every_insight(_schedule: Schedule) -> None:
        await stripe_jobs.queue_once(wiring, Entrypoint.NIGHTLY_INSIGHT)

    @engine.schedule("prune", NIGHTLY_PRUNING)
    async def prune_every_log(_schedule: Schedule) -> None:
        await stripe_jobs.queue_once(wiring, Entrypoint.PRUNE)

    @engine.schedule("recover_lost_runs", EVERY_FIVE_MINUTES)
    async def recover_every_lost_run(_schedule: Schedule) -> None:
        await stripe_jobs.queue_once(wiring, Entrypoint.RECOVER)


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
    if isinstance(error, TransientStripeError):
        raise RetryRequested(STRIPE_RETRY_AFTER, reason=error.code) from error
    if error is not None:
        raise error
