"""The bytes on the wire, as OpenAI sends them."""

import json
from typing import Any

import aiohttp

from sandbox.model import Script, Text, ToolCalls, Turn, Usage, serve

ASK = {"model": "gpt-5", "messages": [{"role": "user", "content": "Hello"}]}


async def streamed(turn: Turn, **settings: Any) -> tuple[list[dict[str, Any]], str]:
    async with serve(Script([turn])) as model, aiohttp.ClientSession() as session:
        request = session.post(
            f"{model.url}/chat/completions",
            json={**ASK, "stream": True, **settings},
            headers={"Authorization": "Bearer sk-test"},
        )
        async with request as response:
            assert response.content_type == "text/event-stream"
            body = await response.text()
    *lines, done = body.removesuffix("\n\n").split("\n\n")
    return [json.loads(line.removeprefix("data: ")) for line in lines], done


async def test_stream_ends_with_done() -> None:
    _, done = await streamed(Turn([Text("Hi")]))
    assert done == "data: [DONE]"


async def test_role_comes_first_and_alone() -> None:
    chunks, _ = await streamed(Turn([Text("Hi")]))
    assert chunks[0]["choices"][0]["delta"] == {
        "role": "assistant",
        "content": "",
        "refusal": None,
    }
    assert all("role" not in chunk["choices"][0]["delta"] for chunk in chunks[1:])


async def test_all_chunks_of_an_answer_share_identity() -> None:
    chunks, _ = await streamed(Turn([Text("A longer text than one chunk", chunk=4)]))
    shared = {(chunk["id"], chunk["object"], chunk["created"], chunk["model"]) for chunk in chunks}
    [(identity, kind, _, name)] = shared
    assert identity.startswith("chatcmpl-")
    assert (kind, name) == ("chat.completion.chunk", "gpt-5")


async def test_finish_reason_stands_only_in_the_last_choice() -> None:
    chunks, _ = await streamed(Turn([Text("One two three", chunk=4)]))
    reasons = [chunk["choices"][0]["finish_reason"] for chunk in chunks]
    assert reasons == [None] * (len(chunks) - 1) + ["stop"]


async def test_tool_call_opens_with_its_name_and_empty_arguments() -> None:
    chunks, _ = await streamed(Turn([ToolCalls([("a", {}), ("b", {"x": 1})])]))
    parts = [
        part for chunk in chunks for part in chunk["choices"][0]["delta"].get("tool_calls", ())
    ]
    heads = [part for part in parts if "id" in part]
    assert [(head["index"], head["type"], head["function"]) for head in heads] == [
        (0, "function", {"name": "a", "arguments": ""}),
        (1, "function", {"name": "b", "arguments": ""}),
    ]
    tails = [part for part in parts if "id" not in part]
    assert [tail["index"] for tail in tails] == [0, 1]
    assert all(set(tail) == {"index", "function"} for tail in tails)


async def test_usage_chunk_has_no_choices_and_comes_last() -> None:
    turn = Turn([Text("Hi")], usage=Usage(3, 4))
    chunks, _ = await streamed(turn, stream_options={"include_usage": True})
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["total_tokens"] == 7
    assert all(chunk["usage"] is None for chunk in chunks[:-1])
