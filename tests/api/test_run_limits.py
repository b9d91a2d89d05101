"""How often runs may be asked for: refused before the stream, and counted for all processes."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from sqlalchemy.engine import URL

from domain.access import Role
from tests.api.problems import assert_problem
from tests.api.service import OpenService, Service, bearer, client_of, run_body, running

THREE_A_MINUTE = {"VAULTRA_RUNS_PER_MINUTE": 3}
TWO_A_DAY = {"VAULTRA_RUNS_PER_DAY": 2}


async def post(service: Service, body: dict[str, Any], **more: Any) -> httpx.Response:
    return await service.client.post("/v1/runs", json=body, **more)


async def test_one_run_too_many_is_refused_and_says_when_to_come_back(
    open_service: OpenService,
) -> None:
    async with open_service(limits=THREE_A_MINUTE) as service:
        for _ in range(3):
            await service.ask()
        before = await service.rows()
        response = await post(service, service.body())
        after = await service.rows()
    problem = assert_problem(response, 429, "rate_limited")
    wait = int(response.headers["retry-after"])
    assert 0 < wait <= 60
    assert problem["detail"].startswith("You have asked 3 questions within a minute")
    assert problem["hint"] == f"Send the same request again in {wait} s."
    assert after == before


async def test_refused_first_question_leaves_no_conversation(open_service: OpenService) -> None:
    async with open_service(limits=THREE_A_MINUTE) as service:
        for _ in range(3):
            await service.ask()
        body = run_body()
        assert (await post(service, body)).status_code == 429
        found = await service.client.get(f"/v1/conversations/{body['threadId']}")
        assert_problem(found, 404, "not_found")


async def test_refused_request_is_granted_a_minute_later(open_service: OpenService) -> None:
    async with open_service(limits=THREE_A_MINUTE) as service:
        for _ in range(3):
            await service.ask()
        body = service.body()
        assert (await post(service, body)).status_code == 429
        await service.execute("UPDATE run_counts SET starts_at = starts_at - interval '61 s'")
        assert (await service.post_run(body))[-1]["type"] == "RUN_FINISHED"
        assert await service.query("SELECT used FROM run_counts") == 1


async def test_attaching_is_neither_counted_nor_refused(open_service: OpenService) -> None:
    async with open_service(limits=THREE_A_MINUTE) as service:
        body = service.body()
        first = await service.post_run(body)
        for _ in range(4):
            assert await service.post_run(body) == first
        assert await service.query("SELECT used FROM run_counts") == 1
        await service.ask()
        await service.ask()
        assert (await post(service, service.body())).status_code == 429
        assert await service.post_run(body) == first


async def test_request_that_is_refused_for_another_reason_is_not_counted(
    open_service: OpenService,
) -> None:
    async with open_service(limits=THREE_A_MINUTE) as service:
        for _ in range(5):
            secret = await post(service, service.body("Here: rk_live_abcdefghijklmnop"))
            assert secret.status_code == 422
        body = service.body()
        await service.post_run(body)
        for _ in range(5):
            reused = {**body, "messages": service.body("Another?")["messages"]}
            assert_problem(await post(service, reused), 409, "run_id_reused")
        assert await service.query("SELECT used FROM run_counts") == 1


async def test_two_processes_count_together(database_url: URL, open_service: OpenService) -> None:
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(open_service(limits=THREE_A_MINUTE))
        second = await stack.enter_async_context(
            running(database_url, with_worker=False, limits=THREE_A_MINUTE)
        )
        user = bearer(first.shop.access.user_id)
        other = await stack.enter_async_context(client_of(second.url, user))
        bodies = [run_body() for _ in range(12)]
        clients = [first.client, other] * 6
        responses = await asyncio.gather(
            *(
                client.post("/v1/runs", json=body)
                for client, body in zip(clients, bodies, strict=True)
            )
        )
        stored = await first.query("SELECT count(*) FROM agent_runs")
        conversations = await first.query("SELECT count(*) FROM agent_conversations")
    assert sorted(response.status_code for response in responses) == [200] * 3 + [429] * 9
    assert (stored, conversations) == (3, 3)


async def test_minutes_of_two_users_are_apart(open_service: OpenService) -> None:
    async with open_service(limits=THREE_A_MINUTE) as service:
        for _ in range(3):
            await service.ask()
        colleague = service.headers_of(await service.add_member(Role.VIEWER))
        assert (await post(service, run_body(), headers=colleague)).status_code == 200


async def test_day_of_a_business_is_shared_by_its_users(open_service: OpenService) -> None:
    async with open_service(limits=TWO_A_DAY) as service:
        await service.ask()
        colleague = service.headers_of(await service.add_member(Role.VIEWER))
        assert (await post(service, run_body(), headers=colleague)).status_code == 200
        response = await post(service, service.body())
        problem = assert_problem(response, 429, "rate_limited")
        await service.execute("UPDATE run_counts SET starts_at = starts_at - interval '1 day'")
        assert (await post(service, service.body())).status_code == 200
    assert problem["detail"].startswith("This business has asked 2 questions today")
    now = datetime.now(UTC)
    left = 86_400 - (now.hour * 60 + now.minute) * 60 - now.second
    assert abs(int(response.headers["retry-after"]) - left) < 60


@pytest.mark.parametrize("limits", [{}, {"VAULTRA_RUNS_PER_MINUTE": 0}])
async def test_without_limits_nothing_is_counted(
    open_service: OpenService, limits: dict[str, int]
) -> None:
    async with open_service(limits=limits) as service:
        await service.ask()
        assert await service.query("SELECT count(*) FROM run_counts") == 0
