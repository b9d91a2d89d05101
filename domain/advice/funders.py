"""Floors that funders publish and that payments can show, in USD.

Funders that count other sales than Stripe's (PayPal, Shopify) are left out, as are those whose
floors are only known at second hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

# Funders change their pages without notice: this is the day on which the floors were read.
READ_ON = date(2026, 11, 22)


@dataclass(frozen=True, slots=True)
class Funder:
    """A funder's published floors; `recurring`: its monthly floor is recurring revenue."""

    name: str
    monthly: Decimal
    yearly: Decimal
    history_months: int
    recurring: bool
    source: str
    read_on: date = READ_ON


FUNDERS: tuple[Funder, ...] = (
    Funder("Stripe Capital", Decimal(1_000), Decimal(5_000), 3, False, "docs.stripe.com/capital"),
    Funder("Clearco", Decimal(10_000), Decimal(0), 12, False, "clear.co/faq"),
    Funder("Lighter Capital", Decimal(15_000), Decimal(200_000), 0, True, "lightercapital.com/faq"),
)


@dataclass(frozen=True, slots=True)
class Standing:
    """What a business brings: average month, its recurring part, last 12 months, in USD."""

    monthly: Decimal
    recurring: Decimal
    yearly: Decimal
    history_months: int

    def monthly_for(self, funder: Funder) -> Decimal:
        """Return the average month as the funder counts it."""
        return self.recurring if funder.recurring else self.monthly

    def meets(self, funder: Funder) -> bool:
        """Tell whether every published floor of the funder is met."""
        return (
            self.monthly_for(funder) >= funder.monthly
            and self.yearly >= funder.yearly
            and self.history_months >= funder.history_months
        )
