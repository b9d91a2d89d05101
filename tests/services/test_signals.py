"""What rules look at beside the score: counted from ledgers that are written by hand."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from db.models import (
    LedgerDispute,
    LedgerEarlyFraudWarning,
    LedgerInvoice,
    LedgerPayout,
)
from db.session import Database
from domain.access import Access
from domain.advice import NO_SIGNALS, DisputeRecord, Signals, SubscriptionPayments
from domain.metrics import MonthMetrics
from domain.periods import Month
from sandbox.stripe.archetypes import load
from services import signals, snapshots
from tests.archetype_books import LAST_MONTH, open_books
from tests.archetype_books import NOW as SHOP_NOW
from tests.factories import Shop, make_shop
from tests.oracle.expected import expected
from tests.services.books import Books, at

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


async def read(database: Database, access: Access, now: datetime = NOW) -> Signals:
    """Rebuild the months as a sync does, then read."""
    async with database.unit_of_work() as session:
        zone = ZoneInfo("America/New_York")
        await snapshots.rebuild(session, access, zone=zone, now=now)
        months: list[MonthMetrics] = [
            month.metrics for month in await snapshots.list_months(session, access)
        ]
        return await signals.read(
            session, access, months=months, as_of=now.astimezone(zone).date(), now=now
        )


def year_of_sales(access: Access, **account: Any) -> Books:
    """One sale in each of the last 12 complete months."""
    books = Books(access, **account)
    for offset in range(1, 13):
        books.charge(f"{Month(2026, 11).plus(-offset)}-05T15:00:00", customer="cus_1")
    return books


def dispute(books: Books, when: str, status: str, reason: str | None, **more: Any) -> None:
    columns = {"amount": 1_000, "currency": "usd", "submission_count": 0} | more
    books.row(LedgerDispute, when, status=status, reason=reason, **columns)


async def test_disputes_of_a_year_are_counted_by_reason_and_outcome(
    database: Database, shop: Shop
) -> None:
    books = year_of_sales(shop.access)
    dispute(books, "2026-10-01T12:00:00", "won", "fraudulent", submission_count=1)
    dispute(books, "2026-09-01T12:00:00", "lost", "fraudulent")
    dispute(books, "2026-09-02T12:00:00", "lost", "general", submission_count=2)
    dispute(books, "2026-09-03T12:00:00", "under_review", None, submission_count=1)
    due = at("2026-11-26T03:00:00")
    dispute(books, "2026-11-20T12:00:00", "needs_response", "general", evidence_due_by=due)
    # Neither an inquiry nor a prevented one is a dispute, and one of two years ago is history.
    dispute(books, "2026-10-01T12:00:00", "warning_needs_response", "fraudulent")
    dispute(books, "2026-10-01T12:00:00", "prevented", "fraudulent")
    dispute(books, "2025-11-20T12:00:00", "lost", "fraudulent")
    await books.save(database)
    record = (await read(database, shop.access)).disputes
    assert record == DisputeRecord(
        by_reason={"fraudulent": 2, "general": 2, "unknown": 1},
        settled=4,
        answered=3,
        won=1,
        lost=2,
        waiting=1,
        # Ten in the evening of the day before, in New York.
        due_on=date(2026, 11, 25),
    )
    assert record.fraudulent_share == Decimal("0.4")
    assert record.win_rate == Decimal("0.333333")


async def test_dispute_whose_day_has_passed_waits_no_more(database: Database, shop: Shop) -> None:
    books = year_of_sales(shop.access)
    due = at("2026-11-21T12:00:00")
    dispute(books, "2026-11-01T12:00:00", "needs_response", "general", evidence_due_by=due)
    await books.save(database)
    record = (await read(database, shop.access)).disputes
    assert record is not None
    assert (record.count, record.waiting, record.due_on) == (1, 0, None)


@pytest.mark.parametrize(
    ("when", "actionable", "happened", "counted"),
    [
        ("2026-11-01T12:00:00", True, "", 1),
        ("2026-11-01T12:00:00", False, "", 0),
        ("2026-11-01T12:00:00", True, "refunded", 0),
        ("2026-11-01T12:00:00", True, "disputed", 0),
        ("2026-07-27T12:00:00", True, "", 1),
        ("2026-07-20T12:00:00", True, "", 0),
    ],
)
async def test_warning_counts_while_a_refund_may_still_prevent_a_dispute(
    database: Database, shop: Shop, when: str, actionable: bool, happened: str, counted: int
) -> None:
    books = year_of_sales(shop.access)
    charge = books.charge("2026-07-01T12:00:00", 5_000)
    books.row(
        LedgerEarlyFraudWarning,
        when,
        charge_id=charge,
        fraud_type="misc",
        actionable=actionable,
    )
    if happened == "disputed":
        dispute(books, "2026-11-02T12:00:00", "lost", "fraudulent", charge_id=charge)
    await books.save(database)
    if happened == "refunded":
        await execute(database, "UPDATE ledger_charges SET amount_refunded = amount_captured")
    assert (await read(database, shop.access)).warnings_actionable == counted


async def execute(database: Database, statement: str, **values: Any) -> None:
    async with database.unit_of_work() as session:
        await session.execute(text(statement), values)


def invoice(books: Books, when: str, status: str, **more: Any) -> None:
    columns: dict[str, Any] = {
        "subscription_id": "sub_1",
        "currency": "usd",
        "amount_due": 1_000,
        "amount_paid": 0,
        "amount_remaining": 1_000,
        "subtotal": 1_000,
        "total": 1_000,
        "period_start": at(when),
        "period_end": at(when),
        "finalized_at": at(when),
        "attempt_count": 1,
        "collection_method": "charge_automatically",
    }
    books.row(LedgerInvoice, when, status=status, **columns | more)


async def test_subscription_invoices_fail_when_seven_days_bring_no_money(
    database: Database, shop: Shop
) -> None:
    books = year_of_sales(shop.access)
    day = "2026-10-05T12:00:00"
    invoice(books, day, "paid", paid_at=at("2026-10-05T13:00:00"))
    invoice(books, day, "paid", paid_at=at("2026-10-12T12:00:00"), attempt_count=3)
    invoice(books, day, "paid", paid_at=at("2026-10-12T12:00:01"), attempt_count=4)
    invoice(books, day, "open", attempt_count=4)
    invoice(books, day, "uncollectible", attempt_count=4)
    # Never tried, nothing due, sent by mail, of no subscription, or of another month.
    invoice(books, day, "open", attempt_count=0)
    invoice(books, day, "open", amount_due=0)
    invoice(books, day, "open", collection_method="send_invoice")
    invoice(books, day, "open", subscription_id=None)
    invoice(books, "2026-07-31T12:00:00", "open")
    invoice(books, "2026-11-02T12:00:00", "open")
    await books.save(database)
    found = (await read(database, shop.access)).subscriptions
    assert found == SubscriptionPayments(attempted=5, failed=3)


async def test_invoice_of_the_last_seven_days_has_not_failed_yet(
    database: Database, shop: Shop
) -> None:
    books = year_of_sales(shop.access, synced_at="2026-11-03T11:00:00")
    invoice(books, "2026-10-30T12:00:00", "open")
    await books.save(database)
    found = (await read(database, shop.access, at("2026-11-03T12:00:00"))).subscriptions
    assert found == SubscriptionPayments(0, 0)


async def test_failed_payouts_of_ninety_days_are_counted(database: Database, shop: Shop) -> None:
    books = year_of_sales(shop.access)
    for when, status in (
        ("2026-11-20T12:00:00", "failed"),
        ("2026-08-26T12:00:00", "failed"),
        ("2026-08-20T12:00:00", "failed"),
        ("2026-11-20T12:00:00", "paid"),
        ("2026-11-20T12:00:00", "canceled"),
    ):
        books.row(
            LedgerPayout,
            when,
            amount=100,
            currency="usd",
            status=status,
            arrival_at=at(when),
            automatic=True,
        )
    await books.save(database)
    assert (await read(database, shop.access)).payouts_failed == 2


async def test_concentration_index_is_that_of_shares_squared(
    database: Database, shop: Shop
) -> None:
    books = Books(shop.access)
    # 50 %, 30 % less a refund of 10 points, and guests: 50, 20 and 20 of 90.
    books.charge("2026-10-05T15:00:00", 50_000, customer="cus_1")
    refunded = books.charge("2026-10-06T15:00:00", 30_000, customer="cus_2")
    books.refund(refunded, "2026-10-07T15:00:00", 10_000)
    for _ in range(2):
        books.charge("2026-10-08T15:00:00", 10_000)
    await books.save(database)
    expected_hhi = Decimal(50**2 + 20**2) * 10_000 / Decimal(90**2)
    assert (await read(database, shop.access)).hhi == round(expected_hhi, 2)


@pytest.mark.parametrize(
    ("permission", "field"),
    [
        ("rak_dispute_read", "disputes"),
        ("rak_invoice_read", "subscriptions"),
        ("rak_payout_read", "payouts_failed"),
        ("rak_charge_read", "warnings_actionable"),
        ("rak_charge_read", "declines_by_code"),
    ],
)
async def test_list_that_may_not_be_read_is_unknown_and_not_empty(
    database: Database, shop: Shop, permission: str, field: str
) -> None:
    await year_of_sales(shop.access, metadata={"missing": [permission]}).save(database)
    assert getattr(await read(database, shop.access), field) is None


async def test_business_without_an_account_has_no_signals(database: Database, shop: Shop) -> None:
    assert await read(database, shop.access) == NO_SIGNALS


async def test_business_without_payments_has_only_zeros_and_unknowns(
    database: Database, shop: Shop
) -> None:
    await Books(shop.access).save(database)
    found = await read(database, shop.access)
    assert found == Signals(disputes=DisputeRecord({}), warnings_actionable=0, payouts_failed=0)


@pytest.mark.parametrize(
    ("metadata", "due"),
    [
        ({"requirements_due": 3, "authorized_at": int(NOW.timestamp()) - 86_400}, 3),
        ({"requirements_due": 3, "authorized_at": int(NOW.timestamp()) - 8 * 86_400}, None),
        ({"requirements_due": 3}, None),
        ({}, None),
    ],
)
async def test_requirements_are_known_for_as_long_as_a_score_would_be(
    database: Database, shop: Shop, metadata: dict[str, int], due: int | None
) -> None:
    await year_of_sales(shop.access, metadata=metadata).save(database)
    assert (await read(database, shop.access)).requirements_due == due


async def test_signals_leave_other_businesses_out(database: Database, shop: Shop) -> None:
    other = await make_shop(database, "Book shop")
    await year_of_sales(shop.access).save(database)
    before = await read(database, shop.access)
    books = Books(other.access, metadata={})
    charge = books.charge("2026-10-05T15:00:00", 90_000, customer="cus_1")
    dispute(books, "2026-10-06T12:00:00", "lost", "fraudulent", charge_id=charge)
    invoice(books, "2026-10-05T12:00:00", "open")
    await books.save(database)
    assert await read(database, shop.access) == before


@pytest.mark.parametrize("name", ["dropshipper", "saas", "agency"])
async def test_signals_of_an_archetype_are_those_of_its_facts(
    database: Database, name: str
) -> None:
    shop = await open_books(database, name)
    rows = expected(load(name, last_month=LAST_MONTH), int(SHOP_NOW.timestamp() * 1_000))
    found = await read(database, shop.access, SHOP_NOW)
    assert found.declines_by_code == declines_of(rows["charges"].values())
    assert found.hhi == concentration_of(rows)
    lost = [row for row in rows["disputes"].values() if row["status"] == "lost"]
    assert found.disputes is not None
    assert found.disputes.lost == sum(row["created_at"] >= YEAR_AGO for row in lost)


# Midnight in New York, 365 days before the end of 15 November 2026.
YEAR_AGO = datetime(2025, 11, 16, 5, tzinfo=UTC)
# 1 August and 1 November in New York.
QUARTER = (datetime(2026, 8, 1, 4, tzinfo=UTC), datetime(2026, 11, 1, 4, tzinfo=UTC))


def declines_of(charges: Any) -> dict[str, int]:
    return dict(
        Counter(
            row["outcome_reason"]
            for row in charges
            if row["status"] == "failed" and QUARTER[0] <= row["created_at"] < QUARTER[1]
        )
    )


def concentration_of(rows: dict[str, Any]) -> Decimal:
    """The index of the last 12 complete months, in dollars."""
    first = datetime(2025, 11, 1, 4, tzinfo=UTC)
    net: dict[str | None, int] = defaultdict(int)
    charges = rows["charges"]
    for row in charges.values():
        if row["status"] == "succeeded" and first <= row["created_at"] < QUARTER[1]:
            net[row["customer_id"]] += row["amount_captured"]
    for row in rows["refunds"].values():
        if row["status"] in {"succeeded", "pending"} and (first <= row["created_at"] < QUARTER[1]):
            net[charges[row["charge_id"]]["customer_id"]] -= row["amount"]
    total = sum(net.values())
    squares = sum(part**2 for name, part in net.items() if name is not None and part > 0)
    return round(Decimal(10_000 * squares) / Decimal(total**2), 2)
