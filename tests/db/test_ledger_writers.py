"""Many writers at once: nobody waits in a circle, and the latest versions are what remains."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select
from sqlalchemy.engine import URL

from db.models import LedgerCharge, LedgerInvoice, LedgerInvoiceLine
from db.repositories import payouts
from db.repositories.ledger import (
    BalanceTransactionRow,
    CustomerRow,
    InvoiceRow,
    LedgerOwner,
    mark_customer_deleted,
    remove,
    upsert,
    upsert_children,
)
from db.session import Database, Session
from tests.db.ledger_samples import BY_KIND, CREATED, charge, invoice, line, owner_of
from tests.factories import make_shop

WRITERS = 8
# Ids whose order differs between Python and most collations.
IDS = [f"{prefix}{number}" for number in range(30) for prefix in ("ch_a", "ch_B", "ch_Z_", "ch_z")]


@pytest.fixture
async def crowd(database_url: URL) -> AsyncIterator[Database]:
    """A database with a connection for every writer."""
    database = Database(database_url, pool_size=WRITERS)
    yield database
    await database.dispose()


async def write_charges(crowd: Database, owner: LedgerOwner, seed: int) -> None:
    chance = random.Random(seed)
    for turn in range(6):
        version = chance.randrange(1_000_000)
        rows = [charge(key, version, f"v{version}") for key in chance.sample(IDS, 90)]
        customers = [CustomerRow(f"cus_{key}", CREATED, version, None) for key in IDS[:: turn + 1]]
        async with crowd.unit_of_work() as session:
            await upsert(session, owner, chance.sample([*rows, *customers], len(rows)))


async def test_writers_of_the_same_rows_do_not_deadlock(crowd: Database) -> None:
    owner = await owner_of(crowd, await make_shop(crowd))
    await asyncio.gather(*(write_charges(crowd, owner, seed) for seed in range(WRITERS)))
    async with crowd.unit_of_work() as session:
        stored = (await session.execute(select(LedgerCharge))).scalars().all()
    assert len(stored) == len(IDS)
    # The status was written together with the version, so a row of two states would show.
    assert all(row.status == f"v{row.source_version}" for row in stored)


async def write_page(session: Session, owner: LedgerOwner, version: int, seed: int) -> None:
    chance = random.Random(seed)
    parents = [invoice(f"in_{n}", version) for n in chance.sample(range(12), 8)]
    children = [
        line(f"il_{parent.stripe_id}_{n}", parent, amount=version)
        for parent in parents
        for n in chance.sample(range(9), 4)
    ]
    await upsert(session, owner, parents)
    await upsert_children(session, owner, parents, children)


async def test_pages_at_once_leave_each_invoice_with_the_lines_of_one_page(
    crowd: Database,
) -> None:
    owner = await owner_of(crowd, await make_shop(crowd))

    async def writer(number: int) -> None:
        for turn in range(8):
            async with crowd.unit_of_work() as session:
                await write_page(session, owner, 1 + turn * WRITERS + number, seed=turn + number)

    await asyncio.gather(*(writer(number) for number in range(WRITERS)))
    async with crowd.unit_of_work() as session:
        parents = (await session.execute(select(LedgerInvoice))).scalars().all()
        children = (await session.execute(select(LedgerInvoiceLine))).scalars().all()
    versions = {parent.stripe_id: parent.source_version for parent in parents}
    assert len(parents) == 12
    assert {child.source_version == versions[child.invoice_id] for child in children} == {True}
    of_parent = [sum(c.invoice_id == parent for c in children) for parent in versions]
    assert set(of_parent) == {4}


async def test_removals_among_writers_do_not_deadlock_and_win_by_version(crowd: Database) -> None:
    owner = await owner_of(crowd, await make_shop(crowd))

    async def writer(number: int) -> None:
        for turn in range(6):
            version = 1 + turn * WRITERS + number
            async with crowd.unit_of_work() as session:
                if turn % 2:
                    await remove(session, owner, InvoiceRow, f"in_{number}", 1_000)
                    await mark_customer_deleted(session, owner, f"cus_{turn}", 1_000)
                await write_page(session, owner, version, seed=version)

    await asyncio.gather(*(writer(number) for number in range(WRITERS)))
    async with crowd.unit_of_work() as session:
        left = (await session.execute(select(LedgerInvoice.stripe_id))).scalars().all()
        children = (await session.execute(select(LedgerInvoiceLine.invoice_id))).scalars().all()
    assert set(left) == {f"in_{n}" for n in range(WRITERS, 12)}
    assert set(children) == set(left)


async def test_reconciliation_among_writers_does_not_deadlock(crowd: Database) -> None:
    owner = await owner_of(crowd, await make_shop(crowd))
    sample = BY_KIND[BalanceTransactionRow]
    assert isinstance(sample, BalanceTransactionRow)

    async def writer(number: int) -> None:
        for turn in range(8):
            rows = [sample._replace(stripe_id=key, source_version=turn) for key in IDS]
            async with crowd.unit_of_work() as session:
                if number % 2:
                    await upsert(session, owner, rows)
                else:
                    await payouts.assign_lines(session, owner, f"po_{turn}", IDS)

    async with crowd.unit_of_work() as session:
        await upsert(session, owner, [sample._replace(stripe_id=key) for key in IDS])
    await asyncio.gather(*(writer(number) for number in range(WRITERS)))
