"""What a person notices of the faults of llmock, a model server that breaks on demand.

The package llmock on PyPI: it also judges its clients, and what it thinks of ours is checked.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import httpx
import pytest
from sqlalchemy.engine import URL

from sandbox.model.validation import check_request
from tests.slow.foreign_models import (
    NEXT,
    NEXT_ANSWER,
    NOTE,
    QUESTION,
    check_nothing_was_done,
    check_over,
    is_planners,
    llmock,
)
from tests.slow.reattaching import Reader
from tests.slow.services import LOCALHOST, Services, Visit, services

pytestmark = pytest.mark.slow
Behaviour = dict[str, Any]
TEXT: Behaviour = {"type": "reply", "text": "One two three four five six."}
CALL: Behaviour = {
    "type": "reply",
    "tool_calls": [{"name": "create_recommendation", "arguments": NOTE}],
}
# The service is told to wait for the model for so long.
PATIENCE = "5"
LONG = 30
# It asks that what was cut is asked for again; ours tells the person, who may.
BY_DESIGN = {"truncated_stream_accepted"}


def fails(status: int, **more: Any) -> Behaviour:
    return {"type": "fail", "status": status, "times": None, **more}


def breaks(kind: str, after: int) -> Behaviour:
    fault = {"type": "stream_fault", "kind": kind, "after_chunks": after, "times": None}
    return fault | ({"stall_seconds": LONG} if kind == "stall" else {})


@dataclass(frozen=True)
class Fake:
    """The running llmock, told over HTTP what to do."""

    visit: Visit
    http: httpx.AsyncClient

    async def ask(self, *behaviours: Behaviour) -> Reader:
        """Ask while it behaves like this."""
        await self.behave(*behaviours)
        reader = await self.visit.ask(QUESTION)
        check_over(reader)
        await self.check_requests()
        await self.check_conversation_goes_on(reader)
        return reader

    async def behave(self, *behaviours: Behaviour) -> None:
        (await self.http.post("/_llmock/reset")).raise_for_status()
        answer = await self.http.post("/_llmock/scenario", json={"behaviors": behaviours})
        assert answer.status_code == 201, answer.text

    async def requests(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.http.get("/_llmock/requests")).json()["requests"]
        return found

    async def check_requests(self) -> None:
        """Fail if a provider would refuse a request, or llmock thinks badly of us."""
        for request in await self.requests():
            check_request(request["body"], ())
        verdict = (await self.http.get("/_llmock/verdict")).json()
        errors = {found["code"] for found in verdict["findings"] if found["severity"] == "error"}
        assert errors <= BY_DESIGN

    async def check_conversation_goes_on(self, reader: Reader) -> None:
        await self.behave({"type": "reply", "text": NEXT_ANSWER})
        following = await self.visit.ask(NEXT, str(reader.body["threadId"]))
        assert following.texts == [NEXT_ANSWER]
        assert following.went_well
        await self.check_requests()


@pytest.fixture(scope="module")
def running(
    server_url: URL, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Services]:
    folder = tmp_path_factory.mktemp("llmock")
    settings = {"VAULTRA_MODEL_TIMEOUT": PATIENCE}
    with (
        services(server_url, template, folder, settings=settings) as made,
        llmock(made.model_port, folder),
    ):
        yield made


@pytest.fixture
async def fake(running: Services) -> AsyncIterator[Fake]:
    base = f"http://{LOCALHOST}:{running.model_port}"
    async with (
        running.visited() as visit,
        httpx.AsyncClient(base_url=base, trust_env=False, timeout=60) as http,
    ):
        yield Fake(visit, http)


@pytest.mark.parametrize(
    "fault",
    [
        fails(429, retry_after=LONG),
        fails(429),
        fails(500),
        fails(502),
        fails(503, retry_after=0.2),
        fails(529),
        {"type": "delay", "seconds": LONG, "times": None},
        {"type": "slow_first_token", "seconds": LONG, "times": None},
        *(breaks(kind, after) for kind in ("disconnect", "stall") for after in (0, 1)),
    ],
    ids=str,
)
async def test_planner_answers_and_says_so_where_the_fault_is_before_the_first_part(
    fake: Fake, fault: Behaviour
) -> None:
    assert is_planners(await fake.ask(TEXT | {"times": None}, fault))


@pytest.mark.parametrize(
    "fault", [fails(429, retry_after=0.5) | {"times": 1}, fails(503) | {"times": 1}], ids=str
)
async def test_fault_that_passes_is_waited_for_as_long_as_is_asked(
    fake: Fake, fault: Behaviour
) -> None:
    await fake.behave(TEXT, fault)
    reader = await fake.visit.ask(QUESTION)
    assert reader.texts == [TEXT["text"]]
    assert [request["status"] for request in await fake.requests()] == [fault["status"], 200]
    await fake.check_requests()


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (fails(400, code="context_length_exceeded"), "begin a new conversation"),
        (fails(401), "OPENAI_API_KEY"),
        (fails(403), "OPENAI_API_KEY"),
        (fails(404), "VAULTRA_MODEL"),
        (fails(422), "begin a new conversation"),
    ],
    ids=str,
)
async def test_refusal_is_told_with_what_to_do_and_not_repeated(
    fake: Fake, fault: Behaviour, told: str
) -> None:
    await fake.behave(fault)
    reader = await fake.visit.ask(QUESTION)
    check_over(reader)
    assert told in reader.last["message"]
    assert len(await fake.requests()) == 1
    await fake.check_requests()
    await fake.check_conversation_goes_on(reader)


@pytest.mark.parametrize(
    "fault",
    [breaks(kind, 4) for kind in ("disconnect", "truncate", "malformed", "stall")],
    ids=str,
)
async def test_text_that_breaks_off_is_kept_and_the_break_is_told(
    fake: Fake, fault: Behaviour
) -> None:
    reader = await fake.ask(TEXT, fault)
    assert reader.last["type"] == "RUN_ERROR"
    assert reader.texts == ["One two three "]
    stored = list((await fake.visit.messages(reader)).values())
    assert stored == [*reader.texts, NEXT_ANSWER]


@pytest.mark.parametrize(
    ("kind", "after"),
    [*product(["disconnect", "truncate", "malformed"], range(1, 5)), ("stall", 3)],
)
async def test_no_tool_runs_on_half_a_call(fake: Fake, kind: str, after: int) -> None:
    reader = await fake.ask(CALL, breaks(kind, after))
    await check_nothing_was_done(fake.visit, reader)


@pytest.mark.parametrize("reason", ["length", "content_filter"])
async def test_no_tool_runs_where_the_model_was_stopped(fake: Fake, reason: str) -> None:
    reader = await fake.ask(CALL | {"finish_reason": reason})
    assert reader.last["type"] == "RUN_ERROR"
    await check_nothing_was_done(fake.visit, reader)


@pytest.mark.parametrize("kind", ["malformed_arguments", "unknown_tool"])
async def test_call_that_cannot_be_done_is_told_to_the_model_which_answers(
    fake: Fake, kind: str
) -> None:
    reader = await fake.ask(CALL, {"type": "tool_fault", "kind": kind}, TEXT)
    assert reader.went_well
    assert reader.texts == [TEXT["text"]]
    await check_nothing_was_done(fake.visit, reader)
