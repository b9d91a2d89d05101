"""What a rebuild of the snapshots costs beside the plainest SQL over the same charges.

`python -m benchmarks.snapshots --charges 1000000` fills a database of its own with 24 months of a
shop: charges, each with a payment intent and a line of the balance, and refunds, disputes, payouts
and customers in proportion. It prints, in seconds:

- floor: one GROUP BY of the charges by month in the business's zone, with count, sum and the
  number of different customers.
- full: a rebuild that sums up all 24 months; it should take at most 3 times the floor.
- dirty month: a rebuild after one charge of the last complete month was written again; it should
  take at most 0.2 s.
- nothing new: a rebuild without a mark.

Each is the best of `--rounds`, taken in turns.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import asyncpg

from benchmarks.turn_servers import scratch_folder
from db.embedded import start_embedded_server
from db.repositories import ledger
from db.repositories.ledger import LedgerOwner
from db.repositories.ledger_rows import RefundRow
from db.session import Database
from db.startup import migrate
from domain.access import Access, Role
from services import snapshots

ZONE = ZoneInfo("America/New_York")
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
# Every second on average, over two years up to now.
SECONDS = 2 * 365 * 86_400
CUSTOMERS_SHARE = 12
FLOOR = """
    SELECT date_trunc('month', created_at AT TIME ZONE 'America/New_York') AS month,
           count(*), sum(amount_captured), count(DISTINCT customer_id)
    FROM ledger_charges
    WHERE business_id = $1 AND status = 'succeeded' AND amount_captured > 0
    GROUP BY 1
"""
_AT = "timestamptz '2026-11-30 00:00Z' - n * (interval '1 second' * ($4::float8 / $3))"
_OWN = "$1::uuid, $2::uuid, 1, "
FILL = (
    f"""
    INSERT INTO ledger_charges
        (business_id, integration_id, source_version, stripe_id, created_at, amount,
         amount_captured, amount_refunded, currency, status, disputed, customer_id,
         balance_transaction_id, payment_method_type, card_brand, payment_intent_id)
    SELECT {_OWN} 'ch_3Sandbox' || n, {_AT}, 500 + n % 9001,
           CASE WHEN n % 15 = 0 THEN 0 ELSE 500 + n % 9001 END, 0, 'usd',
           CASE WHEN n % 15 = 0 THEN 'failed' ELSE 'succeeded' END, n % 200 = 7,
           CASE WHEN n % 10 = 3 THEN NULL
                ELSE 'cus_Sandbox' || (n::bigint * 7919) % ($3 / {CUSTOMERS_SHARE}) END,
           'txn_3Sandbox' || n, 'card', 'visa', 'pi_3Sandbox' || n
    FROM generate_series(1, $3::int) AS n
    """,
    f"""
    INSERT INTO ledger_payment_intents
        (business_id, integration_id, source_version, stripe_id, created_at, amount,
         amount_received, currency, status, latest_charge_id, error_code)
    SELECT {_OWN} 'pi_3Sandbox' || n, {_AT}, 500 + n % 9001, 0, 'usd',
           CASE WHEN n % 15 = 0 THEN 'requires_payment_method' ELSE 'succeeded' END,
           'ch_3Sandbox' || n, CASE WHEN n % 15 = 0 THEN 'card_declined' END
    FROM generate_series(1, $3::int) AS n
    """,
    f"""
    INSERT INTO ledger_balance_transactions
        (business_id, integration_id, source_version, stripe_id, created_at, amount, fee, net,
         currency, type, reporting_category, available_on, source_id)
    SELECT {_OWN} 'txn_3Sandbox' || n, {_AT}, 500 + n % 9001, 59, 441 + n % 9001, 'usd', 'charge',
           'charge', {_AT}, 'ch_3Sandbox' || n
    FROM generate_series(1, $3::int) AS n
    WHERE n % 15 <> 0
    """,
    f"""
    INSERT INTO ledger_refunds
        (business_id, integration_id, source_version, stripe_id, created_at, amount, currency,
         status, charge_id)
    SELECT {_OWN} 're_3Sandbox' || n, {_AT}, 400, 'usd', 'succeeded', 'ch_3Sandbox' || n
    FROM generate_series(1, $3::int, 31) AS n
    """,
    f"""
    INSERT INTO ledger_disputes
        (business_id, integration_id, source_version, stripe_id, created_at, amount, currency,
         status, charge_id)
    SELECT {_OWN} 'dp_3Sandbox' || n, {_AT}, 500, 'usd', 'lost', 'ch_3Sandbox' || n
    FROM generate_series(7, $3::int, 200) AS n
    """,
    f"""
    INSERT INTO ledger_payouts
        (business_id, integration_id, source_version, stripe_id, created_at, amount, currency,
         status, arrival_at, automatic, reconciled_at)
    SELECT {_OWN} 'po_3Sandbox' || n, {_AT}, 500, 'usd', 'paid', {_AT}, true, {_AT}
    FROM generate_series(1, $3::int, greatest(1, $3 / 730)) AS n
    """,
    f"""
    INSERT INTO ledger_customers
        (business_id, integration_id, source_version, stripe_id, created_at, currency)
    SELECT {_OWN} 'cus_Sandbox' || n, {_AT}, 'usd'
    FROM generate_series(1, $3::int, {CUSTOMERS_SHARE}) AS n
    """,
)


@dataclass(frozen=True)
class World:
    """A database with one business of many charges."""

    database: Database
    access: Access
    owner: LedgerOwner

    async def floor(self) -> None:
        """Run the plain statement."""
        connection = await self.database.connect()
        try:
            assert len(await connection.fetch(FLOOR, self.access.business_id)) >= 24
        finally:
            await connection.close()

    async def rebuild(self) -> None:
        """Rebuild the snapshots as after a sync."""
        async with self.database.unit_of_work() as session:
            await snapshots.rebuild(session, self.access, zone=ZONE, now=NOW)

    async def forget(self) -> None:
        """Leave the roll-ups without the note of how they were made, as an upgrade does."""
        await self.execute("DELETE FROM metric_rollups")

    async def touch(self) -> None:
        """Write a refund of the last complete month, as an event of Stripe's does."""
        made = datetime(2026, 10, 15, 12, tzinfo=UTC)
        row = RefundRow(
            stripe_id=f"re_{uuid4().hex}",
            created_at=made,
            source_version=2,
            amount=100,
            currency="usd",
            status="succeeded",
            reason=None,
            charge_id="ch_3Sandbox1",
            balance_transaction_id=None,
            payment_intent_id=None,
            failure_reason=None,
        )
        async with self.database.unit_of_work() as session:
            await ledger.upsert(session, self.owner, [row])

    async def execute(self, statement: str) -> None:
        """Run a statement outside of the pool."""
        connection = await self.database.connect()
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


