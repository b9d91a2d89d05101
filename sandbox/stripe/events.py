"""The log of what changed: an event for every change of an object, made from the facts.

`EventLog.between(since, until)` gives the events of a span of milliseconds, oldest first,
`window(as_of)` the table of those that Stripe still lists (30 days), and `find` one by its id. An
event's id tells where it is, so that nothing has to be kept: the log of a large shop costs no
more memory than a month of it.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from sandbox.stripe.changes import CHANGES, Change, History
from sandbox.stripe.facts import DAY_S
from sandbox.stripe.table import LazyTable, Table

# Stripe keeps events for 30 days (docs.stripe.com/api/events).
KEPT_MS = 30 * DAY_S * 1_000
# How far the clock goes before the next table of events is made.
_STEP_MS = 10 * DAY_S * 1_000
_TABLES = 3
_POSITION_BITS, _INDEX_BITS = 32, 16


class EventFact(NamedTuple):
    """A change of an object at a moment: `kind` is the object's `object`, `object_id` its id."""

    id: str
    created: int
    ms: int
    type: str
    kind: str
    object_id: str
    deleted: bool = False


class EventLog:
    """The events of a ledger, made when they are asked for."""

    def __init__(self, ledger: History) -> None:
        """Take the ledger; nothing is read before the first question."""
        self._ledger = ledger
        self._windows: OrderedDict[int, Table[EventFact]] = OrderedDict()

    def between(self, since: int, until: int) -> Sequence[EventFact]:
        """Return the events within [since, until), milliseconds, oldest first."""
        return self._table(since, until).facts

    def find(self, event_id: str, *, as_of: int) -> EventFact | None:
        """Return the event, or None if there is none or not yet."""
        place = _place_of(event_id)
        if place is None or place[0] > as_of:
            return None
        fact = self._event(*place)
        return fact if fact is not None and fact.id == event_id else None

    def window(self, as_of: int) -> Table[EventFact]:
        """Return a table with (at least) what happened in the 30 days before the moment."""
        step = as_of // _STEP_MS
        if step in self._windows:
            self._windows.move_to_end(step)
        else:
            since = step * _STEP_MS - KEPT_MS
            self._windows[step] = self._table(since, (step + 1) * _STEP_MS)
            if len(self._windows) > _TABLES:
                self._windows.popitem(last=False)
        return self._windows[step]

    def _table(self, since: int, until: int) -> Table[EventFact]:
        places = sorted(
            (*self._first(since, until), *self._later_between(since, until)),
            key=lambda place: place[0],
        )
        moments = array("q", (moment for moment, _ in places))
        keys = array("q", (key for _, key in places))

        def make(position: int) -> EventFact:
            fact = self._event(moments[position], keys[position])
            assert fact is not None
            return fact

        def locate(event_id: str) -> int | None:
            place = _place_of(event_id)
            if place is None:
                return None
            for position in range(bisect_left(moments, place[0]), len(moments)):
                if keys[position] == place[1] or moments[position] > place[0]:
                    return position if (moments[position], keys[position]) == place else None
            return None

        def of_type(kind: str) -> array[int]:
            return array("q", (p for p in range(len(moments)) if make(p).type == kind))

        return LazyTable(moments, make, locate, {"type": of_type})

    def _first(self, since: int, until: int) -> Iterator[tuple[int, int]]:
        """Yield the places of what happened when facts were made."""
        for number, (name, changes_of) in enumerate(CHANGES.items()):
            table: Table[Any] = getattr(self._ledger, name)
            for position in table.between(since, until):
                made = table.moments[position]
                for index, change in enumerate(changes_of(self._ledger, table.facts[position])):
                    if change.moment == made:
                        yield made, _key(number, position, index)

    @cached_property
    def _later(self) -> tuple[array[int], array[int]]:
        """The moments and keys of what happened to facts after they were made, in order."""
        places = sorted(self._later_places(), key=lambda place: place[0])
        moments = array("q", (moment for moment, _ in places))
        return moments, array("q", (key for _, key in places))

    def _later_places(self) -> Iterable[tuple[int, int]]:
        for number, (name, changes_of) in enumerate(CHANGES.items()):
            table: Table[Any] = getattr(self._ledger, name)
            for position in table.changing:
                made = table.moments[position]
                for index, change in enumerate(changes_of(self._ledger, table.facts[position])):
                    if change.moment != made:
                        yield change.moment, _key(number, position, index)

    def _later_between(self, since: int, until: int) -> Iterator[tuple[int, int]]:
        moments, keys = self._later
        for position in range(bisect_left(moments, since), bisect_left(moments, until)):
            yield moments[position], keys[position]

    def _event(self, moment: int, key: int) -> EventFact | None:
        change = self._change(key)
        if change is None or change.moment != moment:
            return None
        return EventFact(
            f"evt_1{moment:011x}{key:014x}",
            moment // 1_000,
            moment % 1_000,
            change.type,
            change.kind,
            change.object_id,
            change.deleted,
        )

    def _change(self, key: int) -> Change | None:
        position = key & (1 << _POSITION_BITS) - 1
        index = key >> _POSITION_BITS & (1 << _INDEX_BITS) - 1
        number = key >> (_POSITION_BITS + _INDEX_BITS)
        if number >= len(_NAMES):
            return None
        table: Table[Any] = getattr(self._ledger, _NAMES[number])
        if position >= len(table):
            return None
        changes = list(CHANGES[_NAMES[number]](self._ledger, table.facts[position]))
        return changes[index] if index < len(changes) else None


_NAMES = tuple(CHANGES)


def _key(number: int, position: int, index: int) -> int:
    return (number << _INDEX_BITS | index) << _POSITION_BITS | position


def _place_of(event_id: str) -> tuple[int, int] | None:
    """Return the moment and the key that the id tells, or None if it is no id of this log."""
    digits = event_id.removeprefix("evt_1")
    if len(digits) != 25 or digits == event_id:
        return None
    try:
        return int(digits[:11], 16), int(digits[11:], 16)
    except ValueError:
        return None
