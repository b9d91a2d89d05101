"""Snapshots, rebuilt from the ledger."""

from datetime import date
from decimal import Decimal
from statistics import fmean, pstdev
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete, event, select, text

from db.models import LedgerCharge, MetricSnapshot
from db.session import Database
from domain.errors import NoDataError
from domain.metrics import MetricName
from domain.periods import Month
from tests.factories import Shop, make_shop
from tests.services.books import Books, at, mark
from tests.services.snapshot_steps import (
    a_year_of_books,
    query,
    rebuild,
    rows_of,
    stored,
    values,
)


async def test_months_run_from_the_first_charge_to_the_current_month(
    database: Database, shop: Shop
) -> None:
    books = Books(shop.access)
    books.charge("2026-08-15T12:00:00")
    await books.save(database)
    changed = await rebuild(database, shop.access)
    assert [str(month) for month in changed] == ["2026-08", "2026-09", "2026-10", "2026-11"]
    rows = await rows_of(database, shop.access)
    assert (rows["2026-08"].period_start, rows["2026-08"].period_end) == (
        date(2026, 8, 1),
        date(2026, 8, 31),
    )


async def test_month_holds_what_the_ledger_says(database: Database, shop: Shop) -> None:
    await a_year_of_books(shop.access).save(database)
    await rebuild(database, shop.access)
    june = (await rows_of(database, shop.access))["2026-06"]
    daily = [0] * 30
    daily[9], daily[11] = 10_000, 5_000
    assert june.revenue_total == Decimal("150.00")
    assert float(june.revenue_volatility or 0) == pytest.approx(
        pstdev(daily) / fmean(daily), abs=5e-5
    )
    assert (june.refund_count, june.refund_ratio) == (1, Decimal("0.5000"))
    assert (june.chargeback_count, june.chargeback_ratio) == (1, Decimal("0.5000"))
    assert june.mrr is None
    extra = stored(june)
    assert (extra.net_minor, extra.fee_minor) == (15_000 - 4_000 - 10_000, 320 + 175 + 1_500)
    assert (extra.charge_count, extra.active_customers) == (2, 2)
    assert (extra.refund_minor, extra.chargeback_minor) == (4_000, 10_000)
    assert extra.average_charge == Decimal("75.00")


async def test_empty_month_between_has_no_revenue_and_no_ratios(
    database: Database, shop: Shop
) -> None:
    books = Books(shop.access)
    books.charge("2026-08-15T12:00:00")
    books.charge("2026-10-15T12:00:00")
    await books.save(database)
    await rebuild(database, shop.access)
    september = (await rows_of(database, shop.access))["2026-09"]
    assert september.revenue_total == Decimal("0.00")
    assert (september.refund_count, september.chargeback_count) == (0, 0)
    assert september.refund_ratio is None
    assert september.chargeback_ratio is None
    assert september.revenue_volatility is None


async def test_refunds_may_exceed_sales(database: Database, shop: Shop) -> None:
    books = Books(shop.access)
    charge = books.charge("2026-08-15T12:00:00", 50_000)
    books.charge("2026-09-15T12:00:00", 1_000)
    for day in range(1, 13):
        books.refund(charge, f"2026-09-{day:02d}T12:00:00", 4_000)
    await books.save(database)
    await rebuild(database, shop.access)
    september = (await rows_of(database, shop.access))["2026-09"]
    # The column ends at 9.9999; the figure is computed from the counts.
    assert september.refund_ratio == Decimal("9.9999")
    assert "12.0000" in stored(september).notes[0]
    result = await query(
        database,
        shop.access,
        "2026-09",
        "2026-09",
        MetricName.REFUND_RATIO,
        MetricName.NET_REVENUE,
    )
    assert values(result)["2026-09"] == {
        "refund_ratio": Decimal("12.0000"),
        "net_revenue": Decimal("-470.00"),
    }


