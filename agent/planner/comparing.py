"""Words that compare: which two periods are meant, the older one first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from agent.planner.dates import Dated
from agent.planner.periods import Period, trailing
from agent.planner.side_by_side import beside
from agent.planner.wording import BLANK, Scan, phrase
from domain.periods import Month

_BETTER = r"(?:better|worse|stronger|weaker|higher|lower)"
_SIDE_BY_SIDE = phrase(
    r"compar\w+|versus|vs|against|difference|differ(?:s|ed)?|relative to|than",
    rf"which (?:\w+ )?(?:is|was|were|did|went) {_BETTER}|{_BETTER}(?= in )",
)
_MOVEMENT = phrase(
    r"gr[eo]w(?:n|s|th|ing)?(?: rate)?|increas\w+|decreas\w+|declin\w+|dropp?\w*",
    r"f[ae]ll(?:en|ing|s)?|ris(?:e|en|es|ing)|rose|changed?|changes|changing|shr[aiu]nk\w*",
    r"improv(?:ed|ing)|up or down",
    rf"(?:go|goes|going|went|gone|is|are|was|were|be|been) (?:[\w{BLANK}]+ )?"
    r"(?:up(?![ -]to[ -]date)|down)",
)
_YEAR_OVER_YEAR = phrase(
    r"year[ -](?:over|on)[ -]year|yoy|y/y|y-o-y", r"(?:annual|yearly) growth(?: rate)?"
)
_UNIT_OVER_UNIT = phrase(
    r"(?P<unit>month|quarter)[ -](?:over|on)[ -](?:month|quarter)", r"(?P<short>mom|qoq|m/m|q/q)"
)
_A_YEAR_EARLIER = phrase(
    r"(?:the )?(?:same|this|these) (?:months?|quarter|time|period|point)(?: (?:of|in|from))?"
    r" (?:(?:the )?(?:last|previous|prior) year|(?:a|one|the) year (?:ago|before|earlier|prior))",
    r"(?:the |a |one )?year (?:before|earlier|prior)(?! last)",
)
_A_YEAR_AGO = phrase(r"(?:a|one) year ago")
_UNIT_EARLIER = phrase(
    r"(?:the |a |one )?(?P<unit>month|quarter) (?:before|earlier|prior)(?: that| it)?(?! last)"
)
_FEW = r"(?:\d{1,3}|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)"
_PREVIOUS = phrase(
    rf"(?:the )?(?:previous|prior|preceding) (?:{_FEW} )?(?P<unit>month|quarter|year|period|one)s?",
    rf"(?:the )?(?:(?:period|one) before|{_FEW} (?:months|quarters) (?:before|earlier|prior))",
)
_COUNTED = phrase(_FEW)
_NEXT = phrase(
    r"(?:the )?(?P<unit>month|quarter|year|one) after(?: that| it)?",
    r"(?:the )?(?:next|following) one",
)
_MONTHS = {"month": 1, "mom": 1, "m/m": 1, "quarter": 3, "qoq": 3, "q/q": 3, "year": 12}


@dataclass(frozen=True, slots=True)
class Shift:
    """A step from a period to another; `months` None means as far as the period is long."""

    months: int | None
    compares: bool = False

    def apply(self, period: Period) -> Period:
        """Return the period that the step leads to."""
        return period.shifted(-period.length if self.months is None else self.months)


def takes_side_by_side(scan: Scan) -> bool:
    """Take the words that put two things side by side and tell whether there were any."""
    return bool(scan.take_all(_SIDE_BY_SIDE))


def takes_movement(scan: Scan) -> bool:
    """Take the words for growth and decline and tell whether there were any."""
    return bool(scan.take_all(_MOVEMENT))


def take_shift(scan: Scan, *, relative: bool) -> Shift | None:
    """Take words that lead from one period to another: "the month before", "a year earlier".

    With `relative` there is a period to lean on, so that "the previous month" counts from that one
    and not from today.
    """
    return _over_another(scan) or _earlier(scan) or (_relative(scan) if relative else None)


def _over_another(scan: Scan) -> Shift | None:
    if scan.take(_YEAR_OVER_YEAR):
        return Shift(-12, compares=True)
    match = scan.take(_UNIT_OVER_UNIT)
    return Shift(-_MONTHS[match["unit"] or match["short"]], compares=True) if match else None


def _earlier(scan: Scan) -> Shift | None:
    if scan.take(_A_YEAR_EARLIER):
        return Shift(-12)
    match = scan.take(_UNIT_EARLIER)
    return Shift(-_MONTHS[match["unit"]]) if match else None


def _relative(scan: Scan) -> Shift | None:
    if scan.take(_A_YEAR_AGO):
        return Shift(-12)
    if match := scan.take(_PREVIOUS):
        months = None if _COUNTED.search(match[0]) else _MONTHS.get(match["unit"] or "")
        return Shift(-months if months else None)
    match = scan.take(_NEXT)
    return Shift(_MONTHS.get(match["unit"] or "", 1)) if match else None


@dataclass(frozen=True, slots=True)
class Pair:
    """Two periods to compare; `assumed` when the base was not named, `trimmed` when shortened."""

    older: Period
    newer: Period
    assumed: bool = False
    trimmed: bool = False


def pair_of(
    periods: Sequence[Dated], shift: Shift | None, base: Period | None, today: date
) -> Pair | None:
    """Decide which two periods are compared; None when more than two are named.

    `base` is what an earlier message was about, if this one leans on it.
    """
    if len(periods) > 2:
        return None
    if len(periods) == 2:
        return _ordered(periods[0].period, _against(periods[1], periods[0].period, today), today)
    named = periods[0].period if periods else None
    if shift is not None:
        newer = named or base or _latest_complete(shift, today)
        return _ordered(newer, shift.apply(newer), today, assumed=not (named or base))
    if periods and base is not None and base != named:
        return _ordered(base, _against(periods[0], base, today), today)
    if periods and periods[0].last_year:
        latest = trailing(1, today)
        return _ordered(latest, latest.shifted(-12), today, assumed=True)
    newer = named or base or trailing(1, today)
    return _ordered(newer, newer.shifted(-newer.length), today, assumed=not (named or base))


def _latest_complete(shift: Shift, today: date) -> Period:
    """Return the last complete quarter for a step of a quarter, else the last complete month."""
    if shift.months != -3:
        return trailing(1, today)
    return Period.block(today.year, (today.month - 1) // 3 + 1, 3).shifted(-3)


def _against(other: Dated, base: Period, today: date) -> Period:
    """Return the other period; "last year" beside a month or quarter is that one a year earlier."""
    if other.last_year and base.length < 12:
        return base.shifted(-12)
    if not other.fixed and other.period.length == base.length:
        return beside(base, other.period, Month.of(today))
    return other.period


def _ordered(one: Period, other: Period, today: date, *, assumed: bool = False) -> Pair:
    older, newer = sorted((one, other), key=lambda period: (period.first, period.last))
    trimmed = _like_for_like(older, newer, Month.of(today))
    if trimmed is None:
        return Pair(older, newer, assumed=assumed)
    return Pair(*trimmed, assumed=assumed, trimmed=True)


def _like_for_like(older: Period, newer: Period, current: Month) -> tuple[Period, Period] | None:
    """Cut a quarter or year that is not over, and the one beside it, to its complete months."""
    complete = newer.first.months_until(current)
    unfinished = newer.holds(current) and newer.length > 1
    if not unfinished or complete < 1 or older.length != newer.length:
        return None
    return (
        Period(older.first, older.first.plus(complete - 1)),
        Period(newer.first, newer.first.plus(complete - 1)),
    )
