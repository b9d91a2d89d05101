"""A shop small enough for clients that are slow, with something in every list."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sandbox.stripe.billing_facts import (
    CouponFact,
    Discount,
    DiscountAmount,
    InvoiceFact,
    InvoiceLine,
    Item,
    PriceFact,
    ProductFact,
    SubscriptionFact,
    SubscriptionState,
    Tier,
)
from sandbox.stripe.facts import (
    DAY_S,
    ChargeFact,
    CustomerFact,
    DisputeFact,
    EarlyFraudWarningFact,
    RefundFact,
    Shop,
    instant,
    reached,
)
from sandbox.stripe.ledger import Billing, Ledger, More
from sandbox.stripe.payouts import PayoutPlan

KEY = "rk_test_0123456789abcdef"
OPENED = instant("2026-05-08T12:00:00Z")
FOUNDED = instant("2026-02-01T00:00:00Z")
NOW = datetime(2026, 6, 1, tzinfo=UTC)
NOW_S = int(NOW.timestamp())
MONTH_S = 30 * DAY_S
CURRENCIES = ("usd", "usd", "jpy", "kwd")
TIERS = (Tier(10, unit_amount=500), Tier(None, unit_amount=300, flat_amount=1_000))
PRICES = (
    PriceFact("price_once", "prod_0", FOUNDED, 12_900, interval=None),
    PriceFact("price_month", "prod_0", FOUNDED, 2_900),
    PriceFact("price_year", "prod_1", FOUNDED + 60, 29_000, interval="year"),
    PriceFact("price_yen", "prod_1", FOUNDED + 60, 3_000, "jpy"),
    PriceFact("price_old", "prod_1", FOUNDED + 60, 1_900, archived_at=FOUNDED + DAY_S),
    PriceFact("price_tiers", "prod_2", FOUNDED + 120, None, tiers_mode="graduated", tiers=TIERS),
    PriceFact("price_part", "prod_2", FOUNDED + 180, None, unit_amount_decimal="0.5"),
)
COUPONS = (
    CouponFact("SPRING", FOUNDED, percent_off="12.5"),
    CouponFact("WELCOME", FOUNDED + 60, amount_off=500, currency="usd", duration="once"),
)


def make_shop() -> Ledger:
    """Return 230 charges in three currencies, three to a second, and what came with them."""
    charges = [_charge(n) for n in range(230)]
    sales = [charge for charge in charges if charge.succeeded]
    return Ledger.from_facts(
        shop=Shop(pays_out_daily=True),
        charges=charges,
        refunds=[_refund(charge, part) for charge in sales[::5] for part in (1, 2)],
        disputes=[_dispute(n, charge) for n, charge in enumerate(sales[2::17])],
        more=More(
            customers=tuple(_customer(n) for n in range(40)),
            early_fraud_warnings=tuple(_warning(charge) for charge in sales[3::19]),
            plan=PayoutPlan(failing=frozenset({3}), until=NOW_S),
        ),
        billing=_billing(),
    )


def is_listed(fact: Any) -> bool:
    """Return whether a list has the fact: it is not deleted by now."""
    return not reached(getattr(fact, "deleted_at", None), fact.ms, NOW_S * 1_000)


def _charge(number: int) -> ChargeFact:
    return ChargeFact(
        f"ch_{number:04d}",
        OPENED + 4 * 3_600 * (number // 3),
        1_000 + 7 * number,
        CURRENCIES[number % len(CURRENCIES)],
        customer=f"cus_{number % 40:03d}",
        fee=30 + number % 9,
        decline_code="insufficient_funds" if number % 11 == 0 else None,
        payment_intent=f"pi_{number:04d}",
        ms=300 * (number % 3),
    )


def _customer(number: int) -> CustomerFact:
    gone = OPENED + 20 * DAY_S if number == 7 else None
    return CustomerFact(f"cus_{number:03d}", FOUNDED + 60 * (number // 2), deleted_at=gone)


def _refund(charge: ChargeFact, part: int) -> RefundFact:
    created = charge.created + part * DAY_S
    refund = RefundFact(
        f"re_{charge.id[3:]}_{part}", charge.id, created, charge.amount // (2 * part)
    )
    failed = part == 2 and charge.id.endswith("1")
    return refund._replace(failed_at=created + DAY_S) if failed else refund


def _dispute(number: int, charge: ChargeFact) -> DisputeFact:
    return DisputeFact(
        f"du_{charge.id[3:]}",
        charge.id,
        charge.created + 5 * DAY_S,
        charge.amount,
        fee=1_500,
        closed_at=charge.created + 8 * DAY_S if number % 2 else None,
        outcome="won" if number % 4 == 1 else "lost",
    )


def _warning(charge: ChargeFact) -> EarlyFraudWarningFact:
    return EarlyFraudWarningFact(f"issfr_{charge.id[3:]}", charge.id, charge.created + DAY_S)


def _billing() -> Billing:
    products = [ProductFact(f"prod_{n}", FOUNDED + n, f"Plan {n}") for n in range(4)]
    products[0] = products[0]._replace(default_price="price_month")
    products[3] = products[3]._replace(deleted_at=FOUNDED + DAY_S)
    subscriptions = [_subscription(n) for n in range(25)]
    return Billing(
        products=tuple(products),
        prices=PRICES,
        coupons=COUPONS,
        subscriptions=tuple(subscriptions),
        invoices=tuple(
            _invoice(subscription, month) for subscription in subscriptions for month in range(3)
        ),
    )


def _subscription(number: int) -> SubscriptionFact:
    """Return a monthly subscription of twelve items; each fourth is canceled in the end."""
    created, name = FOUNDED + DAY_S * (number // 2 + 1), f"{number:03d}"
    period = (created + 2 * MONTH_S, created + 3 * MONTH_S)
    own = Discount(f"di_{name}_item", "WELCOME", created, subscription_item=f"si_{name}_00")
    items = tuple(
        Item(f"si_{name}_{n:02d}", created, _price_of(n), 1 + n, *period, () if n else (own,))
        for n in range(12)
    )
    states = [
        SubscriptionState(
            created,
            "active",
            items,
            discounts=(Discount(f"di_{name}", "SPRING", created),),
            latest_invoice=f"in_{name}_2",
        )
    ]
    if number % 4 == 3:
        ended = created + 80 * DAY_S
        last = states[0]._replace(since=ended, status="canceled")
        states.append(last._replace(canceled_at=ended, ended_at=ended))
    return SubscriptionFact(f"sub_{number:03d}", created, f"cus_{number + 10:03d}", tuple(states))


def _price_of(position: int) -> str:
    return "price_tiers" if position == 1 else "price_month"


def _invoice(subscription: SubscriptionFact, month: int) -> InvoiceFact:
    """Return a month's invoice: twelve lines, more than an invoice brings along."""
    state = subscription.states[0]
    created = subscription.created + month * MONTH_S
    taken_off = (DiscountAmount(state.discounts[0], 125),)
    lines = tuple(
        InvoiceLine(
            f"il_{subscription.id[4:]}_{month}_{n:02d}",
            1_000 + 10 * n,
            created,
            created + MONTH_S,
            item.price,
            item.quantity,
            item.id,
            discount_amounts=() if n else taken_off,
        )
        for n, item in enumerate(state.items)
    )
    paid = month < 2
    return InvoiceFact(
        f"in_{subscription.id[4:]}_{month}",
        created,
        subscription.customer,
        lines,
        created,
        created + MONTH_S,
        subscription=subscription.id,
        finalized_at=created + 3_600,
        paid_at=created + 3_600 if paid else None,
        attempts=(created + 3_600,),
    )