@pytest.mark.parametrize(
    ("zone", "instant", "month"),
    [
        ("America/New_York", "2026-04-01T03:59:59", "2026-03"),
        ("America/New_York", "2026-04-01T04:00:00", "2026-04"),
        ("America/New_York", "2026-11-01T03:59:59", "2026-10"),
        ("Pacific/Auckland", "2026-03-31T10:59:59", "2026-03"),
        ("Pacific/Auckland", "2026-03-31T11:00:00", "2026-04"),
        ("Pacific/Auckland", "2026-09-30T11:00:00", "2026-10"),
    ],
)
async def test_charge_at_the_border_of_a_month_falls_into_its_local_month(
    database: Database, shop: Shop, zone: str, instant: str, month: str
) -> None:
    books = Books(shop.access)
    books.charge("2026-02-10T12:00:00", 1)
    books.charge(instant, 700)
    await books.save(database)
    await rebuild(database, shop.access, zone=ZoneInfo(zone))
    rows = await rows_of(database, shop.access)
    assert [name for name, row in rows.items() if row.revenue_total == Decimal("7.00")] == [month]


async def test_current_month_is_counted_to_the_day_of_the_data(
    database: Database, shop: Shop
) -> None:
    await a_year_of_books(shop.access).save(database)
    await rebuild(database, shop.access)
    rows = await rows_of(database, shop.access)
    november = stored(rows["2026-11"])
    assert (november.month_to_date, november.through) == (True, date(2026, 11, 22))
    assert not stored(rows["2026-10"]).month_to_date


async def test_last_day_of_a_month_does_not_make_it_complete(
    database: Database, shop: Shop
) -> None:
    await a_year_of_books(shop.access, synced_at="2026-10-31T20:00:00").save(database)
    async with database.unit_of_work() as session:
        await session.execute(
            delete(LedgerCharge).where(LedgerCharge.created_at > at("2026-11-01T00:00:00"))
        )
    await rebuild(database, shop.access, now=at("2026-10-31T20:00:01"))
    october = stored((await rows_of(database, shop.access))["2026-10"])
    assert (october.month_to_date, october.through) == (True, date(2026, 10, 31))


async def test_months_after_the_last_sync_are_unknown_and_not_empty(
    database: Database, shop: Shop
) -> None:
    books = Books(shop.access, synced_at="2026-09-10T12:00:00")
    books.charge("2026-08-15T12:00:00")
    await books.save(database)
    await rebuild(database, shop.access)
    assert list(await rows_of(database, shop.access)) == ["2026-08", "2026-09"]
    result = await query(database, shop.access, "2026-08", "2026-11")
    assert result.missing_months == ["2026-10", "2026-11"]
    assert result.stale


async def test_charge_after_the_last_sync_is_counted(database: Database, shop: Shop) -> None:
    books = Books(shop.access, synced_at="2026-09-10T12:00:00")
    books.charge("2026-08-15T12:00:00")
    books.charge("2026-10-03T12:00:00", 900)
    await books.save(database)
    await rebuild(database, shop.access)
    october = (await rows_of(database, shop.access))["2026-10"]
    assert october.revenue_total == Decimal("9.00")
    assert stored(october).through == date(2026, 10, 3)


async def test_second_rebuild_changes_nothing(database: Database, shop: Shop) -> None:
    await a_year_of_books(shop.access).save(database)
    await rebuild(database, shop.access)
    before = await physical_rows(database)
    assert await rebuild(database, shop.access) == []
    assert await physical_rows(database) == before


async def physical_rows(database: Database) -> list[tuple[Any, ...]]:
    """Return each row with its version: an update that changes nothing would show, too."""
    async with database.unit_of_work() as session:
        found = await session.execute(
            text("SELECT id, xmin::text, ctid::text FROM financial_metric_snapshots ORDER BY id")
        )
        return [tuple(row) for row in found]


