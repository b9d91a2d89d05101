"""Copying lists into the ledger: windows are fetched side by side, one writer a list stores them.

A batch of pages and the cursors behind it are written in one transaction. Whatever ends the
process, the next attempt goes on in each window behind the last batch that was committed; a page
that was fetched and not committed is fetched again, and writing a row twice changes nothing.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from db.session import leave_unflushed
from domain.errors import StripeError
from integrations.stripe.failures import MissingObjectError
from integrations.stripe.gateway import Page
from services.stripe_sync.attempt import Attempt, only_denied, write
from services.stripe_sync.feeds import FEEDS, Feed, Rows, merged
from services.stripe_sync.lanes import in_lanes
from services.stripe_sync.windows import MOST_WINDOWS, Window, apply_cut, find_cut

# Two lists at once: Stripe's limit is for each endpoint, and one transaction can be written
# while the other's pages are decoded.
LANES = 2
# A statement, its round trips and its commit cost as much for one row as for a hundred; but what
# is done for a thousand rows at once holds up whoever streams (decision 33).
BATCH_PAGES = 3
# A batch and its cursor are lost together, and read again; so only every fourth commit waits for
# the disk, and a crash of the server costs three more batches of each list at most.
FLUSHED_EVERY = 4
# Pages that may wait for the writer, in each lane, beside one for each window.
WAITING_PAGES = 20


@dataclass(frozen=True, slots=True)
class _Fetched:
    """A page of the window that ends at `lt`, as rows; `last` is its last item's id and time.

    `last` is None for the window's last page.
    """

    lt: int | None
    last: tuple[str, int] | None
    found: Rows


async def copy_lists(attempt: Attempt) -> None:
    """Copy what is left of every list.

    A list that the key may not read is passed over and its permission recorded, unless there is
    no ledger without it. Raise what the gateway raises, and SyncSupersededError if the lease is
    lost.
    """
    left = [feed for feed in FEEDS if not attempt.lists[feed.name].done]
    await in_lanes(LANES, partial(_copy_list, attempt), left)


async def _copy_list(attempt: Attempt, feed: Feed[Any]) -> None:
    try:
        await ListCopy(attempt, feed).run()
    except ExceptionGroup as group:
        if feed.required or not only_denied(group):
            raise
        await _pass_over(attempt, feed)


async def _pass_over(attempt: Attempt, feed: Feed[Any]) -> None:
    attempt.missing.add(feed.resource.permission)
    attempt.lists[feed.name] = attempt.lists[feed.name].refused()
    async with attempt.database.unit_of_work() as session:
        await attempt.save(session, **{feed.name: asdict(attempt.lists[feed.name])})


class ListCopy:
    """The copying of one list; `run` it once.

    What has been fetched runs ahead of what has been stored: `_fetching` are the windows as far as
    they have been fetched, by their upper bound, and the attempt's progress tells what is stored.
    """

    def __init__(self, attempt: Attempt, feed: Feed[Any]) -> None:
        """Prepare to go on where the list's progress says."""
        self._attempt = attempt
        self._feed = feed
        self._waiting = deque(attempt.lists[feed.name].windows)
        self._fetching: dict[int | None, Window] = {}
        self._pages_read = 0
        self._pages: asyncio.Queue[_Fetched] = asyncio.Queue(WAITING_PAGES)
        self._tasks = asyncio.TaskGroup()

    async def run(self) -> None:
        """Copy what is left of the list; errors come as an ExceptionGroup."""
        async with self._tasks:
            self._tasks.create_task(self._store())
            self._spread()

    def _spread(self) -> None:
        """Fetch as many windows at once as may be, cutting them where there are too few."""
        while len(self._fetching) < MOST_WINDOWS:
            window = self._waiting.popleft() if self._waiting else self._cut_off()
            if window is None:
                return
            self._fetching[window.lt] = window
            self._tasks.create_task(self._fetch(window.lt))

    def _cut_off(self) -> Window | None:
        progress = self._attempt.lists[self._feed.name]
        windows = tuple(self._fetching.values())
        cut = find_cut(windows, progress.span, pages=self._pages_read)
        if cut is None:
            return None
        self._attempt.lists[self._feed.name] = progress.cut(cut)
        parts = {window.lt: window for window in apply_cut(windows, cut)}
        older = parts.pop(cut.at)
        self._fetching = parts
        return older

    async def _fetch(self, lt: int | None) -> None:
        while lt in self._fetching:
            version = self._attempt.version
            page = await self._page(self._fetching[lt])
            fetched = self._accept(lt, page, version)
            self._spread()
            await self._pages.put(fetched)

    async def _page(self, window: Window) -> Page[Any]:
        ask = partial(self._attempt.gateway.list_page, self._feed.resource, created_gte=window.gte)
        try:
            return await ask(starting_after=window.after, created_lt=window.lt)
        except MissingObjectError:
            if window.oldest is None:
                raise
        # The item that was read last has been deleted: the list goes on from its second.
        return await ask(created_lt=window.oldest + 1)

    def _accept(self, lt: int | None, page: Page[Any], version: int) -> _Fetched:
        """Take a page to where its window stands now, which may have been cut meanwhile."""
        self._pages_read += 1
        window = self._fetching.pop(lt)
        items, left = window.take(page.items, has_more=page.has_more)
        if page.has_more and (not page.items or page.items[-1].id == window.after):
            raise StripeError(f"Stripe's list of {self._feed.name} does not come to an end.")
        found = self._feed.rows(items, version)
        if left is None:
            return _Fetched(lt, None, found)
        self._fetching[lt] = left
        return _Fetched(lt, (items[-1].id, items[-1].created), found)

    async def _store(self) -> None:
        attempt, name, count = self._attempt, self._feed.name, itertools.count(1)
        while not attempt.lists[name].done:
            batch = await self._next_batch()
            flushed = attempt.lists[name].done or next(count) % FLUSHED_EVERY == 0
            async with attempt.database.unit_of_work() as session:
                if not flushed:
                    await leave_unflushed(session)
                await write(session, attempt.owner, merged(page.found for page in batch))
                await attempt.save(session, **{name: asdict(attempt.lists[name])})
                version = await attempt.draw_version(session) if flushed else attempt.version
            # Drawn in a commit that a crash of the server cannot undo: it is handed out once.
            attempt.advance(version)

    async def _next_batch(self) -> list[_Fetched]:
        """Return pages that are to be stored together, and count them as stored."""
        batch: list[_Fetched] = []
        lists, name = self._attempt.lists, self._feed.name
        while len(batch) < BATCH_PAGES and not lists[name].done:
            page = await self._pages.get()
            lists[name] = lists[name].stored(page.lt, page.last, rows=len(page.found.rows))
            batch.append(page)
        return batch
