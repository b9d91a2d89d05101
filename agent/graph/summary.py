"""What is left of the turns that no longer fit: their last questions, and what was read for them.

Made without a model, from what was dropped and what was left before that, so that the work does
not grow with the conversation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage

from agent.graph.turns import Call, Turn

# Enough to see what "as before" may mean; a summary has some 1,600 tokens at most.
QUESTIONS = 20
QUESTION_CHARACTERS = 120
CALLS = 20
CALL_CHARACTERS = 160
_AS_OF = re.compile(r'"(?:data_)?as_of":"([^"\\]+)"')
_QUESTIONS_HEAD = (
    "Earlier turns of this conversation are left out here. The last questions in them:"
)
_CALLS_HEAD = "What was read for them; call again to have the figures:"


@dataclass(frozen=True)
class Summary:
    """The last questions, and the last distinct tool calls, of turns that were dropped."""

    questions: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()

    @classmethod
    def read(cls, content: dict[str, Any]) -> Summary:
        """Read what `content` has stored."""
        return cls(tuple(content["questions"]), tuple(content["calls"]))

    @property
    def content(self) -> dict[str, Any]:
        """What is stored."""
        return {"questions": list(self.questions), "calls": list(self.calls)}

    def after(self, dropped: Iterable[Turn]) -> Summary:
        """Return the summary that covers these turns as well."""
        questions, calls = list(self.questions), list(self.calls)
        for turn in dropped:
            questions += (_line(text, QUESTION_CHARACTERS) for text in turn.questions)
            calls += (_source(call) for call in turn.calls if not call.failed)
        # Of calls alike, the latest counts.
        distinct = list(dict.fromkeys(reversed(calls)))[:CALLS]
        return Summary(tuple(questions[-QUESTIONS:]), tuple(reversed(distinct)))

    def message(self) -> AIMessage:
        """Return the summary for a model.

        As the assistant's own: what people and tools wrote never speaks with the system's voice,
        and the planner does not take it for a question.
        """
        lines = [_QUESTIONS_HEAD, *(f'- "{question}"' for question in self.questions)]
        if self.calls:
            lines += [_CALLS_HEAD, *(f"- {call}" for call in self.calls)]
        return AIMessage("\n".join(lines))


def _line(text: str, length: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[: length - 1]}…"


def _source(call: Call) -> str:
    """Return the call and how old the data was that it read."""
    found = _AS_OF.search(call.result)
    as_of = f" (data as of {found[1][:40]})" if found else ""
    return _line(f"{call.name} {call.written}", CALL_CHARACTERS) + as_of
