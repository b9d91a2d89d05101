"""Months and inputs to test with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

from domain.metrics import DayFacts, MonthMetrics, month_metrics
from domain.periods import Month
from domain.readiness import GrowthBasis, Measurement, ReadinessInputs

AS_OF = date(2026, 11, 22)
LAST = Month(2026, 10)


def month_of(
    month: Month,
    net_minor: int,
    *,
    charges: int = 100,
    failed: int = 0,
    refund_minor: int = 0,
    disputes: int = 0,
    mrr_minor: int | None = None,
    currency: str = "usd",
) -> MonthMetrics:
    """Return a whole month whose net and gross are equal but for the refunds."""
    facts = DayFacts(
        day=month.first_day,
        gross_minor=net_minor + refund_minor,
        charge_count=charges,
        failed_count=failed,
        refund_minor=refund_minor,
        refund_count=1 if refund_minor else 0,
        dispute_count=disputes,
        net_minor=net_minor,
    )
    return month_metrics(
        month,
        [facts],
        currency=currency,
        active_customers=charges,
        through=month.last_day,
        mrr_minor=mrr_minor,
    )


def history_of(nets: Sequence[int], *, last: Month = LAST, **each: int) -> list[MonthMetrics]:
    """Return consecutive months with the given net amounts, the last one ending on `last`."""
    first = last.plus(1 - len(nets))
    return [month_of(first.plus(index), net, **each) for index, net in enumerate(nets)]


def measured(value: str | float, n: int = 1000, window: str = "3 months to 2026-10") -> Measurement:
    return Measurement(Decimal(str(value)), n, window)


GOOD = ReadinessInputs(
    scale=measured("30000"),
    history=measured(30, 30),
    growth=measured("0.10", 15),
    stability=measured("0.15", 12),
    disputes=measured("0.001", 3000),
    refunds=measured("0.02", 3000),
    payments=measured("0.03", 3000),
    concentration=measured("0.05"),
    payouts=measured("0", 60),
    growth_basis=GrowthBasis.YEAR_EARLIER,
    recurring_share=Decimal(0),
    payouts_enabled=True,
    data_age_days=Decimal(0),
)


def good_but(**changes: object) -> ReadinessInputs:
    """Return a shop without a fault but for the changes."""
    return replace(GOOD, **changes)
