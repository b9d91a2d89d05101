"""Statements that are a transaction each, past SQLAlchemy: for what every turn does.

A session takes a trip to begin and one to commit, and building, caching and reading a statement
costs several times the driver's own work (decision 34). Everything else goes through a session.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

import asyncpg
import orjson

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
# Each is held for one statement, of a millisecond or so.
MOST_CONNECTIONS = 4
# The server would plan a statement anew for its first five sets of values, on each connection, to
# find out that the values make no difference. To what is looked up by its keys they never do.
PLANNED_ONCE = "SET plan_cache_mode = force_generic_plan"


class DirectConnections:
    """A few connections, opened when they are needed and kept."""

    def __init__(self, connect: Callable[[], Awaitable[Connection]]) -> None:
        """Prepare; `connect` opens one, and raises DatabaseError. Values of JSONB are decoded."""
        self._connect = connect
        self._idle: list[Connection] = []
        self._free = asyncio.Semaphore(MOST_CONNECTIONS)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection for one statement; an interrupted one is not used again."""
        async with self._free:
            connection = self._usable() or await self._open()
            try:
                yield connection
            except asyncpg.PostgresError:
                # Refused, and rolled back. Whether it was the connection that failed, it knows.
                self._idle.append(connection)
                raise
            except BaseException:
                connection.terminate()
                raise
            self._idle.append(connection)

    def _usable(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        return None

    async def _open(self) -> Connection:
        connection = await self._connect()
        await connection.execute(PLANNED_ONCE)
        await connection.set_type_codec(
            "jsonb", schema="pg_catalog", encoder=_json_text, decoder=orjson.loads
        )
        return connection

    def close(self) -> None:
        """Close what is idle; another statement opens a new one."""
        while self._idle:
            self._idle.pop().terminate()


def _json_text(value: object) -> str:
    return orjson.dumps(value).decode()
