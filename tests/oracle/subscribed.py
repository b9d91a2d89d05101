"""Shops with plans of every interval and coupons of every kind, whose customers come back."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime
from random import Random

from sandbox.stripe.billing_facts import (
    CouponFact,
    Discount,
    InvoiceFact,
    InvoiceLine,
    Item,
    PriceFact,
    ProductFact,
    SubscriptionFact,
    SubscriptionState,
    Tier,
)
from sandbox.stripe.facts import DAY_S, CustomerFact
from sandbox.stripe.ledger import Billing, Ledger, More

OPENED = int(datetime(2025, 1, 1, tzinfo=UTC).timestamp())
# Nobody is billed after it; look at the shop before.
CLOSES = OPENED + 660 * DAY_S
_PRICES = (
    PriceFact("price_daily", "prod_1", OPENED, 90, interval="day", interval_count=10),
    PriceFact("price_fortnight", "prod_1", OPENED, 1_300, interval="week", interval_count=2),
    PriceFact("price_month", "prod_1", OPENED, 2_900),
    PriceFact("price_quarter", "prod_1", OPENED, 8_000, interval_count=3),
    PriceFact("price_year", "prod_1", OPENED, 29_900, interval="year"),
    PriceFact(
        "price_tiers",
        "prod_1",
        OPENED,
        None,
        tiers_mode="graduated",
        tiers=(Tier(2, 1_500, 700), Tier(None, 1_100, 300)),
    ),
)
_COUPONS = tuple(
    CouponFact(
        f"{duration}_{kind}",
        OPENED,
        percent_off="17.5" if kind == "percent" else None,
        amount_off=150 if kind == "amount" else None,
        currency="usd" if kind == "amount" else None,
        duration=duration,
        duration_in_months=3 if duration == "repeating" else None,
    )
    for duration in ("once", "repeating", "forever")
    for kind in ("percent", "amount")
)


def subscribed_shop(seed: int, customers: int = 60) -> Ledger:
    """Each customer subscribes one to three times, one after another or at the same time."""
    rng = Random(f"subscribed:{seed}")
    subscriptions: list[SubscriptionFact] = []
    invoices: list[InvoiceFact] = []
    for number in range(customers):
        for turn in range(rng.choice((1, 1, 2, 3))):
            start = OPENED + rng.randrange(600 * DAY_S)
            name = f"{number}_{turn}"
            lived, billed = _live(rng, name, f"cus_{number}", start)
            subscriptions.append(lived)
            invoices += billed
    return Ledger.from_facts(
        more=More(customers=tuple(CustomerFact(f"cus_{n}", OPENED) for n in range(customers))),
        billing=Billing(
            products=(ProductFact("prod_1", OPENED, "Plan"),),
            prices=_PRICES,
            coupons=_COUPONS,
            subscriptions=tuple(sorted(subscriptions, key=lambda fact: fact.created)),
            invoices=tuple(sorted(invoices, key=lambda fact: fact.created)),
        ),
    )


def _live(
    rng: Random, name: str, customer: str, start: int
) -> tuple[SubscriptionFact, list[InvoiceFact]]:
    """One subscription, some of its periods past due; most leave, within a period or at its end."""
    price = rng.choice(_PRICES)
    own = _discounts(rng, f"di_item_{name}", start, f"si_{name}")
    item = Item(f"si_{name}", start, price.id, rng.randint(1, 5), start, start, own)
    discounts = _discounts(rng, f"di_{name}", start, None)
    states, invoices = list[SubscriptionState](), list[InvoiceFact]()
    leaves = rng.random() < 0.7
    for number in range(rng.randint(1, 24) if leaves else 100):
        begins = item.period_end
        if begins >= CLOSES:
            break
        item = item._replace(period_start=begins, period_end=_end(price, start, number + 1))
        status = "past_due" if rng.random() < 0.1 else "active"
        states.append(SubscriptionState(begins, status, (item,), discounts=discounts))
        invoices.append(_invoice(name, number, customer, item, price))
    if leaves:
        last, early = states[-1], rng.random() < 0.5
        ended = item.period_end
        if early:
            ended = rng.randrange(item.period_start + 1, item.period_end)
        states.append(last._replace(since=ended, status="canceled", ended_at=ended))
    return SubscriptionFact(f"sub_{name}", start, customer, tuple(states)), invoices


def _discounts(rng: Random, name: str, start: int, item: str | None) -> tuple[Discount, ...]:
    chosen = rng.sample(_COUPONS, rng.choice((0, 0, 1, 2)))
    return tuple(
        Discount(f"{name}_{n}", coupon.id, start, None, item) for n, coupon in enumerate(chosen)
    )


def _invoice(name: str, number: int, customer: str, item: Item, price: PriceFact) -> InvoiceFact:
    assert item.quantity is not None
    start, end = item.period_start, item.period_end
    cost = price.cost_of(item.quantity)
    line = InvoiceLine(f"il_{name}_{number}", cost, start, end, price.id, item.quantity, item.id)
    return InvoiceFact(
        f"in_{name}_{number}",
        start,
        customer,
        (line,),
        start,
        end,
        f"sub_{name}",
        finalized_at=start,
        paid_at=start,
    )


def _end(price: PriceFact, start: int, periods: int) -> int:
    """The end of so many periods: months keep the first one's day where they have it."""
    count = price.interval_count * periods
    if price.interval in ("day", "week"):
        return start + count * DAY_S * (7 if price.interval == "week" else 1)
    first = datetime.fromtimestamp(start, UTC)
    months = first.month - 1 + count * (12 if price.interval == "year" else 1)
    year, month = first.year + months // 12, months % 12 + 1
    day = min(first.day, monthrange(year, month)[1])
    return int(first.replace(year=year, month=month, day=day).timestamp())
