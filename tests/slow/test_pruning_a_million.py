"""Pruning a log of a million events: by index, in short transactions, while others read it."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from agent import run_health
from db.models import Conversation
from db.repositories.event_logs import PRUNE
from db.session import Database
from services.pruning import BATCH_EVENTS, BATCH_RUNS, Pruned, prune
from tests.factories import Shop

pytestmark = pytest.mark.slow
NOW = datetime.now(UTC)
KEPT = timedelta(days=30)
EVENTS = 80
OLD = 12_500
# Half of the runs are old enough.
FILL = (
    """
    INSERT INTO agent_runs (id, business_id, conversation_id, user_id, client_run_id, input_hash,
        state, created_at, finished_at)
    SELECT gen_random_uuid(), :business, :conversation, :user, 'run ' || n, 'hash', 'completed',
        ended, ended
    FROM (SELECT n, now() - n * (interval '60 days' / :runs) AS ended
        FROM generate_series(1, :runs) AS n) AS runs
    """,
    """
    INSERT INTO agent_run_events (run_id, seq, type, data)
    SELECT id, seq, CASE seq WHEN :events THEN 'RUN_FINISHED' ELSE 'TEXT_MESSAGE_CONTENT' END,
        '{"type":"TEXT_MESSAGE_CONTENT","messageId":"' || id || '","delta":"some twelve words"}'
    FROM agent_runs CROSS JOIN generate_series(1, :events) AS seq
    """,
    "ANALYZE agent_runs",
    "ANALYZE agent_run_events",
)


def _tell(measured: str) -> None:
    """Print a figure, for who runs this with `-s`."""
    sys.stdout.write(f"{measured}\n")


async def _fill(database: Database, shop: Shop) -> None:
    conversation = uuid4()
    values = {
        "business": shop.business_id,
        "user": shop.access.user_id,
        "conversation": conversation,
        "runs": 2 * OLD,
        "events": EVENTS,
    }
    async with database.unit_of_work() as session:
        session.add(
            Conversation(id=conversation, business_id=shop.business_id, user_id=shop.access.user_id)
        )
        await session.flush()
        for statement in FILL:
            await session.execute(text(statement), values)


def _nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for child in plan.get("Plans", []) for node in _nodes(child))]


async def _explain(database: Database) -> list[dict[str, Any]]:
    values = {"before": NOW - KEPT, "most_runs": BATCH_RUNS, "most_events": BATCH_EVENTS}
    async with database.unit_of_work() as session:
        query = text(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {PRUNE.text}")
        [plan] = (await session.execute(query, values)).scalar_one()
        _tell(f"one batch {plan['Execution Time']:.0f} ms")
        await session.rollback()
    return _nodes(plan["Plan"])


async def test_million_events_are_pruned_by_index(database: Database, shop: Shop) -> None:
    await _fill(database, shop)
    nodes = await _explain(database)
    tables = {"agent_runs", "agent_run_events"}
    scans = [
        (node["Node Type"], node["Relation Name"])
        for node in nodes
        if node.get("Relation Name") in tables and "Scan" in node["Node Type"]
    ]
    assert not [scan for scan in scans if scan[0] == "Seq Scan"]
    begin = time.perf_counter()
    pruned = await prune(database, NOW, kept=KEPT)
    _tell(f"all of {pruned} {time.perf_counter() - begin:.1f} s")
    # Time goes on while the rows are made.
    assert abs(pruned.runs - OLD) <= 50
    assert pruned == Pruned(pruned.runs, pruned.runs * EVENTS)
    begin = time.perf_counter()
    assert await prune(database, NOW, kept=KEPT) == Pruned(0, 0)
    _tell(f"nothing left to prune {1000 * (time.perf_counter() - begin):.1f} ms")
    begin = time.perf_counter()
    assert await run_health.examine(database) == []
    _tell(f"the doctor {time.perf_counter() - begin:.1f} s")
