"""Random changes of a small ledger: rows written in ever newer states, and charges removed.

A row is made of its id alone, as Stripe never changes when a thing was made, its amount or its
currency; what changes are states. The version is drawn with the step, so that the order in which
steps of different versions arrive does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from db.repositories import ledger
from db.repositories.ledger import (
    BalanceTransactionRow,
    ChargeRow,
    CustomerRow,
    DisputeRow,
    EarlyFraudWarningRow,
    LedgerOwner,
    LedgerRow,
    PaymentIntentRow,
    PayoutRow,
    RefundRow,
)
from db.session import Session
from tests.db.ledger_samples import BY_KIND

BEGAN = datetime(2026, 6, 20, tzinfo=UTC)
NAMES = 6
STATES: dict[type[LedgerRow], tuple[dict[str, Any], ...]] = {
    ChargeRow: (
        {"status": "succeeded", "captured": True},
        {"status": "succeeded", "captured": False},
        {"status": "failed", "captured": False},
        {"status": "pending", "captured": False},
    ),
    RefundRow: ({"status": "pending"}, {"status": "succeeded"}, {"status": "failed"}),
    DisputeRow: ({"status": "needs_response"}, {"status": "won"}, {"status": "prevented"}),
    PaymentIntentRow: (
        {"status": "succeeded", "error_code": None},
        {"status": "requires_payment_method", "error_code": "card_declined"},
        {"status": "processing", "error_code": None},
    ),
    BalanceTransactionRow: ({"status": "pending"}, {"status": "available"}),
    PayoutRow: ({"status": "paid"}, {"status": "failed"}, {"status": "in_transit"}),
    EarlyFraudWarningRow: ({"actionable": True}, {"actionable": False}),
    CustomerRow: ({},),
}


@dataclass(frozen=True)
class Step:
    """One row to write; or, without a row, a charge to remove."""

    row: LedgerRow | None
    removed: str = ""
    version: int = 0

    async def apply(self, session: Session, owner: LedgerOwner) -> None:
        """Change the ledger."""
        if self.row is not None:
            await ledger.upsert(session, owner, [self.row])
        else:
            await ledger.remove(session, owner, ChargeRow, self.removed, self.version)


def row_of(kind: type[LedgerRow], number: int, state: dict[str, Any], version: int) -> LedgerRow:
    """The row of a kind with the number, in a state; around the ends of months."""
    created = BEGAN + timedelta(days=number * 11 + list(STATES).index(kind), hours=number * 5)
    values: dict[str, Any] = {
        "stripe_id": f"{kind.__name__}_{number}",
        "created_at": created,
        "source_version": version,
    }
    if kind is ChargeRow:
        amount = 1_000 + 37 * number
        values |= {
            "amount": amount,
            "amount_captured": amount if state["captured"] else 0,
            "status": state["status"],
            "currency": "eur" if number == 4 else "usd",
            "customer_id": None if number == 2 else f"cus_{number % 2}",
            "payment_intent_id": None if number % 3 == 0 else f"pi_{number}",
        }
    else:
        values |= state
    if "charge_id" in kind._fields:
        values["charge_id"] = f"ChargeRow_{number}"
    if kind is BalanceTransactionRow:
        values |= {"reporting_category": "charge" if number % 2 else "payout", "currency": "usd"}
    return BY_KIND[kind]._replace(**values)


@st.composite
def steps(draw: st.DrawFn) -> Step:
    """A change; states that share a version are the same."""
    kind = draw(st.sampled_from(list(STATES)))
    number = draw(st.integers(0, NAMES - 1))
    version = draw(st.integers(1, 40))
    if kind is ChargeRow and draw(st.integers(0, 5)) == 0:
        # Half a step above any state of that version, so that the two never compete.
        return Step(None, f"ChargeRow_{number}", version * 2 + 1)
    states = STATES[kind]
    return Step(row_of(kind, number, states[version % len(states)], version * 2))
