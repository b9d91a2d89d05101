"""Rows arrive once and exactly, and an older state never replaces a newer one."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from db.models import IntegrationAccount, LedgerBalanceTransaction, LedgerRefund
from db.repositories.ledger import (
    BalanceTransactionRow,
    CustomerRow,
    LedgerOwner,
    LedgerRow,
    RefundRow,
    count_rows,
    upsert,
)
from db.session import Database
from tests.factories import Shop, make_shop

CREATED = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


def refund(number: int, *, source_time: int = 100, status: str = "pending") -> RefundRow:
    return RefundRow(
        f"re_{number}", CREATED, source_time, 500 + number, "usd", status, None, "ch_1"
    )


async def owner_of(database: Database, shop: Shop) -> LedgerOwner:
    account = IntegrationAccount(
        business_id=shop.business_id, provider="stripe", external_id="acct_1"
    )
    async with database.unit_of_work() as session:
        session.add(account)
        await session.flush()
        await session.refresh(account)
    return LedgerOwner(shop.business_id, account.id)


@pytest.fixture
async def owner(database: Database, shop: Shop) -> LedgerOwner:
    return await owner_of(database, shop)


async def write(database: Database, owner: LedgerOwner, *rows: LedgerRow) -> None:
    async with database.unit_of_work() as session:
        await upsert(session, owner, rows)


async def refunds(database: Database, owner: LedgerOwner) -> dict[str, str | None]:
    query = select(LedgerRefund.stripe_id, LedgerRefund.status).where(
        LedgerRefund.business_id == owner.business_id
    )
    async with database.unit_of_work() as session:
        return dict((await session.execute(query)).all())


async def test_row_arrives_with_every_column(database: Database, owner: LedgerOwner) -> None:
    available = datetime(2026, 3, 3, tzinfo=UTC)
    row = BalanceTransactionRow(
        stripe_id="txn_1",
        created_at=CREATED,
        source_time=1_780_000_000,
        amount=-9_000_000_000,
        fee=1_500,
        net=-9_000_001_500,
        currency="eur",
        type="adjustment",
        reporting_category="dispute",
        exchange_rate=Decimal("1.1234567891"),
        source_id=None,
        available_on=available,
    )
    await write(database, owner, row)
    async with database.unit_of_work() as session:
        stored = (await session.execute(select(LedgerBalanceTransaction))).scalar_one()
    assert {name: getattr(stored, name) for name in row._fields} == row._asdict()
    assert (stored.business_id, stored.integration_id) == (
        owner.business_id,
        owner.integration_id,
    )


async def test_writing_twice_leaves_one_row(database: Database, owner: LedgerOwner) -> None:
    await write(database, owner, refund(1), refund(2))
    await write(database, owner, refund(2), refund(3))
    assert sorted(await refunds(database, owner)) == ["re_1", "re_2", "re_3"]


@pytest.mark.parametrize(
    ("second", "status"), [(99, "pending"), (100, "succeeded"), (101, "succeeded")]
)
async def test_only_an_older_state_is_turned_away(
    database: Database, owner: LedgerOwner, second: int, status: str
) -> None:
    await write(database, owner, refund(1, source_time=100))
    await write(database, owner, refund(1, source_time=second, status="succeeded"))
    assert await refunds(database, owner) == {"re_1": status}


async def test_older_state_does_not_hold_up_the_rest(
    database: Database, owner: LedgerOwner
) -> None:
    await write(database, owner, refund(1, source_time=100))
    await write(database, owner, refund(1, source_time=1, status="failed"), refund(2))
    assert await refunds(database, owner) == {"re_1": "pending", "re_2": "pending"}


@pytest.mark.parametrize("order", [1, -1])
async def test_newest_state_of_a_batch_wins(
    database: Database, owner: LedgerOwner, order: int
) -> None:
    states = [refund(1, source_time=1, status="failed"), refund(1, source_time=2)][::order]
    await write(database, owner, *states)
    assert await refunds(database, owner) == {"re_1": "pending"}


async def test_nothing_to_write_is_fine(database: Database, owner: LedgerOwner) -> None:
    await write(database, owner)
    assert await refunds(database, owner) == {}


async def test_text_that_does_not_fit_is_refused_and_not_cut(
    database: Database, owner: LedgerOwner
) -> None:
    with pytest.raises(DBAPIError, match="too long"):
        await write(database, owner, refund(1, status="x" * 21))
    assert await refunds(database, owner) == {}


async def test_same_id_of_two_businesses_is_two_rows(
    database: Database, owner: LedgerOwner
) -> None:
    other = await owner_of(database, await make_shop(database, "Other shop"))
    await write(database, owner, refund(1))
    await write(database, other, refund(1, source_time=200, status="failed"))
    assert await refunds(database, owner) == {"re_1": "pending"}
    assert await refunds(database, other) == {"re_1": "failed"}


async def test_counts_are_of_the_business_alone(
    database: Database, shop: Shop, owner: LedgerOwner
) -> None:
    other = await owner_of(database, await make_shop(database, "Other shop"))
    await write(database, owner, refund(1), refund(2))
    await write(database, owner, CustomerRow("cus_1", CREATED, 1, None))
    await write(database, other, refund(3))
    async with database.unit_of_work() as session:
        counts = await count_rows(session, shop.access)
    assert counts == {
        "charges": 0,
        "refunds": 2,
        "disputes": 0,
        "balance_transactions": 0,
        "customers": 1,
    }


async def test_rows_of_another_owner_are_refused_by_the_database(
    database: Database, owner: LedgerOwner
) -> None:
    stranger = replace(owner, integration_id=owner.business_id)
    with pytest.raises(DBAPIError, match="foreign key"):
        await write(database, stranger, refund(1))
