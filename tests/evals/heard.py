"""Turns and cases made up for the evaluators: what was expected, and what was heard."""

from __future__ import annotations

import json
from typing import Any

from evals.cases import Case, Dataset
from evals.hearing import Hearing
from evals.judging import judge
from evals.transcript import CaseTranscript, Finding, TableContent, ToolCall, TurnTranscript

GIVEN = {"business": "cd_shop", "synced_at": "2026-11-22T05:00:00Z"}


def case(*turns: dict[str, Any], **more: Any) -> tuple[Dataset, Case]:
    """Return a case of a dataset of its own."""
    asked = [{"user": "What was our revenue?", **turn} for turn in turns or ({},)]
    written = {"id": "one", "description": "made up", "turns": asked, **more}
    dataset = Dataset.model_validate(
        {"format": 1, "description": "made up", "given": GIVEN, "cases": [written]}
    )
    return dataset, dataset.cases[0]


def call(name: str, result: Any, *, number: int = 1, **args: Any) -> ToolCall:
    """Return a call that succeeded; a result that is no text is JSON."""
    content = result if isinstance(result, str) else json.dumps(result)
    return ToolCall(f"call_{number}", name, json.dumps(args), content, "succeeded", content)


def stream_of(answer: str, *calls: ToolCall) -> list[dict[str, Any]]:
    """Return the events of a run that called the tools and answered."""
    called = [
        event
        for one in calls
        for event in (
            {"type": "TOOL_CALL_START", "toolCallId": one.call_id, "toolCallName": one.name},
            {"type": "TOOL_CALL_ARGS", "toolCallId": one.call_id, "delta": one.arguments},
            {"type": "TOOL_CALL_END", "toolCallId": one.call_id},
            {"type": "TOOL_CALL_RESULT", "toolCallId": one.call_id, "content": one.result},
        )
    ]
    return [
        {"type": "RUN_STARTED"},
        *called,
        {"type": "TEXT_MESSAGE_START", "messageId": "m"},
        {"type": "TEXT_MESSAGE_CONTENT", "messageId": "m", "delta": answer},
        {"type": "TEXT_MESSAGE_END", "messageId": "m"},
        {"type": "RUN_FINISHED", "outcome": {"type": "success"}},
    ]


def turn_of(answer: str, *calls: ToolCall, **more: Any) -> TurnTranscript:
    """Return a turn that went well unless told otherwise."""
    heard = {
        "question": "What was our revenue?",
        "answer": answer,
        "outcome": "success",
        "events": stream_of(answer, *calls),
        "calls": calls,
    }
    return TurnTranscript(**{**heard, **more})


def findings(
    expect: dict[str, Any], heard: TurnTranscript, tables: dict[str, TableContent] | None = None
) -> list[Finding]:
    """Return what all evaluators find in a case of one turn."""
    dataset, one = case({"user": heard.question, "expect": expect})
    transcript = CaseTranscript(turns=[heard], tables=tables or {})
    return judge(one, dataset.setting_of(one), transcript)


def hearing_of(expect: dict[str, Any], heard: TurnTranscript) -> Hearing:
    """Return what an evaluator of a turn is given."""
    dataset, one = case({"user": heard.question, "expect": expect})
    return Hearing(one.turns[0], heard, dataset.setting_of(one))


def figure(value: str | None, metric: str = "revenue_total", **more: Any) -> dict[str, Any]:
    """Return a figure of October 2026 as a tool returns it."""
    return {
        "metric": metric,
        "value": value,
        "unit": "money",
        "period_start": "2026-10-01",
        "period_end": "2026-10-31",
        "snapshot_ids": ["0b0e4c1e-0000-4000-8000-000000000001"],
        **more,
    }
