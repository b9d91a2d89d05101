"""Money as integer minor units with a currency; Decimal at the edges, never a float."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

# Stripe's lists of currencies without and with three decimals: docs.stripe.com/currencies.
ZERO_DECIMAL = frozenset(
    re.findall(r"\w+", "bif clp djf gnf jpy kmf krw mga pyg rwf ugx vnd vuv xaf xof xpf")
)
THREE_DECIMAL = frozenset(["bhd", "jod", "kwd", "omr", "tnd"])


def exponent(currency: str) -> int:
    """Return how many decimals the currency's minor unit has (usd 2, jpy 0, kwd 3)."""
    code = currency.lower()
    if code in ZERO_DECIMAL:
        return 0
    return 3 if code in THREE_DECIMAL else 2


def to_decimal(minor: int, currency: str) -> Decimal:
    """Return the amount in major units, to the currency's own scale."""
    return Decimal(minor).scaleb(-exponent(currency))


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount: `minor` integer minor units of a lower-case ISO 4217 `currency`."""

    minor: int
    currency: str

    @property
    def amount(self) -> Decimal:
        """The amount in major units."""
        return to_decimal(self.minor, self.currency)

    def __str__(self) -> str:
        return f"{self.amount:,} {self.currency.upper()}"
