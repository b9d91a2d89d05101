"""What a turn costs as its conversation grows: CPU of the service, rows and bytes in the database.

`python -m benchmarks.long_conversation` has one conversation of 60 turns and one of 500 with the
scripted model, over HTTP. A turn is two model calls, one tool and 60 words. It compares the last
ten turns with the first ten.

`--load` measures `load_messages` alone instead, on conversations whose turns each read
so many characters of figures: the second number says what a turn of such a conversation adds.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import aiohttp
import psutil

from agent.approvals import Gate
from agent.context import AgentContext
from agent.graph.history import load_messages
from agent.planner.model import PlannerChatModel
from benchmarks.turn_load import QUESTION
from benchmarks.turn_servers import (
    free_port,
    headers_of_demo,
    process,
    scratch_folder,
    until_up,
    vaultra,
)
from db.embedded import start_embedded_server
from db.repositories.runs import Attempt
from db.session import Database
from db.startup import migrate
from services.demo import DEMO_ACCESS, ensure_demo
from worker.wiring import utc_now

SCRIPT = Path(__file__).with_name("turn.yaml")
TEN = 10
WARM_UP = 20
LOADS = 50
_PER_TURN = """
SELECT count(*), sum(bytes) FROM (
    SELECT pg_column_size(t) AS bytes FROM agent_runs t WHERE id = ANY($1)
    UNION ALL SELECT pg_column_size(t) FROM agent_messages t WHERE run_id = ANY($1)
    UNION ALL SELECT pg_column_size(t) FROM agent_tool_calls t WHERE run_id = ANY($1)
    UNION ALL SELECT pg_column_size(t) FROM agent_run_events t WHERE run_id = ANY($1)
) AS written
"""
_FILL = (
    """INSERT INTO agent_conversations (id, business_id, user_id) VALUES ($1, $2, $3)""",
    """INSERT INTO agent_runs (id, business_id, conversation_id, user_id, client_run_id,
                               input_hash, state, created_at)
       SELECT gen_random_uuid(), $2, $1, $3, gen_random_uuid()::text, 'hash', 'completed',
              timestamptz '2026-01-01' + t * interval '1 hour'
       FROM generate_series(1, $4::int) t""",
    """INSERT INTO agent_messages (conversation_id, role, content, run_id, created_at)
       SELECT $1, role, 'What was said ' || said, id, created_at + at * interval '1 minute'
       FROM agent_runs, (VALUES ('user', 1, ''), ('assistant', 3, repeat('word ', 80)))
                        AS said (role, at, said)
       WHERE conversation_id = $1""",
    """INSERT INTO agent_tool_calls (id, run_id, call_id, name, arguments, status, result,
                                     created_at, finished_at)
       SELECT gen_random_uuid(), id, 'call_1', 'query_snapshots', '{}', 'succeeded',
              repeat('{"value":"12.50"},', $2::int / 18), created_at + interval '2 minutes',
              created_at + interval '2 minutes'
       FROM agent_runs WHERE conversation_id = $1""",
)


@dataclass(frozen=True)
class Service:
    """A service with its process and its database."""

    url: str
    process: psutil.Process
    headers: dict[str, str]
    database: Database


@asynccontextmanager
async def served() -> AsyncIterator[Service]:
    """Start the model and the service for the length of the block."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(scratch_folder())
        model, ours = free_port(), free_port()
        model_url = f"http://127.0.0.1:{model}/v1"
        run = stack.enter_context
        run(process("sandbox.model", "--script", str(SCRIPT), "--port", str(model)))
        url = await asyncio.to_thread(start_embedded_server, folder / "postgres")
        await asyncio.to_thread(migrate, url)
        secret = secrets.token_urlsafe(32)
        service = run(vaultra(url, model_url, secret, ours))
        headers = await headers_of_demo(url, secret)
        database = Database(url, pool_size=1)
        stack.push_async_callback(database.dispose)
        for port, path in ((model, "/v1/models"), (ours, "/healthz")):
            await until_up(f"http://127.0.0.1:{port}{path}")
        yield Service(f"http://127.0.0.1:{ours}/v1/runs", service, headers, database)


async def ask(client: aiohttp.ClientSession, service: Service, conversation_id: UUID) -> float:
    """Have one turn; return the CPU seconds that the service took for it."""
    before = sum(service.process.cpu_times()[:2])
    message = {"id": str(uuid4()), "role": "user", "content": QUESTION}
    body = {"threadId": str(conversation_id), "runId": str(uuid4()), "messages": [message]}
    async with client.post(service.url, json=body, headers=service.headers) as answer:
        received = await answer.read()
    assert answer.status == 200, received
    assert b'"success"' in received, received
    return sum(service.process.cpu_times()[:2]) - before


