"""Which years two periods named without one have when they are compared."""

from __future__ import annotations

from dataclasses import replace

from agent.planner.dates import Dated
from agent.planner.periods import Period
from domain.periods import Month

# "From November to February" runs on into the next year; "from Q3 to Q2" does not.
_LONGEST_RUN = 6


def put_side_by_side(
    left: Dated, right: Dated, current: Month, *, in_order: bool
) -> tuple[Dated, Dated]:
    """Give names without a year the years that a comparison of the two means.

    Bare names mean the latest ones that are over, of the same year if they can be, but neighbours
    such as December and January stay together. Beside a period with a year, a bare name follows it.
    `in_order` tells that the left one comes first in time: "how did it change from May to July".
    """
    if left.period.length != right.period.length or (left.fixed and right.fixed):
        return left, right
    if left.fixed:
        return left, _beside(left.period, right, current)
    if right.fixed:
        return _beside(right.period, left, current), right
    left, right = _over(left, current), _over(right, current)
    run = left.period.first.months_until(right.period.first) % 12
    if in_order and run <= _LONGEST_RUN:
        return _in_order(left, right)
    return _of_one_year(left, right)


def _beside(fixed: Period, bare: Dated, current: Month) -> Dated:
    return replace(bare, period=beside(fixed, bare.period, current), fixed=True)


def beside(fixed: Period, bare: Period, current: Month) -> Period:
    """Return the bare period, the latest begun one, of the year that is meant beside the fixed."""
    of_that_year = bare.shifted(12 * (fixed.first.year - bare.first.year))
    if of_that_year == fixed != bare:
        return bare
    candidates = [of_that_year.shifted(months) for months in (0, -12, 12)]
    known = [p for p in candidates if p.first <= current and p != fixed]
    return min(known, key=lambda period: _strangeness(fixed, period), default=bare)


def _strangeness(fixed: Period, other: Period) -> tuple[bool, bool]:
    return not fixed.touches(other), fixed.first.year != other.first.year


def _over(dated: Dated, current: Month) -> Dated:
    if dated.period.last < current:
        return replace(dated, fixed=True)
    earlier = dated.period.shifted(-12)
    return replace(dated, period=earlier, fixed=True, instead_of=dated.period)


def _in_order(left: Dated, right: Dated) -> tuple[Dated, Dated]:
    # A run from a month that is not over would lead into the future: it was not passed over.
    years = 0 if left.period.first <= right.period.first else 1
    return replace(left, period=left.period.shifted(-12 * years), instead_of=None), right


def _of_one_year(left: Dated, right: Dated) -> tuple[Dated, Dated]:
    if left.period.first.year == right.period.first.year:
        return left, right
    left_is_later = left.period.first > right.period.first
    later, earlier = (left, right) if left_is_later else (right, left)
    moved = replace(later, period=later.period.shifted(-12))
    if later.period.touches(earlier.period) and not moved.period.touches(earlier.period):
        return left, right
    return (moved, right) if left_is_later else (left, moved)
