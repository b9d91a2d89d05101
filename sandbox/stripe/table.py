"""Facts of one kind in order of creation, with Stripe's way of cutting pages out of them."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Generic, TypeVar, overload

from domain.errors import InvalidInputError
from sandbox.stripe.facts import Fact

F = TypeVar("F", bound=Fact)
Positions = Sequence[int]


class Table(Generic[F]):
    """Immutable facts, oldest first; equal moments keep the order in which they were given.

    A fact is addressed by its position, so a cursor stays exact under any filter. `moments` are
    the facts' milliseconds since the epoch.
    """

    facts: Sequence[F]
    moments: array[int]

    def __init__(
        self,
        facts: Iterable[F],
        keys: Mapping[str, Callable[[F], str | None]] | None = None,
        *,
        changes: Callable[[F], bool] = lambda _: True,
    ) -> None:
        """Sort and index the facts.

        `keys` are the fields that they are found by, and `changes` tells which facts have changes
        after their creation.
        """
        given = list(facts)
        moments = [fact.created * 1_000 + fact.ms for fact in given]
        order = sorted(range(len(given)), key=moments.__getitem__)
        self.facts = [given[index] for index in order]
        self.moments = array("q", [moments[index] for index in order])
        self._positions = {fact.id: position for position, fact in enumerate(self.facts)}
        if len(self._positions) != len(self.facts):
            raise InvalidInputError("Two facts of one kind share an id. Give each its own.")
        self._keys = dict(keys or {})
        self._changes = changes
        self._indexes: dict[str, dict[str | None, array[int]]] = {}

    def __len__(self) -> int:
        return len(self.moments)

    @property
    def changing(self) -> Positions:
        """The positions of the facts that may have changes after their creation."""
        return [position for position, fact in enumerate(self.facts) if self._changes(fact)]

    def locate(self, fact_id: str) -> int | None:
        """Return where the fact stands, whenever it came, or None if there is none."""
        return self._positions.get(fact_id)

    def position(self, fact_id: str, *, as_of: int) -> int | None:
        """Return where the fact stands, or None if there was none at that moment."""
        position = self.locate(fact_id)
        return None if position is None or self.moments[position] > as_of else position

    def get(self, fact_id: str) -> F:
        """Return the fact; raise InvalidInputError if there is none."""
        position = self.locate(fact_id)
        if position is None:
            raise InvalidInputError(f"There is no {fact_id!r} in this ledger. Add it first.")
        return self.facts[position]

    def find(self, fact_id: str, *, as_of: int) -> F | None:
        """Return the fact, or None if there was none at that moment."""
        position = self.position(fact_id, as_of=as_of)
        return None if position is None else self.facts[position]

    def where(self, field: str, value: str) -> Positions:
        """Return the positions, oldest first, of the facts whose field has the value."""
        return self._index(field).get(value, ())

    def matching(self, field: str, value: str) -> list[F]:
        """Return the facts, oldest first, whose field has the value."""
        return [self.facts[position] for position in self.where(field, value)]

    def between(self, since: int, until: int) -> range:
        """Return the positions of the facts made within [since, until), milliseconds."""
        return range(bisect_left(self.moments, since), bisect_left(self.moments, until))

    def select(self, filters: Mapping[str, str], *, first: int, last: int) -> Positions:
        """Return the positions, oldest first, that pass every filter and lie in [first, last)."""
        chosen: Positions = range(first, max(first, last))
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


class LazyTable(Table[F]):
    """Facts that are made from columns when they are asked for, and forgotten again.

    `moments` are in order; `make` gives the fact at a position and `find_id` the position of an
    id. `lookups` answer `where` for a field, and `changing` are the facts with later changes.
    """

    def __init__(
        self,
        moments: array[int],
        make: Callable[[int], F],
        find_id: Callable[[str], int | None],
        lookups: Mapping[str, Callable[[str], Positions]],
        changing: Positions = (),
    ) -> None:
        """Take the columns' readers; nothing is copied."""
        self.moments = moments
        self.facts = _Made(len(moments), make)
        self._find_id = find_id
        self._lookups = dict(lookups)
        self._changing = changing

    @property
    def changing(self) -> Positions:
        """The positions of the facts that may have changes after their creation."""
        return self._changing

    def locate(self, fact_id: str) -> int | None:
        """Return where the fact stands, whenever it came, or None if there is none."""
        return self._find_id(fact_id)

    def where(self, field: str, value: str) -> Positions:
        """Return the positions, oldest first, of the facts whose field has the value."""
        return self._lookups[field](value)


class _Made(Sequence[F]):
    """A sequence whose items are made at every access."""

    def __init__(self, length: int, make: Callable[[int], F]) -> None:
        self._length = length
        self._make = make

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[F]:
        return map(self._make, range(self._length))

    @overload
    def __getitem__(self, index: int) -> F: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[F]: ...
    def __getitem__(self, index: int | slice) -> F | Sequence[F]:
        if isinstance(index, slice):
            return [self._make(position) for position in range(*index.indices(self._length))]
        return self._make(range(self._length)[index])


def cut_page(
    positions: Positions,
    *,
    limit: int,
    after: int | None,
    before: int | None,
    admits: Callable[[int], bool] | None = None,
) -> tuple[list[int], bool]:
    """Return one page, newest first, and whether more follow in the paging direction.

    `after` pages towards older facts and `before` towards newer ones; both exclude the cursor,
    which need not be among the positions. A page ends next to its cursor. `admits` tells which
    positions may be on it (None: all).
    """
    if before is not None:
        indexes = range(bisect_right(positions, before), len(positions))
    else:
        end = len(positions) if after is None else bisect_left(positions, after)
        indexes = range(end - 1, -1, -1)
    found: list[int] = []
    for index in indexes:
        if admits is None or admits(positions[index]):
            found.append(positions[index])
            if len(found) > limit:
                break
    page = found[:limit]
    return page if before is None else page[::-1], len(found) > limit
