"""More of what owners of small businesses type, and the calls that a person would expect."""

from __future__ import annotations

import pytest

from agent.planner.capabilities import (
    HELP_TEXT,
    NO_FORECAST_OF_THE_SCORE,
    NO_PROMISE,
    NOT_UNDERSTOOD_TEXT,
    ONLY_THE_CURRENT_SCORE,
    THANKS_TEXT,
)
from tests.agent.planner.fabricated import Desk, ask
from tests.agent.planner.test_phrasings import compared, figures, first_calls

FIGURES = [
    # money lost to chargebacks, and how many there were
    ("how much was charged back?", "chargeback_amount", "2026-10", ""),
    ("how much did chargebacks cost us", "chargeback_amount", "2026-10", ""),
    ("how much was charged back in March", "chargeback_amount", "2026-03", ""),
    ("how much did customers charge back in Q3", "chargeback_amount", "2026-07", "2026-09"),
    ("how much have we lost to disputes this year", "chargeback_amount", "2026-01", "2026-11"),
    ("value of disputes in March", "chargeback_amount", "2026-03", ""),
    ("what was the amount of chargebacks in May", "chargeback_amount", "2026-05", ""),
    ("how many payments were charged back in March", "chargeback_count", "2026-03", ""),
    ("number of chargebacks in March", "chargeback_count", "2026-03", ""),
    ("what percentage of payments were charged back", "chargeback_ratio", "2026-10", ""),
    # amounts are money, numbers are counts
    ("amount of refunds in March", "refund_amount", "2026-03", ""),
    ("what was the amount of sales in May", "revenue_total", "2026-05", ""),
    ("number of sales in May", "charge_count", "2026-05", ""),
    ("what share of sales gets refunded", "refund_ratio", "2026-10", ""),
    ("how much did stripe take last month", "fees", "2026-10", ""),
    ("what did stripe charge us last month", "fees", "2026-10", ""),
    ("what's our net", "net_revenue", "2026-10", ""),
    ("gross vs net in October", "revenue_total net_revenue", "2026-10", ""),
    ("compare revenue and refunds", "revenue_total refund_amount", "2026-10", ""),
    ("what came in in October", "revenue_total", "2026-10", ""),
    ("how many people paid us in October", "active_customers", "2026-10", ""),
    ("how steady is our income", "revenue_volatility", "2026-10", ""),
    ("revenue in the last month of 2025", "revenue_total", "2025-12", ""),
]

COMPARISONS = [
    ("why are refunds so high", "refund_amount", "2026-09", "2026-10"),
    ("are refunds going up", "refund_amount", "2026-09", "2026-10"),
    ("was October better than September?", "revenue_total", "2026-09", "2026-10"),
    ("which was better: March or April?", "revenue_total", "2026-03", "2026-04"),
    ("how did MRR change from June to September", "mrr", "2026-06", "2026-09"),
    ("did we make more than last month", "revenue_total", "2026-10", "2026-11"),
]

OVERVIEWS = [
    ("how did October go", "2026-10"),
    ("how's this month going", "2026-11"),
    ("did we have a good month", "2026-10"),
    ("was March a good month?", "2026-03"),
    ("how's business?", "2026-10"),
]

LOANS = [
    "can I get a 50k loan",
    "can I get a $50,000 loan?",
    "what would a lender think of us",
    "could we borrow 20,000 dollars",
    "how much could I borrow",
    "how much funding can I get",
    "would the bank say yes",
    "will a lender approve me if I apply next month?",
    "should I apply for a loan now",
    "how likely are we to get a loan",
    "is it worth applying for funding",
    "could we raise money from investors",
    "would you lend to us",
]

EXPLAINED = [
    "what do lenders look at",
    "what goes into the score",
    "how many points until the next tier",
    "how far are we from funding ready",
    "what are my strengths",
    "what's a good score",
    "what does my score mean",
    "what does funding ready mean",
    "what are the tiers",
    "what happens to my score if refunds drop",
    "will my score go up if I lower refunds",
]

PAST_SCORES = [
    ("what was my score in March", "get_readiness"),
    ("my score last quarter", "get_readiness"),
]

SCORES_NOW = ["is the score up to date", "what's holding my score down", "is my score ok"]

ADVICE = [
    "can you help me get a loan",
    "how do I get to the next tier",
    "anything urgent?",
    "what's my highest priority",
]

LISTS = [
    ("show me my to do list", "pending"),
    ("show the open recommendations", "pending"),
    ("any new recommendations?", "pending"),
    ("what's pending?", "pending"),
    ("explain the second recommendation", "pending"),
    ("what have I dismissed", "dismissed"),
    ("which ones did I accept", "accepted"),
]

FRESHNESS = [
    "when did you last pull data from Stripe",
    "did you refresh the data",
    "why did you sync",
    "is everything up to date",
    "how many hours old is the data",
]

UNAVAILABLE = [
    ("ARR", "annual recurring revenue"),
    ("how many new customers last month", "new and returning customers"),
    ("are we losing customers", "churn, retention and lifetime value"),
    ("revenue per customer in October", "the spending of single customers"),
    ("average spend per customer", "the spending of single customers"),
    ("how many subscribers do we have", "the number of subscribers"),
    ("did we win any disputes", "how disputes ended"),
    ("biggest sale in October", "single payments"),
    ("how much money did we get from Stripe last month", "payouts"),
]


@pytest.mark.parametrize(("text", "metrics", "start", "end"), FIGURES)
def test_figure_that_is_meant_is_read(text, metrics, start, end):
    assert first_calls(text) == [figures(metrics, start, end)]


@pytest.mark.parametrize(("text", "metric", "older", "newer"), COMPARISONS)
def test_question_about_a_change_is_a_comparison(text, metric, older, newer):
    assert first_calls(text) == [compared(metric, older, newer)]


