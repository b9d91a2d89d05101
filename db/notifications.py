"""Wakes those who wait for a topic: in memory within a process, by LISTEN/NOTIFY across them."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator

import asyncpg
from sqlalchemy import text

from config.logs import get_logger
from db.session import Database, Session
from domain.errors import DatabaseError

CHANNEL = "vaultra_topics"
_RECONNECT_SECONDS = 1.0
_logger = get_logger(__name__)


async def announce(session: Session, topic: str) -> None:
    """Tell every process about the topic when the transaction commits."""
    await session.execute(
        text("SELECT pg_notify(:channel, :topic)"), {"channel": CHANNEL, "topic": topic}
    )


class Notifications:
    """The waiters of one process."""

    def __init__(self, database: Database) -> None:
        """Prepare; nothing listens before `listening`."""
        self._database = database
        self._waiters: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[Notifications]:
        """Listen for other processes' announcements until the block ends."""
        task = asyncio.create_task(self._listen_forever(), name="notifications")
        try:
            yield self
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    @contextlib.contextmanager
    def subscribe(self, topic: str) -> Iterator[asyncio.Event]:
        """Yield an event that is set whenever something happens to the topic."""
        event = asyncio.Event()
        self._waiters[topic].add(event)
        try:
            yield event
        finally:
            self._waiters[topic].discard(event)
            if not self._waiters[topic]:
                del self._waiters[topic]

    def wake(self, topic: str) -> None:
        """Wake the waiters of this process."""
        for event in self._waiters.get(topic, ()):
            event.set()

    async def _listen_forever(self) -> None:
        while True:
            try:
                await self._listen_until_closed()
            except DatabaseError:
                # Followers poll in the meantime; nothing is lost, only slower.
                _logger.warning("notifications.reconnecting")
            # What was announced while nobody listened is unknown: everybody looks again.
            for topic in list(self._waiters):
                self.wake(topic)
            await asyncio.sleep(_RECONNECT_SECONDS)

    async def _listen_until_closed(self) -> None:
        try:
            async with self._database.connected() as connection:
                await connection.add_listener(CHANNEL, self._received)
                await asyncio.get_running_loop().create_future()
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise DatabaseError from error

    def _received(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        self.wake(str(payload))
