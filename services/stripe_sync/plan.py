"""What a sync has to read, decided from what the last one left behind. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from services.stripe_sync.feeds import BALANCE_TRANSACTION, Feed

# An object may show in a list, and an event in the events, a little after the time it bears.
OVERLAP_SECONDS = 300
# Stripe lists the events of 30 days (docs.stripe.com/api/events); five are kept in reserve.
LONGEST_GAP = timedelta(days=25)
# Before Stripe was opened to the public (2011), for accounts that do not tell their age.
EARLIEST = 1_293_840_000


class Mode(StrEnum):
    """How much is read again."""

    FIRST = "first"
    LATER = "later"
    GAP = "gap"


class LinesRead(NamedTuple):
    """Up to when (UTC seconds) all lines of the balance were read, and at which version."""

    until: int
    version: int


@dataclass(frozen=True, slots=True)
class AccountCursor:
    """How far an account has been read (`integration_accounts.metadata`); times are UTC seconds.

    Every event up to `events_since` has been seen, and every object created up to `lists_since`
    been read, both None before the first complete sync. Polls move the first only: not everything
    that is created has an event. `unread` are the permissions that the last complete sync lacked;
    connecting again does not change them, as it does those that are shown as missing.

    Every line of the balance up to `lines_since` has been read; `lines_read` is the version of
    that reading, and `lines_wanted` that of the last events that were applied.
    """

    events_since: int | None = None
    lists_since: int | None = None
    unread: tuple[str, ...] = ()
    lines_since: int | None = None
    lines_read: int = 0
    lines_wanted: int = 0

    @classmethod
    def of(cls, metadata: Mapping[str, Any] | None) -> AccountCursor:
        """Read it from the account's metadata."""
        kept = {name: value for name, value in (metadata or {}).items() if name in _CURSOR}
        return msgspec.convert(kept, cls)

    @property
    def lines_due(self) -> bool:
        """Whether lines may be missing that came with events that were applied."""
        return self.lines_since is not None and self.lines_wanted > self.lines_read

    def with_lines(self, read: LinesRead | None) -> AccountCursor:
        """Return the cursor as it is once those lines are read."""
        if read is None:
            return self
        return replace(
            self,
            lines_since=max(read.until, self.lines_since or read.until),
            lines_read=max(read.version, self.lines_read),
        )


_CURSOR = frozenset(field.name for field in fields(AccountCursor))


def mode_for(cursor: AccountCursor, *, now: int, events_denied: bool) -> Mode:
    """Return how much has to be read; `now` in UTC seconds."""
    if cursor.events_since is None or cursor.lists_since is None:
        return Mode.FIRST
    gap = now - cursor.events_since
    if events_denied or gap > LONGEST_GAP.total_seconds():
        return Mode.GAP
    return Mode.LATER


def since_of(
    feed: Feed[Any], mode: Mode, cursor: AccountCursor, *, lines_due_since: int | None = None
) -> int | None:
    """Return where a list is read from (UTC seconds); None: from its beginning.

    A list whose permission was missing before is read whole. No event tells that a line of the
    balance becomes available, so those that are due to be are read again: since `lines_due_since`.
    """
    events_since, lists_since = cursor.events_since, cursor.lists_since
    healed = feed.resource.permission in cursor.unread
    if mode is Mode.FIRST or healed or events_since is None or lists_since is None:
        return None
    lately = lists_since - OVERLAP_SECONDS
    if feed is BALANCE_TRANSACTION and lines_due_since is not None:
        lately = min(lately, lines_due_since)
    if mode is Mode.LATER:
        return lately
    if feed.reread_days is None:
        return None
    reread = int(timedelta(days=feed.reread_days).total_seconds())
    return min(lately, min(events_since, lists_since) - OVERLAP_SECONDS - reread)


def healed_permissions(cursor: AccountCursor, missing: Collection[str]) -> tuple[str, ...]:
    """Return the permissions that were missing and are there now."""
    return tuple(permission for permission in cursor.unread if permission not in missing)
