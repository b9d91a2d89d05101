"""One shop's whole history, and the money ledger that follows from it.

`Ledger.from_facts` takes facts by hand. `ledger.events` is the log of what changed: an `EventLog`
of `sandbox.stripe.events` with `between(since, until)` in milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from domain.errors import InvalidInputError
from sandbox.stripe import lines
from sandbox.stripe.billing_facts import (
    CouponFact,
    Discount,
    InvoiceFact,
    PriceFact,
    ProductFact,
    SubscriptionFact,
)
from sandbox.stripe.events import EventLog
from sandbox.stripe.facts import (
    BalanceFact,
    ChargeFact,
    CustomerFact,
    DisputeFact,
    EarlyFraudWarningFact,
    PaymentIntentFact,
    PayoutFact,
    RefundFact,
    Shop,
    moment_of,
)
from sandbox.stripe.lines import transaction_id
from sandbox.stripe.payouts import PayoutPlan, daily_payouts, lines_of
from sandbox.stripe.people import email_of
from sandbox.stripe.table import Positions, Table

__all__ = ["Billing", "Ledger", "More", "transaction_id"]


@dataclass(frozen=True)
class Billing:
    """The facts of a shop that sells subscriptions."""

    products: tuple[ProductFact, ...] = ()
    prices: tuple[PriceFact, ...] = ()
    coupons: tuple[CouponFact, ...] = ()
    subscriptions: tuple[SubscriptionFact, ...] = ()
    invoices: tuple[InvoiceFact, ...] = ()


@dataclass(frozen=True)
class More:
    """Facts that a ledger can do without, and those that do not follow from its charges.

    `plan` tells until when a shop pays out daily and which payouts fail.
    """

    customers: tuple[CustomerFact, ...] = ()
    payment_intents: tuple[PaymentIntentFact, ...] = ()
    early_fraud_warnings: tuple[EarlyFraudWarningFact, ...] = ()
    payouts: tuple[PayoutFact, ...] = ()
    plan: PayoutPlan = field(default_factory=PayoutPlan)


@dataclass(frozen=True)
class Ledger:
    """Every fact of a shop, by kind; Stripe's objects are derived from them for any moment.

    Build one by hand with `from_facts`, or take one of `sandbox.stripe.archetypes`.
    """

    shop: Shop
    charges: Table[ChargeFact]
    refunds: Table[RefundFact]
    disputes: Table[DisputeFact]
    customers: Table[CustomerFact]
    balance_transactions: Table[BalanceFact]
    payment_intents: Table[PaymentIntentFact]
    early_fraud_warnings: Table[EarlyFraudWarningFact]
    payouts: Table[PayoutFact]
    products: Table[ProductFact]
    prices: Table[PriceFact]
    coupons: Table[CouponFact]
    subscriptions: Table[SubscriptionFact]
    invoices: Table[InvoiceFact]

    @classmethod
    def from_facts(
        cls,
        *,
        charges: Iterable[ChargeFact] = (),
        refunds: Iterable[RefundFact] = (),
        disputes: Iterable[DisputeFact] = (),
        shop: Shop | None = None,
        more: More | None = None,
        billing: Billing | None = None,
    ) -> Ledger:
        """Build a ledger; what is not given follows from the facts.

        Customers and payment intents are made for the charges that name them, and balance
        transactions for everything that moves money. A shop that `pays_out_daily` pays out what
        becomes available.

        Raise InvalidInputError if ids repeat, or if a refund or dispute names a charge that
        captured nothing, predates its charge, or gives back more than was captured.
        """
        shop, more = shop or Shop(), more or More()
        sales = charge_table(charges)
        returns, chargebacks = refund_table(refunds, sales), dispute_table(disputes, sales)
        _check(sales, returns, chargebacks)
        moved = list(_balance_facts(shop, sales, returns, chargebacks))
        moved += [line for payout in more.payouts for line in lines.payout_lines(payout)]
        drawn = list(daily_payouts(shop, moved, more.plan)) if shop.pays_out_daily else []
        moved += [line for payout in drawn for line in lines.payout_lines(payout)]
        payouts = payout_table((*more.payouts, *drawn))
        return cls(
            shop=shop,
            charges=sales,
            refunds=returns,
            disputes=chargebacks,
            customers=_customer_table(sales, more.customers),
            balance_transactions=balance_table(moved, payouts),
            payment_intents=_intent_table(sales, more.payment_intents),
            early_fraud_warnings=warning_table(more.early_fraud_warnings, sales),
            payouts=payouts,
            **billing_tables(billing or Billing()),
        )

    @cached_property
    def events(self) -> EventLog:
        """The log of what changed, of which Stripe lists the last 30 days."""
        return EventLog(self)

    @cached_property
    def discounts(self) -> dict[str, tuple[Discount, str]]:
        """Every discount that a subscription or an item ever had, with the subscription's id."""
        found: dict[str, tuple[Discount, str]] = {}
        for fact in self.subscriptions.facts:
            for state in fact.states:
                on_items = (part for item in state.items for part in item.discounts)
                found |= {part.id: (part, fact.id) for part in (*state.discounts, *on_items)}
        return found

    def refunds_of(self, charge_id: str) -> list[RefundFact]:
        """Return the charge's refunds, oldest first."""
        return self.refunds.matching("charge", charge_id)

    def disputes_of(self, charge_id: str) -> list[DisputeFact]:
        """Return the charge's disputes, oldest first."""
        return self.disputes.matching("charge", charge_id)

    def charges_of(self, payment_intent_id: str) -> list[ChargeFact]:
        """Return the attempts at a payment, oldest first."""
        return self.charges.matching("payment_intent", payment_intent_id)

    def refunded(self, charge_id: str, as_of: int) -> int:
        """Return what was given back by then and did not fail, in minor units."""
        return sum(
            part.amount
            for part in self.refunds_of(charge_id)
            if moment_of(part) <= as_of and part.status(as_of) != "failed"
        )

    def disputed(self, charge_id: str, as_of: int) -> bool:
        """Return whether the charge was disputed by then, whatever came of it."""
        return any(moment_of(part) <= as_of for part in self.disputes_of(charge_id))


