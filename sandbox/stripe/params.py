"""The query string of a list or a retrieval, read as strictly as Stripe reads it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from sandbox.stripe.wire import ApiError, empty_parameter, invalid_integer, unknown_parameter

DEFAULT_LIMIT, MAX_LIMIT = 10, 100
_CREATED = re.compile(r"created(?:\[(gt|gte|lt|lte)\])?")
_EXPAND = re.compile(r"expand\[\d*\]")
_INTEGER = re.compile(r"-?\d{1,18}")


class Bound(NamedTuple):
    """A condition on `created`: the comparison (gt, gte, lt, lte or eq) and UTC seconds."""

    comparison: str
    second: int


@dataclass(slots=True)
class Query:
    """A list request, understood; `filters` are equalities and `expand` lacks `data.`."""

    limit: int = DEFAULT_LIMIT
    starting_after: str | None = None
    ending_before: str | None = None
    created: list[Bound] = field(default_factory=list)
    filters: dict[str, str] = field(default_factory=dict)
    expand: list[str] = field(default_factory=list)


def read_list(
    pairs: Iterable[tuple[str, str]], *, filters: Collection[str], expandable: Collection[str]
) -> Query:
    """Read the query of a list request; raise ApiError as Stripe would refuse it."""
    query = Query()
    for name, value in pairs:
        if not value:
            raise empty_parameter(name)
        if created := _CREATED.fullmatch(name):
            query.created.append(Bound(created[1] or "eq", _integer(name, value)))
        elif _EXPAND.fullmatch(name):
            query.expand.append(_expandable(value, "data.", expandable))
        elif name == "limit":
            query.limit = _limit(value)
        elif name in ("starting_after", "ending_before"):
            setattr(query, name, value)
        elif name in filters:
            query.filters[name] = value
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


def _expandable(path: str, prefix: str, expandable: Collection[str]) -> str:
    name = path.removeprefix(prefix)
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
