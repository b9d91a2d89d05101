"""What people say, and the tool calls that follow from it; today is 22 November 2026."""

from __future__ import annotations

from typing import Any

import pytest

from tests.agent.planner.contract import check
from tests.agent.planner.fabricated import messages_of, planner

Calls = list[tuple[str, dict[str, Any]]]


def first_calls(*texts: str, role: str = "owner") -> Calls:
    reply = planner(role).invoke(messages_of(*texts, role=role))
    for call in reply.tool_calls:
        check(call["name"], call["args"])
    return [(call["name"], call["args"]) for call in reply.tool_calls]


def figures(metrics: str, start: str, end: str = "") -> tuple[str, dict[str, Any]]:
    wanted = {"metrics": metrics.split(), "start_month": start, "end_month": end or start}
    return ("query_snapshots", wanted)


def compared(metric: str, first: str, second: str) -> tuple[str, dict[str, Any]]:
    first_start, _, first_end = first.partition("..")
    second_start, _, second_end = second.partition("..")
    return (
        "compare_periods",
        {
            "metric": metric,
            "first_start_month": first_start,
            "first_end_month": first_end or first_start,
            "second_start_month": second_start,
            "second_end_month": second_end or second_start,
        },
    )


FIGURES = [
    # revenue, and how people call it
    ("What was my revenue in March?", "revenue_total", "2026-03", ""),
    ("revenue last month", "revenue_total", "2026-10", ""),
    ("REVENUE LAST MONTH!!!", "revenue_total", "2026-10", ""),
    ("how much did we make in march 2026", "revenue_total", "2026-03", ""),
    ("How much money did we earn last quarter?", "revenue_total", "2026-07", "2026-09"),
    ("How much did we bring in during September?", "revenue_total", "2026-09", ""),
    ("what did we sell in august", "revenue_total", "2026-08", ""),
    ("total sales for Q2", "revenue_total", "2026-04", "2026-06"),
    ("turnover in 2025", "revenue_total", "2025-01", "2025-12"),
    ("income this year", "revenue_total", "2026-01", "2026-11"),
    ("Can you please tell me what our sales were in Aug?", "revenue_total", "2026-08", ""),
    ("How much revenue did the shop generate in 2025?", "revenue_total", "2025-01", "2025-12"),
    ("revenue", "revenue_total", "2026-10", ""),
    # the other metrics
    ("net revenue in August", "net_revenue", "2026-08", ""),
    ("revenue after refunds in May", "net_revenue", "2026-05", ""),
    ("revenue after fees in May", "net_revenue fees", "2026-05", ""),
    ("what is our average order value", "average_charge", "2026-10", ""),
    ("what was the average sale in May", "average_charge", "2026-05", ""),
    ("AOV for q2", "average_charge", "2026-04", "2026-06"),
    ("how many orders did we have in july", "charge_count", "2026-07", ""),
    ("number of payments last month", "charge_count", "2026-10", ""),
    ("how many charges in 2026-02", "charge_count", "2026-02", ""),
    ("how many sales did we make in May", "charge_count", "2026-05", ""),
    ("refunds in March", "refund_amount", "2026-03", ""),
    ("How much did we refund last month?", "refund_amount", "2026-10", ""),
    ("how many refunds in march", "refund_count", "2026-03", ""),
    ("how many orders were refunded in march", "refund_count", "2026-03", ""),
    ("refund rate last 3 months", "refund_ratio", "2026-08", "2026-10"),
    ("What percentage of orders were refunded in June?", "refund_ratio", "2026-06", ""),
    ("chargebacks last quarter", "chargeback_count", "2026-07", "2026-09"),
    ("how many disputes since June", "chargeback_count", "2026-06", "2026-11"),
    ("dispute rate this year", "chargeback_ratio", "2026-01", "2026-11"),
    ("chargeback ratio past year", "chargeback_ratio", "2025-11", "2026-10"),
    ("how much did we lose to chargebacks in 2025?", "chargeback_amount", "2025-01", "2025-12"),
    ("stripe fees last month", "fees", "2026-10", ""),
    ("what does stripe cost us", "fees", "2026-10", ""),
    ("what did stripe charge us in july", "fees", "2026-07", ""),
    ("MRR", "mrr", "2026-10", ""),
    ("monthly recurring revenue in June", "mrr", "2026-06", ""),
    (
        "Hi, I run a CD shop and I wondered how much revenue we made in March, my accountant asked",
        "revenue_total",
        "2026-03",
        "",
    ),
    ("how volatile is my revenue", "revenue_volatility", "2026-10", ""),
    ("is my revenue stable?", "revenue_volatility", "2026-10", ""),
    ("how many customers did we have in September", "active_customers", "2026-09", ""),
    ("how many people bought from us last month?", "active_customers", "2026-10", ""),
    # several at once
    ("revenue and refunds in March", "revenue_total refund_amount", "2026-03", ""),
    ("orders and average order in July", "charge_count average_charge", "2026-07", ""),
    ("revenue, fees & disputes in Q3", "revenue_total fees chargeback_count", "2026-07", "2026-09"),
    # periods
    ("revenue in December", "revenue_total", "2025-12", ""),
    ("revenue in November", "revenue_total", "2026-11", ""),
    ("revenue this month", "revenue_total", "2026-11", ""),
    ("revenue month to date", "revenue_total", "2026-11", ""),
    ("revenue two months ago", "revenue_total", "2026-09", ""),
    ("revenue a year ago", "revenue_total", "2025-11", ""),
    ("revenue in the month before last", "revenue_total", "2026-09", ""),
    ("revenue in March last year", "revenue_total", "2025-03", ""),
    ("revenue in march '25", "revenue_total", "2025-03", ""),
    ("revenue for 03/2026", "revenue_total", "2026-03", ""),
    ("revenue Q3", "revenue_total", "2026-07", "2026-09"),
    ("revenue Q4", "revenue_total", "2026-10", "2026-11"),
    ("revenue in Q2 2026", "revenue_total", "2026-04", "2026-06"),
    ("revenue in the third quarter of last year", "revenue_total", "2025-07", "2025-09"),
    ("income in the last quarter of 2025", "revenue_total", "2025-10", "2025-12"),
    ("sales in the first three months of the year", "revenue_total", "2026-01", "2026-03"),
    ("revenue in the last 3 months of 2025", "revenue_total", "2025-10", "2025-12"),
    ("income jan 2026 - mar 2026", "revenue_total", "2026-01", "2026-03"),
    ("revenue this quarter", "revenue_total", "2026-10", "2026-11"),
    ("sales in the last 3 months", "revenue_total", "2026-08", "2026-10"),
    ("sales over the past six months", "revenue_total", "2026-05", "2026-10"),
    ("sales of the previous 2 quarters", "revenue_total", "2026-04", "2026-09"),
    ("revenue past year", "revenue_total", "2025-11", "2026-10"),
    ("revenue last year", "revenue_total", "2025-01", "2025-12"),
    ("revenue year to date", "revenue_total", "2026-01", "2026-11"),
    ("ytd revenue", "revenue_total", "2026-01", "2026-11"),
    ("revenue in the first half of 2026", "revenue_total", "2026-01", "2026-06"),
    ("revenue from May to July", "revenue_total", "2026-05", "2026-07"),
    ("sales between May and July 2025", "revenue_total", "2025-05", "2025-07"),
    ("revenue November to February", "revenue_total", "2025-11", "2026-02"),
    ("revenue jan-mar 2026", "revenue_total", "2026-01", "2026-03"),
    ("revenue from 2025-11 until 2026-02", "revenue_total", "2025-11", "2026-02"),
    ("revenue since June", "revenue_total", "2026-06", "2026-11"),
    ("revenue from June onwards", "revenue_total", "2026-06", "2026-11"),
    ("revenue from March 2025 until now", "revenue_total", "2025-03", "2026-11"),
    ("refunds for March, April and May", "refund_amount", "2026-03", "2026-05"),
    ("revenue for Q1 and Q2", "revenue_total", "2026-01", "2026-06"),
    # trends
    ("show revenue by month", "revenue_total", "2025-11", "2026-10"),
    ("revenue trend", "revenue_total", "2025-11", "2026-10"),
    ("revenue for each month of 2025", "revenue_total", "2025-01", "2025-12"),
    ("how did revenue develop this year", "revenue_total", "2026-01", "2026-11"),
    ("what was our best month in 2025", "revenue_total", "2025-01", "2025-12"),
    ("which month had the highest refunds?", "refund_amount", "2025-11", "2026-10"),
    ("average monthly revenue last 6 months", "revenue_total", "2026-05", "2026-10"),
    # slips of the finger
    ("reveune in Febuary", "revenue_total", "2026-02", ""),
    ("whats my refnds last month", "refund_amount", "2026-10", ""),
    ("chargbacks in Setpember", "chargeback_count", "2026-09", ""),
]

