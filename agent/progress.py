"""How far a run has come, read from its own log: what a later attempt, or the run after an
approval, goes on from.

The log is written before anything of it is told, and in order, so nothing else has to be kept for
this: no checkpoint, and one way for a crash and for an approval (decision 30).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage

from agent.context import ERROR, UNREADABLE_CALLS

# The event that a later attempt begins with, if an earlier one has told anything.
ATTEMPT = "vaultra.attempt"


@dataclass
class LoggedCall:
    """A tool call as the log has it.

    `is_asked`: the model's answer was whole when the call was told, so it may be carried out.
    """

    call_id: str
    name: str
    arguments: str = ""
    is_asked: bool = False
    result: str | None = None


@dataclass
class Round:
    """One answer of the model, with what came of its calls."""

    text: str = ""
    message_ids: list[str] = field(default_factory=list)
    calls: list[LoggedCall] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        """Whether all its calls have their results, so that what follows is another round."""
        return bool(self.calls) and all(call.result is not None for call in self.calls)

    @property
    def is_whole(self) -> bool:
        """Whether the model had said all of it, and it is not the last: that ends the run."""
        return any(call.is_asked or call.result is not None for call in self.calls)


@dataclass
class Progress:
    """The rounds of a run so far; the last one may be half of one."""

    rounds: list[Round] = field(default_factory=list)

    @property
    def has_output(self) -> bool:
        """Whether a reader may have seen anything that the model or a tool said."""
        return bool(self.rounds)

    @property
    def current(self) -> Round:
        """The round that the next event belongs to; a new one if the last is over."""
        if not self.rounds or self.rounds[-1].is_over:
            self.rounds.append(Round())
        return self.rounds[-1]

    def take(self, event: Mapping[str, Any]) -> None:
        """Take in the next event of the log."""
        match event:
            case {"type": "TEXT_MESSAGE_START", "messageId": message_id}:
                self.current.message_ids.append(message_id)
            case {"type": "TEXT_MESSAGE_CONTENT", "delta": delta}:
                self.current.text += delta
            case {"type": "TOOL_CALL_START", "toolCallId": call_id, "toolCallName": name}:
                self.current.calls.append(LoggedCall(call_id, name))
            case {"type": "TOOL_CALL_ARGS", "toolCallId": call_id, "delta": delta}:
                self._call(call_id).arguments += delta
            case {"type": "TOOL_CALL_END", "toolCallId": call_id}:
                self._call(call_id).is_asked = True
            case {"type": "TOOL_CALL_RESULT", "toolCallId": call_id, "content": content}:
                self._call(call_id).result = content
            case {"type": "CUSTOM", "name": name, "value": {"void": True}} if name == ATTEMPT:
                self.rounds.pop()

    def _call(self, call_id: str) -> LoggedCall:
        calls = (call for one in reversed(self.rounds) for call in one.calls)
        return next(call for call in calls if call.call_id == call_id)

    @property
    def unanswered(self) -> list[LoggedCall]:
        """The calls of the last round that have no result yet."""
        last = self.rounds[-1:]
        return [call for one in last for call in one.calls if call.result is None]

    def messages(self) -> Iterator[BaseMessage]:
        """Yield the rounds as a model is given them; of the last, the calls that wait as asked."""
        for one in self.rounds:
            yield _reply(one)
            if one.is_over:
                for call in one.calls:
                    yield result_message(call.call_id, call.name, str(call.result))

    def answered(self) -> dict[str, str]:
        """Return what has come of the calls of a last round that is not over, by call."""
        last = self.rounds[-1:]
        return {
            call.call_id: call.result
            for one in last
            if not one.is_over
            for call in one.calls
            if call.result is not None
        }


def read_progress(logs: Iterable[Iterable[str]]) -> Progress:
    """Read the logs of a run and of those whose question it goes on answering, in their order."""
    progress = Progress()
    for log in logs:
        for data in log:
            progress.take(orjson.loads(data))
    return progress


def _reply(one: Round) -> AIMessage:
    asked = [
        {"id": call.call_id, "name": call.name, "args": _read(call.arguments)} for call in one.calls
    ]
    # Arguments that were no JSON were not told; and those of none are told as an empty object.
    unread = [call.call_id for call in one.calls if call.result is None and not call.arguments]
    return AIMessage(one.text, tool_calls=asked, additional_kwargs={UNREADABLE_CALLS: unread})


def result_message(call_id: str, name: str, content: str) -> ToolMessage:
    """Return what came of a call as a model is given it."""
    status = "error" if content.startswith(ERROR) else "success"
    return ToolMessage(content, name=name, tool_call_id=call_id, status=status)


def _read(arguments: str) -> dict[str, Any]:
    found = orjson.loads(arguments) if arguments.strip() else {}
    return found if isinstance(found, dict) else {}
