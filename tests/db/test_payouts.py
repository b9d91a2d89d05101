"""A payout is reconciled once its lines add up to it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from db.models import LedgerBalanceTransaction
from db.repositories import payouts
from db.repositories.ledger import BalanceTransactionRow, LedgerOwner, PayoutRow
from db.repositories.payouts import PayoutToReconcile
from db.session import Database
from tests.db.ledger_samples import BY_KIND, LATER, owner_of, write
from tests.factories import Shop, make_shop

SINCE = LATER - timedelta(days=120)
PAYOUT = PayoutToReconcile("po_1", 11_000, "usd", "txn_own", LATER)


def payout(stripe_id: str, **changes: Any) -> PayoutRow:
    sample = BY_KIND[PayoutRow]
    assert isinstance(sample, PayoutRow)
    return sample._replace(stripe_id=stripe_id, balance_transaction_id="txn_own", **changes)


def entry(stripe_id: str, net: int) -> BalanceTransactionRow:
    sample = BY_KIND[BalanceTransactionRow]
    assert isinstance(sample, BalanceTransactionRow)
    return sample._replace(stripe_id=stripe_id, net=net)


@pytest.fixture
async def owner(database: Database, shop: Shop) -> LedgerOwner:
    return await owner_of(database, shop)


async def unreconciled(database: Database, owner: LedgerOwner, limit: int = 40) -> list[str]:
    async with database.unit_of_work() as session:
        found = await payouts.list_unreconciled(session, owner, since=SINCE, limit=limit)
    return [payout.stripe_id for payout in found]


async def assign(database: Database, owner: LedgerOwner, payout_id: str, *ids: str) -> None:
    async with database.unit_of_work() as session:
        await payouts.assign_lines(session, owner, payout_id, ids)


async def net(database: Database, owner: LedgerOwner, payout: PayoutToReconcile = PAYOUT) -> int:
    async with database.unit_of_work() as session:
        return await payouts.net_of_lines(session, owner, payout)


async def test_payout_comes_with_what_its_lines_must_add_up_to(
    database: Database, owner: LedgerOwner
) -> None:
    await write(database, owner, payout("po_1"))
    async with database.unit_of_work() as session:
        found = await payouts.list_unreconciled(session, owner, since=SINCE, limit=40)
    assert found == [PAYOUT]


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "in_transit"},
        {"status": "failed"},
        {"automatic": False},
        {"arrival_at": SINCE - timedelta(seconds=1)},
    ],
)
async def test_payout_that_cannot_be_reconciled_is_left_out(
    database: Database, owner: LedgerOwner, changes: dict[str, Any]
) -> None:
    await write(database, owner, payout("po_1", **changes))
    assert await unreconciled(database, owner) == []


async def test_newest_payouts_come_first_up_to_the_limit(
    database: Database, owner: LedgerOwner
) -> None:
    rows = [payout(f"po_{n}", arrival_at=LATER + timedelta(days=n)) for n in (2, 3, 1)]
    await write(database, owner, *rows)
    assert await unreconciled(database, owner, limit=2) == ["po_3", "po_2"]


async def test_reconciled_payout_is_left_out_also_after_an_upsert(
    database: Database, owner: LedgerOwner
) -> None:
    await write(database, owner, payout("po_1"), payout("po_2"))
    async with database.unit_of_work() as session:
        await payouts.mark_reconciled(session, owner, "po_1", LATER)
    await write(database, owner, payout("po_1", source_version=99))
    assert await unreconciled(database, owner) == ["po_2"]


async def test_net_is_that_of_the_lines_without_the_payouts_own(
    database: Database, owner: LedgerOwner
) -> None:
    lines = [entry("txn_1", 12_000), entry("txn_2", -1_000), entry("txn_own", -11_000)]
    await write(database, owner, *lines, entry("txn_3", 7))
    await assign(database, owner, "po_1", "txn_1", "txn_2", "txn_own")
    await assign(database, owner, "po_2", "txn_3")
    assert await net(database, owner) == 11_000
    assert await net(database, owner, PAYOUT._replace(balance_transaction_id=None)) == 0


async def test_net_of_no_lines_is_zero(database: Database, owner: LedgerOwner) -> None:
    assert await net(database, owner) == 0


async def test_lines_of_another_business_do_not_count(
    database: Database, owner: LedgerOwner
) -> None:
    other = await owner_of(database, await make_shop(database, "Other shop"), account="acct_2")
    for one in (owner, other):
        await write(database, one, entry("txn_1", 5))
        await assign(database, one, "po_1", "txn_1")
    assert await net(database, owner) == 5


async def test_line_keeps_its_payout_through_an_upsert(
    database: Database, owner: LedgerOwner
) -> None:
    await write(database, owner, entry("txn_1", 5))
    await assign(database, owner, "po_1", "txn_1")
    await write(database, owner, entry("txn_1", 6))
    assert await net(database, owner) == 6


async def test_lines_that_are_not_in_the_ledger_are_named(
    database: Database, owner: LedgerOwner
) -> None:
    await write(database, owner, entry("txn_1", 5))
    async with database.unit_of_work() as session:
        missing = await payouts.list_missing_lines(session, owner, ["txn_1", "txn_2"])
        none = await payouts.list_missing_lines(session, owner, [])
    assert (missing, none) == ({"txn_2"}, set())


async def test_lines_of_another_business_are_left_alone(
    database: Database, owner: LedgerOwner
) -> None:
    other = await owner_of(database, await make_shop(database, "Other shop"), account="acct_2")
    await write(database, other, entry("txn_1", 5))
    await assign(database, owner, "po_1", "txn_1")
    async with database.unit_of_work() as session:
        stored = (await session.execute(select(LedgerBalanceTransaction.payout_id))).scalar_one()
    assert stored is None
