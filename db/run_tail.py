"""The latest events of a run that this process executes, for its followers in the process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

# Some minutes of an answer. Who is further behind reads from the database.
LONGEST = 1000


class LoggedEvent(NamedTuple):
    """One event of a run as it is stored and sent."""

    seq: int
    type: str
    data: str


class RunTail:
    """What a run's only writer has committed lately; followers share it and keep their place."""

    def __init__(self, last_seq: int) -> None:
        """Begin behind the last event that the log holds."""
        self._before = last_seq
        self._events: list[LoggedEvent] = []

    def add(self, events: Sequence[LoggedEvent]) -> None:
        """Take in events that have been committed, the next ones by number."""
        self._events.extend(events)
        if len(self._events) > 2 * LONGEST:
            dropped = len(self._events) - LONGEST
            del self._events[:dropped]
            self._before += dropped

    def behind(self, seq: int) -> list[LoggedEvent] | None:
        """Return the events behind a number, None if that is not within what is held."""
        start = seq - self._before
        return self._events[start:] if 0 <= start <= len(self._events) else None
