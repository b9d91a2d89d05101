"""A shop's billing in the ledger as a sync leaves it, stored from the facts by the oracle."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import insert

from db.models import IntegrationAccount
from db.session import Database
from domain.access import Access
from sandbox.stripe.ledger import Ledger
from tests.oracle.billing import billing
from tests.oracle.view import View
from tests.services.stripe_sync.connected import LEDGER_TABLES


async def store_account(
    database: Database, access: Access, synced_at: datetime | None, **metadata: Any
) -> UUID:
    """Store a connected account; return the integration's id."""
    integration_id = uuid4()
    async with database.unit_of_work() as session:
        session.add(
            IntegrationAccount(
                id=integration_id,
                business_id=access.business_id,
                provider="stripe",
                external_id=f"acct_{integration_id.hex}",
                account_metadata={"livemode": False, **metadata},
                last_synced_at=synced_at,
            )
        )
    return integration_id


async def store_billing(
    database: Database, access: Access, ledger: Ledger, horizon: int, **metadata: Any
) -> None:
    """Store what a sync at the horizon (UTC seconds) would have left of the shop's billing."""
    synced_at = datetime.fromtimestamp(horizon, UTC)
    integration_id = await store_account(database, access, synced_at, **metadata)
    owner = {"business_id": access.business_id, "integration_id": integration_id}
    async with database.unit_of_work() as session:
        for name, rows in billing(View(ledger, horizon * 1_000 + 999)).items():
            values = [
                {"stripe_id": stripe_id, "source_version": 1, **owner, **row}
                for stripe_id, row in rows.items()
            ]
            if values:
                await session.execute(insert(LEDGER_TABLES[name]), values)
