"""A sandbox Stripe whose time passes while it answers, and workers that die at a statement."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from itertools import cycle
from typing import Any

from aiohttp import hdrs, web
from sqlalchemy import event, text
from sqlalchemy.engine import URL

from db.session import Database
from integrations.stripe.client import StripeClient
from integrations.stripe.gateway import StripeGateway
from sandbox.stripe.api import StripeApi
from sandbox.stripe.calls import Handler
from sandbox.stripe.ledger import Ledger
from sandbox.stripe.server import API, create_app
from services.integrations import OpenGateway, StoredKey, open_key
from tests.integrations.stripe.ledgers import KEY
from tests.services.stripe_sync.connected import QUICK, RING, Killed, SmallPages, unpaced

# A request that takes longer than this is given up by every client.
LONGEST_ANSWER_MS = 80_000
_ASKED_AT = web.RequestKey("asked_at", int)


@dataclass
class Pace:
    """The virtual time, in milliseconds since the epoch, and how it passes with each request.

    Before one is looked at, the next of `jumps` passes, and nothing once they are used up; while it
    is answered, the next of `ticks`, over and over.
    """

    ms: int
    jumps: deque[int] = field(default_factory=deque)
    ticks: tuple[int, ...] = (0,)

    def __post_init__(self) -> None:
        self._ticks = cycle(self.ticks)

    def __call__(self) -> datetime:
        return datetime.fromtimestamp(self.ms // 1_000, UTC).replace(
            microsecond=self.ms % 1_000 * 1_000
        )

    def stand_still(self) -> None:
        self.jumps.clear()
        self._ticks = cycle((0,))

    @web.middleware
    async def before(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.ms += self.jumps.popleft() if self.jumps else 0
        request[_ASKED_AT] = self.ms
        return await handler(request)

    async def after(self, request: web.Request, response: web.StreamResponse) -> None:
        self.ms += next(self._ticks)
        # Others may have let days pass meanwhile; an answer does not take that long.
        told = min(self.ms, request.get(_ASKED_AT, self.ms) + LONGEST_ANSWER_MS)
        date = datetime.fromtimestamp(told // 1_000, UTC)
        response.headers[hdrs.DATE] = format_datetime(date, usegmt=True)


@dataclass(frozen=True)
class Stage:
    """A sandbox on a socket, and its time."""

    url: str
    api: StripeApi
    pace: Pace
    ledger: Ledger


@asynccontextmanager
async def staged(ledger: Ledger, pace: Pace) -> AsyncIterator[Stage]:
    """Serve the ledger at the pace."""
    app = create_app(ledger, keys=[KEY], clock=pace)
    app.middlewares.append(pace.before)
    app.on_response_prepare.append(pace.after)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield Stage(f"http://127.0.0.1:{runner.addresses[0][1]}", app[API], pace, ledger)
    finally:
        await runner.cleanup()


def opener(url: str, *, limit: int, timeout_seconds: float) -> OpenGateway:
    """What opens the sandbox with pages of at most so many items."""

    def open_gateway(stored: StoredKey) -> AbstractAsyncContextManager[StripeGateway]:
        client = StripeClient(
            open_key(RING, stored),
            api_base=url,
            timeout_seconds=timeout_seconds,
            retries=QUICK,
            limits=unpaced(),
        )
        return _in_small_pages(client, limit)

    return open_gateway


@asynccontextmanager
async def _in_small_pages(client: StripeClient, limit: int) -> AsyncIterator[StripeGateway]:
    async with client as gateway:
        yield SmallPages(gateway, limit)


class Worker:
    """A process with connections of its own, which dies before its `dies_at`-th statement.

    A commit counts as a statement. To the database the death of a process is a transaction that is
    rolled back; whatever a dead one tries, fails.
    """

    def __init__(self, url: URL) -> None:
        self.database = Database(url)
        self.statements = 0
        self.dies_at: int | None = None
        self.busy = False
        engine = self.database.engine.sync_engine
        event.listen(engine, "before_cursor_execute", self._before)
        event.listen(engine, "commit", self._before)

    @property
    def dead(self) -> bool:
        return self.dies_at is not None and self.statements >= self.dies_at

    def _before(self, *_: Any) -> None:
        self.statements += 1
        if self.dead:
            raise Killed


class Crew:
    """Workers on one database, and a look at it from outside.

    A worker's place is taken by the next one as soon as it is done or dead: what SQLAlchemy has
    compiled is kept, which halves the time that a story takes, and nothing else.
    """

    def __init__(self, url: URL) -> None:
        self.observer = Database(url)
        self._workers = [Worker(url), Worker(url)]

    @asynccontextmanager
    async def working(self, dies_at: int | None = None) -> AsyncIterator[Worker]:
        """A worker that is free, at its first statement."""
        worker = next(worker for worker in self._workers if not worker.busy)
        worker.statements, worker.dies_at, worker.busy = 0, dies_at, True
        try:
            yield worker
        finally:
            if worker.dead:
                await worker.database.dispose()
            worker.busy = False

    async def dismiss(self) -> None:
        """Close all connections."""
        for database in (self.observer, *(worker.database for worker in self._workers)):
            await database.dispose()

    async def clear(self) -> None:
        """Empty every table but the one that tells the schema's version."""
        async with self.observer.unit_of_work() as session:
            names = (await session.execute(text(_TABLES))).scalars().all()
            await session.execute(text(f"TRUNCATE {', '.join(names)}"))


_TABLES = """
    SELECT quote_ident(tablename) FROM pg_tables
    WHERE schemaname = 'public' AND tablename <> 'alembic_version'
"""