def charge_table(charges: Iterable[ChargeFact]) -> Table[ChargeFact]:
    """Return the charges, findable by what Stripe's list finds them by."""
    return Table(
        charges,
        {
            "customer": lambda charge: charge.customer,
            "payment_intent": lambda charge: charge.payment_intent,
            "transfer_group": never,
        },
        changes=lambda charge: charge.captured_at is not None or charge.reported_at is not None,
    )


def refund_table(refunds: Iterable[RefundFact], charges: Table[ChargeFact]) -> Table[RefundFact]:
    """Return the refunds, findable by charge and by payment intent."""
    intent = _intent_by_charge(charges)
    return Table(
        refunds,
        {"charge": lambda refund: refund.charge, "payment_intent": lambda r: intent(r.charge)},
    )


def dispute_table(
    disputes: Iterable[DisputeFact], charges: Table[ChargeFact]
) -> Table[DisputeFact]:
    """Return the disputes, findable by charge and by payment intent."""
    intent = _intent_by_charge(charges)
    return Table(
        disputes,
        {"charge": lambda dispute: dispute.charge, "payment_intent": lambda d: intent(d.charge)},
    )


def warning_table(
    warnings: Iterable[EarlyFraudWarningFact], charges: Table[ChargeFact]
) -> Table[EarlyFraudWarningFact]:
    """Return the early fraud warnings, findable by charge and by payment intent."""
    intent = _intent_by_charge(charges)
    return Table(
        warnings,
        {"charge": lambda warning: warning.charge, "payment_intent": lambda w: intent(w.charge)},
    )


def payout_table(payouts: Iterable[PayoutFact]) -> Table[PayoutFact]:
    """Return the payouts."""
    return Table(payouts, {"destination": lambda payout: f"ba_1Sandbox{payout.currency}"})


class _BalanceTable(Table[BalanceFact]):
    """Lines that are found by their payout too, whose line they are on."""

    def __init__(self, facts: Iterable[BalanceFact], payouts: Table[PayoutFact]) -> None:
        super().__init__(
            facts,
            {
                "type": lambda line: line.type,
                "currency": lambda line: line.currency,
                "source": lambda line: line.source,
            },
        )
        self._payouts = payouts

    def where(self, field: str, value: str) -> Positions:
        """Return the positions, oldest first, of the lines whose field has the value."""
        if field != "payout":
            return super().where(field, value)
        return lines_of(self._payouts.get(value), self)


