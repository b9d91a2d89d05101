"""Every row arrives exactly, nothing personal does, and a later sync brings what changed."""

import logging

import pytest
from sqlalchemy import select, text

from db.models import LedgerRefund
from db.repositories.ledger import next_version
from db.session import Database
from sandbox.stripe.server import SandboxStripe
from tests.factories import Shop
from tests.integrations.stripe.ledgers import KEY, charge_id, personal_data
from tests.services.stripe_sync.connected import SmallPages, differences, sync
from tests.services.stripe_sync.expected_rows import expected, instant, stored


async def test_first_sync_brings_every_row_exactly(
    database: Database, connected: Shop, sandbox: SandboxStripe
) -> None:
    done = await sync(database, connected, sandbox.url, wrap=lambda g: SmallPages(g, limit=3))
    wanted = expected(sandbox.api.ledger)
    assert all(wanted.values())
    assert await stored(database, connected, wanted) == wanted
    assert await differences(database, connected, sandbox.url) == []
    assert (done.state, done.percent, done.attempt) == ("completed", 100, 1)
    counts = {name: len(rows) for name, rows in wanted.items()}
    assert {name: count for name, count in done.counts.items() if count} == counts
    assert done.total == sum(counts.values())


async def test_rows_carry_their_creation_and_the_version_drawn_before_their_request(
    database: Database, connected: Shop, sandbox: SandboxStripe
) -> None:
    async def versions() -> dict[str, int]:
        async with database.unit_of_work() as session:
            rows = (await session.execute(select(LedgerRefund))).scalars().all()
        created = {fact.id: instant(fact.created) for fact in sandbox.api.ledger.refunds.facts}
        assert {row.stripe_id: row.created_at for row in rows} == created
        return {row.stripe_id: row.source_version for row in rows}

    await sync(database, connected, sandbox.url)
    first = await versions()
    async with database.unit_of_work() as session:
        drawn = await next_version(session)
    assert max(first.values()) < drawn


async def test_nothing_personal_is_stored_or_logged(
    database: Database,
    connected: Shop,
    sandbox: SandboxStripe,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    await sync(database, connected, sandbox.url)
    dump = await everything(database) + caplog.text + "".join(capsys.readouterr())
    assert charge_id(0) in dump
    assert "sync is complete" in dump
    canaries = personal_data(sandbox.api.ledger) | {KEY}
    assert [canary for canary in canaries if canary in dump] == []


async def everything(database: Database) -> str:
    """Every row of every table, as text."""
    async with database.unit_of_work() as session:
        tables = (
            await session.execute(
                text("SELECT relname FROM pg_stat_user_tables WHERE schemaname = 'public'")
            )
        ).scalars()
        dumps = [
            (await session.execute(text(f'SELECT to_jsonb(t)::text FROM "{name}" t'))).scalars()
            for name in tables.all()
        ]
        return "\n".join(line for dump in dumps for line in dump)
