"""What a person notices of aimock, a model server that records answers, replays and breaks them.

The npm package @copilotkit/aimock
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy.engine import URL

from sandbox.model.script import Script, Text, ToolCalls, Turn
from sandbox.model.server import serve
from sandbox.model.validation import check_request
from tests.slow.foreign_models import (
    NEXT,
    NEXT_ANSWER,
    NOTE,
    QUESTION,
    aimock,
    check_nothing_was_done,
    check_over,
    is_planners,
    next_script,
)
from tests.slow.services import LOCALHOST, Services, Visit, services

pytestmark = pytest.mark.slow
SENTENCE = "One two three four five six seven eight."
CALL = {"name": "create_recommendation", "arguments": json.dumps(NOTE)}
# In pieces of ten characters, and slowly enough that a connection can break in between.
PACE = {"chunkSize": 10, "latency": 50}
TEXT: dict[str, Any] = {"response": {"content": SENTENCE}, **PACE}
WRITES: dict[str, Any] = {"response": {"toolCalls": [CALL]}, **PACE}
SURE = 1.0


@pytest.fixture(scope="module")
def running(
    server_url: URL, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Services]:
    settings = {"VAULTRA_MODEL_TIMEOUT": "30"}
    folder = tmp_path_factory.mktemp("services")
    with services(server_url, template, folder, settings=settings) as made:
        yield made


@pytest.fixture
async def visit(running: Services) -> AsyncIterator[Visit]:
    async with running.visited() as made:
        yield made


def fixtures(folder: Path, *answers: dict[str, Any]) -> str:
    """Write what aimock is to say to the question, in order of preference; return the file."""
    matched = [{"match": {"userMessage": QUESTION}, **answer} for answer in answers]
    sound = {"match": {"userMessage": NEXT}, "response": {"content": NEXT_ANSWER}}
    path = folder / "fixtures.json"
    path.write_text(json.dumps({"fixtures": [*matched, sound]}))
    return str(path)


async def check_requests(port: int) -> None:
    """Fail if a provider would refuse what aimock was asked."""
    async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
        asked = (await http.get(f"http://{LOCALHOST}:{port}/__aimock/journal")).json()
    bodies = [entry["body"] for entry in asked if "completions" in entry["path"]]
    assert bodies
    for body in bodies:
        check_request({key: body[key] for key in ("model", "messages", "tools") if key in body}, ())


async def test_conversation_that_was_recorded_is_replayed_as_it_was(
    visit: Visit, tmp_path: Path
) -> None:
    port, recorded = visit.services.model_port, tmp_path / "recorded"
    recorded.mkdir()
    script = Script(
        [
            Turn([Text("Let me see. "), ToolCalls([("calculate", {"expression": "6 * 7"})])]),
            Turn([Text("It is {result}.")], after_tool="calculate"),
        ]
    )
    async with serve(script) as provider:
        upstream = provider.url.removesuffix("/v1")
        record = ("--record", "--provider-openai", upstream, "--fixtures", str(recorded))
        with aimock(port, tmp_path, *record):
            first = await visit.ask(QUESTION)
        assert provider.refused == []
    # The provider is gone; each answer comes with the ids that it came with at first.
    with aimock(port, tmp_path, "--strict", "--fixtures", str(recorded)):
        second = await visit.ask(QUESTION)
        third = await visit.ask(QUESTION, str(second.body["threadId"]))
        await check_requests(port)
    for reader in (first, second, third):
        check_over(reader)
        assert reader.went_well
        assert "".join(reader.texts) == "Let me see. It is 42."
        assert await visit.calls(reader) == ["succeeded"]


@pytest.mark.parametrize(
    "fault",
    [
        {"chaos": {"dropRate": SURE}},
        {"chaos": {"rateLimitRate": SURE}},
        {"response": {"error": {"message": "Overloaded", "type": "server_error"}, "status": 503}},
    ],
    ids=str,
)
async def test_planner_answers_and_says_so_where_there_is_no_answer(
    visit: Visit, tmp_path: Path, fault: dict[str, Any]
) -> None:
    await check_fault(visit, tmp_path, TEXT | fault, planner=True)


@pytest.mark.parametrize(
    "fault",
    [
        {"truncateAfterChunks": 3},
        {"disconnectAfterMs": 120},
        {"chaos": {"malformedRate": SURE}},
        {"chaos": {"disconnectRate": SURE}},
    ],
    ids=str,
)
@pytest.mark.parametrize("answer", [TEXT, WRITES], ids=["text", "call"])
async def test_answer_that_breaks_ends_clearly_and_does_nothing(
    visit: Visit, tmp_path: Path, answer: dict[str, Any], fault: dict[str, Any]
) -> None:
    await check_fault(visit, tmp_path, answer | fault)


async def check_fault(
    visit: Visit, folder: Path, answer: dict[str, Any], *, planner: bool = False
) -> None:
    port = visit.services.model_port
    with aimock(port, folder, "--fixtures", fixtures(folder, answer)):
        reader = await visit.ask(QUESTION)
        check_over(reader)
        if planner:
            assert is_planners(reader)
        else:
            assert reader.last["type"] == "RUN_ERROR" or is_planners(reader)
            await check_nothing_was_done(visit, reader)
        following = await visit.ask(NEXT, str(reader.body["threadId"]))
        await check_requests(port)
    assert following.texts == [NEXT_ANSWER]
    assert following.went_well


async def test_planner_answers_where_nobody_listens_and_the_model_once_somebody_does(
    visit: Visit,
) -> None:
    reader = await visit.ask(QUESTION)
    assert is_planners(reader)
    async with serve(next_script(), port=visit.services.model_port) as model:
        following = await visit.ask(NEXT, str(reader.body["threadId"]))
        assert model.refused == []
    assert following.texts == [NEXT_ANSWER]
