"""Recurring revenue of months: its movements, churn and retention, exact until it is told.

Values are kept as fractions of minor units by customer. They are rounded once, here: the month's
sum to the minor unit, half to even, and each movement as the difference of two running sums that
were rounded so, so that the movements add up to the change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Literal

from domain.periods import Month
from domain.recurring.values import NOTHING, MonthlyValue, exact_sum

Method = Literal["subscriptions", "invoice_lines"]
NORMALISATION = (
    "A year counts as 12 months, a week as 12/52 and a day as 12/365 of a month, each times the "
    "number of intervals; the sum is rounded once, half to even, to the minor unit."
)
METHODS: Mapping[Method, str] = MappingProxyType(
    {
        "subscriptions": (
            "The monthly value of active and past-due subscriptions as Stripe told them last, "
            "without trials, taxes, free and metered plans; only coupons that last forever reduce "
            f"it. {NORMALISATION}"
        ),
        "invoice_lines": (
            "The monthly value of the recurring invoice lines whose period covers the end of the "
            "month, of subscriptions that had not ended, without taxes, trials and metered plans; "
            f"only coupons that last forever reduce it. {NORMALISATION}"
        ),
    }
)
RATIO_DECIMALS = 4
# Stripe: churned in the last 30 days over those active 30 days ago and new since.
CHURN_DAYS = 30
YEAR_MONTHS = 12


@dataclass(frozen=True, slots=True)
class RecurringMonth:
    """Recurring revenue at the end of a month, or at the horizon in the month that holds it.

    Amounts are integer minor units of `currency`. `new_minor` is of customers who never paid
    before, `reactivated_minor` of those who came back; `contraction_minor` and `churned_minor` are
    negative or zero, and the five add up to the change since the month before. Active subscriptions
    and paying customers are those that are worth something. `churn_rate` is by customers. Retention
    compares the `cohort_customers` of the same month a year earlier: what they pay now over what
    they paid then; gross without their expansion. `monthly_plan_share` is the part of the MRR on
    plans of one month. `paused_minor` is the part that is not collected at present; past months do
    not tell it. Ratios have 4 decimals, rounded half to even. What cannot be told is None, and
    `missing_reason` says why there is no `mrr_minor`.
    """

    month: Month
    currency: str
    mrr_minor: int | None = None
    active_subscriptions: int | None = None
    paying_customers: int | None = None
    new_minor: int | None = None
    expansion_minor: int | None = None
    contraction_minor: int | None = None
    churned_minor: int | None = None
    reactivated_minor: int | None = None
    churn_rate: Decimal | None = None
    gross_retention: Decimal | None = None
    net_retention: Decimal | None = None
    cohort_customers: int | None = None
    monthly_plan_share: Decimal | None = None
    paused_minor: int | None = None
    method: Method | None = None
    missing_reason: str | None = None


@dataclass(frozen=True, slots=True)
class RecurringHistory:
    """Months of recurring revenue, every one that was asked for; `missing_reason` if none has any.

    `currency` apart from `other_currencies`, in which there are subscriptions too; they are added
    to nothing.
    """

    months: Mapping[Month, RecurringMonth]
    missing_reason: str | None = None
    other_currencies: tuple[str, ...] = ()


@dataclass(slots=True)
class Reading:
    """What subscriptions are worth at one moment, by customer; only what is above zero."""

    method: Method
    customers: dict[str, Fraction] = field(default_factory=dict)
    subscriptions: int = 0
    paused: Fraction | None = None
    _monthly: list[Fraction] = field(default_factory=list)

    def add(self, customer: str, value: MonthlyValue) -> None:
        """Count a subscription in; one that is worth nothing is none."""
        if value.total > 0:
            other = self.customers.get(customer)
            self.customers[customer] = value.total if other is None else other + value.total
            self._monthly.append(value.monthly_plans)
            self.subscriptions += 1

    @property
    def total(self) -> Fraction:
        """The MRR before it is rounded."""
        return exact_sum(self.customers.values())

    @property
    def monthly_plans(self) -> Fraction:
        """The part of it on monthly plans."""
        return exact_sum(self._monthly)


# The order in which running sums are rounded.
_KINDS = ("new", "expansion", "contraction", "churned", "reactivated")


@dataclass(frozen=True, slots=True)
class Movements:
    """The change from one month to the next in minor units; the five add up to it."""

    new: int
    expansion: int
    contraction: int
    churned: int
    reactivated: int


def movements(
    before: Reading, after: Reading, first_paid: Mapping[str, int], *, at: int
) -> Movements:
    """Return how MRR moved; `at` is the moment of `before` in UTC seconds.

    A customer who first paid (`first_paid`, UTC seconds) earlier and paid nothing at that moment
    has come back.
    """
    moved: dict[str, list[Fraction]] = {kind: [] for kind in _KINDS}
    for customer in before.customers.keys() | after.customers.keys():
        was, now = before.customers.get(customer), after.customers.get(customer)
        if was is None:
            kind = "reactivated" if first_paid.get(customer, at) < at else "new"
        elif now is None:
            kind = "churned"
        elif now == was:
            continue
        else:
            kind = "expansion" if now > was else "contraction"
        moved[kind].append((now or NOTHING) - (was or NOTHING))
    running, told = before.total, {}
    for kind, changes in moved.items():
        after_it = running + exact_sum(changes)
        told[kind] = to_minor(after_it) - to_minor(running)
        running = after_it
    return Movements(**told)


@dataclass(frozen=True, slots=True)
class Retention:
    """How much of what a cohort paid is still paid, with its number of customers."""

    customers: int
    gross: Decimal | None
    net: Decimal | None


def retention(cohort: Reading, now: Reading) -> Retention:
    """Return the retention of those who paid then; None for a cohort of nobody."""
    then = cohort.total
    if then == 0:
        return Retention(0, None, None)
    pairs = [(paid, now.customers.get(who, NOTHING)) for who, paid in cohort.customers.items()]
    return Retention(
        len(pairs),
        to_ratio(exact_sum(min(pair) for pair in pairs) / then),
        to_ratio(exact_sum(pays for _, pays in pairs) / then),
    )


def churn_rate(active_within: set[str], now: Reading) -> Decimal | None:
    """Return the share of those who paid at any time in the last 30 days and do not now.

    They are the ones active 30 days ago and the ones new since, each counted once.
    """
    everybody = active_within | now.customers.keys()
    if not everybody:
        return None
    return to_ratio(Fraction(len(everybody - now.customers.keys()), len(everybody)))


def to_minor(amount: Fraction) -> int:
    """Return the amount in whole minor units, rounded half to even."""
    return round(amount)


def to_ratio(ratio: Fraction) -> Decimal:
    """Return the ratio with 4 decimals, rounded half to even from the exact value."""
    return Decimal(round(ratio * 10**RATIO_DECIMALS)).scaleb(-RATIO_DECIMALS)
