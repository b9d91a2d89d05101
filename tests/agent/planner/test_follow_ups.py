"""Messages that lean on the one before."""

from __future__ import annotations

import pytest

from tests.agent.planner.fabricated import ask
from tests.agent.planner.test_phrasings import compared, figures, first_calls


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ("revenue in March", "and in May?", figures("revenue_total", "2026-05")),
        ("revenue in March", "how about April?", figures("revenue_total", "2026-04")),
        ("revenue in March", "April?", figures("revenue_total", "2026-04")),
        ("refunds in March", "what about Q2?", figures("refund_amount", "2026-04", "2026-06")),
        ("revenue in March", "and refunds?", figures("refund_amount", "2026-03")),
        ("revenue in March", "same for refunds", figures("refund_amount", "2026-03")),
        ("revenue in March", "refunds?", figures("refund_amount", "2026-03")),
        ("revenue in March", "and the month before?", figures("revenue_total", "2026-02")),
        ("revenue in March", "and a year earlier?", figures("revenue_total", "2025-03")),
        ("revenue in March", "and the month after?", figures("revenue_total", "2026-04")),
        (
            "revenue in March",
            "compare that to the month before",
            compared("revenue_total", "2026-02", "2026-03"),
        ),
        ("revenue in March", "compare with April", compared("revenue_total", "2026-03", "2026-04")),
        (
            "revenue in March",
            "compared to last year?",
            compared("revenue_total", "2025-03", "2026-03"),
        ),
        (
            "revenue in March",
            "how does that compare to the same month last year?",
            compared("revenue_total", "2025-03", "2026-03"),
        ),
        ("revenue in March", "why?", compared("revenue_total", "2026-02", "2026-03")),
        (
            "compare March and April",
            "and refunds?",
            compared("refund_amount", "2026-03", "2026-04"),
        ),
        ("revenue in Q2", "by month", figures("revenue_total", "2026-04", "2026-06")),
        ("what's my score", "why?", ("explain_readiness", {})),
        ("what's my score", "explain that", ("explain_readiness", {})),
    ],
)
def test_follow_up_takes_what_it_lacks_from_the_message_before(before, now, expected):
    assert first_calls(before, now) == [expected]


def test_follow_up_reaches_back_over_small_talk():
    assert first_calls("refunds in March", "thanks!", "and in May?") == [
        figures("refund_amount", "2026-05")
    ]


def test_follow_ups_add_up():
    assert first_calls("revenue in March", "and refunds?", "and in May?") == [
        figures("refund_amount", "2026-05")
    ]


def test_period_named_before_the_figure_is_kept():
    assert first_calls("and in May?", "refunds") == [figures("refund_amount", "2026-05")]


def test_full_question_does_not_lean_on_the_one_before():
    assert first_calls("revenue in March", "What were my refunds?") == [
        figures("refund_amount", "2026-10")
    ]


def test_follow_up_without_anything_before_asks_which_figure():
    answer = ask("and in May?")
    assert answer.startswith("Which figure")


def test_month_after_the_current_one_has_not_happened():
    answer = ask("revenue this month", "and the month after?")
    assert "December 2026 has not happened yet" in answer


def test_future_period_is_not_carried_into_a_lookup():
    assert "December 2026 has not happened yet" in ask("next month", "revenue")


def test_share_of_the_figure_before_is_calculated_from_it():
    answer = ask("revenue in March", "what's 10 percent of that?")
    # 10 % of $3,000.55 is $300.055; the calculator rounds halves to even.
    assert "10 % of that is $300.06" in answer


def test_message_in_another_language_does_not_continue_the_one_before():
    assert first_calls("revenue in March", "Umsatz im April") == []
