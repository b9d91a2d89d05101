"""The exact words and digits of answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from domain.periods import Month
from tests.agent.planner.fabricated import (
    EXPLANATION,
    READINESS,
    SYNC_STATUS,
    Desk,
    ask,
    comparison,
    figure,
    recommendation,
    snapshots,
)

AS_OF_LINE = "_Data as of 22 November 2026, 10:00 UTC._"
OCTOBER, MARCH, APRIL = Month(2026, 10), Month(2026, 3), Month(2026, 4)


def answered(text: str, **replies: Any) -> str:
    return ask(text, desk=Desk(replies=replies))


def one(metric: str, value: str | None, month: Month = OCTOBER, **more: Any) -> dict[str, Any]:
    """A query_snapshots answer with one figure of one month."""
    only = figure(metric, value, month, month, **more)
    answer = snapshots([metric], str(month), str(month))
    answer["months"][0]["figures"] = [only]
    answer["totals"] = [only]
    return answer


def test_one_figure_is_one_line_and_its_age():
    answer = answered("revenue last month", query_snapshots=one("revenue_total", "94321.55"))
    assert answer == f"**Revenue in October 2026: $94,321.55**\n\n{AS_OF_LINE}"


@pytest.mark.parametrize(
    ("value", "currency", "shown"),
    [
        ("94321.55", "usd", "$94,321.55"),
        ("0", "usd", "$0.00"),
        ("-1234.5", "eur", "-€1,234.50"),
        ("1234567", "jpy", "¥1,234,567"),
        ("12.345", "kwd", "12.345 KWD"),
        ("1000", "chf", "1,000.00 CHF"),
        ("33.335", "gbp", "£33.34"),
        ("12345678901234567890.12", "usd", "$12,345,678,901,234,567,890.12"),
        ("0.1", "usd", "$0.10"),
    ],
)
def test_money_is_exact_to_the_currencys_scale(value, currency, shown):
    reply = one("revenue_total", value, currency=currency)
    assert f": {shown}**" in answered("revenue last month", query_snapshots=reply)


@pytest.mark.parametrize(
    ("value", "shown"), [("0.0123", "1.23 %"), ("0.00005", "0.01 %"), ("1.5", "150.00 %")]
)
def test_ratio_is_a_percentage_with_two_decimals(value, shown):
    reply = one("refund_ratio", value)
    assert f": {shown}**" in answered("refund rate last month", query_snapshots=reply)


def test_count_has_separators_and_no_decimals():
    reply = one("charge_count", "12345")
    assert "**Charges in October 2026: 12,345**" in answered(
        "orders last month", query_snapshots=reply
    )


def test_several_months_are_a_table_with_a_total():
    assert ask("revenue from May to July") == (
        "**Revenue from May to July 2026: $18,001.65**\n"
        "\n"
        "| Month | Revenue |\n"
        "| --- | ---: |\n"
        "| May 2026 | $5,000.55 |\n"
        "| June 2026 | $6,000.55 |\n"
        "| July 2026 | $7,000.55 |\n"
        "| **Total** | **$18,001.65** |\n"
        "\n"
        f"{AS_OF_LINE}"
    )


def test_current_month_is_marked_in_line_and_table():
    assert "**Revenue in November 2026 (month to date): $11,000.55**" in ask("revenue this month")
    table = ask("revenue since September")
    assert "from September to November 2026 (November to date)" in table
    assert "| November 2026 (month to date) | $11,000.55 |" in table


def test_quarter_and_year_are_called_by_name():
    assert "**Revenue in Q3 2026: " in ask("revenue in Q3")
    assert "**Revenue in 2025: " in ask("revenue in 2025")


def test_missing_value_tells_why_and_is_no_zero():
    reply = one("revenue_total", None, missing_reason="No data before 2026-11.")
    answer = answered("revenue last month", query_snapshots=reply)
    assert "Revenue in October 2026 is not available: No data before 2026-11." in answer
    assert "0.00" not in answer


def test_missing_months_are_named_and_their_cells_empty():
    reply = snapshots(["revenue_total"], "2026-03", "2026-04")
    april = figure("revenue_total", None, APRIL, APRIL, missing_reason="Not synced.")
    reply["months"][1]["figures"] = [april]
    reply["totals"] = [
        figure("revenue_total", None, MARCH, APRIL, missing_reason="A month is missing.")
    ]
    reply["missing_months"] = ["2026-04"]
    answer = answered("revenue from March to April", query_snapshots=reply)
    assert "| April 2026 | n/a |" in answer
    assert "There is no data for April 2026." in answer
    assert "Revenue in April 2026 is not available: Not synced." in answer
    assert "Revenue from March to April 2026 is not available: A month is missing." in answer
    assert "| **Total** | n/a |" in answer


def test_period_without_any_month_is_said_to_have_no_data():
    reply = snapshots(["revenue_total"], "2026-03", "2026-03") | {"months": [], "totals": []}
    assert "There is no data for March 2026." in answered("revenue in March", query_snapshots=reply)


def test_metric_without_a_total_gets_none():
    answer = ask("volatility in the last 3 months")
    assert answer.startswith("**Revenue volatility by month, August to October 2026**")
    assert "Total" not in answer
    assert "Whole period" not in answer


def test_recurring_revenue_is_that_of_the_last_month():
    answer = ask("mrr in the last 3 months")
    assert answer.startswith("**Monthly recurring revenue in October 2026: $10,000.55**")


def test_ratio_over_months_is_of_the_whole_period():
    assert "| **Whole period** | " in ask("refund rate in Q3")


def test_several_metrics_of_a_month_are_a_list():
    answer = ask("revenue and refund rate in March")
    assert answer.startswith(
        "**March 2026**\n\n- Revenue: **$3,000.55**\n- Refund ratio: **0.30 %**"
    )


def test_best_month_leads_the_answer():
    assert ask("best month in 2025").startswith("**Highest: December 2025, $12,000.55**")


def test_month_that_is_not_over_cannot_be_the_worst():
    reply = snapshots(["revenue_total"], "2026-10", "2026-11")
    reply["months"][1]["figures"][0]["value"] = "1.00"
    answer = answered("worst month this quarter", query_snapshots=reply)
    assert answer.startswith("**Lowest: October 2026, $10,000.55**")


def test_average_leaves_the_current_month_out():
    answer = ask("average monthly revenue since September")
    assert "**Revenue, average per month: $9,500.55** (of 2 complete months)" in answer


def test_stale_data_is_said_to_be():
    reply = one("revenue_total", "1") | {"stale": True}
    answer = answered("revenue last month", query_snapshots=reply)
    assert answer.endswith(f"{AS_OF_LINE} It is stale: sync Stripe for newer figures.")


def test_age_is_told_once_for_two_sections():
    assert ask("revenue in March and my score").count("Data as of") == 1


def test_comparison_tells_both_values_the_change_and_the_percentage():
    assert ask("compare March and April") == (
        "**Revenue: $4,000.55 in April 2026, against $3,000.55 in March 2026: up $1,000.00 "
        f"(+33.33 %).**\n\n{AS_OF_LINE}"
    )


def compared(**changes: Any) -> dict[str, Any]:
    args = {
        "metric": "revenue_total",
        "first_start_month": "2026-03",
        "first_end_month": "2026-03",
        "second_start_month": "2026-04",
        "second_end_month": "2026-04",
    }
    return comparison(args) | changes


def test_decline_is_told_as_down():
    reply = compared(change="-500.00", change_ratio="-0.1234")
    answer = answered("compare March and April", compare_periods=reply)
    assert "down $500.00 (-12.34 %)" in answer


def test_change_from_nothing_has_no_percentage():
    reply = compared(change_ratio=None)
    assert "up $1,000.00.**" in answered("compare March and April", compare_periods=reply)


def test_no_change_is_the_same():
    reply = compared(change="0.00", change_ratio="0")
    answer = answered("compare March and April", compare_periods=reply)
    assert "in April 2026, the same as in March 2026.**" in answer


def test_difference_of_ratios_is_in_percentage_points():
    assert "up 0.10 percentage points" in ask("compare refund rate in March and April")


def test_comparison_with_a_missing_value_tells_why():
    first = figure("revenue_total", None, MARCH, MARCH, missing_reason="Not synced.")
    reply = compared(first=first, change=None, change_ratio=None, direction="unknown")
    answer = answered("compare March and April", compare_periods=reply)
    assert "Revenue cannot be compared. March 2026: Not synced. April 2026: $4,000.55." in answer


def test_unfinished_month_is_said_not_to_be_like_for_like():
    answer = ask("this month vs last month sales")
    assert "November 2026 is not over yet, so this is not like for like." in answer


def test_year_that_is_not_over_is_compared_by_complete_months():
    assert "only its complete months are compared" in ask("compare this year to last year")


def test_reason_for_a_change_is_said_to_be_unknown():
    assert "not why" in ask("why did revenue drop in September?")


def test_score_tells_tier_weakest_and_what_is_not_assessed():
    answer = ask("what's my score")
    assert answer.startswith("**63 of 100 — funding ready**")
    assert "Weakest: Growth (4.6 of 13 points: -12.0 %)." in answer
    assert "Not assessed, as payments cannot show it: debt and bank balance." in answer
    assert "Confidence 82 %, computed on 22 November 2026." in answer


def test_explanation_puts_the_costliest_component_first_with_its_reason():
    answer = ask("explain my score")
    growth = answer.index("**Growth**: 4.6 of 13 points, 8.4 lost")
    assert growth < answer.index("**Disputes**: 12.5 of 13 points, 0.5 lost")
    assert "(-12.0 %, 3 months to 2026-10). Revenue is below that of a year ago." in answer


def test_explanation_tells_what_binds_what_is_left_out_and_the_next_tier():
    answer = ask("explain my score")
    assert "What binds: **Growth** caps the score at 59." in answer
    assert "Lenders refuse a business that shrinks." in answer
    assert "Left out of the score:\n\n- Retention: There are no subscriptions." in answer
    assert "**3.2 points** are missing to the next tier, funding ready." in answer


def test_explanation_without_a_cap_speaks_of_none():
    reply = EXPLANATION | {"binding": None, "next_tier": None}
    answer = answered("explain my score", explain_readiness=reply)
    assert "What binds" not in answer
    assert "are missing" not in answer


def test_next_tier_tells_the_confidence_it_needs():
    tier = {"tier": "highly_attractive", "points_needed": "4", "confidence_needed": "0.70"}
    answer = answered("explain my score", explain_readiness=EXPLANATION | {"next_tier": tier})
    assert "**4 points** are missing to the next tier, highly attractive." in answer
    assert "It also needs a confidence of 70 %." in answer


def test_next_tier_may_lack_confidence_only():
    tier = {"tier": "highly_attractive", "points_needed": "0.0", "confidence_needed": "0.70"}
    answer = answered("explain my score", explain_readiness=EXPLANATION | {"next_tier": tier})
    assert "The points for the next tier, highly attractive, are reached." in answer


STALE = {
    "score": None,
    "tier": None,
    "confidence": None,
    "computed_at": None,
    "stale": "The data is 12 days old.",
    "last_score": {"score": 61, "tier": "funding_ready", "computed_at": "2026-11-10T10:00:00Z"},
    "strongest": [],
    "weakest": [],
}


@pytest.mark.parametrize(
    ("text", "tool"),
    [
        ("my score", "get_readiness"),
        ("explain my score", "explain_readiness"),
        ("recompute my score", "recompute_readiness"),
        ("next steps?", "explain_readiness"),
    ],
)
def test_stale_data_gives_no_score_but_the_reason_and_the_last_one(text, tool):
    reply = READINESS | STALE | {"components": [], "previous_score": 61}
    answer = answered(text, **{tool: reply})
    assert "**There is no current score**: The data is 12 days old." in answer
    assert "The last score was 61 of 100 (funding ready)." in answer
    assert "of 100 —" not in answer


def test_new_score_tells_the_one_before():
    assert "it was 58 before" in ask("recompute my score")


@pytest.mark.parametrize(
    ("before", "words"), [(63, "it is still 63"), (None, "computed for the first time")]
)
def test_new_score_tells_if_nothing_changed_or_came_before(before, words):
    reply = READINESS | {"previous_score": before}
    assert words in answered("recompute my score", recompute_readiness=reply)


def test_advice_leads_with_the_most_important_recommendation():
    answer = ask("what should I do first")
    assert answer.startswith(
        "**Do this first: Bring the refund ratio down** "
        "(high priority; estimated impact: +4 points)."
    )
    assert "After that: “Answer disputes before they are due”" in answer


def test_advice_without_recommendations_names_the_costliest_component():
    answer = ask("what should I do first", desk=Desk(recommendations=[]))
    assert answer.startswith("There is no pending recommendation.")
    assert "- **Growth**: 4.6 of 13 points" in answer


def test_recommendations_are_numbered_with_priority_and_impact():
    answer = ask("list recommendations")
    assert (
        "1. **Bring the refund ratio down** (high priority, risk; estimated impact: +4 points)"
        in answer
    )
    assert "3. **Offer annual plans** (high priority, revenue)\n" in answer


def test_viewer_is_not_invited_to_decide():
    assert "To decide, say" in ask("list recommendations")
    assert "To decide, say" not in ask("list recommendations", role="viewer")


HOSTILE = "<img src=x onerror=alert(1)> **bold** [click](http://x) `code` | cell\n# Head\u202e\x00"


def test_foreign_text_is_rendered_inert():
    entry = recommendation(1, HOSTILE, description="# Heading\n- item", estimated_impact="<b>")
    answer = ask("list recommendations", desk=Desk(recommendations=[entry]))
    line = next(line for line in answer.splitlines() if line.startswith("1."))
    assert "<" not in answer
    assert r"\*\*bold\*\* \[click\](http://x) \`code\` \| cell # Head**" in line
    assert "\n   \\# Heading - item" in answer
    assert "\u202e" not in answer
    assert "\x00" not in answer


def test_error_text_is_rendered_inert():
    answer = answered("my score", get_readiness="Error: <b>*no*</b>")
    assert answer == r"That did not work: &lt;b&gt;\*no\*&lt;/b&gt;"


def test_long_foreign_text_is_cut():
    entry = recommendation(1, "Title", description="word " * 400)
    answer = ask("list recommendations", desk=Desk(recommendations=[entry]))
    assert len(answer) < 800
    assert "…" in answer


def test_sync_status_tells_age_counts_and_freshness():
    assert ask("how fresh is my data") == (
        "Stripe is connected. **Last synced on 22 November 2026, 10:00 UTC** (3.2 hours ago).\n\n"
        "Stored: 12,345 charges, 67 refunds."
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"connected": False}, "Stripe is **not connected**."),
        ({"state": "running", "percent": 42}, "A sync is running, 42 % done."),
        ({"state": "failed", "error": "Key revoked."}, "The last sync **failed**: Key revoked."),
        ({"stale": True}, "The data is **stale**"),
        ({"state": "never", "last_synced_at": None}, "Nothing has been synced yet."),
    ],
)
def test_sync_status_tells_what_is_wrong(changes, words):
    assert words in answered("sync status", get_sync_status=SYNC_STATUS | changes)


def test_started_sync_is_told_apart_from_a_running_one():
    assert ask("sync stripe").startswith("I started a Stripe sync; it is queued.")
    running = {"sync_id": "s", "state": "running", "already_running": True}
    answer = answered("sync stripe", trigger_stripe_sync=running)
    assert answer.startswith("A Stripe sync is running already")


def test_profile_lists_what_is_known_and_names_what_is_not():
    answer = ask("business profile")
    assert "- Currency: USD\n- Time zone: America/New_York" in answer
    assert "- First charge in Stripe: 11 February 2025" in answer
    bare = answered("business profile", get_business_profile={"name": "Bare"})
    assert "Not known: legal entity, industry" in bare


def test_calculation_shows_expression_and_result():
    reply = {"expression": "3 / 100 * 120000", "result": "3600.50"}
    assert answered("3 % of 120000", calculate=reply) == "`3 / 100 * 120000` = **3,600.5**"


@pytest.mark.parametrize("made", [True, False])
def test_creation_tells_whether_it_was_new(made):
    reply = {"recommendation": recommendation(1, "Call the bank"), "created": made}
    answer = answered("add a task to call the bank", create_recommendation=json.dumps(reply))
    assert answer.startswith("Created" if made else "There is such a recommendation already")


def test_change_that_was_made_before_is_told():
    reply = {"recommendation": recommendation(1, "Old", status="accepted"), "changed": []}
    answer = answered("accept the first one", update_recommendation=reply)
    assert answer == "Nothing had to be changed: **Old** is accepted, high priority already."
