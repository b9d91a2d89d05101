"""From a turn to what goes over the wire, in order. Pure: playing it is the server's part."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, TypeAlias

from sandbox.model.quotation import quote, quote_arguments
from sandbox.model.script import (
    INSTEAD,
    LAST,
    PAUSES,
    Disconnect,
    Garbage,
    Gate,
    NoFinish,
    NotJson,
    Stall,
    Status,
    Step,
    Text,
    ToolCalls,
    Turn,
)


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk of the answer: OpenAI's `delta`, and in the last one the reason to finish."""

    delta: dict[str, Any]
    finish_reason: str | None = None


Action: TypeAlias = Chunk | Stall | Gate | Garbage | Status | NotJson | Disconnect | NoFinish


def plan(turn: Turn, result: str | None) -> list[Action]:
    """Return the actions that play a turn; `result` is the last tool result, for quotations.

    Raises ScriptError if the turn quotes what the result does not have.
    """
    pauses = list(takewhile(lambda step: isinstance(step, PAUSES), turn.steps))
    rest = turn.steps[len(pauses) :]
    if rest and isinstance(rest[0], INSTEAD):
        return [*_play(pauses, result), rest[0]]
    return _cut([*_play(pauses, result), _opening(rest), *_play(rest, result), *_ending(turn)])


def _opening(steps: Sequence[Step]) -> Chunk:
    speaks = any(isinstance(step, Text) for step in steps)
    calls = any(isinstance(step, ToolCalls) for step in steps)
    content = None if calls and not speaks else ""
    return Chunk({"role": "assistant", "content": content, "refusal": None})


def _play(steps: Sequence[Step], result: str | None) -> Iterator[Action]:
    calls = 0
    for step in steps:
        if isinstance(step, Text):
            deltas = [{"content": piece} for piece in _pieces(quote(step.text, result), step.chunk)]
            yield from _paced(deltas, step.delay)
        elif isinstance(step, ToolCalls):
            yield from _paced(_call_deltas(step, calls, result), step.delay)
            calls += len(step.calls)
        else:
            yield step


def _call_deltas(step: ToolCalls, first: int, result: str | None) -> list[dict[str, Any]]:
    deltas: list[dict[str, Any]] = []
    ids = step.ids or [f"call_{secrets.token_hex(12)}" for _ in step.calls]
    calls = zip(ids, step.calls, strict=True)
    for index, (call_id, (name, arguments)) in enumerate(calls, start=first):
        function = {"name": name, "arguments": ""}
        head = {"index": index, "id": call_id, "type": "function", "function": function}
        quoted = quote_arguments(dict(arguments), result)
        text = json.dumps(quoted, separators=(",", ":")) if step.raw is None else step.raw
        parts = [
            {"index": index, "function": {"arguments": piece}}
            for piece in _pieces(text, step.chunk)
        ]
        deltas += [{"tool_calls": [part]} for part in (head, *parts)]
    return deltas


def _paced(deltas: Sequence[dict[str, Any]], delay: float) -> Iterator[Action]:
    for position, delta in enumerate(deltas):
        if delay and position:
            yield Stall(delay)
        yield Chunk(delta)


def _pieces(text: str, size: int) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


def _ending(turn: Turn) -> list[Action]:
    if isinstance(turn.steps[-1], LAST):
        return []
    return [_finish(called=any(isinstance(step, ToolCalls) for step in turn.steps))]


def _finish(*, called: bool) -> Chunk:
    return Chunk({}, "tool_calls" if called else "stop")


def _cut(actions: list[Action]) -> list[Action]:
    last = actions[-1]
    if isinstance(last, Disconnect) and last.finished:
        called = any("tool_calls" in act.delta for act in actions if isinstance(act, Chunk))
        return [*actions[:-1], _finish(called=called), last]
    if not isinstance(last, Disconnect) or last.after is None:
        return actions
    sent = [place for place, act in enumerate(actions) if isinstance(act, Chunk | Garbage)]
    return [*actions[: [*sent, len(actions) - 1][min(last.after, len(sent))]], last]
