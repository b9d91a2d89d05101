"""A business that sells software by subscription, lived through period by period."""

from __future__ import annotations

from random import Random

from domain.periods import Month
from sandbox.stripe.aftermath import Aftermath, Rates
from sandbox.stripe.billing_facts import InvoiceFact, SubscriptionFact
from sandbox.stripe.catalogue import make_catalogue
from sandbox.stripe.draws import between, month_seconds
from sandbox.stripe.facts import ChargeFact, CustomerFact, PaymentIntentFact, Shop
from sandbox.stripe.ledger import Billing, Ledger, More
from sandbox.stripe.payouts import PayoutPlan
from sandbox.stripe.subscribers import Subscriber

TIMEZONE = "America/Los_Angeles"
MONTHS = 16
_TWINS = 0.2
_RATES = Rates(refunded=0.03, disputed=0.02, warned=0.02, captured_late=0.0, never_captured=0.0)


def load_saas(last_month: Month, seed: int, charges: int) -> Ledger:
    """Return a business with at least so many charges, its newest period in `last_month`."""
    key = f"Saas{seed:04d}"
    opened = month_seconds(last_month.plus(1 - MONTHS), TIMEZONE)[0]
    end = month_seconds(last_month, TIMEZONE)[1]
    catalogue, rng = make_catalogue(key, opened), Random(f"saas:{seed}:subscribers")
    customers: list[CustomerFact] = []
    subscriptions: list[SubscriptionFact] = []
    invoices: list[InvoiceFact] = []
    intents: list[PaymentIntentFact] = []
    made: list[ChargeFact] = []
    since = opened
    while len(made) < charges:
        # The root lets more of them come in the business's later months, and some come in the
        # same second, to be billed in the same second ever after.
        if not customers or rng.random() > _TWINS:
            since = opened + int(rng.random() ** 0.7 * (end - opened - 86_400))
        subscriber = Subscriber(catalogue, rng, f"{key}{len(customers):05d}", since, end)
        subscriber.live()
        customers.append(_customer(subscriber, rng, end))
        subscriptions.append(subscriber.subscription())
        invoices += subscriber.invoices
        intents += subscriber.intents
        made += subscriber.charges
    aftermath = Aftermath(_RATES, Random(f"saas:{seed}:after"), key)
    aftermath.follow(made)
    return Ledger.from_facts(
        shop=Shop(
            account_id=f"acct_1{key}",
            name="Saas sandbox",
            timezone=TIMEZONE,
            created=opened,
            upgraded_at=month_seconds(last_month, TIMEZONE)[0],
            pays_out_daily=True,
        ),
        charges=aftermath.charges,
        refunds=aftermath.refunds,
        disputes=aftermath.disputes,
        more=More(
            customers=tuple(customers),
            payment_intents=tuple(intents),
            early_fraud_warnings=tuple(aftermath.warnings),
            plan=PayoutPlan(failing=frozenset(range(5, 10_000, 41))),
        ),
        billing=Billing(
            products=catalogue.products,
            prices=catalogue.prices,
            coupons=catalogue.coupons,
            subscriptions=tuple(subscriptions),
            invoices=tuple(invoices),
        ),
    )


def _customer(subscriber: Subscriber, rng: Random, end: int) -> CustomerFact:
    """Return the customer, made a little before the subscription; of those gone, some for good."""
    fact = CustomerFact(subscriber.customer, subscriber.since - between(rng, 0, 90), subscriber.ms)
    draw = rng.random()
    if draw < 0.3:
        fact = fact._replace(updated_at=between(rng, subscriber.since, end))
    ended = subscriber.states[-1].ended_at
    if ended is not None and draw > 0.8:
        fact = fact._replace(deleted_at=ended + between(rng, 1, 20 * 86_400))
    return fact
