"""What happened in a shop: the append-only facts from which every Stripe object is derived.

`created` and every `…_at` are whole UTC seconds and amounts integer minor units, as on Stripe's
wire. `ms` (0..999) is the millisecond within those seconds at which a fact was made and at which
each of its changes took effect, so that a reader can come between two facts of one second. An
`as_of` is a moment in milliseconds since the epoch, everywhere. Named tuples, because a shop has
tens of thousands of facts and they are built at every start.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Literal, NamedTuple, Protocol

DAY_S = 86_400
# Stripe pays US accounts out two days after a charge (docs.stripe.com/payouts, "T+2").
SETTLEMENT_DAYS = 2
API_VERSION = "2026-10-28.endive"

Outcome = Literal["won", "lost", "warning_closed", "prevented"]


class Fact(Protocol):
    """Anything with an id and a moment of creation."""

    @property
    def id(self) -> str:
        """The Stripe id."""

    @property
    def created(self) -> int:
        """UTC seconds."""

    @property
    def ms(self) -> int:
        """The millisecond within the second."""


def instant(text: str) -> int:
    """Return the UTC seconds of an ISO 8601 instant: `instant("2026-03-01T04:59:59Z")`.

    A text without an offset is read as UTC.
    """
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def moment_of(fact: Fact) -> int:
    """Return the millisecond since the epoch from which the fact exists."""
    return fact.created * 1_000 + fact.ms


def reached(second: int | None, ms: int, as_of: int) -> bool:
    """Return whether a change at the second (None: never) has happened at `as_of`."""
    return second is not None and second * 1_000 + ms <= as_of


@dataclass(frozen=True, slots=True)
class Shop:
    """The Stripe account: `timezone` is the dashboard's (IANA), `created` UTC seconds.

    `currency` is what foreign charges settle in. Events made before `upgraded_at` keep
    `former_api_version`.
    """

    account_id: str = "acct_1SandboxShop00001"
    name: str = "Sandbox Shop"
    timezone: str = "America/New_York"
    currency: str = "usd"
    country: str = "US"
    created: int = instant("2020-01-01T00:00:00Z")
    livemode: bool = False
    settlement_days: int = SETTLEMENT_DAYS
    upgraded_at: int | None = None
    former_api_version: str = "2025-03-31.basil"
    pays_out_daily: bool = False

    def api_version_at(self, second: int) -> str:
        """Return the version in which the account's events of that second are written."""
        before = self.upgraded_at is not None and second < self.upgraded_at
        return self.former_api_version if before else API_VERSION


class ChargeFact(NamedTuple):
    """A card charge; with a `decline_code` it failed and moved no money.

    `amount_captured` None means all of it; 0 is an authorization not captured yet. `captured_at`
    None captures at once. `exchange_rate` is a decimal text: what a minor unit of the currency is
    worth in minor units of the shop's; None settles in the charge's own currency. `fee` is in the
    currency of settlement. From `reported_at` on the shop has marked it as fraud.
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
    ms: int = 0
    captured_at: int | None = None
    exchange_rate: str | None = None
    reported_at: int | None = None
    blocked: bool = False

    @property
    def succeeded(self) -> bool:
        """Whether the card network approved it."""
        return self.decline_code is None

    @property
    def captured(self) -> int:
        """The amount captured in the end, in minor units; 0 if it failed."""
        if self.decline_code is not None:
            return 0
        return self.amount if self.amount_captured is None else self.amount_captured

    @property
    def settles_at(self) -> int:
        """The second of the capture, if there is one."""
        return self.created if self.captured_at is None else self.captured_at

    def captured_by(self, as_of: int) -> int:
        """Return the amount captured at the moment."""
        return self.captured if reached(self.settles_at, self.ms, as_of) else 0


class RefundFact(NamedTuple):
    """Money given back on a charge, in the charge's currency.

    It is pending until `succeeded_at` (None: it succeeds at once) and fails for good at
    `failed_at`, when the money comes back to the shop.
    """

    id: str
    charge: str
    created: int
    amount: int
    reason: str | None = "requested_by_customer"
    ms: int = 0
    succeeded_at: int | None = None
    failed_at: int | None = None
    failure_reason: str = "expired_or_canceled_card"

    def status(self, as_of: int) -> str:
        """Return Stripe's refund status at the moment."""
        if reached(self.failed_at, self.ms, as_of):
            return "failed"
        waits = self.succeeded_at is not None and not reached(self.succeeded_at, self.ms, as_of)
        return "pending" if waits else "succeeded"