def balance_table(moved: Iterable[BalanceFact], payouts: Table[PayoutFact]) -> Table[BalanceFact]:
    """Return the lines of the money ledger, findable by type, currency, source and payout."""
    return _BalanceTable(moved, payouts)


def never(_: object) -> None:
    """Return the value of a field that no object here has: a filter by it finds nothing."""


def _customer_table(
    charges: Table[ChargeFact], customers: Iterable[CustomerFact]
) -> Table[CustomerFact]:
    known = {customer.id: customer for customer in customers}
    for charge in charges.facts:
        if charge.customer is not None and charge.customer not in known:
            known[charge.customer] = CustomerFact(charge.customer, charge.created, charge.ms)
    return Table(
        known.values(),
        {"email": lambda fact: email_of(fact.id), "test_clock": never},
        changes=lambda fact: fact.updated_at is not None or fact.deleted_at is not None,
    )


def _intent_table(
    charges: Table[ChargeFact], intents: Iterable[PaymentIntentFact]
) -> Table[PaymentIntentFact]:
    known = {intent.id: intent for intent in intents}
    for charge in charges.facts:
        if charge.payment_intent is not None and charge.payment_intent not in known:
            known[charge.payment_intent] = intent_of(charge)
    return Table(
        known.values(),
        {"customer": lambda intent: intent.customer},
        changes=lambda intent: intent.canceled_at is not None,
    )


def intent_of(charge: ChargeFact) -> PaymentIntentFact:
    """Return the payment intent that was made for its first charge."""
    manual = charge.amount_captured is not None or charge.captured_at is not None
    return PaymentIntentFact(
        charge.payment_intent or "",
        charge.created,
        charge.amount,
        charge.currency,
        charge.customer,
        charge.ms,
        "manual" if manual else "automatic",
    )


def billing_tables(billing: Billing) -> dict[str, Table[Any]]:
    """Return the tables of what is sold by subscription, by the ledger's names for them."""
    prices = Table(
        billing.prices,
        {
            "product": lambda price: price.product,
            "currency": lambda price: price.currency,
            "type": lambda price: "recurring" if price.interval else "one_time",
            "recurring[interval]": lambda price: price.interval,
            "recurring[usage_type]": lambda price: price.usage_type if price.interval else None,
        },
    )
    subscriptions = Table(
        billing.subscriptions,
        {
            "customer": lambda subscription: subscription.customer,
            "collection_method": lambda subscription: subscription.collection_method,
        },
    )
    invoices = Table(
        billing.invoices,
        {
            "customer": lambda invoice: invoice.customer,
            "subscription": lambda invoice: invoice.subscription,
            "collection_method": lambda invoice: invoice.collection_method,
            "payment_intent": lambda invoice: invoice.payment_intent,
        },
    )
    return {
        "products": Table(billing.products),
        "prices": prices,
        "coupons": Table(billing.coupons),
        "subscriptions": subscriptions,
        "invoices": invoices,
    }


def _intent_by_charge(charges: Table[ChargeFact]) -> Callable[[str], str | None]:
    return lambda charge_id: charges.get(charge_id).payment_intent


def _check(
    charges: Table[ChargeFact], refunds: Table[RefundFact], disputes: Table[DisputeFact]
) -> None:
    claims: tuple[RefundFact | DisputeFact, ...] = (*refunds.facts, *disputes.facts)
    for fact in claims:
        charge = charges.get(fact.charge)
        if charge.captured == 0 or fact.created < charge.settles_at:
            raise InvalidInputError(
                f"{fact.id} must follow a charge that captured money; {charge.id} does not fit."
            )
    for refund in refunds.facts:
        parts = refunds.matching("charge", refund.charge)
        returned = sum(part.amount for part in parts if part.failed_at is None)
        if returned > charges.get(refund.charge).captured:
            raise InvalidInputError(f"{refund.charge} is refunded more than it captured.")


def _balance_facts(
    shop: Shop,
    charges: Table[ChargeFact],
    refunds: Table[RefundFact],
    disputes: Table[DisputeFact],
) -> Iterator[BalanceFact]:
    for charge in charges.facts:
        yield from lines.charge_lines(charge, shop.currency, shop.settlement_days)
    for refund in refunds.facts:
        yield from lines.refund_lines(refund, charges.get(refund.charge), shop.currency)
    for dispute in disputes.facts:
        yield from lines.dispute_lines(dispute, charges.get(dispute.charge), shop.currency)
