"""Reading a conversation costs the same however long it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from agent.graph.history import READ_TURNS
from db.repositories import history
from db.session import Database
from tests.factories import Shop

# Conversation 1 is long; so many rows of others are there that reading them all would be slow.
FILL = (
    """INSERT INTO agent_conversations (id, business_id, user_id)
       SELECT md5('c' || c)::uuid, :business_id, :user_id FROM generate_series(1, 21) c""",
    """INSERT INTO agent_runs (id, business_id, conversation_id, user_id, client_run_id,
                               input_hash, state, created_at)
       SELECT md5('r' || c || '/' || t)::uuid, :business_id, md5('c' || c)::uuid, :user_id,
              c || '/' || t, 'hash', 'completed', timestamptz '2026-01-01' + t * interval '1 hour'
       FROM generate_series(1, 21) c,
            generate_series(1, CASE WHEN c = 21 THEN 60 ELSE 500 END) t""",
    """INSERT INTO agent_messages (conversation_id, role, content, run_id, created_at)
       SELECT conversation_id, role, 'text', id, created_at + at * interval '1 minute'
       FROM agent_runs, (VALUES ('user', 1), ('assistant', 3)) AS said (role, at)""",
    """INSERT INTO agent_tool_calls (id, run_id, call_id, name, arguments, status, result,
                                     created_at, finished_at)
       SELECT gen_random_uuid(), id, 'call_1', 'calculate', '{}', 'succeeded', '42',
              created_at + interval '2 minutes', created_at + interval '2 minutes'
       FROM agent_runs""",
    "ANALYZE agent_conversations, agent_runs, agent_messages, agent_tool_calls",
)
LONG, SHORT = 1, 21


@pytest.fixture
async def many(database: Database, shop: Shop) -> Database:
    """Twenty conversations of 500 turns, and one of 60."""
    given = {"business_id": shop.business_id, "user_id": shop.access.user_id}
    async with database.unit_of_work() as session:
        for statement in FILL:
            await session.execute(text(statement), given if ":user_id" in statement else {})
    return database


async def plan_of(database: Database, shop: Shop, conversation: int) -> list[dict[str, Any]]:
    """Execute the query for the conversation's last run; return the nodes of its plan."""
    async with database.unit_of_work() as session:
        found = await session.scalar(
            text(
                "SELECT id FROM agent_runs WHERE conversation_id = md5('c' || :c)::uuid"
                " ORDER BY created_at DESC LIMIT 1"
            ),
            {"c": str(conversation)},
        )
    past = await history.find_past(database, shop.access, UUID(str(found)))
    assert past is not None
    assert len(await history.list_rows(database, past, turns=READ_TURNS)) == 3 * READ_TURNS
    statement, values = history.rows_statement(past, turns=READ_TURNS)
    [(plan,)] = await database.fetch(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", *values)
    plan = json.loads(plan) if isinstance(plan, str) else plan
    return list(nodes(plan[0]["Plan"]))


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def rows_read(plan: list[dict[str, Any]]) -> int:
    """How many rows of tables were looked at, those that were left out included."""
    read = 0
    for node in plan:
        if "Relation Name" in node:
            removed = node.get("Rows Removed by Filter", 0)
            removed += node.get("Rows Removed by Index Recheck", 0)
            read += (node["Actual Rows"] + removed) * node["Actual Loops"]
    return round(read)


async def test_long_conversation_is_read_by_index_and_no_further_than_a_short_one(
    many: Database, shop: Shop
) -> None:
    plans = [await plan_of(many, shop, conversation) for conversation in (SHORT, LONG)]
    for plan in plans:
        assert {node["Node Type"] for node in plan if "Relation Name" in node} <= {
            "Index Scan",
            "Index Only Scan",
            "Bitmap Heap Scan",
        }
        used = {node["Index Name"] for node in plan if "Index Name" in node}
        # Where no message is without a run, the search for one ends in the index of runs.
        assert used - {"ix_agent_messages_conversation_id_created_at"} == {
            "ix_agent_runs_conversation_id_created_at",
            "ix_agent_messages_run_id",
            "ix_agent_runs_answers_run_id",
            "uq_agent_tool_calls_run_id_call_id",
        }
        # Each turn has a run, two messages and a call; those without a run are looked for among
        # its messages.
        assert rows_read(plan) <= READ_TURNS * (1 + 2 + 1 + 2)
