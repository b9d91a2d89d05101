"""The tables of README.md that follow from the code: the tools and the events.

Run `python -m tests.readme_tables` to write them again.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from uuid import UUID

from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from agent.events import (
    Event,
    EventMapper,
    attempt_begun,
    encode,
    run_started,
    state_snapshot,
)
from agent.parts import (
    TextPart,
    ToolCallArgsPart,
    ToolCallEndPart,
    ToolCallStartPart,
    ToolResultPart,
    UsagePart,
)
from agent.tools.catalogue import CATALOGUE
from domain.access import PERMISSIONS, Permission, Role

README = Path(__file__).resolve().parent.parent / "README.md"

WHEN: Mapping[str, str] = {
    "RUN_STARTED": "first, once",
    "STATE_SNAPSHOT": "before the answer: the conversation's title, how old the data is",
    "TOOL_CALL_START": "the model asks for a tool",
    "TOOL_CALL_ARGS": "a piece of the call's JSON arguments",
    "TOOL_CALL_END": "the arguments are complete",
    "TOOL_CALL_RESULT": "the tool has answered; `content` is what the model sees",
    "TEXT_MESSAGE_START": "the answer begins; `messageId` is the id it is stored under",
    "TEXT_MESSAGE_CONTENT": "a piece of the answer",
    "TEXT_MESSAGE_END": "the message is complete and stored",
    "CUSTOM": "`vaultra.attempt`: another worker goes on; with `void`, half a round is said anew",
    "RUN_FINISHED": (
        "last, once: `outcome.type` is `success`, `cancelled`, or `interrupt` with what a person"
        " has to approve"
    ),
    "RUN_ERROR": "last, once, instead: `message` may be shown to a person",
}


def tools_table() -> str:
    """Return the Markdown table of the agent's tools, in the order of the catalogue."""
    rows = [_tool_row(tool, permission) for tool, permission in CATALOGUE]
    return _table(("tool", "arguments", "roles", "what it does"), rows)


def _tool_row(tool: BaseTool, permission: Permission) -> tuple[str, ...]:
    function = convert_to_openai_tool(tool)["function"]
    required = function["parameters"].get("required") or ()
    arguments = [
        f"`{name}`" if name in required else f"`{name}`?"
        for name in function["parameters"].get("properties", {})
    ]
    roles = [role.value for role in Role if permission in PERMISSIONS[role]]
    return f"`{tool.name}`", ", ".join(arguments), ", ".join(roles), _first_sentence(function)


def _first_sentence(function: Mapping[str, str]) -> str:
    sentence, *_ = re.split(r"(?<=\.)\s", function["description"].strip(), maxsplit=1)
    return sentence.rstrip(".")


def events_table() -> str:
    """Return the Markdown table of the events, with the members that the mapper gives them."""
    members: dict[str, dict[str, None]] = {}
    for event in _sample():
        content = json.loads(encode(event))
        name = content.pop("type")
        members.setdefault(name, {}).update(dict.fromkeys(content))
    rows = [
        (f"`{name}`", ", ".join(f"`{key}`" for key in keys), WHEN[name])
        for name, keys in members.items()
    ]
    return _table(("event", "members", "when"), rows)


def _sample() -> Iterator[Event]:
    """Yield every kind of event once, from a run that calls a tool and then answers."""
    thread, run = UUID(int=0), "run"
    mapper = EventMapper(thread, run)
    yield run_started(thread, run)
    yield state_snapshot(title="title", as_of="2026-11-22T00:00:00Z", stale=False)
    for part in (
        ToolCallStartPart("call", "get_readiness"),
        ToolCallArgsPart("call", "{}"),
        ToolCallEndPart("call"),
        ToolResultPart("call", "{}"),
        TextPart("text"),
        UsagePart("model", 1, 1),
    ):
        yield from mapper.events_for(part)
    yield from mapper.close_message()
    yield attempt_begun(2, void=True)
    yield mapper.finished()
    yield mapper.failed("code", "message")


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def with_tables(readme: str) -> str:
    """Return the README with both tables as the code has them now."""
    return _replaced(_replaced(readme, "tools", tools_table()), "events", events_table())


def _replaced(text: str, name: str, table: str) -> str:
    start, end = f"<!-- {name}:start -->", f"<!-- {name}:end -->"
    before, _, rest = text.partition(start)
    _, _, after = rest.partition(end)
    return f"{before}{start}\n{table}\n{end}{after}"


def main() -> int:
    """Write the tables into README.md; return the exit status."""
    README.write_text(with_tables(README.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
