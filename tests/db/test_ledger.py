"""Rows arrive once and exactly, and an older state never replaces a newer one."""

from dataclasses import replace

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError

from db.models import LedgerBalanceTransaction, LedgerCustomer, LedgerPayout, LedgerRefund, Model
from db.repositories.ledger import (
    CustomerRow,
    InvoiceRow,
    LedgerOwner,
    LedgerRow,
    RefundRow,
    count_rows,
    list_unseen,
    mark_customer_deleted,
    next_version,
    remove,
    versions_of,
)
from db.repositories.ledger_tables import TABLES
from db.session import Database
from tests.db.ledger_samples import BY_KIND, CREATED, SAMPLES, charge, owner_of, refund, write
from tests.factories import Shop, make_shop


@pytest.fixture
async def owner(database: Database, shop: Shop) -> LedgerOwner:
    return await owner_of(database, shop)


async def refunds(database: Database, owner: LedgerOwner) -> dict[str, str | None]:
    query = select(LedgerRefund.stripe_id, LedgerRefund.status).where(
        LedgerRefund.business_id == owner.business_id
    )
    async with database.unit_of_work() as session:
        return dict((await session.execute(query)).all())


@pytest.mark.parametrize("row", SAMPLES, ids=lambda row: type(row).__name__)
async def test_row_arrives_with_every_column(
    database: Database, owner: LedgerOwner, row: LedgerRow
) -> None:
    await write(database, owner, row)
    async with database.unit_of_work() as session:
        stored = (await session.execute(select(TABLES[type(row)]))).scalar_one()
    assert {name: getattr(stored, name) for name in row._fields} == row._asdict()
    assert (stored.business_id, stored.integration_id) == (
        owner.business_id,
        owner.integration_id,
    )


@pytest.mark.parametrize("row", SAMPLES, ids=lambda row: type(row).__name__)
async def test_row_replaces_every_column(
    database: Database, owner: LedgerOwner, row: LedgerRow
) -> None:
    table = TABLES[type(row)]
    await write(database, owner, row)
    empty = {name: None for name in row._fields if table.__table__.c[name].nullable}
    changed = row._replace(source_version=row.source_version + 1, **empty)
    await write(database, owner, changed)
    async with database.unit_of_work() as session:
        stored = (await session.execute(select(table))).scalar_one()
    assert {name: getattr(stored, name) for name in row._fields} == changed._asdict()


def test_every_column_of_the_ledger_is_written_or_ours() -> None:
    ours = {"business_id", "integration_id", "payout_id", "reconciled_at", "deleted"}
    for kind, table in TABLES.items():
        assert {column.name for column in table.__table__.columns} - ours == set(kind._fields)
    ledgers = {name for name in Model.metadata.tables if name.startswith("ledger_")}
    assert {table.__tablename__ for table in TABLES.values()} == ledgers - {
        "ledger_tombstones",
        "ledger_changes",
    }


async def test_rows_of_all_kinds_arrive_together(
    database: Database, owner: LedgerOwner, shop: Shop
) -> None:
    await write(database, owner, *SAMPLES)
    async with database.unit_of_work() as session:
        counts = await count_rows(session, shop.access)
    assert set(counts.values()) == {1}


async def test_writing_twice_leaves_one_row(database: Database, owner: LedgerOwner) -> None:
    await write(database, owner, refund("re_1"), refund("re_2"))
    await write(database, owner, refund("re_2"), refund("re_3"))
    assert sorted(await refunds(database, owner)) == ["re_1", "re_2", "re_3"]


@pytest.mark.parametrize(
    ("version", "status"), [(99, "pending"), (100, "succeeded"), (101, "succeeded")]
)
async def test_only_an_older_state_is_turned_away(
    database: Database, owner: LedgerOwner, version: int, status: str
) -> None:
    await write(database, owner, refund("re_1", 100))
    await write(database, owner, refund("re_1", version, status="succeeded"))
    assert await refunds(database, owner) == {"re_1": status}


async def test_older_state_does_not_hold_up_the_rest(
    database: Database, owner: LedgerOwner
) -> None:
    await write(database, owner, refund("re_1", 100))
    await write(database, owner, refund("re_1", 1, status="failed"), refund("re_2"))
    assert await refunds(database, owner) == {"re_1": "pending", "re_2": "pending"}


@pytest.mark.parametrize("order", [1, -1])
async def test_newest_state_of_a_batch_wins(
    database: Database, owner: LedgerOwner, order: int
) -> None:
    states = [refund("re_1", 1, status="failed"), refund("re_1", 2)][::order]
    await write(database, owner, *states)
    assert await refunds(database, owner) == {"re_1": "pending"}


async def test_last_of_equal_versions_in_a_batch_wins(
    database: Database, owner: LedgerOwner
) -> None:
    """As in the table: one attempt may read an object twice, and the later answer is the newer."""
    await write(database, owner, refund("re_1", 5), refund("re_1", 5, status="succeeded"))
    assert await refunds(database, owner) == {"re_1": "succeeded"}


async def test_nothing_to_write_is_fine(database: Database, owner: LedgerOwner) -> None:
    await write(database, owner)
    assert await refunds(database, owner) == {}