COMPARISONS = [
    ("compare March and April", "revenue_total", "2026-03", "2026-04"),
    ("revenue in April versus March", "revenue_total", "2026-03", "2026-04"),
    ("revenue vs last month", "revenue_total", "2026-10", "2026-11"),
    ("revenue compared to March", "revenue_total", "2026-03", "2026-10"),
    ("revenue in Q3 vs Q2", "revenue_total", "2026-04..2026-06", "2026-07..2026-09"),
    ("How does Q3 look against Q2?", "revenue_total", "2026-04..2026-06", "2026-07..2026-09"),
    ("compare q1 and q2 2025", "revenue_total", "2025-01..2025-03", "2025-04..2025-06"),
    ("how did last month compare to the month before", "revenue_total", "2026-09", "2026-10"),
    (
        "how did last month compare to the same month last year",
        "revenue_total",
        "2025-10",
        "2026-10",
    ),
    ("revenue year over year", "revenue_total", "2025-10", "2026-10"),
    ("how does October compare to last year", "revenue_total", "2025-10", "2026-10"),
    ("qoq revenue growth", "revenue_total", "2026-04..2026-06", "2026-07..2026-09"),
    ("compare refunds in March with refunds in April", "refund_amount", "2026-03", "2026-04"),
    (
        "difference in sales between September and October",
        "revenue_total",
        "2026-09",
        "2026-10",
    ),
    ("did revenue grow in March?", "revenue_total", "2026-02", "2026-03"),
    ("are we growing?", "revenue_total", "2026-09", "2026-10"),
    ("is revenue up?", "revenue_total", "2026-09", "2026-10"),
    ("did refunds go up in May?", "refund_amount", "2026-04", "2026-05"),
    ("why did revenue drop in September?", "revenue_total", "2026-08", "2026-09"),
    (
        "how much more did we make in October than in September?",
        "revenue_total",
        "2026-09",
        "2026-10",
    ),
    ("sales this month vs last month", "revenue_total", "2026-10", "2026-11"),
    (
        "last 3 months vs the 3 months before",
        "revenue_total",
        "2026-05..2026-07",
        "2026-08..2026-10",
    ),
    (
        "compare last year with the year before",
        "revenue_total",
        "2024-01..2024-12",
        "2025-01..2025-12",
    ),
    # this year is not over: complete months only
    ("compare this year to last year", "revenue_total", "2025-01..2025-10", "2026-01..2026-10"),
]

