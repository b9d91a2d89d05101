"""What the script needs to know of the conversation that a request brings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

# The model's instructions may stand anywhere, also behind what the person or a tool said last.
INSTRUCTIONS = ("system", "developer")


@dataclass(frozen=True, slots=True)
class Conversation:
    """The last user message, and the results of the tools called since (names and texts)."""

    user: str
    tools: Sequence[str]
    results: Sequence[str]

    @classmethod
    def read(cls, messages: Sequence[dict[str, Any]]) -> Self:
        """Read OpenAI's messages, which must have passed validation."""
        spoken = [message for message in messages if message["role"] not in INSTRUCTIONS]
        users = [message_text(message) for message in spoken if message["role"] == "user"]
        trailing: list[dict[str, Any]] = []
        while spoken and spoken[-1]["role"] == "tool":
            trailing.insert(0, spoken.pop())
        names = _called_names(messages)
        return cls(
            user=users[-1] if users else "",
            tools=[names[message["tool_call_id"]] for message in trailing],
            results=[message_text(message) for message in trailing],
        )


def message_text(message: dict[str, Any]) -> str:
    """Return the text of a message, whose content is a string, a list of parts or absent."""
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content)


def _called_names(messages: Sequence[dict[str, Any]]) -> dict[str, str]:
    return {
        call["id"]: call["function"]["name"]
        for message in messages
        for call in message.get("tool_calls") or ()
    }
