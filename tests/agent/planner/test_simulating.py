"""What-ifs, ways to a tier, funders' floors and changes of the score, as people ask for them."""

from __future__ import annotations

from typing import Any

import pytest

from agent.planner.capabilities import NO_PROMISE
from tests.agent.planner.fabricated import Desk, ask
from tests.agent.planner.fabricated_simulations import FLOORS, PATHS, SCORE_CHANGE, SIMULATION
from tests.agent.planner.test_phrasings import first_calls

SUPPOSED = [
    ("what if our refunds were 3 %?", {"refunds": "0.03"}),
    ("What if our refund rate was 3 percent", {"refunds": "0.03"}),
    ("suppose refunds fall to 2.5 %, would that help?", {"refunds": "0.025"}),
    ("what if disputes were at 0.3 %?", {"disputes": "0.003"}),
    ("what would my score be without chargebacks", {"disputes": "0"}),
    ("what if our biggest client was under 25 %", {"concentration": "0.25"}),
    ("what if no customer was above 20%?", {"concentration": "0.20"}),
    ("what if payment failures were 4 %", {"payments": "0.04"}),
    ("what if growth were +10 %", {"growth": "0.10"}),
    ("what if we shrank by 20 %", {"growth": "-0.20"}),
    ("what if our average monthly revenue was $12k", {"scale": "12000"}),
    ("what if we made 10,000 dollars a month", {"scale": "10000"}),
    ("what if we had 12 months of history?", {"history": "12"}),
    ("what if retention was 95%", {"retention": "0.95"}),
    ("what if failed payouts were at 1 %", {"payouts": "0.01"}),
    (
        "what would my score be if refunds were 2 % and disputes 0.1 %?",
        {"refunds": "0.02", "disputes": "0.001"},
    ),
]
MONTHS = [
    ("what if we keep going like this for two more months?", 2),
    ("what happens if we wait 3 more months", 3),
    ("what if we carry on like this for 6 months", 6),
    ("12 more months like this: what is our score then?", 12),
]
WAYS = [
    ("what would it take to become funding ready?", "funding_ready"),
    ("what do we need to be highly attractive?", "highly_attractive"),
    ("What's the fastest path to funding-ready?", "funding_ready"),
    ("what would it take to be ready for a loan", "funding_ready"),
]
FLOOR_QUESTIONS = [
    "would Stripe Capital take us?",
    "which funders' floors do we meet?",
    "am I eligible for Stripe Capital",
    "do we meet Clearco's requirements?",
    "which lenders would take us",
]
CHANGES = [
    "why did my score change?",
    "why did my score go down",
    "why did my score drop",
    "has my score improved",
    "did my score change since last month",
    "why is my score lower than last month",
    "what changed in my score",
]


def answered(text: str, **replies: Any) -> str:
    return ask(text, desk=Desk(replies=replies))


@pytest.mark.parametrize(("text", "inputs"), SUPPOSED)
def test_supposition_is_simulated_with_the_values_it_names(text, inputs):
    changes = [{"input": name, "value": value} for name, value in inputs.items()]
    [(name, args)] = first_calls(text)
    assert name == "simulate_readiness"
    assert sorted(args["changes"], key=str) == sorted(changes, key=str)


@pytest.mark.parametrize(("text", "months"), MONTHS)
def test_going_on_alike_is_simulated_month_by_month(text, months):
    assert first_calls(text) == [("simulate_readiness", {"more_months": months})]


def test_payouts_may_be_supposed_to_be_enabled():
    assert first_calls("what if payouts were enabled") == [
        ("simulate_readiness", {"payouts_enabled": True})
    ]


@pytest.mark.parametrize(
    "text", ["what if refunds fell by 3 %?", "what if refunds drop", "revenue in the last 3 months"]
)
def test_nothing_is_supposed_that_was_not_said(text):
    assert "simulate_readiness" not in {name for name, _ in first_calls(text)}


@pytest.mark.parametrize(("text", "target"), WAYS)
def test_way_to_a_tier_is_looked_for(text, target):
    assert first_calls(text) == [("find_readiness_paths", {"target": target})]


def test_next_tier_is_the_one_above_the_present_one():
    desk = Desk()
    ask("what is the cheapest way to the next tier?", desk=desk)
    assert desk.calls == [
        ("get_readiness", {}),
        ("find_readiness_paths", {"target": "highly_attractive"}),
    ]


@pytest.mark.parametrize("text", FLOOR_QUESTIONS)
def test_question_about_funders_is_answered_by_their_floors(text):
    desk = Desk()
    assert NO_PROMISE in ask(text, desk=desk)
    assert desk.calls == [("check_funder_floors", {})]


