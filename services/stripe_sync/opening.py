"""The beginning of a sync: events are seen first, so that nothing that changes later is missed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

import msgspec

from db.repositories.payouts import find_oldest_line_due
from domain.errors import StripePermissionError
from integrations.stripe.resources import CHARGES, EVENTS
from services.stripe_sync.attempt import Attempt
from services.stripe_sync.events import drain_events
from services.stripe_sync.feeds import FEEDS
from services.stripe_sync.payment_rows import instant
from services.stripe_sync.plan import (
    EARLIEST,
    LONGEST_GAP,
    OVERLAP_SECONDS,
    AccountCursor,
    LinesRead,
    Mode,
    mode_for,
    since_of,
)
from services.stripe_sync.progress import ListProgress, from_cursors, to_cursors

_OPENING = "opening"
_EVENTS_BEFORE = "events_before"
_EVENTS_BEHIND = "events_behind"


@dataclass(frozen=True, slots=True)
class Opening:
    """What the rest of a sync goes by.

    `at` is a second of Stripe's clock (UTC) that had come before the first list was asked for, and
    `version` was drawn before that.
    """

    at: int
    mode: Mode
    events_denied: bool
    version: int = 0

    @property
    def lines_read(self) -> LinesRead:
        """What the sync reads of the balance, once it has read its lists."""
        return LinesRead(self.at, self.version)

    def is_over(self, now: datetime) -> bool:
        """Tell whether events may have expired that tell what changed since."""
        return now.timestamp() - self.at > LONGEST_GAP.total_seconds()


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be read: from where the last sync got to, of an account that is so old."""

    cursor: AccountCursor
    started_at: datetime
    account_created: int | None
    reconciling: bool

    def lists(self, mode: Mode, lines_due_since: int | None) -> dict[str, ListProgress]:
        """Return where each list starts; see `since_of`."""
        top, bottom = int(self.started_at.timestamp()), self.account_created or EARLIEST
        starts = {
            feed.name: since_of(feed, mode, self.cursor, lines_due_since=lines_due_since)
            for feed in FEEDS
        }
        return {
            name: ListProgress.start(since, top=top, bottom=bottom)
            for name, since in starts.items()
        }


async def open_sync(attempt: Attempt, plan: Plan) -> Opening:
    """See the events so far, decide what to read, and store that; or go on as it was decided.

    A sync that was left for so long that events have expired begins anew.
    """
    kept = attempt.cursors.get(_OPENING)
    if kept is not None:
        opening = msgspec.convert(kept, Opening)
        if not opening.is_over(attempt.clock()):
            return _go_on(attempt, opening)
        await attempt.forget(_OPENING, _EVENTS_BEFORE, _EVENTS_BEHIND)
    denied = False
    try:
        at = await _see_events(attempt, plan.cursor)
    except StripePermissionError:
        denied = True
        attempt.missing.add(EVENTS.permission)
        at = (await attempt.gateway.list_page(CHARGES, limit=1)).server_time
    mode = mode_for(plan.cursor, now=at, events_denied=denied)
    opening = Opening(at, mode, denied, attempt.version)
    async with attempt.database.unit_of_work() as session:
        due = await find_oldest_line_due(session, attempt.owner, at=instant(at))
        attempt.lists = plan.lists(opening.mode, None if due is None else int(due.timestamp()))
        lists = to_cursors(attempt.lists, saved_at=attempt.clock())
        await attempt.save(session, **lists, **{_OPENING: asdict(opening)})
    return opening


def _go_on(attempt: Attempt, opening: Opening) -> Opening:
    attempt.lists = from_cursors(attempt.cursors)
    denied = (feed.resource.permission for feed in FEEDS if attempt.lists[feed.name].denied)
    attempt.missing |= {*denied, *([EVENTS.permission] if opening.events_denied else [])}
    return opening


async def _see_events(attempt: Attempt, cursor: AccountCursor) -> int:
    """Return a time of Stripe's clock; all events up to it that are of interest have been seen."""
    if cursor.events_since is None or cursor.lists_since is None:
        # What happened before the first sync began shows in the lists that it reads.
        return (await attempt.gateway.list_page(EVENTS, limit=1)).server_time
    return await drain_events(attempt, _EVENTS_BEFORE, cursor.events_since - OVERLAP_SECONDS)


async def see_later_events(attempt: Attempt, opening: Opening) -> int:
    """See what happened while much was read; return up to when events have been seen.

    After a short sync, the next poll or webhook brings it.
    """
    if opening.mode is Mode.LATER or opening.events_denied:
        return opening.at
    return await drain_events(attempt, _EVENTS_BEHIND, opening.at - OVERLAP_SECONDS)
