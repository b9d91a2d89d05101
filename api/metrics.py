"""What one serving process tells Prometheus: numbers of its own, and none of any business."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

from db.notifications import Notifications
from db.session import Database
from domain.errors import DatabaseError
from services.run_counts import RunCounts, count_runs

CONTENT_TYPE = CONTENT_TYPE_LATEST
# A scrape must answer when the pool is exhausted or the database gone: that is what it is for.
DATABASE_SECONDS = 2.0
_BATCH_SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


class ServiceMetrics:
    """The metrics of one application; several in a process do not see each other's."""

    def __init__(self) -> None:
        """Begin with zeros."""
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.open_streams = Gauge(
            "vaultra_open_streams", "Event streams that are being sent.", registry=registry
        )
        self.slow_readers = Counter(
            "vaultra_slow_readers_dropped",
            "Connections that were cut because their client did not read.",
            registry=registry,
        )
        self.runs_asked = Counter(
            "vaultra_runs_asked", "Runs that this process was asked for.", registry=registry
        )
        self._batches = Histogram(
            "vaultra_event_batch_size",
            "Events that one statement of this process wrote to the log.",
            buckets=_BATCH_SIZES,
            registry=registry,
        )
        self._pool_size = Gauge(
            "vaultra_pool_size", "Connections that the pool may hold.", registry=registry
        )
        self._checked_out = Gauge(
            "vaultra_pool_checked_out", "Connections of the pool in use.", registry=registry
        )
        self._database_up = Gauge(
            "vaultra_database_up",
            f"Whether the database told the run counts within {DATABASE_SECONDS:.0f} s.",
            registry=registry,
        )
        self._unfinished = Gauge(
            "vaultra_runs", "Unfinished runs of all processes.", ["state"], registry=registry
        )
        self._ended = Gauge(
            "vaultra_runs_ended_5m",
            "Runs of all processes that ended in the last five minutes.",
            ["state"],
            registry=registry,
        )

    def watch(self, database: Database, notifications: Notifications) -> None:
        """Tell of this pool and of this writer from now on."""
        self._pool_size.set(database.pool_size)
        self._checked_out.set_function(lambda: database.checked_out)
        notifications.writer.on_written = self._batches.observe

    async def exposition(self, database: Database) -> bytes:
        """Return everything as Prometheus reads it; without the database, what is known."""
        try:
            async with asyncio.timeout(DATABASE_SECONDS):
                self._tell_runs(await count_runs(database))
        except (TimeoutError, DatabaseError):
            # Numbers that are no longer true are worse than none.
            self._unfinished.clear()
            self._ended.clear()
            self._database_up.set(0)
        return generate_latest(self._registry)

    def _tell_runs(self, counts: RunCounts) -> None:
        self._database_up.set(1)
        _set_all(self._unfinished, counts.unfinished)
        _set_all(self._ended, counts.ended)


def _set_all(gauge: Gauge, values: Mapping[str, int]) -> None:
    for state, count in values.items():
        gauge.labels(state).set(count)
