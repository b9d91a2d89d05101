"""Which months words mean, on any day."""

from __future__ import annotations

import calendar
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.planner.intents import Comparison, MetricQuestion
from agent.planner.parse import understand
from agent.planner.periods import Period, months_in_words
from domain.periods import Month

DAYS = st.dates(min_value=date(2021, 1, 1), max_value=date(2035, 12, 31))


def meant(text: str, today: date) -> Period:
    (question,) = understand([f"revenue {text}"], today)
    assert isinstance(question, MetricQuestion)
    assert question.period is not None
    return question.period


@given(today=DAYS, number=st.integers(1, 12))
def test_bare_month_is_the_latest_that_is_not_in_the_future(today, number):
    period = meant(f"in {calendar.month_name[number]}", today)
    assert period.first == period.last
    assert period.first.month == number
    assert period.first <= Month.of(today) < period.first.plus(12)


@given(today=DAYS, count=st.integers(2, 36))
def test_last_months_are_so_many_and_end_with_the_last_complete_one(today, count):
    period = meant(f"in the last {count} months", today)
    assert period.length == count
    assert period.last.plus(1) == Month.of(today)


@given(today=DAYS)
def test_last_quarter_is_a_calendar_quarter_that_is_just_over(today):
    period = meant("last quarter", today)
    assert period.length == 3
    assert period.first.month in (1, 4, 7, 10)
    assert 1 <= period.last.months_until(Month.of(today)) <= 3


@given(today=DAYS, number=st.integers(1, 4))
def test_bare_quarter_has_begun(today, number):
    period = meant(f"in Q{number}", today)
    assert period.first.month == 3 * number - 2
    assert period.first <= Month.of(today) < period.first.plus(12)


@given(today=DAYS, first=st.integers(1, 12), last=st.integers(1, 12))
def test_range_of_bare_months_runs_forward_within_a_year(today, first, last):
    names = calendar.month_name
    period = meant(f"from {names[first]} to {names[last]}", today)
    assert (period.first.month, period.last.month) == (first, last)
    assert 1 <= period.length <= 13
    assert period.last <= Month.of(today)


@given(today=DAYS)
def test_comparison_of_running_years_uses_as_many_months_of_both(today):
    (question,) = understand(["compare revenue this year with last year"], today)
    assert isinstance(question, Comparison)
    assert question.older.length == question.newer.length
    assert question.newer.first == Month(today.year, 1)
    assert question.older.first == Month(today.year - 1, 1)


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        ("2026-10", "2026-10", "October 2026"),
        ("2026-07", "2026-09", "Q3 2026"),
        ("2025-01", "2025-12", "2025"),
        ("2026-05", "2026-07", "May to July 2026"),
        ("2025-11", "2026-02", "November 2025 to February 2026"),
    ],
)
def test_periods_are_named_as_people_name_them(first, last, words):
    assert months_in_words(Month.parse(first), Month.parse(last)) == words


@pytest.mark.parametrize(
    "text", ["may I see the revenue", "we may need the revenue", "Revenue, may I ask?"]
)
def test_may_as_a_verb_is_no_month(text):
    (question,) = understand([text], date(2026, 11, 22))
    assert isinstance(question, MetricQuestion)
    assert str(question.period) == "October 2026"