@pytest.mark.parametrize(("text", "month"), OVERVIEWS)
def test_question_how_it_went_reads_the_main_figures(text, month):
    ((name, args),) = first_calls(text)
    assert (name, args["start_month"], args["end_month"]) == ("query_snapshots", month, month)
    assert len(args["metrics"]) > 3


@pytest.mark.parametrize("text", LOANS)
def test_loan_is_answered_by_the_score_and_promised_to_nobody(text):
    desk = Desk()
    answer = ask(text, desk=desk)
    assert desk.calls == [("get_readiness", {})]
    assert NO_PROMISE in answer


@pytest.mark.parametrize("text", EXPLAINED)
def test_question_about_the_score_itself_is_explained(text):
    assert first_calls(text) == [("explain_readiness", {})]


@pytest.mark.parametrize(
    ("before", "now"), [("my score", "is that good?"), ("my score", "is 63 good?")]
)
def test_good_or_not_is_told_on_the_scale_of_the_tiers(before, now):
    answer = ask(before, now)
    assert answer.startswith(
        "The score goes from 0 to 100: needs work from 40, funding ready from 60 and highly "
        "attractive from 80 points."
    )
    assert "Yours: **59 of 100" in answer


@pytest.mark.parametrize(("text", "tool"), PAST_SCORES)
def test_earlier_score_is_said_not_to_be_known(text, tool):
    desk = Desk()
    assert ask(text, desk=desk).startswith(ONLY_THE_CURRENT_SCORE)
    assert desk.calls == [(tool, {})]


def test_earlier_score_may_be_asked_for_as_it():
    assert ask("my score", "what was it last month?").startswith(ONLY_THE_CURRENT_SCORE)


@pytest.mark.parametrize("text", SCORES_NOW)
def test_nothing_is_said_of_earlier_scores_when_none_was_asked_for(text):
    answer = ask(text)
    assert "of 100" in answer
    assert ONLY_THE_CURRENT_SCORE not in answer


@pytest.mark.parametrize(
    "text", ["what happens to my score if refunds drop", "will my score go up if I sell more"]
)
def test_score_that_would_be_is_not_guessed(text):
    assert ask(text).startswith(NO_FORECAST_OF_THE_SCORE)


@pytest.mark.parametrize("text", ADVICE)
def test_question_what_to_do_is_advice(text):
    assert [name for name, _ in first_calls(text)] == ["explain_readiness", "list_recommendations"]


@pytest.mark.parametrize(("text", "status"), LISTS)
def test_recommendations_that_are_meant_are_listed(text, status):
    assert first_calls(text) == [("list_recommendations", {"status": status})]


@pytest.mark.parametrize("text", FRESHNESS)
def test_question_about_a_sync_starts_none(text):
    assert first_calls(text) == [("get_sync_status", {})]


@pytest.mark.parametrize(
    "text", ["is the data fresh? if not, sync stripe", "what do you pull from stripe"]
)
def test_sync_that_is_not_asked_for_outright_is_not_started(text):
    assert "trigger_stripe_sync" not in [name for name, _ in first_calls(text)]


@pytest.mark.parametrize(
    "text", ["did the sync finish? recompute my score", "hi, please recompute my score"]
)
def test_request_beside_a_question_is_still_a_request(text):
    assert "recompute_readiness" in [name for name, _ in first_calls(text)]


@pytest.mark.parametrize(("text", "topic"), UNAVAILABLE)
def test_figure_that_is_not_kept_is_not_replaced_by_another(text, topic):
    desk = Desk()
    assert ask(text, desk=desk).startswith(f"I cannot tell you about {topic}:")
    assert desk.calls == []


def test_money_lost_in_disputes_is_not_taken_for_their_outcome():
    assert first_calls("how much money did we lose to chargebacks") == [
        figures("chargeback_amount", "2026-10")
    ]


def test_revenue_to_date_is_all_of_it():
    desk = Desk()
    ask("total revenue to date", desk=desk)
    assert desk.calls[0] == ("get_business_profile", {})
    assert desk.calls[1] == figures("revenue_total", "2025-02", "2026-11")


def test_difference_of_two_metrics_is_what_they_mean():
    answer = ask("what is the difference between revenue and net revenue?")
    assert answer.startswith("**Revenue**: ")
    assert "**Net revenue**: " in answer


def test_new_recommendation_is_created_in_the_persons_words():
    ((name, args),) = first_calls("new recommendation: reduce fees")
    assert (name, args["title"]) == ("create_recommendation", "Reduce fees")


def test_all_of_them_are_decided_one_at_a_time():
    assert ask("dismiss all of them").startswith("I change one recommendation at a time.")


@pytest.mark.parametrize("text", ["I've done the first one", "I did the second recommendation"])
def test_work_that_is_done_is_said_to_be_no_state(text):
    desk = Desk()
    assert "there is no other state" in ask(text, desk=desk)
    assert desk.calls == []


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("what else can you do", HELP_TEXT),
        ("what metrics do you have", HELP_TEXT),
        ("thanks, that's great", THANKS_TEXT),
        ("what was our best quarter", NOT_UNDERSTOOD_TEXT),
        ("how do I cancel my subscription", NOT_UNDERSTOOD_TEXT),
        ("who can see my data", NOT_UNDERSTOOD_TEXT),
        ("delete my account", NOT_UNDERSTOOD_TEXT),
        ("what percentage does stripe take", NOT_UNDERSTOOD_TEXT),
    ],
)
def test_message_that_needs_no_figure_reads_none(text, answer):
    desk = Desk()
    assert ask(text, desk=desk) == answer
    assert desk.calls == []
