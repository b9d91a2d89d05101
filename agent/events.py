"""From the graph's parts to AG-UI events: one pure mapper that all front ends read from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from uuid import UUID, uuid4

import orjson
from ag_ui.core import (
    BaseEvent,
    CustomEvent,
    Event,
    Interrupt,
    RunErrorEvent,
    RunFinishedCancelledOutcome,
    RunFinishedEvent,
    RunFinishedInterruptOutcome,
    RunFinishedSuccessOutcome,
    RunStartedEvent,
    StateSnapshotEvent,
    TextMessageContentEvent,
    TextMessageEndEvent,
    TextMessageStartEvent,
    TokenUsage,
    ToolCallArgsEvent,
    ToolCallEndEvent,
    ToolCallResultEvent,
    ToolCallStartEvent,
)
from pydantic import TypeAdapter

from agent.parts import (
    ApprovalPart,
    Part,
    TextPart,
    ToolCallArgsPart,
    ToolCallEndPart,
    ToolCallStartPart,
    ToolResultPart,
    UsagePart,
)
from agent.progress import ATTEMPT
from db.models import Approval

PROTOCOL_VERSION = "1.0"
_EVENT: TypeAdapter[Event] = TypeAdapter(Event)
_PIECE = {"message_id", "delta"}
TERMINAL_TYPES = frozenset({"RUN_FINISHED", "RUN_ERROR"})

__all__ = [
    "PROTOCOL_VERSION",
    "TERMINAL_TYPES",
    "Event",
    "EventMapper",
    "attempt_begun",
    "encode",
    "run_started",
    "state_snapshot",
]


def encode(event: BaseEvent) -> str:
    """Return the event's JSON; absent fields are omitted, never null."""
    if isinstance(event, TextMessageContentEvent) and event.model_fields_set == _PIECE:
        # Most events are such, and the model takes ten times as long for the same bytes.
        piece = {"type": event.type, "messageId": event.message_id, "delta": event.delta}
        return orjson.dumps(piece).decode()
    return event.model_dump_json(by_alias=True)


def run_started(thread_id: UUID, client_run_id: str) -> RunStartedEvent:
    """Return the event that opens every run."""
    return RunStartedEvent(
        thread_id=str(thread_id), run_id=client_run_id, protocol_version=PROTOCOL_VERSION
    )


def state_snapshot(*, title: str | None, as_of: str | None, stale: bool) -> StateSnapshotEvent:
    """Return what a front end shows around the conversation."""
    data = {"as_of": as_of, "stale": stale} if as_of else {"stale": stale}
    return StateSnapshotEvent(snapshot={"title": title or "", "data": data})


def attempt_begun(number: int, *, void: bool) -> CustomEvent:
    """Return what tells that another attempt goes on.

    `void`: what was said since the last tool results (or the beginning) is said anew.
    """
    return CustomEvent(name=ATTEMPT, value={"attempt": number, "void": void})


