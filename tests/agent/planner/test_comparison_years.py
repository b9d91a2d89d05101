"""Which years names without a year have when two periods are compared."""

from __future__ import annotations

import calendar
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.planner.intents import Comparison
from agent.planner.parse import understand
from domain.periods import Month
from tests.agent.planner.fabricated import ask
from tests.agent.planner.test_phrasings import compared, first_calls

DAYS = st.dates(min_value=date(2021, 1, 1), max_value=date(2035, 12, 31))


def meant(text: str, today: date) -> Comparison:
    (question,) = understand([text], today)
    assert isinstance(question, Comparison)
    return question


@pytest.mark.parametrize(
    ("text", "older", "newer"),
    [
        ("compare Q3 to Q2 revenue", "2026-04..2026-06", "2026-07..2026-09"),
        ("revenue in Q3 vs Q2", "2026-04..2026-06", "2026-07..2026-09"),
        ("compare revenue from Q3 to Q2", "2026-04..2026-06", "2026-07..2026-09"),
        ("difference between Q3 and Q2", "2026-04..2026-06", "2026-07..2026-09"),
        ("how did revenue change from Q3 to Q2", "2026-04..2026-06", "2026-07..2026-09"),
        ("which was better, Q3 or Q2?", "2026-04..2026-06", "2026-07..2026-09"),
        ("compare October to September revenue", "2026-09", "2026-10"),
        ("did we do better in October or September", "2026-09", "2026-10"),
        ("compare March and April", "2026-03", "2026-04"),
        # the December before that January
        ("compare January with December", "2025-12", "2026-01"),
        ("compare Q1 with Q4", "2025-10..2025-12", "2026-01..2026-03"),
        # neither the second half nor the fourth quarter is over
        ("compare H2 to H1", "2025-01..2025-06", "2025-07..2025-12"),
        ("compare the first half with the second half", "2025-01..2025-06", "2025-07..2025-12"),
        ("compare Q4 and Q3", "2025-07..2025-09", "2025-10..2025-12"),
        ("compare November to October", "2025-10", "2025-11"),
        ("compare November with March", "2025-03", "2025-11"),
    ],
)
def test_bare_names_are_of_the_latest_year_in_which_both_are_over(text, older, newer):
    assert first_calls(text) == [compared("revenue_total", older, newer)]


@pytest.mark.parametrize(
    ("text", "older", "newer"),
    [
        ("compare Q3 and Q2 2025", "2025-04..2025-06", "2025-07..2025-09"),
        ("compare Q3 2025 and Q2", "2025-04..2025-06", "2025-07..2025-09"),
        ("compare March 2025 and February", "2025-02", "2025-03"),
        ("compare January 2026 with December", "2025-12", "2026-01"),
        ("compare December 2025 with January", "2025-12", "2026-01"),
        ("compare this month with October", "2026-10", "2026-11"),
        ("compare this month to November", "2025-11", "2026-11"),
        ("Q3 vs Q3 last year", "2025-07..2025-09", "2026-07..2026-09"),
        ("March against March 2024", "2024-03", "2026-03"),
        ("compare March 2025 and 2026", "2025-03", "2026-03"),
        ("compare Q1 2026 with 2025", "2025-01..2025-03", "2026-01..2026-03"),
    ],
)
def test_bare_name_beside_a_year_follows_it(text, older, newer):
    assert first_calls(text) == [compared("revenue_total", older, newer)]


@pytest.mark.parametrize(
    ("before", "now", "older", "newer"),
    [
        ("revenue in March 2025", "compare with April", "2025-03", "2025-04"),
        ("revenue in January", "compare with December", "2025-12", "2026-01"),
        ("revenue in Q3", "and versus Q2?", "2026-04..2026-06", "2026-07..2026-09"),
    ],
)
def test_bare_name_follows_the_year_of_the_message_before(before, now, older, newer):
    assert first_calls(before, now) == [compared("revenue_total", older, newer)]


def test_change_from_one_month_to_a_later_one_runs_over_the_turn_of_the_year():
    assert first_calls("how did revenue change from November to February") == [
        compared("revenue_total", "2025-11", "2026-02")
    ]


@pytest.mark.parametrize(
    "text", ["compare March to May with June to August", "compare march-may to june-august"]
)
def test_two_ranges_are_compared_as_they_are(text):
    assert first_calls(text) == [compared("revenue_total", "2026-03..2026-05", "2026-06..2026-08")]


def test_period_that_was_passed_over_is_named_with_the_words_for_it():
    answer = ask("compare October and November")
    assert "November 2026 is not over, so this is about the last one that is." in answer
    assert "say “this month”" in answer


@pytest.mark.parametrize(
    "text", ["compare March and April", "how did revenue change from November to February"]
)
def test_nothing_is_said_of_a_period_that_could_not_be_meant(text):
    assert "is not over" not in ask(text)


@given(today=DAYS, one=st.integers(1, 12), other=st.integers(1, 12))
def test_compared_months_are_over_and_of_one_year_or_neighbours(today, one, other):
    if one == other:
        return
    names = calendar.month_name
    question = meant(f"compare revenue of {names[one]} to {names[other]}", today)
    assert {question.older.first.month, question.newer.first.month} == {one, other}
    assert question.older.first < question.newer.first < Month.of(today)
    same_year = question.older.first.year == question.newer.first.year
    assert same_year or question.older.first.plus(1) == question.newer.first


@given(today=DAYS, one=st.integers(1, 4), other=st.integers(1, 4))
def test_order_of_the_names_does_not_matter(today, one, other):
    if one == other:
        return
    there = meant(f"compare Q{one} to Q{other} revenue", today)
    back = meant(f"revenue in Q{other} vs Q{one}", today)
    assert (there.older, there.newer) == (back.older, back.newer)
