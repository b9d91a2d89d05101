"""How far a script has been played, and everything it was asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sandbox.model.conversation import Conversation
from sandbox.model.script import ANY_TOOL, Script, ScriptError, Turn


@dataclass(slots=True)
class Playback:
    """A script being played: one for the life of a server."""

    script: Script
    requests: list[dict[str, Any]] = field(default_factory=list)
    unanswered: list[dict[str, Any]] = field(default_factory=list)
    refused: list[tuple[dict[str, Any], str]] = field(default_factory=list)
    answering: int = 0
    _used: set[int] = field(default_factory=set)

    def next_turn(self, conversation: Conversation) -> Turn:
        """Take the turn that answers this conversation; raise ScriptError if none is left."""
        for index, turn in enumerate(self.script.turns):
            if index not in self._used and answers(turn, conversation):
                if not turn.repeat:
                    self._used.add(index)
                return turn
        said = "a tool result" if conversation.tools else "the last user message"
        raise ScriptError(f"No turn of the script that is still unused answers {said}.")


def answers(turn: Turn, conversation: Conversation) -> bool:
    """Tell whether a turn's conditions fit a conversation."""
    if turn.user is not None and turn.user.casefold() not in conversation.user.casefold():
        return False
    if turn.after_tool is None:
        return turn.user is None or not conversation.tools
    if turn.after_tool == ANY_TOOL:
        return bool(conversation.tools)
    return turn.after_tool in conversation.tools
