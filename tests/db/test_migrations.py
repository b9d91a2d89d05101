"""The schema is what the specification says, and gets there and back with data inside."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import asyncpg
import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy.engine import URL

from db.startup import PROJECT, alembic_config, migrate
from tests.databases import connected, execute
from tests.db.specification import INDEXES, TABLES, Column

FIRST = "20261122_1900"
BEFORE_VERSIONS = "20261122_1940"
ROWS_OF_THEIR_OWN = {
    "sync_runs",
    "stripe_event_failures",
    "oauth_states",
    "conversation_summaries",
}
REFERENCES = {
    "business_id": "businesses",
    "integration_id": "integration_accounts",
    "user_id": "users",
    "event_id": "stripe_events",
    "conversation_id": "agent_conversations",
    "covers_message_id": "agent_messages",
}
VALUES = {
    "uuid": "gen_random_uuid()",
    "bigint": "5000000000",
    "integer": "5",
    "boolean": "true",
    "jsonb": "'[]'",
    "timestamp with time zone": "now()",
    "date": "current_date",
    "numeric(10,4)": "1.5",
    "numeric(15,2)": "1.5",
    "numeric(5,4)": "1.5",
    "numeric(38,0)": "5000000000",
    "numeric(20,10)": "1.5",
    "numeric(24,12)": "1.5",
    **{f"character varying({length})": "'x'" for length in (2, 3, 20, 50, 500)},
    **{f"character varying({length})": "md5(random()::text)" for length in (64, 100, 255)},
}


def text_of(url: URL) -> str:
    return url.render_as_string(hide_password=False)


@pytest.fixture
async def empty_url(server_url: URL) -> AsyncIterator[URL]:
    """The URL of an empty database that belongs to this test."""
    name = f"test_{uuid4().hex}"
    await execute(server_url, f'CREATE DATABASE "{name}"')
    yield server_url.set(database=name)
    await execute(server_url, f'DROP DATABASE "{name}" WITH (FORCE)')


async def upgrade(url: URL, revision: str = "head") -> None:
    await asyncio.to_thread(command.upgrade, alembic_config(text_of(url)), revision)


async def downgrade(url: URL, revision: str) -> None:
    await asyncio.to_thread(command.downgrade, alembic_config(text_of(url)), revision)


async def tables_of(url: URL) -> dict[str, dict[str, tuple[str, bool, str | None]]]:
    """Return each table's columns: type as PostgreSQL writes it, NOT NULL, default."""
    async with connected(url) as connection:
        rows = await connection.fetch(
            """
            SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) AS type,
                   a.attnotnull, pg_get_expr(d.adbin, d.adrelid) AS default
            FROM pg_attribute a
            JOIN pg_class c ON c.oid = a.attrelid AND c.relkind = 'r'
            JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'
            LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
            WHERE a.attnum > 0 AND NOT a.attisdropped
            ORDER BY c.oid, a.attnum
            """
        )
    found: dict[str, dict[str, tuple[str, bool, str | None]]] = {}
    for row in rows:
        columns = found.setdefault(row["relname"], {})
        columns[row["attname"]] = (row["type"], row["attnotnull"], row["default"])
    return found


async def indexes_of(url: URL) -> dict[str, set[str]]:
    """Return each table's indexes and checks, as PostgreSQL writes them, without their names."""
    async with connected(url) as connection:
        rows = await connection.fetch(
            """
            SELECT tablename AS name, regexp_replace(indexdef,
                   'INDEX \\S+ ON public\\.\\S+ USING btree ', '') AS definition
            FROM pg_indexes WHERE schemaname = 'public'
            UNION ALL
            SELECT conrelid::regclass::text, pg_get_constraintdef(oid)
            FROM pg_constraint WHERE contype IN ('c', 'f') AND connamespace = 'public'::regnamespace
            """
        )
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(row["name"], set()).add(row["definition"].replace("CREATE ", ""))
    return found


async def test_first_migration_creates_exactly_the_specified_tables(empty_url: URL) -> None:
    await upgrade(empty_url, FIRST)
    tables = await tables_of(empty_url)
    del tables["alembic_version"]
    assert list(tables) == list(TABLES)
    for name, columns in TABLES.items():
        assert tables[name] == columns, name


async def test_first_migration_creates_exactly_the_specified_indexes(empty_url: URL) -> None:
    await upgrade(empty_url, FIRST)
    found = await indexes_of(empty_url)
    del found["alembic_version"]
    assert found == INDEXES


async def test_later_migrations_leave_the_specified_tables_as_they_are(empty_url: URL) -> None:
    await upgrade(empty_url)
    tables, indexes = await tables_of(empty_url), await indexes_of(empty_url)
    extended = {"agent_conversations", "agent_messages"}
    for name in TABLES.keys() - extended:
        assert (tables[name], indexes[name]) == (TABLES[name], INDEXES[name]), name
    for name in extended:
        assert tables[name].items() >= TABLES[name].items(), name


async def test_every_step_goes_up_down_and_up_again_with_rows_inside(empty_url: URL) -> None:
    script = ScriptDirectory.from_config(alembic_config(""))
    revisions = [item.revision for item in reversed(list(script.walk_revisions()))]
    below = "base"
    for revision in revisions:
        await upgrade(empty_url, revision)
        await fill(empty_url)
        await downgrade(empty_url, below)
        await upgrade(empty_url, revision)
        below = revision
    await fill(empty_url)
    await downgrade(empty_url, FIRST)
    async with connected(empty_url) as connection:
        kept = await connection.fetchval("SELECT count(*) FROM agent_messages")
    assert kept > 0
    await upgrade(empty_url)


