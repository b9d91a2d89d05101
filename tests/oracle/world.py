"""A connected business in a world where anything may happen, and what must hold at its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import select, text

from db.models import SyncRun
from db.repositories.syncs import SyncPurpose
from db.session import Database
from domain.errors import StripeError
from integrations.stripe.webhooks import verify
from sandbox.stripe.delivery import signature_header, thin_event
from sandbox.stripe.events import KEPT_MS
from sandbox.stripe.ledger import Ledger
from sandbox.stripe.occurrences import Occurrence, occurrences
from services.catching_up import apply_events, poll_account
from services.integrations import connect_stripe
from services.stripe_sync.run import run_sync
from services.syncs import request_sync
from services.webhooks import receive_event
from tests.factories import Shop, make_shop
from tests.integrations.stripe.ledgers import KEY
from tests.oracle.expected import Reading, differences, end_of
from tests.oracle.stage import Crew, Pace, Stage, Worker, opener, staged
from tests.services.stripe_sync.connected import (
    RING,
    Killed,
    account_row,
    ledger_of,
    open_stripe,
)

SECRET = "whsec_of_the_oracle"
DAY_MS = 86_400_000
# Less than the 25 days after which events may have been missed.
STRIDE_MS = 24 * DAY_MS


@dataclass
class World:
    """A business connected to a sandbox; `readings` are its complete syncs, `owed` its jobs.

    A worker that dies leaves its job to the next one, as the job engine does.
    """

    crew: Crew
    shop: Shop
    integration_id: UUID
    stage: Stage
    limit: int
    timeout_seconds: float = 5.0
    readings: list[Reading] = field(default_factory=list)
    owed: bool = False
    delivered: int = 0
    _began: dict[UUID, int] = field(default_factory=dict)

    @property
    def database(self) -> Database:
        return self.crew.observer

    @property
    def pace(self) -> Pace:
        return self.stage.pace

    def open(self) -> Any:
        return opener(self.stage.url, limit=self.limit, timeout_seconds=self.timeout_seconds)

    async def work(self, job: Callable[[Worker], Awaitable[None]], dies_at: int | None) -> bool:
        """Let a worker do a job, in which Stripe may refuse it; tell whether it died."""
        began = self.pace.ms
        async with self.crew.working(dies_at) as worker:
            with surviving():
                await job(worker)
            died = worker.dead
        await self._look_at_syncs(began)
        return died

    async def sync(self, worker: Worker, *, purpose: SyncPurpose = SyncPurpose.SYNC) -> None:
        """Ask for a sync and run it, or go on with the one that is active."""
        async with worker.database.unit_of_work() as session:
            requested = await request_sync(session, self.shop.access, self.pace(), purpose=purpose)
        await run_sync(
            worker.database, requested.sync_id, open_gateway=self.open(), clock=self.pace
        )

    async def reconcile(self, worker: Worker) -> None:
        """The nightly sync."""
        await self.sync(worker, purpose=SyncPurpose.RECONCILE)

    async def apply(self, worker: Worker) -> None:
        """The job that webhooks queue."""
        await apply_events(
            worker.database, self.integration_id, open_gateway=self.open(), clock=self.pace
        )
        self.owed = False

    async def poll(self, worker: Worker) -> None:
        account = await account_row(worker.database, self.integration_id)
        await poll_account(worker.database, account, open_gateway=self.open(), clock=self.pace)

    async def receive(self, worker: Worker, events: Sequence[Occurrence], *, thin: bool) -> None:
        """Take events as they come over the wire, each in a transaction of its own."""
        now = int(self.pace().timestamp())
        for occurrence in events:
            body = orjson.dumps(
                thin_event(occurrence.body, occurrence) if thin else occurrence.body
            )
            signed = signature_header(body, secrets=[SECRET], timestamp=now)
            seen = verify(body, signed, secrets=[SECRET], now=now)
            await receive_event(worker.database, seen)
            self.owed = True

    def happened(self, since: int | None = None) -> list[Occurrence]:
        """The events since then, of the last thirty days if that is not told; oldest first."""
        until = self.pace.ms
        since = max(until - KEPT_MS, self._connected_at) if since is None else since
        return occurrences(self.stage.api, since=since, until=until)

    @property
    def _connected_at(self) -> int:
        return self.readings[0].began if self.readings else self.delivered

    async def differences(self) -> list[Any]:
        """Where the ledger differs from the facts as they are now."""
        found = await ledger_of(self.database, self.shop.access)
        return differences(found, self.stage.ledger, self.pace.ms, self.readings)

    async def settle(self, *, by_polls: bool) -> None:
        """Go on to the shop's end without trouble; the ledger must be exact wherever it rests."""
        # A poll reads one page: it would never be sure of a page of three.
        self.timeout_seconds, self.limit = 5.0, 100
        self.pace.stand_still()
        end = max(self.pace.ms, end_of(self.stage.ledger))
        await self._rest(by_polls=by_polls)
        while self.pace.ms < end:
            self.pace.ms = min(end, self.pace.ms + STRIDE_MS)
            await self._rest(by_polls=by_polls)

    async def _rest(self, *, by_polls: bool) -> None:
        if by_polls:
            await self._poll_until_nothing_is_new()
        else:
            if await self.active_sync():
                await self._certainly(self.sync)
            await self._certainly(self.sync)
        found = {
            "differences": await self.differences(),
            "waiting events": await self.value(_WAITING),
            "failed events": await self.value(_FAILURES),
            "active sync": await self.active_sync(),
        }
        assert not any(found.values()), found

    async def _poll_until_nothing_is_new(self) -> None:
        if not self.readings or await self.active_sync():
            await self._certainly(self.sync)
        for _ in range(6):
            if self.owed:
                await self._certainly(self.apply)
            await self._certainly(self.poll)
            self.owed = await self.value(_TAKE_JOBS) > 0
            if await self.active_sync():
                await self._certainly(self.sync)
            elif not self.owed:
                return
        raise AssertionError("Polls find something new again and again.")

    async def _certainly(self, job: Callable[[Worker], Awaitable[None]]) -> None:
        began = self.pace.ms
        async with self.crew.working() as worker:
            await job(worker)
        await self._look_at_syncs(began)

    async def active_sync(self) -> UUID | None:
        async with self.database.unit_of_work() as session:
            query = select(SyncRun.id).where(SyncRun.state.in_(("queued", "running")))
            return (await session.execute(query)).scalar_one_or_none()

    async def value(self, query: str) -> Any:
        async with self.database.unit_of_work() as session:
            return (await session.execute(text(query))).scalar_one()

    async def _look_at_syncs(self, began: int) -> None:
        async with self.database.unit_of_work() as session:
            rows = (await session.execute(select(SyncRun.id, SyncRun.state))).all()
        for sync_id, state in rows:
            since = self._began.setdefault(sync_id, began)
            if state == "completed" and since >= 0:
                self.readings.append(Reading(since, self.pace.ms))
                self._began[sync_id] = -1


