"""A key that is pasted into the chat is refused: not stored, not logged, not sent to a model."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy.engine import URL

from config.logs import redact
from sandbox.model.script import Script, Text, Turn
from tests.api.problems import assert_problem
from tests.api.service import Service, run_body, running
from tests.databases import cloned_database

shared_loop = pytest.mark.asyncio(loop_scope="module")
KEYS = [
    "rk_live_0a1B2c3D4e5F6g7H",
    "rk_test_0a1B2c3D4e5F6g7H",
    "sk_live_0a1B2c3D4e5F6g7H",
    "sk_test_0a1B2c3D4e5F6g7H",
    "whsec_0a1B2c3D4e5F6g7H8i9J",
]
AROUND = ["{}", "My key is {}.", "key={}", "({})", "キーは{}です", "Schlüssel:\n{}", '{{"k":"{}"}}']


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chat(server_url: URL, template: str) -> AsyncIterator[Service]:
    """The application with a model that tells what it was asked."""
    script = Script([Turn([Text("I see.")], repeat=True)])
    async with cloned_database(server_url, template) as url, running(url, script) as opened:
        yield opened


async def _dump(service: Service) -> str:
    parts = [
        await service.query(f"SELECT json_agg(t)::text FROM {table} t")
        for table in [*await service.rows(), "pgqueuer", "pgqueuer_log"]
    ]
    return "".join(part or "" for part in parts)


@shared_loop
@pytest.mark.parametrize("key", KEYS)
async def test_key_in_a_message_reaches_nobody(chat: Service, logs: list[Any], key: str) -> None:
    assert chat.model is not None
    asked = len(chat.model.requests)
    for around in AROUND:
        body = run_body(around.format(key))
        response = await chat.client.post("/v1/runs", json=body)
        problem = assert_problem(response, 422, "invalid_input")
        assert "secret key" in problem["detail"]
        assert "revoke" in problem["hint"]
        assert key not in response.text
        known = await chat.client.get(f"/v1/conversations/{body['threadId']}")
        assert known.status_code == 404
    assert len(chat.model.requests) == asked
    assert key not in await _dump(chat) + repr(logs)


@shared_loop
async def test_key_among_several_messages_is_found(chat: Service) -> None:
    messages = [
        {"id": "1", "role": "user", "content": "Hello"},
        {"id": "2", "role": "user", "content": [{"type": "text", "text": f"It is {KEYS[0]}"}]},
    ]
    response = await chat.client.post("/v1/runs", json=run_body(messages=messages))
    assert_problem(response, 422, "invalid_input")
    assert KEYS[0] not in await _dump(chat)


@shared_loop
async def test_talk_about_keys_is_no_key(chat: Service) -> None:
    events = await chat.post_run(run_body("Does my key start with rk_live_ or sk_test_?"))
    assert events[-1]["type"] == "RUN_FINISHED"


@pytest.mark.parametrize("key", KEYS)
def test_key_in_a_log_line_is_blotted_out(key: str) -> None:
    for around in AROUND:
        assert redact(around.format(key)) == around.format("[redacted]")
