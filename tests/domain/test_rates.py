"""Exchange rates are stated with a day, and convert exactly."""

from datetime import date
from decimal import Decimal

import pytest

from domain.errors import ConfigurationError
from domain.money import Money
from domain.rates import StatedRate, StatedRates, parse_rates

DAY = date(2026, 11, 27)


def test_rates_are_read_with_their_day() -> None:
    rates = parse_rates("eur=1.0834@2026-11-27, JPY=0.0064@2026-11-26")
    assert rates.find("eur") == StatedRate("eur", Decimal("1.0834"), DAY)
    assert rates.find("jpy") == StatedRate("jpy", Decimal("0.0064"), date(2026, 11, 26))
    assert rates.find("gbp") is None
    assert parse_rates("") == StatedRates()


@pytest.mark.parametrize(
    ("minor", "currency", "usd", "cents"),
    [
        (10_000, "eur", "1.0834", 10_834),
        (6_200, "jpy", "0.0064", 3_968),
        (14_000, "kwd", "3.25", 4_550),
        (-250, "eur", "1.1", -275),
        (5, "eur", "1.1", 6),
        (15, "eur", "1.1", 16),
    ],
)
def test_amounts_are_converted_to_the_cent(minor: int, currency: str, usd: str, cents: int) -> None:
    rate = StatedRate(currency, Decimal(usd), DAY)
    assert rate.convert(Money(minor, currency)) == Money(cents, "usd")


def test_rate_converts_its_own_currency_only() -> None:
    with pytest.raises(ConfigurationError, match="rate of EUR cannot convert GBP"):
        StatedRate("eur", Decimal(1), DAY).convert(Money(1, "gbp"))


@pytest.mark.parametrize(
    "text",
    [
        "eur",
        "eur=1.08",
        "eur=0@2026-11-27",
        "eur=-1@2026-11-27",
        "eur=1..2@2026-11-27",
        "eur=1.08@2026-02-30",
        "euro=1.08@2026-11-27",
        "usd=1@2026-11-27",
        "eur=1@2026-11-27,eur=2@2026-11-27",
    ],
)
def test_what_is_no_rate_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse_rates(text)
    assert "eur=1.0834@2026-11-27" in (refused.value.hint or "")
