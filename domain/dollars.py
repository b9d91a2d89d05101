"""What models cost: whole picodollars, so that no price has to be rounded.

A price of $0.25 a million tokens is 250,000 picodollars a token. A `BIGINT` holds nine million
dollars of them, far more than a business spends in a day.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

CURRENCY = "usd"
PICOS_A_DOLLAR = 10**12


def to_picos(dollars: Decimal) -> int:
    """Return dollars as picodollars; raise ValueError if they are no whole number of them."""
    picos = dollars * PICOS_A_DOLLAR
    if picos != picos.to_integral_value():
        raise ValueError(f"{dollars} has more than twelve decimals.")
    return int(picos)


def read_dollars(text: str) -> int:
    """Read `2` or `0.25` as picodollars; raise ValueError on anything else, and below zero."""
    try:
        dollars = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text!r} is no amount.") from None
    if not dollars.is_finite() or dollars < 0:
        raise ValueError(f"{text!r} is no amount.")
    return to_picos(dollars)


def dollars(picos: int) -> str:
    """Return the exact amount as a decimal string with two decimals or more, such as `0.0125`."""
    sign, (whole, part) = "-" if picos < 0 else "", divmod(abs(picos), PICOS_A_DOLLAR)
    decimals = f"{part:012d}".rstrip("0").ljust(2, "0")
    return f"{sign}{whole}.{decimals}"


def in_words(picos: int) -> str:
    """Return an amount for a sentence: `$2.00`, and below a cent `less than $0.01`."""
    cents = picos * 100 // PICOS_A_DOLLAR
    if cents == 0 and picos > 0:
        return "less than $0.01"
    return f"${cents // 100:,}.{cents % 100:02d}"
