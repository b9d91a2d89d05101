"""From the periods named in a text to those meant: ranges joined, years passed on, ends opened."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, replace
from datetime import date

from agent.planner.dates import Dated, find_periods
from agent.planner.periods import Period
from agent.planner.side_by_side import put_side_by_side
from agent.planner.wording import MONTH_NAMES, Scan, any_of
from domain.periods import Month

_NOW = r"(?:now|today|date|the present|present|this day)"
_TO_NOW = rf"(?:until|till|to|through|up to) {_NOW}\b"
_UNTIL_NOW = re.compile(rf"(?<!year )(?<!quarter )(?<!month )\b{_TO_NOW}")
_EVERYTHING = re.compile(
    r"\b(?:all[ -]time|ever|in total ever|lifetime|(?:since|from) (?:the )?(?:very )?"
    r"(?:start|beginning|day one|inception|launch)|since (?:we|i) (?:started|opened|began))\b"
)
# Figures are kept by month, so these cannot be answered exactly.
_DAYS = re.compile(
    r"\b(?:20\d{2}-\d{1,2}-\d{1,2}|\d{1,2}[/.]\d{1,2}[/.](?:20)?\d{2})\b"
    r"|\b(?:today|yesterday|tomorrow|tonight|daily|(?<!these )days?|week(?:s|ly|ends?)?"
    r"|(?:mon|tues|wednes|thurs|fri|satur|sun)days?|hour(?:s|ly)?)\b"
)
_MONTH_WORD = rf"(?:{any_of(MONTH_NAMES)})"
_DAY_NUMBER = r"\d{1,2}(?:st|nd|rd|th)?"
_MONTH_DAY = re.compile(
    rf"\b{_MONTH_WORD}\.? {_DAY_NUMBER}\b|\b{_DAY_NUMBER}(?: of)? {_MONTH_WORD}\b"
)
_TO = re.compile(r"\s*(?:to|until|till|up to)\s*(?:the )?(?:end of )?$")
_THROUGH = re.compile(r"\s*(?:through|thru|-|\.{2,3})\s*(?:the )?(?:end of )?$")
_AND = re.compile(r"\s*and\s*$")
_LIST = re.compile(
    r"\s*(?:,|and|or|vs|versus|/|to|against|with|plus|compared (?:to|with)|, and)"
    r"\s*(?:in |for |of |the )*$"
)
# "March 2025 and 2026" is two Marches.
_WITH_YEAR = re.compile(r"(?:20\d{2}|'\d{2}|year)$")
_ONLY_YEAR = re.compile(r"20\d{2}|(?:this|last|previous) year")
_AND_YEAR = re.compile(
    r"\s*(?:,|and|or|vs|versus|/|to|against|with|compared (?:to|with))\s*(?:the )?$"
)
_BETWEEN = re.compile(r"\bbetween\s*(?:the )?$")
_SINCE = re.compile(
    r"\b(?:since|starting(?: in| from| with)?)\s*(?:the )?(?:(?:start|beginning|end) of )?$"
)
_FROM = re.compile(r"\bfrom\s*$")
_ONWARDS = re.compile(r"\s*(?:on|onwards?)\b")
_UNTIL_NOW_NEXT = re.compile(rf"\s*{_TO_NOW}")
_ONE_SIDED = re.compile(r"\b(?:before|until|till|up to|after|prior to|by)\s*(?:the )?(?:end of )?$")


@dataclass(frozen=True, slots=True)
class Dates:
    """What a text says about time."""

    periods: tuple[Dated, ...] = ()
    days: bool = False
    everything: bool = False
    one_sided: bool = False


def find_dates(scan: Scan, today: date, *, split_pairs: bool, in_order: bool = False) -> Dates:
    """Take everything about time from the text.

    With `split_pairs`, "March to April" and "between March and April" are two periods (to be
    compared), not a range; with `in_order` these two are told from the older to the newer one.
    """
    until_now = bool(scan.take_all(_UNTIL_NOW))
    everything = scan.take(_EVERYTHING) is not None
    days = bool(scan.take_all(_MONTH_DAY)) | bool(scan.take_all(_DAYS))
    named = _years_alone(find_periods(scan, today), scan.text)
    everything = everything or (until_now and not named)
    split = split_pairs and len(named) == 2
    current = Month.of(today)
    if split and not _THROUGH.match(scan.text[named[0].end : named[1].start]):
        ordered = in_order and _is_run(named[0], named[1], scan.text)
        placed = list(put_side_by_side(named[0], named[1], current, in_order=ordered))
    else:
        placed = _with_years(named, scan.text)
    joined = _joined(placed, scan.text, split=split)
    opened = tuple(_opened(dated, scan.text, current) for dated in joined)
    one_sided = any(_ONE_SIDED.search(scan.text[: dated.start]) for dated in opened)
    return Dates(opened, days=days, everything=everything, one_sided=one_sided)


def _is_run(left: Dated, right: Dated, text: str) -> bool:
    """Tell whether the words lead from one to the other: "from May to July", "between … and"."""
    leads = _FROM.search(text[: left.start]) or _BETWEEN.search(text[: left.start])
    return leads is not None and _is_range(left, right, text)


def _years_alone(named: list[Dated], text: str) -> list[Dated]:
    """Read a year beside a month or quarter of another year as that one: "Q3 2025 and 2026"."""
    placed = list(named)
    for index, (left, right) in enumerate(itertools.pairwise(named), start=1):
        repeats = (
            left.period.length < 12
            and right.period.length == 12
            and _WITH_YEAR.search(text[left.start : left.end])
            and _ONLY_YEAR.fullmatch(text[right.start : right.end])
            and _AND_YEAR.match(text[left.end : right.start])
            and not _FROM.search(text[: left.start])
        )
        if repeats:
            years = right.period.first.year - left.period.first.year
            placed[index] = replace(right, period=left.period.shifted(12 * years), last_year=False)
    return placed


def _with_years(named: list[Dated], text: str) -> list[Dated]:
    """Give bare names the year of the neighbour they are listed or ranged with."""
    placed = list(named)
    for index in reversed(range(len(placed) - 1)):
        left, right = placed[index], placed[index + 1]
        if left.fixed or not _belong(left, right, text):
            continue
        if right.fixed or _is_range(left, right, text):
            placed[index] = replace(left, period=_latest_up_to(left.period, right.period))
            placed[index] = replace(placed[index], fixed=right.fixed)
    for index in range(1, len(placed)):
        left, right = placed[index - 1], placed[index]
        if left.fixed and not right.fixed and _belong(left, right, text):
            placed[index] = replace(
                right, period=_first_from(right.period, left.period), fixed=True
            )
    return placed


def _belong(left: Dated, right: Dated, text: str) -> bool:
    between = text[left.end : right.start]
    same_unit = left.period.length == right.period.length
    return same_unit and (_LIST.match(between) is not None or _is_range(left, right, text))


def _is_range(left: Dated, right: Dated, text: str) -> bool:
    between = text[left.end : right.start]
    if _TO.match(between) or _THROUGH.match(between):
        return True
    return bool(_AND.match(between) and _BETWEEN.search(text[: left.start]))


def _latest_up_to(bare: Period, limit: Period) -> Period:
    moved = bare.shifted(12 * (limit.first.year - bare.first.year))
    return moved if moved.first <= limit.first else moved.shifted(-12)


def _first_from(bare: Period, start: Period) -> Period:
    """Return the bare period on or after the start; the same name twice means the latest one."""
    moved = bare.shifted(12 * (start.first.year - bare.first.year))
    if moved.first == start.first:
        return bare
    return moved if moved.first > start.first else moved.shifted(12)


def _joined(placed: list[Dated], text: str, *, split: bool) -> list[Dated]:
    joined: list[Dated] = []
    ranges: set[int] = set()
    for dated in placed:
        before = joined[-1] if joined and joined[-1].start not in ranges else None
        if before is not None and _makes_range(before, dated, text, split=split):
            period = Period(before.period.first, dated.period.last)
            joined[-1] = Dated(before.start, dated.end, period)
            ranges.add(before.start)
        else:
            joined.append(dated)
    return joined


def _makes_range(left: Dated, right: Dated, text: str, *, split: bool) -> bool:
    if right.period.last < left.period.first:
        return False
    if split:
        return _THROUGH.match(text[left.end : right.start]) is not None
    return _is_range(left, right, text)


def _opened(dated: Dated, text: str, current: Month) -> Dated:
    """Extend "since March", "from March on" and "March until now" to the current month."""
    before, after = text[: dated.start], text[dated.end :]
    reaches_now = (
        _SINCE.search(before)
        or (_FROM.search(before) and _ONWARDS.match(after))
        or _UNTIL_NOW_NEXT.match(after)
    )
    if not reaches_now or dated.period.first > current:
        return dated
    return replace(dated, period=Period(dated.period.first, max(dated.period.last, current)))
