"""A server that crashes may undo commits that it had not flushed; a sync loses nothing by it.

A backend that is killed takes the shared memory with it, and so the log that was not written yet:
PostgreSQL starts again from what is on the disk.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from db.embedded import start_embedded_server
from db.session import LOST_CONNECTION, Database
from db.startup import migrate
from integrations.stripe.gateway import Page, StripeAccount, StripeGateway
from sandbox.stripe.ledger import Ledger
from sandbox.stripe.server import SandboxStripe, serve
from tests.factories import make_shop
from tests.integrations.stripe.ledgers import KEY, NOW
from tests.services.stripe_sync.connected import (
    START,
    connect,
    differences,
    requested,
    run,
    view,
)
from tests.services.stripe_sync.moving import HOUR, sale

pytestmark = pytest.mark.slow
SALES, PAGE = 200, 3
CRASHES = (30, 55, 80, 105, 120)
# At about every other page, nothing was left to undo: a commit that flushes had come behind it.
MORE_CRASHES = (33, 47, 61, 68, 72, 86, 91, 97, 110, 115)
# Longer and more than a sync takes: nothing but a flushing commit writes the log.
LAZY = (
    "ALTER SYSTEM SET wal_writer_delay = '10s'",
    "ALTER SYSTEM SET wal_writer_flush_after = '1GB'",
    "SELECT pg_reload_conf()",
)
ROWS = """
    SELECT (SELECT count(*) FROM ledger_charges)
        + (SELECT count(*) FROM ledger_balance_transactions)
"""


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """A database on a server of its own that flushes as a real one does."""
    url = await asyncio.to_thread(start_embedded_server, tmp_path / "postgres")
    await asyncio.to_thread(migrate, url)
    database = Database(url)
    connection = await database.connect()
    for statement in LAZY:
        await connection.execute(statement)
    await connection.close()
    yield database
    await database.dispose()


@pytest.fixture
async def stripe() -> AsyncIterator[SandboxStripe]:
    sales = [sale(f"A{n}", NOW - (n + 1) * HOUR) for n in range(SALES)]
    async with serve(Ledger.from_facts(charges=sales), keys=[KEY], clock=lambda: START) as serving:
        yield serving


@dataclass
class Crashing:
    """A gateway with small pages, before one of which the database's server crashes."""

    gateway: StripeGateway
    database: Database
    at: int
    before: list[int]
    asked: int = field(default=0)

    async def account(self) -> StripeAccount:
        return await self.gateway.account()

    async def list_page(self, resource: Any, **parameters: Any) -> Page[Any]:
        self.asked += 1
        if self.asked == self.at:
            self.before.append(await stored(self.database))
            await crash(self.database)
        return await self.gateway.list_page(resource, **{**parameters, "limit": PAGE})

    async def retrieve(self, resource: Any, object_id: str) -> Any:
        return await self.gateway.retrieve(resource, object_id)


async def crash(database: Database) -> None:
    connection = await database.connect()
    try:
        os.kill(await connection.fetchval("SELECT pg_backend_pid()"), signal.SIGKILL)
    finally:
        connection.terminate()


async def stored(database: Database) -> int:
    """Count rows, as soon as the server answers."""
    while True:
        with suppress(*LOST_CONNECTION):
            connection = await database.connect()
            try:
                rows: int = await connection.fetchval(ROWS)
                return rows
            finally:
                connection.terminate()
        await asyncio.sleep(0.05)


async def test_sync_whose_server_crashes_reads_again_what_was_undone(
    database: Database, stripe: SandboxStripe
) -> None:
    before: list[int] = []
    after: list[int] = []
    for at in (*CRASHES, *MORE_CRASHES):
        if len(after) >= len(CRASHES) and _undone(before, after):
            break
        shop = await make_shop(database)
        await connect(database, shop.access, KEY)
        sync_id = await requested(database, shop.access)
        with suppress(*LOST_CONNECTION, ExceptionGroup):
            wrap = partial(Crashing, database=database, at=at, before=before)
            await run(database, sync_id, stripe.url, wrap=wrap)
        after.append(await stored(database))
        await complete(database, sync_id, stripe.url)
        assert (await view(database, shop, sync_id)).state == "completed"
        assert await differences(database, shop, stripe.url) == [], f"crashed at page {at}"
        await clear(database)
    assert len(before) == len(after) >= len(CRASHES)
    assert _undone(before, after), "No commit was undone, so nothing was tested."


def _undone(before: list[int], after: list[int]) -> bool:
    return any(now < then for then, now in zip(before, after, strict=True))


async def complete(database: Database, sync_id: UUID, url: str) -> None:
    """Go on with a sync as the worker does: until the database answers to the end."""
    while True:
        with suppress(*LOST_CONNECTION, ExceptionGroup):
            return await run(database, sync_id, url)


async def clear(database: Database) -> None:
    """One account can be connected to one business only."""
    connection = await database.connect()
    await connection.execute("TRUNCATE businesses CASCADE")
    await connection.close()
