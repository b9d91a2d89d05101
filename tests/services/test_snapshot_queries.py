"""Questions answered from stored snapshots alone."""

from datetime import date
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic_core import to_jsonable_python
from sqlalchemy import update

from db.models import LedgerCharge
from db.session import Database
from domain.access import Access
from domain.errors import InvalidInputError, NoDataError, PeriodError
from domain.metrics import METRICS, MetricName, TotalRule
from domain.periods import Month
from services import snapshots
from services.snapshot_recurring import NO_SUBSCRIPTIONS
from tests.factories import Shop
from tests.services.books import Books, at
from tests.services.snapshot_steps import (
    ALL_METRICS,
    NOW,
    a_year_of_books,
    query,
    rebuild,
    rows_of,
)


async def test_query_has_the_agreed_shape(database: Database, shop: Shop) -> None:
    await a_year_of_books(shop.access).save(database)
    await rebuild(database, shop.access)
    result = await query(
        database,
        shop.access,
        "2026-10",
        "2026-10",
        MetricName.REVENUE_TOTAL,
        MetricName.CHARGE_COUNT,
        MetricName.MRR,
    )
    snapshot_id = str((await rows_of(database, shop.access))["2026-10"].id)
    common = {
        "period_start": "2026-10-01",
        "period_end": "2026-10-31",
        "month_to_date": False,
        "as_of": "2026-11-22T10:00:00Z",
        "snapshot_ids": [snapshot_id],
    }
    figures = [
        {
            "metric": "revenue_total",
            "label": "Revenue",
            "value": "150.00",
            "unit": "money",
            "currency": "usd",
            "n": 2,
            **common,
        },
        {
            "metric": "charge_count",
            "label": "Charges",
            "value": "2",
            "unit": "count",
            "n": 2,
            **common,
        },
        {
            "metric": "mrr",
            "label": "Monthly recurring revenue",
            "value": None,
            "unit": "money",
            "currency": "usd",
            "missing_reason": NO_SUBSCRIPTIONS,
            **common,
        },
    ]
    assert to_jsonable_python(result) == {
        "currency": "usd",
        "time_zone": "America/New_York",
        "as_of": "2026-11-22T10:00:00Z",
        "stale": False,
        "months": [{"month": "2026-10", "month_to_date": False, "figures": figures}],
        "totals": figures,
        "missing_months": [],
        "definitions_version": "metrics-2",
        "definitions": [
            {
                "metric": metric.value,
                "definition": METRICS[metric].definition,
                "window": METRICS[metric].window,
                "unit": METRICS[metric].unit.value,
                "source": METRICS[metric].source,
            }
            for metric in (MetricName.REVENUE_TOTAL, MetricName.CHARGE_COUNT, MetricName.MRR)
        ],
    }


async def test_totals_sum_money_and_recompute_ratios(database: Database, shop: Shop) -> None:
    await a_year_of_books(shop.access).save(database)
    await rebuild(database, shop.access)
    result = await query(database, shop.access, "2026-05", "2026-07")
    totals = {figure.metric.value: figure for figure in result.totals}
    assert totals["revenue_total"].value == Decimal("450.00")
    assert totals["net_revenue"].value == Decimal("310.00")
    assert totals["fees"].value == Decimal("29.85")
    assert totals["average_charge"].value == Decimal("75.00")
    assert totals["refund_ratio"].value == Decimal("0.1667")
    assert totals["chargeback_ratio"].value == Decimal("0.1667")
    assert (totals["revenue_total"].period_start, totals["revenue_total"].period_end) == (
        date(2026, 5, 1),
        date(2026, 7, 31),
    )
    assert len(totals["revenue_total"].snapshot_ids) == 3


