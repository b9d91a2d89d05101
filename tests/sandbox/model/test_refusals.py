"""Requests that OpenAI would not take are not taken."""

from typing import Any

import aiohttp
import openai
import pytest

from sandbox.model import Script, Text, Turn, serve
from tests.sandbox.model.conftest import Connect

SCRIPT = Script([Turn([Text("Hi")], repeat=True)])
USER = {"role": "user", "content": "Hello"}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "{}"}


EMPTY = {"type": "text", "text": ""}


def calling(*ids: str, name: str = "lookup") -> dict[str, Any]:
    function = {"name": name, "arguments": "{}"}
    calls = [{"id": name, "type": "function", "function": function} for name in ids]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def tool(parameters: Any, name: str = "lookup", **function: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": parameters, **function}}


async def post(
    body: Any, script: Script = SCRIPT, path: str = "chat/completions"
) -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": "Bearer sk-test"}
    async with (
        serve(script) as model,
        aiohttp.ClientSession(headers=headers) as session,
        session.post(f"{model.url}/{path}", json=body) as response,
    ):
        return response.status, await response.json()


async def refusal(**body: Any) -> dict[str, Any]:
    status, answer = await post({"model": "gpt-5", "messages": [USER], **body})
    assert status == 400
    assert set(answer["error"]) == {"message", "type", "param", "code"}
    return answer["error"]


async def test_wrong_key_is_refused(connect: Connect) -> None:
    async with serve(SCRIPT) as model:
        with pytest.raises(openai.AuthenticationError) as caught:
            await connect(model, api_key="sk-other").ainvoke("Hello")
    assert caught.value.code == "invalid_api_key"
    assert "sk-other" not in str(caught.value)
    assert model.requests == []


async def test_what_was_refused_is_told_to_the_test(connect: Connect) -> None:
    async with serve(SCRIPT) as model:
        with pytest.raises(openai.BadRequestError):
            await connect(model).ainvoke([USER, calling("call_1")])
        await connect(model).ainvoke([USER])
        [(body, why)] = model.refused
    assert body["messages"][1]["tool_calls"][0]["id"] == "call_1"
    assert why.startswith("An assistant message with 'tool_calls' must be followed")


async def test_missing_key_is_refused() -> None:
    async with (
        serve(SCRIPT) as model,
        aiohttp.ClientSession() as session,
        session.get(f"{model.url}/models") as response,
    ):
        assert response.status == 401
        assert "API key" in (await response.json())["error"]["message"]


async def test_any_configured_key_is_taken(connect: Connect) -> None:
    async with serve(SCRIPT, keys=("sk-one", "sk-two")) as model:
        answer = await connect(model, api_key="sk-two").ainvoke("Hello")
    assert answer.text == "Hi"


@pytest.mark.parametrize(
    "messages",
    [
        pytest.param([USER, calling("call_1")], id="never answered"),
        pytest.param([USER, calling("call_1"), USER, RESULT], id="answered too late"),
        pytest.param([USER, calling("call_1", "call_2"), RESULT], id="one of two answered"),
    ],
)
async def test_call_without_its_result_is_refused(messages: list[dict[str, Any]]) -> None:
    error = await refusal(messages=messages)
    assert "did not have response messages: call_" in error["message"]
    assert error["type"] == "invalid_request_error"


async def test_broken_pairs_reach_the_client_as_bad_request(connect: Connect) -> None:
    async with serve(SCRIPT) as model:
        with pytest.raises(openai.BadRequestError, match="tool_call_ids did not have response"):
            await connect(model).ainvoke([USER, calling("call_1")])
    assert model.requests[0]["messages"][1]["tool_calls"][0]["id"] == "call_1"


@pytest.mark.parametrize(
    "messages",
    [
        pytest.param([USER, RESULT], id="no call at all"),
        pytest.param([USER, calling("call_2"), RESULT], id="another call"),
        pytest.param([USER, calling("call_1"), RESULT, RESULT], id="answered twice"),
    ],
)
async def test_result_without_its_call_is_refused(messages: list[dict[str, Any]]) -> None:
    error = await refusal(messages=messages)
    assert "must be a response to a preceeding message" in error["message"]


@pytest.mark.parametrize(
    "messages",
    [
        pytest.param([USER, calling("call_1", "call_1"), RESULT, RESULT], id="in one message"),
        pytest.param([USER, calling("call_1"), RESULT, calling("call_1"), RESULT], id="in two"),
    ],
)
async def test_id_of_a_call_is_used_once(messages: list[dict[str, Any]]) -> None:
    error = await refusal(messages=messages)
    assert "Duplicate value for 'tool_call_id' of 'call_1'" in error["message"]


async def test_parallel_calls_may_be_answered_in_any_order() -> None:
    other = {**RESULT, "tool_call_id": "call_2"}
    messages = [USER, calling("call_1", "call_2"), other, RESULT]
    status, _ = await post({"model": "gpt-5", "messages": messages})
    assert status == 200


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"model": None}, "model"),
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "Hello"}, "messages"),
        ({"messages": ["Hello"]}, "messages[0].role"),
        ({"messages": [{"role": "robot", "content": "Hello"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "assistant", "content": None}]}, "messages[0].content"),
        ({"messages": [{**USER, "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        ({"messages": [{**calling("a"), "role": "user"}]}, "messages[0].tool_calls"),
        ({"messages": [calling()]}, "messages[0].tool_calls"),
        ({"messages": [{**calling("a"), "content": 3}]}, "messages[0].content"),
        ({"messages": [{**USER, "content": []}]}, "messages[0].content"),
        ({"messages": [{**USER, "content": [EMPTY]}]}, "messages[0].content[0].text"),
        ({"messages": [calling("")]}, "messages[0].tool_calls[0].id"),
        ({"messages": [calling("a" * 41)]}, "messages[0].tool_calls[0].id"),
        ({"messages": [calling("a", name="")]}, "messages[0].tool_calls[0].function.name"),
        ({"messages": [calling("a", name="a b")]}, "messages[0].tool_calls[0].function.name"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"n": 2}, "n"),
        ({"tools": []}, "tools"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tools": [{"type": "retrieval"}]}, "tools[0].type"),
        ({"tools": [tool({}, name="has space")]}, "tools[0].function.name"),
        ({"tool_choice": "auto"}, "tool_choice"),
        ({"parallel_tool_calls": False}, "parallel_tool_calls"),
    ],
)
async def test_malformed_request_names_the_field(body: dict[str, Any], param: str) -> None:
    assert (await refusal(**body))["param"] == param


async def test_arguments_of_a_call_must_be_text() -> None:
    message = calling("call_1")
    message["tool_calls"][0]["function"] = {"name": "lookup", "arguments": {}}
    error = await refusal(messages=[USER, message, RESULT])
    assert error["param"] == "messages[1].tool_calls[0].function.arguments"


@pytest.mark.parametrize(
    ("schema", "fault"),
    [
        ("string", 'type: "object"'),
        ({"type": "string"}, 'type: "object"'),
        ({}, 'type: "object"'),
        ({"type": "object"}, "object schema missing properties"),
        ({"type": "object", "properties": {"ids": {"type": "array"}}}, "missing items"),
        ({"type": "object", "properties": {"id": "string"}}, "schema must be an object"),
        (
            {"type": "object", "properties": {"a": {"anyOf": [{"type": "object"}]}}},
            "'anyOf', '0'), object schema missing properties",
        ),
    ],
)
async def test_tool_schema_must_be_an_object(schema: Any, fault: str) -> None:
    error = await refusal(tools=[tool(schema)])
    assert error["code"] == "invalid_function_parameters"
    assert fault in error["message"]


@pytest.mark.parametrize(
    ("addition", "fault"),
    [({}, "additionalProperties"), ({"additionalProperties": False}, "Missing 'id'")],
)
async def test_strict_tool_schema_must_be_closed(addition: dict[str, Any], fault: str) -> None:
    schema = {"type": "object", "properties": {"id": {"type": "string"}}, **addition}
    assert fault in (await refusal(tools=[tool(schema, strict=True)]))["message"]


async def test_sound_tools_are_taken() -> None:
    nested = {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "null"}]}}
    schema = {
        "type": "object",
        "properties": {"ids": nested},
        "required": ["ids"],
        "additionalProperties": False,
    }
    tools = [tool(schema, strict=True), tool({"type": "object", "properties": {}}, name="other")]
    status, _ = await post(
        {"model": "gpt-5", "messages": [USER], "tools": tools, "tool_choice": "auto"}
    )
    assert status == 200


async def test_body_that_is_not_an_object_is_refused() -> None:
    status, answer = await post(["Hello"])
    assert status == 400
    assert "could not parse" in answer["error"]["message"]


async def test_unknown_path_is_told_in_openais_style() -> None:
    status, answer = await post({}, path="responses")
    assert status == 404
    assert answer["error"]["message"] == "Invalid URL (POST /v1/responses)"


async def test_model_that_is_not_served_is_refused() -> None:
    script = Script([Turn([Text("Hi")])], models=("gpt-5",))
    status, answer = await post({"model": "gpt-6", "messages": [USER]}, script)
    assert (status, answer["error"]["code"]) == (404, "model_not_found")


async def test_served_models_are_listed() -> None:
    script = Script([Turn([Text("Hi")])], models=("gpt-5", "gpt-5-mini"))
    async with (
        serve(script) as model,
        openai.AsyncOpenAI(base_url=model.url, api_key="sk-test") as client,
    ):
        names = [entry.id async for entry in await client.models.list()]
    assert names == ["gpt-5", "gpt-5-mini"]
