"""Funders' published floors: met, not met, or not to be seen, each with what is missing."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from domain.advice.floors import (
    Brought,
    CriterionResult,
    FunderResult,
    Status,
    brought_by,
    compare_floors,
)
from domain.advice.funders import FUNDERS, READ_ON
from domain.advice.published import PUBLISHED, Measure
from domain.money import Money
from domain.rates import StatedRate, StatedRates
from tests.domain.months import history_of

US_SHOP = Brought(
    history_months=14,
    monthly_net=Money(900_000, "usd"),
    yearly=Money(11_000_000, "usd"),
    recurring=None,
    country="US",
)


def of(funder: str, brought: Brought) -> FunderResult:
    [found] = [part for part in compare_floors(brought) if part.published.funder == funder]
    return found


def criterion(funder: str, measure: Measure, brought: Brought) -> CriterionResult:
    [found] = [p for p in of(funder, brought).criteria if p.criterion.measure is measure]
    return found


def test_floor_that_is_met_has_no_gap():
    found = criterion("Stripe Capital (US)", Measure.MONTHLY_NET, US_SHOP)
    assert (found.status, found.value, found.gap) == (Status.MET, Decimal("9000.00"), None)


def test_floor_that_is_missed_tells_how_much_is_missing():
    found = criterion("Clearco", Measure.MONTHLY_NET, US_SHOP)
    assert (found.status, found.gap) == (Status.NOT_MET, Decimal("1000.00"))
    assert of("Clearco", US_SHOP).status is Status.NOT_MET


def test_floor_at_the_very_amount_is_met():
    exactly = replace(US_SHOP, monthly_net=Money(1_000_000, "usd"))
    assert criterion("Clearco", Measure.MONTHLY_NET, exactly).status is Status.MET


def test_history_is_in_months():
    young = replace(US_SHOP, history_months=2)
    found = criterion("Stripe Capital (US)", Measure.HISTORY_MONTHS, young)
    assert (found.status, found.value, found.gap) == (Status.NOT_MET, 2, 1)


def test_recurring_revenue_that_is_not_known_cannot_be_seen():
    found = criterion("Lighter Capital", Measure.MONTHLY_RECURRING, US_SHOP)
    assert (found.status, found.value) == (Status.CANNOT_BE_SEEN, None)
    assert found.reason is not None


def test_recurring_revenue_of_a_year_is_twelve_months_of_it():
    subscriptions = replace(US_SHOP, recurring=Money(833_334, "usd"))
    found = criterion("Pipe", Measure.YEARLY_RECURRING, subscriptions)
    assert (found.status, found.value) == (Status.MET, Decimal("100000.08"))


def test_what_stripe_does_not_show_is_listed_with_the_reason():
    unseen = [part for part in of("Clearco", US_SHOP).criteria if part.status == "cannot_be_seen"]
    assert [part.criterion.text for part in unseen] == [
        "a company in the US",
        "sales on other channels, which count as well",
    ]
    assert all(part.reason for part in unseen)


@pytest.mark.parametrize("funder", ["PayPal Working Capital", "Shopify Capital"])
def test_funder_that_counts_other_sales_cannot_be_seen(funder):
    assert of(funder, US_SHOP).status is Status.CANNOT_BE_SEEN


def test_account_in_another_country_does_not_meet_the_floors_of_this_one():
    assert of("Stripe Capital (US)", replace(US_SHOP, country="DE")).status is Status.NOT_MET
    unknown = criterion("Stripe Capital (US)", Measure.COUNTRY, replace(US_SHOP, country=None))
    assert unknown.status is Status.CANNOT_BE_SEEN


EUROS = replace(
    US_SHOP, monthly_net=Money(950_000, "eur"), yearly=Money(11_400_000, "eur"), country="DE"
)


def test_other_currency_without_a_stated_rate_cannot_be_seen():
    found = criterion("Clearco", Measure.MONTHLY_NET, EUROS)
    assert found.status is Status.CANNOT_BE_SEEN
    assert found.reason == "There is no stated exchange rate for EUR."
    assert of("Clearco", EUROS).status is Status.CANNOT_BE_SEEN


def test_other_currency_is_converted_at_the_stated_rate_which_is_told():
    stated = StatedRates((StatedRate("eur", Decimal("1.10"), date(2026, 11, 20)),))
    found = criterion("Clearco", Measure.MONTHLY_NET, replace(EUROS, rates=stated))
    assert (found.status, found.value) == (Status.MET, Decimal("10450.00"))
    assert found.reason == "At 1.10 USD for 1 EUR on 2026-11-20."


def test_floor_in_another_currency_needs_the_rate_of_that_one():
    assert (
        criterion("Stripe Capital (UK)", Measure.MONTHLY_NET, US_SHOP).reason
        == "There is no stated exchange rate for GBP."
    )
    stated = StatedRates((StatedRate("gbp", Decimal("1.25"), date(2026, 11, 20)),))
    found = criterion("Stripe Capital (UK)", Measure.MONTHLY_NET, replace(US_SHOP, rates=stated))
    assert found.value == Decimal("7200.00")
    pounds = replace(US_SHOP, monthly_net=Money(100_000, "gbp"), country="GB")
    assert criterion("Stripe Capital (UK)", Measure.MONTHLY_NET, pounds).status is Status.MET


def test_every_funder_has_a_source_and_the_day_it_was_read():
    assert all(part.source and part.read_on == READ_ON for part in PUBLISHED)
    assert all(funder.read_on == READ_ON for funder in FUNDERS)


def test_what_a_business_brings_is_added_up_from_its_complete_months():
    months = history_of([100_000] * 11 + [300_000, 200_000, 400_001], refund_minor=1_000)
    brought = brought_by(months, country="us", rates=StatedRates())
    assert brought.history_months == 14
    # (3,000.00 + 2,000.00 + 4,000.01) / 3, to the cent
    assert brought.monthly_net == Money(300_000, "usd")
    # the last twelve months, before refunds of 10.00 each
    assert brought.yearly == Money(9 * 101_000 + 301_000 + 201_000 + 401_001, "usd")
    assert (brought.recurring, brought.country) == (None, "US")


def test_recurring_revenue_is_the_average_of_three_months():
    months = history_of([100_000] * 3, mrr_minor=40_000)
    brought = brought_by(months, country=None, rates=StatedRates())
    assert brought.recurring == Money(40_000, "usd")


def test_empty_account_brings_nothing_and_is_compared_all_the_same():
    brought = brought_by([], country=None, rates=StatedRates())
    assert {part.status for part in compare_floors(brought)} <= set(Status)
    assert criterion("Clearco", Measure.MONTHLY_NET, brought).status is Status.CANNOT_BE_SEEN
