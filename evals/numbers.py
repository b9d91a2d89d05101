"""Numbers in running text, and whether a shown number is a known one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal

from evals.transcript import Json

_TOKEN = re.compile(r"(?<![A-Za-z_\d.,])\d(?:[\d.,'\u2019\u00a0\u202f]*\d)?")
_UUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE)
_PERCENT = re.compile(r"\s?(?:%|per ?cent)")
_SCALE = re.compile(r"(?:\bof|/|\bto|\b0\s?[-\u2013])\s*$")
_SEPARATORS = re.compile(r"['\u2019\u00a0\u202f]")
_GROUPED = re.compile(r"\d{1,3}([.,]\d{3})+")
# The readiness score's scale is part of the language, not of the data.
SCALE_END = Decimal(100)
_YEARS = range(1900, 2101)


@dataclass(frozen=True)
class ShownNumber:
    """A number as a text shows it: one value for each way of reading its separators."""

    text: str
    values: tuple[Decimal, ...]
    is_percent: bool = False
    ends_scale: bool = False

    @property
    def digits(self) -> int:
        """How many digits it has, leading zeros left out."""
        return len(re.sub(r"\D", "", self.text).lstrip("0"))

    @property
    def year(self) -> int | None:
        """The year that it may be."""
        is_bare = self.text.isdigit() and len(self.text) == 4 and not self.is_percent
        return int(self.text) if is_bare and int(self.text) in _YEARS else None


def numbers_in(text: str) -> Iterator[ShownNumber]:
    """Yield the numbers of a text in order; those inside words and identifiers are none."""
    plain = _UUID.sub(" ", text)
    for match in _TOKEN.finditer(plain):
        values = tuple(_readings(_SEPARATORS.sub("", match[0])))
        if values:
            yield ShownNumber(
                text=match[0],
                values=values,
                is_percent=_PERCENT.match(plain, match.end()) is not None,
                ends_scale=_SCALE.search(plain[: match.start()]) is not None,
            )


def _readings(token: str) -> Iterator[Decimal]:
    """Yield what the token can mean: 1,234 is 1234 in English and 1.234 in German."""
    points, commas = token.count("."), token.count(",")
    if points and commas:
        mark, grouping = (",", ".") if token.rindex(",") > token.rindex(".") else (".", ",")
        if token.count(mark) == 1:
            yield Decimal(token.replace(grouping, "").replace(mark, "."))
        return
    if points + commas <= 1:
        yield Decimal(token.replace(",", "."))
    if (points or commas) and _GROUPED.fullmatch(token):
        yield Decimal(token.replace(".", "").replace(",", ""))


def known_numbers(content: Json) -> set[Decimal]:
    """Return every number of a JSON value, those inside its texts included, without signs."""
    if isinstance(content, dict):
        return set().union(*map(known_numbers, content.values()))
    if isinstance(content, list):
        return set().union(*map(known_numbers, content))
    if isinstance(content, bool) or content is None:
        return set()
    if isinstance(content, (int, Decimal)):
        return {abs(Decimal(content))}
    return {value for number in numbers_in(str(content)) for value in number.values}


def shows(number: ShownNumber, known: Iterable[Decimal]) -> bool:
    """Tell whether the number is one of the known ones, as people write them.

    A percentage may stand for a ratio and be rounded. Another number may be rounded to two
    decimals or more, as a calculated average is; an amount without its cents is another amount.
    """
    return any(
        _is_shown_as(abs(value), shown, number) for value in known for shown in number.values
    )


def _is_shown_as(value: Decimal, shown: Decimal, number: ShownNumber) -> bool:
    if value == shown:
        return True
    places = -int(shown.as_tuple().exponent)
    if number.is_percent:
        return _rounds_to(value * 100, shown, places) or _rounds_to(value, shown, places)
    return places >= 2 and _rounds_to(value, shown, places)


def _rounds_to(value: Decimal, shown: Decimal, places: int) -> bool:
    step = Decimal(1).scaleb(-places)
    return any(
        value.quantize(step, rounding) == shown for rounding in (ROUND_HALF_UP, ROUND_HALF_EVEN)
    )
