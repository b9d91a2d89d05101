"""Databases of the evals: made for one run, and gone with it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL

from db.scratch import PREFIX, ScratchServer, read_digests, read_rows
from db.session import Database
from domain.errors import DatabaseError
from tests.factories import Shop

PASSWORD = "only for this test"


@pytest.fixture
async def admin(server_url: URL) -> AsyncIterator[Database]:
    """The server's own database, without transactions around statements."""
    database = Database(server_url, pool_size=1)
    yield database
    await database.dispose()


async def names_on(admin: Database) -> set[str]:
    connection = await admin.connect()
    try:
        rows = await connection.fetch("SELECT datname FROM pg_database")
    finally:
        await connection.close()
    return {row["datname"] for row in rows}


def opened(server_url: URL):
    return ScratchServer.opened(server_url.render_as_string(hide_password=False))


async def test_databases_are_dropped_with_the_server(server_url: URL, admin: Database) -> None:
    async with opened(server_url) as server:
        made = {str((await server.create()).url.database) for _ in range(2)}
        assert made <= await names_on(admin)
        assert all(name.startswith(PREFIX) for name in made)
    assert not made & await names_on(admin)


async def test_databases_are_dropped_after_a_failure(server_url: URL, admin: Database) -> None:
    made: list[str] = []

    async def fail() -> None:
        async with opened(server_url) as server:
            made.append(str((await server.create()).url.database))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert not set(made) & await names_on(admin)


async def test_clone_has_the_rows_of_its_template(
    server_url: URL, database: Database, shop: Shop
) -> None:
    await database.dispose()
    async with opened(server_url) as server:
        clone = await server.create(database)
        [business] = await read_rows(clone, "businesses")
        assert business["id"] == str(shop.business_id)
        assert await read_digests(clone) == await read_digests(database)


async def test_digest_changes_with_the_row_and_only_with_it(database: Database, shop: Shop) -> None:
    before = await read_digests(database)
    async with database.unit_of_work() as session:
        await session.execute(text("UPDATE businesses SET name = 'Another'"))
    after = await read_digests(database)
    assert [table for table in before if before[table] != after[table]] == ["businesses"]
    assert before["businesses"].keys() == after["businesses"].keys()


async def test_run_that_was_killed_is_cleaned_up_by_the_next(
    server_url: URL, admin: Database
) -> None:
    left = f"{PREFIX}deadbeef_0"
    connection = await admin.connect()
    try:
        await connection.execute(f'CREATE DATABASE "{left}"')
    finally:
        await connection.close()
    async with opened(server_url):
        assert left not in await names_on(admin)


async def test_run_that_goes_on_is_left_alone_by_the_next(server_url: URL, admin: Database) -> None:
    async with opened(server_url) as first:
        made = (await first.create()).url.database
        async with opened(server_url):
            assert made in await names_on(admin)


async def test_user_who_may_not_create_databases_is_told_so(
    server_url: URL, admin: Database
) -> None:
    connection = await admin.connect()
    try:
        await connection.execute(f"CREATE ROLE evals_nobody LOGIN PASSWORD '{PASSWORD}'")
        with pytest.raises(DatabaseError, match="may not create any") as caught:
            async with opened(server_url.set(username="evals_nobody", password=PASSWORD)):
                pass
        assert "CREATEDB" in str(caught.value.hint)
    finally:
        await connection.execute("DROP ROLE evals_nobody")
        await connection.close()
