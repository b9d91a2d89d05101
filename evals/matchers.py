"""Matchers: how a case says what a value must be.

============================  ==============================================================
written                       matches
============================  ==============================================================
``2026-10``, ``61``, ``null`` exactly this value; ``"1.50"`` and ``1.50`` are not the same
``{any: true}``               whatever is there, also null
``{in: [high, medium]}``      one of these
``{regex: "^Cut .* refunds"}``  a text in which the expression is found
``{approx: 60, within: 3}``   a number at most so far away; refused for money, which is exact
``{gte: 40, lte: 60}``        a number (or a decimal in a text), or an ISO date, within bounds
``{contains: revenue}``       a text with this part, or a list with a member that matches
``[a, b]``                    a list of just these members, each of which may be a matcher
``{status: pending}``         an object whose named fields match; its other fields are free
============================  ==============================================================
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import Discriminator, Field, Tag, field_validator, model_validator
from typing_extensions import TypeAliasType

from evals.strict import Strict

Scalar: TypeAlias = str | bool | int | Decimal | None


class Condition(Strict, ABC):
    """A matcher that is written as an object with a reserved name."""

    @abstractmethod
    def fits(self, actual: Any) -> bool:
        """Tell whether the value is as the condition says."""


class AnyValue(Condition):
    """Matches whatever is there."""

    any: Literal[True]

    def fits(self, actual: Any) -> bool:  # noqa: ARG002 - it matches whatever it is
        """Tell that it does."""
        return True


class OneOf(Condition):
    """Matches one of the values."""

    options: list[Scalar] = Field(alias="in", min_length=1)

    def fits(self, actual: Any) -> bool:
        """Tell whether the value is one of them."""
        return any(_same(option, actual) for option in self.options)


class Regex(Condition):
    """Matches a text in which the regular expression is found."""

    regex: str

    @field_validator("regex")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        return check_pattern(pattern)

    def fits(self, actual: Any) -> bool:
        """Tell whether the expression is found."""
        return isinstance(actual, str) and re.search(self.regex, actual) is not None


class Approx(Condition):
    """Matches a number at most `within` away; not for money."""

    approx: Decimal
    within: Decimal = Field(gt=0)

    def fits(self, actual: Any) -> bool:
        """Tell whether the number is near enough."""
        number = number_of(actual)
        return number is not None and abs(number - self.approx) <= self.within


class Bounds(Condition):
    """Matches a number, or an ISO date or time, between the bounds, both included."""

    gte: Decimal | str | None = None
    lte: Decimal | str | None = None

    @model_validator(mode="after")
    def _has_a_bound(self) -> Bounds:
        if self.gte is None and self.lte is None:
            raise ValueError("give gte, lte or both")
        return self

    def fits(self, actual: Any) -> bool:
        """Tell whether the value is within; a number is never within dates."""
        above = self.gte is None or _at_most(self.gte, actual)
        return above and (self.lte is None or _at_most(actual, self.lte))


class Contains(Condition):
    """Matches a text with the given part, or a list of which one member matches."""

    contains: Matcher

    def fits(self, actual: Any) -> bool:
        """Tell whether the part is there."""
        if isinstance(actual, list):
            return any(not mismatches(self.contains, member, "") for member in actual)
        return (
            isinstance(actual, str) and isinstance(self.contains, str) and self.contains in actual
        )


_KINDS: dict[str, type[Condition]] = {
    "any": AnyValue,
    "in": OneOf,
    "regex": Regex,
    "approx": Approx,
    "within": Approx,
    "gte": Bounds,
    "lte": Bounds,
    "contains": Contains,
}
_TAGS = {kind: name for name, kind in reversed(_KINDS.items())}


def _kind_of(written: Any) -> str:
    """Return the tag of what is written: a matcher is known by any of its reserved names."""
    if isinstance(written, Condition):
        return _TAGS[type(written)]
    if isinstance(written, dict):
        return next((_TAGS[_KINDS[name]] for name in written if name in _KINDS), "object")
    return "list" if isinstance(written, list) else "value"


if TYPE_CHECKING:
    # mypy does not resolve an alias that refers to itself through annotations.
    Matcher: TypeAlias = Any
else:
    Matcher = TypeAliasType(
        "Matcher",
        Annotated[
            Annotated[AnyValue, Tag("any")]
            | Annotated[OneOf, Tag("in")]
            | Annotated[Regex, Tag("regex")]
            | Annotated[Approx, Tag("approx")]
            | Annotated[Bounds, Tag("gte")]
            | Annotated[Contains, Tag("contains")]
            | Annotated[dict[str, "Matcher"], Tag("object")]
            | Annotated[list["Matcher"], Tag("list")]
            | Annotated[Scalar, Tag("value")],
            Discriminator(_kind_of),
        ],
    )
Fields: TypeAlias = dict[str, Matcher]


def check_pattern(pattern: str) -> str:
    """Return the regular expression; raise ValueError with the reason if it does not compile."""
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"this regular expression does not compile: {error}") from error
    return pattern


def mismatches(matcher: Any, actual: Any, path: str) -> list[str]:
    """Return one sentence for each place where the value is not what the matcher says.

    `actual` is plain JSON with `Decimal` for numbers that are not whole; `path` names the value.
    """
    if isinstance(matcher, dict):
        return _object_mismatches(matcher, actual, path)
    if isinstance(matcher, list):
        return _list_mismatches(matcher, actual, path)
    fits = matcher.fits(actual) if isinstance(matcher, Condition) else _same(matcher, actual)
    return [] if fits else [f"{path} is {shown(actual)}, {_expected(matcher)}"]


def _object_mismatches(wanted: Fields, actual: Any, path: str) -> list[str]:
    if not isinstance(actual, dict):
        return [f"{path} is {shown(actual)}, expected an object with {', '.join(wanted)}"]
    found: list[str] = []
    for name, matcher in wanted.items():
        place = f"{path}.{name}"
        if name not in actual:
            found.append(f"{place} is missing, {_expected(matcher)}")
        elif isinstance(matcher, Approx) and actual.get("unit") == "money":
            found.append(f"{place} is money: expect the exact value, not an approximation")
        else:
            found += mismatches(matcher, actual[name], place)
    return found


def _list_mismatches(wanted: list[Any], actual: Any, path: str) -> list[str]:
    if not isinstance(actual, list):
        return [f"{path} is {shown(actual)}, expected a list of {len(wanted)}"]
    if len(actual) != len(wanted):
        return [f"{path} has {len(actual)} members ({shown(actual)}), expected {len(wanted)}"]
    pairs = enumerate(zip(wanted, actual, strict=True))
    return [
        sentence
        for index, (matcher, member) in pairs
        for sentence in mismatches(matcher, member, f"{path}[{index}]")
    ]


def _same(wanted: Scalar, actual: Any) -> bool:
    # True == 1 in Python, but not in a case.
    if isinstance(wanted, bool) or isinstance(actual, bool):
        return wanted is actual
    return bool(wanted == actual)


def _at_most(low: Any, high: Any) -> bool:
    """Compare two numbers, or two texts that are none, such as dates."""
    lesser, greater = number_of(low), number_of(high)
    if lesser is not None and greater is not None:
        return lesser <= greater
    are_texts = isinstance(low, str) and isinstance(high, str)
    return are_texts and lesser is None and greater is None and low <= high


def number_of(value: Any) -> Decimal | None:
    """Return the number that a JSON value or a decimal text is, None if it is none."""
    if isinstance(value, bool) or not isinstance(value, (int, str, Decimal)):
        return None
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def shown(value: Any) -> str:
    """Write a value for a finding, cut where it is long."""
    text = repr(str(value)) if isinstance(value, Decimal) else repr(value)
    return text if len(text) <= 160 else f"{text[:157]}..."


def _expected(matcher: Any) -> str:
    is_condition = isinstance(matcher, Condition)
    written = matcher.model_dump(by_alias=True, exclude_none=True) if is_condition else matcher
    return f"expected {shown(written)}"
