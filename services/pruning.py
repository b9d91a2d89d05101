"""What is no longer needed, deleted in batches: event logs, and the queue's own log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from config.logs import get_logger
from db.repositories import event_logs
from db.session import Database

# A transaction for each: some tens of milliseconds, in which no reader waits.
BATCH_EVENTS = 5_000
BATCH_RUNS = 500
BATCH_QUEUE_ROWS = 10_000
# The engine's log is for looking into a job that failed; its sums by the second, for a dashboard.
QUEUE_LOG_KEPT = timedelta(days=7)
_logger = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many runs lost their log, and how many events those were."""

    runs: int
    events: int


async def prune(database: Database, now: datetime, *, kept: timedelta) -> Pruned:
    """Delete the events of runs that ended longer than `kept` ago, and old lines of the queue.

    Messages and tool calls stay. Each batch is a transaction of its own: cancelled, what is done
    is done, and the next call goes on.
    """
    pruned = await _prune_events(database, now - kept)
    while await _prune_queue_log(database, now - QUEUE_LOG_KEPT) == BATCH_QUEUE_ROWS:
        pass
    if pruned.runs:
        _logger.info("events.pruned", runs=pruned.runs, events=pruned.events)
    return pruned


async def _prune_events(database: Database, before: datetime) -> Pruned:
    runs = events = 0
    while True:
        async with database.unit_of_work() as session:
            more_runs, more_events = await event_logs.prune_batch(
                session, before=before, most_runs=BATCH_RUNS, most_events=BATCH_EVENTS
            )
        runs, events = runs + more_runs, events + more_events
        if more_runs == 0:
            return Pruned(runs, events)


async def _prune_queue_log(database: Database, before: datetime) -> int:
    async with database.unit_of_work() as session:
        return await event_logs.prune_queue_log(session, before=before, most=BATCH_QUEUE_ROWS)
