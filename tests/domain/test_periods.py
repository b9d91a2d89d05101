from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import PeriodError
from domain.periods import Month, last_complete_month, local_date, month_bounds, month_range

NEW_YORK = ZoneInfo("America/New_York")
MONTHS = st.builds(Month, st.integers(1970, 2200), st.integers(1, 12))


def test_month_is_read_as_it_is_written():
    assert Month.parse(" 2026-03 ") == Month(2026, 3)


@pytest.mark.parametrize(
    "text", ["2026-13", "2026-00", "2026-3", "26-03", "2026-03-01", "", "0000-01"]
)
def test_anything_but_a_month_is_refused_with_the_right_form(text: str):
    with pytest.raises(PeriodError, match="YYYY-MM"):
        Month.parse(text)


@given(MONTHS)
def test_month_written_and_read_is_the_same(month: Month):
    assert Month.parse(str(month)) == month


@given(MONTHS, st.integers(-600, 600))
def test_adding_months_and_counting_them_agree(month: Month, count: int):
    assert month.months_until(month.plus(count)) == count


@given(MONTHS)
def test_last_day_agrees_with_the_calendar(month: Month):
    assert month.last_day == date(month.year, month.month, monthrange(month.year, month.month)[1])


@given(MONTHS, MONTHS)
def test_order_of_months_is_the_order_of_their_days(one: Month, other: Month):
    assert (one < other) == (one.first_day < other.first_day)


def test_range_includes_both_ends():
    months = [str(month) for month in month_range(Month(2025, 11), Month(2026, 2))]
    assert months == ["2025-11", "2025-12", "2026-01", "2026-02"]


def test_reversed_range_is_empty():
    assert list(month_range(Month(2026, 2), Month(2026, 1))) == []


def test_bounds_are_local_midnights_across_a_change_of_clocks():
    start, end = month_bounds(Month(2026, 3), NEW_YORK)
    assert (start, end) == (
        datetime(2026, 3, 1, 5, tzinfo=UTC),
        datetime(2026, 4, 1, 4, tzinfo=UTC),
    )


@given(MONTHS)
def test_months_leave_no_gap_between_them(month: Month):
    assert month_bounds(month, NEW_YORK)[1] == month_bounds(month.plus(1), NEW_YORK)[0]


def test_instant_before_local_midnight_belongs_to_the_day_before():
    midnight = month_bounds(Month(2026, 7), NEW_YORK)[0]
    assert local_date(midnight - timedelta(seconds=1), NEW_YORK) == date(2026, 6, 30)


@pytest.mark.parametrize(
    ("today", "expected"),
    [(date(2026, 11, 1), Month(2026, 10)), (date(2026, 1, 31), Month(2025, 12))],
)
def test_last_complete_month_is_the_one_before(today: date, expected: Month):
    assert last_complete_month(today) == expected