@pytest.mark.parametrize("text", CHANGES)
def test_question_why_the_score_changed_is_answered_by_the_parts(text):
    assert first_calls(text) == [("explain_score_change", {})]


@pytest.mark.parametrize("text", [SUPPOSED[0][0], WAYS[0][0], FLOOR_QUESTIONS[0], CHANGES[0]])
def test_viewer_may_ask_all_of_it(text):
    assert first_calls(text, role="viewer")


def test_simulation_is_told_with_what_moved_and_what_would_bind():
    answer = ask("what if our refunds were 3 %?")
    assert answer.startswith(
        "**The score would be 58 of 100 (needs work)**, 3 points below the present"
        " 61 of 100 (funding ready)."
    )
    assert "- **Refunds** (1.0 % → 3.0 %): -0.9 points" in answer
    assert "- **History** now limits the score to 58.2: -2.6 points" in answer
    assert "What would bind then: **history** limits it to 58.2." in answer


def test_simulation_without_effect_says_until_when():
    told = SIMULATION | {
        "after": SIMULATION["before"],
        "points": 0,
        "moved": {"total": "0.0", "model": "0.0", "components": [], "caps": []},
        "no_effect": "No effect until the history is longer: history limits it to 45.0.",
    }
    answer = answered("what if our refunds were 3 %?", simulate_readiness=told)
    assert answer.startswith("**The score would stay at 61 of 100 (funding ready)**.")
    assert "No effect until the history is longer: history limits it to 45.0." in answer


def test_refused_supposition_is_told_with_the_reason():
    refused = "Error: refunds goes from 0 to 1; 3 is not. Write a share as a decimal."
    answer = answered("what if our refunds were 300 %?", simulate_readiness=refused)
    assert answer.startswith("That did not work: refunds goes from 0 to 1; 3 is not.")


def test_way_is_told_with_the_exact_value_and_the_day_to_wait_for():
    answer = ask("what would it take to become funding ready?")
    assert (
        "1. **Customer concentration**: 60.00 % now, at most 49.63 % (effort 0.16): 60 of 100"
        in answer
    )
    assert "Waiting alone reaches it on **1 February 2027**" in answer


def test_combination_is_not_told_as_a_choice():
    [path] = PATHS["paths"]
    both = path | {"steps": [*path["steps"], path["steps"][0] | {"label": "Refunds"}]}
    answer = answered(
        "what would it take to become funding ready?",
        find_readiness_paths=PATHS | {"paths": [both]},
    )
    assert "No single change reaches **funding ready**; these together do (60 of 100):" in answer


def test_tier_that_is_reached_is_said_to_be():
    answer = answered(
        "what would it take to become funding ready?",
        find_readiness_paths=PATHS | {"reached": True, "score": 63},
    )
    assert answer.startswith("**Funding ready is reached**: the score is 63 of 100.")


def test_named_funder_is_told_criterion_by_criterion():
    answer = ask("would Stripe Capital take us?")
    assert "- met: a month of 1,000 USD (yours: $9,000.00)" in answer
    assert "- cannot be seen: a steady record (The funder weighs it)" in answer
    assert "Read on 22 November 2026: docs.stripe.com/capital." in answer
    assert "Clearco" not in answer


def test_all_funders_are_told_in_short_with_what_is_missing():
    answer = ask("which funders' floors do we meet?")
    assert "- Stripe Capital (US) (docs.stripe.com/capital)" in answer
    assert "a month of 10,000 USD (yours: $9,000.00, missing: $1,000.00)" in answer
    assert "**Cannot be seen** in Stripe: Shopify Capital." in answer
    assert FLOORS["funders"][0]["source"] in answer


def test_change_of_the_score_is_told_with_both_days_and_the_sum():
    answer = ask("why did my score change?")
    assert answer.startswith(
        "**The score went from 61 of 100 (funding ready) on 20 October 2026"
        " to 58 of 100 (needs work) on 22 November 2026.**"
    )
    assert "Together: -3.5 points before rounding down." in answer


def test_change_of_the_model_is_told():
    earlier = SCORE_CHANGE["earlier"] | {"model_version": "readiness-0"}
    moved = SCORE_CHANGE["moved"] | {"model": "1.2"}
    answer = answered(
        "why did my score change?",
        explain_score_change=SCORE_CHANGE
        | {"earlier": earlier, "moved": moved, "model_changed": True},
    )
    assert "- **The model** judges otherwise than before: +1.2 points" in answer
    assert "The model changed from readiness-0 to readiness-1." in answer
