"""Exchange rates that somebody states, with their day: no amount is converted without one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

from domain.errors import ConfigurationError
from domain.money import Money, exponent

BASE = "usd"
_STATED = re.compile(r"([a-z]{3})=([0-9.]+)@(\d{4}-\d{2}-\d{2})")
_EXAMPLE = "Write eur=1.0834@2026-11-27: what one euro was worth in US dollars on that day."


@dataclass(frozen=True, slots=True)
class StatedRate:
    """What one major unit of a lower-case ISO 4217 `currency` is worth in US dollars on a day."""

    currency: str
    usd: Decimal
    on: date

    def convert(self, amount: Money) -> Money:
        """Return the amount in US dollars, to the cent, rounded half to even.

        Raise ConfigurationError for an amount in another currency than the rate's.
        """
        if amount.currency != self.currency:
            raise ConfigurationError(
                f"The rate of {self.currency.upper()} cannot convert {amount.currency.upper()}."
            )
        cents = (amount.amount * self.usd).scaleb(exponent(BASE))
        return Money(int(cents.quantize(Decimal(1), rounding=ROUND_HALF_EVEN)), BASE)


@dataclass(frozen=True, slots=True)
class StatedRates:
    """The rates that are stated; US dollars need none."""

    rates: tuple[StatedRate, ...] = ()

    def find(self, currency: str) -> StatedRate | None:
        """Return the currency's rate, None if nobody states one."""
        return next((rate for rate in self.rates if rate.currency == currency), None)


NO_RATES = StatedRates()


def parse_rates(text: str) -> StatedRates:
    """Read `eur=1.0834@2026-11-27,jpy=0.0064@2026-11-27`; raise ConfigurationError on other text.

    A rate is positive, and a currency is stated once and is not the US dollar.
    """
    rates = tuple(_rate(part.strip()) for part in text.split(",") if part.strip())
    _check_once(rates)
    return StatedRates(rates)


def _rate(part: str) -> StatedRate:
    match = _STATED.fullmatch(part.lower())
    try:
        if match is not None:
            rate = StatedRate(match[1], Decimal(match[2]), date.fromisoformat(match[3]))
            if rate.usd > 0 and rate.currency != BASE:
                return rate
    except (InvalidOperation, ValueError):
        pass
    raise ConfigurationError(f"{part!r} is not a rate.", hint=_EXAMPLE)


def _check_once(rates: Sequence[StatedRate]) -> None:
    codes = [rate.currency for rate in rates]
    for code in codes:
        if codes.count(code) > 1:
            raise ConfigurationError(f"The rate of {code.upper()} is stated twice.", hint=_EXAMPLE)
