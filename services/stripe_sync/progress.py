"""How far each list has been read: what is stored with every batch, and the percentage of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

import msgspec

from services.stripe_sync.feeds import FEEDS
from services.stripe_sync.windows import Cut, Span, Window, apply_cut

SAVED_AT = "saved_at"
APPLIED = "applied"
# What is left of the hundred is for the events that are applied behind the lists.
LISTS_PERCENT = 90
_APPLIED_PERCENT = 9


@dataclass(frozen=True, slots=True)
class ListProgress:
    """How far a list has been read and stored.

    `windows` are those with something left, `rows` counts the items stored. `denied` is true of a
    list that the key may not read: nothing is left of it, and it is not `complete`.
    """

    span: Span
    windows: tuple[Window, ...]
    rows: int = 0
    denied: bool = False

    @classmethod
    def start(cls, since: int | None, *, top: int, bottom: int) -> ListProgress:
        """Return the progress of a list of which nothing has been read.

        Its time span, for the percentage only, is from `top` down to `since` or `bottom`.
        """
        span = Span(top, bottom if since is None else since)
        return cls(span, (Window(since, None),))

    @property
    def done(self) -> bool:
        """Whether nothing is left to read."""
        return not self.windows

    @property
    def left(self) -> int:
        """How many seconds of the span have not been read."""
        return self.span.left(self.windows)

    @property
    def share(self) -> float:
        """The part of the list's time span that has been read, 0 to 1."""
        if self.done:
            return 1.0
        return 1 - self.left / self.span.seconds if self.span.seconds else 0.0

    @property
    def estimate(self) -> int | None:
        """How many items there seem to be, from what has been read; None before that."""
        if self.done:
            return self.rows
        return int(self.rows / self.share) if self.rows and self.share else None

    def stored(self, lt: int | None, last: tuple[str, int] | None, *, rows: int) -> ListProgress:
        """Return the progress once `rows` items of the window that ends at `lt` are stored.

        `last` is the id and creation of the last of them; None if the window has no more.
        """
        moved = (
            window if window.lt != lt else None if last is None else window.behind(*last)
            for window in self.windows
        )
        left = tuple(window for window in moved if window is not None)
        return replace(self, windows=left, rows=self.rows + rows)

    def cut(self, cut: Cut) -> ListProgress:
        """Return the progress with a window cut in two."""
        return replace(self, windows=apply_cut(self.windows, cut))

    def refused(self) -> ListProgress:
        """Return the progress of a list that the key may not read."""
        return replace(self, windows=(), denied=True)


@dataclass(frozen=True, slots=True)
class Applied:
    """How many events there were to apply when that began, and how many have been."""

    done: int = 0
    of: int = 0


def to_cursors(progress: Mapping[str, ListProgress], *, saved_at: datetime) -> dict[str, Any]:
    """Return what is stored in `sync_runs.cursors`."""
    parts = {name: asdict(part) for name, part in progress.items()}
    return {**parts, SAVED_AT: saved_at.isoformat()}


def from_cursors(cursors: Mapping[str, Any]) -> dict[str, ListProgress]:
    """Return the lists' progress that `to_cursors` stored; empty before it is planned."""
    return {
        feed.name: msgspec.convert(cursors[feed.name], ListProgress)
        for feed in FEEDS
        if feed.name in cursors
    }


def applied(cursors: Mapping[str, Any]) -> Applied:
    """Return how far the events have been applied."""
    return msgspec.convert(cursors.get(APPLIED, {}), Applied)


def saved_at(cursors: Mapping[str, Any]) -> datetime | None:
    """Return when the cursors last moved; None before the first attempt."""
    text = cursors.get(SAVED_AT)
    return None if text is None else datetime.fromisoformat(text)


def percent(progress: Mapping[str, ListProgress], events: Applied) -> int:
    """Return how much of a running sync is done, 0 to 99; it never goes back.

    Lists are read newest first, so the time span behind us is known and the number of items
    is not.
    """
    read = sum(feed.weight * progress[feed.name].share for feed in FEEDS if feed.name in progress)
    behind = min(1.0, events.done / events.of) if events.of else 0.0
    return min(99, int(LISTS_PERCENT * read / 100 + _APPLIED_PERCENT * behind))


def total(progress: Mapping[str, ListProgress]) -> int | None:
    """Return how many items there seem to be in all lists; None before anything has been read.

    A list that has not been begun is taken to be as much larger or smaller than those that have
    as its weight says.
    """
    known = {name: part.estimate for name, part in progress.items()}
    begun = sum(feed.weight for feed in FEEDS if known.get(feed.name) is not None)
    if not begun:
        return None
    counted = sum(estimate for estimate in known.values() if estimate is not None)
    if all(part.done for part in progress.values()):
        return counted
    waiting = sum(feed.weight for feed in FEEDS if feed.name in known and known[feed.name] is None)
    return counted + counted * waiting // begun
