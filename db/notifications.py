"""Wakes those who wait for a topic: in memory within a process, by LISTEN/NOTIFY across them."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Iterator
from functools import partial
from weakref import WeakSet, WeakValueDictionary

import asyncpg
from sqlalchemy import text

from config.logs import get_logger
from db.direct import Connection
from db.event_writer import CHANNEL, EventWriter
from db.run_tail import RunTail
from db.session import Database, Session
from db.tick import Tick
from domain.errors import DatabaseError

_RECONNECT_SECONDS = 1.0
HELLO = "hello"
# Whoever listens answers within milliseconds.
_ANSWER_SECONDS = 2.0
_GREET = "SELECT pg_notify($1, $2)"
# Nothing is missed while this process listens; it looks all the same now and then. While it does
# not, this is how late others' news is.
LISTENING_SECONDS = 15.0
UNHEARD_SECONDS = 2.0
_logger = get_logger(__name__)


async def announce(session: Session, topic: str) -> None:
    """Tell every process about the topic when the transaction commits."""
    await session.execute(
        text("SELECT pg_notify(:channel, :topic)"), {"channel": CHANNEL, "topic": topic}
    )


class News:
    """What one waiter has not looked at yet."""

    def __init__(self) -> None:
        """Begin with nothing new."""
        self._is_told = False
        self._waiting: asyncio.Future[None] | None = None
        # Whether there may be something that this process does not hold in memory.
        self.is_elsewhere = False

    def tell(self, *, elsewhere: bool) -> None:
        """Wake the waiter."""
        self.is_elsewhere = self.is_elsewhere or elsewhere
        self._is_told = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def take(self) -> tuple[bool, bool]:
        """Return whether the waiter was woken, and whether to look elsewhere; forget both."""
        told = self._is_told, self.is_elsewhere
        self.is_elsewhere = False
        self._is_told = False
        return told

    async def wait(self, seconds: float) -> None:
        """Wait to be woken; once the time is over, look everywhere."""
        if self._is_told:
            return
        # `asyncio.wait_for` would make a task of each wait, of which a stream has many.
        loop = asyncio.get_running_loop()
        self._waiting = loop.create_future()
        late = loop.call_later(seconds, partial(self.tell, elsewhere=True))
        try:
            await self._waiting
        finally:
            late.cancel()
            self._waiting = None


class Notifications:
    """The waiters of one process, and what it has written itself and need not read again."""

    def __init__(self, database: Database) -> None:
        """Prepare; nothing listens before `listening`."""
        self._database = database
        # By weak references: a response that never begins does not end what it subscribed to.
        self._waiters: dict[str, WeakSet[News]] = {}
        self._tails: WeakValueDictionary[str, RunTail] = WeakValueDictionary()
        # What this process announces is known here already.
        self.origin = secrets.token_hex(4)
        self._has_to_greet = asyncio.Event()
        self._others: set[str] = set()
        # Whether no other process listens. One that begins to says hello, and is answered; what
        # it follows before that, it polls.
        self._is_alone = False
        self.writer = EventWriter(database, self.origin, is_alone=lambda: self._is_alone)
        self.tick = Tick()
        self._is_listening = False
        self._has_tried = asyncio.Event()

    @property
    def patience(self) -> float:
        """How many seconds a waiter may wait before it looks by itself."""
        return LISTENING_SECONDS if self._is_listening else UNHEARD_SECONDS

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[Notifications]:
        """Listen for other processes' announcements until the block ends.

        The block begins when it does, or when it turns out that it cannot yet.
        """
        task = asyncio.create_task(self._listen_forever(), name="notifications")
        try:
            await self._has_tried.wait()
            yield self
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            self.writer.close()

    def news_of(self, topic: str) -> News:
        """Return what is told from now on of whatever happens to the topic."""
        news = News()
        self._waiters.setdefault(topic, WeakSet()).add(news)
        return news

    def dismiss(self, topic: str, news: News) -> None:
        """Tell it nothing more."""
        waiters = self._waiters.get(topic)
        if waiters is not None:
            waiters.discard(news)
            self._forget_empty(topic, waiters)

    @contextlib.contextmanager
    def subscribe(self, topic: str) -> Iterator[News]:
        """Yield what is told of the topic, for the length of the block."""
        news = self.news_of(topic)
        try:
            yield news
        finally:
            self.dismiss(topic, news)

    def keep(self, topic: str, tail: RunTail) -> None:
        """Let followers read the topic's events from memory while somebody holds the tail."""
        self._tails[topic] = tail

    def tail_of(self, topic: str) -> RunTail | None:
        """Return what this process holds of the topic's events, None if nothing."""
        return self._tails.get(topic)

    def wake(self, topic: str, *, elsewhere: bool = True) -> None:
        """Wake the waiters of this process; not `elsewhere`: the topic's tail holds what is new."""
        waiters = self._waiters.get(topic)
        if waiters is None:
            return
        for news in waiters:
            news.tell(elsewhere=elsewhere)
        self._forget_empty(topic, waiters)

    def _forget_empty(self, topic: str, waiters: WeakSet[News]) -> None:
        if not waiters and self._waiters.get(topic) is waiters:
            del self._waiters[topic]

    async def _listen_forever(self) -> None:
        while True:
            try:
                await self._listen_until_closed()
            except DatabaseError:
                # Followers poll in the meantime; nothing is lost, only slower.
                _logger.warning("notifications.reconnecting")
            self._has_tried.set()
            self._is_alone = False
            # From now on, everybody looks more often.
            self._wake_all()
            await asyncio.sleep(_RECONNECT_SECONDS)

    async def _listen_until_closed(self) -> None:
        try:
            async with self._database.connected() as connection:
                await connection.add_listener(CHANNEL, self._received)
                self._has_tried.set()
                # What was announced while nobody listened is unknown.
                self._wake_all()
                loop = asyncio.get_running_loop()
                concluding = loop.call_later(_ANSWER_SECONDS, self._conclude)
                try:
                    await self._greet_others(connection)
                finally:
                    concluding.cancel()
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise DatabaseError from error
        finally:
            self._is_listening = False

    def _wake_all(self) -> None:
        for topic in list(self._waiters):
            self.wake(topic)

    async def _greet_others(self, connection: Connection) -> None:
        while True:
            self._has_to_greet.clear()
            await connection.execute(_GREET, CHANNEL, f"{HELLO} {self.origin}")
            await self._has_to_greet.wait()

    def _conclude(self) -> None:
        # From now on, whoever comes is heard; and whoever was there tells this process everything.
        self._is_alone = not self._others
        self._is_listening = True
        self._wake_all()

    def _received(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        topic, _, origin = str(payload).partition(" ")
        if origin == self.origin:
            return
        if topic == HELLO:
            self._is_alone = False
            if origin not in self._others:
                # It might not know of this process.
                self._others.add(origin)
                self._has_to_greet.set()
            return
        self.wake(topic)
