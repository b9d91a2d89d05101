"""What a sandbox's facts are worth in rows of the ledger, worked out from the facts alone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from db.session import Database
from sandbox.stripe import people
from sandbox.stripe.facts import DAY_S, BalanceFact, ChargeFact
from sandbox.stripe.ledger import Ledger
from tests.factories import Shop
from tests.integrations.stripe.ledgers import NOW
from tests.services.stripe_sync.connected import ledger_of


def instant(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


def expected(ledger: Ledger, as_of: int = NOW) -> dict[str, dict[str, tuple[Any, ...]]]:
    """What the ledger's facts are worth in rows, by list and id: worked out from them alone."""
    charges = {fact.id: _expected_charge(ledger, fact, as_of) for fact in ledger.charges.facts}
    disputes = {
        f.id: (
            f.amount,
            "usd",
            f.status(as_of),
            f.reason,
            f.charge,
            instant(f.created + 21 * DAY_S),
        )
        for f in ledger.disputes.facts
    }
    refunds = {
        f.id: (f.amount, "usd", "succeeded", f.reason, f.charge) for f in ledger.refunds.facts
    }
    lines = {
        f.id: (*_amounts(f), "usd", f.type, f.reporting_category, None, f.source, _available(f))
        for f in ledger.balance_transactions.facts
    }
    return {
        "charges": charges,
        "refunds": refunds,
        "disputes": disputes,
        "balance_transactions": lines,
        "customers": {f.id: ("usd",) for f in ledger.customers.facts},
    }


def _amounts(line: BalanceFact) -> tuple[int, int, int]:
    return line.amount, line.fee, line.amount - line.fee


def _available(line: BalanceFact) -> datetime:
    return instant(line.available_on)


def _expected_charge(ledger: Ledger, fact: ChargeFact, as_of: int) -> tuple[Any, ...]:
    refunds = [f for f in ledger.refunds.facts if f.charge == fact.id and f.created <= as_of]
    disputes = [f for f in ledger.disputes.facts if f.charge == fact.id and f.created <= as_of]
    line = f"txn_{fact.id.replace('_', '')}" if fact.captured else None
    return (
        fact.amount,
        fact.captured,
        sum(refund.amount for refund in refunds),
        "usd",
        "failed" if fact.decline_code else "succeeded",
        bool(disputes),
        fact.customer,
        line,
        "card_declined" if fact.decline_code else None,
        "card",
        people.brand_of(fact.customer or fact.id),
    )


async def stored(database: Database, shop: Shop) -> dict[str, dict[str, tuple[Any, ...]]]:
    """What the database holds, in the form of `expected`."""
    ledger = await ledger_of(database, shop.access)
    return {name: {key: values(row) for key, row in rows.items()} for name, rows in ledger.items()}


def values(row: dict[str, Any]) -> tuple[Any, ...]:
    outside = {"business_id", "integration_id", "stripe_id", "created_at"}
    return tuple(value for name, value in row.items() if name not in outside)
