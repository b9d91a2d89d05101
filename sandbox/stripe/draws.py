"""Draws from a seeded stream that are the same in every version of Python.

Text seeds and `random()` are the parts of `random.Random` that Python promises never to change.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from random import Random
from typing import TypeVar
from zoneinfo import ZoneInfo

from domain.periods import Month, month_bounds

T = TypeVar("T")


def between(rng: Random, low: int, high: int) -> int:
    """Return a whole number within [low, high]."""
    return low + int(rng.random() * (high - low + 1))


def soon(rng: Random, most: int) -> int:
    """Return a lag within [0, most], as often below a thousandth of it as near to it."""
    return int((most + 1) ** rng.random()) - 1


def pick(rng: Random, options: Sequence[T]) -> T:
    """Return one of the options; what stands several times comes as much more often."""
    return options[int(rng.random() * len(options))]


def month_seconds(month: Month, timezone: str) -> tuple[int, int]:
    """Return the month's UTC seconds [start, end) in the time zone."""
    start, end = month_bounds(month, ZoneInfo(timezone))
    return int(start.astimezone(UTC).timestamp()), int(end.astimezone(UTC).timestamp())


def shares(total: int, weights: Sequence[float]) -> list[int]:
    """Return whole numbers in proportion to the weights that add up to the total."""
    whole, reached, result = sum(weights), 0.0, []
    for weight in weights:
        before = round(reached)
        reached += total * weight / whole
        result.append(round(reached) - before)
    return result
