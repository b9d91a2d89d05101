"""What a replay has seen and heard: plain data, so that evaluators are pure functions of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeAlias

Json: TypeAlias = Any
# Rows by their primary key, each as the digest of its content.
RowDigests: TypeAlias = Mapping[str, str]


def read_json(text: str) -> Json:
    """Parse JSON without floats; raise ValueError if it is none."""
    return json.loads(text, parse_float=Decimal)


@dataclass(frozen=True)
class ToolCall:
    """One tool call: as the events tell it, with what `agent_tool_calls` has stored of it."""

    call_id: str
    name: str
    arguments: str
    result: str | None
    stored_status: str | None = None
    stored_result: str | None = None

    @property
    def args(self) -> Json:
        """The arguments as JSON; the text itself if the model wrote no JSON."""
        return _json_or_text(self.arguments)

    @property
    def content(self) -> Json:
        """The result as JSON; the text itself where the tool answered with a sentence."""
        return _json_or_text(self.result or "")


def _json_or_text(text: str) -> Json:
    try:
        return read_json(text)
    except ValueError:
        return text


@dataclass(frozen=True)
class TurnTranscript:
    """One turn: `outcome` is success, cancelled or an error's code, told in `error`.

    Without events the request itself was refused.
    """

    question: str
    answer: str
    outcome: str
    events: Sequence[Mapping[str, Any]] = ()
    calls: Sequence[ToolCall] = ()
    error: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class TableContent:
    """A table's rows before and after the conversation."""

    before: RowDigests
    after: RowDigests

    @property
    def added(self) -> int:
        """How many rows are new."""
        return len(self.after.keys() - self.before.keys())

    @property
    def removed(self) -> int:
        """How many rows are gone."""
        return len(self.before.keys() - self.after.keys())

    @property
    def changed(self) -> int:
        """How many rows are there as before, with another content."""
        kept = self.before.keys() & self.after.keys()
        return sum(self.before[key] != self.after[key] for key in kept)


@dataclass(frozen=True)
class CaseTranscript:
    """A whole case: its turns, every table, and the rows of the tables that it asks about."""

    turns: Sequence[TurnTranscript]
    tables: Mapping[str, TableContent]
    rows: Mapping[str, Sequence[Mapping[str, Json]]] = field(default_factory=dict)
    model: str = ""
    prompt_version: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be; `turn` counts from 1, None is the case as a whole."""

    evaluator: str
    message: str
    turn: int | None = None


def objects_in(content: Json) -> Iterator[dict[str, Json]]:
    """Yield every object of a JSON value, the outer ones first."""
    if isinstance(content, dict):
        yield content
        for member in content.values():
            yield from objects_in(member)
    elif isinstance(content, list):
        for member in content:
            yield from objects_in(member)
