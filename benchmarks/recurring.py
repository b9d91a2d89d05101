"""Recurring revenue of 24 months from many invoice lines, against a plain sum in SQL.

`python -m benchmarks.recurring --lines 100000`: seconds of both, and the memory that ours takes.
The floor groups the same lines by the month that they cover: no plans, discounts, changes within a
period, customers or movements.
"""

from __future__ import annotations

import argparse
import asyncio
import time
import tracemalloc
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from benchmarks.turn_servers import scratch_folder
from db.embedded import start_embedded_server
from db.session import Database
from db.startup import migrate
from domain.access import Access, Role
from domain.periods import Month
from services.recurring import list_recurring_months

MONTHS = 24
HORIZON = datetime(2026, 11, 20, tzinfo=UTC)
FIRST, LAST = Month(2024, 12), Month(2026, 11)
ROUNDS = 3
# Each subscription pays every month from the first on, every fourth changes once in between, every
# fifth has a coupon for good.
_FILL = (
    "INSERT INTO users (id, email) VALUES ($1, 'bench@example.com')",
    "INSERT INTO businesses (id, name) VALUES ($2, 'Bench')",
    """INSERT INTO integration_accounts
           (id, business_id, provider, external_id, metadata, last_synced_at)
       VALUES ($3, $2, 'stripe', 'acct_bench', '{"livemode": false}', '2026-11-20T00:00:00Z')""",
    """INSERT INTO ledger_prices
           (business_id, stripe_id, integration_id, created_at, source_version, active, currency,
            unit_amount, type, billing_scheme, interval, interval_count, usage_type)
       SELECT $2, 'price_' || p, $3, '2024-11-01T00:00:00Z', 1, true, 'usd', 1900 + 1000 * p,
              'recurring', 'per_unit', 'month', 1, 'licensed'
       FROM generate_series(0, 4) p""",
    """INSERT INTO ledger_subscriptions
           (business_id, stripe_id, integration_id, created_at, source_version, customer_id,
            status, currency, started_at, cancel_at_period_end, discounts)
       SELECT $2, 'sub_' || s, $3, '2024-11-01T00:00:00Z', 1, 'cus_' || s, 'active', 'usd',
              '2024-11-01T00:00:00Z', false,
              CASE WHEN s % 5 = 0 THEN
                  '[{"percent_off": "12.5", "amount_off": null, "currency": null,
                     "duration": "forever", "duration_in_months": null, "start": 1730419200,
                     "end": null, "subscription_item": null}]'::jsonb
              ELSE '[]'::jsonb END
       FROM generate_series(1, $4::int) s""",
    """INSERT INTO ledger_subscription_items
           (business_id, stripe_id, integration_id, created_at, source_version, subscription_id,
            price_id, quantity, discounts)
       SELECT $2, 'si_' || s, $3, '2024-11-01T00:00:00Z', 1, 'sub_' || s, 'price_' || s % 5, 2, '[]'
       FROM generate_series(1, $4::int) s""",
    """INSERT INTO ledger_invoices
           (business_id, stripe_id, integration_id, created_at, source_version, customer_id,
            subscription_id, status, currency, amount_due, amount_paid, amount_remaining, subtotal,
            total, billing_reason, period_start, period_end, paid_at, attempt_count,
            collection_method)
       SELECT $2, 'in_' || s || '_' || m, $3, begins, 1, 'cus_' || s, 'sub_' || s, 'paid', 'usd',
              3800, 3800, 0, 3800, 3800, 'subscription_cycle', begins, begins + interval '1 month',
              begins, 1, 'charge_automatically'
       FROM generate_series(1, $4::int) s, generate_series(0, 23) m,
            LATERAL (SELECT timestamptz '2024-12-01T00:00:00Z' + m * interval '1 month'
                            + s % 27 * interval '1 day' AS begins) t""",
    """INSERT INTO ledger_invoice_lines
           (business_id, stripe_id, integration_id, created_at, source_version, invoice_id, amount,
            currency, quantity, period_start, period_end, price_id, product_id, subscription_id,
            subscription_item_id, proration, discount_amount)
       SELECT $2, 'il_' || s || '_' || m || '_' || k, $3, created_at, 1, i.stripe_id,
              CASE k WHEN 0 THEN 3800 WHEN 1 THEN -1900 ELSE 2900 END, 'usd',
              CASE k WHEN 2 THEN 3 ELSE 2 END,
              i.period_start + CASE k WHEN 0 THEN interval '0' ELSE interval '15 days' END,
              i.period_end, 'price_' || s % 5, NULL, i.subscription_id, 'si_' || s, k > 0, 0
       FROM generate_series(1, $4::int) s, generate_series(0, 23) m, generate_series(0, 2) k,
            LATERAL (SELECT * FROM ledger_invoices
                     WHERE business_id = $2 AND stripe_id = 'in_' || s || '_' || m) i
       WHERE k = 0 OR (s % 4 = 0 AND m = 11)""",
    "ANALYZE",
)
_FLOOR = """
    SELECT m.ends_at, sum(l.amount), count(*)
    FROM generate_series(timestamptz '2025-01-01', '2026-12-01', interval '1 month') m (ends_at)
    JOIN ledger_invoice_lines l
      ON l.business_id = $1 AND l.period_start < m.ends_at AND l.period_end >= m.ends_at
    GROUP BY 1
"""


