"""What a sandbox's facts are worth in rows of the ledger, worked out from the facts alone.

Of the lists that a shop of charges, refunds and disputes has, by list and id; of the columns that
follow from the facts.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from db.session import Database
from sandbox.stripe import people
from sandbox.stripe.facts import DAY_S, ChargeFact
from sandbox.stripe.ledger import Ledger
from tests.factories import Shop
from tests.integrations.stripe.ledgers import NOW
from tests.services.stripe_sync.connected import Rows, ledger_of


def instant(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


def expected(ledger: Ledger, as_of: int = NOW) -> Rows:
    """The rows of what had happened at a second."""
    return {
        "charges": {f.id: _charge(ledger, f, as_of) for f in ledger.charges.facts},
        "refunds": {
            f.id: {
                "amount": f.amount,
                "currency": "usd",
                "status": "succeeded",
                "reason": f.reason,
                "charge_id": f.charge,
            }
            for f in ledger.refunds.facts
        },
        "disputes": {
            f.id: {
                "amount": f.amount,
                "currency": "usd",
                "status": f.status(as_of * 1_000),
                "reason": f.reason,
                "charge_id": f.charge,
                "evidence_due_by": instant(f.created + 21 * DAY_S),
            }
            for f in ledger.disputes.facts
        },
        "balance_transactions": {
            f.id: {
                "amount": f.amount,
                "fee": f.fee,
                "net": f.amount - f.fee,
                "currency": "usd",
                "type": f.type,
                "reporting_category": f.reporting_category,
                "exchange_rate": None,
                "source_id": f.source,
                "available_on": instant(f.available_on),
                "status": "available" if f.available_on <= as_of else "pending",
            }
            for f in ledger.balance_transactions.facts
        },
        "customers": {f.id: {"currency": "usd", "deleted": False} for f in ledger.customers.facts},
    }


def _charge(ledger: Ledger, fact: ChargeFact, as_of: int) -> dict[str, Any]:
    refunds = [f for f in ledger.refunds.facts if f.charge == fact.id and f.created <= as_of]
    disputes = [f for f in ledger.disputes.facts if f.charge == fact.id and f.created <= as_of]
    return {
        "amount": fact.amount,
        "amount_captured": fact.captured,
        "amount_refunded": sum(refund.amount for refund in refunds),
        "currency": "usd",
        "status": "failed" if fact.decline_code else "succeeded",
        "disputed": bool(disputes),
        "customer_id": fact.customer,
        "balance_transaction_id": f"txn_{fact.id.replace('_', '')}" if fact.captured else None,
        "failure_code": "card_declined" if fact.decline_code else None,
        "payment_method_type": "card",
        "card_brand": people.brand_of(fact.customer or fact.id),
    }


async def stored(database: Database, shop: Shop, like: Rows) -> Rows:
    """What the database holds, of the lists and columns that are expected."""
    ledger = await ledger_of(database, shop.access)
    columns = {name: set(next(iter(rows.values()), {})) for name, rows in like.items()}
    return {
        name: {
            key: {column: row[column] for column in columns[name]}
            for key, row in ledger[name].items()
        }
        for name in like
    }
