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
    LedgerEarlyFraudWarning,
    LedgerInvoice,
    LedgerInvoiceLine,
    LedgerPaymentIntent,
    LedgerPayout,
    LedgerPrice,
    LedgerProduct,
    LedgerRefund,
    LedgerSubscription,
    LedgerSubscriptionItem,
    Model,
)
from db.session import Database
from domain.access import Access
from integrations.stripe.client import RetryPolicy, StripeClient
from integrations.stripe.gateway import Page, StripeAccount, StripeGateway
from integrations.stripe.limits import RateLimits
from sandbox.stripe.server import REQUESTS_PER_SECOND
from services.integrations import OpenGateway, StoredKey, connect_stripe, open_key
from services.stripe_sync.feeds import FEEDS
from services.stripe_sync.run import AfterSync, run_sync
from services.syncs import SyncView, get_sync, request_sync
from tests.factories import Shop
from tests.integrations.stripe.ledgers import KEY, NOW, OPENED

SECRET = "a secret of at least thirty-two bytes"
RING = KeyRing([SECRET])
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
    "payment_intents": LedgerPaymentIntent,
    "early_fraud_warnings": LedgerEarlyFraudWarning,
    "payouts": LedgerPayout,
    "products": LedgerProduct,
    "prices": LedgerPrice,
    "subscriptions": LedgerSubscription,
    "subscription_items": LedgerSubscriptionItem,
    "invoices": LedgerInvoice,
    "invoice_lines": LedgerInvoiceLine,
}
OURS = frozenset({"business_id", "integration_id", "source_version", "payout_id", "reconciled_at"})
Rows = dict[str, dict[str, dict[str, Any]]]


def unpaced() -> RateLimits:
    """No limits to wait for: the sandbox has none."""
    return RateLimits(REQUESTS_PER_SECOND)


Wrap = Callable[[StripeGateway], Any]


class Killed(BaseException):
    """The process dies here: nothing in the product may catch it."""


@dataclasses.dataclass
class SmallPages:
    """Lists with a smaller page, whose `trouble` is asked before each request, with its number."""

    gateway: StripeGateway
    limit: int = 100
    trouble: Callable[[int], None] = lambda _number: None
    asked: int = 0

    async def account(self) -> StripeAccount:
        return await self.gateway.account()

    async def list_page(self, resource: Any, **parameters: Any) -> Page[Any]:
        self.asked += 1
        self.trouble(self.asked)
        limit = min(self.limit, parameters.get("limit", self.limit))
        return await self.gateway.list_page(resource, **{**parameters, "limit": limit})

    async def retrieve(self, resource: Any, object_id: str) -> Any:
        self.asked += 1
        self.trouble(self.asked)
        return await self.gateway.retrieve(resource, object_id)


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


def open_stripe(url: str, key: str) -> StripeClient:
    """A client of the sandbox that is quick to retry and never waits its turn."""
    return StripeClient(key, api_base=url, timeout_seconds=5.0, retries=QUICK, limits=unpaced())


def opener(url: str, wrap: Wrap = SmallPages) -> OpenGateway:
    """What opens the sandbox through a wrapper."""

    def open_gateway(stored: StoredKey) -> AbstractAsyncContextManager[StripeGateway]:
        key = open_key(RING, stored)
        return _wrapped(open_stripe(url, key), wrap)

    return open_gateway


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
    await run_sync(
        database, sync_id, open_gateway=opener(url, wrap), clock=lambda: now, after=after
    )


@asynccontextmanager
async def _wrapped(client: StripeClient, wrap: Wrap) -> AsyncIterator[StripeGateway]:
    async with client as gateway:
        yield wrap(gateway)


async def ledger_of(database: Database, access: Access) -> Rows:
    """Everything of Stripe's that is stored of the business, by list and id."""
    async with database.unit_of_work() as session:
        return {
            name: {
                row["stripe_id"]: {k: v for k, v in row.items() if k not in OURS}
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


async def truth(url: str, key: str = KEY) -> Rows:
    """What the ledger should hold: every list as Stripe gives it now, read page by page."""
    found: Rows = {name: {} for name in LEDGER_TABLES}
    async with open_stripe(url, key) as gateway:
        for feed in FEEDS:
            after, more = None, True
            while more:
                page = await gateway.list_page(feed.resource, starting_after=after)
                rows, children = feed.rows(page.items, 0)
                found[feed.name] |= {row.stripe_id: _values(row) for row in rows}
                if children:
                    found[PARTS[feed.name]] |= {row.stripe_id: _values(row) for row in children}
                more, after = page.has_more, page.items[-1].id if page.items else None
    for customer in found["customers"].values():
        customer["deleted"] = False
    return found


PARTS = {"subscriptions": "subscription_items", "invoices": "invoice_lines"}


def _values(row: Any) -> dict[str, Any]:
    return {name: value for name, value in row._asdict().items() if name not in OURS}


async def differences(database: Database, shop: Shop, url: str, key: str = KEY) -> list[Any]:
    """Where the ledger and what Stripe would tell now differ: list, id, and both rows' parts."""
    found, wanted = await ledger_of(database, shop.access), await truth(url, key)
    for name in [name for name, row in found["customers"].items() if row["deleted"]]:
        # Stripe does not list them any more; charges still name them, so the ledger keeps them.
        assert name not in wanted["customers"]
        del found["customers"][name]
    return [
        (name, key_, dict(_items(found, name, key_) ^ _items(wanted, name, key_)))
        for name in LEDGER_TABLES
        for key_ in sorted(found[name].keys() | wanted[name].keys())
        if found[name].get(key_) != wanted[name].get(key_)
    ]


def _items(rows: Rows, name: str, key: str) -> set[tuple[str, str]]:
    row = rows[name].get(key, {"row": "missing"})
    return {(column, repr(value)) for column, value in row.items()}


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
