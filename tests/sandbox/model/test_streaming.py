"""What LangChain's OpenAI client makes of a scripted answer."""

import asyncio
from functools import reduce
from operator import add

from langchain_core.messages import AIMessageChunk, HumanMessage, ToolMessage

from sandbox.model import Gate, Script, Text, ToolCalls, Turn, Usage, serve
from tests.sandbox.model.conftest import Connect

ANSWER = "Revenue was 1,234.56 USD in October."


async def collect(chat, messages) -> AIMessageChunk:
    return reduce(add, [chunk async for chunk in chat.astream(messages)])


async def test_streamed_pieces_add_up_to_the_text(connect: Connect) -> None:
    async with serve(Script([Turn([Text(ANSWER, chunk=5)])])) as model:
        pieces = [chunk.text async for chunk in connect(model).astream("Revenue?")]
    assert "".join(pieces) == ANSWER
    assert max(map(len, pieces)) == 5


async def test_streamed_answer_ends_with_stop(connect: Connect) -> None:
    async with serve(Script([Turn([Text(ANSWER)])])) as model:
        answer = await collect(connect(model), "Revenue?")
    assert answer.response_metadata["finish_reason"] == "stop"


async def test_first_chunk_arrives_while_the_script_still_runs(connect: Connect) -> None:
    gate = Gate()
    async with serve(Script([Turn([Text("Early. "), gate, Text("Late.")])])) as model:
        pieces = (chunk.text async for chunk in connect(model).astream("Go"))
        early = [await anext(pieces), await anext(pieces)]
        assert not gate.opened.is_set()
        gate.open()
        late = [piece async for piece in pieces]
    assert "".join(early) == "Early. "
    assert "".join(late) == "Late."


async def test_arguments_split_across_chunks_are_reassembled(connect: Connect) -> None:
    wanted = {"metrics": ["revenue_total", "mrr"], "start_month": "2026-10", "deep": {"n": 1}}
    turn = Turn([ToolCalls([("query_snapshots", wanted)], chunk=3)])
    async with serve(Script([turn])) as model:
        answer = await collect(connect(model), "Revenue?")
    [call] = answer.tool_calls
    assert (call["name"], call["args"]) == ("query_snapshots", wanted)
    assert answer.response_metadata["finish_reason"] == "tool_calls"


async def test_name_comes_first_and_arguments_in_fragments(connect: Connect) -> None:
    async with serve(Script([Turn([ToolCalls([("lookup", {"id": 7})], chunk=4)])])) as model:
        chunks = [chunk async for chunk in connect(model).astream("Look")]
    parts = [part for chunk in chunks for part in chunk.tool_call_chunks]
    assert [part["name"] for part in parts] == ["lookup", None, None]
    assert [part["args"] for part in parts] == ["", '{"id', '":7}']


async def test_parallel_calls_stay_apart(connect: Connect) -> None:
    calls = [("get_readiness", {}), ("calculate", {"expression": "1 + 1"})]
    async with serve(Script([Turn([ToolCalls(calls, chunk=2)])])) as model:
        answer = await collect(connect(model), "Both")
    assert [(call["name"], call["args"]) for call in answer.tool_calls] == calls
    assert len({call["id"] for call in answer.tool_calls}) == 2


async def test_calls_of_two_steps_have_different_indexes(connect: Connect) -> None:
    steps = [ToolCalls([("first", {})]), ToolCalls([("second", {})])]
    async with serve(Script([Turn(steps)])) as model:
        answer = await collect(connect(model), "Both")
    assert [call["name"] for call in answer.tool_calls] == ["first", "second"]


async def test_text_before_tool_calls_is_kept(connect: Connect) -> None:
    async with serve(Script([Turn([Text("Let me look."), ToolCalls([("lookup", {})])])])) as model:
        answer = await collect(connect(model), "Look")
    assert answer.text == "Let me look."
    assert [call["name"] for call in answer.tool_calls] == ["lookup"]


async def test_usage_arrives_with_the_stream(connect: Connect) -> None:
    turn = Turn([Text("Hi")], usage=Usage(900, 20, cached_tokens=512))
    async with serve(Script([turn])) as model:
        usage = (await collect(connect(model), "Hello")).usage_metadata
    assert usage is not None
    assert (usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]) == (900, 20, 920)
    assert usage["input_token_details"]["cache_read"] == 512


async def test_usage_is_not_streamed_unless_asked_for(connect: Connect) -> None:
    async with serve(Script([Turn([Text("Hi")])])) as model:
        answer = await collect(connect(model, stream_usage=False), "Hello")
    assert answer.usage_metadata is None


async def test_estimated_usage_grows_with_the_answer(connect: Connect) -> None:
    script = Script([Turn([Text("Short")]), Turn([Text("Long " * 100)])])
    async with serve(script) as model:
        short = await collect(connect(model), "Hello")
        long = await collect(connect(model), "Hello")
    assert 0 < short.usage_metadata["output_tokens"] < long.usage_metadata["output_tokens"]


async def test_tool_result_is_quoted_in_the_next_answer(connect: Connect) -> None:
    script = Script(
        [
            Turn([ToolCalls([("query_snapshots", {})])], user="revenue"),
            Turn([Text("It was {totals[0].value}.")], after_tool="query_snapshots"),
        ]
    )
    async with serve(script) as model:
        chat = connect(model)
        question = HumanMessage("What was our revenue?")
        called = await collect(chat, [question])
        result = ToolMessage(
            '{"totals": [{"value": "1234.56"}]}', tool_call_id=called.tool_calls[0]["id"]
        )
        answer = await collect(chat, [question, called, result])
    assert answer.text == "It was 1234.56."


async def test_answer_without_streaming_is_the_same(connect: Connect) -> None:
    turn = Turn([Text(ANSWER), ToolCalls([("lookup", {"id": 7})])], usage=Usage(5, 6))
    async with serve(Script([turn])) as model:
        answer = await connect(model).ainvoke("Revenue?")
    assert answer.text == ANSWER
    assert [(call["name"], call["args"]) for call in answer.tool_calls] == [("lookup", {"id": 7})]
    assert answer.usage_metadata["total_tokens"] == 11


async def test_what_the_model_was_sent_is_recorded(connect: Connect) -> None:
    async with serve(Script([Turn([Text("Hi")], repeat=True)])) as model:
        await collect(connect(model), "First")
        await connect(model).ainvoke("Second")
    assert [body["messages"][-1]["content"] for body in model.requests] == ["First", "Second"]
    assert [body.get("stream") for body in model.requests] == [True, False]


async def test_client_that_leaves_midway_is_noticed(connect: Connect) -> None:
    gate = Gate()
    async with serve(Script([Turn([Text("Early"), gate, Text("Late")])])) as model:
        stream = connect(model).astream("Go")
        await anext(stream)
        await gate.reached.wait()
        assert not gate.abandoned.is_set()
        await stream.aclose()
        await asyncio.wait_for(gate.abandoned.wait(), timeout=60)
