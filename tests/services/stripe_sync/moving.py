"""A shop whose time passes: its ledger knows the future, and only the clock moves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from db.models import IntegrationAccount
from db.session import Database
from integrations.stripe.resources import EVENTS, Event
from sandbox.stripe.facts import ChargeFact, CustomerFact, RefundFact
from sandbox.stripe.ledger import Ledger, More
from sandbox.stripe.server import SandboxStripe, serve
from services.catching_up import apply_events, poll_account
from services.syncs import SyncView
from services.webhooks import receive_event
from tests.factories import Shop
from tests.integrations.stripe.ledgers import KEY, NOW
from tests.services.stripe_sync.connected import (
    SmallPages,
    Wrap,
    account_row,
    differences,
    open_stripe,
    opener,
    sync,
)

HOUR = 3_600
DAY = 24 * HOUR


@dataclass
class Time:
    """The sandbox's and the product's clock, in UTC seconds with fractions."""

    second: float = NOW

    def __call__(self) -> datetime:
        return datetime.fromtimestamp(self.second, UTC)

    def pass_by(self, **span: float) -> None:
        self.second += timedelta(**span).total_seconds()


def sale(name: str, created: int, *, ms: int = 0, **facts: Any) -> ChargeFact:
    """A charge of 10.00 by a customer of its own, for a payment intent of its own."""
    return ChargeFact(
        f"ch_{name}",
        created,
        1_000,
        customer=f"cus_{name}",
        fee=59,
        payment_intent=f"pi_{name}",
        ms=ms,
        **facts,
    )


def busy_shop() -> Ledger:
    """Twenty sales in the year before NOW, and what happens to them within two months after."""
    sales = [sale(f"Old{n}", NOW - (n + 1) * 18 * DAY) for n in range(20)]
    sales += [sale(f"New{n}", NOW + n * 2 * DAY + 600) for n in range(30)]
    refunds = [
        RefundFact(f"re_Late{n}", f"ch_Old{n}", NOW + n * 3 * DAY + 900, 250) for n in range(20)
    ]
    refunds += [
        RefundFact("re_One", "ch_Old19", NOW + 60, 100, ms=100),
        RefundFact("re_Two", "ch_Old19", NOW + 60, 200, ms=600),
    ]
    gone = CustomerFact("cus_Old5", NOW - 6 * 18 * DAY, deleted_at=NOW + 5 * HOUR)
    return Ledger.from_facts(charges=sales, refunds=refunds, more=More(customers=(gone,)))


@dataclass
class Moving:
    """The shop, its Stripe and the business that is connected to it."""

    database: Database
    shop: Shop
    integration_id: UUID
    stripe: SandboxStripe
    time: Time
    seen: set[str] = field(default_factory=set)

    @property
    def url(self) -> str:
        return self.stripe.url

    async def sync(self, wrap: Wrap = SmallPages) -> SyncView:
        return await sync(self.database, self.shop, self.url, now=self.time(), wrap=wrap)

    async def events(self) -> list[Event]:
        """What Stripe would deliver now and has not yet, oldest first."""
        async with open_stripe(self.url, KEY) as gateway:
            page = await gateway.list_page(EVENTS)
        new = [event for event in page.items[::-1] if event.id not in self.seen]
        self.seen |= {event.id for event in new}
        return new

    async def receive(self, *events: Event) -> None:
        """Take webhooks as they come, each in a transaction of its own."""
        for event in events:
            await receive_event(self.database, event)

    async def apply(self, wrap: Wrap = SmallPages) -> int:
        return await apply_events(
            self.database,
            self.integration_id,
            open_gateway=opener(self.url, wrap),
            clock=self.time,
        )

    async def poll(self, wrap: Wrap = SmallPages) -> None:
        account = await self.account()
        await poll_account(
            self.database, account, open_gateway=opener(self.url, wrap), clock=self.time
        )

    async def account(self) -> IntegrationAccount:
        return await account_row(self.database, self.integration_id)

    async def differences(self) -> list[Any]:
        """Where the ledger and what Stripe would tell now differ."""
        return await differences(self.database, self.shop, self.url)

    async def value(self, query: str, **parameters: Any) -> Any:
        async with self.database.unit_of_work() as session:
            return (await session.execute(text(query), parameters)).scalar_one()

    async def refunded(self, charge: str) -> int:
        """What the ledger says was refunded of a charge."""
        query = "SELECT amount_refunded FROM ledger_charges WHERE stripe_id = :id"
        found: int = await self.value(query, id=charge)
        return found

    async def jobs(self, entrypoint: str) -> int:
        query = "SELECT count(*) FROM pgqueuer WHERE entrypoint = :name"
        found: int = await self.value(query, name=entrypoint)
        return found


@asynccontextmanager
async def moving(
    database: Database, shop: Shop, integration_id: UUID, ledger: Ledger
) -> AsyncIterator[Moving]:
    """Serve the ledger on a clock that stands still until it is moved."""
    time = Time()
    async with serve(ledger, keys=[KEY], clock=time) as stripe:
        yield Moving(database, shop, integration_id, stripe, time)
