"""Approvals over HTTP: what a front end sees of a run that asks, and how it answers."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from domain.access import Role
from sandbox.model.script import Script, Text, ToolCalls, Turn
from tests.api.frames import types_of
from tests.api.problems import assert_problem
from tests.api.service import OpenService, Service, run_body

NOTE = {"title": "Reduce refunds", "description": "They grow.", "category": "risk"}
SCRIPT = Script(
    [
        Turn([ToolCalls([("create_recommendation", NOTE)])], user="note", repeat=True),
        Turn([Text("Noted.")], user="note", after_tool="*", repeat=True),
        Turn([Text("Go on.")], repeat=True),
    ]
)
SETTINGS = "{business}/agent-settings"


async def _asked(service: Service) -> dict[str, Any]:
    events = await service.ask("Note it")
    assert events[-1]["outcome"]["type"] == "interrupt"
    [interrupt] = events[-1]["outcome"]["interrupts"]
    return interrupt


def _answer(interrupt: dict[str, Any], payload: Any = None, **more: Any) -> dict[str, Any]:
    answered = {"interruptId": interrupt["id"], "status": "resolved", **more}
    return answered if payload is None else {**answered, "payload": payload}


def _body(service: Service, *answers: dict[str, Any], **more: Any) -> dict[str, Any]:
    return service.body(messages=[], resume=list(answers), **more)


async def _notes(service: Service) -> int:
    return int(await service.query("SELECT count(*) FROM recommendations"))


async def test_interrupt_has_what_a_front_end_needs_to_ask(open_service: OpenService) -> None:
    async with open_service(SCRIPT) as service:
        interrupt = await _asked(service)
        [listed] = (await service.get(f"/v1/conversations/{service.thread_id}/interrupts"))["items"]
        run_id = listed.pop("runId")
        assert (await service.run(run_id))["state"] == "awaiting_approval"
    assert listed == interrupt
    assert interrupt["reason"] == "tool_call"
    assert interrupt["metadata"]["arguments"] == NOTE
    schema = interrupt["responseSchema"]["properties"]
    assert set(schema) == {"approved", "editedArgs"}
    assert set(schema["editedArgs"]["properties"]) >= set(NOTE)


async def test_approved_call_is_carried_out_in_the_resumed_run(open_service: OpenService) -> None:
    async with open_service(SCRIPT) as service:
        interrupt = await _asked(service)
        events = await service.post_run(_body(service, _answer(interrupt, {"approved": True})))
        open_ones = await service.get(f"/v1/conversations/{service.thread_id}/interrupts")
        assert await _notes(service) == 1
    [result] = [event for event in events if event["type"] == "TOOL_CALL_RESULT"]
    assert result["toolCallId"] == interrupt["toolCallId"]
    assert "TOOL_CALL_START" not in types_of(events)
    assert events[-1]["outcome"] == {"type": "success"}
    assert open_ones == {"items": []}


async def test_client_that_sends_its_whole_history_along_is_understood(
    open_service: OpenService,
) -> None:
    async with open_service(SCRIPT) as service:
        interrupt = await _asked(service)
        known = [
            {"id": message["id"], "role": message["role"], "content": message["content"]}
            for message in await service.messages()
        ]
        body = {**_body(service, _answer(interrupt, {"approved": False})), "messages": known}
        events = await service.post_run(body)
        assert await _notes(service) == 0
    assert events[-1]["outcome"] == {"type": "success"}


async def test_dismissed_question_is_a_no(open_service: OpenService) -> None:
    async with open_service(SCRIPT) as service:
        interrupt = await _asked(service)
        await service.post_run(_body(service, _answer(interrupt, status="cancelled")))
        assert await _notes(service) == 0


@pytest.mark.parametrize(
    "payload",
    [None, {}, {"approved": "yes"}, {"approved": 1}, "yes", [True], {"editedArgs": NOTE}],
)
async def test_answer_that_is_neither_yes_nor_no_is_refused(
    open_service: OpenService, payload: Any
) -> None:
    async with open_service(SCRIPT) as service:
        interrupt = await _asked(service)
        before = await service.rows()
        body = _body(service, _answer(interrupt, payload))
        response = await service.client.post("/v1/runs", json=body)
        assert_problem(response, 422, "invalid_input")
        assert await service.rows() == before


async def test_answer_to_nothing_is_not_found(open_service: OpenService) -> None:
    async with open_service(SCRIPT) as service:
        await _asked(service)
        for unknown in (str(uuid4()), "int-1"):
            body = _body(service, _answer({"id": unknown}, {"approved": True}))
            assert_problem(await service.client.post("/v1/runs", json=body), 404, "not_found")


async def test_new_message_beside_an_answer_is_refused(open_service: OpenService) -> None:
    async with open_service(SCRIPT) as service:
        interrupt = await _asked(service)
        body = service.body("And now?", resume=[_answer(interrupt, {"approved": True})])
        assert_problem(await service.client.post("/v1/runs", json=body), 422, "invalid_input")


async def test_plain_message_is_told_that_an_approval_waits(open_service: OpenService) -> None:
    async with open_service(SCRIPT) as service:
        await _asked(service)
        before = await service.rows()
        response = await service.client.post("/v1/runs", json=service.body("And now?"))
        problem = assert_problem(response, 409, "approval_pending")
        assert "resume" in problem["hint"]
        assert await service.rows() == before


async def test_two_answers_at_once_have_one_effect(open_service: OpenService) -> None:
    async with open_service(SCRIPT) as service:
        interrupt = await _asked(service)
        bodies = [_body(service, _answer(interrupt, {"approved": True})) for _ in range(2)]
        responses = await asyncio.gather(
            *(service.client.post("/v1/runs", json=body) for body in bodies)
        )
        assert sorted(response.status_code for response in responses) == [200, 409]
        [refused] = [response for response in responses if response.status_code == 409]
        assert_problem(refused, 409, "approval_decided")
        assert await _notes(service) == 1


@pytest.mark.parametrize("colleague", [True, False])
async def test_somebody_elses_approval_is_not_found(
    open_service: OpenService, colleague: bool
) -> None:
    async with open_service(SCRIPT) as service:
        interrupt = await _asked(service)
        member = service.add_member(Role.OWNER) if colleague else service.add_stranger()
        headers = service.headers_of(await member)
        body = run_body(messages=[], resume=[_answer(interrupt, {"approved": True})])
        response = await service.client.post("/v1/runs", json=body, headers=headers)
        assert response.status_code == 404
        path = f"/v1/conversations/{service.thread_id}/interrupts"
        assert (await service.client.get(path, headers=headers)).status_code == 404
        assert await _notes(service) == 0


async def test_owner_lets_the_agent_write_without_asking(open_service: OpenService) -> None:
    async with open_service(SCRIPT) as service:
        path = SETTINGS.format(business=service.business)
        assert await service.get(path) == {"without_approval": []}
        wanted = {"without_approval": ["create_recommendation"]}
        response = await service.client.put(path, json=wanted)
        assert (response.status_code, response.json()) == (200, wanted)
        assert await service.get(path) == wanted
        events = await service.ask("Note it")
        assert events[-1]["outcome"] == {"type": "success"}
        assert await _notes(service) == 1


async def test_viewer_and_unknown_tools_change_no_settings(open_service: OpenService) -> None:
    async with open_service(SCRIPT) as service:
        path = SETTINGS.format(business=service.business)
        viewer = service.headers_of(await service.add_member(Role.VIEWER))
        wanted = {"without_approval": ["create_recommendation"]}
        response = await service.client.put(path, json=wanted, headers=viewer)
        assert_problem(response, 403, "not_permitted")
        response = await service.client.put(path, json={"without_approval": ["calculate"]})
        problem = assert_problem(response, 422, "invalid_input")
        assert "create_recommendation" in problem["detail"]
        assert await service.get(path) == {"without_approval": []}
