"""The planner as a chat model: chunks, usage, tools, determinism."""

from __future__ import annotations

from functools import reduce
from operator import add

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.tools import tool

from agent.planner import PlannerChatModel
from domain.errors import ConfigurationError
from tests.agent.planner.fabricated import ask, messages_of, planner, system, tool_schema


@tool
def get_readiness() -> str:
    """Read the score."""
    return ""


def test_chunks_add_up_to_the_same_tool_calls_as_one_message():
    messages = messages_of("revenue and refunds from May to July and my score")
    whole = planner().invoke(messages)
    streamed = reduce(add, planner().stream(messages))
    assert [call["name"] for call in whole.tool_calls] == ["query_snapshots", "get_readiness"]
    assert streamed.tool_calls == whole.tool_calls
    assert streamed.invalid_tool_calls == []


def test_tool_call_starts_with_its_name_and_goes_on_with_arguments():
    chunks = [c for c in planner().stream(messages_of("revenue in March")) if c.tool_call_chunks]
    first, *others = [chunk.tool_call_chunks[0] for chunk in chunks]
    assert first["name"] == "query_snapshots"
    assert first["id"]
    assert first["args"] == ""
    assert len(others) > 1
    assert all(chunk["name"] is None and chunk["args"] for chunk in others)


def test_text_comes_in_small_pieces_that_add_up_exactly():
    messages = messages_of("help")
    pieces = [chunk.content for chunk in planner().stream(messages)]
    assert "".join(pieces) == planner().invoke(messages).content
    assert max(len(piece.split()) for piece in pieces) <= 3
    assert len(pieces) > 20


@pytest.mark.parametrize(("text", "reason"), [("help", "stop"), ("my score", "tool_calls")])
def test_last_chunk_tells_usage_and_why_it_ended(text, reason):
    *others, last = planner().stream(messages_of(text))
    assert last.response_metadata["finish_reason"] == reason
    assert last.response_metadata["model_name"] == "vaultra-planner"
    assert last.usage_metadata is not None
    assert all(chunk.usage_metadata is None for chunk in others)


def test_usage_counts_words():
    messages = [SystemMessage("today: 2026-11-22"), HumanMessage("thank you")]
    reply = PlannerChatModel().invoke(messages)
    assert reply.usage_metadata["input_tokens"] == 4
    assert reply.usage_metadata["output_tokens"] == len(reply.content.split())
    assert reply.usage_metadata["total_tokens"] == 4 + len(reply.content.split())


async def test_async_stream_gives_the_same_message():
    messages = messages_of("revenue in March")
    chunks = [chunk async for chunk in planner().astream(messages)]
    assert reduce(add, chunks).tool_calls == planner().invoke(messages).tool_calls


async def test_async_invocation_gives_the_same_message():
    messages = messages_of("hello")
    reply = await planner().ainvoke(messages)
    assert isinstance(reply, AIMessage)
    assert reply.content == planner().invoke(messages).content


def test_same_messages_give_the_same_call_ids():
    messages = messages_of("revenue in March and my score")
    first, second = (planner().invoke(messages).tool_calls for _ in range(2))
    assert [call["id"] for call in first] == [call["id"] for call in second]
    assert len({call["id"] for call in first}) == 2


def test_call_ids_do_not_depend_on_the_age_of_the_data():
    older, newer = messages_of("my score"), messages_of("my score")
    newer[0] = SystemMessage("today: 2026-11-22\ndata_as_of: 2026-11-22T11:00:00Z")
    ids = [planner().invoke(messages).tool_calls[0]["id"] for messages in (older, newer)]
    assert ids[0] == ids[1]


def test_same_question_later_in_the_conversation_has_other_call_ids():
    once = planner().invoke(messages_of("my score")).tool_calls
    again = planner().invoke(messages_of("my score", "my score")).tool_calls
    assert once[0]["id"] != again[0]["id"]


def test_binding_tools_leaves_the_model_itself_alone():
    model = PlannerChatModel()
    bound = model.bind_tools([get_readiness, tool_schema("calculate")])
    assert model.offered_tools == frozenset()
    assert bound.offered_tools == {"get_readiness", "calculate"}


def test_tool_that_is_not_offered_is_not_called():
    model = PlannerChatModel().bind_tools([get_readiness])
    reply = model.invoke(messages_of("revenue in March"))
    assert reply.tool_calls == []
    assert "not available in this conversation" in reply.content


def test_missing_date_is_a_clear_error():
    with pytest.raises(ConfigurationError, match="today: 2026-11-22"):
        planner().invoke([SystemMessage("You help."), HumanMessage("my score")])


@pytest.mark.parametrize("line", ["today: tomorrow", "today: 2026-13-45", "today:"])
def test_date_that_is_none_is_a_clear_error(line):
    with pytest.raises(ConfigurationError, match="today: 2026-11-22"):
        planner().invoke([SystemMessage(line), HumanMessage("my score")])


def test_date_comes_from_the_last_system_message_that_tells_one():
    messages = [
        SystemMessage("today: 2020-01-15"),
        system(),
        SystemMessage("Be brief."),
        HumanMessage("revenue"),
    ]
    (call,) = planner().invoke(messages).tool_calls
    assert call["args"]["start_month"] == "2026-10"


def test_message_in_content_blocks_is_read():
    blocks = [{"type": "text", "text": "revenue in March"}]
    (call,) = planner().invoke([system(), HumanMessage(blocks)]).tool_calls
    assert call["args"]["start_month"] == "2026-03"


def test_conversation_without_a_question_gets_help():
    assert "I can tell you about" in planner().invoke([system()]).content


def test_last_complete_month_in_january_is_december():
    messages = [SystemMessage("today: 2027-01-03"), HumanMessage("revenue")]
    (call,) = planner().invoke(messages).tool_calls
    assert call["args"]["start_month"] == "2026-12"


def test_assumed_period_is_said():
    assert "No period was named, so this is the last complete month." in ask("revenue")