async def test_figure_without_a_value_says_why(database: Database, shop: Shop) -> None:
    books = Books(shop.access)
    books.charge("2026-08-15T12:00:00")
    books.charge("2026-10-15T12:00:00")
    await books.save(database)
    await rebuild(database, shop.access)
    result = await query(database, shop.access, "2026-08", "2026-10")
    figures = [*result.totals, *(figure for month in result.months for figure in month.figures)]
    assert len(figures) == 4 * len(ALL_METRICS)
    assert all((figure.value is None) == bool(figure.missing_reason) for figure in figures)
    unknown = {figure.metric for figure in result.totals if figure.value is None}
    by_month = {metric for metric in ALL_METRICS if METRICS[metric].summable is TotalRule.NONE}
    assert unknown == {MetricName.MRR} | by_month


async def test_month_to_date_total_ends_on_the_day_of_the_data(
    database: Database, shop: Shop
) -> None:
    await a_year_of_books(shop.access).save(database)
    await rebuild(database, shop.access)
    result = await query(database, shop.access, "2026-10", "2026-11", MetricName.FEES)
    assert result.totals[0].month_to_date
    assert result.totals[0].period_end == date(2026, 11, 22)


async def test_months_before_the_first_are_missing_and_not_zero(
    database: Database, shop: Shop
) -> None:
    await a_year_of_books(shop.access).save(database)
    await rebuild(database, shop.access)
    result = await query(database, shop.access, "2025-11", "2026-01", MetricName.REVENUE_TOTAL)
    assert result.missing_months == ["2025-11", "2025-12"]
    assert [month.month for month in result.months] == ["2026-01"]
    assert result.totals[0].period_start == date(2026, 1, 1)


async def test_period_without_any_month_has_no_values(database: Database, shop: Shop) -> None:
    await a_year_of_books(shop.access).save(database)
    await rebuild(database, shop.access)
    result = await query(database, shop.access, "2024-01", "2024-02", MetricName.REVENUE_TOTAL)
    assert result.months == []
    assert result.totals[0].value is None
    assert result.totals[0].missing_reason == "There are no figures from 2024-01 to 2024-02."


@pytest.mark.parametrize(
    ("first", "last", "told"),
    [
        ("2026-11", "2026-12", "2026-12 has not begun"),
        ("2026-05", "2026-04", "2026-05 is after 2026-04"),
        ("2021-10", "2026-10", "at most 60 months"),
    ],
)
async def test_impossible_period_is_refused_with_what_is_available(
    database: Database, shop: Shop, first: str, last: str, told: str
) -> None:
    await a_year_of_books(shop.access).save(database)
    await rebuild(database, shop.access)
    with pytest.raises(PeriodError, match=told) as refused:
        await query(database, shop.access, first, last)
    assert "from 2026-01 to 2026-11" in refused.value.message


async def test_sixty_months_are_allowed(database: Database, shop: Shop) -> None:
    await a_year_of_books(shop.access).save(database)
    await rebuild(database, shop.access)
    result = await query(database, shop.access, "2021-11", "2026-10", MetricName.FEES)
    assert len(result.missing_months) == 50


async def test_month_begins_in_the_business_time_zone(database: Database, shop: Shop) -> None:
    books = Books(shop.access, synced_at="2026-11-30T11:30:00")
    books.charge("2026-11-02T12:00:00")
    await books.save(database)
    now = at("2026-11-30T11:30:00")
    await rebuild(database, shop.access, zone=ZoneInfo("Pacific/Auckland"), now=now)
    # It is 1 December in Auckland already.
    result = await query(database, shop.access, "2026-12", "2026-12", MetricName.FEES, now=now)
    assert result.months[0].month_to_date


async def test_no_snapshots_is_no_data(database: Database, shop: Shop) -> None:
    with pytest.raises(NoDataError, match="Connect Stripe"):
        await query(database, shop.access, "2026-01", "2026-02")


async def test_query_without_metrics_is_refused(database: Database, shop: Shop) -> None:
    async with database.unit_of_work() as session:
        with pytest.raises(InvalidInputError, match="at least one metric"):
            await snapshots.query(
                session,
                shop.access,
                metrics=[],
                first=Month(2026, 1),
                last=Month(2026, 1),
                now=NOW,
            )


