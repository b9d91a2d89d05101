"""Replays against the real thing: what a case does is seen, and nothing is left of it."""

from __future__ import annotations

from typing import Any

import pytest

from evals.judging import judge
from evals.replay import Bench
from evals.transcript import CaseTranscript, Finding
from tests.evals.heard import case

pytestmark = pytest.mark.asyncio(loop_scope="module")

# One payment: its sync takes a moment, and its only figure is plain to see.
SHOP = {"charges": [{"day": "2026-10-05", "amount": "250.00"}]}

# The recommendation, and the record of who made it.
ONE_CREATED = {"recommendations": {"added": 1}, "recommendation_changes": {"added": 1}}


async def replay(
    bench: Bench, *turns: dict[str, Any], **more: Any
) -> tuple[CaseTranscript, list[Finding]]:
    given = {"business": SHOP, **more.pop("given", {})}
    dataset, one = case(*turns, given=given, **more)
    setting = dataset.setting_of(one)
    transcript = await bench.replay(one, setting)
    return transcript, judge(one, setting, transcript)


def script(*answers: dict[str, Any]) -> dict[str, Any]:
    return {"model": {"script": list(answers)}}


async def test_change_that_nobody_expected_is_caught(bench: Bench) -> None:
    create = {"user": "Create a recommendation to follow up on refunds"}
    _, found = await replay(bench, create)
    assert found == [
        Finding("changes", "recommendations: 1 added, expected no change"),
        Finding("changes", "recommendation_changes: 1 added, expected no change"),
    ]


async def test_each_replay_begins_with_the_same_rows(bench: Bench) -> None:
    create = {"user": "Create a recommendation to follow up on refunds"}
    for _ in range(2):
        _, found = await replay(bench, create, changes=ONE_CREATED)
        assert found == []


async def test_rows_are_read_after_the_last_turn(bench: Bench) -> None:
    turns = [{"user": "Create a recommendation to follow up on refunds"}, {"user": "Thanks"}]
    rows = {"recommendations": [{"where": {"title": {"contains": "refunds"}}, "count": 1}]}
    transcript, found = await replay(bench, *turns, rows=rows, changes=ONE_CREATED)
    assert found == []
    assert [turn.question for turn in transcript.turns] == [turn["user"] for turn in turns]


async def test_model_that_invents_a_figure_is_caught(bench: Bench) -> None:
    lie = {"says": "Your revenue in October was $99,999.99."}
    figures = [{"metric": "revenue_total", "period": "2026-10", "value": "250.00"}]
    _, found = await replay(bench, {"expect": {"figures": figures}}, given=script(lie))
    told = [(one.evaluator, one.message) for one in found]
    assert ("grounding", "99,999.99") in [(name, text.split()[0]) for name, text in told]
    assert {name for name, _ in told} == {"figures", "grounding"}


async def test_model_that_quotes_its_tool_passes(bench: Bench) -> None:
    ask = {
        "tool": "query_snapshots",
        "args": {"metrics": ["revenue_total"], "start_month": "2026-10", "end_month": "2026-10"},
    }
    say = {"says": "Your revenue in October was {totals[0].value} USD."}
    figures = [{"metric": "revenue_total", "period": "2026-10", "value": "250.00"}]
    expect = {"figures": figures, "tools": [{"name": "query_snapshots"}]}
    transcript, found = await replay(bench, {"expect": expect}, given=script({"calls": [ask]}, say))
    assert found == []
    assert transcript.model == "scripted"


async def test_model_without_an_answer_is_an_outcome_and_not_a_crash(bench: Bench) -> None:
    turns = [
        {"expect": {"answer": {"contains": ["hello"]}}},
        {"expect": {"outcome": "model_error"}},
    ]
    transcript, found = await replay(bench, *turns, given=script({"says": "Hello."}))
    assert found == []
    assert transcript.turns[1].error


async def test_tool_calls_are_those_that_were_stored(bench: Bench) -> None:
    transcript, _ = await replay(bench, {"user": "What was our revenue in October?"})
    [call] = transcript.turns[0].calls
    assert (call.stored_status, call.stored_result) == ("succeeded", call.result)
    assert call.content["totals"][0]["value"] == "250.00"


@pytest.mark.parametrize(("role", "calls"), [("owner", 1), ("admin", 1), ("viewer", 0)])
async def test_person_has_the_role_that_is_given(bench: Bench, role, calls) -> None:
    recompute = {"user": "Recompute my score"}
    transcript, _ = await replay(bench, recompute, given={"role": role})
    assert len(transcript.turns[0].calls) == calls


async def test_clock_stands_at_now(bench: Bench) -> None:
    later = {"now": "2027-03-01T12:00:00Z"}
    transcript, _ = await replay(bench, {"user": "What was our revenue last month?"}, given=later)
    [call] = transcript.turns[0].calls
    assert call.args["start_month"] == "2027-02"


async def test_ledger_written_by_hand_arrives_as_it_is_written(bench: Bench) -> None:
    lines = [
        {"day": "2026-10-05", "amount": "10.00", "times": 3, "fee": "0.59"},
        {"day": "2026-10-06", "amount": "20.00", "declined": True},
        {"day": "2026-10-07", "amount": "30.00", "refund": {"day": "2026-10-08", "amount": "5.50"}},
        {
            "day": "2026-10-09",
            "amount": "40.00",
            "dispute": {"day": "2026-10-10", "outcome": "won", "closed": "2026-11-02"},
        },
    ]
    metrics = ("revenue_total", "charge_count", "refund_amount", "chargeback_amount", "fees")
    ask = {
        "tool": "query_snapshots",
        "args": {"metrics": list(metrics), "start_month": "2026-10", "end_month": "2026-10"},
    }
    transcript, _ = await replay(
        bench, given={"business": {"charges": lines}, **script({"calls": [ask]}, {"says": "Ok."})}
    )
    [call] = transcript.turns[0].calls
    values = {figure["metric"]: figure["value"] for figure in call.content["totals"]}
    assert values == {
        "revenue_total": "100.00",
        "charge_count": "5",
        "refund_amount": "5.50",
        "chargeback_amount": "40.00",
        "fees": "1.77",
    }
