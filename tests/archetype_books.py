"""Every sort of business with its ledger filled, and what is advised to it.

The rows are the oracle's, worked out from the sandbox's facts: no sync runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import insert

from db.models import IntegrationAccount
from db.repositories import recommendations as stored
from db.session import Database
from domain.periods import Month
from sandbox.stripe.archetypes import ARCHETYPES, load
from services import insight
from tests.factories import Shop, make_shop
from tests.oracle.expected import expected
from tests.services.stripe_sync.connected import LEDGER_TABLES

LAST_MONTH = Month(2026, 10)
NOW = datetime(2026, 11, 15, 12, tzinfo=UTC)
# CDNOW has a fixed number of charges, 71,000; the others can be made small.
SAMPLED = tuple(name for name in ARCHETYPES if name != "cdnow")
SMALL_BIG = 600
# PostgreSQL takes 32,767 parameters a statement.
_AT_ONCE = 1_000


# Three shops of each sort, the last one ten times as large: neither chance nor the floor under
# small businesses must decide how wide a range is.
SIZES: Mapping[int, int] = {1: 1, 2: 1, 3: 10}
SEEDS = tuple(SIZES)


@dataclass(frozen=True)
class Advised:
    """One recommendation that a rule made for an archetype."""

    rule: str
    priority: str
    title: str
    description: str
    impact: str
    refs: Mapping[str, Any]

    @property
    def points(self) -> float:
        """The predicted effect on the exact score."""
        return float(self.refs["predicted"]["points"])


Survey = dict[tuple[str, int], dict[str, Advised]]


async def open_books(database: Database, name: str, seed: int = 1) -> Shop:
    """Store a business of that sort with its whole ledger as it is NOW."""
    charges = SMALL_BIG if name == "big" else ARCHETYPES[name].charges
    ledger = load(name, last_month=LAST_MONTH, seed=seed, charges=charges * SIZES[seed])
    shop, integration_id = await make_shop(database, name), uuid4()
    async with database.unit_of_work() as session:
        session.add(
            IntegrationAccount(
                id=integration_id,
                business_id=shop.business_id,
                provider="stripe",
                external_id=f"acct_{name}_{seed}",
                account_metadata={
                    "livemode": False,
                    "default_currency": ledger.shop.currency,
                    "time_zone": ledger.shop.timezone,
                    "payouts_enabled": True,
                    "requirements_due": 0,
                    "authorized_at": int(NOW.timestamp()),
                },
                last_synced_at=NOW,
            )
        )
        await session.flush()
        own = {
            "business_id": shop.business_id,
            "integration_id": integration_id,
            "source_version": 2**32,
        }
        for table, rows in expected(ledger, int(NOW.timestamp() * 1_000)).items():
            values = [{"stripe_id": key, **row, **own} for key, row in rows.items()]
            for start in range(0, len(values), _AT_ONCE):
                batch = values[start : start + _AT_ONCE]
                await session.execute(insert(LEDGER_TABLES[table].__table__), batch)
    return shop


async def advise_archetype(database: Database, name: str, seed: int = 1) -> dict[str, Advised]:
    """Return by rule what a business of that sort is advised."""
    shop = await open_books(database, name, seed)
    async with database.unit_of_work() as session:
        await insight.refresh(session, shop.access, now=NOW)
    async with database.unit_of_work() as session:
        rows = await stored.list_pending(session, shop.access)
    return {
        (row.metric_refs or {})["rule"]: Advised(
            rule=(row.metric_refs or {})["rule"],
            priority=row.priority or "",
            title=row.title,
            description=row.description or "",
            impact=row.estimated_impact or "",
            refs=row.metric_refs or {},
        )
        for row in rows
    }


async def advise_all(database: Database) -> Survey:
    """Return what every archetype is advised, once for each seed."""
    return {
        (name, seed): await advise_archetype(database, name, seed)
        for name in SAMPLED
        for seed in SEEDS
    }
