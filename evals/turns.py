"""From a run's events and stored tool calls to the transcript of a turn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from db.models import ToolCallRecord
from evals.expectations import CANCELLED, SUCCESS
from evals.transcript import ToolCall, TurnTranscript

UNFINISHED = "unfinished"
Events = Sequence[Mapping[str, Any]]


def read_turn(
    question: str, events: Events, stored: Sequence[ToolCallRecord], *, seconds: float
) -> TurnTranscript:
    """Return the turn as its events tell it; `outcome` is unfinished without a terminal event."""
    outcome, error = _ending(events[-1] if events else {})
    return TurnTranscript(
        question=question,
        answer=_answer(events),
        outcome=outcome,
        error=error,
        events=events,
        calls=tuple(_calls(events, {record.call_id: record for record in stored})),
        seconds=seconds,
    )


def _ending(last: Mapping[str, Any]) -> tuple[str, str]:
    if last.get("type") == "RUN_ERROR":
        return str(last.get("code")), str(last.get("message"))
    if last.get("type") != "RUN_FINISHED":
        return UNFINISHED, "the run has not ended in time"
    kind = last.get("outcome", {}).get("type")
    return (CANCELLED if kind == CANCELLED else SUCCESS), ""


def _answer(events: Events) -> str:
    """Return all that was said, a blank line between two messages."""
    messages: dict[str, str] = {}
    for event in events:
        if event["type"] == "TEXT_MESSAGE_CONTENT":
            said = messages.get(event["messageId"], "")
            messages[event["messageId"]] = said + event["delta"]
    return "\n\n".join(messages.values())


def _calls(events: Events, stored: Mapping[str, ToolCallRecord]) -> Iterator[ToolCall]:
    arguments: dict[str, str] = {}
    results: dict[str, str] = {}
    for event in events:
        if event["type"] == "TOOL_CALL_ARGS":
            call_id = event["toolCallId"]
            arguments[call_id] = arguments.get(call_id, "") + event["delta"]
        elif event["type"] == "TOOL_CALL_RESULT":
            results[event["toolCallId"]] = event["content"]
    for event in events:
        if event["type"] == "TOOL_CALL_START":
            call_id = event["toolCallId"]
            record = stored.get(call_id)
            yield ToolCall(
                call_id=call_id,
                name=event["toolCallName"],
                arguments=arguments.get(call_id, ""),
                result=results.get(call_id),
                stored_status=record.status if record else None,
                stored_result=record.result if record else None,
            )
