"""What happened in a shop: the append-only facts from which every Stripe object is derived.

Times are whole UTC seconds and amounts integer minor units, as on Stripe's wire. Named tuples,
because a shop has tens of thousands of them and they are built at every start.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, NamedTuple

DAY_S = 86_400
# Stripe pays US accounts out two days after a charge (docs.stripe.com/payouts, "T+2").
SETTLEMENT_DAYS = 2


def instant(text: str) -> int:
    """Return the UTC seconds of an ISO 8601 instant: `instant("2026-03-01T04:59:59Z")`.

    A text without an offset is read as UTC.
    """
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


@dataclass(frozen=True, slots=True)
class Shop:
    """The Stripe account: `timezone` is the dashboard's (IANA), `created` UTC seconds."""

    account_id: str = "acct_1SandboxShop00001"
    name: str = "Sandbox Shop"
    timezone: str = "America/New_York"
    currency: str = "usd"
    country: str = "US"
    created: int = instant("2020-01-01T00:00:00Z")
    livemode: bool = False


class ChargeFact(NamedTuple):
    """A card charge; with a `decline_code` it failed and moved no money.

    `amount_captured` None means all of it; 0 is an authorization not captured yet.
    """

    id: str
    created: int
    amount: int
    currency: str = "usd"
    customer: str | None = None
    amount_captured: int | None = None
    fee: int = 0
    decline_code: str | None = None
    payment_intent: str | None = None

    @property
    def succeeded(self) -> bool:
        """Whether the card network approved it."""
        return self.decline_code is None

    @property
    def captured(self) -> int:
        """The captured amount in minor units; 0 if it failed."""
        if self.decline_code is not None:
            return 0
        return self.amount if self.amount_captured is None else self.amount_captured


class RefundFact(NamedTuple):
    """Money given back on a charge, in the charge's currency."""

    id: str
    charge: str
    created: int
    amount: int
    reason: str | None = "requested_by_customer"


class DisputeFact(NamedTuple):
    """A chargeback, in the charge's currency; `outcome` is known from `closed_at` on.

    `due_by` None means 21 days after it was opened.
    """

    id: str
    charge: str
    created: int
    amount: int
    reason: str = "fraudulent"
    fee: int = 0
    due_by: int | None = None
    answered_at: int | None = None
    closed_at: int | None = None
    outcome: Literal["won", "lost"] = "lost"

    def status(self, as_of: int) -> str:
        """Return Stripe's dispute status at the instant (UTC seconds)."""
        if self.closed_at is not None and self.closed_at <= as_of:
            return self.outcome
        answered = self.answered_at is not None and self.answered_at <= as_of
        return "under_review" if answered else "needs_response"

    @property
    def deadline(self) -> int:
        """The last second to submit evidence."""
        return self.due_by if self.due_by is not None else self.created + 21 * DAY_S


class CustomerFact(NamedTuple):
    """A customer, made by the first charge that names it."""

    id: str
    created: int


class BalanceFact(NamedTuple):
    """A line of the money ledger: `amount` is signed, `source` the object that caused it."""

    id: str
    created: int
    amount: int
    fee: int
    currency: str
    type: str
    reporting_category: str
    source: str
    available_on: int
