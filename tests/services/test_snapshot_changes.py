"""What a rebuild sums up again, and that it misses nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select, text
from sqlalchemy.engine import URL

from db.models import DailyMetrics, IntegrationAccount, LedgerChange, MetricRollup, MonthlyCustomers
from db.repositories import ledger
from db.repositories.businesses import lock_business
from db.repositories.ledger import ChargeRow, DisputeRow, LedgerOwner, LedgerRow, RefundRow
from db.repositories.rollups import ChangedDay, take_changes
from db.session import Database
from domain.periods import Month
from services.rollups import dirty_months, runs_of
from tests.databases import cloned_database
from tests.db.ledger_samples import BY_KIND, SAMPLES, owner_of
from tests.factories import Shop, make_shop
from tests.services.ledger_batches import Step, steps
from tests.services.snapshot_steps import NEW_YORK, NOW, rebuild, rows_of, stored


async def marks(database: Database, shop: Shop) -> list[tuple[date, str]]:
    query = select(LedgerChange.day, LedgerChange.kind).where(
        LedgerChange.business_id == shop.business_id
    )
    async with database.unit_of_work() as session:
        return sorted((day, kind) for day, kind in (await session.execute(query)).all())


async def write(database: Database, owner: LedgerOwner, *rows: LedgerRow) -> None:
    async with database.unit_of_work() as session:
        await ledger.upsert(session, owner, rows)


def charge(name: str, when: datetime, amount: int = 1_000, **changes: Any) -> ChargeRow:
    sample = next(row for row in SAMPLES if isinstance(row, ChargeRow))
    values = {"amount": amount, "amount_captured": amount, **changes}
    return sample._replace(stripe_id=name, created_at=when, **values)


def refund(name: str, when: datetime, amount: int = 100) -> RefundRow:
    sample = next(row for row in SAMPLES if isinstance(row, RefundRow))
    return sample._replace(stripe_id=name, created_at=when, amount=amount, status="succeeded")


async def test_rows_mark_their_days_once_a_statement(database: Database, shop: Shop) -> None:
    owner = await owner_of(database, shop)
    days = [datetime(2026, 3, day, 23, 59, tzinfo=UTC) for day in (1, 1, 2)]
    await write(database, owner, *(charge(f"ch_{n}", day) for n, day in enumerate(days)))
    assert await marks(database, shop) == [
        (date(2026, 3, 1), "charges"),
        (date(2026, 3, 2), "charges"),
    ]


async def test_charge_without_a_payment_is_marked_as_such(database: Database, shop: Shop) -> None:
    owner = await owner_of(database, shop)
    lone = charge("ch_1", datetime(2026, 3, 1, tzinfo=UTC), payment_intent_id=None)
    await write(database, owner, lone)
    assert await marks(database, shop) == [(date(2026, 3, 1), "lone_charges")]


async def test_older_state_that_is_not_written_marks_nothing(
    database: Database, shop: Shop
) -> None:
    owner = await owner_of(database, shop)
    row = charge("ch_1", datetime(2026, 3, 1, tzinfo=UTC))
    await write(database, owner, row)
    async with database.unit_of_work() as session:
        await session.execute(delete(LedgerChange))
    await write(database, owner, row._replace(source_version=row.source_version - 1))
    assert await marks(database, shop) == []


async def test_removed_row_marks_its_day(database: Database, shop: Shop) -> None:
    owner = await owner_of(database, shop)
    row = charge("ch_1", datetime(2026, 3, 1, tzinfo=UTC))
    await write(database, owner, row)
    async with database.unit_of_work() as session:
        await session.execute(delete(LedgerChange))
        await ledger.remove(session, owner, ChargeRow, "ch_1", row.source_version + 1)
    assert [day for day, _ in await marks(database, shop)] == [date(2026, 3, 1)]


@pytest.mark.parametrize(
    ("day", "lone", "expected"),
    [
        (date(2026, 3, 15), False, ["2026-03"]),
        (date(2026, 3, 1), False, ["2026-02", "2026-03"]),
        (date(2026, 3, 31), False, ["2026-03", "2026-04"]),
        (date(2024, 2, 29), False, ["2024-02", "2024-03"]),
        (date(2026, 3, 8), True, ["2026-02", "2026-03"]),
        (date(2026, 3, 10), True, ["2026-03"]),
    ],
)
def test_months_around_a_changed_day_are_summed_up_again(
    day: date, lone: bool, expected: list[str]
) -> None:
    assert sorted(map(str, dirty_months([ChangedDay(day, lone)]))) == expected


def test_months_without_a_gap_make_one_run() -> None:
    months = [Month(2026, 3), Month(2025, 12), Month(2026, 1), Month(2026, 4)]
    assert runs_of(months) == [
        (Month(2025, 12), Month(2026, 1)),
        (Month(2026, 3), Month(2026, 4)),
    ]


async def test_change_committed_while_a_rebuild_runs_is_found_by_the_next(
    database: Database, shop: Shop
) -> None:
    owner = await owner_of(database, shop)
    first = datetime(2026, 10, 5, 12, tzinfo=UTC)
    await write(database, owner, charge("ch_1", first))
    await rebuild(database, shop.access)
    async with database.unit_of_work() as writer:
        # Written, but not committed before the rebuild has taken its marks.
        await ledger.upsert(writer, owner, [charge("ch_2", first, 700)])
        await rebuild(database, shop.access)
        assert await revenue(database, shop) == 1_000
    assert await marks(database, shop) == [(first.date(), "charges")]
    await rebuild(database, shop.access)
    assert await revenue(database, shop) == 1_700


async def test_change_committed_between_the_marks_and_the_sums_is_not_lost(
    database: Database, shop: Shop
) -> None:
    owner = await owner_of(database, shop)
    first = datetime(2026, 10, 5, 12, tzinfo=UTC)
    await write(database, owner, charge("ch_1", first))
    await rebuild(database, shop.access)
    await write(database, owner, charge("ch_2", first, 700))
    async with database.unit_of_work() as rebuilding:
        await lock_business(rebuilding, shop.access)
        taken = await take_changes(rebuilding, shop.access)
        await write(database, owner, charge("ch_3", first, 50))
        seen = await rebuilding.scalar(text("SELECT sum(amount_captured) FROM ledger_charges"))
    assert [change.day for change in taken] == [first.date()]
    # Both what was marked and what came since are in the sums; the mark of the latter stays.
    assert seen == 1_750
    assert await marks(database, shop) == [(first.date(), "charges")]


async def test_marks_of_a_rebuild_that_failed_are_still_there(
    database: Database, shop: Shop
) -> None:
    owner = await owner_of(database, shop)
    await write(database, owner, charge("ch_1", datetime(2026, 10, 5, tzinfo=UTC)))
    async with database.unit_of_work() as session:
        assert len(await take_changes(session, shop.access)) == 1
        await session.rollback()
    assert len(await marks(database, shop)) == 1


async def revenue(database: Database, shop: Shop) -> int:
    return stored((await rows_of(database, shop.access))["2026-10"]).revenue_minor


async def spoil(database: Database, shop: Shop) -> None:
    """Make every roll-up of the business wrong, without a mark."""
    async with database.unit_of_work() as session:
        await session.execute(text("UPDATE daily_metrics SET gross_minor = gross_minor + 1"))


async def forget(database: Database, shop: Shop) -> None:
    async with database.unit_of_work() as session:
        await session.execute(delete(MetricRollup))


async def age(database: Database, shop: Shop) -> None:
    async with database.unit_of_work() as session:
        await session.execute(text("UPDATE metric_rollups SET version = 'metrics-1'"))


async def move(database: Database, shop: Shop) -> None:
    async with database.unit_of_work() as session:
        await session.execute(text("UPDATE metric_rollups SET time_zone = 'Asia/Tokyo'"))


@pytest.mark.parametrize("event", [forget, age, move], ids=["upgrade", "definitions", "zone"])
async def test_everything_is_summed_up_again_after(
    database: Database, shop: Shop, event: Callable[[Database, Shop], Awaitable[None]]
) -> None:
    owner = await owner_of(database, shop)
    await write(database, owner, charge("ch_1", datetime(2026, 10, 5, 12, tzinfo=UTC)))
    await rebuild(database, shop.access)
    await spoil(database, shop)
    await rebuild(database, shop.access)
    assert await revenue(database, shop) == 1_001
    await event(database, shop)
    await rebuild(database, shop.access)
    assert await revenue(database, shop) == 1_000


async def test_only_the_months_that_changed_are_summed_up(database: Database, shop: Shop) -> None:
    owner = await owner_of(database, shop)
    for month in (3, 10):
        await write(
            database, owner, charge(f"ch_{month}", datetime(2026, month, 5, 12, tzinfo=UTC))
        )
    await rebuild(database, shop.access)
    await spoil(database, shop)
    await write(database, owner, refund("re_1", datetime(2026, 3, 9, 12, tzinfo=UTC)))
    await rebuild(database, shop.access)
    rows = await rows_of(database, shop.access)
    assert (stored(rows["2026-03"]).revenue_minor, stored(rows["2026-10"]).revenue_minor) == (
        1_000,
        1_001,
    )


async def test_later_try_of_a_failed_charge_changes_the_month_before(
    database: Database, shop: Shop
) -> None:
    owner = await owner_of(database, shop)
    alone = {"customer_id": "cus_1", "payment_intent_id": None}
    sold, failed = datetime(2026, 9, 2, tzinfo=UTC), datetime(2026, 9, 28, tzinfo=UTC)
    await write(
        database,
        owner,
        charge("ch_1", sold, 900),
        charge("ch_2", failed, status="failed", **alone),
    )
    await rebuild(database, shop.access)
    before = stored((await rows_of(database, shop.access))["2026-09"]).failed_count
    await write(database, owner, charge("ch_3", datetime(2026, 10, 4, tzinfo=UTC), **alone))
    await rebuild(database, shop.access)
    after = stored((await rows_of(database, shop.access))["2026-09"]).failed_count
    assert (before, after) == (1, 0)


async def test_dispute_changes_the_month_of_its_charge(database: Database, shop: Shop) -> None:
    owner = await owner_of(database, shop)
    await write(database, owner, charge("ch_1", datetime(2026, 7, 5, tzinfo=UTC)))
    await rebuild(database, shop.access)
    opened = BY_KIND[DisputeRow]._replace(
        created_at=datetime(2026, 10, 5, tzinfo=UTC), status="lost", charge_id="ch_1"
    )
    await write(database, owner, opened)
    assert Month(2026, 7) in await rebuild(database, shop.access)
    assert stored((await rows_of(database, shop.access))["2026-07"]).disputed_count == 1


async def test_another_main_currency_tells_every_month_anew(database: Database, shop: Shop) -> None:
    owner = await owner_of(database, shop)
    for month in (3, 10):
        for currency, amount in (("usd", 1_000), ("eur", 900)):
            when = datetime(2026, month, 5, 12, tzinfo=UTC)
            row = charge(f"ch_{month}_{currency}", when, amount, currency=currency)
            await write(database, owner, row)
    await rebuild(database, shop.access)
    async with database.unit_of_work() as session:
        account = await session.get_one(IntegrationAccount, owner.integration_id)
        account.account_metadata = {**(account.account_metadata or {}), "default_currency": "usd"}
    await rebuild(database, shop.access)
    rows = await rows_of(database, shop.access)
    assert {stored(row).currency for row in rows.values()} == {"usd"}
    assert stored(rows["2026-03"]).revenue_minor == 1_000


async def everything(database: Database, shop: Shop) -> dict[str, Any]:
    """Every roll-up and snapshot of the business, without ids and times of writing."""
    found: dict[str, Any] = {}
    async with database.unit_of_work() as session:
        for model in (DailyMetrics, MonthlyCustomers):
            rows = await session.execute(
                select(*(c for c in model.__table__.c if c.name != "business_id"))
                .where(model.business_id == shop.business_id)
                .order_by(*model.__table__.primary_key.columns)
            )
            found[model.__tablename__] = [tuple(row) for row in rows]
        left = select(func.count()).where(LedgerChange.business_id == shop.business_id)
        assert await session.scalar(left) == 0
    rows_by_month = await rows_of(database, shop.access)
    found["snapshots"] = {
        name: (row.revenue_total, row.chargeback_count, row.refund_count, row.metrics_json)
        for name, row in rows_by_month.items()
    }
    return found


async def lived(database: Database, batches: list[list[Step]], rebuilt: list[bool]) -> Any:
    """Everything after the batches, with a rebuild behind each that says so and one at the end."""
    shop = await make_shop(database)
    owner = await owner_of(database, shop)
    for batch, also_rebuild in zip(batches, rebuilt, strict=True):
        for step in batch:
            async with database.unit_of_work() as session:
                await step.apply(session, owner)
        if also_rebuild:
            await rebuild(database, shop.access, zone=NEW_YORK, now=NOW)
    await rebuild(database, shop.access, zone=NEW_YORK, now=NOW)
    return await everything(database, shop)


@pytest.mark.slow
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_rebuilds_in_between_leave_what_one_at_the_end_leaves(
    server_url: URL, template: str, data: st.DataObject
) -> None:
    batches = data.draw(st.lists(st.lists(steps(), max_size=8), min_size=1, max_size=5))
    rebuilt = data.draw(st.lists(st.booleans(), min_size=len(batches), max_size=len(batches)))
    orders = [data.draw(st.permutations(batch)) for batch in batches]

    async def compare() -> None:
        async with cloned_database(server_url, template) as url:
            database = Database(url)
            try:
                at_the_end = await lived(database, batches, [False] * len(batches))
                assert await lived(database, batches, rebuilt) == at_the_end
                assert await lived(database, orders, rebuilt) == at_the_end
            finally:
                await database.dispose()

    asyncio.run(compare())
