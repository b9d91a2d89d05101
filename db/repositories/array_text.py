"""Arrays as PostgreSQL reads them from text: many values travel as one parameter."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import orjson

Item = str | int | datetime | Decimal | None


def array_text(values: Sequence[Item]) -> str:
    """Return the values as PostgreSQL's text form of an array, to be cast to its type.

    A value that the type cannot hold is refused by the cast; times need their zone.
    """
    try:
        listed = orjson.dumps(values, default=str)
    except orjson.JSONEncodeError:
        return _spelled_out(values)
    # JSON's list differs in its brackets, and in how it escapes: `\n` would be read as an n.
    return _spelled_out(values) if b"\\" in listed else f"{{{listed[1:-1].decode()}}}"


def _spelled_out(values: Sequence[Item]) -> str:
    return f"{{{','.join(map(_item, values))}}}"


def _item(value: Item) -> str:
    if value is None:
        return "NULL"
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
