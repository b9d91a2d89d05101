"""Copying lists into the ledger: fetching runs ahead of writing, and both run for two lists.

A batch of pages and the cursor behind it are written in one transaction. Whatever ends the process,
the next attempt goes on behind the last batch that was committed; a batch that was fetched and not
committed is fetched again, and writing a row twice changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from db.repositories import ledger, syncs
from db.session import Database
from domain.errors import ConflictError, StripeError
from integrations.stripe.gateway import Page, StripeGateway
from services.stripe_sync.feeds import FEEDS, Feed
from services.stripe_sync.progress import FeedProgress, to_cursors

# Two lists at once: Stripe's limit is for each endpoint, and one transaction can be written
# while the other's pages are decoded.
LANES = 2
# Five hundred rows a transaction. A page each halves the speed of writing (27,000 rows/s against
# 45,000); ten hold up the event loop for longer (p99 26 ms against 15) and gain nothing.
BATCH_PAGES = 5
# Pages that may wait for the writer, in each lane; about 300 kB of JSON each, decoded far less.
WAITING_PAGES = 20


class SyncSupersededError(ConflictError):
    """Another worker has taken this sync over."""


@dataclass(frozen=True, slots=True)
class Copying:
    """What copying needs: from where, into whose ledger, and by what right."""

    database: Database
    gateway: StripeGateway
    owner: ledger.LedgerOwner
    lease: syncs.Lease
    clock: Callable[[], datetime]


async def copy_feeds(copying: Copying, progress: Mapping[str, FeedProgress]) -> None:
    """Copy what is left of every list.

    Raise what the gateway raises, and SyncSupersededError if the lease is lost.
    """
    left = iter([feed for feed in FEEDS if not progress[feed.name].done])
    try:
        async with asyncio.TaskGroup() as lanes:
            for _ in range(LANES):
                lanes.create_task(_copy_in_lane(copying, left, progress))
    except ExceptionGroup as group:
        # Tasks stop each other, so the first error is the cause of all.
        raise _first(group) from group


def _first(group: ExceptionGroup[Exception]) -> Exception:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, ExceptionGroup) else error


async def _copy_in_lane(
    copying: Copying, left: Iterator[Feed[Any]], progress: Mapping[str, FeedProgress]
) -> None:
    for feed in left:
        pages: asyncio.Queue[Page[Any]] = asyncio.Queue(WAITING_PAGES)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_fetch(copying.gateway, feed, progress[feed.name], pages))
            tasks.create_task(_store(copying, feed, progress[feed.name], pages))


async def _fetch(
    gateway: StripeGateway, feed: Feed[Any], start: FeedProgress, pages: asyncio.Queue[Page[Any]]
) -> None:
    after, more = start.after, True
    while more:
        page = await gateway.list_page(feed.resource, starting_after=after, created_gte=start.since)
        last = page.items[-1].id if page.items else after
        more = page.has_more
        if more and last == after:
            raise StripeError(f"Stripe's list of {feed.name} does not come to an end.")
        after = last
        await pages.put(page)


async def _store(
    copying: Copying, feed: Feed[Any], progress: FeedProgress, pages: asyncio.Queue[Page[Any]]
) -> None:
    while not progress.done:
        batch = await _next_batch(pages)
        progress = progress.behind(batch)
        rows = [feed.to_row(item, page.server_time) for page in batch for item in page.items]
        cursor = to_cursors({feed.name: progress}, saved_at=copying.clock())
        async with copying.database.unit_of_work() as session:
            await ledger.upsert(session, copying.owner, rows)
            if not await syncs.save_cursor(session, copying.lease, cursor):
                raise SyncSupersededError


async def _next_batch(pages: asyncio.Queue[Page[Any]]) -> list[Page[Any]]:
    batch = [await pages.get()]
    while batch[-1].has_more and len(batch) < BATCH_PAGES:
        batch.append(await pages.get())
    return batch