SINGLE_TOOLS = [
    ("what's my score", "get_readiness"),
    ("What is our readiness score?", "get_readiness"),
    ("My accountant says that lenders look at a score. What's my score?", "get_readiness"),
    ("what tier are we in", "get_readiness"),
    ("are we ready for a loan", "get_readiness"),
    ("would I get funded?", "get_readiness"),
    ("would a bank lend us money?", "get_readiness"),
    ("do we qualify for funding", "get_readiness"),
    ("How ready are we for funding?", "get_readiness"),
    ("what are my chances of getting a loan", "get_readiness"),
    ("why is it so low", "explain_readiness"),
    ("why is my score so low?", "explain_readiness"),
    ("explain", "explain_readiness"),
    ("explain my score", "explain_readiness"),
    ("what is holding us back", "explain_readiness"),
    ("how is the score calculated", "explain_readiness"),
    ("what are our weaknesses", "explain_readiness"),
    ("recompute the score", "recompute_readiness"),
    ("recalculate my readiness", "recompute_readiness"),
    ("update my score", "recompute_readiness"),
    ("sync stripe", "trigger_stripe_sync"),
    ("refresh data", "trigger_stripe_sync"),
    ("pull the latest data from stripe", "trigger_stripe_sync"),
    ("how fresh is the data", "get_sync_status"),
    ("when was the last sync", "get_sync_status"),
    ("is my data up to date?", "get_sync_status"),
    ("did the sync finish?", "get_sync_status"),
    ("what do you know about my business", "get_business_profile"),
    ("business profile", "get_business_profile"),
    ("which time zone do you use?", "get_business_profile"),
]

LISTS = [
    ("list recommendations", "pending"),
    ("what are my recommendations?", "pending"),
    ("any suggestions?", "pending"),
    ("show accepted recommendations", "accepted"),
    ("which recommendations did I dismiss?", "dismissed"),
    ("show all recommendations", "all"),
]

ADVICE = [
    "what should I do first",
    "how do I improve",
    "how can I improve my score?",
    "what do you recommend",
    "next steps?",
    "What do I need to fix first?",
]

SUMS = [
    ("calculate 3 * (4 + 5)", "3 * (4 + 5)"),
    ("what is 3 % of 120000", "3 / 100 * 120000"),
    ("what's 15% of 2,400?", "15 / 100 * 2400"),
    ("what is 20 percent of 500", "20 / 100 * 500"),
    ("what's 12 plus 30", "12 + 30"),
    ("(100-20)/4", "(100-20)/4"),
    ("calculate max(3, 4)", "max(3, 4)"),
]


