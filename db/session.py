"""The engine and the unit of work: one transaction per request, tool call or job."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy import text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.pool import QueuePool

from db import connections
from db.direct import DirectConnections
from domain.errors import DatabaseError

Session = AsyncSession
# What a statement raises whose connection is gone, or was never made.
UNREACHABLE = (OperationalError, InterfaceError, OSError, asyncpg.PostgresConnectionError)

_UNFLUSHED = text("SET LOCAL synchronous_commit TO off")

# What a statement raises that the database does not accept: a value that does not fit, say.
REFUSED = (DBAPIError,)


def parse_url(url_text: str) -> URL:
    """Read `postgresql://` or `postgresql+asyncpg://`; raise DatabaseError on anything else."""
    try:
        url = make_url(url_text)
    except ArgumentError as error:
        raise DatabaseError("DATABASE_URL is not a URL. Write postgresql://…") from error
    if url.get_backend_name() not in {"postgresql", "postgres"}:
        raise DatabaseError("DATABASE_URL names another database. Write postgresql://…")
    return url.set(drivername="postgresql+asyncpg")


LOST_CONNECTION = (*UNREACHABLE, asyncpg.PostgresError, asyncpg.InterfaceError, DatabaseError)


class Database:
    """One process's way to PostgreSQL."""

    def __init__(self, url: str | URL, *, pool_size: int = 5) -> None:
        """Prepare the pool; nothing connects before the first unit of work."""
        self.url = parse_url(url) if isinstance(url, str) else url
        self.engine: AsyncEngine = create_async_engine(
            self.url,
            async_creator=self._open,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=30,
            # The values of a failed statement may be personal; its error ends up in a log.
            hide_parameters=True,
        )
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)
        self._direct = DirectConnections(self.connect)

    @property
    def pool_size(self) -> int:
        """How many connections the pool may hold."""
        return self._pool.size()

    @property
    def checked_out(self) -> int:
        """How many connections of the pool are in use."""
        return self._pool.checkedout()

    @property
    def _pool(self) -> QueuePool:
        pool = self.engine.pool
        assert isinstance(pool, QueuePool)
        return pool

    @asynccontextmanager
    async def unit_of_work(self) -> AsyncIterator[Session]:
        """Open a session whose work is committed once, at the end, or not at all."""
        try:
            async with self._sessions() as session, session.begin():
                yield session
        except UNREACHABLE as error:
            raise unreachable() from error
        except PoolTimeoutError as error:
            raise DatabaseError(
                "All connections to the database are in use.",
                hint="Try again in a moment. Should it stay so, raise VAULTRA_POOL_SIZE.",
            ) from error
        except DBAPIError as error:
            # Without a statement it was the connection that failed: no such database, no such user.
            if error.connection_invalidated or error.statement is None:
                raise unreachable() from error
            raise

    async def fetch(self, statement: str, *values: object) -> list[asyncpg.Record]:
        """Return the rows of one statement that is a transaction by itself, in the driver's SQL.

        Raises DatabaseError if the connection is lost, else the driver's own errors.
        """
        try:
            async with self._direct.connection() as connection:
                return await connection.fetch(statement, *values)
        except (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError) as error:
            raise unreachable() from error

    async def call(self, statement: str, *values: object) -> Any:
        """Do what `fetch` does; return the only value of the only row."""
        [row] = await self.fetch(statement, *values)
        return row[0]

    async def connect(self) -> asyncpg.Connection[asyncpg.Record]:
        """Open a connection outside the pool, for LISTEN and for the job engine."""
        try:
            return await self._open()
        except (OSError, asyncpg.PostgresError) as error:
            raise unreachable() from error

    async def _open(self) -> asyncpg.Connection[asyncpg.Record]:
        dsn = self.url.set(drivername="postgresql").render_as_string(hide_password=False)
        return await connections.connect(dsn)

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
        """Open such a connection for the block, and leave the block as soon as it is lost.

        Raises DatabaseError when it is lost, or was never made.
        """
        connection = await self.connect()
        try:
            async with asyncio.timeout(None) as scope:

                def leave(_connection: object) -> None:
                    scope.reschedule(0)

                connection.add_termination_listener(leave)
                try:
                    yield connection
                finally:
                    connection.remove_termination_listener(leave)
        except TimeoutError as error:
            if not scope.expired():
                raise
            raise unreachable() from error
        finally:
            connection.terminate()

    async def dispose(self) -> None:
        """Close the pool."""
        self._direct.close()
        await self.engine.dispose()


async def leave_unflushed(session: Session) -> None:
    """Let the transaction's commit return before the disk has it.

    A crash of the server may undo the transaction whole, with those before it that were not
    flushed either. So it suits what is simply done again, and what nobody was told of.
    """
    await session.execute(_UNFLUSHED)


def unreachable() -> DatabaseError:
    """Say that the database does not answer, without naming its password."""
    return DatabaseError(
        "The database does not answer.",
        hint="Check that PostgreSQL is running and that DATABASE_URL is right.",
    )