async def fill(url: URL) -> None:
    """Store a business with one row in every table that there is, as far as it has columns."""
    tables = await tables_of(url)
    ids = {name: uuid4() for name in tables}
    async with connected(url) as connection:
        await connection.execute(
            f"""
            INSERT INTO users (id, email) VALUES ('{ids["users"]}', '{uuid4()}@example.com');
            INSERT INTO businesses (id, name) VALUES ('{ids["businesses"]}', 'Shop');
            INSERT INTO user_business_memberships (user_id, business_id)
                VALUES ('{ids["users"]}', '{ids["businesses"]}');
            INSERT INTO integration_accounts (id, business_id, provider, external_id)
                VALUES ('{ids["integration_accounts"]}', '{ids["businesses"]}', 'stripe', 'acct');
            INSERT INTO stripe_events (integration_id, stripe_event_id, event_type)
                VALUES ('{ids["integration_accounts"]}', 'evt_{uuid4()}', 'charge.created');
            INSERT INTO financial_metric_snapshots (business_id, period_start, period_end)
                VALUES ('{ids["businesses"]}', '2026-01-01', '2026-01-31');
            INSERT INTO readiness_scores (business_id, score, tier)
                VALUES ('{ids["businesses"]}', 50, 'needs_work');
            INSERT INTO recommendations (business_id, title)
                VALUES ('{ids["businesses"]}', 'Do it');
            INSERT INTO agent_conversations (id, business_id, user_id)
                VALUES ('{ids["agent_conversations"]}', '{ids["businesses"]}', '{ids["users"]}');
            INSERT INTO agent_messages (id, conversation_id, role, content)
                VALUES ('{ids["agent_messages"]}', '{ids["agent_conversations"]}', 'user', 'Hello');
            """
        )
        if "agent_runs" in tables:
            await connection.execute(
                f"""
                INSERT INTO agent_runs (id, business_id, conversation_id, user_id, client_run_id,
                                        input_hash, state)
                VALUES ('{ids["agent_runs"]}', '{ids["businesses"]}',
                        '{ids["agent_conversations"]}', '{ids["users"]}', 'run', 'hash', 'running');
                INSERT INTO agent_run_events (run_id, seq, type, data)
                VALUES ('{ids["agent_runs"]}', 1, 'RUN_STARTED', '{{}}');
                INSERT INTO agent_messages (conversation_id, role, content, run_id)
                VALUES ('{ids["agent_conversations"]}', 'user', 'Hi', '{ids["agent_runs"]}');
                """
            )
        if "pgqueuer" in tables:
            await connection.execute(
                "INSERT INTO pgqueuer (priority, status, entrypoint) VALUES (0, 'queued', 'x')"
            )
        ids["stripe_events"] = await connection.fetchval(
            "SELECT id FROM stripe_events WHERE integration_id = $1", ids["integration_accounts"]
        )
        for name, columns in tables.items():
            if name.startswith("ledger_") or name in ROWS_OF_THEIR_OWN:
                await insert_row(connection, name, columns, ids)


async def insert_row(
    connection: asyncpg.Connection, table: str, columns: dict[str, Column], ids: dict[str, UUID]
) -> None:
    """Store a row with something in every column but those that number themselves."""
    columns = {
        column: details
        for column, details in columns.items()
        if (column, details[0]) != ("id", "bigint")
    }
    values = [
        f"'{ids[REFERENCES[column]]}'" if column in REFERENCES else VALUES[type_]
        for column, (type_, _, _) in columns.items()
    ]
    await connection.execute(
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(values)})"
    )


async def test_times_become_versions_and_versions_times_that_any_fetch_replaces(
    empty_url: URL,
) -> None:
    await upgrade(empty_url, BEFORE_VERSIONS)
    await fill(empty_url)
    async with connected(empty_url) as connection:
        await connection.execute("UPDATE ledger_charges SET source_time = 1780000000")
    await upgrade(empty_url)
    await fill(empty_url)
    async with connected(empty_url) as connection:
        versions = await connection.fetch("SELECT source_version FROM ledger_charges ORDER BY 1")
        drawn = await connection.fetchval("SELECT nextval('ledger_versions')")
    assert [row[0] for row in versions] == [1_780_000_000, 5_000_000_000]
    assert drawn == 2**32
    await downgrade(empty_url, BEFORE_VERSIONS)
    async with connected(empty_url) as connection:
        times = await connection.fetch("SELECT source_time FROM ledger_charges ORDER BY 1")
        now = await connection.fetchval("SELECT extract(epoch FROM now())::bigint")
    assert times[0][0] == 1_780_000_000
    assert now - 60 < times[1][0] <= now + 1


async def test_score_outside_of_the_scale_is_refused(empty_url: URL) -> None:
    await upgrade(empty_url)
    await fill(empty_url)
    async with connected(empty_url) as connection:
        with pytest.raises(Exception, match="ck_readiness_scores_score"):
            await connection.execute("UPDATE readiness_scores SET score = 101")


async def test_processes_that_migrate_at_once_do_no_harm(empty_url: URL) -> None:
    environment = {**os.environ, "DATABASE_URL": text_of(empty_url)}

    async def process() -> int:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "cli", "migrate", cwd=PROJECT, env=environment
        )
        return await child.wait()

    assert await asyncio.gather(*(process() for _ in range(3))) == [0, 0, 0]
    await asyncio.to_thread(migrate, text_of(empty_url))
    async with connected(empty_url) as connection:
        assert await connection.fetchval("SELECT count(*) FROM alembic_version") == 1
