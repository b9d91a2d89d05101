"""Asking for a run in one statement: it writes what the longer way writes, or nothing at all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from agent import runs
from agent.asking import open_at_once
from agent.planner.model import PlannerChatModel
from agent.runs import RunRequest, UserMessage
from agent.runtime import AgentRuntime
from db.notifications import Notifications
from db.session import Database
from tests.factories import Shop, make_shop
from worker.wiring import utc_now

KEY = "sk_" + "live_0123456789abcdef"
# Ids and times differ from one run to the next; everything else has to be the same.
WRITTEN = """
SELECT conversation.business_id, conversation.user_id, conversation.title,
    conversation.archived_at, conversation.updated_at >= conversation.created_at AS has_moved,
    run.business_id AS run_business_id, run.user_id AS run_user_id, run.client_run_id,
    run.input_hash, run.state, run.attempt, run.started_at, run.finished_at, run.model,
    (SELECT json_agg(json_build_array(role, content) ORDER BY created_at) FROM agent_messages
        WHERE run_id = run.id) AS messages,
    (SELECT json_agg(json_build_array(seq, type)) FROM agent_run_events
        WHERE run_id = run.id) AS events,
    (SELECT json_build_array(entrypoint, status, priority,
        convert_from(payload, 'UTF8')::json ->> 'run_id' = run.id::text)
        FROM pgqueuer WHERE id = run.job_id) AS job
FROM agent_runs run JOIN agent_conversations conversation ON conversation.id = run.conversation_id
ORDER BY run.created_at
"""


@pytest.fixture
async def runtime(database: Database) -> AsyncIterator[AgentRuntime]:
    async with Notifications(database).listening() as notifications:
        yield AgentRuntime(database, notifications, PlannerChatModel(), utc_now)


def request(**more: Any) -> RunRequest:
    asked = (UserMessage(uuid4(), "First?"), UserMessage(uuid4(), "And  second?"))
    return RunRequest(
        **{
            "conversation_id": uuid4(),
            "client_run_id": "the run",
            "messages": asked,
            "input_hash": "hash",
            **more,
        }
    )


async def written(database: Database) -> list[dict[str, Any]]:
    async with database.unit_of_work() as session:
        return [dict(row) for row in (await session.execute(text(WRITTEN))).mappings()]


async def forget_everything(database: Database) -> None:
    async with database.unit_of_work() as session:
        await session.execute(text("TRUNCATE agent_conversations, pgqueuer CASCADE"))


async def counts(database: Database) -> tuple[int, ...]:
    tables = ("agent_conversations", "agent_runs", "agent_messages", "agent_run_events", "pgqueuer")
    async with database.unit_of_work() as session:
        return tuple(
            [await session.scalar(text(f"SELECT count(*) FROM {table}")) for table in tables]
        )


async def at_once(runtime: AgentRuntime, shop: Shop, asked: RunRequest) -> bool:
    access = shop.access
    return await open_at_once(runtime, access.user_id, access.business_id, asked) is not None


async def end_all(database: Database) -> None:
    async with database.unit_of_work() as session:
        await session.execute(text("UPDATE agent_runs SET state = 'completed'"))


async def test_run_asked_for_at_once_is_written_as_the_longer_way_writes_it(
    runtime: AgentRuntime, database: Database, shop: Shop
) -> None:
    asked = request()
    assert await at_once(runtime, shop, asked)
    found = await written(database)
    await forget_everything(database)
    assert await runs.submit(runtime, shop.access, asked)
    assert await written(database) == found
    assert len(found) == 1


async def test_conversation_without_a_title_is_named_after_the_next_question(
    runtime: AgentRuntime, database: Database, shop: Shop
) -> None:
    asked = request()
    assert await at_once(runtime, shop, asked)
    async with database.unit_of_work() as session:
        await session.execute(text("UPDATE agent_conversations SET title = NULL"))
    await end_all(database)
    again = replace(asked, client_run_id="2", messages=(UserMessage(uuid4(), "What\n now?"),))
    assert await at_once(runtime, shop, again)
    assert {row["title"] for row in await written(database)} == {"What now?"}


async def test_message_that_is_known_is_not_stored_again(
    runtime: AgentRuntime, database: Database, shop: Shop
) -> None:
    asked = request()
    assert await at_once(runtime, shop, asked)
    await end_all(database)
    more = replace(
        asked, client_run_id="2", messages=(*asked.messages, UserMessage(uuid4(), "Third?"))
    )
    assert await at_once(runtime, shop, more)
    [_, second] = await written(database)
    assert second["messages"] == [["user", "Third?"]]


async def test_whose_business_is_not_said_is_about_the_only_one(
    runtime: AgentRuntime, database: Database, shop: Shop
) -> None:
    opened = await open_at_once(runtime, shop.access.user_id, None, request())
    assert opened is not None
    assert [row["business_id"] for row in await written(database)] == [shop.access.business_id]


async def stranger_of(database: Database) -> UUID:
    return (await make_shop(database, "Elsewhere")).access.user_id


@pytest.mark.parametrize(
    "case",
    [
        "a run is under way",
        "the run's id is taken",
        "nothing is new",
        "a message's id is taken",
        "a key was pasted",
        "another business",
        "a stranger",
    ],
)
async def test_what_is_not_plain_is_left_to_the_longer_way_and_changes_nothing(
    runtime: AgentRuntime, database: Database, shop: Shop, case: str
) -> None:
    first = request()
    assert await at_once(runtime, shop, first)
    if case != "a run is under way":
        await end_all(database)
    user_id, business_id = shop.access.user_id, shop.access.business_id
    fresh = request(client_run_id="2")
    asked = replace(fresh, conversation_id=first.conversation_id)
    if case == "the run's id is taken":
        asked = replace(asked, client_run_id=first.client_run_id)
    if case == "nothing is new":
        asked = replace(asked, messages=first.messages)
    if case == "a message's id is taken":
        asked = replace(fresh, messages=first.messages)
    if case == "a key was pasted":
        asked = replace(asked, messages=(UserMessage(uuid4(), f"Here: {KEY}"),))
    if case == "another business":
        business_id = uuid4()
    if case == "a stranger":
        user_id = await stranger_of(database)
    before = await counts(database)
    assert await open_at_once(runtime, user_id, business_id, asked) is None
    assert await counts(database) == before