@pytest.mark.parametrize(("text", "metrics", "start", "end"), FIGURES)
def test_question_for_figures_queries_their_months(text, metrics, start, end):
    assert first_calls(text) == [figures(metrics, start, end)]


@pytest.mark.parametrize(("text", "metric", "first", "second"), COMPARISONS)
def test_comparison_puts_the_older_period_first(text, metric, first, second):
    assert first_calls(text) == [compared(metric, first, second)]


@pytest.mark.parametrize(("text", "tool"), SINGLE_TOOLS)
def test_request_without_details_calls_its_one_tool(text, tool):
    assert first_calls(text) == [(tool, {})]


@pytest.mark.parametrize(("text", "status"), LISTS)
def test_recommendations_are_listed_by_status(text, status):
    assert first_calls(text) == [("list_recommendations", {"status": status})]


@pytest.mark.parametrize("text", ADVICE)
def test_advice_reads_the_explanation_and_the_pending_recommendations(text):
    assert first_calls(text) == [
        ("explain_readiness", {}),
        ("list_recommendations", {"status": "pending"}),
    ]


@pytest.mark.parametrize(("text", "expression"), SUMS)
def test_arithmetic_goes_to_the_calculator(text, expression):
    assert first_calls(text) == [("calculate", {"expression": expression})]


@pytest.mark.parametrize(
    ("text", "title", "category", "priority"),
    [
        (
            "create a recommendation to follow up on refunds",
            "Follow up on refunds",
            "risk",
            "medium",
        ),
        (
            "Add a high priority recommendation: call the top 5 customers",
            "Call the top 5 customers",
            "revenue",
            "high",
        ),
        ("remind me to chase unpaid invoices", "Chase unpaid invoices", "cash_flow", "medium"),
        (
            "please make a recommendation about tidying the office, low priority",
            "Tidying the office",
            "operations",
            "low",
        ),
    ],
)
def test_recommendation_is_created_in_the_persons_words(text, title, category, priority):
    ((name, args),) = first_calls(text)
    description = args.pop("description")
    assert (name, args) == (
        "create_recommendation",
        {"title": title, "category": category, "priority": priority},
    )
    assert title in description


def test_long_title_is_cut_at_a_word():
    ((_, args),) = first_calls(f"create a recommendation to {'plan ahead ' * 40}")
    assert len(args["title"]) <= 120
    assert args["title"].endswith(("plan", "ahead"))


@pytest.mark.parametrize(
    "text",
    [
        "accept the first one",
        "please accept recommendation 2",
        "approve the last one",
        "dismiss the refund recommendation",
        "reject number three",
        "mark the first one as dismissed",
        "set the first recommendation to high priority",
    ],
)
def test_change_of_a_recommendation_lists_the_pending_ones_first(text):
    assert first_calls(text) == [("list_recommendations", {"status": "pending"})]


def test_reopening_looks_at_all_recommendations():
    assert first_calls("reopen the second one") == [("list_recommendations", {"status": "all"})]


def test_two_requests_in_one_sentence_are_parallel_calls():
    assert first_calls("revenue last month and my score") == [
        figures("revenue_total", "2026-10"),
        ("get_readiness", {}),
    ]


def test_each_metric_keeps_the_period_beside_it():
    assert first_calls("revenue in May and refunds in June") == [
        figures("revenue_total", "2026-05"),
        figures("refund_amount", "2026-06"),
    ]


def test_periods_apart_are_asked_for_apart():
    assert first_calls("revenue in March and June") == [
        figures("revenue_total", "2026-03"),
        figures("revenue_total", "2026-06"),
    ]


def test_two_metrics_side_by_side_are_figures_of_one_period():
    assert first_calls("net sales vs gross sales in May") == [
        figures("net_revenue revenue_total", "2026-05")
    ]


def test_comparison_of_two_metrics_is_two_parallel_calls():
    assert first_calls("compare revenue and refunds in March and April") == [
        compared("revenue_total", "2026-03", "2026-04"),
        compared("refund_amount", "2026-03", "2026-04"),
    ]


def test_overview_asks_for_the_main_figures():
    ((name, args),) = first_calls("how did we do in March?")
    assert name == "query_snapshots"
    assert args["start_month"] == args["end_month"] == "2026-03"
    assert {"revenue_total", "charge_count", "refund_amount"} <= set(args["metrics"])