async def fill(database: Database, access: Access, subscriptions: int) -> int:
    """Store the subscriptions with two years of invoices; return the number of lines."""
    integration_id = uuid4()
    arguments = {
        "$1": access.user_id,
        "$2": access.business_id,
        "$3": integration_id,
        "$4": subscriptions,
    }
    connection = await database.connect()
    try:
        for statement in _FILL:
            used = [name for name in arguments if name in statement]
            for number, name in enumerate(used, start=1):
                statement = statement.replace(name, f"${number}")  # noqa: PLW2901
            await connection.execute(statement, *(arguments[name] for name in used))
        count: int = await connection.fetchval("SELECT count(*) FROM ledger_invoice_lines")
        return count
    finally:
        await connection.close()


async def ours(database: Database, access: Access) -> tuple[float, float]:
    """Return the seconds of this process's CPU that the service takes, and those that pass."""
    begin, busy = time.perf_counter(), time.process_time()
    async with database.unit_of_work() as session:
        found = await list_recurring_months(
            session,
            access,
            zone=ZoneInfo("UTC"),
            first=FIRST,
            last=LAST,
            horizon=HORIZON,
            currency="usd",
        )
    assert len(found.months) == MONTHS
    assert all(month.mrr_minor for month in found.months.values())
    return time.process_time() - busy, time.perf_counter() - begin


async def floor(database: Database, access: Access) -> float:
    """Return the seconds that the plain sum takes."""
    connection = await database.connect()
    try:
        begin = time.perf_counter()
        await connection.fetch(_FLOOR, access.business_id)
        return time.perf_counter() - begin
    finally:
        await connection.close()


async def measure(lines: int) -> dict[str, Any]:
    """Return the best of a few interleaved rounds, and the most memory that one round took."""
    with scratch_folder() as folder:
        url = await asyncio.to_thread(start_embedded_server, folder / "postgres")
        await asyncio.to_thread(migrate, url)
        database = Database(url)
        access = Access(uuid4(), uuid4(), Role.OWNER)
        stored = await fill(database, access, max(1, lines * 2 // (MONTHS * 2 + 1)))
        times = [
            (*await ours(database, access), await floor(database, access)) for _ in range(ROUNDS)
        ]
        tracemalloc.start()
        await ours(database, access)
        peak = tracemalloc.get_traced_memory()[1]
        await database.dispose()
    busy, best, least = (min(column) for column in zip(*times, strict=True))
    return {
        "lines": stored,
        "ours, s": round(best, 2),
        "ours, s of CPU": round(busy, 2),
        "floor (SQL sum), s": round(least, 2),
        "ratio": round(best / least, 1),
        "ours, MB at most": round(peak / 1e6, 1),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=100_000)
    for name, value in asyncio.run(measure(parser.parse_args().lines)).items():
        print(f"{name}: {value}")


if __name__ == "__main__":
    main()
