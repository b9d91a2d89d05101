from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import Money, exponent, to_decimal


@pytest.mark.parametrize(
    ("currency", "decimals"), [("usd", 2), ("EUR", 2), ("jpy", 0), ("KRW", 0), ("kwd", 3)]
)
def test_exponent_is_the_currency_s_own(currency: str, decimals: int):
    assert exponent(currency) == decimals


@pytest.mark.parametrize(
    ("minor", "currency", "major"),
    [
        (12345, "usd", "123.45"),
        (12345, "jpy", "12345"),
        (12345, "kwd", "12.345"),
        (-5, "usd", "-0.05"),
    ],
)
def test_minor_units_become_major_units_exactly(minor: int, currency: str, major: str):
    assert str(to_decimal(minor, currency)) == major


@given(st.integers(-(10**15), 10**15), st.sampled_from(["usd", "jpy", "kwd"]))
def test_no_minor_unit_is_lost_on_the_way_to_major_units(minor: int, currency: str):
    assert to_decimal(minor, currency) * 10 ** exponent(currency) == minor


def test_money_shows_amount_with_separators_and_currency():
    assert str(Money(123456789, "usd")) == "1,234,567.89 USD"


def test_money_amount_is_a_decimal():
    assert Money(50, "usd").amount == Decimal("0.50")


def test_money_of_equal_amount_in_another_currency_is_not_equal():
    assert Money(100, "usd") != Money(100, "eur")
