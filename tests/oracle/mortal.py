"""Processes that kill themselves with SIGKILL before a statement, forked from one that is loaded.

`python -m tests.oracle.mortal` reads an `Order` a line and answers each with an `End`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import msgspec
import structlog
from sqlalchemy import event

from db.session import Database
from db.startup import PROJECT
from services.catching_up import apply_events
from services.stripe_sync.run import run_sync
from tests.oracle.stage import Pace, opener


class Order(msgspec.Struct):
    """A job: the sync of this id, or (with no sync) the account's events.

    The process dies before the statement `dies_at`; a commit counts as one. `now_ms` is its time.
    """

    database: str
    stripe: str
    integration_id: UUID
    now_ms: int
    sync_id: UUID | None = None
    dies_at: int | None = None


class End(msgspec.Struct):
    """How a process ended: `statements` is what it counted, None of one that was killed."""

    killed: bool
    statements: int | None


class Mortals:
    """The process that the others are forked from."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def run(self, order: Order) -> End:
        """Fork a process for the order and wait for its end."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode(order) + b"\n")
        return msgspec.json.decode(await self._process.stdout.readline(), type=End)


@asynccontextmanager
async def mortals() -> AsyncIterator[Mortals]:
    """Load everything once; it ends with the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        __name__,
        cwd=PROJECT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Mortals(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


class _Heart:
    """Counts statements, and stops."""

    def __init__(self, database: Database, dies_at: int | None) -> None:
        self.statements = 0
        self._dies_at = dies_at
        event.listen(database.engine.sync_engine, "before_cursor_execute", self._beat)
        event.listen(database.engine.sync_engine, "commit", self._beat)

    def _beat(self, *_: Any) -> None:
        self.statements += 1
        if self.statements == self._dies_at:
            os.kill(os.getpid(), signal.SIGKILL)


async def _live(order: Order) -> int:
    """Do the job; return how many statements it took."""
    database = Database(order.database)
    heart = _Heart(database, order.dies_at)
    open_gateway = opener(order.stripe, limit=100, timeout_seconds=5.0)
    clock = Pace(order.now_ms)
    if order.sync_id is None:
        await apply_events(database, order.integration_id, open_gateway=open_gateway, clock=clock)
    else:
        await run_sync(database, order.sync_id, open_gateway=open_gateway, clock=clock)
    await database.dispose()
    return heart.statements


def _fork(order: Order) -> End:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        os.write(writer, str(asyncio.run(_live(order))).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as told:
        count = told.read()
    _, status = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    return End(killed, int(count) if count else None)


def main() -> None:
    """Answer each order on stdin with an end on stdout, which is for nothing else."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    for line in sys.stdin.buffer:
        end = _fork(msgspec.json.decode(line, type=Order))
        sys.stdout.buffer.write(msgspec.json.encode(end) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