class DisputeFact(NamedTuple):
    """A chargeback, in the charge's currency; `outcome` is known from `closed_at` on.

    `due_by` None means 21 days after it was opened. An `inquiry` moves no money unless it is
    escalated to a chargeback; a prevented dispute moves none at all.
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
    outcome: Outcome = "lost"
    ms: int = 0
    inquiry: bool = False
    escalated_at: int | None = None

    def status(self, as_of: int) -> str:
        """Return Stripe's dispute status at the moment."""
        if self.outcome == "prevented" or reached(self.closed_at, self.ms, as_of):
            return self.outcome
        warning = "warning_" if self.is_inquiry(as_of) else ""
        answered = reached(self.answered_at, self.ms, as_of)
        return warning + ("under_review" if answered else "needs_response")

    def is_inquiry(self, as_of: int) -> bool:
        """Return whether it is a mere question of the bank's at the moment."""
        return self.inquiry and not reached(self.escalated_at, self.ms, as_of)

    @property
    def withdrawn_at(self) -> int | None:
        """The second at which the money was taken, or None if it never is."""
        if self.outcome == "prevented":
            return None
        return self.escalated_at if self.inquiry else self.created

    @property
    def deadline(self) -> int:
        """The last second to submit evidence."""
        return self.due_by if self.due_by is not None else self.created + 21 * DAY_S


class CustomerFact(NamedTuple):
    """A customer: made by the first charge that names it, unless a shop tells otherwise."""

    id: str
    created: int
    ms: int = 0
    updated_at: int | None = None
    deleted_at: int | None = None


class PaymentIntentFact(NamedTuple):
    """The purpose of charges: its status follows from the charges that name it."""

    id: str
    created: int
    amount: int
    currency: str = "usd"
    customer: str | None = None
    ms: int = 0
    capture_method: Literal["automatic", "manual"] = "automatic"
    canceled_at: int | None = None
    cancellation_reason: str | None = None
    invoice: str | None = None


class EarlyFraudWarningFact(NamedTuple):
    """A card issuer's report of fraud; actionable until the charge is refunded or disputed."""

    id: str
    charge: str
    created: int
    fraud_type: str = "made_with_stolen_card"
    ms: int = 0


class PayoutFact(NamedTuple):
    """Money sent to the shop's bank, on its way until `arrives_at` or until it fails.

    An automatic one gathers the lines of its currency that became available after
    `gathers_from` and until `gathers_until` (UTC seconds).
    """

    id: str
    created: int
    amount: int
    arrives_at: int
    currency: str = "usd"
    ms: int = 0
    automatic: bool = True
    gathers_from: int = 0
    gathers_until: int = 0
    failed_at: int | None = None
    failure_code: str = "account_closed"

    def status(self, as_of: int) -> str:
        """Return Stripe's payout status at the moment."""
        if reached(self.failed_at, self.ms, as_of):
            return "failed"
        return "paid" if reached(self.arrives_at, self.ms, as_of) else "in_transit"


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
    ms: int = 0
    exchange_rate: str | None = None

    @property
    def net(self) -> int:
        """What the line adds to the balance."""
        return self.amount - self.fee


def converted(amount: int, exchange_rate: str | None) -> int:
    """Return the amount in minor units of the currency of settlement (None: the same)."""
    if exchange_rate is None:
        return amount
    return int((amount * Decimal(exchange_rate)).quantize(Decimal(1), ROUND_HALF_EVEN))