async def test_rebuild_tells_which_months_changed(database: Database, shop: Shop) -> None:
    books = a_year_of_books(shop.access)
    await books.save(database)
    await rebuild(database, shop.access)
    books.charge("2026-03-05T12:00:00", 12_300)
    await books.save(database)
    # April's growth is on March; from April on the volatility of up to 12 months counts March.
    assert await rebuild(database, shop.access) == [Month(2026, month) for month in range(3, 11)]
    march = (await rows_of(database, shop.access))["2026-03"]
    assert march.revenue_total == Decimal("273.00")


async def test_newer_sync_dates_every_month_and_changes_none(
    database: Database, shop: Shop
) -> None:
    await a_year_of_books(shop.access).save(database)
    await rebuild(database, shop.access)
    async with database.unit_of_work() as session:
        await session.execute(
            text("UPDATE integration_accounts SET last_synced_at = '2026-11-22 11:30:00.5Z'")
        )
    assert await rebuild(database, shop.access) == []
    rows = await rows_of(database, shop.access)
    assert {stored(row).data_as_of for row in rows.values()} == {at("2026-11-22T11:30:00")}


async def test_month_that_the_ledger_lost_is_removed(database: Database, shop: Shop) -> None:
    books = Books(shop.access)
    early = books.charge("2026-07-15T12:00:00")
    books.charge("2026-10-15T12:00:00")
    await books.save(database)
    await rebuild(database, shop.access)
    async with database.unit_of_work() as session:
        found = await session.execute(select(LedgerCharge).where(LedgerCharge.stripe_id == early))
        row = found.scalar_one()
        await mark(session, shop.access, row)
        await session.delete(row)
    changed = await rebuild(database, shop.access)
    # October is now the first month: there is no September to have grown on.
    assert changed == [Month(2026, month) for month in range(7, 11)]
    assert list(await rows_of(database, shop.access)) == ["2026-10", "2026-11"]


async def test_rebuild_sees_no_other_business(database: Database, shop: Shop) -> None:
    other = await make_shop(database, "Book shop")
    await a_year_of_books(other.access).save(database)
    await rebuild(database, other.access)
    assert await rebuild(database, shop.access) == []
    assert await rows_of(database, shop.access) == {}
    assert len(await rows_of(database, other.access)) == 11
    with pytest.raises(NoDataError):
        await query(database, shop.access, "2026-01", "2026-02")


async def main_currency_of(database: Database, books: Books) -> str:
    await books.save(database)
    await rebuild(database, books.access)
    rows = await rows_of(database, books.access)
    assert len({stored(row).currency for row in rows.values()}) == 1
    return stored(rows["2026-11"]).currency


async def test_main_currency_is_the_accounts_own_if_it_was_charged_within_a_year(
    database: Database, shop: Shop
) -> None:
    books = Books(shop.access)
    books.charge("2025-12-01T12:00:00", 100, currency="usd")
    for day in range(1, 6):
        books.charge(f"2026-10-0{day}T12:00:00", 3_000_000, currency="jpy")
    assert await main_currency_of(database, books) == "usd"


async def test_main_currency_is_that_of_most_charges_if_the_accounts_own_is_out_of_use(
    database: Database, shop: Shop
) -> None:
    books = Books(shop.access)
    books.charge("2025-11-30T12:00:00", 100, currency="usd")
    books.charge("2026-10-01T12:00:00", 9_000_000, currency="jpy")
    for day in range(1, 3):
        books.charge(f"2026-10-0{day}T12:00:00", 100, currency="eur")
    # Nine million yen are the larger number, and one charge.
    assert await main_currency_of(database, books) == "eur"


async def test_of_currencies_with_as_many_charges_the_first_by_code_is_the_main_one(
    database: Database, shop: Shop
) -> None:
    books = Books(shop.access, metadata={"default_currency": "chf"})
    for currency in ("sek", "nok", "pln"):
        books.charge("2026-10-01T12:00:00", currency=currency)
    assert await main_currency_of(database, books) == "nok"


