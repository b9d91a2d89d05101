"""What the graph produces while it runs: plain parts, not yet events of a protocol."""

from __future__ import annotations

from dataclasses import dataclass

from db.models import Approval


@dataclass(frozen=True, slots=True)
class TextPart:
    """A piece of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCallStartPart:
    """The model has begun a tool call."""

    call_id: str
    name: str


@dataclass(frozen=True, slots=True)
class ToolCallArgsPart:
    """A piece of a tool call's JSON arguments."""

    call_id: str
    delta: str


@dataclass(frozen=True, slots=True)
class ToolCallEndPart:
    """The tool call's arguments are complete."""

    call_id: str


@dataclass(frozen=True, slots=True)
class ToolResultPart:
    """What the model sees of the tool call."""

    call_id: str
    content: str


@dataclass(frozen=True, slots=True)
class UsagePart:
    """Tokens of one model call; those that the provider's cache gave or took are input as well."""

    model: str
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0


@dataclass(frozen=True, slots=True)
class ApprovalPart:
    """A tool call waits for a person; the approval is not stored yet."""

    approval: Approval


Part = (
    TextPart
    | ToolCallStartPart
    | ToolCallArgsPart
    | ToolCallEndPart
    | ToolResultPart
    | UsagePart
    | ApprovalPart
)
