"""What subscriptions are worth now; expected values by hand."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from domain.recurring.plans import Plan
from domain.recurring.subscriptions import Item, Subscription, present_value
from domain.recurring.values import Discount, MonthlyValue
from tests.domain.recurring.samples import (
    EPOCH,
    amount,
    cadence,
    day,
    percent,
    plan,
    subscription,
    tier,
)

PLANS: dict[str, Plan] = {
    "basic": plan(2_900),
    "yearly": plan(29_000, "year"),
    "quarter": plan(8_000, "month", 3),
    "weekly": plan(700, "week"),
    "free": plan(0),
    "calls": plan("0.25", metered=True),
    "setup": Plan("usd", None, Fraction(9_900)),
    "seats": plan(None, tiers_mode="graduated", tiers=(tier(5, 1_500, 1_000), tier(None, 1_200))),
    "euros": Plan("eur", cadence("month"), Fraction(1_000)),
}


def value(held: Subscription) -> MonthlyValue:
    found = present_value(held, PLANS, at=day(10))
    assert found is not None
    return found


def total(*items: tuple[str, int | None], **more: Any) -> Fraction:
    return value(subscription(*items, **more)).total


@pytest.mark.parametrize(
    ("item", "worth"),
    [
        (("basic", 3), "8700"),
        (("yearly", 1), "7250/3"),
        (("quarter", 2), "16000/3"),
        (("weekly", 1), "9100/3"),
        (("seats", 7), "10900"),
        (("free", 4), "0"),
    ],
)
def test_price_counts_by_interval_quantity_and_tiers(item: tuple[str, int], worth: str) -> None:
    assert total(item) == Fraction(worth)


def test_items_add_up_and_metered_and_one_time_ones_count_nothing() -> None:
    assert total(("basic", 1), ("yearly", 1), ("calls", None), ("setup", 1)) == Fraction(15_950, 3)


@pytest.mark.parametrize("status", ["active", "past_due"])
def test_active_and_past_due_subscriptions_count(status: str) -> None:
    assert total(("basic", 1), status=status) == 2_900


@pytest.mark.parametrize(
    "status", ["trialing", "unpaid", "paused", "incomplete", "incomplete_expired", "canceled"]
)
def test_subscription_in_trial_or_not_in_force_counts_nothing(status: str) -> None:
    assert total(("basic", 1), status=status) == 0


def test_pause_of_collection_does_not_change_the_value() -> None:
    assert total(("basic", 1), paused=True) == 2_900


@pytest.mark.parametrize(
    ("discount", "worth"),
    [
        (percent("12.5"), "5075/2"),
        (percent("100"), "0"),
        (percent("50", "once"), "2900"),
        (percent("50", "repeating"), "2900"),
        (percent("50", end=day(9)), "2900"),
        (percent("50", end=day(11)), "1450"),
        (percent("50", start=day(10)), "2900"),
        (amount(500), "2400"),
        (amount(5_000), "0"),
        (amount(500, "repeating"), "2900"),
        (amount(500, currency="eur"), "2900"),
    ],
)
def test_only_a_coupon_that_lasts_forever_and_is_in_use_reduces_the_value(
    discount: Discount, worth: str
) -> None:
    assert total(("basic", 1), discounts=(discount,)) == Fraction(worth)


def test_amount_off_comes_off_once_an_invoice() -> None:
    # 290.00 a year less 50.00 a year, 7.00 a week less 2.00 a week.
    assert total(("yearly", 1), discounts=(amount(5_000),)) == 2_000
    assert total(("weekly", 1), discounts=(amount(200),)) == Fraction(500 * 52, 12)


def test_discounts_of_an_item_come_before_those_of_the_subscription() -> None:
    held = subscription(("basic", 1), ("basic", 2), discounts=(amount(1_000),))
    first, second = held.items
    discounted = replace(held, items=(replace(first, discounts=(percent("50"),)), second))
    assert value(discounted).total == 2_900 // 2 + 5_800 - 1_000


def test_discounts_apply_one_after_another() -> None:
    assert total(("basic", 1), discounts=(percent("10"), amount(610), percent("50"))) == 1_000


def test_part_on_monthly_plans_is_told_after_the_discounts() -> None:
    found = value(subscription(("basic", 1), ("yearly", 1), discounts=(percent("50"),)))
    assert (found.total, found.monthly_plans) == (Fraction(15_950, 6), 1_450)


@pytest.mark.parametrize("price", ["never_read", "euros"])
def test_price_that_does_not_tell_its_amount_leaves_the_value_unknown(price: str) -> None:
    assert present_value(subscription((price, 1)), PLANS, at=EPOCH) is None


def test_unknown_price_of_an_ended_subscription_does_not_matter() -> None:
    held = Subscription("s", "c", "canceled", "usd", (Item("si", "never_read", 1),))
    assert present_value(held, PLANS, at=EPOCH) == MonthlyValue()
