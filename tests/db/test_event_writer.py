"""The log's common connection: several runs in one statement, each with its own fate."""

from __future__ import annotations

import asyncio
from contextlib import closing
from uuid import UUID, uuid4

import pytest
from sqlalchemy.exc import IntegrityError

from db.event_writer import Append, EventWriter
from db.repositories import conversations, runs
from db.run_tail import LONGEST, LoggedEvent, RunTail
from db.session import Database
from domain.runs import RunSupersededError
from tests.factories import Shop


async def _run(database: Database, shop: Shop) -> UUID:
    run_id, conversation_id = runs.new_run_id(), uuid4()
    async with database.unit_of_work() as session:
        await conversations.create_conversation(session, shop.access, conversation_id, None)
        await runs.insert_run(
            session,
            shop.access,
            run_id,
            conversation_id=conversation_id,
            client_run_id=str(run_id),
            input_hash="",
        )
    return run_id


def _append(run_id: UUID, topic: str, *numbers: int, attempt: int = 0) -> Append:
    return Append(run_id, attempt, topic, _events(*numbers))


def _events(*numbers: int) -> list[LoggedEvent]:
    return [LoggedEvent(number, "CUSTOM", f'{{"n":{number}}}') for number in numbers]


async def _numbers(database: Database, run_id: UUID) -> list[int]:
    async with database.unit_of_work() as session:
        return [e.seq for e in await runs.list_events(session, run_id, after=0, limit=100)]


async def test_taken_number_fails_its_own_run_only(database: Database, shop: Shop) -> None:
    first, second, third = [await _run(database, shop) for _ in range(3)]
    with closing(EventWriter(database, "here")) as writer:
        await writer.append(_append(second, "run:2", 1))
        outcomes = await asyncio.gather(
            writer.append(_append(first, "run:1", 1, 2)),
            writer.append(_append(second, "run:2", 1, 2)),
            writer.append(_append(third, "run:3", 1)),
            return_exceptions=True,
        )
    assert [type(outcome) for outcome in outcomes] == [type(None), IntegrityError, type(None)]
    assert await _numbers(database, first) == [1, 2]
    assert await _numbers(database, second) == [1]
    assert await _numbers(database, third) == [1]


async def test_run_whose_row_is_held_does_not_hold_up_the_others(
    database: Database, shop: Shop
) -> None:
    held, free = [await _run(database, shop) for _ in range(2)]
    with closing(EventWriter(database, "here")) as writer:
        async with database.unit_of_work() as session:
            await runs.find_run_to_execute(session, held)
            waiting = asyncio.create_task(writer.append(_append(held, "run:1", 1)))
            await asyncio.wait_for(writer.append(_append(free, "run:2", 1)), 60)
            assert not waiting.done()
        await waiting
    assert await _numbers(database, held) == [1]


async def test_attempt_that_was_taken_over_writes_nothing_and_the_others_do(
    database: Database, shop: Shop
) -> None:
    taken, free = [await _run(database, shop) for _ in range(2)]
    async with database.unit_of_work() as session:
        run = await runs.find_run_to_execute(session, taken)
        assert run is not None
        run.attempt = 2
    with closing(EventWriter(database, "here")) as writer:
        outcomes = await asyncio.gather(
            writer.append(_append(taken, "run:1", 1, attempt=1)),
            writer.append(_append(free, "run:2", 1)),
            return_exceptions=True,
        )
        await writer.append(_append(taken, "run:1", 1, attempt=2))
    assert [type(outcome) for outcome in outcomes] == [RunSupersededError, type(None)]
    assert await _numbers(database, free) == [1]
    assert await _numbers(database, taken) == [1]


async def test_attempt_that_is_taken_over_while_it_writes_writes_nothing(
    database: Database, shop: Shop
) -> None:
    run_id = await _run(database, shop)
    with closing(EventWriter(database, "here")) as writer:
        async with database.unit_of_work() as session:
            run = await runs.find_run_to_execute(session, run_id)
            assert run is not None
            waiting = asyncio.create_task(writer.append(_append(run_id, "run:1", 1)))
            await asyncio.sleep(0.2)
            run.attempt = 1
        with pytest.raises(RunSupersededError):
            await waiting
    assert await _numbers(database, run_id) == []


async def test_connection_that_was_cut_is_opened_again(database: Database, shop: Shop) -> None:
    run_id = await _run(database, shop)
    with closing(EventWriter(database, "here")) as writer:
        await writer.append(_append(run_id, "run:1", 1))
        writer.close()
        await writer.append(_append(run_id, "run:1", 2))
    assert await _numbers(database, run_id) == [1, 2]


async def test_announcement_names_its_process(database: Database, shop: Shop) -> None:
    run_id = await _run(database, shop)
    heard: asyncio.Queue[object] = asyncio.Queue()
    async with database.connected() as connection:
        await connection.add_listener("vaultra_topics", lambda *told: heard.put_nowait(told[3]))
        with closing(EventWriter(database, "here")) as writer:
            await writer.append(_append(run_id, "run:1", 1))
        assert await asyncio.wait_for(heard.get(), 60) == "run:1 here"


def test_tail_tells_only_what_it_holds_without_a_gap() -> None:
    tail = RunTail(3)
    tail.add(_events(4, 5))
    assert tail.behind(2) is None
    assert tail.behind(3) == _events(4, 5)
    assert tail.behind(5) == []
    assert tail.behind(6) is None


@pytest.mark.parametrize("count", [2 * LONGEST + 1, 3 * LONGEST])
def test_tail_is_bounded_and_keeps_the_latest(count: int) -> None:
    tail = RunTail(0)
    for number in range(1, count + 1):
        tail.add(_events(number))
    assert tail.behind(0) is None
    assert tail.behind(count - LONGEST) == _events(*range(count - LONGEST + 1, count + 1))
