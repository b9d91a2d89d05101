"""A business connected to a sandbox Stripe, and ways to watch and disturb its syncs."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from db.columns import KeyRing
from db.models import (
    IntegrationAccount,
    LedgerBalanceTransaction,
    LedgerCharge,
    LedgerCustomer,
    LedgerDispute,
    LedgerRefund,
    Model,
)
from db.session import Database
from domain.access import Access
from integrations.stripe.client import RetryPolicy, StripeClient
from integrations.stripe.gateway import Page, StripeAccount, StripeGateway
from services.integrations import StoredKey, connect_stripe, open_key
from services.stripe_sync.run import AfterSync, run_sync
from services.syncs import SyncView, get_sync, request_sync
from tests.factories import Shop
from tests.integrations.stripe.ledgers import KEY, NOW, OPENED

RING = KeyRing(["a secret of at least thirty-two bytes"])
START = datetime.fromtimestamp(NOW, UTC)
QUICK = RetryPolicy(attempts=6, first_wait_seconds=0.001, longest_wait_seconds=0.01)
ACCOUNT = StripeAccount(
    id="acct_1SandboxShop00001",
    country="US",
    default_currency="usd",
    time_zone="America/New_York",
    business_name="Small shop",
    created=datetime.fromtimestamp(OPENED, UTC),
    livemode=False,
    charges_enabled=True,
    payouts_enabled=True,
)
LEDGER_TABLES: dict[str, type[Model]] = {
    "charges": LedgerCharge,
    "refunds": LedgerRefund,
    "disputes": LedgerDispute,
    "balance_transactions": LedgerBalanceTransaction,
    "customers": LedgerCustomer,
}
Wrap = Callable[[StripeGateway], Any]


class Killed(BaseException):
    """The process dies here: nothing in the product may catch it."""


@dataclasses.dataclass
class SmallPages:
    """Lists with a smaller page, whose `trouble` is asked before each, with its number."""

    gateway: StripeGateway
    limit: int = 100
    trouble: Callable[[int], None] = lambda _number: None
    asked: int = 0

    async def account(self) -> StripeAccount:
        return await self.gateway.account()

    async def list_page(self, resource: Any, **parameters: Any) -> Page[Any]:
        self.asked += 1
        self.trouble(self.asked)
        return await self.gateway.list_page(resource, **{**parameters, "limit": self.limit})


async def connect(database: Database, access: Access, key: str = KEY) -> UUID:
    """Connect the business; return the integration's id."""
    async with database.unit_of_work() as session:
        connected = await connect_stripe(
            session, access, key, ring=RING, account=ACCOUNT, now=START
        )
    return connected.id


async def requested(database: Database, access: Access, now: datetime = START) -> UUID:
    """Request a sync; return its id."""
    async with database.unit_of_work() as session:
        return (await request_sync(session, access, now)).sync_id


async def run(
    database: Database,
    sync_id: UUID,
    url: str,
    *,
    wrap: Wrap = SmallPages,
    now: datetime = START,
    after: AfterSync | None = None,
) -> None:
    """Run the sync against the sandbox through a wrapper."""

    def open_gateway(stored: StoredKey) -> AbstractAsyncContextManager[StripeGateway]:
        key = open_key(RING, stored)
        return _wrapped(StripeClient(key, api_base=url, timeout_seconds=5.0, retries=QUICK), wrap)

    await run_sync(database, sync_id, open_gateway=open_gateway, clock=lambda: now, after=after)


@asynccontextmanager
async def _wrapped(client: StripeClient, wrap: Wrap) -> AsyncIterator[StripeGateway]:
    async with client as gateway:
        yield wrap(gateway)


async def ledger_of(database: Database, access: Access) -> dict[str, dict[str, dict[str, Any]]]:
    """Everything stored of the business's ledger but `source_time`, by list and Stripe id."""
    async with database.unit_of_work() as session:
        return {
            name: {
                row["stripe_id"]: {k: v for k, v in row.items() if k != "source_time"}
                for row in (
                    await session.execute(
                        select(model.__table__).where(
                            model.__table__.c.business_id == access.business_id
                        )
                    )
                ).mappings()
            }
            for name, model in LEDGER_TABLES.items()
        }


async def account_row(database: Database, integration_id: UUID) -> IntegrationAccount:
    async with database.unit_of_work() as session:
        return await session.get_one(IntegrationAccount, integration_id)


async def sync(database: Database, shop: Shop, url: str, **options: Any) -> SyncView:
    """Request a sync, run it and return it."""
    sync_id = await requested(database, shop.access, options.get("now", START))
    await run(database, sync_id, url, **options)
    return await view(database, shop, sync_id)


async def view(database: Database, shop: Shop, sync_id: Any) -> SyncView:
    async with database.unit_of_work() as session:
        return await get_sync(session, shop.access, sync_id)
