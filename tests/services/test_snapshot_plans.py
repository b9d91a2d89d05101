"""The statements that a rebuild of one month and a question run are planned through indexes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from db.repositories import ledger
from db.repositories.ledger import RefundRow
from db.session import Database
from domain.metrics import MetricName
from domain.periods import Month
from services import snapshots
from tests.db.ledger_samples import BY_KIND
from tests.factories import Shop
from tests.services.plans import Plans, filled, owner_of
from tests.services.snapshot_steps import NOW, rebuild

pytestmark = pytest.mark.slow

# Of a business's customers only new ones are looked for, by a table that has no index by time.
# Read whole for the business, or empty here, as the tables of subscriptions are.
BY_BUSINESS = {
    "ledger_customers",
    "ledger_invoice_lines",
    "ledger_invoices",
    "ledger_prices",
    "ledger_products",
    "ledger_subscription_items",
    "ledger_subscriptions",
}


@pytest.fixture
async def plans(database: Database, shop: Shop) -> Plans:
    """A business among others, with statistics, and a way to see how statements are run."""
    await filled(database, shop)
    await rebuild(database, shop.access)
    async with database.unit_of_work() as session:
        await session.execute(text("ANALYZE"))
    return Plans(database)


async def test_question_reads_its_snapshots_through_the_index(
    database: Database, shop: Shop, plans: Plans
) -> None:
    async with database.unit_of_work() as session:
        with plans.recorded():
            await snapshots.query(
                session,
                shop.access,
                metrics=list(MetricName),
                first=Month(2026, 9),
                last=Month(2026, 10),
                now=NOW,
            )
    assert [table for table in await plans.read_whole() if table not in BY_BUSINESS] == []


async def test_question_about_earlier_knowledge_reads_through_the_index(
    database: Database, shop: Shop, plans: Plans
) -> None:
    async with database.unit_of_work() as session:
        with plans.recorded():
            await snapshots.list_months(session, shop.access, known_at=NOW)
    assert await plans.read_whole() == []


async def test_month_that_changed_is_summed_up_through_indexes(
    database: Database, shop: Shop, plans: Plans
) -> None:
    when = datetime(2026, 10, 12, 12, tzinfo=UTC)
    owner = await owner_of(database, shop.business_id)
    sample = BY_KIND[RefundRow]
    row = sample._replace(stripe_id="re_new", created_at=when, status="succeeded")
    async with database.unit_of_work() as session:
        await ledger.upsert(session, owner, [row])
    with plans.recorded():
        assert Month(2026, 10) in await rebuild(database, shop.access)
    assert [table for table in await plans.read_whole() if table not in BY_BUSINESS] == []
