"""A ledger large enough for an index to pay, and how PostgreSQL runs what is asked of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import event, text

from db.models import IntegrationAccount
from db.repositories.ledger import LedgerOwner
from db.session import Database
from tests.factories import Shop, make_shop
from tests.services.books import at

ROWS = 40_000
_AT = "timestamptz '2026-11-20 00:00Z' - n * interval '26 minutes'"
_KEY = "business_id, integration_id, source_version, stripe_id, created_at"
_VALUES = f":business, :account, 1, :prefix || n, {_AT}"
_FROM = f"FROM generate_series(1, {ROWS}, :step) AS n"
FILL: dict[str, tuple[int, str]] = {
    "charges": (
        1,
        (
            f"({_KEY}, amount, amount_captured, amount_refunded, currency, status, disputed,"
            f" customer_id, payment_intent_id) SELECT {_VALUES}, 900, 900, 0, 'usd', 'succeeded',"
            f" false, 'cus_' || n % 900, 'pi_' || n {_FROM}"
        ),
    ),
    "payment_intents": (
        1,
        (
            f"({_KEY}, amount, amount_received, currency, status, error_code)"
            f" SELECT {_VALUES}, 900, 900, 'usd',"
            f" CASE WHEN n % 20 = 0 THEN 'canceled' ELSE 'succeeded' END,"
            f" CASE WHEN n % 20 = 0 THEN 'card_declined' END {_FROM}"
        ),
    ),
    "balance_transactions": (
        1,
        (
            f"({_KEY}, amount, fee, net, currency, type, reporting_category, available_on)"
            f" SELECT {_VALUES}, 900, 30, 870, 'usd', 'charge', 'charge', {_AT} {_FROM}"
        ),
    ),
    "refunds": (
        4,
        (
            f"({_KEY}, amount, currency, status, charge_id) SELECT {_VALUES}, 100, 'usd',"
            f" 'succeeded', 'ch_' || n {_FROM}"
        ),
    ),
    "disputes": (
        4,
        (
            f"({_KEY}, amount, currency, status, charge_id) SELECT {_VALUES}, 100, 'usd', 'lost',"
            f" 'charges_' || n {_FROM}"
        ),
    ),
    "payouts": (
        4,
        (
            f"({_KEY}, amount, currency, status, arrival_at, automatic, reconciled_at)"
            f" SELECT {_VALUES}, 100, 'usd', 'paid', {_AT}, true, {_AT} {_FROM}"
        ),
    ),
    "early_fraud_warnings": (
        4,
        f"({_KEY}, fraud_type, actionable) SELECT {_VALUES}, 'misc', true {_FROM}",
    ),
}


async def filled(database: Database, shop: Shop) -> None:
    """Give the business and another one a large ledger, and many others snapshots."""
    for each in (shop, await make_shop(database)):
        account = IntegrationAccount(
            id=uuid4(),
            business_id=each.business_id,
            provider="stripe",
            external_id=f"acct_{each.business_id}",
            account_metadata={"default_currency": "usd"},
            last_synced_at=at("2026-11-22T10:00:00"),
        )
        async with database.unit_of_work() as session:
            session.add(account)
            await session.flush()
            await session.execute(text("SET LOCAL session_replication_role = replica"))
            for table, (step, rest) in FILL.items():
                values = {
                    "business": each.business_id,
                    "account": account.id,
                    "prefix": f"{table}_",
                    "step": step,
                }
                await session.execute(text(f"INSERT INTO ledger_{table} {rest}"), values)
    async with database.unit_of_work() as session:
        for statement in OTHERS:
            await session.execute(text(statement))


_MANY = "FROM generate_series(1, 300) AS b, generate_series(0, 59) AS n"
_MONTH = "date '2021-12-01' + n * interval '1 month'"
_OTHER = "('00000000-0000-4000-8000-' || lpad(b::text, 12, '0'))::uuid"
_COUNTS = "1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0"
OTHERS = (
    f"INSERT INTO businesses (id, name) SELECT {_OTHER}, 'Other' FROM generate_series(1, 300) AS b",
    f"""
    INSERT INTO financial_metric_snapshots
        (business_id, period_start, period_end, revenue_total, metrics_json)
    SELECT {_OTHER}, {_MONTH}, {_MONTH} + interval '27 days', 1, '{{}}' {_MANY}
    """,
    f"""
    INSERT INTO snapshot_revisions
        (business_id, period_start, known_until, known_from, snapshot_id, period_end)
    SELECT {_OTHER}, {_MONTH}, now(), now() - interval '1 day', gen_random_uuid(), {_MONTH} {_MANY}
    """,
    f"""
    INSERT INTO daily_metrics
    SELECT {_OTHER}, 'usd', date '2021-12-01' + n, {_COUNTS}
    FROM generate_series(1, 300) AS b, generate_series(0, 300) AS n
    """,
    f"""
    INSERT INTO ledger_changes (business_id, day, kind)
    SELECT {_OTHER}, {_MONTH}, 'charges' {_MANY}
    """,
    f"INSERT INTO monthly_customers SELECT {_OTHER}, 'usd', {_MONTH}, 1, 1, 0, 1 {_MANY}",
)


class Plans:
    """Remembers statements, and tells which large tables they read from end to end."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seen: list[tuple[str, Any]] = []

    @contextmanager
    def recorded(self) -> Iterator[None]:
        """Remember the statements of the block."""
        engine = self._database.engine.sync_engine

        def remember(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
            many = isinstance(parameters, list)
            self._seen.append((statement, parameters[0] if many else parameters))

        event.listen(engine, "before_cursor_execute", remember)
        try:
            yield
        finally:
            event.remove(engine, "before_cursor_execute", remember)

    async def read_whole(self) -> list[str]:
        """Return the tables of more than a page that a remembered statement reads whole."""
        assert self._seen
        connection = await self._database.connect()
        found: list[str] = []
        try:
            for statement, parameters in self._seen:
                plan = await connection.fetch(f"EXPLAIN {statement}", *parameters)
                found += [
                    line[0].partition("Seq Scan on ")[2].split()[0]
                    for line in plan
                    if "Seq Scan on " in line[0]
                ]
        finally:
            await connection.close()
        small = {"businesses", "integration_accounts", "metric_rollups", "ledger_tombstones"}
        return [table for table in found if table not in small]


async def owner_of(database: Database, business_id: UUID) -> LedgerOwner:
    """Return the owner of the business's ledger."""
    async with database.unit_of_work() as session:
        account = await session.scalar(
            text("SELECT id FROM integration_accounts WHERE business_id = :business"),
            {"business": business_id},
        )
    return LedgerOwner(business_id, account)
