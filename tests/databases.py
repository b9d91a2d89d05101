"""Databases for tests: cloned from a template, and emptied for the next test where that is safe.

A clone copies ten megabytes, and dropping it deletes a thousand files; most tests write some rows.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import asyncpg
from sqlalchemy.engine import URL

# What more rows have left behind, in statistics and in dead tuples, might change another test.
MOST_ROWS = 2_000
# Everything that a test could have changed about the database itself.
_SHAPE = """
    SELECT md5(concat_ws('|',
        (SELECT string_agg(a::text, ',' ORDER BY attrelid, attnum) FROM (
            SELECT attrelid::regclass::text AS of, attrelid, attnum, attname, atttypid, attnotnull,
                   atthasdef, attisdropped
            FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
            WHERE relnamespace = 'public'::regnamespace) AS a),
        (SELECT string_agg(md5(pg_get_functiondef(oid)), ',' ORDER BY proname, oid)
            FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prokind = 'f'),
        (SELECT string_agg(tgname || tgenabled::text || tgrelid::regclass::text, ','
            ORDER BY tgrelid::regclass::text, tgname) FROM pg_trigger),
        (SELECT string_agg(conname || convalidated::text, ',' ORDER BY conname)
            FROM pg_constraint WHERE connamespace = 'public'::regnamespace),
        (SELECT string_agg(nspname, ',' ORDER BY nspname) FROM pg_namespace
            WHERE nspname !~ '^pg_t'),
        (SELECT count(*) FROM pg_db_role_setting),
        (SELECT string_agg(version_num, ',') FROM alembic_version)
    ))
"""
_OTHERS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_EMPTY = f"""
    DO $$
    DECLARE
        one record;
        gone bigint;
        deleted bigint := 0;
    BEGIN
        SET LOCAL session_replication_role = replica;
        FOR one IN
            SELECT oid::regclass AS name FROM pg_class
            WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
                AND relname <> 'alembic_version' AND pg_relation_size(oid) > 0
        LOOP
            EXECUTE format('DELETE FROM %s', one.name);
            GET DIAGNOSTICS gone = ROW_COUNT;
            deleted := deleted + gone;
        END LOOP;
        IF deleted > {MOST_ROWS} THEN
            RAISE EXCEPTION 'too many rows';
        END IF;
        FOR one IN SELECT sequencename AS name FROM pg_sequences WHERE last_value IS NOT NULL
        LOOP
            EXECUTE format('ALTER SEQUENCE %I RESTART', one.name);
        END LOOP;
    END $$
"""


@asynccontextmanager
async def connected(url: URL) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A plain connection, past everything that is tested."""
    dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)
    connection = await asyncpg.connect(dsn)
    try:
        yield connection
    finally:
        await connection.close()


async def execute(url: URL, *statements: str) -> None:
    """Run statements outside of any transaction."""
    async with connected(url) as connection:
        for statement in statements:
            await connection.execute(statement)


async def clone(server_url: URL, template: str) -> URL:
    """Make a migrated database."""
    name = f"test_{uuid4().hex}"
    await execute(server_url, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    return server_url.set(database=name)


@asynccontextmanager
async def cloned_database(server_url: URL, template: str) -> AsyncIterator[URL]:
    """A migrated database of one's own, dropped at the end."""
    url = await clone(server_url, template)
    try:
        yield url
    finally:
        await drop(server_url, url)


async def drop(server_url: URL, *urls: URL) -> None:
    """Drop databases, whoever is connected."""
    await execute(server_url, *(f'DROP DATABASE "{url.database}" WITH (FORCE)' for url in urls))


class Spares:
    """Databases that tests have left as good as new, for the next ones."""

    def __init__(self, server_url: URL, template: str) -> None:
        """Begin without any."""
        self._server_url = server_url
        self._template = template
        self._idle: list[URL] = []
        self._shape: str | None = None

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[URL]:
        """A migrated, empty database for the length of the block."""
        url = self._idle.pop() if self._idle else await self._cloned()
        try:
            yield url
        finally:
            if await self._emptied(url):
                self._idle.append(url)
            else:
                await drop(self._server_url, url)

    async def _cloned(self) -> URL:
        url = await clone(self._server_url, self._template)
        if self._shape is None:
            async with connected(url) as connection:
                self._shape = await connection.fetchval(_SHAPE)
        return url

    async def _emptied(self, url: URL) -> bool:
        """Empty a database; tell whether it is as it was cloned, and nobody uses it."""
        async with connected(url) as connection:
            # A connection that was closed is gone a moment later.
            for wait in (0.0, 0.01, 0.05):
                await asyncio.sleep(wait)
                if await connection.fetchval(_OTHERS) == 0:
                    break
            else:
                return False
            if await connection.fetchval(_SHAPE) != self._shape:
                return False
            try:
                await connection.execute(_EMPTY)
            except asyncpg.PostgresError:
                return False
        return True

    async def drop_all(self) -> None:
        """Drop those that are left."""
        await drop(self._server_url, *self._idle)
        self._idle.clear()