async def test_text_that_does_not_fit_is_refused_and_not_cut(
    database: Database, owner: LedgerOwner
) -> None:
    with pytest.raises(DBAPIError, match="too long"):
        await write(database, owner, refund("re_1", status="x" * 21))
    assert await refunds(database, owner) == {}


async def test_same_id_of_two_businesses_is_two_rows(
    database: Database, owner: LedgerOwner
) -> None:
    other = await owner_of(database, await make_shop(database, "Other shop"))
    await write(database, owner, refund("re_1"))
    await write(database, other, refund("re_1", 200, status="failed"))
    assert await refunds(database, owner) == {"re_1": "pending"}
    assert await refunds(database, other) == {"re_1": "failed"}


async def test_counts_are_of_the_business_alone(
    database: Database, shop: Shop, owner: LedgerOwner
) -> None:
    other = await owner_of(database, await make_shop(database, "Other shop"))
    await write(database, owner, refund("re_1"), refund("re_2"))
    await write(database, owner, CustomerRow("cus_1", CREATED, 1, None))
    await write(database, other, refund("re_3"))
    async with database.unit_of_work() as session:
        counts = await count_rows(session, shop.access)
    assert {name: count for name, count in counts.items() if count} == {
        "refunds": 2,
        "customers": 1,
    }


async def test_rows_of_no_business_are_refused_by_the_database(
    database: Database, owner: LedgerOwner
) -> None:
    stranger = replace(owner, business_id=owner.integration_id)
    with pytest.raises(DBAPIError, match="foreign key"):
        await write(database, stranger, refund("re_1"))


async def test_versions_grow_and_stand_above_the_seconds_of_before(database: Database) -> None:
    async with database.unit_of_work() as session:
        first = await next_version(session)
    async with database.unit_of_work() as session:
        second = await next_version(session)
    assert 2**32 <= first < second


async def test_version_that_was_drawn_is_never_drawn_again_after_a_rollback(
    database: Database,
) -> None:
    async with database.unit_of_work() as session:
        first = await next_version(session)
        await session.rollback()
    async with database.unit_of_work() as session:
        assert await next_version(session) > first


async def test_versions_of_unknown_objects_are_left_out(
    database: Database, owner: LedgerOwner
) -> None:
    await write(database, owner, refund("re_1", 5), refund("re_2", 6), charge("ch_1", 7))
    async with database.unit_of_work() as session:
        found = await versions_of(session, owner, RefundRow, ["re_1", "re_3", "ch_1"])
        nothing = await versions_of(session, owner, RefundRow, [])
    assert (found, nothing) == ({"re_1": 5}, {})


async def test_versions_are_of_the_business_alone(database: Database, owner: LedgerOwner) -> None:
    other = await owner_of(database, await make_shop(database, "Other shop"))
    await write(database, owner, refund("re_1", 5))
    async with database.unit_of_work() as session:
        await remove(session, other, RefundRow, "re_2", 9)
    await write(database, other, refund("re_1", 9))
    async with database.unit_of_work() as session:
        found = await versions_of(session, owner, RefundRow, ["re_1", "re_2"])
    assert found == {"re_1": 5}


async def test_upsert_leaves_what_is_ours(database: Database, owner: LedgerOwner) -> None:
    await write(database, owner, *SAMPLES)
    async with database.unit_of_work() as session:
        await session.execute(update(LedgerBalanceTransaction).values(payout_id="po_1"))
        await session.execute(update(LedgerPayout).values(reconciled_at=CREATED))
        await session.execute(update(LedgerCustomer).values(deleted=True))
    newer = [row._replace(source_version=row.source_version + 1) for row in SAMPLES]
    await write(database, owner, *newer)
    async with database.unit_of_work() as session:
        line = (await session.execute(select(LedgerBalanceTransaction))).scalar_one()
        payout = (await session.execute(select(LedgerPayout))).scalar_one()
        customer = (await session.execute(select(LedgerCustomer))).scalar_one()
    assert (line.payout_id, payout.reconciled_at, customer.deleted) == ("po_1", CREATED, True)
    assert customer.source_version == BY_KIND[CustomerRow].source_version + 1


async def test_unseen_are_the_objects_that_may_be_deleted_and_were_fetched_before(
    database: Database, owner: LedgerOwner
) -> None:
    other = await owner_of(database, await make_shop(database, "Other shop"))
    customer, invoice = BY_KIND[CustomerRow], BY_KIND[InvoiceRow]
    rows = [
        customer._replace(stripe_id="cus_old", source_version=4),
        customer._replace(stripe_id="cus_older", source_version=3),
        customer._replace(stripe_id="cus_seen", source_version=5),
        customer._replace(stripe_id="cus_gone", source_version=1),
        invoice._replace(stripe_id="in_draft", source_version=4, status="draft"),
        invoice._replace(stripe_id="in_paid", source_version=4, status="paid"),
    ]
    await write(database, other, rows[0]._replace(stripe_id="cus_other"))
    await write(database, owner, *rows)
    async with database.unit_of_work() as session:
        await mark_customer_deleted(session, owner, "cus_gone", 2)
        for kind, limit, expected in (
            (CustomerRow, 9, ["cus_old", "cus_older"]),
            (CustomerRow, 1, ["cus_old"]),
            (InvoiceRow, 9, ["in_draft"]),
        ):
            found = await list_unseen(session, owner, kind, since=5, limit=limit)
            assert found == expected
