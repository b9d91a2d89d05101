"""What funders publish, criterion by criterion, with where and when it was read.

Wider than `FUNDERS`, which holds the floors that the rules of advice compare: here stands also what
payments cannot show, so that it is named and not forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from domain.advice.funders import FUNDERS, READ_ON, Funder
from domain.rates import BASE


class Measure(StrEnum):
    """What a criterion looks at; the money is gross or net as the rules of advice count it."""

    HISTORY_MONTHS = "history_months"
    MONTHLY_NET = "monthly_net_revenue"
    YEARLY_REVENUE = "yearly_revenue"
    MONTHLY_RECURRING = "monthly_recurring_revenue"
    YEARLY_RECURRING = "yearly_recurring_revenue"
    COUNTRY = "account_country"
    NOT_IN_STRIPE = "not_in_stripe"


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing that a funder publishes.

    `floor` is a number of months or an amount of major units of `currency`; `country` an upper-case
    ISO 3166 code. `reason` says of what is not in Stripe why it cannot be seen.
    """

    measure: Measure
    text: str
    floor: Decimal | None = None
    currency: str | None = None
    country: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class PublishedFloors:
    """A funder's criteria; `second_hand`: not read on the funder's own pages."""

    funder: str
    criteria: tuple[Criterion, ...]
    source: str
    read_on: date = READ_ON
    second_hand: bool = False


def _unseen(text: str, reason: str) -> Criterion:
    return Criterion(Measure.NOT_IN_STRIPE, text, reason=reason)


def _history(months: int) -> Criterion:
    text = f"at least {months} months of payments"
    return Criterion(Measure.HISTORY_MONTHS, text, floor=Decimal(months))


def _amount(measure: Measure, text: str, floor: Decimal, currency: str = BASE) -> Criterion:
    named = f"{text} of at least {floor:,} {currency.upper()}"
    return Criterion(measure, named, floor=floor, currency=currency)


def _country(country: str) -> Criterion:
    text = f"a Stripe account in {country}"
    return Criterion(Measure.COUNTRY, text, country=country)


def _of(funder: Funder) -> list[Criterion]:
    """Return the floors that the rules of advice compare too."""
    criteria = [_history(funder.history_months)] if funder.history_months else []
    if funder.recurring:
        text = "recurring revenue a month, averaged over 3 months,"
        criteria.append(_amount(Measure.MONTHLY_RECURRING, text, funder.monthly))
    else:
        text = "net revenue a month, averaged over 3 months,"
        criteria.append(_amount(Measure.MONTHLY_NET, text, funder.monthly))
    if funder.yearly:
        criteria.append(_amount(Measure.YEARLY_REVENUE, "revenue a year", funder.yearly))
    return criteria


_KNOWN = {funder.name: funder for funder in FUNDERS}
_JUDGED = _unseen("growth, a steady record, the customer base", "The funder weighs it itself.")
_OTHER_CHANNELS = _unseen(
    "sales on other channels, which count as well", "Stripe shows its own payments only."
)
_STRIPE, _CLEARCO, _LIGHTER = (
    _KNOWN[name] for name in ("Stripe Capital", "Clearco", "Lighter Capital")
)

# Findings of the day READ_ON; each funder's own page unless it is marked as second-hand.
PUBLISHED: tuple[PublishedFloors, ...] = (
    PublishedFloors(
        "Stripe Capital (US)",
        (_country("US"), *_of(_STRIPE), _JUDGED),
        "docs.stripe.com/capital, docs.stripe.com/capital/eligibility",
    ),
    PublishedFloors(
        "Stripe Capital (UK)",
        (
            _country("GB"),
            _history(6),
            _amount(
                Measure.MONTHLY_NET,
                "net revenue a month, averaged over 3 months,",
                Decimal(1_000),
                "gbp",
            ),
            _amount(Measure.YEARLY_REVENUE, "revenue a year", Decimal(5_000), "gbp"),
            _unseen(
                "a credit check of owners of 25 % or more", "Stripe shows no owners' credit record."
            ),
            _unseen("no refusal in the last 90 days", "Stripe does not show earlier applications."),
        ),
        "docs.stripe.com/capital/eligibility?country=gb",
    ),
    PublishedFloors(
        "PayPal Working Capital",
        (
            _unseen(
                "a PayPal account for at least 3 months with 15,000 USD a year"
                " (20,000 USD for a Premier account)",
                "PayPal counts its own payments, which are not in Stripe.",
            ),
            _unseen("an earlier PayPal loan repaid", "Stripe shows no debt."),
        ),
        "paypal.com/us/workingcapital/faq",
    ),
    PublishedFloors(
        "Shopify Capital",
        (
            _unseen(
                "sales, disputes, time and failed billing attempts on Shopify, without numbers",
                "Shopify counts its own store, which is not in Stripe.",
            ),
        ),
        "help.shopify.com",
    ),
    PublishedFloors(
        "Wayflyer",
        (
            _amount(Measure.YEARLY_REVENUE, "revenue a year", Decimal(120_000)),
            _unseen(
                "sales to consumers or on Amazon (250,000 USD a year for wholesale)",
                "Stripe does not show what kind of trade it is.",
            ),
            _OTHER_CHANNELS,
        ),
        "elephantherd, a guide to revenue-based finance",
        second_hand=True,
    ),
    PublishedFloors(
        "Clearco",
        (
            *_of(_CLEARCO),
            _unseen("a company in the US", "Stripe shows the account's country, not the entity."),
            _OTHER_CHANNELS,
        ),
        _CLEARCO.source,
    ),
    PublishedFloors(
        "Lighter Capital",
        (
            *_of(_LIGHTER),
            _unseen(
                "churn and the cost of winning a customer", "Stripe does not show marketing costs."
            ),
            _OTHER_CHANNELS,
        ),
        _LIGHTER.source,
    ),
    PublishedFloors(
        "Pipe",
        (
            _amount(Measure.YEARLY_RECURRING, "recurring revenue a year", Decimal(100_000)),
            _unseen("predictable revenue", "The funder weighs it itself."),
        ),
        "pipe.com/help; the amount from guides to it",
        second_hand=True,
    ),
    PublishedFloors(
        "SBA 7(a) small loan",
        (
            _unseen(
                "a debt service coverage of at least 1.10", "Stripe shows neither debt nor profit."
            ),
            _unseen("bank statements of 2 months", "Stripe shows no bank account."),
        ),
        "SBA Notice 5000-875701, as told by starfieldsmith.com",
        second_hand=True,
    ),
)
