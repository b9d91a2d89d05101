"""Facts of one kind in order of creation, with Stripe's way of cutting pages out of them."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Generic, Protocol, TypeVar

from domain.errors import InvalidInputError


class Fact(Protocol):
    """Anything with an id and a creation time in UTC seconds."""

    @property
    def id(self) -> str:
        """The Stripe id."""

    @property
    def created(self) -> int:
        """UTC seconds."""


F = TypeVar("F", bound=Fact)


class Table(Generic[F]):
    """Immutable facts, oldest first; equal seconds keep the order in which they were given.

    A fact is addressed by its position, so a cursor stays exact under any filter.
    """

    def __init__(
        self, facts: Iterable[F], keys: Mapping[str, Callable[[F], str | None]] | None = None
    ) -> None:
        """Sort and index the facts; `keys` name the fields that a list may be filtered by."""
        self.facts: tuple[F, ...] = tuple(sorted(facts, key=attrgetter("created")))
        self.created = array("q", map(attrgetter("created"), self.facts))
        self._positions = {fact.id: position for position, fact in enumerate(self.facts)}
        if len(self._positions) != len(self.facts):
            raise InvalidInputError("Two facts of one kind share an id. Give each its own.")
        self._keys = dict(keys or {})
        self._indexes: dict[str, dict[str | None, array[int]]] = {}

    def __len__(self) -> int:
        return len(self.facts)

    @property
    def filters(self) -> frozenset[str]:
        """The names of the fields that a list may be filtered by."""
        return frozenset(self._keys)

    def position(self, fact_id: str, *, as_of: int) -> int | None:
        """Return where the fact stands, or None if there was none at that instant."""
        position = self._positions.get(fact_id)
        return None if position is None or self.created[position] > as_of else position

    def get(self, fact_id: str) -> F:
        """Return the fact; raise InvalidInputError if there is none."""
        position = self._positions.get(fact_id)
        if position is None:
            raise InvalidInputError(f"There is no {fact_id!r} in this ledger. Add it first.")
        return self.facts[position]

    def find(self, fact_id: str, *, as_of: int) -> F | None:
        """Return the fact, or None if there was none at that instant."""
        position = self.position(fact_id, as_of=as_of)
        return None if position is None else self.facts[position]

    def where(self, field: str, value: str) -> array[int]:
        """Return the positions, oldest first, of the facts whose field has the value."""
        return self._index(field).get(value, array("q"))

    def matching(self, field: str, value: str) -> list[F]:
        """Return the facts, oldest first, whose field has the value."""
        return [self.facts[position] for position in self.where(field, value)]

    def select(self, filters: Mapping[str, str], *, first: int, last: int) -> Sequence[int]:
        """Return the positions, oldest first, that pass every filter and lie in [first, last)."""
        chosen: Sequence[int] = range(first, max(first, last))
        for field, value in filters.items():
            matching = self.where(field, value)
            inside = matching[bisect_left(matching, first) : bisect_left(matching, last)]
            if isinstance(chosen, range):
                chosen = inside
            else:
                other = set(inside)
                chosen = [position for position in chosen if position in other]
        return chosen

    def _index(self, field: str) -> dict[str | None, array[int]]:
        if field not in self._indexes:
            key, index = self._keys[field], dict[str | None, "array[int]"]()
            for position, fact in enumerate(self.facts):
                index.setdefault(key(fact), array("q")).append(position)
            self._indexes[field] = index
        return self._indexes[field]


def cut_page(
    positions: Sequence[int], *, limit: int, after: int | None, before: int | None
) -> tuple[list[int], bool]:
    """Return one page, newest first, and whether more follow in the paging direction.

    `after` pages towards older facts and `before` towards newer ones; both exclude the cursor,
    which need not be among the positions. A page ends next to its cursor.
    """
    if before is not None:
        start = bisect_right(positions, before)
        end, more = start + limit, start + limit < len(positions)
    else:
        end = len(positions) if after is None else bisect_left(positions, after)
        start = max(0, end - limit)
        more = start > 0
    return list(reversed(positions[start:end])), more
