"""Appends to the logs of a process's runs: what is ready at the same time, in one statement."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import NamedTuple
from uuid import UUID

import asyncpg
from sqlalchemy import text

from db.direct import PLANNED_ONCE
from db.run_tail import LoggedEvent
from db.session import Database, Session, unreachable
from domain.runs import RunSupersededError

CHANNEL = "vaultra_topics"
# Nobody holds a run's row for long. Should somebody, the others' events do not wait for that one.
_PREPARE = f"SET lock_timeout = '500ms'; {PLANNED_ONCE}"
# The lock waits for whoever takes the run over, and then reads the attempt that it has left: what
# an attempt writes that is no longer the run's is dropped, and not among the runs returned.
_APPEND = """
WITH held AS (
    SELECT run.id, run.attempt FROM agent_runs AS run
    WHERE run.id = ANY($6::uuid[])
    FOR KEY SHARE
), logged AS (
    INSERT INTO agent_run_events (run_id, seq, type, data)
    SELECT event.run_id, event.seq, event.type, event.data
    FROM unnest($1::uuid[], $2::int[], $3::int[], $4::text[], $5::text[])
        AS event (run_id, attempt, seq, type, data)
    JOIN held ON held.id = event.run_id AND held.attempt = event.attempt
    RETURNING run_id
)
SELECT told.run_id, CASE WHEN told.topic IS NOT NULL THEN pg_notify($8, told.topic) END
FROM unnest($6::uuid[], $7::text[]) AS told (run_id, topic)
WHERE told.run_id IN (SELECT run_id FROM logged)
"""
_NAMES = {
    "$1::uuid[]": "CAST(:run_ids AS uuid[])",
    "$2::int[]": "CAST(:attempts AS int[])",
    "$3::int[]": "CAST(:seqs AS int[])",
    "$4::text[]": "CAST(:types AS text[])",
    "$5::text[]": "CAST(:data AS text[])",
    "$6::uuid[]": "CAST(:told AS uuid[])",
    "$7::text[]": "CAST(:topics AS text[])",
    "$8": "CAST(:channel AS text)",
}
_APPEND_ALONE = text(reduce(lambda sql, name: sql.replace(*name), _NAMES.items(), _APPEND))


class Append(NamedTuple):
    """Events of one attempt at a run, and the topic on which they are announced."""

    run_id: UUID
    attempt: int
    topic: str
    events: Sequence[LoggedEvent]


@dataclass(eq=False, slots=True)
class _Waiting:
    append: Append
    done: asyncio.Future[None]


class EventWriter:
    """One connection that all runs of a process write their events through.

    While a statement is under way the runs' further events gather, and the next one takes all of
    them; so the more there are, the less each costs.
    """

    def __init__(
        self, database: Database, origin: str, *, is_alone: Callable[[], bool] = lambda: False
    ) -> None:
        """Prepare; `origin` is told with what is announced. Nothing connects yet.

        While this process `is_alone`, nothing is announced: each announcement wakes everybody who
        listens, and that would be the process itself.
        """
        self._database = database
        self._origin = origin
        self._is_alone = is_alone
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._waiting: list[_Waiting] = []
        self._working: asyncio.Task[None] | None = None
        # Told how many events each statement has written.
        self.on_written: Callable[[int], None] = lambda _count: None

    async def append(self, append: Append) -> None:
        """Commit the events and announce the topic; a number that is taken raises.

        Raises RunSupersededError if another attempt has taken the run over, DatabaseError if the
        connection is lost, or an error of the driver's. Only after a lost connection is it unknown
        whether the events were committed; otherwise they were not.
        """
        waiting = _Waiting(append, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._working is None or self._working.done():
            self._working = asyncio.create_task(self._work(), name="event-writer")
        await waiting.done

    @property
    def origin(self) -> str | None:
        """What is told with announcements, None while there is nobody to tell."""
        return None if self._is_alone() else self._origin

    def close(self) -> None:
        """Close the connection; another append opens a new one."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def _work(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                await self._write(batch)
            except (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError) as error:
                self.close()
                for one in batch:
                    lost = unreachable()
                    lost.__cause__ = error
                    _settle(one, lost)
            except asyncpg.PostgresError:
                # Refused as a whole, so nothing is committed; one of them need not fail all.
                await asyncio.gather(*map(self._write_alone, batch))
            except BaseException as error:
                for one in batch:
                    _settle(one, error)
                if not isinstance(error, Exception):
                    raise

    async def _write(self, batch: Sequence[_Waiting]) -> None:
        connection = self._connection
        if connection is None or connection.is_closed():
            self._connection = connection = await self._database.connect()
            await connection.execute(_PREPARE)
        arguments = _arguments([one.append for one in batch], self.origin)
        logged = {row["run_id"] for row in await connection.fetch(_APPEND, *arguments.values())}
        for one in batch:
            is_logged = one.append.run_id in logged
            _settle(one, None if is_logged else RunSupersededError())
        self.on_written(sum(len(one.append.events) for one in batch))

    async def _write_alone(self, one: _Waiting) -> None:
        try:
            async with self._database.unit_of_work() as session:
                await append_and_announce(session, one.append, self.origin)
        except Exception as error:  # noqa: BLE001 - told to the one who waits for it
            _settle(one, error)
        else:
            _settle(one, None)


async def append_and_announce(session: Session, append: Append, origin: str | None) -> None:
    """Append in the session's transaction; a number that is taken raises IntegrityError.

    Without an origin nothing is announced. Raises RunSupersededError if another attempt has taken
    the run over.
    """
    logged = await session.execute(_APPEND_ALONE, _arguments([append], origin))
    if logged.first() is None:
        raise RunSupersededError


def _arguments(appends: Sequence[Append], origin: str | None) -> dict[str, object]:
    rows = [(one, event) for one in appends for event in one.events]
    return {
        "run_ids": [one.run_id for one, _ in rows],
        "attempts": [one.attempt for one, _ in rows],
        "seqs": [event.seq for _, event in rows],
        "types": [event.type for _, event in rows],
        "data": [event.data for _, event in rows],
        "told": [one.run_id for one in appends],
        "topics": [None if origin is None else f"{one.topic} {origin}" for one in appends],
        "channel": CHANNEL,
    }


def _settle(waiting: _Waiting, error: BaseException | None) -> None:
    with contextlib.suppress(asyncio.InvalidStateError):
        if error is None:
            waiting.done.set_result(None)
        else:
            waiting.done.set_exception(error)
