"""Each fault reaches the client as the provider's own would."""

import json
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp
import openai
import pytest
from langchain_openai import ChatOpenAI

from sandbox.model import (
    Disconnect,
    Garbage,
    Gate,
    NoFinish,
    NotJson,
    Script,
    Stall,
    Status,
    Step,
    Text,
    Turn,
    serve,
)
from tests.sandbox.model.conftest import Connect

TEXT = Text("Revenue was 1,234.56 USD", chunk=4)


Error = TypeVar("Error", bound=Exception)


@dataclass
class Listener:
    """Keeps the text it heard, also when the answer breaks off."""

    text: str = ""

    async def listen(self, chat: ChatOpenAI) -> None:
        async for chunk in chat.astream("Revenue?"):
            self.text += chunk.text


async def heard_until(
    expected: type[Error], connect: Connect, *steps: Step, **settings: Any
) -> tuple[str, Error]:
    """Stream one answer that fails; return the text before the failure, and the failure."""
    listener = Listener()
    async with serve(Script([Turn(steps)])) as model:
        with pytest.raises(expected) as caught:
            await listener.listen(connect(model, **settings))
    return listener.text, caught.value


@pytest.mark.parametrize(
    ("status", "kind"),
    [(429, openai.RateLimitError), (500, openai.InternalServerError)],
)
async def test_error_status_reaches_the_client(
    connect: Connect, status: int, kind: type[openai.APIStatusError]
) -> None:
    text, error = await heard_until(kind, connect, Status(status))
    assert text == ""
    assert error.status_code == status


async def test_retry_after_is_sent(connect: Connect) -> None:
    _, error = await heard_until(openai.RateLimitError, connect, Status(429, retry_after=2.5))
    assert error.response.headers["retry-after"] == "2.5"
    assert error.code == "rate_limit_exceeded"


async def test_message_and_code_of_a_status_may_be_told(connect: Connect) -> None:
    told = Status(400, message="Too long.", code="context_length_exceeded")
    _, error = await heard_until(openai.BadRequestError, connect, told)
    assert error.code == "context_length_exceeded"
    assert "Too long." in error.message


async def test_client_that_retries_gets_the_next_turn(connect: Connect) -> None:
    script = Script([Turn([Status(429, retry_after=0)]), Turn([Text("Hi")])])
    async with serve(script) as model:
        answer = await connect(model, max_retries=1).ainvoke("Hello")
    assert answer.text == "Hi"
    assert len(model.requests) == 2


async def test_connection_drops_where_the_script_says(connect: Connect) -> None:
    text, _ = await heard_until(openai.APIConnectionError, connect, TEXT, Disconnect())
    assert text == TEXT.text


async def test_connection_drops_after_so_many_chunks(connect: Connect) -> None:
    text, _ = await heard_until(openai.APIConnectionError, connect, TEXT, Disconnect(after=3))
    assert text == "Revenue "


async def test_connection_may_drop_before_any_answer(connect: Connect) -> None:
    text, _ = await heard_until(openai.APIConnectionError, connect, TEXT, Disconnect(after=0))
    assert text == ""


async def test_garbage_is_not_json_to_the_client(connect: Connect) -> None:
    steps = [Text("Half"), Garbage(), Text(" more")]
    text, _ = await heard_until(json.JSONDecodeError, connect, *steps)
    assert text == "Half"


async def test_stream_without_finish_ends_without_a_reason(connect: Connect) -> None:
    async with serve(Script([Turn([Text("Half"), NoFinish()])])) as model:
        chunks = [chunk async for chunk in connect(model).astream("Revenue?")]
    assert "".join(chunk.text for chunk in chunks) == "Half"
    assert not any("finish_reason" in chunk.response_metadata for chunk in chunks)


async def test_stream_without_finish_has_no_done() -> None:
    body = {"model": "gpt-5", "messages": [{"role": "user", "content": "Hi"}], "stream": True}
    headers = {"Authorization": "Bearer sk-test"}
    async with (
        serve(Script([Turn([Text("Half"), NoFinish()])])) as model,
        aiohttp.ClientSession(headers=headers) as session,
        session.post(f"{model.url}/chat/completions", json=body) as response,
    ):
        text = await response.text()
    assert "Half" in text
    assert "[DONE]" not in text


async def test_stall_outlasts_the_clients_patience(connect: Connect) -> None:
    steps = [Text("Half"), Stall(60), Text(" more")]
    text, _ = await heard_until(openai.APITimeoutError, connect, *steps, timeout=4)
    assert text == "Half"


async def test_page_instead_of_an_answer_has_no_chunks(connect: Connect) -> None:
    _, error = await heard_until(ValueError, connect, NotJson())
    assert "No generation chunks" in str(error)


async def test_pause_may_come_before_an_error(connect: Connect) -> None:
    gate = Gate()
    gate.open()
    await heard_until(openai.InternalServerError, connect, gate, Status(503))
    assert gate.reached.is_set()


@pytest.mark.parametrize("fault", [Status(500), Disconnect(), Disconnect(after=1)])
async def test_fault_strikes_without_streaming_too(connect: Connect, fault: Step) -> None:
    async with serve(Script([Turn([fault])])) as model:
        with pytest.raises(openai.APIError):
            await connect(model).ainvoke("Revenue?")


async def test_garbage_spoils_the_whole_answer_without_streaming(connect: Connect) -> None:
    async with serve(Script([Turn([TEXT, Garbage()])])) as model:
        with pytest.raises(json.JSONDecodeError):
            await connect(model).ainvoke("Revenue?")


async def test_answer_without_streaming_may_lack_its_finish_reason(connect: Connect) -> None:
    async with serve(Script([Turn([TEXT, NoFinish()])])) as model:
        answer = await connect(model).ainvoke("Revenue?")
    assert answer.response_metadata["finish_reason"] is None
