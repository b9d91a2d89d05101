"""Each evaluator passes what is right, and catches a fault that was planted for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evals import effects, evaluators, sources
from evals.judging import judge
from evals.transcript import CaseTranscript, TableContent
from tests.evals.heard import call, case, figure, findings, hearing_of, turn_of

OCTOBER = {"metric": "revenue_total", "period": "2026-10", "value": "7220.35"}
SNAPSHOTS = call(
    "query_snapshots",
    {"months": [{"month": "2026-10", "figures": [figure("7220.35")]}]},
    metrics=["revenue_total"],
    start_month="2026-10",
)
RIGHT = turn_of("Revenue in October 2026: **$7,220.35**", SNAPSHOTS)


def test_right_answer_has_no_findings() -> None:
    expect = {
        "tools": [{"name": "query_snapshots", "args": {"start_month": "2026-10"}}],
        "figures": [OCTOBER],
        "answer": {"contains": ["october 2026"], "not_contains": ["$0"], "matches": "7,220"},
        "events": ["RUN_STARTED", "TOOL_CALL_RESULT", "RUN_FINISHED"],
    }
    assert findings(expect, RIGHT) == []


def test_other_outcome_is_found_with_its_reason() -> None:
    failed = replace(RIGHT, outcome="model_error", error="cut off", answer="")
    [sentence] = evaluators.outcome(hearing_of({}, failed))
    assert "model_error (cut off), expected success" in sentence
    assert not list(evaluators.outcome(hearing_of({"outcome": "model_error"}, failed)))


def test_expected_error_that_did_not_come_is_found() -> None:
    [sentence] = evaluators.outcome(hearing_of({"outcome": "invalid_input"}, RIGHT))
    assert "success, expected invalid_input" in sentence


@pytest.mark.parametrize(
    ("events", "told"),
    [
        ([], "no events"),
        (RIGHT.events[1:], "expected RUN_STARTED"),
        (RIGHT.events[:-1], "terminal"),
        ([*RIGHT.events, RIGHT.events[-1]], "terminal"),
    ],
)
def test_stream_without_its_ends_is_found(events, told) -> None:
    [sentence] = evaluators.stream(hearing_of({}, replace(RIGHT, events=events)))
    assert told in sentence


def test_call_without_result_is_found() -> None:
    unanswered = replace(SNAPSHOTS, result=None)
    [sentence] = evaluators.stream(hearing_of({}, replace(RIGHT, calls=[unanswered])))
    assert "query_snapshots has no result" in sentence


def test_result_that_was_not_the_stored_one_is_found() -> None:
    other = replace(SNAPSHOTS, stored_result="{}")
    [sentence] = evaluators.stream(hearing_of({}, replace(RIGHT, calls=[other])))
    assert "stored result of query_snapshots" in sentence


def test_refused_request_needs_no_events() -> None:
    refused = turn_of("", outcome="invalid_input", events=())
    assert findings({"outcome": "invalid_input"}, refused) == []


def tool_findings(expect, *calls) -> list[str]:
    return list(evaluators.tools(hearing_of(expect, turn_of("Your score is 61.", *calls))))


SCORE, STATUS = call("get_readiness", {"score": 61}), call("get_sync_status", {}, number=2)


def test_tool_that_was_not_called_is_found() -> None:
    [sentence] = tool_findings({"tools": [{"name": "get_readiness"}]})
    assert "get_readiness was not called" in sentence


def test_tool_called_with_other_arguments_is_found() -> None:
    expect = {"tools": [{"name": "query_snapshots", "args": {"start_month": "2026-09"}}]}
    [sentence] = tool_findings(expect, SNAPSHOTS)
    assert sentence == "query_snapshots.args.start_month is '2026-10', expected '2026-09'"


def test_tool_with_another_result_is_found() -> None:
    [sentence] = tool_findings(
        {"tools": [{"name": "get_readiness", "result": {"score": 62}}]}, SCORE
    )
    assert "get_readiness.result.score is 61" in sentence


def test_result_that_is_a_sentence_is_matched_as_text() -> None:
    refused = call("trigger_stripe_sync", "Error: A viewer may not do this.")
    expect = {"name": "trigger_stripe_sync", "result": {"regex": "^Error: A viewer"}}
    assert not tool_findings({"tools": [expect]}, refused)
    assert tool_findings({"tools": [expect]}, replace(refused, result='{"state": "queued"}'))


def test_one_call_too_many_is_found_unless_more_are_allowed() -> None:
    expect = {"tools": [{"name": "get_readiness"}]}
    [sentence] = tool_findings(expect, SCORE, STATUS)
    assert "1 calls were expected" in sentence
    assert not tool_findings({**expect, "more_tools": True}, SCORE, STATUS)


def test_calls_in_another_order_are_found_unless_unordered() -> None:
    expect = {"tools": [{"name": "get_sync_status"}, {"name": "get_readiness"}]}
    assert any("get_readiness was not called" in s for s in tool_findings(expect, SCORE, STATUS))
    assert not tool_findings({**expect, "unordered": True}, SCORE, STATUS)


def test_unordered_calls_of_one_tool_are_told_apart_by_their_arguments() -> None:
    calls = [call("calculate", {}, number=n, expression=e) for n, e in enumerate(["1+1", "2+2"])]
    wanted = [{"name": "calculate", "args": {"expression": e}} for e in ("2+2", "1+1")]
    assert not tool_findings({"tools": wanted, "unordered": True}, *calls)
    wrong = [wanted[0], {"name": "calculate", "args": {"expression": "3+3"}}]
    assert tool_findings({"tools": wrong, "unordered": True}, *calls)


def test_any_call_is_found_where_none_was_to_be_made() -> None:
    [sentence] = tool_findings({"no_tools": True}, SCORE)
    assert "get_readiness" in sentence


def test_value_that_the_answer_does_not_quote_is_found() -> None:
    expect = {"tools": [{"name": "get_readiness", "quoted": ["score"]}]}
    assert not tool_findings(expect, SCORE)
    [sentence] = tool_findings(expect, call("get_readiness", {"score": 62}))
    assert "does not tell get_readiness.result.score, 62" in sentence


def test_every_quoted_text_of_a_list_must_be_told_whatever_its_markdown() -> None:
    listed = call("list_recommendations", {"items": [{"t": "cut_refunds"}, {"t": "Raise *it*"}]})
    expect = {"tools": [{"name": "list_recommendations", "quoted": ["items[*].t"]}]}
    said = turn_of("1. **Cut refunds**\n2. Raise \\*it\\*", listed)
    assert not list(evaluators.tools(hearing_of(expect, said)))
    half = turn_of("1. **Cut refunds**", listed)
    assert "Raise *it*" in next(iter(evaluators.tools(hearing_of(expect, half))))


def test_quoted_place_that_the_result_does_not_have_is_found() -> None:
    [sentence] = tool_findings({"tools": [{"name": "get_readiness", "quoted": ["tier"]}]}, SCORE)
    assert "has no tier to quote" in sentence


@pytest.mark.parametrize(
    ("expect", "answer", "told"),
    [
        ({}, " ", "is empty"),
        ({"contains": ["October"]}, "In November.", "does not contain 'October'"),
        ({"not_contains": ["guarantee"]}, "We GUARANTEE it.", "contains 'guarantee'"),
        ({"matches": r"\d{4}"}, "None.", "does not match"),
    ],
)
def test_answer_with_other_words_is_found(expect, answer, told) -> None:
    [sentence] = evaluators.answer(hearing_of({"answer": expect}, turn_of(answer)))
    assert told in sentence


def test_event_that_did_not_come_is_found() -> None:
    expect = {"events": ["TEXT_MESSAGE_START", "TOOL_CALL_START"]}
    [sentence] = evaluators.events(hearing_of(expect, RIGHT))
    assert "no TOOL_CALL_START where it was expected" in sentence


def figure_findings(expected: dict, answer: str, *calls) -> list[str]:
    return list(sources.figures(hearing_of({"figures": [expected]}, turn_of(answer, *calls))))


def test_figure_that_the_answer_does_not_tell_is_found() -> None:
    [sentence] = figure_findings(OCTOBER, "It was $7,220.", SNAPSHOTS)
    assert "does not tell 7220.35" in sentence


def test_figure_that_no_tool_returned_is_found() -> None:
    [sentence] = figure_findings(OCTOBER, "It was $7,220.35.")
    assert "no tool result holds revenue_total of 2026-10" in sentence
    [sentence] = figure_findings({"value": "7220.35"}, "It was $7,220.35.")
    assert "no tool result holds 7220.35" in sentence


def test_figure_of_another_period_is_no_source() -> None:
    september = {"period_start": "2026-09-01", "period_end": "2026-09-30"}
    other = call("query_snapshots", [figure("7220.35", **september)])
    [sentence] = figure_findings(OCTOBER, "It was $7,220.35.", other)
    assert "no tool result holds" in sentence


def test_figure_with_another_value_in_the_tool_result_is_found() -> None:
    wrong = call("query_snapshots", [figure("7220.36")])
    [sentence] = figure_findings(OCTOBER, "It was $7,220.35.", wrong)
    assert "'7220.36' in a tool result, expected 7220.35" in sentence


def test_figure_without_snapshots_is_found() -> None:
    groundless = call("query_snapshots", [figure("7220.35", snapshot_ids=[])])
    [sentence] = figure_findings(OCTOBER, "It was $7,220.35.", groundless)
    assert "does not name the snapshots" in sentence


def test_month_to_date_counts_as_its_month() -> None:
    partial = call("query_snapshots", [figure("7220.35", period_end="2026-10-21")])
    assert not figure_findings(OCTOBER, "It was $7,220.35 so far.", partial)


def test_missing_figure_with_a_value_or_without_a_reason_is_found() -> None:
    expected = {"metric": "mrr", "period": "2026-10", "missing": True}
    reasoned = call("query_snapshots", [figure(None, "mrr", missing_reason="not read")])
    assert not figure_findings(expected, "It is not known.", reasoned)
    for wrong in (figure("0.00", "mrr"), figure(None, "mrr")):
        [sentence] = figure_findings(expected, "None.", call("query_snapshots", [wrong]))
        assert "expected none and a reason" in sentence


def test_change_with_another_value_is_found() -> None:
    earlier = figure("10000.00", period_start="2026-09-01", period_end="2026-09-30")
    compared = {"first": earlier, "second": figure("7220.35"), "change": "-2779.65"}
    expected = {**OCTOBER, "compared_with": "2026-09", "value": "-2779.65"}
    right = call("compare_periods", compared)
    assert not figure_findings(expected, "down $2,779.65", right)
    wrong = call("compare_periods", {**compared, "change": "2779.65"})
    [sentence] = figure_findings(expected, "down $2,779.65", wrong)
    assert "expected -2779.65" in sentence
    [sentence] = figure_findings(expected, "down $2,779.65", SNAPSHOTS)
    assert "no tool result holds the change" in sentence


def ungrounded(answer: str, *calls, **expect) -> list[str]:
    return list(sources.grounding(hearing_of(expect, turn_of(answer, *calls))))


@pytest.mark.parametrize(
    "answer", ["It was $7,220.36.", "Growth of 12.3 %.", "About 7,200 dollars.", "Since 2019."]
)
def test_number_from_nowhere_is_found(answer) -> None:
    [sentence] = ungrounded(answer, SNAPSHOTS)
    assert "is in no tool result of the turn" in sentence


@pytest.mark.parametrize(
    "answer",
    [
        "It was $7,220.35.",
        "Your score is 61 of 100, on a scale of 0-100.",
        "In the 12 months from October 2026 to January 2027.",
        "It was 50 % of 22.",
    ],
)
def test_number_with_a_source_or_too_short_for_one_is_not_found(answer) -> None:
    assert ungrounded(answer, SNAPSHOTS) == []


def test_score_of_100_needs_a_source_where_it_is_no_scale() -> None:
    assert ungrounded("You have 100 customers.", SNAPSHOTS)


def test_number_of_the_question_needs_no_other_source() -> None:
    asked = turn_of("You asked about 54,321.", question="Is 54321 much?")
    assert not list(sources.grounding(hearing_of({}, asked)))


def test_grounding_is_off_only_with_a_reason() -> None:
    assert ungrounded("About 7,200.", ungrounded="the model may round here") == []


TABLES = {
    "recommendations": TableContent(before={"1": "a", "2": "b"}, after={"1": "a", "2": "c"}),
    "users": TableContent(before={"1": "a"}, after={"1": "a"}),
    "agent_messages": TableContent(before={}, after={"1": "a"}),
}


def change_findings(tables=TABLES, **written) -> list[str]:
    _, one = case(**written)
    return list(effects.changes(one, CaseTranscript(turns=[], tables=tables)))


def test_change_that_the_case_does_not_name_is_found() -> None:
    [sentence] = change_findings()
    assert sentence == "recommendations: 1 changed, expected no change"


def test_change_of_other_size_or_kind_is_found() -> None:
    assert change_findings(changes={"recommendations": {"changed": 1}}) == []
    assert change_findings(changes={"recommendations": "any"}) == []
    [sentence] = change_findings(changes={"recommendations": {"changed": 1, "added": 1}})
    assert sentence == "recommendations: 1 changed, expected 1 added and 1 changed"


def test_row_that_is_replaced_is_not_a_changed_row() -> None:
    swapped = {"users": TableContent(before={"1": "a"}, after={"2": "a"})}
    [sentence] = change_findings(swapped, changes={"users": {"changed": 1}})
    assert sentence == "users: 1 added and 1 removed, expected 1 changed"


def test_expected_change_is_judged_even_where_others_are_not() -> None:
    assert change_findings(nothing_else_changed=False) == []
    [sentence] = change_findings(nothing_else_changed=False, changes={"users": {"added": 1}})
    assert sentence == "users: no change, expected 1 added"


ROWS = {"recommendations": [{"status": "accepted", "priority": "low"}, {"status": "pending"}]}


def row_findings(*expectations) -> list[str]:
    _, one = case(rows={"recommendations": list(expectations)})
    return list(effects.rows(one, CaseTranscript(turns=[], tables={}, rows=ROWS)))


def test_rows_are_counted_and_compared() -> None:
    accepted = {"where": {"status": "accepted"}, "count": 1}
    assert row_findings({**accepted, "equal": {"priority": "low"}}, {"count": 2}) == []
    [sentence] = row_findings({**accepted, "count": {"gte": 2}})
    assert sentence.startswith("the number of recommendations by status is 1")
    [sentence] = row_findings({**accepted, "equal": {"priority": "high"}})
    assert sentence == "recommendations.priority is 'low', expected 'high'"


def test_every_evaluator_is_applied_and_names_itself_and_its_turn() -> None:
    expect = {
        "outcome": "cancelled",
        "no_tools": True,
        "answer": {"contains": ["November"]},
        "events": ["RUN_ERROR"],
        "figures": [{"value": "1.23"}],
    }
    wrong = turn_of("It was $7,220.36.", SNAPSHOTS, events=RIGHT.events[1:])
    dataset, one = case({"expect": expect}, rows={"users": [{"count": 1}]})
    transcript = CaseTranscript(turns=[wrong], tables=TABLES)
    found = {(f.evaluator, f.turn) for f in judge(one, dataset.setting_of(one), transcript)}
    of_turn = {"outcome", "stream", "tools", "answer", "events", "figures", "grounding"}
    assert found == {(name, 1) for name in of_turn} | {("rows", None), ("changes", None)}


def test_same_fault_in_two_places_is_told_once() -> None:
    twice = call("query_snapshots", [figure("7220.36"), figure("7220.36")])
    found = findings({"figures": [OCTOBER]}, turn_of("It was $7,220.35.", twice))
    assert [one.evaluator for one in found] == ["figures", "grounding"]
