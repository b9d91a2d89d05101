"""Months, quarters, halves and years named in a text, each where it stands."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from dateutil.parser import parserinfo

from agent.planner.periods import Period, latest_block, trailing
from agent.planner.wording import MONTH_NAMES, Scan, any_of
from domain.periods import Month


@dataclass(frozen=True, slots=True)
class Dated:
    """A period and where it stands; without `fixed`, its year follows from its neighbours.

    `instead_of` is a period of the same name that was passed over because it is not over.
    """

    start: int
    end: int
    period: Period
    fixed: bool = True
    last_year: bool = False
    instead_of: Period | None = None


Reading = Callable[[re.Match[str], date], Period]

_MONTH_NUMBERS = parserinfo()
_NUMBER_WORDS = (
    "a an one single",
    "two couple",
    "three few",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)
_COUNTS = {word: n for n, words in enumerate(_NUMBER_WORDS, start=1) for word in words.split()}
_COUNTS |= {"eighteen": 18, "twenty-four": 24}
_ORDINALS = {"first": 1, "1st": 1, "second": 2, "2nd": 2, "third": 3, "3rd": 3}
_ORDINALS |= {"fourth": 4, "4th": 4}
_UNIT_MONTHS = {"month": 1, "mo": 1, "quarter": 3, "year": 12}

_MONTH = rf"(?P<month>{any_of(MONTH_NAMES)})"
_COUNT = rf"(?:a )?(?P<count>\d{{1,3}}|{any_of(_COUNTS)})(?: of)?(?: (?:full|complete|whole))?"
_YEAR = r"(?P<year>20\d{2}|'\d{2}|(?:the )?(?:last|previous|prior) year|this year)"
_UNIT = r"(?P<unit>month|quarter|year)"
_JOINT = r"(?:\s*[,/.]?\s*(?:of |in )?(?:the year )?|-)"
_LAST = r"(?:last|past|previous|prior|preceding|latest|trailing|most recent)"
_QUARTER = (
    r"(?:q ?(?P<digit>[1-4])|(?P<nth>first|second|third|fourth|1st|2nd|3rd|4th) quarter"
    r"|quarter (?:number )?(?P<other>[1-4]))"
)
_EDGE = rf"\b(?:the )?(?P<edge>first|last|final) (?:{_COUNT} )?{_UNIT}s?"
_HALF = r"(?:h(?P<digit>[12])|(?P<nth>first|second|1st|2nd) half)"
_BARE_YEAR = (
    r"(?<![\d.,$#/:-])\b(?:the year |fy ?)?(?P<year>1[89]\d{2}|2[01]\d{2})\b"
    r"(?![.,:/-]?\d|%| ?(?:usd|dollars|eur|orders|customers))"
)
# "may" is a month unless the words around it make it a verb.
_VERB_MAY = re.compile(
    r"\b(?:i|we|you|it|they|that|he|she|this) may\b"
    r"|\bmay (?:i|we|you|be|have|not|need|want|get|it|they|the|also|take|do|seem|look)\b"
)


def _year_of(words: str | None, today: date) -> int | None:
    """Read "2025", "'25", "last year" or "this year"."""
    if words is None:
        return None
    if words == "this year":
        return today.year
    digits = words.strip("'")
    return int(digits) % 100 + 2000 if digits.isdecimal() else today.year - 1


def _count_of(words: str) -> int:
    return max(1, int(words)) if words.isdecimal() else _COUNTS[words]


def _around(today: date, months: int) -> Period:
    return Period.block(today.year, (today.month - 1) // months + 1, months)


def _block(number: int, months: int, match: re.Match[str], today: date) -> Period:
    year = _year_of(match.groupdict().get("year"), today)
    if year is not None:
        return Period.block(year, number, months)
    return latest_block(number, months, Month.of(today))


def _named_month(match: re.Match[str], today: date) -> Period:
    return _block(_month_number(match), 1, match, today)


def _qualified_month(match: re.Match[str], today: date) -> Period:
    """Read "last March" (never the current month), "this March" and "next March"."""
    number, current = _month_number(match), Month.of(today)
    if match["which"] == "this":
        return Period.block(today.year, number, 1)
    if match["which"] in {"next", "coming"}:
        return latest_block(number, 1, current).shifted(12)
    return latest_block(number, 1, current.plus(-1))


def _month_number(match: re.Match[str]) -> int:
    return _MONTH_NUMBERS.month(match["month"]) or 1


def _quarter(match: re.Match[str], today: date) -> Period:
    digit = match["digit"] or match["other"]
    return _block(int(digit) if digit else _ORDINALS[match["nth"]], 3, match, today)


def _half(match: re.Match[str], today: date) -> Period:
    number = int(match["digit"]) if match["digit"] else _ORDINALS[match["nth"]]
    return _block(number, 6, match, today)


def _iso_month(match: re.Match[str], _today: date) -> Period:
    return Period.block(int(match["year"]), int(match["digits"]), 1)


def _bare_year(match: re.Match[str], _today: date) -> Period:
    return Period.block(int(match["year"]), 1, 12)


def _ago(match: re.Match[str], today: date) -> Period:
    months = _UNIT_MONTHS[match["unit"]]
    block = _around(today, 3 if match["unit"] == "quarter" else 1)
    return block.shifted(-months * _count_of(match["count"]))


def _last_few(match: re.Match[str], today: date) -> Period:
    count = _count_of(match["count"])
    if match["unit"] == "quarter":
        last = _around(today, 3).shifted(-3)
        return Period(last.first.plus(3 - 3 * count), last.last)
    return trailing(count * _UNIT_MONTHS[match["unit"]], today)


def _next_few(match: re.Match[str], today: date) -> Period:
    first = Month.of(today).plus(1)
    return Period(first, first.plus(_count_of(match["count"]) * _UNIT_MONTHS[match["unit"]] - 1))


def _edge(match: re.Match[str], today: date) -> Period:
    """Read "the last quarter of 2025" and "the first three months of the year"."""
    count = _count_of(match["count"]) if match["count"] else 1
    months = min(12, count * _UNIT_MONTHS[match["unit"]])
    year = Period.block(_year_of(match["year"], today) or today.year, 1, 12)
    if match["edge"] == "first":
        return Period(year.first, year.first.plus(months - 1))
    return Period(year.last.plus(1 - months), year.last)


def _whole_year(_match: re.Match[str], today: date) -> Period:
    return _around(today, 12)


def _past_year(match: re.Match[str], today: date) -> Period:
    return trailing(6 if "half" in match[0] else 12, today)


def _of_unit(offset: int) -> Reading:
    """Return the reading of "this month" (0), "last quarter" (-1), "next year" (1)."""

    def read(match: re.Match[str], today: date) -> Period:
        months = _UNIT_MONTHS[match["unit"]]
        return _around(today, months).shifted(offset * months)

    return read


def _to_date(match: re.Match[str], today: date) -> Period:
    unit = match["letter"] or match["unit"][0]
    return _around(today, {"y": 12, "q": 3, "m": 1}[unit])


# In this order: whatever contains another one's words comes first.
_READINGS: tuple[tuple[re.Pattern[str], Reading], ...] = tuple(
    (re.compile(pattern), reading)
    for pattern, reading in (
        (rf"\b(?:{_UNIT}[ -]to[ -]date|(?P<letter>[ymq])td)\b", _to_date),
        (rf"\b{_UNIT} before last\b", _of_unit(-2)),
        (rf"{_EDGE} of (?:the year|{_YEAR})(?!\w)", _edge),
        (r"\b(?:the )?(?:whole|full|entire) year\b(?! (?:20\d\d|before))", _whole_year),
        (rf"\b(?:the )?{_LAST} {_COUNT} (?P<unit>month|mo|quarter|year)s?\b", _last_few),
        (rf"\b(?:the )?(?:next|coming) {_COUNT} (?P<unit>month|quarter|year)s?\b", _next_few),
        (r"\b(?:over|in|during|for|within) the (?:last|past) year\b", _past_year),
        (r"\b(?:past year|ltm|ttm|(?:last|past) half[ -]?year|half a year)\b", _past_year),
        (rf"\b{_COUNT} {_UNIT}s? (?:ago|back)\b", _ago),
        (rf"\b{_QUARTER}{_JOINT}{_YEAR}(?!\w)", _quarter),
        (rf"\b{_YEAR}{_JOINT}{_QUARTER}\b", _quarter),
        (rf"\b{_QUARTER}(?![\w'])", _quarter),
        (rf"\b{_YEAR}{_JOINT}{_HALF}\b", _half),
        (rf"\b{_HALF}(?:{_JOINT}{_YEAR})?(?![\w'])", _half),
        (r"(?<![\d/.-])(?P<year>20\d{2})[-/](?P<digits>1[0-2]|0?[1-9])(?!\d|[/-]\d)", _iso_month),
        (r"(?<![\d/.-])(?P<digits>1[0-2]|0?[1-9])[/.-](?P<year>20\d{2})(?!\d|[/-]\d)", _iso_month),
        (rf"\b{_MONTH}\b\.?{_JOINT}{_YEAR}(?!\w)", _named_month),
        (rf"\b{_YEAR}{_JOINT}{_MONTH}\b", _named_month),
        (rf"\b(?P<which>last|this|past|next|previous|coming) {_MONTH}\b", _qualified_month),
        (rf"\b{_MONTH}\b", _named_month),
        (rf"\b(?:so far )?(?:this|the current|current) {_UNIT}(?: so far)?\b", _of_unit(0)),
        (rf"\b(?:the )?(?:next|coming|upcoming|following) {_UNIT}\b", _of_unit(1)),
        (rf"\b(?:the )?{_LAST} (?:(?:full|complete|calendar) )?{_UNIT}\b", _of_unit(-1)),
        (_BARE_YEAR, _bare_year),
    )
)
_FLOATING = (_named_month, _quarter, _half)


def find_periods(scan: Scan, today: date) -> list[Dated]:
    """Take every period from the text, from left to right; bare names are the latest ones begun."""
    for verb in _VERB_MAY.finditer(scan.rest):
        scan.strike(verb.start(), verb.end())
    found = [
        Dated(
            start=match.start(),
            end=match.end(),
            period=reading(match, today),
            fixed=reading not in _FLOATING or bool(match.groupdict().get("year")),
            last_year=match[0] in {"last year", "the last year", "previous year"},
        )
        for pattern, reading in _READINGS
        for match in scan.take_all(pattern)
    ]
    return sorted(found, key=lambda dated: dated.start)