async def written(database: Database, conversation_id: UUID) -> tuple[str, str]:
    """Return rows and bytes a turn of the first ten turns and of the last ten, as text."""
    connection = await database.connect()
    try:
        rows = await connection.fetch(
            "SELECT id FROM agent_runs WHERE conversation_id = $1 ORDER BY created_at",
            conversation_id,
        )
        ids = [row["id"] for row in rows]
        found = [await connection.fetchrow(_PER_TURN, part) for part in (ids[:TEN], ids[-TEN:])]
    finally:
        await connection.close()
    first, last = (f"{row[0] / TEN:.1f} rows, {row[1] / TEN:.0f} bytes" for row in found if row)
    return first, last


async def summary_bytes(database: Database, conversation_id: UUID) -> int:
    """Return the bytes of the conversation's summary, 0 without one."""
    connection = await database.connect()
    try:
        found = await connection.fetchval(
            "SELECT pg_column_size(t) FROM conversation_summaries t WHERE conversation_id = $1",
            conversation_id,
        )
    finally:
        await connection.close()
    return int(found or 0)


async def converse(lengths: list[int]) -> None:
    """Have a conversation of each length, and print what its turns cost."""
    async with served() as service, aiohttp.ClientSession() as client:
        warm = uuid4()
        for _ in range(WARM_UP):
            await ask(client, service, warm)
        for turns in lengths:
            conversation_id = uuid4()
            costs = [await ask(client, service, conversation_id) for _ in range(turns)]
            first, last = sum(costs[:TEN]) / TEN, sum(costs[-TEN:]) / TEN
            rows_first, rows_last = await written(service.database, conversation_id)
            summary = await summary_bytes(service.database, conversation_id)
            print(
                f"{turns} turns: CPU a turn {1000 * first:.1f} ms (first ten), "
                f"{1000 * last:.1f} ms (last ten), ratio {last / first:.2f}\n"
                f"  written a turn: {rows_first} (first ten), {rows_last} (last ten); "
                f"summary {summary} bytes"
            )


async def load(lengths: list[int], characters: int) -> None:
    """Store a conversation of each length, and print what loading it costs."""
    with scratch_folder() as folder:
        url = await asyncio.to_thread(start_embedded_server, folder / "postgres")
        await asyncio.to_thread(migrate, url)
        database = Database(url, pool_size=1)
        async with database.unit_of_work() as session:
            await ensure_demo(session, founded_on=utc_now().date())
        for turns in [TEN, *lengths]:
            run_id = await _fill(database, turns, characters)
            context = AgentContext(
                attempt=Attempt(run_id, 0),
                access=DEMO_ACCESS,
                database=database,
                model=PlannerChatModel(),
                stand_in=PlannerChatModel(),
                tools=(),
                clock=utc_now,
                gate=Gate(),
                tell=lambda _: None,
            )
            costs = [await _cost(context) for _ in range(LOADS)]
            print(
                f"{turns} turns of {characters} characters read: load_messages takes "
                f"{1000 * statistics.median(costs[1:]):.2f} ms of CPU "
                f"({1000 * costs[0]:.2f} ms the first time, when it trims)"
            )
        await database.dispose()


async def _fill(database: Database, turns: int, characters: int) -> UUID:
    """Store a conversation; return the id of a run whose question is the next turn."""
    conversation_id = uuid4()
    owner = (DEMO_ACCESS.business_id, DEMO_ACCESS.user_id)
    connection = await database.connect()
    try:
        await connection.execute(_FILL[0], conversation_id, *owner)
        await connection.execute(_FILL[1], conversation_id, *owner, turns + 1)
        await connection.execute(_FILL[2], conversation_id)
        await connection.execute(_FILL[3], conversation_id, characters)
        await connection.execute("ANALYZE")
        found = await connection.fetchval(
            "SELECT id FROM agent_runs WHERE conversation_id = $1 ORDER BY created_at DESC LIMIT 1",
            conversation_id,
        )
    finally:
        await connection.close()
    return UUID(str(found))


async def _cost(context: AgentContext) -> float:
    before = time.process_time()
    await load_messages(context)
    return time.process_time() - before


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--turns", type=int, nargs="+", default=[60, 500], help="%(default)s")
    parser.add_argument("--load", action="store_true", help="measure load_messages alone")
    parser.add_argument("--characters", type=int, default=3_000, help="with --load (%(default)s)")
    options = parser.parse_args()
    work = load(options.turns, options.characters) if options.load else converse(options.turns)
    asyncio.run(work)


if __name__ == "__main__":
    main()