class EventMapper:
    """Maps the parts of one run, in order; knows which message and calls are open."""

    def __init__(self, thread_id: UUID, client_run_id: str) -> None:
        """Start with nothing open and no tokens used."""
        self._thread_id = str(thread_id)
        self._run_id = client_run_id
        self._usage: dict[str, TokenUsage] = {}
        self._open_calls: list[str] = []
        self._unanswered: list[str] = []
        self.message_id: UUID | None = None
        self.text = ""
        self._message_ended = False
        # What has to be asked before the run can go on; not stored yet.
        self.approvals: list[Approval] = []

    def events_for(self, part: Part) -> Iterator[Event]:
        """Yield the events of a part; text that follows a tool call opens a new message."""
        match part:
            case TextPart(text):
                yield from self._text(text)
            case ToolCallStartPart(call_id, name):
                yield from self.close_message()
                self._open_calls.append(call_id)
                self._unanswered.append(call_id)
                yield ToolCallStartEvent(tool_call_id=call_id, tool_call_name=name)
            case ToolCallArgsPart(call_id, delta):
                yield ToolCallArgsEvent(tool_call_id=call_id, delta=delta)
            case ToolCallEndPart(call_id):
                self._open_calls.remove(call_id)
                yield ToolCallEndEvent(tool_call_id=call_id)
            case ToolResultPart(call_id, content):
                self._unanswered.remove(call_id)
                yield _tool_result(call_id, content)
            case UsagePart():
                self._count(part)
            case ApprovalPart(approval):
                self.approvals.append(approval)

    def _text(self, text: str) -> Iterator[Event]:
        if not text:
            return
        if self.message_id is None:
            self.message_id = uuid4()
            yield TextMessageStartEvent(message_id=str(self.message_id), role="assistant")
        self.text += text
        yield TextMessageContentEvent(message_id=str(self.message_id), delta=text)

    @property
    def is_speaking(self) -> bool:
        """Whether a message is open that has begun to say something."""
        return bool(self.text) and not self._message_ended

    def close_message(self) -> Iterator[Event]:
        """Yield the end of the open message, if there is one, once; the caller stores `text`."""
        if self.message_id is not None and not self._message_ended:
            self._message_ended = True
            yield TextMessageEndEvent(message_id=str(self.message_id))

    def message_stored(self) -> None:
        """Forget the message that has just been ended and stored."""
        self.message_id = None
        self.text = ""
        self._message_ended = False

    @property
    def owes_results(self) -> bool:
        """Whether a tool call was told whose result was not."""
        return bool(self._unanswered)

    def close_calls(self, content: str, known: Mapping[str, str]) -> Iterator[Event]:
        """Yield the ends and results that an interrupted run's tool calls still owe.

        `known` has the results of those that were carried out, by call; the others get `content`.
        """
        for call_id in self._open_calls:
            yield ToolCallEndEvent(tool_call_id=call_id)
        for call_id in self._unanswered:
            yield _tool_result(call_id, known.get(call_id, content))
        self._open_calls.clear()
        self._unanswered.clear()

    def carry(self, call_ids: Iterable[str]) -> None:
        """Take over tool calls that another run has told, and whose results this one owes."""
        self._unanswered.extend(call_ids)

    def restore(self, logged: Iterable[str]) -> None:
        """Take in the events that an earlier attempt has logged, to go on or to close them."""
        for data in logged:
            self._restore_event(_EVENT.validate_json(data))

    def _restore_event(self, event: Event) -> None:
        match event:
            case TextMessageStartEvent():
                self.message_id = UUID(event.message_id)
            case TextMessageContentEvent():
                self.text += event.delta
            case TextMessageEndEvent():
                self.message_stored()
            case ToolCallStartEvent():
                self._open_calls.append(event.tool_call_id)
                self._unanswered.append(event.tool_call_id)
            case ToolCallEndEvent():
                self._open_calls.remove(event.tool_call_id)
            case ToolCallResultEvent():
                self._unanswered.remove(event.tool_call_id)

    def _count(self, part: UsagePart) -> None:
        before = self._usage.get(part.model, TokenUsage(model=part.model))
        inputs = (before.input_tokens or 0) + part.input_tokens
        outputs = (before.output_tokens or 0) + part.output_tokens
        self._usage[part.model] = TokenUsage(
            model=part.model,
            input_tokens=inputs,
            output_tokens=outputs,
            total_tokens=inputs + outputs,
        )

    @property
    def usage(self) -> list[TokenUsage]:
        """The tokens used so far, one entry per model."""
        return list(self._usage.values())

    def usage_json(self) -> list[dict[str, Any]]:
        """Return the tokens used so far as they are stored with the run."""
        return [entry.model_dump(by_alias=True) for entry in self.usage]

    def finished(self) -> RunFinishedEvent:
        """Return the terminal event of a run that answered."""
        return RunFinishedEvent(
            thread_id=self._thread_id,
            run_id=self._run_id,
            outcome=RunFinishedSuccessOutcome(),
            usage=self.usage or None,
        )

    def interrupted(self, interrupts: list[Interrupt]) -> RunFinishedEvent:
        """Return the terminal event of a run that has to ask before its answer can go on."""
        return RunFinishedEvent(
            thread_id=self._thread_id,
            run_id=self._run_id,
            outcome=RunFinishedInterruptOutcome(interrupts=interrupts),
            usage=self.usage or None,
        )

    def cancelled(self) -> RunFinishedEvent:
        """Return the terminal event of a run that was cancelled."""
        return RunFinishedEvent(
            thread_id=self._thread_id,
            run_id=self._run_id,
            outcome=RunFinishedCancelledOutcome(),
            usage=self.usage or None,
        )

    def failed(self, code: str, message: str) -> RunErrorEvent:
        """Return the terminal event of a run that failed; the message is safe to show."""
        return RunErrorEvent(code=code, message=message, usage=self.usage or None)


def _tool_result(call_id: str, content: str) -> ToolCallResultEvent:
    return ToolCallResultEvent(
        message_id=str(uuid4()), tool_call_id=call_id, content=content, role="tool"
    )
