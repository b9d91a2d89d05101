"""What the sync is measured in: a sandbox Stripe of its own process, and a database of its own."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import aiohttp

from benchmarks.turn_servers import free_port, process, scratch_folder, until_up
from db.columns import KeyRing
from db.embedded import start_embedded_server
from db.repositories.ledger import LedgerOwner
from db.session import Database
from db.startup import migrate
from domain.access import Access
from integrations.stripe.client import StripeClient
from integrations.stripe.limits import RateLimits
from sandbox.stripe.server import DEFAULT_KEY, REQUESTS_PER_SECOND
from services import integrations, syncs
from services.demo import ensure_demo
from services.inspection import inspect_account
from services.stripe_sync.run import run_sync
from worker.wiring import utc_now

TIMEOUT_SECONDS = 60.0
# A million charges take a while to be made up.
BUILDING_SECONDS = 180


def unpaced() -> RateLimits:
    """Return limits that are never met: the work is measured, not the waiting for Stripe."""
    return RateLimits(REQUESTS_PER_SECOND)


@dataclass(frozen=True)
class Sandbox:
    """A sandbox Stripe in another process."""

    url: str

    def client(self, limits: RateLimits | None = None) -> StripeClient:
        """Return a client of its account; without limits it is not paced."""
        return StripeClient(
            DEFAULT_KEY,
            api_base=self.url,
            timeout_seconds=TIMEOUT_SECONDS,
            limits=limits or unpaced(),
        )

    async def statuses(self) -> dict[str, int]:
        """Return how many answers there were of each HTTP status."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.url}/_sandbox/traffic") as answer,
        ):
            found: dict[str, int] = (await answer.json())["statuses"]
            return found


@asynccontextmanager
async def sandbox(charges: int, *options: str) -> AsyncIterator[Sandbox]:
    """Serve a business of so many charges for the length of the block."""
    port = free_port()
    account = ("--account", f"big:{charges}")
    with process("sandbox.stripe", "--port", str(port), *account, *options):
        url = f"http://127.0.0.1:{port}"
        await until_up(url, seconds=BUILDING_SECONDS)
        yield Sandbox(url)


@dataclass(frozen=True)
class Connected:
    """A database with one business whose Stripe account is connected."""

    url: str
    database: Database
    access: Access
    owner: LedgerOwner
    secret: str

    async def sync(self, stripe: Sandbox, limits: RateLimits | None = None) -> dict[str, int]:
        """Run a sync in this process; return the rows of each list."""
        async with self.database.unit_of_work() as session:
            asked = await syncs.request_sync(session, self.access, utc_now())
        await run_sync(
            self.database,
            asked.sync_id,
            open_gateway=lambda _: stripe.client(limits),
            clock=utc_now,
        )
        async with self.database.unit_of_work() as session:
            status = await syncs.sync_status(session, self.access, utc_now())
        assert status.state == "completed", status
        return status.counts

    async def execute(self, statement: str, *arguments: Any) -> str:
        """Run a statement outside of the pool; return its status."""
        connection = await self.database.connect()
        try:
            return await connection.execute(statement, *arguments)
        finally:
            await connection.close()


@asynccontextmanager
async def connected(stripe: Sandbox) -> AsyncIterator[Connected]:
    """Start a server, migrate it and connect the sandbox's account."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(scratch_folder())
        url = await asyncio.to_thread(start_embedded_server, folder / "postgres")
        await asyncio.to_thread(migrate, url)
        database = Database(url, pool_size=5)
        stack.push_async_callback(database.dispose)
        secret = secrets.token_urlsafe(32)
        access, integration_id = await _connect(database, stripe, secret)
        owner = LedgerOwner(access.business_id, integration_id)
        yield Connected(url, database, access, owner, secret)


async def _connect(database: Database, stripe: Sandbox, secret: str) -> tuple[Access, UUID]:
    async with stripe.client() as gateway:
        inspected = await inspect_account(gateway)
    async with database.unit_of_work() as session:
        access = await ensure_demo(session, founded_on=utc_now().date())
        connection = await integrations.connect_stripe(
            session,
            access,
            DEFAULT_KEY,
            ring=KeyRing((secret,)),
            account=inspected.account,
            missing=inspected.missing,
            now=utc_now(),
        )
    return access, connection.id
