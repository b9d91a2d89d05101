"""Work on many items, so many at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


async def in_lanes(lanes: int, work: Callable[[T], Awaitable[None]], items: Iterable[T]) -> None:
    """Do the work for every item, in so many lanes; each takes the next item once it is free.

    The first error stops all lanes and is raised by itself, not in a group.
    """
    left = iter(items)

    async def lane() -> None:
        for item in left:
            await work(item)

    try:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(lanes):
                tasks.create_task(lane())
    except ExceptionGroup as group:
        # Tasks stop each other, so the first error is the cause of all.
        raise next(errors_in(group)) from group


def errors_in(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    """Go through the errors of a group of tasks and of the groups in it."""
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from errors_in(error)
        else:
            yield error