async def test_query_reads_stored_snapshots_only(database: Database, shop: Shop) -> None:
    await a_year_of_books(shop.access).save(database)
    await rebuild(database, shop.access)
    async with database.unit_of_work() as session:
        await session.execute(update(LedgerCharge).values(amount_captured=0))
    result = await query(database, shop.access, "2026-10", "2026-10", MetricName.REVENUE_TOTAL)
    assert result.totals[0].value == Decimal("150.00")


async def compare(
    database: Database, access: Access, metric: MetricName, *months: str
) -> dict[str, Any]:
    first, second, third, fourth = map(Month.parse, months)
    async with database.unit_of_work() as session:
        result = await snapshots.compare(
            session,
            access,
            metric=metric,
            first=(first, second),
            second=(third, fourth),
            now=NOW,
        )
    return dict(to_jsonable_python(result))


@pytest.mark.parametrize(
    ("metric", "months", "expected"),
    [
        (MetricName.REVENUE_TOTAL, ("2026-05", "2026-05", "2026-06", "2026-06"), "flat"),
        (MetricName.REFUND_AMOUNT, ("2026-05", "2026-05", "2026-06", "2026-06"), "up"),
        (MetricName.NET_REVENUE, ("2026-05", "2026-05", "2026-06", "2026-06"), "down"),
        (MetricName.MRR, ("2026-05", "2026-05", "2026-06", "2026-06"), "unknown"),
        (MetricName.NET_RETENTION, ("2026-05", "2026-05", "2026-06", "2026-06"), "unknown"),
        (MetricName.REVENUE_TOTAL, ("2025-05", "2025-05", "2026-06", "2026-06"), "unknown"),
    ],
)
async def test_comparison_has_a_direction(
    database: Database,
    shop: Shop,
    metric: MetricName,
    months: tuple[str, str, str, str],
    expected: str,
) -> None:
    await a_year_of_books(shop.access).save(database)
    await rebuild(database, shop.access)
    assert (await compare(database, shop.access, metric, *months))["direction"] == expected


async def test_comparison_tells_the_change_and_its_ratio(database: Database, shop: Shop) -> None:
    await a_year_of_books(shop.access).save(database)
    await rebuild(database, shop.access)
    months = ("2026-04", "2026-05", "2026-06", "2026-07")
    found = await compare(database, shop.access, MetricName.NET_REVENUE, *months)
    assert found["first"]["value"] == "300.00"
    assert found["second"]["value"] == "160.00"
    assert (found["change"], found["change_ratio"]) == ("-140.00", "-0.4667")
    assert found["as_of"] == "2026-11-22T10:00:00Z"


async def test_rise_from_a_negative_value_is_a_positive_ratio(
    database: Database, shop: Shop
) -> None:
    books = Books(shop.access)
    charge = books.charge("2026-07-15T12:00:00", 50_000)
    books.refund(charge, "2026-08-15T12:00:00", 40_000)
    books.charge("2026-09-15T12:00:00", 20_000)
    await books.save(database)
    await rebuild(database, shop.access)
    months = ("2026-08", "2026-08", "2026-09", "2026-09")
    found = await compare(database, shop.access, MetricName.NET_REVENUE, *months)
    assert (found["change"], found["change_ratio"]) == ("600.00", "1.5000")


async def test_change_from_zero_has_no_ratio(database: Database, shop: Shop) -> None:
    await a_year_of_books(shop.access).save(database)
    await rebuild(database, shop.access)
    months = ("2026-05", "2026-05", "2026-06", "2026-06")
    found = await compare(database, shop.access, MetricName.REFUND_AMOUNT, *months)
    assert (found["change"], found["change_ratio"]) == ("40.00", None)


async def test_period_that_lacks_a_month_is_not_compared(database: Database, shop: Shop) -> None:
    await a_year_of_books(shop.access).save(database)
    await rebuild(database, shop.access)
    months = ("2025-12", "2026-02", "2026-03", "2026-05")
    found = await compare(database, shop.access, MetricName.REVENUE_TOTAL, *months)
    assert found["first"]["value"] is None
    assert found["first"]["missing_reason"] == "There are no figures for 2025-12."
    assert (found["change"], found["second"]["value"]) == (None, "450.00")
