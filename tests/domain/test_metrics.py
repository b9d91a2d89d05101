"""Month metrics against a plain computation with fractions, which shares no code with them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import InvalidInputError, PeriodError
from domain.metrics import (
    METRICS,
    DayFacts,
    MetricName,
    MonthMetrics,
    TotalRule,
    missing_reason,
    month_metrics,
    quiet_month,
    to_column_ratio,
    total,
)
from domain.periods import Month
from tests.domain.months import month_of

MARCH = Month(2026, 3)
COUNTS = st.integers(0, 400)
AMOUNTS = st.integers(0, 5_000_000)


@st.composite
def month_days(draw: st.DrawFn) -> list[DayFacts]:
    days = draw(st.sets(st.integers(1, 31), max_size=31))
    return [
        DayFacts(
            day=date(2026, 3, day),
            gross_minor=draw(AMOUNTS),
            charge_count=draw(COUNTS),
            failed_count=draw(COUNTS),
            refund_minor=draw(AMOUNTS),
            refund_count=draw(COUNTS),
            dispute_count=draw(COUNTS),
            dispute_minor=draw(AMOUNTS),
            fee_minor=draw(AMOUNTS),
            net_minor=draw(st.integers(-5_000_000, 5_000_000)),
        )
        for day in sorted(days)
    ]


def march(days: list[DayFacts], through: date = MARCH.last_day, **more: object) -> MonthMetrics:
    return month_metrics(MARCH, days, currency="usd", active_customers=3, through=through, **more)


def half_even(number: Fraction, decimals: int) -> Decimal:
    """Round a fraction half to even: what round() does for Fraction."""
    return Decimal(round(number * 10**decimals)).scaleb(-decimals)


@settings(deadline=None)
@given(month_days())
def test_sums_are_those_of_the_days(days: list[DayFacts]):
    metrics = march(days)
    assert metrics.revenue_minor == sum(day.gross_minor for day in days)
    assert metrics.charge_count == sum(day.charge_count for day in days)
    assert metrics.failed_count == sum(day.failed_count for day in days)
    assert metrics.refund_minor == sum(day.refund_minor for day in days)
    assert metrics.refund_count == sum(day.refund_count for day in days)
    assert metrics.chargeback_count == sum(day.dispute_count for day in days)
    assert metrics.chargeback_minor == sum(day.dispute_minor for day in days)
    assert metrics.fee_minor == sum(day.fee_minor for day in days)
    assert metrics.net_minor == sum(day.net_minor for day in days)


@settings(deadline=None)
@given(month_days())
def test_ratios_are_counts_over_charges_rounded_half_to_even(days: list[DayFacts]):
    metrics = march(days)
    charges = sum(day.charge_count for day in days)
    if charges == 0:
        assert (metrics.refund_ratio, metrics.chargeback_ratio, metrics.average_charge) == (
            None,
            None,
            None,
        )
        return
    refunds = sum(day.refund_count for day in days)
    disputes = sum(day.dispute_count for day in days)
    gross = sum(day.gross_minor for day in days)
    assert metrics.refund_ratio == half_even(Fraction(refunds, charges), 4)
    assert metrics.chargeback_ratio == half_even(Fraction(disputes, charges), 4)
    assert metrics.average_charge == half_even(Fraction(gross, charges * 100), 2)


@settings(deadline=None)
@given(month_days())
def test_volatility_lies_within_half_a_step_of_the_exact_one(days: list[DayFacts]):
    by_day = {day.day: day.gross_minor for day in days}
    daily = [by_day.get(MARCH.first_day + timedelta(days=offset), 0) for offset in range(31)]
    mean = Fraction(sum(daily), 31)
    volatility = march(days).revenue_volatility
    if mean == 0:
        assert volatility is None
        return
    assert volatility is not None
    variance = sum((amount - mean) ** 2 for amount in daily) / 31
    half_step, shown = Fraction(1, 20_000), Fraction(volatility)
    assert max(shown - half_step, Fraction(0)) ** 2 <= variance / mean**2
    assert variance / mean**2 <= (shown + half_step) ** 2


def test_volatility_counts_days_without_sales():
    # One day of 30 with revenue: sd / mean is sqrt(30 - 1).
    april = month_metrics(
        Month(2026, 4),
        [DayFacts(date(2026, 4, 9), gross_minor=700, charge_count=1)],
        currency="usd",
        active_customers=1,
        through=date(2026, 4, 30),
    )
    assert april.revenue_volatility == Decimal("5.3852")


def test_volatility_of_a_month_to_date_ends_with_the_last_counted_day():
    days = [DayFacts(date(2026, 3, day), gross_minor=100, charge_count=1) for day in (1, 2)]
    assert march(days, through=date(2026, 3, 2)).revenue_volatility == 0


@pytest.mark.parametrize(
    ("refunds", "charges", "ratio"),
    [(1, 20_000, "0.0000"), (3, 20_000, "0.0002"), (1, 3, "0.3333"), (25, 2, "12.5000")],
)
def test_ratio_rounds_a_tie_to_the_even_digit(refunds: int, charges: int, ratio: str):
    facts = DayFacts(date(2026, 3, 1), charge_count=charges, refund_count=refunds)
    assert str(march([facts]).refund_ratio) == ratio


def test_average_charge_of_a_currency_without_decimals_is_whole():
    facts = DayFacts(date(2026, 3, 1), gross_minor=100, charge_count=3)
    metrics = month_metrics(
        MARCH, [facts], currency="JPY", active_customers=1, through=MARCH.last_day
    )
    assert str(metrics.average_charge) == "33"


def test_month_is_to_date_until_its_last_day_is_counted():
    assert march([], through=date(2026, 3, 30)).month_to_date
    assert not march([], through=date(2026, 3, 31)).month_to_date


def test_later_day_than_the_month_s_last_counts_the_whole_month():
    assert march([], through=date(2026, 5, 1)).through == date(2026, 3, 31)


@pytest.mark.parametrize("day", [date(2026, 2, 28), date(2026, 4, 1), date(2026, 3, 21)])
def test_day_outside_the_counted_part_is_refused(day: date):
    with pytest.raises(PeriodError, match=str(day)):
        march([DayFacts(day)], through=date(2026, 3, 20))


def test_day_given_twice_is_refused():
    with pytest.raises(PeriodError, match="twice"):
        march([DayFacts(date(2026, 3, 1)), DayFacts(date(2026, 3, 1))])


def test_month_that_has_not_begun_is_refused():
    with pytest.raises(PeriodError, match="not begun"):
        march([], through=date(2026, 2, 28))


def test_unknown_mrr_has_a_reason_and_known_mrr_has_none():
    assert march([]).mrr_missing_reason
    assert march([], mrr_minor=0).mrr_missing_reason is None
    assert march([], mrr_missing_reason="No permission.").mrr_missing_reason == "No permission."


def test_quiet_month_is_complete_and_empty():
    quiet = quiet_month(MARCH, "eur")
    assert (quiet.revenue_minor, quiet.month_to_date, quiet.revenue_volatility) == (0, False, None)


def test_ratio_above_the_column_is_clamped_with_a_note():
    clamped = to_column_ratio(Decimal("12.5"))
    assert clamped.value == Decimal("9.9999")
    assert "12.5" in str(clamped.note)


@pytest.mark.parametrize("ratio", [None, Decimal("0.0123"), Decimal("9.9999")])
def test_ratio_within_the_column_is_left_alone(ratio: Decimal | None):
    assert (to_column_ratio(ratio).value, to_column_ratio(ratio).note) == (ratio, None)


def test_every_metric_is_defined():
    assert set(METRICS) == set(MetricName)


TWO_MONTHS = [
    month_of(Month(2026, 1), 10_000, charges=4, refund_minor=500, disputes=1, mrr_minor=700),
    month_of(Month(2026, 2), 20_001, charges=2, disputes=0, mrr_minor=900),
]


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (MetricName.REVENUE_TOTAL, "305.01"),
        (MetricName.NET_REVENUE, "300.01"),
        (MetricName.REFUND_AMOUNT, "5.00"),
        (MetricName.CHARGEBACK_AMOUNT, "0.00"),
        (MetricName.FEES, "0.00"),
        (MetricName.CHARGE_COUNT, "6"),
        (MetricName.REFUND_COUNT, "1"),
        (MetricName.CHARGEBACK_COUNT, "1"),
        (MetricName.REFUND_RATIO, "0.1667"),
        (MetricName.CHARGEBACK_RATIO, "0.1667"),
        (MetricName.AVERAGE_CHARGE, "50.84"),
        (MetricName.MRR, "9.00"),
    ],
)
def test_total_of_two_months_in_any_order(metric: MetricName, expected: str):
    for months in permutations(TWO_MONTHS):
        assert str(total(metric, months)) == expected


@pytest.mark.parametrize("metric", [MetricName.REVENUE_VOLATILITY, MetricName.ACTIVE_CUSTOMERS])
def test_metric_without_a_total_has_one_for_a_single_month_only(metric: MetricName):
    assert METRICS[metric].summable is TotalRule.NONE
    assert total(metric, TWO_MONTHS) is None
    assert "month by month" in str(missing_reason(metric, TWO_MONTHS))
    assert total(metric, TWO_MONTHS[:1]) is not None


@pytest.mark.parametrize("metric", list(MetricName))
def test_total_of_no_months_is_missing_with_a_reason(metric: MetricName):
    assert total(metric, []) is None
    assert missing_reason(metric, [])


def test_ratio_without_charges_is_missing_with_a_reason():
    empty = [quiet_month(MARCH, "usd")]
    assert total(MetricName.REFUND_RATIO, empty) is None
    assert "no successful charges" in str(missing_reason(MetricName.REFUND_RATIO, empty))


def test_missing_mrr_tells_the_month_s_own_reason():
    months = [replace(march([]), mrr_missing_reason="No permission to read subscriptions.")]
    assert missing_reason(MetricName.MRR, months) == "No permission to read subscriptions."


def test_present_value_has_no_missing_reason():
    assert missing_reason(MetricName.REVENUE_TOTAL, TWO_MONTHS) is None


def test_amounts_in_two_currencies_are_never_added():
    with pytest.raises(InvalidInputError, match="eur, usd"):
        total(MetricName.REVENUE_TOTAL, [TWO_MONTHS[0], month_of(MARCH, 1, currency="eur")])
