"""The whole demo shop, with Stripe and the worker in processes of their own."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import func, select

from db.models import LedgerBalanceTransaction, LedgerCharge, LedgerRefund
from db.repositories.ledger import count_rows
from db.session import Database
from domain.access import Access
from domain.periods import Month
from sandbox.stripe.cdnow import load_shop
from sandbox.stripe.server import DEFAULT_KEY
from tests.factories import Shop
from tests.services.stripe_sync.connected import connect, requested, run, view

PROJECT = Path(__file__).resolve().parents[3]
LAST_MONTH = Month(2026, 10)
WORKER = """
import asyncio, sys
from uuid import UUID
from db.session import Database
from tests.services.stripe_sync.connected import run
asyncio.run(run(Database(sys.argv[1]), UUID(sys.argv[2]), sys.argv[3]))
"""


@asynccontextmanager
async def process(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A Python process of this project, killed at the end."""
    started = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, cwd=PROJECT, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await started.communicate()


async def read(database: Database, access: Access) -> dict[str, int]:
    async with database.unit_of_work() as session:
        return await count_rows(session, access)


async def kill_midway(database: Database, access: Access, sync_id: UUID, stripe_url: str) -> None:
    """Sync in a process of its own, and kill that once 20,000 charges are there."""
    url = database.url.render_as_string(hide_password=False)
    async with process("-c", WORKER, url, str(sync_id), stripe_url) as worker:
        while (await read(database, access))["charges"] < 20_000:
            assert worker.returncode is None
            await asyncio.sleep(0.05)
        worker.send_signal(signal.SIGKILL)
        await worker.wait()


@pytest.mark.slow
async def test_demo_shop_is_synced_exactly_by_two_workers_of_which_one_is_killed(
    database: Database, shop: Shop
) -> None:
    await connect(database, shop.access, DEFAULT_KEY)
    sync_id = await requested(database, shop.access)
    sandbox = process("-m", "sandbox.stripe", "--port", "0", "--last-month", str(LAST_MONTH))
    async with sandbox as stripe_api:
        assert stripe_api.stdout is not None
        url = (await stripe_api.stdout.readline()).decode().split()[-1]
        await kill_midway(database, shop.access, sync_id, url)
        left = await read(database, shop.access)
        await run(database, sync_id, url)

    facts = load_shop(last_month=LAST_MONTH)
    done = await view(database, shop, sync_id)
    assert (done.state, done.attempt) == ("completed", 2)
    assert 20_000 <= left["charges"] < len(facts.charges)
    wanted = {
        "charges": len(facts.charges),
        "refunds": len(facts.refunds),
        "disputes": len(facts.disputes),
        "balance_transactions": len(facts.balance_transactions),
        "customers": len(facts.customers),
    }
    counted = await read(database, shop.access)
    assert counted == done.counts
    assert {name: counted[name] for name in wanted} == wanted
    sums = (
        select(func.sum(LedgerCharge.amount_captured)).scalar_subquery(),
        select(func.sum(LedgerRefund.amount)).scalar_subquery(),
        select(func.sum(LedgerBalanceTransaction.net)).scalar_subquery(),
    )
    async with database.unit_of_work() as session:
        stored = (await session.execute(select(*sums))).one()
    assert tuple(map(int, stored)) == (
        sum(fact.captured for fact in facts.charges.facts),
        sum(fact.amount for fact in facts.refunds.facts),
        sum(fact.amount - fact.fee for fact in facts.balance_transactions.facts),
    )
