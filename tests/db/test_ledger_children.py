"""Children belong to the state of their parent that is stored, and to no other."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from db.models import LedgerInvoice, LedgerInvoiceLine, LedgerSubscriptionItem
from db.repositories.ledger import (
    InvoiceLineRow,
    InvoiceRow,
    LedgerOwner,
    SubscriptionItemRow,
    SubscriptionRow,
    upsert,
    upsert_children,
)
from db.session import Database
from tests.db.ledger_samples import BY_KIND, invoice, line, owner_of
from tests.factories import Shop, make_shop


@pytest.fixture
async def owner(database: Database, shop: Shop) -> LedgerOwner:
    return await owner_of(database, shop)


async def write_page(
    database: Database,
    owner: LedgerOwner,
    parents: list[InvoiceRow],
    children: list[InvoiceLineRow],
) -> None:
    async with database.unit_of_work() as session:
        await upsert(session, owner, parents)
        await upsert_children(session, owner, parents, children)


async def lines(database: Database, owner: LedgerOwner) -> dict[str, tuple[str, int]]:
    """Return each line's invoice and version."""
    table = LedgerInvoiceLine
    query = select(table.stripe_id, table.invoice_id, table.source_version)
    async with database.unit_of_work() as session:
        found = await session.execute(query.where(table.business_id == owner.business_id))
    return {stripe_id: (parent, version) for stripe_id, parent, version in found}


async def test_lines_arrive_with_their_invoices(database: Database, owner: LedgerOwner) -> None:
    first, second = invoice("in_1", 5), invoice("in_2", 5)
    page = [line("il_1", first), line("il_2", first), line("il_3", second)]
    await write_page(database, owner, [first, second], page)
    assert await lines(database, owner) == {
        "il_1": ("in_1", 5),
        "il_2": ("in_1", 5),
        "il_3": ("in_2", 5),
    }


async def test_lines_of_before_are_gone_after_a_later_state(
    database: Database, owner: LedgerOwner
) -> None:
    old, new, other = invoice("in_1", 5), invoice("in_1", 6), invoice("in_2", 5)
    page = [line("il_1", old), line("il_2", old), line("il_3", other)]
    await write_page(database, owner, [old, other], page)
    await write_page(database, owner, [new], [line("il_2", new), line("il_4", new)])
    assert await lines(database, owner) == {
        "il_2": ("in_1", 6),
        "il_4": ("in_1", 6),
        "il_3": ("in_2", 5),
    }


async def test_stale_page_neither_writes_nor_deletes_lines(
    database: Database, owner: LedgerOwner
) -> None:
    new, stale, fresh = invoice("in_1", 6), invoice("in_1", 5), invoice("in_2", 5)
    await write_page(database, owner, [new], [line("il_1", new), line("il_2", new)])
    page = [line("il_2", stale, amount=1), line("il_9", stale), line("il_3", fresh)]
    await write_page(database, owner, [stale, fresh], page)
    assert await lines(database, owner) == {
        "il_1": ("in_1", 6),
        "il_2": ("in_1", 6),
        "il_3": ("in_2", 5),
    }


async def test_invoice_without_lines_loses_those_it_had(
    database: Database, owner: LedgerOwner
) -> None:
    old, new = invoice("in_1", 5), invoice("in_1", 6)
    await write_page(database, owner, [old], [line("il_1", old)])
    await write_page(database, owner, [new], [])
    assert await lines(database, owner) == {}


async def test_same_page_twice_changes_nothing(database: Database, owner: LedgerOwner) -> None:
    row = invoice("in_1", 5)
    for _ in range(2):
        await write_page(database, owner, [row], [line("il_1", row), line("il_2", row)])
    assert set(await lines(database, owner)) == {"il_1", "il_2"}


async def test_lines_without_their_stored_invoice_are_not_written(
    database: Database, owner: LedgerOwner
) -> None:
    row = invoice("in_1", 5)
    async with database.unit_of_work() as session:
        await upsert_children(session, owner, [row], [line("il_1", row)])
    assert await lines(database, owner) == {}


async def test_lines_go_with_a_transaction_that_fails(
    database: Database, owner: LedgerOwner
) -> None:
    old, new = invoice("in_1", 5), invoice("in_1", 6)
    await write_page(database, owner, [old], [line("il_1", old)])
    async with database.unit_of_work() as session:
        await upsert(session, owner, [new])
        await upsert_children(session, owner, [new], [line("il_2", new)])
        await session.rollback()
    assert await lines(database, owner) == {"il_1": ("in_1", 5)}


async def test_lines_of_another_business_are_left_alone(
    database: Database, owner: LedgerOwner
) -> None:
    other = await owner_of(database, await make_shop(database, "Other shop"), account="acct_2")
    old, new = invoice("in_1", 5), invoice("in_1", 6)
    await write_page(database, other, [old], [line("il_1", old)])
    await write_page(database, owner, [new], [line("il_2", new)])
    assert await lines(database, other) == {"il_1": ("in_1", 5)}


async def test_stale_page_is_stale_though_another_business_holds_its_state(
    database: Database, owner: LedgerOwner
) -> None:
    other = await owner_of(database, await make_shop(database, "Other shop"), account="acct_2")
    new, stale = invoice("in_1", 6), invoice("in_1", 5)
    await write_page(database, other, [stale], [line("il_1", stale)])
    await write_page(database, owner, [new], [line("il_2", new)])
    await write_page(database, owner, [stale], [line("il_1", stale)])
    assert await lines(database, owner) == {"il_2": ("in_1", 6)}


async def test_no_parents_are_fine(database: Database, owner: LedgerOwner) -> None:
    await write_page(database, owner, [], [])
    assert await lines(database, owner) == {}


async def test_items_follow_their_subscription(database: Database, owner: LedgerOwner) -> None:
    parent, child = BY_KIND[SubscriptionRow], BY_KIND[SubscriptionItemRow]
    assert isinstance(parent, SubscriptionRow)
    assert isinstance(child, SubscriptionItemRow)
    newer = parent._replace(source_version=8)
    added = child._replace(stripe_id="si_2", source_version=8)
    async with database.unit_of_work() as session:
        await upsert(session, owner, [parent])
        await upsert_children(session, owner, [parent], [child])
        await upsert(session, owner, [newer])
        await upsert_children(session, owner, [newer], [added])
    async with database.unit_of_work() as session:
        stored = (await session.execute(select(LedgerSubscriptionItem.stripe_id))).scalars().all()
        parents = (await session.execute(select(LedgerInvoice.stripe_id))).scalars().all()
    assert (stored, parents) == (["si_2"], [])
