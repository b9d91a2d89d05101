"""How people write numbers, and which of them show a known one."""

from __future__ import annotations

from decimal import Decimal

import pytest

from evals.numbers import known_numbers, numbers_in, shows


def texts(answer: str) -> list[str]:
    return [number.text for number in numbers_in(answer)]


def is_shown(answer: str, known: str) -> bool:
    return any(shows(number, [Decimal(known)]) for number in numbers_in(answer))


def test_numbers_are_found_whatever_stands_around_them() -> None:
    answer = "**$94,321.55** in Q3, up 12.5 % (from 84 000), 3rd, €1.234,50; by -7."
    assert texts(answer) == ["94,321.55", "12.5", "84", "000", "3", "1.234,50", "7"]


def test_identifiers_hold_no_numbers() -> None:
    assert texts("f648faa2-f551-49c1-bab8-4bc951195817 and re_3Cdnow and v2") == []


@pytest.mark.parametrize(
    "answer",
    [
        "$94,321.50",
        "94321.5 USD",
        "94.321,50 €",
        "94\u202f321,50",
        "94'321.50",
        "a change of -94,321.50",
    ],
)
def test_amount_is_known_in_every_common_spelling(answer) -> None:
    assert is_shown(answer, "94321.50")


@pytest.mark.parametrize("answer", ["94,321.51", "94,322", "94,321", "94.3 thousand", "9,432.15"])
def test_amount_that_is_rounded_or_mistyped_is_another_amount(answer) -> None:
    assert not is_shown(answer, "94321.50")


@pytest.mark.parametrize("answer", ["1.23 %", "1.2%", "1 percent", "1.23 percentage points"])
def test_percentage_shows_a_ratio(answer) -> None:
    assert is_shown(answer, "0.0123")


def test_percentage_that_does_not_round_to_the_ratio_is_another_one() -> None:
    assert not is_shown("1.24 %", "0.0123")
    assert not is_shown("1.23", "0.0123")


def test_long_result_may_be_rounded_to_cents() -> None:
    assert is_shown("31,440.52", "31440.516666")
    assert not is_shown("31,440.5", "31440.516666")


def test_known_numbers_are_those_of_all_fields_and_texts_without_signs() -> None:
    content = {"value": "-12.50", "n": 3, "flag": True, "list": [{"reason": "5 of 1,200 lost"}]}
    known = known_numbers(content)
    assert {Decimal("12.50"), Decimal(3), Decimal(5), Decimal(1200)} <= known
    assert Decimal(1) not in known