async def test_other_currencies_stay_apart_with_what_was_settled_in_them(
    database: Database, shop: Shop
) -> None:
    books = Books(shop.access)
    books.charge("2026-10-02T12:00:00", 40_000, fee=1_190)
    pounds = books.charge("2026-10-02T12:00:00", 5_000, currency="gbp", fee=100)
    books.refund(pounds, "2026-10-05T12:00:00", 1_000, currency="gbp")
    books.charge("2026-10-02T12:00:00", 7_000, currency="eur", settled_in="usd", fee=200)
    await books.save(database)
    await rebuild(database, shop.access)
    october = stored((await rows_of(database, shop.access))["2026-10"])
    assert (october.revenue_minor, october.net_minor, october.fee_minor) == (40_000, 47_000, 1_390)
    assert {code: other.model_dump() for code, other in october.other_currencies.items()} == {
        "eur": {
            "gross_minor": 7_000,
            "charge_count": 1,
            "refund_minor": 0,
            "refund_count": 0,
            "net_minor": None,
            "fee_minor": None,
        },
        "gbp": {
            "gross_minor": 5_000,
            "charge_count": 1,
            "refund_minor": 1_000,
            "refund_count": 1,
            "net_minor": 4_000,
            "fee_minor": 100,
        },
    }


async def test_net_and_fees_are_unknown_where_stripe_settles_in_another_currency(
    database: Database, shop: Shop
) -> None:
    books = Books(shop.access)
    books.charge("2026-10-02T12:00:00", 40_000, currency="eur", settled_in="usd", fee=900)
    await books.save(database)
    await rebuild(database, shop.access)
    result = await query(
        database,
        shop.access,
        "2026-10",
        "2026-10",
        MetricName.NET_REVENUE,
        MetricName.FEES,
        MetricName.REVENUE_TOTAL,
    )
    net, fees, revenue = result.totals
    assert net.value is fees.value is None
    assert net.missing_reason is not None
    assert "USD" in net.missing_reason
    assert (revenue.value, revenue.currency) == (Decimal("400.00"), "eur")


async def test_net_is_unknown_if_the_balance_was_never_read(database: Database, shop: Shop) -> None:
    await a_year_of_books(shop.access).save(database)
    async with database.unit_of_work() as session:
        await session.execute(text("DELETE FROM ledger_balance_transactions"))
    await rebuild(database, shop.access)
    result = await query(database, shop.access, "2026-10", "2026-10", MetricName.FEES)
    assert result.totals[0].value is None
    assert result.totals[0].missing_reason == (
        "The Stripe balance has not been read, so net revenue and fees are unknown."
    )


@pytest.mark.parametrize("months", [1, 24])
async def test_rebuild_takes_the_same_statements_for_any_number_of_months(
    database: Database, shop: Shop, months: int
) -> None:
    books = Books(shop.access)
    for offset in range(months):
        books.charge(f"{Month(2026, 11).plus(-offset)}-02T12:00:00")
    await books.save(database)
    statements: list[str] = []

    def count(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    event.listen(database.engine.sync_engine, "before_cursor_execute", count)
    assert len(await rebuild(database, shop.access)) == months
    event.remove(database.engine.sync_engine, "before_cursor_execute", count)
    assert len(statements) <= 34


async def test_never_synced_data_is_stale(database: Database, shop: Shop) -> None:
    await a_year_of_books(shop.access, synced_at=None).save(database)
    await rebuild(database, shop.access)
    result = await query(database, shop.access, "2026-10", "2026-10", MetricName.FEES)
    assert (result.stale, result.as_of) == (True, None)


async def test_every_row_belongs_to_the_caller(database: Database, shop: Shop) -> None:
    await a_year_of_books(shop.access).save(database)
    await rebuild(database, shop.access)
    async with database.unit_of_work() as session:
        owners = set((await session.execute(select(MetricSnapshot.business_id))).scalars())
    assert owners == {shop.business_id}
