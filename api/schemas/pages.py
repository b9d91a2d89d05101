"""Keyset pages: `{items, next}`, with `next` an opaque position."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Generic, TypeVar
from uuid import UUID

from fastapi import Query
from pydantic import AfterValidator, AwareDatetime, BaseModel

from domain.errors import InvalidInputError

T = TypeVar("T")
Position = tuple[datetime, UUID]
Limit = Annotated[int, Query(ge=1, le=200, description="How many items at most.")]
After = Annotated[str | None, Query(max_length=200, description="The `next` of the page before.")]


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("The time is out of range") from error


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]


class Page(BaseModel, Generic[T]):
    """Some items and, where there are more, the position behind them."""

    items: list[T]
    next: str | None = None


def page_of(found: Sequence[T], limit: int, position_of: Callable[[T], Position]) -> Page[T]:
    """Return a page of up to `limit` items out of up to `limit + 1` that were read."""
    items = list(found[:limit])
    more = len(found) > limit
    return Page(items=items, next=encode_position(position_of(items[-1])) if more else None)


def encode_position(position: Position) -> str:
    """Return the position as an opaque text."""
    time, identifier = position
    return urlsafe_b64encode(f"{time.isoformat()}|{identifier}".encode()).decode()


def decode_position(text: str | None) -> Position | None:
    """Read a position; raise InvalidInputError on anything that was not one."""
    if text is None:
        return None
    try:
        written, identifier = urlsafe_b64decode(text.encode()).decode().split("|")
        time = datetime.fromisoformat(written)
        if time.tzinfo is not None:
            return _in_utc(time), UUID(identifier)
    except ValueError:
        pass
    raise InvalidInputError("`after` is not a position. Pass the `next` of a page.")
