"""A shop's billing in the ledger as a sync leaves it, stored from the facts by the oracle."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import insert

from db.models import (
    IntegrationAccount,
    LedgerInvoice,
    LedgerInvoiceLine,
    LedgerPrice,
    LedgerSubscription,
    LedgerSubscriptionItem,
    Model,
)
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


class BillingBooks:
    """Collects billing rows of one business; times are days of January 2026 and later, in UTC."""

    def __init__(self, access: Access, integration_id: UUID) -> None:
        self._owner = {"business_id": access.business_id, "integration_id": integration_id}
        self._rows: list[Model] = []

    def price(self, name: str, amount: int | None, **columns: Any) -> None:
        """Add a monthly price."""
        defaults = {
            "active": True,
            "currency": "usd",
            "unit_amount": amount,
            "type": "recurring",
            "billing_scheme": "per_unit",
            "interval": "month",
            "interval_count": 1,
            "usage_type": "licensed",
        }
        self._add(LedgerPrice, name, 0, **{**defaults, **columns})

    def subscription(self, name: str, price: str, **columns: Any) -> None:
        """Add an active subscription of the customer of its name to one of a price."""
        defaults = {
            "customer_id": f"cus_{name}",
            "status": "active",
            "currency": "usd",
            "started_at": at(0),
            "cancel_at_period_end": False,
            "discounts": [],
        }
        self._add(LedgerSubscription, name, 0, **{**defaults, **columns})
        self._add(
            LedgerSubscriptionItem,
            f"si_{name}",
            0,
            subscription_id=name,
            price_id=price,
            quantity=1,
            discounts=[],
        )

    def invoice(
        self, name: str, subscription: str, price: str, amount: int, start: float, **columns: Any
    ) -> None:
        """Add a paid invoice over 31 days of the subscription's item."""
        currency = columns.pop("currency", "usd")
        defaults = {
            "customer_id": f"cus_{subscription}",
            "subscription_id": subscription,
            "status": "paid",
            "currency": currency,
            "amount_due": amount,
            "amount_paid": amount,
            "amount_remaining": 0,
            "subtotal": amount,
            "total": amount,
            "billing_reason": "subscription_cycle",
            "period_start": at(start),
            "period_end": at(start + 31),
            "paid_at": at(start),
            "attempt_count": 1,
            "collection_method": "charge_automatically",
        }
        self._add(LedgerInvoice, name, start, **{**defaults, **columns})
        self._add(
            LedgerInvoiceLine,
            f"il_{name}",
            start,
            invoice_id=name,
            amount=amount,
            currency=currency,
            quantity=1,
            period_start=at(start),
            period_end=at(start + 31),
            price_id=price,
            subscription_id=subscription,
            subscription_item_id=f"si_{subscription}",
            proration=False,
            discount_amount=0,
        )

    def _add(self, model: type[Model], stripe_id: str, day: float, **columns: Any) -> None:
        row = {"stripe_id": stripe_id, "created_at": at(day), "source_version": 1, **columns}
        self._rows.append(model(**self._owner, **row))

    async def save(self, database: Database) -> None:
        """Store what was added."""
        async with database.unit_of_work() as session:
            session.add_all(self._rows)
        self._rows = []


def at(day: float) -> datetime:
    """The instant so many days after the beginning of January 2026."""
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day)
