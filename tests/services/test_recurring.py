"""Recurring revenue by month, from a ledger that was read from Stripe."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from db.session import Database
from domain.periods import Month
from sandbox.stripe.archetypes import load
from services.recurring import RecurringHistory, list_recurring_months
from tests.factories import Shop
from tests.oracle.recurring import RecurringOracle
from tests.services.billing_books import store_billing

LAST = Month(2026, 10)
SAAS_ZONE = ZoneInfo("America/Los_Angeles")


async def history(
    database: Database,
    shop: Shop,
    horizon: int,
    first: Month,
    last: Month,
    *,
    zone: ZoneInfo = SAAS_ZONE,
    currency: str = "usd",
) -> RecurringHistory:
    async with database.unit_of_work() as session:
        return await list_recurring_months(
            session,
            shop.access,
            zone=zone,
            first=first,
            last=last,
            horizon=datetime.fromtimestamp(horizon, UTC),
            currency=currency,
        )


@pytest.mark.parametrize(
    ("seed", "charges", "horizon", "zone"),
    [
        (1, 600, "2026-10-31T20:00:00+00:00", "America/Los_Angeles"),
        (2, 600, "2026-09-15T03:00:00+00:00", "America/Los_Angeles"),
        (3, 900, "2026-10-30T12:00:00+00:00", "Pacific/Auckland"),
        (4, 600, "2026-03-01T07:59:59+00:00", "America/Los_Angeles"),
    ],
)
async def test_every_month_of_a_software_business_equals_the_facts(
    database: Database, shop: Shop, seed: int, charges: int, horizon: str, zone: str
) -> None:
    ledger = load("saas", last_month=LAST, seed=seed, charges=charges)
    second = int(datetime.fromisoformat(horizon).timestamp())
    await store_billing(database, shop.access, ledger, second)
    oracle = RecurringOracle(ledger, ZoneInfo(zone), second)
    first = Month(2025, 5)
    found = await history(database, shop, second, first, oracle.present, zone=ZoneInfo(zone))
    assert found.missing_reason is None
    assert len(found.months) == first.months_until(oracle.present) + 1
    for month, told in found.months.items():
        wanted = oracle.expected(month)
        assert {name: asdict(told)[name] for name in wanted} == wanted, month
