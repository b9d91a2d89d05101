"""A person's words made ready for matching: one case, one kind of dash, small typos mended."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from itertools import takewhile

from dateutil.parser import parserinfo

# Stands where something was recognised; no word character and no white space.
BLANK = "\x00"


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of a list written as running text."""
    return tuple(text.split())


MONTH_NAMES = tuple(name.lower() for names in parserinfo.MONTHS for name in names)

# Words worth a second look when they are one slip of the finger away.
_MENDABLE = (
    *words_of(
        """
        revenue revenues sales turnover income refund refunds refunded chargeback chargebacks
        dispute disputes average orders charges payments transactions customers score readiness
        recommendation recommendations accept accepted dismiss dismissed create explain compare
        compared month months quarter quarters monthly recurring volatility volatile business
        profile stripe refresh recompute recalculate calculate improve versus previous ready
        funding synchronize trend overview number years since
        """
    ),
    *(name for name in MONTH_NAMES if len(name) > 4),
)
_SHORTEST_MENDABLE = 5
# Right as they are, though one slip away from a word above.
_WORDS_OF_THEIR_OWN = frozenset(
    words_of(
        """
        change changes changed charge charged recommend yearly order payment customer transaction
        except expect disputed
        """
    )
)

_SPELLED_OUT = (
    (re.compile(r"\b(what|how|where|when|who|that|it|there)'?s\b"), r"\1 is"),
    (re.compile(r"\b(i|we|they|you)'(?:d)\b"), r"\1 would"),
    (re.compile(r"\bi'?m\b"), "i am"),
    (re.compile(r"\b(we|they|you)'re\b"), r"\1 are"),
    (re.compile(r"\b(\w+)'ve\b"), r"\1 have"),
    (re.compile(r"\b(\w+)'ll\b"), r"\1 will"),
    (re.compile(r"\b(do|does|did|is|are|was|were|should|would|could|have|has)n'?t\b"), r"\1 not"),
    (re.compile(r"\bcan'?t\b"), "can not"),
    (re.compile(r"\bwon't\b"), "will not"),
    (re.compile(r"\blet'?s\b"), "let us"),
    (re.compile(r"(?<=\w)'s\b|(?<=s)'(?=\s|$)"), ""),
    (re.compile(r"\bper ?cent\b"), "%"),
    (re.compile(r"\s*&\s*"), " and "),
    (re.compile(r"\bvs\."), "vs"),
)
_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"), "-")
_QUOTES = dict.fromkeys(map(ord, "\u2018\u2019\u201b\u00b4`"), "'")
_LONG_WORD = re.compile(rf"[a-z]{{{_SHORTEST_MENDABLE},}}")


def one_line(text: str) -> str:
    """Return the text on one line, without control and formatting characters."""
    kept = (
        " " if character.isspace() else character
        for character in text
        if character.isspace() or unicodedata.category(character)[0] != "C"
    )
    return " ".join("".join(kept).split())


def folded(text: str) -> str:
    """Return the text on one line with plain forms of letters, quotes and dashes."""
    return one_line(unicodedata.normalize("NFKC", text).translate(_DASHES | _QUOTES))


def normalise(text: str) -> str:
    """Return the text ready for matching: folded, lower case, contractions spelled out, mended."""
    lowered = folded(text).lower()
    for pattern, replacement in _SPELLED_OUT:
        lowered = pattern.sub(replacement, lowered)
    return _LONG_WORD.sub(lambda match: _mended(match[0]), lowered)


@lru_cache(maxsize=4096)
def _mended(word: str) -> str:
    if word in _WORDS_OF_THEIR_OWN or word in _MENDABLE:
        return word
    return next((known for known in _MENDABLE if _one_slip_apart(word, known)), word)


def _one_slip_apart(typed: str, known: str) -> bool:
    """Tell whether one letter is missing, extra, swapped or (in long words) wrong."""
    inflected = typed[:-1] == known
    if inflected or abs(len(typed) - len(known)) > 1:
        return False
    start = _common_length(typed, known)
    typed_rest, known_rest = typed[start:], known[start:]
    end = _common_length(typed_rest[::-1], known_rest[::-1])
    wrong = typed_rest[: len(typed_rest) - end]
    right = known_rest[: len(known_rest) - end]
    if len(wrong) + len(right) == 1:
        return True
    if len(wrong) == len(right) == 1:
        return len(known) > _SHORTEST_MENDABLE
    return len(wrong) == len(right) == 2 and wrong == right[::-1]


def _common_length(one: str, other: str) -> int:
    """Return how many letters both words begin with."""
    same = (left == right for left, right in zip(one, other, strict=False))
    return sum(1 for _ in takewhile(bool, same))


def any_of(words: Iterable[str]) -> str:
    """Return a regular expression for any of the words, the longest first."""
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))


def phrase(*alternatives: str) -> re.Pattern[str]:
    """Compile a pattern for any of the expressions, each of whole words."""
    return re.compile("|".join(rf"(?<!\w)(?:{words})(?!\w)" for words in alternatives))


class Scan:
    """A normalised text from which what was recognised is struck out, positions kept."""

    def __init__(self, text: str) -> None:
        """Start with nothing recognised."""
        self.text = text
        self.rest = text

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Find the pattern in what is left, strike it out and return the match."""
        match = pattern.search(self.rest)
        if match is not None:
            self.strike(match.start(), match.end())
        return match

    def take_all(self, pattern: re.Pattern[str]) -> list[re.Match[str]]:
        """Take every occurrence, from left to right."""
        found = list(pattern.finditer(self.rest))
        for match in found:
            self.strike(match.start(), match.end())
        return found

    def strike(self, start: int, end: int) -> None:
        """Mark the characters as recognised."""
        self.rest = self.rest[:start] + BLANK * (end - start) + self.rest[end:]
