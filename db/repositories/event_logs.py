"""Pruning what only grows: the event logs of runs that ended long ago, and the queue's own log."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import text

from db.models.conversation import KEPT_EVENTS
from db.session import Session

IS_KEPT = text(KEPT_EVENTS)
# The runs that ended first, whole, while they have no more events than a batch; at least one.
# A run that goes on with what an earlier one has asked reads the log of that one too. Nobody waits
# for the lock of a run that has ended, but another process may prune as well. Events are counted
# by their last number, which is one step down the primary key. The arrays keep the planner from
# reading the whole log, whatever it believes about its size.
PRUNE = text(
    f"""
    WITH ended AS MATERIALIZED (
        SELECT id, finished_at FROM agent_runs run
        WHERE {KEPT_EVENTS} AND finished_at < :before
            AND state IN ('completed', 'failed', 'cancelled') AND NOT EXISTS (
                SELECT 1 FROM agent_runs later
                WHERE later.answers_run_id = coalesce(run.answers_run_id, run.id)
                    AND later.state IN ('queued', 'running', 'awaiting_approval')
            )
        ORDER BY finished_at LIMIT :most_runs
        FOR UPDATE OF run SKIP LOCKED
    ), counted AS (
        SELECT id, finished_at, coalesce((
            SELECT seq FROM agent_run_events WHERE run_id = ended.id ORDER BY seq DESC LIMIT 1
        ), 0) AS events FROM ended
    ), summed AS (
        SELECT id, sum(events) OVER (ORDER BY finished_at, id) - events AS before FROM counted
    ), chosen AS MATERIALIZED (
        SELECT id FROM summed WHERE before < :most_events
    ), deleted AS (
        DELETE FROM agent_run_events WHERE run_id = ANY(ARRAY(SELECT id FROM chosen)) RETURNING 1
    ), marked AS (
        UPDATE agent_runs SET events_pruned_at = clock_timestamp()
        WHERE id = ANY(ARRAY(SELECT id FROM chosen)) RETURNING 1
    )
    SELECT (SELECT count(*) FROM marked), (SELECT count(*) FROM deleted)
    """  # noqa: S608 - nothing of it comes from outside
)
_PRUNE_QUEUE_LOG, _PRUNE_QUEUE_STATISTICS = (
    text(
        f"""
        WITH deleted AS (
            DELETE FROM {table} WHERE id = ANY(ARRAY(
                SELECT id FROM {table} WHERE created < :before ORDER BY created LIMIT :most
            )) RETURNING 1
        ) SELECT count(*) FROM deleted
        """  # noqa: S608 - two names from the next line
    )
    for table in ("pgqueuer_log", "pgqueuer_statistics")
)


async def prune_batch(
    session: Session, *, before: datetime, most_runs: int, most_events: int
) -> tuple[int, int]:
    """Delete the events of some runs that ended before; return how many runs and events.

    The sequence of a run is deleted as a whole. It is no more than `most_events` and one run.
    """
    values = {"before": before, "most_runs": most_runs, "most_events": most_events}
    pruned, deleted = (await session.execute(PRUNE, values)).one()
    return int(pruned), int(deleted)


async def prune_queue_log(session: Session, *, before: datetime, most: int) -> int:
    """Delete what the job engine noted before, up to `most` rows of each of its two tables.

    Returns how many rows there were in the larger part. The engine writes a row for each step of
    each job, sums them up by the second, and deletes neither.
    """
    values = {"before": before, "most": most}
    counts = [
        int((await session.execute(statement, values)).scalar_one())
        for statement in (_PRUNE_QUEUE_LOG, _PRUNE_QUEUE_STATISTICS)
    ]
    return max(counts)
