"""What follows from figures is asked of the calculator, so that it has a source."""

from __future__ import annotations

from typing import Any

import pytest

from agent.planner import PlannerChatModel
from domain.periods import Month
from tests.agent.planner.contract import check
from tests.agent.planner.fabricated import (
    READ_TOOLS,
    Desk,
    ask,
    figure,
    messages_of,
    play,
    snapshots,
    tool_schema,
)

AVERAGE = "What was our average monthly revenue over the last 3 months?"


def expressions(text: str, **replies: Any) -> list[str]:
    desk = Desk(replies=replies)
    ask(text, desk=desk)
    for name, args in desk.calls:
        check(name, args)
    return [args["expression"] for name, args in desk.calls if name == "calculate"]


def without_calculator(text: str) -> tuple[str, list[str]]:
    tools = [tool_schema(name) for name in READ_TOOLS if name != "calculate"]
    desk = Desk()
    answer = play(PlannerChatModel().bind_tools(tools), messages_of(text), desk)
    return answer, [name for name, _ in desk.calls]


def in_currency(code: str, *values: str) -> dict[str, Any]:
    """Revenue of the months to October in a currency."""
    first = Month(2026, 11 - len(values))
    reply = snapshots(["revenue_total"], str(first), "2026-10")
    for month, value in zip(reply["months"], values, strict=True):
        month["figures"][0] |= {"value": value, "currency": code}
    reply["totals"][0]["currency"] = code
    return reply


def test_average_is_calculated_from_the_months_that_were_read():
    assert expressions(AVERAGE) == ["round((8000.55 + 9000.55 + 10000.55) / 3, 2)"]


def test_average_that_is_told_is_the_calculators_result():
    reply = {"expression": "…", "result": "1234.56"}
    answer = ask(AVERAGE, desk=Desk(replies={"calculate": reply}))
    assert "**Revenue, average per month: $1,234.56** (of 3 complete months)" in answer


@pytest.mark.parametrize(
    ("code", "values", "told"),
    [
        ("usd", ("10.00", "10.01"), "$10.00"),  # 10.005: halves go to even
        ("usd", ("10.00", "10.00", "10.02"), "$10.01"),
        ("jpy", ("1000", "1003", "1003"), "¥1,002"),
        ("kwd", ("1.000", "1.001", "1.001"), "1.001 KWD"),
    ],
)
def test_average_is_rounded_to_the_currencys_smallest_unit(code, values, told):
    desk = Desk(replies={"query_snapshots": in_currency(code, *values)})
    answer = ask(f"average revenue of the last {len(values)} months", desk=desk)
    assert f"average per month: {told}** (of {len(values)} complete months)" in answer


def test_average_of_a_count_has_one_decimal():
    assert expressions("average number of orders per month in Q3") == [
        "round((726 + 826 + 926) / 3, 1)"
    ]


def test_month_that_is_not_over_is_no_part_of_an_average():
    assert expressions("average monthly revenue since September") == [
        "round((9000.55 + 10000.55) / 2, 2)"
    ]


def test_average_of_many_months_is_calculated_from_their_total():
    # February 2025 to November 2026 add up to 143,012.10, of which 11,000.55 is November.
    assert expressions("average monthly revenue ever") == ["round((143012.10 - 11000.55) / 21, 2)"]


def test_average_of_too_many_months_without_a_total_is_not_told():
    desk = Desk()
    answer = ask("average mrr in the last 36 months", desk=desk)
    assert "Monthly recurring revenue: no average, as these are too many months" in answer
    assert [name for name, _ in desk.calls] == ["query_snapshots"]


def test_one_month_has_no_average():
    assert "Revenue: no average" in ask("average revenue since October")


@pytest.mark.parametrize("text", ["average refund rate in Q3", "average order value in Q3"])
def test_ratio_or_average_of_a_period_is_read_and_not_averaged_again(text):
    assert expressions(text) == []


def test_averages_of_two_metrics_are_two_calculations():
    answer = ask("average monthly revenue and orders in Q3")
    assert "**Revenue, average per month: $8,000.55** (of 3 complete months)" in answer
    assert "**Charges, average per month: 826** (of 3 complete months)" in answer


def test_average_can_be_asked_for_afterwards():
    desk = Desk()
    answer = ask("refunds in the last 2 months", "and on average?", desk=desk)
    assert desk.calls[1] == ("calculate", {"expression": "round((9000.55 + 10000.55) / 2, 2)"})
    assert "Refunds, average per month: $9,500.55" in answer


def test_months_and_total_are_told_where_there_is_no_calculator():
    answer, called = without_calculator(AVERAGE)
    assert called == ["query_snapshots"]
    assert answer.startswith("I have no calculator in this conversation")
    assert "| August 2026 | $8,000.55 |" in answer
    assert "| **Total** | **$27,001.65** |" in answer
    assert "average per month" not in answer


def test_share_is_left_out_where_there_is_no_calculator():
    answer, _ = without_calculator("what is 3% of my revenue in March?")
    assert answer.startswith("**Revenue in March 2026: $3,000.55**\n\nI have no calculator")


def test_refused_calculation_leaves_the_figures_standing():
    reply = "Error: The result is too large to be an amount of money."
    answer = ask(AVERAGE, desk=Desk(replies={"calculate": reply}))
    assert answer.startswith("That could not be calculated: The result is too large")
    assert "$27,001.65" in answer


def test_share_of_a_figure_is_calculated_from_its_exact_value():
    assert expressions("what is 3% of my revenue in March?") == ["round(3 / 100 * 3000.55, 2)"]


@pytest.mark.parametrize(
    "text",
    [
        "what percentage of revenue went to fees in March?",
        "fees as a percentage of revenue in March",
        "how much of our revenue went to stripe fees in March",
    ],
)
def test_amount_as_a_percentage_of_another_is_calculated(text):
    reply = snapshots(["fees", "revenue_total"], "2026-03", "2026-03")
    fees = figure("fees", "90.00", Month(2026, 3), Month(2026, 3))
    reply["months"][0]["figures"][0] = fees
    desk = Desk(replies={"query_snapshots": reply})
    answer = ask(text, desk=desk)
    assert desk.calls[1] == ("calculate", {"expression": "round(100 * 90.00 / 3000.55, 2)"})
    assert answer.startswith("**Fees in March 2026 as a percentage of revenue: 3.00 %**")


@pytest.mark.parametrize("value", ["0.00", None])
def test_percentage_of_nothing_is_not_calculated(value):
    revenue = figure("revenue_total", value, Month(2026, 3), Month(2026, 3))
    reply = snapshots(["fees", "revenue_total"], "2026-03", "2026-03")
    reply["months"][0]["figures"][1] = revenue
    assert expressions("fees as a percentage of revenue in March", query_snapshots=reply) == []


def test_best_month_is_one_of_the_months_that_were_read():
    desk = Desk()
    assert "Highest: September 2026, $9,000.55" in ask("best month in Q3", desk=desk)
    assert [name for name, _ in desk.calls] == ["query_snapshots"]
