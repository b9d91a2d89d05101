"""A Stripe ledger written by hand, for a business that a test owns."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4

from db.models import (
    IntegrationAccount,
    LedgerBalanceTransaction,
    LedgerChange,
    LedgerCharge,
    LedgerDispute,
    LedgerRefund,
    Model,
)
from db.session import Database, Session
from domain.access import Access


def at(text: str) -> datetime:
    """Return the UTC instant of an ISO 8601 text; without an offset it is UTC."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


class Books:
    """Collects ledger rows and stores them, with the Stripe account that they came through."""

    def __init__(
        self,
        access: Access,
        *,
        synced_at: str | None = "2026-11-22T10:00:00",
        zone: str = "America/New_York",
        **account: Any,
    ) -> None:
        self.access = access
        self.integration_id: UUID = uuid4()
        metadata = {"livemode": False, "default_currency": "usd", "time_zone": zone}
        self.account: IntegrationAccount | None = IntegrationAccount(
            id=self.integration_id,
            business_id=access.business_id,
            provider="stripe",
            external_id="acct_test",
            account_metadata=metadata | account.pop("metadata", {}),
            last_synced_at=None if synced_at is None else at(synced_at),
            **account,
        )
        self._rows: list[Model] = []
        self._numbers = count(1)

    def charge(
        self,
        when: str,
        amount: int = 10_000,
        *,
        captured: int | None = None,
        status: str = "succeeded",
        currency: str = "usd",
        customer: str | None = None,
        fee: int = 0,
        settled_in: str | None = None,
    ) -> str:
        """Add a charge and, if it captured money, its balance transaction; return its id."""
        stripe_id = f"ch_{next(self._numbers)}"
        taken = captured if captured is not None else (amount if status == "succeeded" else 0)
        self._add(
            LedgerCharge,
            stripe_id,
            when,
            amount=amount,
            amount_captured=taken,
            amount_refunded=0,
            currency=currency,
            status=status,
            disputed=False,
            customer_id=customer,
        )
        if taken:
            self.balance(when, taken, fee=fee, currency=settled_in or currency)
        return stripe_id

    def refund(
        self,
        charge: str,
        when: str,
        amount: int,
        *,
        status: str | None = "succeeded",
        currency: str = "usd",
    ) -> str:
        """Add a refund and its balance transaction."""
        stripe_id = f"re_{next(self._numbers)}"
        self._add(
            LedgerRefund,
            stripe_id,
            when,
            amount=amount,
            currency=currency,
            status=status,
            charge_id=charge,
        )
        self.balance(when, -amount, category="refund", currency=currency)
        return stripe_id

    def dispute(
        self, charge: str, when: str, amount: int, *, status: str = "needs_response"
    ) -> str:
        """Add a dispute in USD."""
        stripe_id = f"dp_{next(self._numbers)}"
        self._add(
            LedgerDispute,
            stripe_id,
            when,
            amount=amount,
            currency="usd",
            status=status,
            charge_id=charge,
        )
        return stripe_id

    def balance(
        self,
        when: str,
        amount: int,
        *,
        fee: int = 0,
        category: str = "charge",
        currency: str = "usd",
    ) -> None:
        """Add a balance transaction."""
        self._add(
            LedgerBalanceTransaction,
            f"txn_{next(self._numbers)}",
            when,
            amount=amount,
            fee=fee,
            net=amount - fee,
            currency=currency,
            type=category,
            reporting_category=category,
            available_on=at(when) + timedelta(days=2),
        )

    def _add(self, model: type[Model], stripe_id: str, when: str, **columns: Any) -> None:
        moment = at(when)
        self._rows.append(
            model(
                business_id=self.access.business_id,
                stripe_id=stripe_id,
                integration_id=self.integration_id,
                created_at=moment,
                source_version=int(moment.timestamp()),
                **columns,
            )
        )

    def row(self, model: type[Model], when: str, **columns: Any) -> str:
        """Add any row of the ledger; return its id."""
        stripe_id = f"row_{next(self._numbers)}"
        self._add(model, stripe_id, when, **columns)
        return stripe_id

    async def save(self, database: Database) -> None:
        """Store what was added since the last time, and the account the first time."""
        async with database.unit_of_work() as session:
            if self.account is not None:
                session.add(self.account)
                self.account = None
                await session.flush()
            session.add_all(self._rows)
            await session.flush()
            for row in self._rows:
                await mark(session, self.access, row)
        self._rows = []


async def mark(session: Session, access: Access, row: Any) -> None:
    """Note that the row has changed, as the statement that writes it in the product does."""
    table = row.__tablename__.removeprefix("ledger_")
    lone = table == "charges" and row.payment_intent_id is None
    kind = "lone_charges" if lone else table
    day = row.created_at.astimezone(UTC).date()
    session.add(LedgerChange(business_id=access.business_id, day=day, kind=kind))
