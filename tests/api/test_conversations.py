"""Conversations and their messages, read back as they were streamed and page by page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from db.models import Conversation, Message
from domain.access import Role
from tests.api.problems import assert_problem
from tests.api.service import Service, run_body

shared_loop = pytest.mark.asyncio(loop_scope="module")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
# Several of each moment: what sorts alike must neither be lost nor come twice at a page's end.
MOMENTS = [NOON + timedelta(microseconds=step) for step in (0, 0, 0, 0, 1, 1, 2, 3, 3, 3, 3, 3)]


async def _created(service: Service, **more: Any) -> dict[str, Any]:
    response = await service.client.post(f"{service.business}/conversations", **more)
    assert response.status_code == 201, response.text
    created: dict[str, Any] = response.json()
    return created


async def _pages(service: Service, path: str, limit: int, **more: Any) -> list[dict[str, Any]]:
    """Return what all pages hold together, checking that no page is over its limit."""
    items: list[dict[str, Any]] = []
    params: dict[str, Any] = {"limit": limit}
    while True:
        response = await service.client.get(path, params=params, **more)
        assert response.status_code == 200, response.text
        page = response.json()
        assert len(page["items"]) <= limit
        items += page["items"]
        if "next" not in page:
            return items
        assert len(page["items"]) == limit
        params["after"] = page["next"]


@shared_loop
async def test_stored_conversation_is_what_was_streamed(shared: Service) -> None:
    body = run_body()
    events = await shared.post_run(body)
    following = run_body("What is 2 * 2?", threadId=body["threadId"])
    events += await shared.post_run(following)
    streamed: dict[str, str] = {}
    for event in events:
        if event["type"] == "TEXT_MESSAGE_CONTENT":
            streamed[event["messageId"]] = streamed.get(event["messageId"], "") + event["delta"]
    stored = await shared.messages(body["threadId"])
    assert [m["role"] for m in stored] == ["user", "assistant"] * 2
    answers = [m for m in stored if m["role"] == "assistant"]
    assert {m["id"]: m["content"] for m in answers} == streamed
    [first], [second] = body["messages"], following["messages"]
    questions = [(m["id"], m["content"]) for m in stored if m["role"] == "user"]
    assert questions == [(first["id"], first["content"]), (second["id"], second["content"])]


@shared_loop
@pytest.mark.parametrize("limit", [1, 3, 5, 12])
async def test_pages_of_messages_lose_and_double_nothing(shared: Service, limit: int) -> None:
    thread = (await _created(shared))["id"]
    rows = [
        Message(id=uuid4(), conversation_id=UUID(thread), role="user", content="?", created_at=at)
        for at in MOMENTS
    ]
    async with shared.database.unit_of_work() as session:
        session.add_all(rows)
    expected = [str(row.id) for row in sorted(rows, key=lambda row: (row.created_at, row.id))]
    found = await _pages(shared, f"/v1/conversations/{thread}/messages", limit)
    assert [item["id"] for item in found] == expected


@shared_loop
@pytest.mark.parametrize("limit", [1, 3, 5, 12])
async def test_pages_of_conversations_lose_and_double_nothing(shared: Service, limit: int) -> None:
    user_id = await shared.add_member(Role.VIEWER)
    rows = [
        Conversation(
            id=uuid4(), business_id=shared.shop.business_id, user_id=user_id, updated_at=at
        )
        for at in MOMENTS
    ]
    async with shared.database.unit_of_work() as session:
        session.add_all(rows)
    latest = sorted(rows, key=lambda row: (row.updated_at, row.id), reverse=True)
    path, headers = f"{shared.business}/conversations", shared.headers_of(user_id)
    found = await _pages(shared, path, limit, headers=headers)
    assert [item["id"] for item in found] == [str(row.id) for row in latest]


@shared_loop
async def test_page_after_the_last_message_brings_what_came_since(shared: Service) -> None:
    body = run_body()
    await shared.post_run(body)
    path = f"/v1/conversations/{body['threadId']}/messages"
    first = await shared.get(path, limit=1)
    await shared.post_run(run_body("What is 2 * 2?", threadId=body["threadId"]))
    rest = await shared.get(path, after=first["next"])
    assert [m["role"] for m in rest["items"]] == ["assistant", "user", "assistant"]


@shared_loop
async def test_new_conversation_is_empty_and_listed_first(shared: Service) -> None:
    created = await _created(shared)
    assert created["business_id"] == str(shared.shop.business_id)
    assert await shared.conversation(created["id"]) == created
    assert await shared.messages(created["id"]) == []
    listed = await shared.get(f"{shared.business}/conversations", limit=1)
    assert listed["items"] == [created]


@shared_loop
async def test_question_moves_its_conversation_to_the_head_of_the_list(shared: Service) -> None:
    older, newer = (await _created(shared))["id"], (await _created(shared))["id"]
    await shared.post_run(run_body(threadId=older))
    listed = await shared.get(f"{shared.business}/conversations", limit=2)
    assert [item["id"] for item in listed["items"]] == [older, newer]


@shared_loop
@pytest.mark.parametrize("made_before", [False, True])
async def test_conversation_is_named_after_its_first_question(
    shared: Service, made_before: bool
) -> None:
    thread = (await _created(shared))["id"] if made_before else str(uuid4())
    events = await shared.post_run(run_body("What  is\n6 * 7?", threadId=thread))
    await shared.post_run(run_body("What is 2 * 2?", threadId=thread))
    assert (await shared.get(f"/v1/conversations/{thread}"))["title"] == "What is 6 * 7?"
    [snapshot] = [e["snapshot"] for e in events if e["type"] == "STATE_SNAPSHOT"]
    assert snapshot["title"] == "What is 6 * 7?"


@shared_loop
async def test_title_can_be_changed(shared: Service) -> None:
    created = await _created(shared)
    path = f"/v1/conversations/{created['id']}"
    response = await shared.client.patch(path, json={"title": "  Funding in spring "})
    assert response.status_code == 200, response.text
    changed = response.json()
    assert changed["title"] == "Funding in spring"
    assert changed["updated_at"] > created["updated_at"]
    assert await shared.conversation(created["id"]) == changed


@shared_loop
@pytest.mark.parametrize("title", ["", "   ", "x" * 256, None, 5, ["x"]])
async def test_title_out_of_bounds_changes_nothing(shared: Service, title: Any) -> None:
    created = await _created(shared)
    path = f"/v1/conversations/{created['id']}"
    assert_problem(await shared.client.patch(path, json={"title": title}), 422, "invalid_input")
    assert_problem(await shared.client.patch(path, json={}), 422, "invalid_input")
    assert await shared.conversation(created["id"]) == created


@shared_loop
async def test_archived_conversation_leaves_the_list_and_stays_readable(shared: Service) -> None:
    body = run_body()
    await shared.post_run(body)
    thread = body["threadId"]
    messages = await shared.messages(thread)
    for _ in range(2):
        response = await shared.client.delete(f"/v1/conversations/{thread}")
        assert (response.status_code, response.content) == (204, b"")
    listed = await _pages(shared, f"{shared.business}/conversations", 200)
    assert thread not in [item["id"] for item in listed]
    assert await shared.messages(thread) == messages


@shared_loop
async def test_conversations_of_a_colleague_are_not_listed(shared: Service) -> None:
    mine = (await _created(shared))["id"]
    headers = shared.headers_of(await shared.add_member(Role.ADMIN))
    theirs = (await _created(shared, headers=headers))["id"]
    path = f"{shared.business}/conversations"
    assert [item["id"] for item in await _pages(shared, path, 50, headers=headers)] == [theirs]
    listed = [item["id"] for item in await _pages(shared, path, 200)]
    assert mine in listed
    assert theirs not in listed


async def test_commit_that_fails_is_not_told_as_a_success(service: Service) -> None:
    # Checked when the transaction ends, after the route has done all its work.
    await service.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql"
        " AS 'BEGIN RAISE EXCEPTION ''not this one''; END'"
    )
    await service.execute(
        "CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON agent_conversations"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
    response = await service.client.post(f"{service.business}/conversations")
    assert response.is_server_error
    assert "not this one" not in response.text
    assert await service.get(f"{service.business}/conversations") == {"items": []}
