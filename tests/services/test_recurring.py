"""Recurring revenue by month, from a ledger that was read from Stripe."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event

from db.session import Database
from domain.errors import PeriodError
from domain.periods import Month
from sandbox.stripe.archetypes import load
from services.recurring import RecurringHistory, list_recurring_months
from tests.factories import Shop, make_shop
from tests.oracle.recurring import RecurringOracle
from tests.oracle.subscribed import subscribed_shop
from tests.services.billing_books import BillingBooks, at, store_account, store_billing

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


@pytest.mark.parametrize("seed", range(4))
async def test_every_month_of_a_shop_with_every_kind_of_plan_equals_the_facts(
    database: Database, shop: Shop, seed: int
) -> None:
    ledger, zone = subscribed_shop(seed), ZoneInfo("Europe/Berlin")
    second = int(datetime(2026, 9, 11, 13, 20, tzinfo=UTC).timestamp())
    await store_billing(database, shop.access, ledger, second)
    oracle = RecurringOracle(ledger, zone, second)
    found = await history(database, shop, second, Month(2025, 1), oracle.present, zone=zone)
    assert any(month.reactivated_minor for month in found.months.values())
    for month, told in found.months.items():
        wanted = oracle.expected(month)
        assert {name: asdict(told)[name] for name in wanted} == wanted, month


# Hand-written ledgers are read on 1 April 2026, UTC.
READ_AT = at(90)
HORIZON = int(READ_AT.timestamp())
JANUARY, MARCH, APRIL = Month(2026, 1), Month(2026, 3), Month(2026, 4)
UTC_ZONE = ZoneInfo("UTC")


async def books_of(
    database: Database, shop: Shop, *, synced_at: datetime | None = READ_AT, **metadata: Any
) -> BillingBooks:
    integration_id = await store_account(database, shop.access, synced_at, **metadata)
    return BillingBooks(shop.access, integration_id)


async def a_subscriber(database: Database, shop: Shop, **metadata: Any) -> None:
    """29.00 a month since 6 January, paid three times."""
    books = await books_of(database, shop, **metadata)
    books.price("basic", 2_900)
    books.subscription("sub", "basic")
    for number, start in enumerate((5, 36, 67)):
        books.invoice(f"in_{number}", "sub", "basic", 2_900, start)
    await books.save(database)


async def told(
    database: Database, shop: Shop, first: Month = JANUARY, last: Month = APRIL, **options: Any
) -> RecurringHistory:
    return await history(database, shop, HORIZON, first, last, zone=UTC_ZONE, **options)


def mrr(found: RecurringHistory) -> dict[str, tuple[int | None, str | None]]:
    return {str(month): (told.mrr_minor, told.method) for month, told in found.months.items()}


async def test_past_comes_from_invoices_and_present_from_subscriptions(
    database: Database, shop: Shop
) -> None:
    await a_subscriber(database, shop)
    assert mrr(await told(database, shop, Month(2025, 12))) == {
        "2025-12": (0, "invoice_lines"),
        "2026-01": (2_900, "invoice_lines"),
        "2026-02": (2_900, "invoice_lines"),
        "2026-03": (2_900, "invoice_lines"),
        "2026-04": (2_900, "subscriptions"),
    }


async def test_business_that_was_never_read_has_no_number(database: Database, shop: Shop) -> None:
    found = await told(database, shop)
    assert set(mrr(found).values()) == {(None, None)}
    assert found.missing_reason is not None
    assert found.missing_reason.startswith("Stripe has not been read yet")


async def test_connected_business_before_its_first_sync_has_no_number(
    database: Database, shop: Shop
) -> None:
    await books_of(database, shop, synced_at=None)
    found = await told(database, shop)
    assert found.months[MARCH].mrr_minor is None
    assert found.missing_reason is not None


async def test_business_whose_subscriptions_were_read_and_that_has_none_has_zero(
    database: Database, shop: Shop
) -> None:
    await books_of(database, shop)
    found = await told(database, shop)
    assert found.missing_reason is None
    assert found.months[MARCH].mrr_minor == found.months[APRIL].mrr_minor == 0
    assert found.months[APRIL].churn_rate is None
    assert found.months[APRIL].monthly_plan_share is None
    assert found.months[APRIL].cohort_customers == 0


@pytest.mark.parametrize("kind", ["missing", "unread"])
async def test_without_subscriptions_no_month_has_a_number_and_the_permission_is_named(
    database: Database, shop: Shop, kind: str
) -> None:
    await a_subscriber(database, shop, **{kind: ["rak_subscription_read"]})
    found = await told(database, shop)
    assert set(mrr(found).values()) == {(None, None)}
    assert found.missing_reason is not None
    assert "rak_subscription_read" in found.missing_reason


async def test_without_invoices_only_the_present_has_a_number(
    database: Database, shop: Shop
) -> None:
    await a_subscriber(database, shop, missing=["rak_invoice_read"])
    found = await told(database, shop)
    assert found.missing_reason is None
    assert mrr(found)["2026-04"] == (2_900, "subscriptions")
    assert mrr(found)["2026-03"] == (None, None)
    assert "rak_invoice_read" in (found.months[MARCH].missing_reason or "")
    present = found.months[APRIL]
    assert (present.new_minor, present.churn_rate, present.net_retention) == (None, None, None)


async def test_without_prices_invoices_tell_the_present_too(database: Database, shop: Shop) -> None:
    books = await books_of(database, shop, missing=["rak_plan_read"])
    books.subscription("sub", "never_read")
    books.invoice("in_1", "sub", "never_read", 2_900, 67)
    await books.save(database)
    found = await told(database, shop)
    # 31 days from 9 March end on 9 April: a month.
    assert mrr(found)["2026-03"] == (2_900, "invoice_lines")
    assert mrr(found)["2026-04"] == (2_900, "invoice_lines")


async def test_without_prices_and_invoices_the_reason_names_the_prices(
    database: Database, shop: Shop
) -> None:
    books = await books_of(database, shop, missing=["rak_plan_read", "rak_invoice_read"])
    books.subscription("sub", "never_read")
    await books.save(database)
    found = await told(database, shop)
    assert "rak_plan_read" in (found.months[APRIL].missing_reason or "")
    assert "rak_invoice_read" in (found.months[MARCH].missing_reason or "")


async def test_coupon_whose_terms_were_not_read_leaves_no_number(
    database: Database, shop: Shop
) -> None:
    books = await books_of(database, shop)
    books.price("basic", 2_900)
    unknown = dict.fromkeys(
        ("percent_off", "amount_off", "currency", "duration", "duration_in_months", "end")
    )
    books.subscription("sub", "basic", discounts=[{**unknown, "start": 0}])
    await books.save(database)
    found = await told(database, shop)
    assert found.months[APRIL].mrr_minor is None
    assert "rak_coupon_read" in (found.missing_reason or "")


async def test_month_that_has_not_begun_has_no_number(database: Database, shop: Shop) -> None:
    await a_subscriber(database, shop)
    found = await told(database, shop, APRIL, Month(2026, 6))
    assert found.months[APRIL].mrr_minor == 2_900
    assert found.months[Month(2026, 6)].mrr_minor is None
    assert "2026-06 had not begun" in (found.months[Month(2026, 6)].missing_reason or "")
    only_later = await told(database, shop, Month(2027, 6), Month(2027, 7))
    assert only_later.missing_reason is not None


async def test_other_currencies_are_named_and_added_to_nothing(
    database: Database, shop: Shop
) -> None:
    await a_subscriber(database, shop)
    books = BillingBooks(shop.access, uuid4())
    books.price("euro", 5_000, currency="eur")
    books.subscription("sub_eur", "euro", currency="eur")
    books.invoice("in_eur", "sub_eur", "euro", 5_000, 67, currency="eur")
    await books.save(database)
    dollars, euros = await told(database, shop), await told(database, shop, currency="EUR")
    assert (mrr(dollars)["2026-03"][0], dollars.other_currencies) == (2_900, ("eur",))
    assert (mrr(euros)["2026-03"][0], euros.other_currencies) == (5_000, ("usd",))
    assert mrr(euros)["2026-04"] == (5_000, "subscriptions")


async def test_business_sees_only_its_own(database: Database, shop: Shop) -> None:
    other = await make_shop(database, "Other shop")
    await a_subscriber(database, other)
    await books_of(database, shop)
    assert set(mrr(await told(database, shop)).values()) == {
        (0, "invoice_lines"),
        (0, "subscriptions"),
    }


async def test_subscription_begins_when_its_first_invoice_is_paid(
    database: Database, shop: Shop
) -> None:
    books = await books_of(database, shop)
    books.price("basic", 2_900)
    first = {"billing_reason": "subscription_create"}
    books.subscription("late", "basic")
    books.invoice("in_late", "late", "basic", 2_900, 28, paid_at=at(33), **first)
    books.subscription("never", "basic", status="incomplete_expired", ended_at=at(60))
    books.invoice("in_never", "never", "basic", 2_900, 28, paid_at=None, status="void", **first)
    books.subscription("by_bank", "basic")
    bank = {"collection_method": "send_invoice", "paid_at": None, "status": "open"}
    books.invoice("in_bank", "by_bank", "basic", 2_900, 28, **bank, **first)
    await books.save(database)
    found = await told(database, shop)
    assert found.months[JANUARY].paying_customers == 1
    assert found.months[Month(2026, 2)].paying_customers == 2


async def test_drafts_of_an_unpaid_subscription_count_nothing(
    database: Database, shop: Shop
) -> None:
    books = await books_of(database, shop)
    books.price("basic", 2_900)
    books.subscription("sub", "basic", status="unpaid")
    books.invoice("in_1", "sub", "basic", 2_900, 5, status="open", paid_at=None)
    books.invoice("in_2", "sub", "basic", 2_900, 36, status="draft", paid_at=None)
    await books.save(database)
    found = await told(database, shop)
    assert [found.months[m].mrr_minor for m in (JANUARY, Month(2026, 2), APRIL)] == [2_900, 0, 0]


async def test_what_is_paused_counts_and_is_told_apart(database: Database, shop: Shop) -> None:
    await a_subscriber(database, shop)
    books = BillingBooks(shop.access, uuid4())
    books.price("pro", 9_900)
    books.subscription("paused", "pro", pause_behavior="void")
    books.invoice("in_paused", "paused", "pro", 9_900, 67, status="void", paid_at=None)
    await books.save(database)
    found = await told(database, shop)
    assert (found.months[APRIL].mrr_minor, found.months[APRIL].paused_minor) == (12_800, 9_900)
    assert (found.months[MARCH].mrr_minor, found.months[MARCH].paused_minor) == (12_800, None)


async def test_reversed_period_is_refused(database: Database, shop: Shop) -> None:
    with pytest.raises(PeriodError):
        await told(database, shop, APRIL, JANUARY)


async def test_number_of_statements_does_not_grow_with_the_months(
    database: Database, shop: Shop
) -> None:
    await a_subscriber(database, shop)
    counts = []
    for first in (MARCH, Month(2020, 1)):
        statements: list[str] = []
        listen = partial(_note, statements)
        event.listen(database.engine.sync_engine, "before_cursor_execute", listen)
        await told(database, shop, first)
        event.remove(database.engine.sync_engine, "before_cursor_execute", listen)
        counts.append(len(statements))
    assert counts[0] == counts[1] <= 5


def _note(statements: list[str], _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
    statements.append(statement)