async def filled(database: Database, charges: int) -> World:
    """Store a business with so many charges, and the statistics that a database has of them."""
    business, integration = uuid4(), uuid4()
    connection = await database.connect()
    try:
        await connection.execute("INSERT INTO businesses (id, name) VALUES ($1, 'Shop')", business)
        await _fill(connection, business, integration, charges)
    finally:
        await connection.close()
    access = Access(uuid4(), business, Role.OWNER)
    return World(database, access, LedgerOwner(business, integration))


async def _fill(
    connection: asyncpg.Connection[asyncpg.Record], business: UUID, account: UUID, charges: int
) -> None:
    await connection.execute(
        "INSERT INTO integration_accounts"
        " (id, business_id, provider, external_id, metadata, last_synced_at)"
        " VALUES ($1, $2, 'stripe', 'acct_bench', '{\"default_currency\": \"usd\"}', $3)",
        account,
        business,
        NOW,
    )
    # The rows' references are right by the way they are made; checking each takes a minute.
    await connection.execute("SET session_replication_role = replica")
    for statement in FILL:
        await connection.execute(statement, business, account, charges, float(SECONDS))
    # As autovacuum does in a database that has been there for a while.
    await connection.execute("VACUUM ANALYZE")


async def measure(charges: int, rounds: int) -> dict[str, float]:
    """Return the seconds of each, the best of the rounds."""
    with scratch_folder() as folder:
        url = await asyncio.to_thread(start_embedded_server, folder / "postgres")
        await asyncio.to_thread(migrate, url)
        database = Database(url)
        try:
            world = await filled(database, charges)
            return await _measure(world, rounds)
        finally:
            await database.dispose()


async def _measure(world: World, rounds: int) -> dict[str, float]:
    steps: tuple[tuple[str, Callable[[], Awaitable[None]], Callable[[], Awaitable[None]]], ...] = (
        ("floor", _nothing, world.floor),
        ("full", world.forget, world.rebuild),
        ("dirty month", world.touch, world.rebuild),
        ("nothing new", _nothing, world.rebuild),
    )
    taken: dict[str, list[float]] = {name: [] for name, _, _ in steps}
    for _ in range(rounds):
        for name, before, work in steps:
            await before()
            begun = time.perf_counter()
            await work()
            taken[name].append(time.perf_counter() - begun)
    found = {name: min(times) for name, times in taken.items()}
    return {**found, "full / floor": found["full"] / found["floor"]}


async def _nothing() -> None:
    """Change nothing."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--charges", type=int, default=100_000, help="(%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="(%(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    found = asyncio.run(measure(options.charges, options.rounds))
    lines = (f"{name:14} {seconds:10.3f}" for name, seconds in found.items())
    sys.stdout.write((json.dumps(found) if options.json else "\n".join(lines)) + "\n")


if __name__ == "__main__":
    main()
