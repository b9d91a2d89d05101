"""Rows a second: writing beside COPY, and a whole list at Stripe's limits."""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Sequence
from typing import Any

from benchmarks.sync_world import Connected, Sandbox, connected, sandbox, unpaced
from db.repositories import ledger, syncs
from db.repositories.ledger_rows import ChargeRow
from db.session import leave_unflushed
from integrations.stripe.gateway import PAGE_LIMIT
from integrations.stripe.limits import RateLimits
from integrations.stripe.resources import CHARGES
from services.stripe_sync.attempt import Attempt
from services.stripe_sync.copying import BATCH_PAGES, FLUSHED_EVERY, ListCopy
from services.stripe_sync.feeds import CHARGE
from services.stripe_sync.plan import EARLIEST
from services.stripe_sync.progress import ListProgress
from services.syncs import request_sync
from worker.wiring import utc_now

# As a sync writes them.
BATCH = BATCH_PAGES * PAGE_LIMIT
LIMIT, LATENCY_MS = 25, 200
ROUNDS = 5


async def measure_writing(charges: int) -> dict[str, float]:
    """Return rows/s of COPY, of the upsert alone, and of copying the list of charges.

    Medians of rounds that take turns: how fast a disk takes a COPY differs twofold between them.
    """
    async with sandbox(charges) as stripe_api, connected(stripe_api) as world:
        rows = await _fetch_rows(stripe_api, charges)
        await world.execute("CREATE TABLE copied (LIKE ledger_charges INCLUDING ALL)")
        copied: list[float] = []
        upserted: list[float] = []
        listed: list[float] = []
        for _ in range(ROUNDS):
            copied.append(len(rows) / await _timed(_copy(world, rows)))
            await world.execute("TRUNCATE copied")
            upserted.append(len(rows) / await _timed(_upsert(world, rows)))
            await world.execute("TRUNCATE ledger_charges")
            listed.append(len(rows) / await _timed(_copy_list(world, stripe_api, unpaced())))
            await world.execute("TRUNCATE ledger_charges")
    floor, alone, behind = map(statistics.median, (copied, upserted, listed))
    return {
        "floor (COPY), rows/s": floor,
        "upsert, rows/s": alone,
        "upsert / COPY": alone / floor,
        "client and upsert, rows/s": behind,
        "client and upsert / COPY": behind / floor,
    }


async def measure_limited(charges: int) -> dict[str, float]:
    """Return charges/s from a Stripe of 25 requests a second and 200 ms an answer.

    The list reaches as far back as the account, as in the first sync of one that tells its age.
    """
    options = ("--rate-limit", str(LIMIT), "--latency-ms", str(LATENCY_MS))
    async with sandbox(charges, *options) as stripe_api, connected(stripe_api) as world:
        seconds = await _timed(_copy_list(world, stripe_api, RateLimits()))
        stored = int((await world.execute("SELECT FROM ledger_charges")).split()[-1])
        refused = (await stripe_api.statuses()).get("429", 0)
    return {"charges/s": stored / seconds, "requests refused (429)": refused}


async def _fetch_rows(stripe_api: Sandbox, charges: int) -> list[ChargeRow]:
    rows: list[Any] = []
    async with stripe_api.client() as client:
        after: str | None = None
        while len(rows) < charges:
            page = await client.list_page(CHARGES, starting_after=after)
            rows += CHARGE.rows(page.items, 1).rows
            if not page.has_more:
                break
            after = page.items[-1].id
    return rows


async def _timed(work: Awaitable[object]) -> float:
    begin = time.perf_counter()
    await work
    return time.perf_counter() - begin


async def _copy(world: Connected, rows: Sequence[ChargeRow]) -> None:
    connection = await world.database.connect()
    owner = (world.owner.business_id, world.owner.integration_id)
    try:
        await connection.copy_records_to_table(
            "copied",
            records=[(*owner, *row) for row in rows],
            columns=["business_id", "integration_id", *ChargeRow._fields],
        )
    finally:
        await connection.close()


async def _upsert(world: Connected, rows: Sequence[ChargeRow]) -> None:
    for batch, first in enumerate(range(0, len(rows), BATCH), start=1):
        async with world.database.unit_of_work() as session:
            if batch % FLUSHED_EVERY:
                await leave_unflushed(session)
            await ledger.upsert(session, world.owner, rows[first : first + BATCH])


async def _copy_list(world: Connected, stripe_api: Sandbox, limits: RateLimits) -> None:
    """Copy the list of charges as a sync does, cursors and all, and nothing else."""
    now = utc_now()
    async with world.database.unit_of_work() as session:
        asked = await request_sync(session, world.access, now)
        sync = await syncs.find_sync_to_run(session, asked.sync_id)
        assert sync is not None
        lease = await syncs.start_attempt(session, sync, cursors={}, now=now)
        version = await ledger.next_version(session)
    top = int(now.timestamp())
    async with stripe_api.client() as gateway:
        created = (await gateway.account()).created
    bottom = EARLIEST if created is None else int(created.timestamp())
    async with stripe_api.client(limits) as gateway:
        attempt = Attempt(
            database=world.database,
            gateway=gateway,
            owner=world.owner,
            account_id="",
            lease=lease,
            clock=utc_now,
            version=version,
            cursors={},
            lists={CHARGE.name: ListProgress.start(None, top=top, bottom=bottom)},
        )
        await ListCopy(attempt, CHARGE).run()
    async with world.database.unit_of_work() as session:
        await syncs.finish(session, lease, syncs.SyncState.FAILED, now=utc_now())
