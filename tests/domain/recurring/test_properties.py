"""What holds for any subscriptions, lines and customers."""

from __future__ import annotations

import random
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from domain.periods import Month
from domain.recurring.book import Book, Moment, present_month
from domain.recurring.lines import BilledSubscription, InvoicedLine, spells
from domain.recurring.months import Reading, movements, retention
from domain.recurring.plans import Plan, Tier
from domain.recurring.subscriptions import Item, Subscription, present_value
from domain.recurring.values import Discount, MonthlyValue
from tests.domain.recurring.samples import EPOCH, cadence, day

CADENCES = st.builds(cadence, st.sampled_from(["day", "week", "month", "year"]), st.integers(1, 6))
AMOUNTS = st.integers(0, 10_000_000)
TIERS = st.builds(
    lambda first, units, flats: (
        Tier(first, Fraction(units[0]), Fraction(flats[0])),
        Tier(None, Fraction(units[1]), Fraction(flats[1])),
    ),
    st.integers(1, 20),
    st.tuples(AMOUNTS, AMOUNTS),
    st.tuples(AMOUNTS, AMOUNTS),
)
FLAT = st.builds(lambda c, amount: Plan("usd", c, Fraction(amount)), CADENCES, AMOUNTS)
TIERED = st.builds(
    lambda c, mode, tiers: Plan("usd", c, None, tiers_mode=mode, tiers=tiers),
    CADENCES,
    st.sampled_from(["graduated", "volume"]),
    TIERS,
)
DISCOUNTS = st.one_of(
    st.builds(
        lambda off, duration: Discount(duration, EPOCH, percent_off=Decimal(off) / 10),
        st.integers(0, 1_000),
        st.sampled_from(["forever", "once", "repeating"]),
    ),
    st.builds(lambda off: Discount("forever", EPOCH, amount_off=off, currency="usd"), AMOUNTS),
)
SOME_DISCOUNTS = st.lists(DISCOUNTS, max_size=3).map(tuple)
PLANS = st.lists(st.one_of(FLAT, TIERED), min_size=1, max_size=3).map(
    lambda plans: {f"price_{n}": plan for n, plan in enumerate(plans)}
)
ITEMS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(1, 40), SOME_DISCOUNTS), min_size=1, max_size=4
)
READINGS = st.dictionaries(
    st.sampled_from("abcdef"), st.fractions(0, 1_000, max_denominator=12), max_size=6
)


def subscription(
    items: list[tuple[int, int, tuple[Discount, ...]]],
    discounts: tuple[Discount, ...],
    plans: dict[str, Plan],
) -> Subscription:
    held = tuple(
        Item(f"si_{n}", f"price_{which % len(plans)}", quantity, own)
        for n, (which, quantity, own) in enumerate(items)
    )
    return Subscription("sub", "cus", "active", "usd", held, discounts)


def value(held: Subscription, plans: dict[str, Plan]) -> MonthlyValue:
    found = present_value(held, plans, at=day(10))
    assert found is not None
    return found


def scaled(plan: Plan, k: int) -> Plan:
    tiers = tuple(Tier(t.up_to, t.unit * k, t.flat * k) for t in plan.tiers)
    return replace(plan, unit=None if plan.unit is None else plan.unit * k, tiers=tiers)


def scaled_discounts(discounts: tuple[Discount, ...], k: int) -> tuple[Discount, ...]:
    return tuple(
        d if d.amount_off is None else replace(d, amount_off=d.amount_off * k) for d in discounts
    )


@given(ITEMS, SOME_DISCOUNTS, PLANS, st.integers(1, 1_000))
def test_scaling_all_amounts_scales_mrr(
    items: list[tuple[int, int, tuple[Discount, ...]]],
    discounts: tuple[Discount, ...],
    plans: dict[str, Plan],
    k: int,
) -> None:
    larger = value(
        subscription(
            [(which, quantity, scaled_discounts(own, k)) for which, quantity, own in items],
            scaled_discounts(discounts, k),
            scaled_plans := {name: scaled(plan, k) for name, plan in plans.items()},
        ),
        scaled_plans,
    )
    whole = value(subscription(items, discounts, plans), plans)
    assert larger == MonthlyValue(whole.total * k, whole.monthly_plans * k)


@given(ITEMS, SOME_DISCOUNTS, PLANS, st.randoms(use_true_random=False))
def test_order_of_items_changes_nothing(
    items: list[tuple[int, int, tuple[Discount, ...]]],
    discounts: tuple[Discount, ...],
    plans: dict[str, Plan],
    rng: random.Random,
) -> None:
    held = subscription(items, discounts, plans)
    shuffled = list(held.items)
    rng.shuffle(shuffled)
    assert value(replace(held, items=tuple(shuffled)), plans) == value(held, plans)


