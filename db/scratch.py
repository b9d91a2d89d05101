"""Scratch databases that belong to one run of the evals: made, cloned, looked into, dropped.

The user's own tables are never touched: every database here is named `vaultra_evals_…`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import uuid4

from db.models import Model
from db.session import Database
from domain.errors import DatabaseError

PREFIX = "vaultra_evals_"
# Any number will do, as long as no other program that locks in this database uses it.
_LOCK = 196_112
_RUN_LENGTH = 8

_MAY_CREATE = "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"
_KEYS = {
    table.name: ", ".join(f'"{column.name}"' for column in table.primary_key.columns)
    for table in Model.metadata.sorted_tables
}


class ScratchServer:
    """Makes databases of its own on a server, and drops them all at its end."""

    def __init__(self, admin: Database, run: str) -> None:
        """Take the way to the server; `opened` makes one."""
        self._admin = admin
        self._run = run
        self._made: list[str] = []
        self._busy = asyncio.Lock()

    @classmethod
    @contextlib.asynccontextmanager
    async def opened(cls, url: str) -> AsyncIterator[ScratchServer]:
        """Open a server for the length of the block; what killed runs have left is dropped first.

        Raises DatabaseError if it cannot be reached or the user may not create databases.
        """
        server = cls(Database(url, pool_size=1), uuid4().hex[:_RUN_LENGTH])
        # The lock lasts as long as this connection: it tells others that the run is alive.
        connection = await server._admin.connect()
        try:
            if not await connection.fetchval(_MAY_CREATE):
                raise DatabaseError(
                    "The evals make databases of their own, and this user may not create any.",
                    hint="Run ALTER ROLE … CREATEDB, or unset DATABASE_URL for the embedded one.",
                )
            await connection.execute(
                "SELECT pg_advisory_lock($1, hashtext($2))", _LOCK, server._run
            )
            await server._drop_leftovers()
            try:
                yield server
            finally:
                await server._drop(list(server._made))
        finally:
            await connection.close()

    async def create(self, template: Database | None = None) -> Database:
        """Create a database, as a copy of another one that nobody is connected to."""
        name = f"{PREFIX}{self._run}_{len(self._made)}"
        self._made.append(name)
        like = f' TEMPLATE "{template.url.database}"' if template else ""
        # What a crash would lose here can be made again, and nobody else is waited for.
        settings = f'ALTER DATABASE "{name}" SET synchronous_commit = off'
        await self._execute(f'CREATE DATABASE "{name}"{like}', settings)
        return Database(self._admin.url.set(database=name))

    async def drop(self, database: Database) -> None:
        """Close the database and drop it."""
        await database.dispose()
        await self._drop([str(database.url.database)])

    async def _drop(self, names: Sequence[str]) -> None:
        await self._execute(*(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)' for name in names))

    async def _drop_leftovers(self) -> None:
        connection = await self._admin.connect()
        try:
            found = await connection.fetch(
                "SELECT datname FROM pg_database WHERE starts_with(datname, $1)"
                " AND pg_try_advisory_lock($2, hashtext(substr(datname, $3, $4)))",
                PREFIX,
                _LOCK,
                len(PREFIX) + 1,
                _RUN_LENGTH,
            )
        finally:
            await connection.close()
        await self._drop([row["datname"] for row in found])

    async def _execute(self, *statements: str) -> None:
        async with self._busy:
            connection = await self._admin.connect()
            try:
                for statement in statements:
                    await connection.execute(statement)
            finally:
                await connection.close()


async def read_digests(database: Database) -> dict[str, Mapping[str, str]]:
    """Return, for every table, a digest of each row by its primary key."""
    connection = await database.connect()
    digests: dict[str, Mapping[str, str]] = {}
    try:
        for table, key in _KEYS.items():
            query = f'SELECT ROW({key})::text, md5(t::text) FROM "{table}" AS t'  # noqa: S608
            digests[table] = {row[0]: row[1] for row in await connection.fetch(query)}
    finally:
        await connection.close()
    return digests


async def read_rows(database: Database, table: str) -> list[dict[str, Any]]:
    """Return the rows of one of our tables as JSON."""
    connection = await database.connect()
    try:
        query = f'SELECT to_jsonb(t)::text FROM "{table}" AS t'  # noqa: S608
        return [json.loads(row[0], parse_float=Decimal) for row in await connection.fetch(query)]
    finally:
        await connection.close()
