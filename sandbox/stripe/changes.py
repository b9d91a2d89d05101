"""Which events a fact causes, and when: Stripe's event types in the order of the changes.

Types and their meaning: docs.stripe.com/api/events/types.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

from sandbox.stripe.billing_facts import (
    ENDED,
    CouponFact,
    InvoiceFact,
    PriceFact,
    ProductFact,
    SubscriptionFact,
    SubscriptionState,
)
from sandbox.stripe.facts import (
    ChargeFact,
    CustomerFact,
    DisputeFact,
    EarlyFraudWarningFact,
    PaymentIntentFact,
    PayoutFact,
    RefundFact,
    moment_of,
)
from sandbox.stripe.table import Table

# Stripe announces a trial's end three days ahead.
_TRIAL_NOTICE_MS = 3 * 86_400_000


class History(Protocol):
    """What changes depend on besides their fact: a ledger."""

    @property
    def charges(self) -> Table[ChargeFact]:
        """The charges."""

    def refunds_of(self, charge_id: str) -> list[RefundFact]:
        """Return the charge's refunds, oldest first."""

    def disputes_of(self, charge_id: str) -> list[DisputeFact]:
        """Return the charge's disputes, oldest first."""

    def refunded(self, charge_id: str, as_of: int) -> int:
        """Return what was given back by then and did not fail, in minor units."""


class Change(NamedTuple):
    """An event to be: the moment (ms), Stripe's type, and whose state it shows."""

    moment: int
    type: str
    kind: str
    object_id: str
    deleted: bool = False


ChangesOf = Callable[[History, Any], Iterator[Change]]


def _customer(_: History, fact: CustomerFact) -> Iterator[Change]:
    for second, what in (
        (fact.created, "created"),
        (fact.updated_at, "updated"),
        (fact.deleted_at, "deleted"),
    ):
        if second is not None:
            moment = second * 1_000 + fact.ms
            yield Change(moment, f"customer.{what}", "customer", fact.id, what == "deleted")


def _product(_: History, fact: ProductFact) -> Iterator[Change]:
    for second, what in (
        (fact.created, "created"),
        (fact.archived_at, "updated"),
        (fact.deleted_at, "deleted"),
    ):
        if second is not None:
            moment = second * 1_000 + fact.ms
            yield Change(moment, f"product.{what}", "product", fact.id, what == "deleted")


def _price(_: History, fact: PriceFact) -> Iterator[Change]:
    yield Change(moment_of(fact), "price.created", "price", fact.id)
    if fact.archived_at is not None:
        yield Change(fact.archived_at * 1_000 + fact.ms, "price.updated", "price", fact.id)


def _coupon(_: History, fact: CouponFact) -> Iterator[Change]:
    yield Change(moment_of(fact), "coupon.created", "coupon", fact.id)


def _subscription(_: History, fact: SubscriptionFact) -> Iterator[Change]:
    before: SubscriptionState | None = None
    for state in fact.states:
        kind = _subscription_change(before, state)
        yield Change(state.moment, f"customer.subscription.{kind}", "subscription", fact.id)
        if before is not None and before.pause_behavior != state.pause_behavior:
            kind = "resumed" if state.pause_behavior is None else "paused"
            yield Change(state.moment, f"customer.subscription.{kind}", "subscription", fact.id)
        before = state
    if fact.trial_end is not None:
        notice = max(moment_of(fact), fact.trial_end * 1_000 + fact.ms - _TRIAL_NOTICE_MS)
        if fact.state(notice).status == "trialing":
            kind = "customer.subscription.trial_will_end"
            yield Change(notice, kind, "subscription", fact.id)


def _subscription_change(before: SubscriptionState | None, state: SubscriptionState) -> str:
    if before is None:
        return "created"
    return "deleted" if state.status in ENDED else "updated"


def _invoice(_: History, fact: InvoiceFact) -> Iterator[Change]:
    def change(second: int, what: str) -> Change:
        return Change(second * 1_000 + fact.ms, f"invoice.{what}", "invoice", fact.id)

    yield change(fact.created, "created")
    if fact.finalized_at is not None:
        yield change(fact.finalized_at, "finalized")
    for second in fact.attempts:
        if second != fact.paid_at:
            yield change(second, "payment_failed")
            yield change(second, "updated")
    if fact.paid_at is not None:
        yield change(fact.paid_at, "paid")
        yield change(fact.paid_at, "payment_succeeded")
    if fact.voided_at is not None:
        yield change(fact.voided_at, "voided")
    if fact.marked_uncollectible_at is not None:
        yield change(fact.marked_uncollectible_at, "marked_uncollectible")