_WAITING = "SELECT count(*) FROM stripe_events WHERE processed_at IS NULL"
# The jobs that poll and sync asked for, which the story does itself.
_TAKE_JOBS = """WITH taken AS (
    DELETE FROM pgqueuer WHERE entrypoint = 'stripe_events' RETURNING id
) SELECT count(*) FROM taken"""
_FAILURES = "SELECT count(*) FROM stripe_event_failures"


@contextmanager
def surviving() -> Iterator[None]:
    """Let a worker die, and Stripe refuse; anything else is an error of the product."""
    try:
        yield
    except (Killed, StripeError):
        pass
    except BaseExceptionGroup as group:
        # The tasks of a worker die together.
        left = group.split((Killed, asyncio.CancelledError))[1]
        if left is not None:
            raise


@asynccontextmanager
async def world(
    crew: Crew, ledger: Ledger, pace: Pace, *, limit: int = 100, timeout_seconds: float = 5.0
) -> AsyncIterator[World]:
    """A business that has just connected."""
    async with staged(ledger, pace) as stage:
        shop = await make_shop(crew.observer)
        yield await connected(crew, shop, stage, limit=limit, timeout_seconds=timeout_seconds)


async def connected(
    crew: Crew, shop: Shop, stage: Stage, *, limit: int = 100, timeout_seconds: float = 5.0
) -> World:
    """Connect a business to the sandbox."""
    async with open_stripe(stage.url, KEY) as gateway:
        account = await gateway.account()
    async with crew.observer.unit_of_work() as session:
        integration = await connect_stripe(
            session, shop.access, KEY, ring=RING, account=account, now=stage.pace()
        )
    return World(crew, shop, integration.id, stage, limit, timeout_seconds, delivered=stage.pace.ms)
