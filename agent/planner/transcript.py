"""A conversation as the planner sees it: what was said, and what tools answered."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from agent.planner.context import PlannerContext, read_context

# A person may change the arguments of these when approving them; there is one of each in a turn.
WRITE_TOOLS = frozenset(
    ("recompute_readiness", "create_recommendation", "update_recommendation", "trigger_stripe_sync")
)


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a tool."""

    name: str
    args: Mapping[str, Any]

    @property
    def key(self) -> str:
        """What makes two calls the same."""
        if self.name in WRITE_TOOLS:
            return self.name
        return f"{self.name} {json.dumps(self.args, sort_keys=True, default=str)}"


@dataclass(frozen=True, slots=True)
class ToolAnswer:
    """What a tool answered: JSON, or a sentence if it failed."""

    text: str
    failed: bool


@dataclass(frozen=True, slots=True)
class Turn:
    """The latest message of the person, those before it, and the tool calls made since."""

    context: PlannerContext
    texts: tuple[str, ...]
    marker: str
    calls: tuple[str, ...]
    answers: Mapping[str, ToolAnswer]


def read_turn(messages: Sequence[BaseMessage]) -> Turn:
    """Read the conversation; raise ConfigurationError if no system message tells today's date."""
    systems = [str(message.text) for message in messages if isinstance(message, SystemMessage)]
    people = [n for n, message in enumerate(messages) if isinstance(message, HumanMessage)]
    since = messages[people[-1] + 1 :] if people else ()
    calls = {
        call["id"] or "": Call(call["name"], call["args"])
        for message in since
        if isinstance(message, AIMessage)
        for call in message.tool_calls
    }
    answers = {
        calls[message.tool_call_id].key: _answer(message)
        for message in since
        if isinstance(message, ToolMessage) and message.tool_call_id in calls
    }
    return Turn(
        context=read_context(systems),
        texts=tuple(str(messages[n].text) for n in people),
        marker=_marker(messages[: people[-1] + 1]) if people else "",
        calls=tuple(call.key for call in calls.values()),
        answers=answers,
    )


def _answer(message: ToolMessage) -> ToolAnswer:
    text = str(message.text)
    return ToolAnswer(text, failed=message.status == "error" or text.startswith("Error"))


def _marker(said: Sequence[BaseMessage]) -> str:
    """Return what tells this turn from any other of the conversation.

    System messages are left out: the age of the data may change while a run is repeated.
    """
    spoken = (f"{m.type}:{m.text}" for m in said if isinstance(m, HumanMessage | AIMessage))
    return "\n".join(spoken)
