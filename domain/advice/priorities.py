"""The priority of advice: what it brings, how far that is proven, and what it takes.

    worth = points · evidence ÷ effort        high from 5, medium from 1.2

Points that another limit holds back count one step less than they would without it.
"""

from __future__ import annotations

from domain.advice.effects import Effect
from domain.advice.terms import Effort, Priority

# Weeks of work are the measure. A day's work counts its points twice, for nothing is lost by doing
# it first; months of work count two thirds, for what they bring lasts.
EFFORT: dict[Effort, float] = {Effort.LITTLE: 0.5, Effort.SOME: 1.0, Effort.MUCH: 1.5}
# A quarter of a tier, and the least that a steady shop's score varies from month to month anyway.
HIGH_FROM = 5.0
MEDIUM_FROM = 1.2


def priority_of(effect: Effect, *, evidence: float, effort: Effort) -> Priority:
    """Return the priority; `evidence` is from 0 to 1."""
    order = list(Priority)
    gained, possible = (
        order.index(_rank(worth(points, evidence=evidence, effort=effort)))
        for points in (effect.gain, effect.potential)
    )
    return order[max(gained, possible - 1)]


def worth(points: float, *, evidence: float, effort: Effort) -> float:
    """Return the points as far as they are proven, for each measure of effort."""
    return points * evidence / EFFORT[effort]


def _rank(value: float) -> Priority:
    if value >= HIGH_FROM:
        return Priority.HIGH
    return Priority.MEDIUM if value >= MEDIUM_FROM else Priority.LOW
