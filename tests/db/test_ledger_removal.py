"""What Stripe no longer has goes, and no page from before brings it back."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select

from db.models import LedgerCustomer, LedgerInvoice, LedgerInvoiceLine
from db.repositories.ledger import (
    CustomerRow,
    InvoiceRow,
    LedgerOwner,
    mark_customer_deleted,
    remove,
    upsert,
    upsert_children,
    versions_of,
)
from db.session import Database
from tests.db.ledger_samples import CREATED, invoice, line, owner_of, write
from tests.factories import Shop, make_shop


@pytest.fixture
async def owner(database: Database, shop: Shop) -> LedgerOwner:
    return await owner_of(database, shop)


async def remove_invoice(database: Database, owner: LedgerOwner, version: int) -> None:
    async with database.unit_of_work() as session:
        await remove(session, owner, InvoiceRow, "in_1", version)


async def invoices(database: Database, owner: LedgerOwner) -> dict[str, int]:
    table = LedgerInvoice
    query = select(table.stripe_id, table.source_version).where(
        table.business_id == owner.business_id
    )
    async with database.unit_of_work() as session:
        return dict((await session.execute(query)).all())


async def customers(database: Database) -> dict[str, tuple[bool, int]]:
    query = select(LedgerCustomer.stripe_id, LedgerCustomer.deleted, LedgerCustomer.source_version)
    async with database.unit_of_work() as session:
        found = (await session.execute(query)).all()
    return {stripe_id: (deleted, version) for stripe_id, deleted, version in found}


def customer(version: int) -> CustomerRow:
    return CustomerRow("cus_1", CREATED, version, "usd")


async def test_removed_object_goes_with_its_children(
    database: Database, owner: LedgerOwner
) -> None:
    gone, kept = invoice("in_1", 5), invoice("in_2", 5)
    async with database.unit_of_work() as session:
        await upsert(session, owner, [gone, kept])
        await upsert_children(
            session, owner, [gone, kept], [line("il_1", gone), line("il_2", kept)]
        )
    await remove_invoice(database, owner, 6)
    async with database.unit_of_work() as session:
        left = (await session.execute(select(LedgerInvoiceLine.stripe_id))).scalars().all()
    assert (await invoices(database, owner), left) == ({"in_2": 5}, ["il_2"])


async def test_object_that_was_fetched_since_stays(database: Database, owner: LedgerOwner) -> None:
    await write(database, owner, invoice("in_1", 7))
    await remove_invoice(database, owner, 6)
    assert await invoices(database, owner) == {"in_1": 7}


@pytest.mark.parametrize("stored_before", [True, False])
async def test_page_from_before_does_not_bring_it_back(
    database: Database, owner: LedgerOwner, stored_before: bool
) -> None:
    if stored_before:
        await write(database, owner, invoice("in_1", 4))
    await remove_invoice(database, owner, 6)
    stale = invoice("in_1", 5)
    async with database.unit_of_work() as session:
        await upsert(session, owner, [stale, invoice("in_2", 5)])
        await upsert_children(session, owner, [stale], [line("il_1", stale)])
    async with database.unit_of_work() as session:
        left = (await session.execute(select(LedgerInvoiceLine.stripe_id))).scalars().all()
    assert (await invoices(database, owner), left) == ({"in_2": 5}, [])


async def test_page_that_is_on_its_way_in_does_not_bring_it_back(
    database: Database, owner: LedgerOwner
) -> None:
    async with database.unit_of_work() as session:
        await upsert(session, owner, [invoice("in_1", 5)])
        removing = asyncio.create_task(remove_invoice(database, owner, 6))
        await asyncio.wait([removing], timeout=0.2)
        assert not removing.done()
    await removing
    assert await invoices(database, owner) == {}


async def test_page_waits_for_a_removal_that_is_not_committed(
    database: Database, owner: LedgerOwner
) -> None:
    async with database.unit_of_work() as session:
        await remove(session, owner, InvoiceRow, "in_1", 6)
        writing = asyncio.create_task(write(database, owner, invoice("in_1", 5)))
        await asyncio.wait([writing], timeout=0.2)
        assert not writing.done()
    await writing
    assert await invoices(database, owner) == {}


async def test_later_fetch_brings_an_object_back(database: Database, owner: LedgerOwner) -> None:
    await remove_invoice(database, owner, 6)
    await write(database, owner, invoice("in_1", 7))
    assert await invoices(database, owner) == {"in_1": 7}


async def test_earlier_removal_does_not_weaken_a_later_one(
    database: Database, owner: LedgerOwner
) -> None:
    await remove_invoice(database, owner, 8)
    await remove_invoice(database, owner, 6)
    await write(database, owner, invoice("in_1", 7))
    assert await invoices(database, owner) == {}


async def test_version_of_a_removed_object_is_known(database: Database, owner: LedgerOwner) -> None:
    await write(database, owner, invoice("in_1", 5), invoice("in_2", 5))
    await remove_invoice(database, owner, 6)
    async with database.unit_of_work() as session:
        found = await versions_of(session, owner, InvoiceRow, ["in_1", "in_2"])
    assert found == {"in_1": 6, "in_2": 5}


async def test_removal_is_of_one_business(database: Database, owner: LedgerOwner) -> None:
    other = await owner_of(database, await make_shop(database, "Other shop"), account="acct_2")
    await write(database, other, invoice("in_1", 5))
    await remove_invoice(database, owner, 6)
    assert await invoices(database, other) == {"in_1": 5}


async def test_deleted_customer_stays_marked(database: Database, owner: LedgerOwner) -> None:
    await write(database, owner, customer(5))
    async with database.unit_of_work() as session:
        await mark_customer_deleted(session, owner, "cus_1", 6)
    await write(database, owner, customer(5))
    assert await customers(database) == {"cus_1": (True, 6)}


async def test_customer_that_was_fetched_since_is_not_marked(
    database: Database, owner: LedgerOwner
) -> None:
    await write(database, owner, customer(7))
    async with database.unit_of_work() as session:
        await mark_customer_deleted(session, owner, "cus_1", 6)
    assert await customers(database) == {"cus_1": (False, 7)}


async def test_customer_of_another_business_is_not_marked(
    database: Database, owner: LedgerOwner
) -> None:
    other = await owner_of(database, await make_shop(database, "Other shop"), account="acct_2")
    await write(database, other, customer(5))
    async with database.unit_of_work() as session:
        await mark_customer_deleted(session, owner, "cus_1", 6)
    assert await customers(database) == {"cus_1": (False, 5)}


async def test_customer_that_was_deleted_unseen_is_not_stored(
    database: Database, owner: LedgerOwner
) -> None:
    async with database.unit_of_work() as session:
        await mark_customer_deleted(session, owner, "cus_1", 6)
    await write(database, owner, customer(5))
    assert await customers(database) == {}
