"""The query string of a list or a retrieval, read as strictly as Stripe reads it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from sandbox.stripe.wire import ApiError, empty_parameter, invalid_integer, unknown_parameter

DEFAULT_LIMIT, MAX_LIMIT = 10, 100
MAX_EXPAND_LEVELS = 4
_RANGE = re.compile(r"(\w+?)(?:\[(gt|gte|lt|lte)\])?")
_EXPAND = re.compile(r"expand\[\d*\]")
_ARRAY = re.compile(r"(\w+)\[\d*\]")
_INTEGER = re.compile(r"-?\d{1,18}")


class Bound(NamedTuple):
    """A condition on a time: the comparison (gt, gte, lt, lte or eq) and UTC seconds."""

    comparison: str
    second: int

    def holds(self, second: int | None) -> bool:
        """Return whether a time keeps to it; an object without the time does not."""
        if second is None:
            return False
        return {
            "gt": second > self.second,
            "gte": second >= self.second,
            "lt": second < self.second,
            "lte": second <= self.second,
            "eq": second == self.second,
        }[self.comparison]


@dataclass(slots=True)
class Query:
    """A list request, understood.

    `filters` are equalities, `several` lists of which one must fit, `ranges` bounds on times other
    than `created`; `expand` lacks `data.`.
    """

    limit: int = DEFAULT_LIMIT
    starting_after: str | None = None
    ending_before: str | None = None
    created: list[Bound] = field(default_factory=list)
    filters: dict[str, str] = field(default_factory=dict)
    several: dict[str, list[str]] = field(default_factory=dict)
    ranges: dict[str, list[Bound]] = field(default_factory=dict)
    expand: list[str] = field(default_factory=list)


def read_list(
    pairs: Iterable[tuple[str, str]],
    *,
    filters: Collection[str],
    expandable: Collection[str],
    arrays: Collection[str] = (),
    ranges: Collection[str] = (),
    choices: Mapping[str, Collection[str]] | None = None,
) -> Query:
    """Read the query of a list request; raise ApiError as Stripe would refuse it.

    `arrays` are filters that take several values, `ranges` times, and `choices` the only values
    of a filter.
    """
    query = Query()
    for name, value in pairs:
        if not value:
            raise empty_parameter(name)
        bounded, array = _RANGE.fullmatch(name), _ARRAY.fullmatch(name)
        if bounded and bounded[1] in ("created", *ranges):
            bound = Bound(bounded[2] or "eq", _integer(name, value))
            _bounds(query, bounded[1]).append(bound)
        elif _EXPAND.fullmatch(name):
            query.expand.append(_expandable(value, "data.", expandable))
        elif name == "limit":
            query.limit = _limit(value)
        elif name in ("starting_after", "ending_before"):
            setattr(query, name, value)
        elif name in filters:
            query.filters[name] = _choice(name, value, (choices or {}).get(name))
        elif array and array[1] in arrays:
            query.several.setdefault(array[1], []).append(value)
        else:
            raise unknown_parameter(name)
    if query.starting_after and query.ending_before:
        raise ApiError(
            400,
            "Received both starting_after and ending_before parameters. Please pass in only one.",
        )
    return query


def read_expand(pairs: Iterable[tuple[str, str]], *, expandable: Collection[str]) -> list[str]:
    """Read the query of a retrieval, which may only expand; raise ApiError otherwise."""
    fields = []
    for name, value in pairs:
        if not _EXPAND.fullmatch(name):
            raise unknown_parameter(name)
        fields.append(_expandable(value, "", expandable))
    return fields


def _bounds(query: Query, name: str) -> list[Bound]:
    return query.created if name == "created" else query.ranges.setdefault(name, [])


def _choice(name: str, value: str, choices: Collection[str] | None) -> str:
    if choices is not None and value not in choices:
        listed = ", ".join(sorted(choices))
        raise ApiError(400, f"Invalid {name}: must be one of {listed}", param=name)
    return value


def _expandable(path: str, prefix: str, expandable: Collection[str]) -> str:
    name = path.removeprefix(prefix)
    if path.count(".") >= MAX_EXPAND_LEVELS:
        levels = f"You cannot expand more than {MAX_EXPAND_LEVELS} levels of a property."
        raise ApiError(400, f"{levels} Property: {path}", code="property_expansion_max_depth")
    if not path.startswith(prefix) or name not in expandable:
        raise ApiError(400, f"This property cannot be expanded ({path}).")
    return name


def _integer(name: str, value: str) -> int:
    if not _INTEGER.fullmatch(value):
        raise invalid_integer(name, f"Invalid integer: {value}")
    return int(value)


def _limit(value: str) -> int:
    limit = _integer("limit", value)
    if limit < 1:
        raise invalid_integer("limit", "This value must be greater than or equal to 1.")
    if limit > MAX_LIMIT:
        message = f"This value must be less than or equal to {MAX_LIMIT}"
        raise invalid_integer("limit", f"{message} (it currently is '{limit}').")
    return limit