def _payment_intent(_: History, fact: PaymentIntentFact) -> Iterator[Change]:
    yield Change(moment_of(fact), "payment_intent.created", "payment_intent", fact.id)
    if fact.canceled_at is not None:
        moment = fact.canceled_at * 1_000 + fact.ms
        yield Change(moment, "payment_intent.canceled", "payment_intent", fact.id)


def _charge(_: History, fact: ChargeFact) -> Iterator[Change]:
    made, intent = moment_of(fact), fact.payment_intent
    late = not fact.captured or fact.captured_at is not None
    captured = "payment_intent.succeeded"
    yield Change(made, f"charge.{'succeeded' if fact.succeeded else 'failed'}", "charge", fact.id)
    if intent is not None:
        then = "payment_intent.amount_capturable_updated" if late else captured
        then = then if fact.succeeded else "payment_intent.payment_failed"
        yield Change(made, then, "payment_intent", intent)
    if fact.captured and fact.captured_at is not None:
        moment = fact.captured_at * 1_000 + fact.ms
        yield Change(moment, "charge.captured", "charge", fact.id)
        if intent is not None:
            yield Change(moment, captured, "payment_intent", intent)
    if fact.reported_at is not None:
        yield Change(fact.reported_at * 1_000 + fact.ms, "charge.updated", "charge", fact.id)


def _refund(_: History, fact: RefundFact) -> Iterator[Change]:
    yield Change(moment_of(fact), "refund.created", "refund", fact.id)
    yield Change(moment_of(fact), "charge.refunded", "charge", fact.charge)
    if fact.succeeded_at is not None:
        moment = fact.succeeded_at * 1_000 + fact.ms
        yield Change(moment, "refund.updated", "refund", fact.id)
    if fact.failed_at is not None:
        moment = fact.failed_at * 1_000 + fact.ms
        yield Change(moment, "refund.failed", "refund", fact.id)
        yield Change(moment, "refund.updated", "refund", fact.id)
        yield Change(moment, "charge.updated", "charge", fact.charge)


def _dispute(_: History, fact: DisputeFact) -> Iterator[Change]:
    def change(second: int, what: str) -> Change:
        return Change(second * 1_000 + fact.ms, f"charge.dispute.{what}", "dispute", fact.id)

    yield change(fact.created, "created")
    if fact.withdrawn_at is not None:
        if fact.withdrawn_at != fact.created:
            yield change(fact.withdrawn_at, "updated")
        yield change(fact.withdrawn_at, "funds_withdrawn")
    if fact.answered_at is not None:
        yield change(fact.answered_at, "updated")
    if fact.closed_at is not None:
        if fact.outcome == "won" and fact.withdrawn_at is not None:
            yield change(fact.closed_at, "funds_reinstated")
        yield change(fact.closed_at, "closed")


def _early_fraud_warning(ledger: History, fact: EarlyFraudWarningFact) -> Iterator[Change]:
    kind = "radar.early_fraud_warning"
    yield Change(moment_of(fact), f"{kind}.created", kind, fact.id)
    settled = settled_moment(ledger, fact)
    if settled is not None and settled > moment_of(fact):
        yield Change(settled, f"{kind}.updated", kind, fact.id)


def settled_moment(ledger: History, fact: EarlyFraudWarningFact) -> int | None:
    """Return the moment at which nothing is left to do: disputed, or refunded in full.

    docs.stripe.com/api/radar/early_fraud_warnings/object, `actionable`.
    """
    moments = [moment_of(dispute) for dispute in ledger.disputes_of(fact.charge)]
    charge = ledger.charges.get(fact.charge)
    for refund in ledger.refunds_of(fact.charge):
        if ledger.refunded(charge.id, moment_of(refund)) >= charge.captured:
            moments.append(moment_of(refund))
            break
    return min(moments, default=None)


def _payout(_: History, fact: PayoutFact) -> Iterator[Change]:
    yield Change(moment_of(fact), "payout.created", "payout", fact.id)
    if fact.failed_at is None:
        arrived = fact.arrives_at * 1_000 + fact.ms
        yield Change(arrived, "payout.paid", "payout", fact.id)
        if fact.automatic:
            yield Change(arrived, "payout.reconciliation_completed", "payout", fact.id)
    else:
        yield Change(fact.failed_at * 1_000 + fact.ms, "payout.failed", "payout", fact.id)


# By the ledger's table. Of one moment, what comes first here comes first in the log: a customer
# is made before the charge that it pays, and a payment intent before its first attempt.
CHANGES: Mapping[str, ChangesOf] = {
    "customers": _customer,
    "products": _product,
    "prices": _price,
    "coupons": _coupon,
    "subscriptions": _subscription,
    "invoices": _invoice,
    "payment_intents": _payment_intent,
    "charges": _charge,
    "refunds": _refund,
    "disputes": _dispute,
    "early_fraud_warnings": _early_fraud_warning,
    "payouts": _payout,
}
