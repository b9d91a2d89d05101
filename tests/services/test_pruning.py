"""Event logs are deleted some time after their run has ended, and nothing else is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from uuid_utils.compat import uuid7

from db.models import Conversation, Message, Run, RunEvent, ToolCallRecord
from db.session import Database
from domain.runs import RunState
from services import pruning
from services.pruning import Pruned, prune
from tests.factories import Shop

NOW = datetime(2026, 11, 30, 4, 27, tzinfo=UTC)
KEPT = timedelta(days=30)


async def _run(
    database: Database,
    shop: Shop,
    *,
    ended: datetime | None,
    state: str = "completed",
    length: int = 3,
    answers: UUID | None = None,
) -> UUID:
    """Store a run with a message, a call and so many events."""
    run_id, conversation_id = uuid7(), uuid4()
    user_id, business_id = shop.access.user_id, shop.business_id
    rows: list[Any] = [
        Conversation(id=conversation_id, business_id=business_id, user_id=user_id),
        Run(
            id=run_id,
            business_id=business_id,
            conversation_id=conversation_id,
            user_id=user_id,
            client_run_id=str(run_id),
            input_hash="hash",
            state=state,
            finished_at=ended,
            answers_run_id=answers,
        ),
        Message(
            id=uuid4(), conversation_id=conversation_id, role="user", content="?", run_id=run_id
        ),
        ToolCallRecord(
            id=uuid7(), run_id=run_id, call_id="1", name="x", arguments={}, status="succeeded"
        ),
        *(RunEvent(run_id=run_id, seq=seq + 1, type="X", data="{}") for seq in range(length)),
    ]
    async with database.unit_of_work() as session:
        for row in rows:
            session.add(row)
            await session.flush()
    return run_id


async def _kept(database: Database) -> set[UUID]:
    async with database.unit_of_work() as session:
        return set(await session.scalars(text("SELECT DISTINCT run_id FROM agent_run_events")))


async def _value(database: Database, query: str) -> Any:
    async with database.unit_of_work() as session:
        return (await session.execute(text(query))).scalar()


async def test_log_is_kept_for_as_long_as_is_set(database: Database, shop: Shop) -> None:
    kept = await _run(database, shop, ended=NOW - KEPT)
    await _run(database, shop, ended=NOW - KEPT - timedelta(seconds=1))
    assert await prune(database, NOW, kept=KEPT) == Pruned(runs=1, events=3)
    assert await _kept(database) == {kept}


async def test_messages_and_calls_stay(database: Database, shop: Shop) -> None:
    await _run(database, shop, ended=NOW - 2 * KEPT)
    await prune(database, NOW, kept=KEPT)
    assert await _value(database, "SELECT count(*) FROM agent_messages") == 1
    assert await _value(database, "SELECT count(*) FROM agent_tool_calls") == 1
    assert await _value(database, "SELECT count(*) FROM agent_runs") == 1


@pytest.mark.parametrize("state", [RunState.QUEUED, RunState.RUNNING, RunState.AWAITING_APPROVAL])
async def test_log_of_an_unfinished_run_stays_whatever_its_age(
    database: Database, shop: Shop, state: RunState
) -> None:
    # Even one that has the time of an end.
    run_ids = {
        await _run(database, shop, ended=ended, state=state.value)
        for ended in (None, NOW - 2 * KEPT)
    }
    assert await prune(database, NOW, kept=KEPT) == Pruned(0, 0)
    assert await _kept(database) == run_ids


async def test_log_stays_while_a_later_run_goes_on_with_it(database: Database, shop: Shop) -> None:
    old = NOW - 2 * KEPT
    first = await _run(database, shop, ended=old)
    second = await _run(database, shop, ended=old, answers=first)
    waiting = await _run(database, shop, ended=None, state="awaiting_approval", answers=first)
    assert await prune(database, NOW, kept=KEPT) == Pruned(0, 0)
    assert await _kept(database) == {first, second, waiting}
    async with database.unit_of_work() as session:
        await session.execute(
            text("UPDATE agent_runs SET state = 'cancelled', finished_at = :old"), {"old": old}
        )
    assert (await prune(database, NOW, kept=KEPT)).runs == 3


async def test_pruning_again_looks_at_no_run_twice(database: Database, shop: Shop) -> None:
    await _run(database, shop, ended=NOW - 2 * KEPT)
    await prune(database, NOW, kept=KEPT)
    pruned_at = await _value(database, "SELECT events_pruned_at FROM agent_runs")
    assert await prune(database, NOW, kept=KEPT) == Pruned(0, 0)
    assert await _value(database, "SELECT events_pruned_at FROM agent_runs") == pruned_at


@pytest.mark.parametrize(("runs", "events"), [(2, 1000), (1000, 4), (1000, 1)])
async def test_batches_take_every_log_whole(
    database: Database, shop: Shop, monkeypatch: pytest.MonkeyPatch, runs: int, events: int
) -> None:
    # One is longer than a batch, and one is empty.
    for length in (3, 7, 0, 2, 3):
        await _run(database, shop, ended=NOW - 2 * KEPT, length=length)
    monkeypatch.setattr(pruning, "BATCH_RUNS", runs)
    monkeypatch.setattr(pruning, "BATCH_EVENTS", events)
    assert await prune(database, NOW, kept=KEPT) == Pruned(runs=5, events=15)
    assert await _kept(database) == set()


async def test_two_that_prune_at_once_do_not_wait_for_each_other(
    database: Database, shop: Shop
) -> None:
    locked = await _run(database, shop, ended=NOW - 2 * KEPT)
    await _run(database, shop, ended=NOW - 2 * KEPT)
    async with database.unit_of_work() as session:
        await session.execute(
            text("SELECT id FROM agent_runs WHERE id = :id FOR UPDATE"), {"id": locked}
        )
        assert await prune(database, NOW, kept=KEPT) == Pruned(runs=1, events=3)
    assert await _kept(database) == {locked}


async def test_notes_of_the_queue_are_kept_for_a_week(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "BATCH_QUEUE_ROWS", 4)
    async with database.unit_of_work() as session:
        for table, columns, values in (
            ("pgqueuer_log", "job_id, status, priority, entrypoint", "age, 'queued', 0, 'x'"),
            ("pgqueuer_statistics", "count, status, priority, entrypoint", "1, 'queued', 0, 'x'"),
        ):
            await session.execute(
                text(
                    f"INSERT INTO {table} ({columns}, created) SELECT {values},"
                    " CAST(:now AS timestamptz) - age * interval '1 day'"
                    " FROM generate_series(1, 20) AS age"
                ),
                {"now": NOW},
            )
    await prune(database, NOW, kept=KEPT)
    for table in ("pgqueuer_log", "pgqueuer_statistics"):
        assert await _value(database, f"SELECT count(*) FROM {table}") == 7
