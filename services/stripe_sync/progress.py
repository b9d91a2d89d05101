"""How far each list has been read: what is stored with every batch, and the percentage of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec

from integrations.stripe.gateway import Page
from services.stripe_sync.feeds import FEEDS, Feed

# A charge may settle, be captured or fail for days after its creation; see docs.stripe.com/refunds
# and /disputes for what takes longer, which is why those lists are read whole. Our clock may
# also differ from Stripe's. Reading the events instead will replace this margin.
REREAD = timedelta(days=7)
SAVED_AT = "saved_at"


@dataclass(frozen=True, slots=True)
class FeedProgress:
    """How far a list has been read, newest first; times are UTC seconds.

    `since` bounds the list (None: all of it) and `expected_end` is where it should end, for the
    percentage. `after` is the last item stored, created at `oldest`; `rows` counts the items.
    """

    since: int | None
    expected_end: int | None
    after: str | None = None
    oldest: int | None = None
    rows: int = 0
    done: bool = False

    def behind(self, pages: Sequence[Page[Any]]) -> FeedProgress:
        """Return the progress once the pages are stored as well."""
        items = [item for page in pages for item in page.items]
        read = replace(self, rows=self.rows + len(items), done=not pages[-1].has_more)
        if not items:
            return read
        last = items[-1]
        oldest = last.created if self.oldest is None else min(self.oldest, last.created)
        return replace(read, after=last.id, oldest=oldest)

    def share(self, started: int) -> float:
        """Return the part of the list's time span that has been read, 0 to 1."""
        if self.done:
            return 1.0
        if self.oldest is None or self.expected_end is None or started <= self.expected_end:
            return 0.0
        return min(1.0, max(0, started - self.oldest) / (started - self.expected_end))


def plan(
    *, last_synced_at: datetime | None, account_created: datetime | None
) -> dict[str, FeedProgress]:
    """Return where each list starts: everything at first, later only what may have changed."""
    opened = None if account_created is None else int(account_created.timestamp())
    lately = None if last_synced_at is None else int((last_synced_at - REREAD).timestamp())
    return {feed.name: _start(feed, lately, opened) for feed in FEEDS}


def _start(feed: Feed[Any], lately: int | None, opened: int | None) -> FeedProgress:
    since = None if feed.whole else lately
    return FeedProgress(since=since, expected_end=opened if since is None else since)


def to_cursors(progress: Mapping[str, FeedProgress], *, saved_at: datetime) -> dict[str, Any]:
    """Return what is stored in `sync_runs.cursors`."""
    parts = {name: asdict(part) for name, part in progress.items()}
    return {**parts, SAVED_AT: saved_at.isoformat()}


def from_cursors(cursors: Mapping[str, Any]) -> dict[str, FeedProgress]:
    """Return the lists' progress that `to_cursors` stored; empty before the first attempt."""
    return {
        feed.name: msgspec.convert(cursors[feed.name], FeedProgress)
        for feed in FEEDS
        if feed.name in cursors
    }


def saved_at(cursors: Mapping[str, Any]) -> datetime | None:
    """Return when the cursors last moved; None before the first attempt."""
    text = cursors.get(SAVED_AT)
    return None if text is None else datetime.fromisoformat(text)


def percent(progress: Mapping[str, FeedProgress], started_at: datetime) -> int:
    """Return how much of a running sync is done, 0 to 99; it never goes back.

    Lists are read newest first, so the time span behind us is known and the number of items
    is not.
    """
    started = int(started_at.timestamp())
    read = sum(
        feed.weight * progress[feed.name].share(started) for feed in FEEDS if feed.name in progress
    )
    return min(99, int(read))
