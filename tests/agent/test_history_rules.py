"""Whatever rows there are, what is sent is what a provider accepts, and it is bounded."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from agent.context import CANCELLED
from agent.graph.summary import CALLS, QUESTIONS, Summary
from agent.graph.trimming import BUDGET_TOKENS, MAX_TURNS, trim
from agent.graph.turns import SHORT_RESULT_CHARACTERS, Call, Reply, Turn, read_turns, shorten
from agent.provider import ProviderChatModel
from db.models import Message, ToolCallRecord
from db.repositories.history import HistoryRow
from db.session import Database
from sandbox.model.refusal import RefusedError
from sandbox.model.validation import check_request
from tests.agent.stored_past import Past
from tests.factories import Shop

START = datetime(2026, 11, 1, tzinfo=UTC)
MODEL = ProviderChatModel(model="scripted", api_key="sk-test")
IDS = st.integers(0, 2**128 - 1).map(lambda number: UUID(int=number))
MOMENTS = st.integers(0, 60).map(lambda seconds: START + timedelta(seconds=seconds))
RUNS = st.sampled_from([None, *(UUID(int=n) for n in range(1, 5))])
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
LONG = TEXTS.map(lambda text: text * 400)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**31), 2**31) | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
ROLES = st.sampled_from(["user", "assistant", "assistant", "tool", "system", "developer", ""])
STATUSES = st.sampled_from(["running", "succeeded", "failed"])
# Few of them: providers count their calls from one in every answer.
CALL_IDS = st.sampled_from([f"call_{n}" for n in range(6)])

MESSAGES = st.builds(
    HistoryRow,
    kind=st.just("message"),
    turn_id=RUNS,
    asked_at=MOMENTS,
    id=IDS,
    name=ROLES,
    text=TEXTS | LONG,
    call_id=st.none(),
    arguments=st.none(),
    status=st.none(),
    created_at=MOMENTS,
    finished_at=st.none(),
)
CALL_ROWS = st.builds(
    HistoryRow,
    kind=st.just("call"),
    turn_id=RUNS.filter(bool),
    asked_at=MOMENTS,
    id=IDS,
    name=st.sampled_from(["calculate", "query_snapshots"]),
    text=st.none() | TEXTS | LONG,
    call_id=CALL_IDS,
    arguments=JSON_VALUES,
    status=STATUSES,
    created_at=MOMENTS,
    finished_at=st.none() | MOMENTS,
)
ROWS = st.lists(
    MESSAGES | CALL_ROWS, max_size=30, unique_by=lambda row: (row.turn_id, row.call_id or row.id)
)


def check(messages: list[BaseMessage]) -> None:
    """Raise RefusedError for what OpenAI would refuse, as it goes over the wire."""
    body = MODEL._body(messages, ())
    check_request(json.loads(orjson.dumps(body)), ())


def request_of(rows: list[HistoryRow]) -> list[BaseMessage]:
    trimmed = trim(read_turns(rows))
    told = [message for turn in trimmed.kept for message in turn.messages()]
    summary = Summary().after(trimmed.dropped)
    return [SystemMessage("prompt"), summary.message(), *told, HumanMessage("And?")]


def test_check_refuses_a_call_without_its_result() -> None:
    reply = Reply("", (Call("call_1", "calculate", {}, "42", failed=False),))
    with pytest.raises(RefusedError, match="must be followed by tool messages"):
        check([HumanMessage("?"), next(reply.messages()), HumanMessage("!")])


@settings(max_examples=150, deadline=None)
@given(ROWS)
@example([])
def test_request_made_of_any_rows_is_accepted(rows: list[HistoryRow]) -> None:
    check(request_of(rows))


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=ROWS)
async def test_request_made_of_any_stored_rows_is_accepted(
    database: Database, shop: Shop, rows: list[HistoryRow]
) -> None:
    past = await Past(database, shop).begin()
    known = {
        run_id: past.run() for run_id in sorted({r.turn_id for r in rows if r.turn_id}, key=str)
    }
    await past.store(*known.values())
    await past.store(*(_stored(past, row, known) for row in rows))
    past.at = START + timedelta(hours=1)
    messages = await past.ask("And?")
    check(messages)
    assert messages[-1].text == "And?"


def _stored(past: Past, row: HistoryRow, known: dict[UUID, Any]) -> Message | ToolCallRecord:
    run = known[row.turn_id] if row.turn_id else None
    if row.kind == "message":
        message = past.message(row.name, row.text or "", run)
        message.created_at = row.created_at
        return message
    assert run is not None
    call = past.call(run, row.name, row.text)
    call.call_id, call.arguments, call.status = row.call_id or "", row.arguments, row.status
    call.created_at, call.finished_at = row.created_at, row.finished_at
    # NULL is not what JSON's null is.
    call.arguments = {} if row.arguments is None else row.arguments
    return call


@given(ROWS)
def test_every_result_and_every_word_of_the_rows_is_in_a_turn_once(rows: list[HistoryRow]) -> None:
    turns = read_turns(rows)
    calls = [call for turn in turns for call in turn.calls]
    results = [row.text for row in rows if row.kind == "call"]
    assert sorted(call.result for call in calls) == sorted(
        CANCELLED if result is None else result for result in results
    )
    assert len({call.call_id for call in calls}) == len(calls)
    told = sorted(
        t for turn in turns for t in (*turn.questions, *(r.text for r in turn.replies)) if t
    )
    said = [row.text or "" for row in rows if row.name in ("user", "assistant")]
    assert told == sorted(text for text in said if text.strip())


CALLS_MADE = st.builds(
    Call,
    call_id=CALL_IDS,
    name=st.just("query_snapshots"),
    arguments=st.dictionaries(st.sampled_from("ab"), st.integers(0, 9)),
    result=st.integers(0, 20_000).map(lambda length: "9" * length),
    failed=st.booleans(),
)
TURNS = st.lists(
    st.builds(
        Turn,
        asked_at=MOMENTS,
        last_message_id=st.none(),
        questions=st.integers(0, 8_000).map(lambda length: ("q" * length,)),
        replies=st.lists(
            st.builds(Reply, text=TEXTS, calls=st.lists(CALLS_MADE, max_size=3).map(tuple)),
            max_size=3,
        ).map(tuple),
    ),
    max_size=60,
)


@settings(deadline=None)
@given(TURNS)
def test_what_is_kept_fits_and_is_the_end_of_the_conversation(turns: list[Turn]) -> None:
    trimmed = trim(turns)
    assert sum(turn.tokens for turn in trimmed.kept) <= BUDGET_TOKENS
    assert len(trimmed.kept) <= MAX_TURNS
    assert [*trimmed.dropped] == turns[: len(trimmed.dropped)]
    assert [turn.questions for turn in trimmed.kept] == [
        turn.questions for turn in turns[len(trimmed.dropped) :]
    ]


@settings(deadline=None)
@given(TURNS)
def test_trimming_what_was_kept_changes_nothing_more(turns: list[Turn]) -> None:
    trimmed = trim(turns)
    again = trim(turns[len(trimmed.dropped) :])
    assert (again.kept, again.dropped) == (trimmed.kept, ())


@settings(deadline=None)
@given(TURNS, st.integers(0, 60))
def test_summary_in_steps_is_the_summary_at_once(turns: list[Turn], cut: int) -> None:
    at_once = Summary().after(turns)
    assert Summary().after(turns[:cut]).after(turns[cut:]) == at_once
    assert Summary.read(json.loads(json.dumps(at_once.content))) == at_once
    assert len(at_once.questions) <= QUESTIONS
    assert len(at_once.calls) <= CALLS


@given(st.lists(st.tuples(TEXTS, st.decimals(0, 10**9, places=2)), max_size=200))
def test_shortened_result_never_ends_within_a_figure(items: list[tuple[str, Any]]) -> None:
    figures = [{"name": name, "value": f"{value:,}"} for name, value in items]
    result = orjson.dumps({"figures": figures}).decode()
    short = shorten(result)
    if len(result) <= SHORT_RESULT_CHARACTERS:
        assert short == result
    else:
        left = short[: short.rindex(" [shortened: ")]
        assert result.startswith(f'{left},"')
        assert len(left) < SHORT_RESULT_CHARACTERS
