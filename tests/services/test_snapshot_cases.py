"""Months that are easily got wrong, each told as a person would count it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from db.session import Database
from domain.errors import NoDataError
from domain.metrics import MetricName
from domain.rates import parse_rates
from integrations.stripe.resources import CUSTOMERS, PAYMENT_INTENTS, PAYOUTS
from services import snapshots
from tests.factories import Shop
from tests.services.books import Books
from tests.services.snapshot_steps import NEW_YORK, NOW, query, rebuild, rows_of, stored, values

LONDON = ZoneInfo("Europe/London")


async def figures(
    database: Database, books: Books, month: str, *metrics: MetricName, zone: ZoneInfo = NEW_YORK
) -> dict[str, Decimal | None]:
    await books.save(database)
    await rebuild(database, books.access, zone=zone)
    return values(await query(database, books.access, month, month, *metrics))[month]


@pytest.mark.parametrize(
    ("instant", "month"),
    [
        # Summer time begins in London on 29 March 2026 at 01:00 UTC, and ends on 25 October.
        ("2026-03-31T22:59:59", "2026-03"),
        ("2026-03-31T23:00:00", "2026-04"),
        ("2026-02-28T23:59:59", "2026-02"),
        ("2026-10-31T23:59:59", "2026-10"),
        ("2026-11-01T00:00:00", "2026-11"),
        ("2026-09-30T23:00:00", "2026-10"),
    ],
)
async def test_month_of_the_change_to_and_from_summer_time_ends_at_local_midnight(
    database: Database, shop: Shop, instant: str, month: str
) -> None:
    books = Books(shop.access)
    books.charge("2026-01-10T12:00:00", 1)
    books.charge(instant, 700)
    found = await figures(database, books, month, MetricName.REVENUE_TOTAL, zone=LONDON)
    assert found == {"revenue_total": Decimal("7.00")}


@pytest.mark.parametrize(("day", "hours"), [("2026-03-08", 23), ("2026-11-01", 25)])
async def test_day_of_23_or_25_hours_is_one_day(
    database: Database, shop: Shop, day: str, hours: int
) -> None:
    first = {23: "05:00", 25: "04:00"}[hours]
    last = {23: "03:59", 25: "04:59"}[hours]
    books = Books(shop.access)
    books.charge(f"{day}T{first}:00", 100)
    books.charge(f"{date.fromisoformat(day).replace(day=int(day[-2:]) + 1)}T{last}:59", 100)
    zero = await figures(database, books, day[:7], MetricName.ZERO_REVENUE_DAYS)
    # November is counted up to the 22nd, the day of the data.
    assert zero == {"zero_revenue_days": {23: 31, 25: 22}[hours] - 1}


async def test_leap_day_belongs_to_february(database: Database, shop: Shop) -> None:
    books = Books(shop.access)
    books.charge("2024-02-29T12:00:00", 2_900)
    books.charge("2024-03-01T04:59:59", 100)
    found = await figures(
        database, books, "2024-02", MetricName.REVENUE_TOTAL, MetricName.ZERO_REVENUE_DAYS
    )
    assert found == {"revenue_total": Decimal("30.00"), "zero_revenue_days": 28}


@pytest.mark.parametrize(
    ("currency", "minor", "average"),
    [("jpy", (500, 501, 501), "501"), ("kwd", (1_000, 1_010, 1_020), "1.010")],
)
async def test_amounts_have_the_decimals_of_their_currency(
    database: Database, shop: Shop, currency: str, minor: tuple[int, ...], average: str
) -> None:
    books = Books(shop.access, metadata={"default_currency": currency})
    for amount in minor:
        books.charge("2026-09-10T12:00:00", amount, currency=currency)
    found = await figures(database, books, "2026-09", MetricName.AVERAGE_CHARGE)
    assert str(found["average_charge"]) == average


async def test_refunds_larger_than_the_months_sales_make_net_negative(
    database: Database, shop: Shop
) -> None:
    books = Books(shop.access)
    charge = books.charge("2026-08-15T12:00:00", 50_000)
    books.charge("2026-09-15T12:00:00", 10_000, fee=320)
    books.refund(charge, "2026-09-20T12:00:00", 25_000)
    found = await figures(
        database,
        books,
        "2026-09",
        MetricName.NET_REVENUE,
        MetricName.NET_VOLUME,
        MetricName.REFUND_AMOUNT_RATIO,
    )
    assert found == {
        "net_revenue": Decimal("-150.00"),
        "net_volume": Decimal("-153.20"),
        "refund_amount_ratio": Decimal("2.5000"),
    }


async def test_dispute_that_is_won_later_counts_when_opened_and_its_money_when_it_moved(
    database: Database, shop: Shop
) -> None:
    books = Books(shop.access)
    charge = books.charge("2026-07-15T12:00:00", 10_000)
    books.dispute(charge, "2026-08-10T12:00:00", 10_000, status="won")
    books.balance("2026-08-10T12:00:00", -10_000, category="dispute", fee=1_500)
    books.balance("2026-10-10T12:00:00", 10_000, category="dispute_reversal")
    await books.save(database)
    await rebuild(database, shop.access)
    metrics = (MetricName.CHARGEBACK_COUNT, MetricName.NET_REVENUE, MetricName.DISPUTE_RATE)
    found = values(await query(database, shop.access, "2026-07", "2026-10", *metrics))
    assert {month: tuple(each.values()) for month, each in found.items()} == {
        "2026-07": (0, Decimal("100.00"), Decimal("1.0000")),
        "2026-08": (1, Decimal("-100.00"), None),
        "2026-09": (0, Decimal("0.00"), None),
        "2026-10": (0, Decimal("100.00"), None),
    }


async def test_partial_capture_is_revenue_of_what_was_captured_and_no_refund(
    database: Database, shop: Shop
) -> None:
    books = Books(shop.access)
    books.charge("2026-09-15T12:00:00", 10_000, captured=0)
    books.charge("2026-09-16T12:00:00", 10_000, captured=6_000)
    found = await figures(
        database,
        books,
        "2026-09",
        MetricName.REVENUE_TOTAL,
        MetricName.CHARGE_COUNT,
        MetricName.REFUND_COUNT,
        MetricName.PAYMENT_ATTEMPTS,
    )
    assert tuple(found.values()) == (Decimal("60.00"), 1, 0, 2)


async def test_empty_month_counts_nothing_and_has_no_ratio(database: Database, shop: Shop) -> None:
    books = Books(shop.access)
    books.charge("2026-08-15T12:00:00")
    books.charge("2026-10-15T12:00:00")
    await books.save(database)
    await rebuild(database, shop.access)
    result = await query(database, shop.access, "2026-09", "2026-09")
    empty = {figure.metric.value: figure for figure in result.months[0].figures}
    counted = {name for name, figure in empty.items() if figure.value == 0}
    assert {"revenue_total", "charge_count", "net_revenue", "active_customers"} <= counted
    assert empty["zero_revenue_days"].value == 30
    assert empty["payment_failure_rate"].value is None
    assert empty["payment_failure_rate"].missing_reason == "Nobody tried to pay in this period."
    assert empty["revenue_growth_month"].value == -1


async def test_account_without_a_charge_has_no_figures(database: Database, shop: Shop) -> None:
    books = Books(shop.access)
    books.charge("2026-09-15T12:00:00", status="failed")
    await books.save(database)
    assert await rebuild(database, shop.access) == []
    with pytest.raises(NoDataError):
        await query(database, shop.access, "2026-09", "2026-09")


@pytest.mark.parametrize(
    ("permission", "metrics"),
    [
        (
            PAYMENT_INTENTS.permission,
            (MetricName.FAILED_PAYMENTS, MetricName.PAYMENT_FAILURE_RATE),
        ),
        (PAYOUTS.permission, (MetricName.PAYOUTS_PAID, MetricName.PAYOUTS_FAILED)),
        (CUSTOMERS.permission, (MetricName.NEW_CUSTOMERS,)),
    ],
)
async def test_what_the_key_may_not_read_is_missing_and_not_zero(
    database: Database, shop: Shop, permission: str, metrics: tuple[MetricName, ...]
) -> None:
    books = Books(shop.access, metadata={"missing": [permission]})
    books.charge("2026-09-15T12:00:00")
    await books.save(database)
    await rebuild(database, shop.access)
    result = await query(database, shop.access, "2026-09", "2026-09", *metrics)
    assert [total.value for total in result.totals] == [None] * len(metrics)
    assert all(permission in str(total.missing_reason) for total in result.totals)


async def test_new_metric_of_a_row_of_the_first_definitions_is_missing_and_not_zero(
    database: Database, shop: Shop
) -> None:
    books = Books(shop.access)
    books.charge("2026-09-15T12:00:00")
    await books.save(database)
    await rebuild(database, shop.access)
    kept = "definitions_version,currency,time_zone,data_as_of,month_to_date,through,revenue_minor,"
    kept += "net_minor,fee_minor,ledger_missing_reason,charge_count,failed_count,refund_minor,"
    kept += "chargeback_minor,active_customers,average_charge,mrr_minor,mrr_missing_reason,"
    kept += "other_currencies,notes"
    async with database.unit_of_work() as session:
        await session.execute(
            text("""
                UPDATE financial_metric_snapshots SET metrics_json = (
                    SELECT jsonb_object_agg(key, value) FROM jsonb_each(metrics_json)
                    WHERE key = ANY(string_to_array(:kept, ','))
                ) || '{"definitions_version": "metrics-1"}'
            """),
            {"kept": kept},
        )
    metrics = (MetricName.REVENUE_TOTAL, MetricName.PAYOUTS_PAID)
    result = await query(database, shop.access, "2026-09", "2026-09", *metrics)
    revenue, payouts = result.totals
    assert revenue.value == Decimal("100.00")
    assert payouts.value is None
    assert "Sync" in str(payouts.missing_reason)


async def test_dispute_rate_of_young_sales_is_told_as_immature(
    database: Database, shop: Shop
) -> None:
    books = Books(shop.access)
    books.charge("2026-05-15T12:00:00")
    books.charge("2026-09-15T12:00:00")
    await books.save(database)
    await rebuild(database, shop.access)
    result = await query(database, shop.access, "2026-05", "2026-09", MetricName.DISPUTE_RATE)
    notes = {month.month: month.figures[0].note for month in result.months}
    assert notes["2026-05"] is None
    assert notes["2026-09"] == (
        "Immature: charges of this period may still be disputed until 2027-01-28."
    )


async def in_dollars(database: Database, books: Books, rates: str) -> Any:
    await books.save(database)
    async with database.unit_of_work() as session:
        await snapshots.rebuild(
            session, books.access, zone=NEW_YORK, now=NOW, rates=parse_rates(rates)
        )
    usd = stored((await rows_of(database, books.access))["2026-09"]).usd
    return None if usd is None else usd.model_dump(mode="json")


async def test_month_of_several_currencies_is_converted_by_the_stated_rates(
    database: Database, shop: Shop
) -> None:
    books = Books(shop.access)
    books.charge("2026-09-15T12:00:00", 10_000, fee=300)
    books.charge("2026-09-15T12:00:00", 2_000, currency="eur", fee=60)
    books.charge("2026-09-15T12:00:00", 5_000, currency="jpy", settled_in="usd", fee=10)
    found = await in_dollars(
        database, books, "eur=1.0834@2026-11-27,jpy=0.0064@2026-11-26,gbp=1.3@2026-11-26"
    )
    # 100.00 + 20.00 x 1.0834 + 5,000 x 0.0064; the yen were settled as 50.00 dollars.
    assert found == {
        "revenue_minor": 10_000 + 2_167 + 3_200,
        "refund_minor": 0,
        "net_minor": 10_000 + 5_000 + 2_167,
        "fee_minor": 300 + 10 + 65,
        "rates": [
            {"currency": "eur", "usd": "1.0834", "on": "2026-11-27"},
            {"currency": "jpy", "usd": "0.0064", "on": "2026-11-26"},
        ],
    }


async def test_month_with_a_currency_without_a_rate_is_not_converted(
    database: Database, shop: Shop
) -> None:
    books = Books(shop.access)
    books.charge("2026-09-15T12:00:00", 10_000)
    books.charge("2026-09-15T12:00:00", 1, currency="eur")
    assert await in_dollars(database, books, "jpy=0.0064@2026-11-26") is None
