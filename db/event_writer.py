"""Appends to the logs of a process's runs: what is ready at the same time, in one statement."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg
from sqlalchemy import text

from db.run_tail import LoggedEvent
from db.session import Database, Session, unreachable

CHANNEL = "vaultra_topics"
# Nobody holds a run's row for long. Should somebody, the others' events do not wait for that one.
_LOCK_TIMEOUT = "SET lock_timeout = '500ms'"
_APPEND = """
WITH logged AS (
    INSERT INTO agent_run_events (run_id, seq, type, data)
    SELECT * FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[])
)
SELECT pg_notify($5, topic) FROM unnest($6::text[]) AS topic
"""
_APPEND_ALONE = text(
    _APPEND.replace("$1::uuid[]", "CAST(:run_ids AS uuid[])")
    .replace("$2::int[]", "CAST(:seqs AS int[])")
    .replace("$3::text[]", "CAST(:types AS text[])")
    .replace("$4::text[]", "CAST(:data AS text[])")
    .replace("$5", ":channel")
    .replace("$6::text[]", "CAST(:topics AS text[])")
)


@dataclass(eq=False, slots=True)
class _Waiting:
    run_id: UUID
    topic: str
    events: Sequence[LoggedEvent]
    done: asyncio.Future[None]


class EventWriter:
    """One connection that all runs of a process write their events through.

    While a statement is under way the runs' further events gather, and the next one takes all of
    them; so the more there are, the less each costs.
    """

    def __init__(self, database: Database, origin: str) -> None:
        """Prepare; `origin` is told with what is announced. Nothing connects yet."""
        self._database = database
        self._origin = origin
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._waiting: list[_Waiting] = []
        self._working: asyncio.Task[None] | None = None
        # Told how many events each statement has written.
        self.on_written: Callable[[int], None] = lambda _count: None

    async def append(self, run_id: UUID, topic: str, events: Sequence[LoggedEvent]) -> None:
        """Commit the events and announce the topic; a number that is taken raises.

        Raises DatabaseError if the connection is lost, or an error of the driver's: then whether
        the events were committed is known only in the latter case (they were not).
        """
        waiting = _Waiting(run_id, topic, events, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._working is None or self._working.done():
            self._working = asyncio.create_task(self._work(), name="event-writer")
        await waiting.done

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
            else:
                for one in batch:
                    _settle(one, None)

    async def _write(self, batch: Sequence[_Waiting]) -> None:
        connection = self._connection
        if connection is None or connection.is_closed():
            self._connection = connection = await self._database.connect()
            await connection.execute(_LOCK_TIMEOUT)
        rows = [(one.run_id, event) for one in batch for event in one.events]
        announcements = [self._told(one.topic) for one in batch]
        await connection.execute(_APPEND, *_arguments(rows, announcements).values())
        self.on_written(len(rows))

    async def _write_alone(self, one: _Waiting) -> None:
        try:
            async with self._database.unit_of_work() as session:
                await append_and_announce(session, one.run_id, one.events, self._told(one.topic))
        except Exception as error:  # noqa: BLE001 - told to the one who waits for it
            _settle(one, error)
        else:
            _settle(one, None)

    def _told(self, topic: str) -> str:
        return f"{topic} {self._origin}"


async def append_and_announce(
    session: Session, run_id: UUID, events: Sequence[LoggedEvent], announcement: str
) -> None:
    """Append in the session's transaction; a number that is taken raises IntegrityError."""
    arguments = _arguments([(run_id, event) for event in events], [announcement])
    await session.execute(_APPEND_ALONE, arguments)


def _arguments(
    rows: Sequence[tuple[UUID, LoggedEvent]], announcements: Sequence[str]
) -> dict[str, object]:
    return {
        "run_ids": [run_id for run_id, _ in rows],
        "seqs": [event.seq for _, event in rows],
        "types": [event.type for _, event in rows],
        "data": [event.data for _, event in rows],
        "channel": CHANNEL,
        "topics": announcements,
    }


def _settle(waiting: _Waiting, error: BaseException | None) -> None:
    with contextlib.suppress(asyncio.InvalidStateError):
        if error is None:
            waiting.done.set_result(None)
        else:
            waiting.done.set_exception(error)
