"""Detrended variation against a computation in floats with the library's own regression."""

from __future__ import annotations

from math import exp, log
from statistics import fmean, linear_regression, pstdev

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.readiness.trend import detrended_variation


def fitted(values: list[float]) -> list[float]:
    slope, intercept = linear_regression(range(len(values)), values)
    return [intercept + slope * index for index in range(len(values))]


def linear(values: list[int]) -> float:
    return pstdev(y - t for y, t in zip(values, fitted(values), strict=True)) / fmean(values)


def log_linear(values: list[int]) -> float:
    trend = [exp(level) for level in fitted([log(value) for value in values])]
    quotients = [y / t for y, t in zip(values, trend, strict=True)]
    return pstdev(quotients) / fmean(quotients)


@settings(deadline=None)
@given(st.lists(st.integers(1, 10**8), min_size=4, max_size=12))
def test_positive_months_take_the_better_of_both_trends(months: list[int]):
    expected = min(linear(months), log_linear(months))
    assert float(detrended_variation(months) or 0) == pytest.approx(expected, rel=1e-6, abs=1e-6)


@settings(deadline=None)
@given(st.lists(st.integers(1, 10**8), min_size=3, max_size=11), st.integers(-1000, 0))
def test_month_at_or_below_zero_leaves_the_linear_trend(months: list[int], zero: int):
    if sum(months) + zero <= 0:
        assert detrended_variation([*months, zero]) is None
        return
    found = float(detrended_variation([*months, zero]) or 0)
    assert found == pytest.approx(linear([*months, zero]), rel=1e-6, abs=1e-6)


def test_even_growth_in_percent_is_no_variation():
    assert detrended_variation([10_000 * 2**index for index in range(12)]) == pytest.approx(0)


def test_even_growth_in_amount_is_no_variation():
    assert detrended_variation([10_000 + 500 * index for index in range(12)]) == pytest.approx(0)


def test_one_cent_in_a_month_is_no_worse_than_nothing():
    steady = [1_000_000] * 11
    nothing, cent = detrended_variation([*steady, 0]), detrended_variation([*steady, 1])
    assert float(cent or 0) == pytest.approx(float(nothing or 0), rel=1e-4)


@pytest.mark.parametrize("months", [[], [5, 5, 5], [0, 0, 0, 0], [5, -5, 5, -5]])
def test_too_few_months_or_no_revenue_have_no_variation(months: list[int]):
    assert detrended_variation(months) is None


SEASON = [7, 8, 8, 9, 9, 9, 10, 10, 11, 11, 26, 26]


@pytest.mark.parametrize("phase", range(12))
def test_season_varies_alike_whenever_the_year_ends(phase: int):
    year = [1000 * amount for amount in SEASON[phase:] + SEASON[:phase]]
    found = detrended_variation(year, year)
    assert float(found or 0) == pytest.approx(pstdev(SEASON) / fmean(SEASON))


def test_season_at_the_end_of_an_only_year_still_passes_for_growth():
    assert float(detrended_variation(SEASON) or 0) < 0.6 * pstdev(SEASON) / fmean(SEASON)


@pytest.mark.parametrize("monthly", [0.95, 1.01, 1.2])
def test_even_growth_of_two_years_is_no_variation(monthly: float):
    months = [round(10**9 * monthly**index) for index in range(24)]
    assert float(detrended_variation(months[12:], months[:12]) or 0) == pytest.approx(0, abs=1e-6)


def test_level_year_after_one_of_growth_is_no_variation():
    assert detrended_variation([900] * 12, [10, 20, 40, 80] * 3) == 0


def test_growth_that_turned_within_the_year_is_variation():
    falling = [1200 - 20 * index for index in range(12)]
    found = float(detrended_variation(falling, [500] * 12) or 0)
    assert found == pytest.approx(pstdev(falling) / fmean(falling), rel=0.02)
