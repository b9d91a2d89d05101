"""A sync's cursors and findings are written together, by whoever holds the lease."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from db.repositories import syncs
from db.repositories.ledger import LedgerOwner
from db.repositories.syncs import Lease, SyncPurpose
from db.session import Database
from tests.db.ledger_samples import owner_of
from tests.factories import Shop

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
async def owner(database: Database, shop: Shop) -> LedgerOwner:
    return await owner_of(database, shop)


async def queue(database: Database, shop: Shop, owner: LedgerOwner, **purpose: Any) -> UUID | None:
    async with database.unit_of_work() as session:
        queued = await syncs.insert_sync(
            session, shop.access, owner.integration_id, now=NOW, **purpose
        )
    return None if queued is None else queued.id


async def start(database: Database, sync_id: UUID) -> Lease:
    async with database.unit_of_work() as session:
        sync = await syncs.find_sync_to_run(session, sync_id)
        assert sync is not None
        return await syncs.start_attempt(session, sync, cursors={"charges": {"rows": 1}}, now=NOW)


async def test_sync_is_for_syncing_unless_asked_otherwise(
    database: Database, shop: Shop, owner: LedgerOwner
) -> None:
    sync_id = await queue(database, shop, owner)
    assert sync_id is not None
    async with database.unit_of_work() as session:
        sync = await syncs.get_sync(session, shop.access, sync_id)
    assert (sync.purpose, sync.findings) == (SyncPurpose.SYNC, {})


async def test_reconciliation_waits_for_a_sync_of_the_account(
    database: Database, shop: Shop, owner: LedgerOwner
) -> None:
    await queue(database, shop, owner)
    assert await queue(database, shop, owner, purpose=SyncPurpose.RECONCILE) is None


async def test_purpose_is_kept(database: Database, shop: Shop, owner: LedgerOwner) -> None:
    sync_id = await queue(database, shop, owner, purpose=SyncPurpose.RECONCILE)
    assert sync_id is not None
    async with database.unit_of_work() as session:
        sync = await syncs.find_sync_to_run(session, sync_id)
    assert sync is not None
    assert sync.purpose == "reconcile"


async def test_findings_are_merged_by_name_with_the_cursors(
    database: Database, shop: Shop, owner: LedgerOwner
) -> None:
    sync_id = await queue(database, shop, owner)
    assert sync_id is not None
    lease = await start(database, sync_id)
    async with database.unit_of_work() as session:
        first = {"missing": ["a"], "events": 1}
        assert await syncs.save_cursor(session, lease, {"refunds": {}}, findings=first)
        assert await syncs.save_cursor(session, lease, {"refunds": {"rows": 2}})
        assert await syncs.save_cursor(session, lease, {}, findings={"missing": ["b"]})
    async with database.unit_of_work() as session:
        sync = await syncs.get_sync(session, shop.access, sync_id)
    assert sync.cursors == {"charges": {"rows": 1}, "refunds": {"rows": 2}}
    assert sync.findings == {"missing": ["b"], "events": 1}


async def test_nothing_is_written_once_the_lease_is_lost(
    database: Database, shop: Shop, owner: LedgerOwner
) -> None:
    sync_id = await queue(database, shop, owner)
    assert sync_id is not None
    lost = await start(database, sync_id)
    await start(database, sync_id)
    async with database.unit_of_work() as session:
        patch = {"charges": {"rows": 9}}
        assert not await syncs.save_cursor(session, lost, patch, findings={"events": 9})
    async with database.unit_of_work() as session:
        sync = await syncs.get_sync(session, shop.access, sync_id)
    assert (sync.cursors, sync.findings) == ({"charges": {"rows": 1}}, {})
