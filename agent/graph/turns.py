"""A conversation's rows as turns, and turns as the messages that a model accepts.

A turn is what was asked at once, with everything that answered it. Whatever the rows are, a call
is given with its result, and a result with its call.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from itertools import groupby
from typing import Any
from uuid import UUID

import orjson
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from agent.answer import CallIds
from agent.context import CANCELLED
from db.repositories.history import HistoryRow, RowKind
from services.budgets import BYTES_A_TOKEN

# How much of a result is left where it had to be shortened: one figure with its source.
SHORT_RESULT_CHARACTERS = 600


@dataclass(frozen=True)
class Call:
    """A tool call with what the model saw of it."""

    call_id: str
    name: str
    arguments: dict[str, Any]
    result: str
    failed: bool

    @cached_property
    def written(self) -> str:
        """The arguments as JSON."""
        return orjson.dumps(self.arguments).decode()

    def shortened(self) -> Call:
        """Return the call with the beginning of its result, if that is a long one."""
        return replace(self, result=shorten(self.result))


@dataclass(frozen=True)
class Reply:
    """One message of the assistant: text, tool calls, or both."""

    text: str
    calls: tuple[Call, ...] = ()

    def messages(self) -> Iterator[BaseMessage]:
        """Yield the message, and behind it the result of each of its calls."""
        asked = [{"id": c.call_id, "name": c.name, "args": c.arguments} for c in self.calls]
        yield AIMessage(self.text, tool_calls=asked)
        for call in self.calls:
            status = "error" if call.failed else "success"
            yield ToolMessage(call.result, name=call.name, tool_call_id=call.call_id, status=status)


@dataclass(frozen=True)
class Turn:
    """What was asked at once, and everything that answered it.

    `asked_at` is when the run was asked for; of messages without a run, the last one's time: what
    was written later belongs to later turns. `last_message_id` is None where a run has left calls
    but no message.
    """

    asked_at: datetime
    last_message_id: UUID | None
    questions: tuple[str, ...]
    replies: tuple[Reply, ...]

    @property
    def calls(self) -> Iterator[Call]:
        """The tool calls in their order."""
        return (call for reply in self.replies for call in reply.calls)

    @cached_property
    def tokens(self) -> int:
        """About how many tokens the turn takes."""
        texts = [*self.questions, *(reply.text for reply in self.replies)]
        for call in self.calls:
            texts += (call.name, call.written, call.result)
        return sum(len(text.encode()) for text in texts) // BYTES_A_TOKEN + 1

    def shortened(self) -> Turn:
        """Return the turn with the beginnings of its long results."""
        replies = (
            replace(reply, calls=tuple(call.shortened() for call in reply.calls))
            for reply in self.replies
        )
        return replace(self, replies=tuple(replies))

    def messages(self) -> Iterator[BaseMessage]:
        """Yield the turn as a model is given it."""
        for question in self.questions:
            yield HumanMessage(question)
        for reply in self.replies:
            yield from reply.messages()


def shorten(result: str) -> str:
    """Return the beginning of a long result, with a note of that; never a part of a figure."""
    if len(result) <= SHORT_RESULT_CHARACTERS:
        return result
    # In our JSON a comma before a quotation mark ends a value; one within a figure does not.
    end = result.rfind(',"', 0, SHORT_RESULT_CHARACTERS)
    if end == -1:
        end = max(result.rfind(" ", 0, SHORT_RESULT_CHARACTERS), 0)
    return f"{result[:end]} [shortened: {end} of {len(result)} characters; call again for the rest]"


def read_turns(rows: Iterable[HistoryRow]) -> list[Turn]:
    """Return the turns that the rows amount to, the oldest first; a turn may be empty."""
    by_turn: dict[UUID, list[HistoryRow]] = {}
    alone: list[HistoryRow] = []
    for row in rows:
        (alone if row.turn_id is None else by_turn.setdefault(row.turn_id, [])).append(row)
    groups = [*by_turn.values(), *_exchanges(alone)]
    groups.sort(key=lambda group: (group[0].asked_at, str(group[0].turn_id)))
    ids = CallIds()
    return [_with_distinct_calls(_turn(group), ids) for group in groups]


def _with_distinct_calls(turn: Turn, ids: CallIds) -> Turn:
    """Give calls another id where a provider would not take theirs: used before, or too long."""
    replies = (
        replace(
            reply, calls=tuple(replace(call, call_id=ids.own(call.call_id)) for call in reply.calls)
        )
        for reply in turn.replies
    )
    return replace(turn, replies=tuple(replies))


def _exchanges(alone: list[HistoryRow]) -> Iterator[list[HistoryRow]]:
    """Group messages without a run: each question begins a turn."""
    group: list[HistoryRow] = []
    for row in sorted(alone, key=lambda row: (row.created_at, row.id)):
        if row.name == "user" and group:
            yield group
            group = []
        group.append(row)
    if group:
        yield group


def _turn(rows: Sequence[HistoryRow]) -> Turn:
    # A row in another role than these two is no message of ours: a result without its call, say.
    said = [row for row in rows if row.kind == RowKind.MESSAGE and row.name in _ROLES]
    said.sort(key=lambda row: (row.created_at, row.id))
    answers = [row for row in said if row.name == "assistant"]
    return Turn(
        asked_at=max(row.asked_at for row in rows),
        last_message_id=said[-1].id if said else None,
        questions=tuple(
            row.text for row in said if row.name == "user" and row.text and row.text.strip()
        ),
        replies=tuple(_replies(answers, [row for row in rows if row.kind == RowKind.CALL])),
    )


_ROLES = ("user", "assistant")
_FAILED = ("failed", "denied")


def _replies(answers: Sequence[HistoryRow], calls: Iterable[HistoryRow]) -> Iterator[Reply]:
    """Yield the assistant's messages as they came.

    A message is stored while the calls that it asked for run, so what was stored before a round
    of calls ended belongs before it.
    """
    texts = [(row.created_at, row.text) for row in answers if row.text and row.text.strip()]
    for ended_at, together in _rounds(calls):
        *before, last = [text for at, text in texts if at < ended_at] or [""]
        texts = [(at, text) for at, text in texts if at >= ended_at]
        yield from map(Reply, before)
        yield Reply(last, together)
    yield from (Reply(text) for _, text in texts)


def _rounds(calls: Iterable[HistoryRow]) -> Iterator[tuple[datetime, tuple[Call, ...]]]:
    """Yield the calls that a model asked for at once, and when the last of them had ended.

    A model is asked again when all its calls have ended: those that overlap belong together.
    """
    numbered: list[tuple[int, HistoryRow]] = []
    number, ended_at = 0, None
    for row in sorted(calls, key=lambda row: (row.created_at, row.id)):
        if ended_at is not None and row.created_at >= ended_at:
            number += 1
        ended_at = max(ended_at or row.created_at, row.finished_at or row.created_at)
        numbered.append((number, row))
    for _, group in groupby(numbered, key=lambda pair: pair[0]):
        rows = sorted((row for _, row in group), key=lambda row: row.id)
        yield max(row.finished_at or row.created_at for row in rows), tuple(map(_call, rows))


def _call(row: HistoryRow) -> Call:
    return Call(
        call_id=row.call_id or str(row.id),
        name=row.name,
        arguments=row.arguments if isinstance(row.arguments, dict) else {},
        result=CANCELLED if row.text is None else str(row.text),
        failed=row.text is None or row.status in _FAILED,
    )