@given(ITEMS, SOME_DISCOUNTS, PLANS)
def test_value_is_never_negative_and_discounts_never_raise_it(
    items: list[tuple[int, int, tuple[Discount, ...]]],
    discounts: tuple[Discount, ...],
    plans: dict[str, Plan],
) -> None:
    less = value(subscription(items, discounts, plans), plans)
    full = value(subscription([(w, q, ()) for w, q, _ in items], (), plans), plans)
    assert 0 <= less.monthly_plans <= less.total <= full.total


@given(FLAT, st.integers(1, 50), SOME_DISCOUNTS)
def test_two_items_of_half_the_quantity_are_worth_as_much_as_one(
    plan: Plan, half: int, discounts: tuple[Discount, ...]
) -> None:
    plans = {"price_0": plan}
    one = subscription([(0, 2 * half, ())], discounts, plans)
    two = subscription([(0, half, ()), (0, half, ())], discounts, plans)
    assert value(one, plans) == value(two, plans)


@given(AMOUNTS, st.integers(1, 50), st.integers(0, 1_000))
def test_yearly_plan_of_twelve_times_the_price_is_worth_the_monthly_one(
    amount: int, quantity: int, off: int
) -> None:
    plans = {
        "price_0": Plan("usd", cadence("month"), Fraction(amount)),
        "price_1": Plan("usd", cadence("year"), Fraction(12 * amount)),
    }
    lasting = (Discount("forever", EPOCH, percent_off=Decimal(off) / 10),)
    monthly = value(subscription([(0, quantity, ())], lasting, plans), plans)
    yearly = value(subscription([(1, quantity, ())], lasting, plans), plans)
    assert monthly.total == yearly.total


def reading(customers: dict[str, Fraction]) -> Reading:
    found = Reading("invoice_lines")
    for customer, worth in customers.items():
        found.add(customer, MonthlyValue(worth))
    return found


@given(READINGS, READINGS, st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 20)))
def test_movements_add_up_to_the_change(
    before: dict[str, Fraction], after: dict[str, Fraction], first_paid: dict[str, int]
) -> None:
    was, now = reading(before), reading(after)
    found = movements(was, now, first_paid, at=10)
    told = [present_month(Month(2026, 1), "usd", r).mrr_minor for r in (was, now)]
    assert told[0] is not None
    assert told[1] is not None
    parts = (found.new, found.expansion, found.contraction, found.churned, found.reactivated)
    assert sum(parts) == told[1] - told[0]
    assert min(found.new, found.expansion, found.reactivated) >= 0
    assert max(found.contraction, found.churned) <= 0


@given(READINGS, READINGS)
def test_gross_retention_is_at_most_one_and_at_most_net_retention(
    before: dict[str, Fraction], after: dict[str, Fraction]
) -> None:
    kept = retention(reading(before), reading(after))
    if kept.gross is not None and kept.net is not None:
        assert 0 <= kept.gross <= min(Decimal(1), kept.net)


LINES = st.lists(
    st.builds(
        lambda n, item, start, length, amount, proration: InvoicedLine(
            f"il_{n}",
            f"si_{item}",
            "price_0",
            amount,
            1 + abs(amount) % 3,
            day(start),
            day(start + length),
            day(start),
            day(start),
            proration,
        ),
        st.integers(0, 10**9),
        st.integers(0, 2),
        st.integers(0, 200),
        st.integers(1, 100),
        st.integers(-5_000, 5_000),
        st.booleans(),
    ),
    max_size=12,
    unique_by=lambda line: line.id,
)


@given(LINES, SOME_DISCOUNTS, st.randoms(use_true_random=False))
def test_order_of_lines_changes_nothing(
    lines: list[InvoicedLine], discounts: tuple[Discount, ...], rng: random.Random
) -> None:
    billed = BilledSubscription("cus", "usd", ended_at=day(150), discounts=discounts)
    plans = {"price_0": Plan("usd", cadence("month"), Fraction(700))}
    shuffled = list(lines)
    rng.shuffle(shuffled)
    found = spells(billed, lines, plans)
    assert spells(billed, shuffled, plans) == found
    assert all(spell.start < spell.end <= day(150) for spell in found)


@given(st.lists(st.tuples(st.sampled_from("abc"), LINES), max_size=5), st.randoms())
def test_order_of_subscriptions_changes_nothing(
    billed: list[tuple[str, list[InvoicedLine]]], rng: random.Random
) -> None:
    plans = {"price_0": Plan("usd", cadence("month"), Fraction(700))}
    moments = [Moment(Month(2025, 1).plus(n), day(-334 + 30 * n)) for n in range(22)]
    found = []
    for _ in range(2):
        book = Book(moments)
        for customer, lines in billed:
            book.add(customer, spells(BilledSubscription(customer, "usd"), lines, plans))
        found.append([book.month(index, "usd") for index in range(12, 22)])
        rng.shuffle(billed)
    assert found[0] == found[1]
