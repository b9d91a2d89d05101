"""What a snapshot holds beside its columns: the one definition of `metrics_json`."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

# Changes when a metric's meaning or this schema changes, so that old and new numbers are never
# mixed unseen; then everything is computed again.
DEFINITIONS_VERSION = "metrics-2"


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True)


class OtherCurrency(_Stored):
    """What happened in a currency that is not the snapshot's; never added to it."""

    gross_minor: int = Field(description="captured amount of succeeded charges")
    charge_count: int = Field(description="successful charges")
    refund_minor: int = Field(0, description="amount refunded")
    refund_count: int = Field(0, description="refunds")
    net_minor: int | None = Field(
        None, description="net revenue settled in it; null if nothing was"
    )
    fee_minor: int | None = Field(None, description="fees settled in it; null if nothing was")


class UsedRate(_Stored):
    """A stated rate of exchange that a converted amount rests on."""

    currency: str = Field(description="ISO 4217 code")
    usd: Decimal = Field(description="what one major unit is worth in US dollars")
    on: date = Field(description="the day of the rate")


class Converted(_Stored):
    """The month's amounts of all currencies in US cents, by stated rates only."""

    revenue_minor: int = Field(description="revenue of all currencies")
    refund_minor: int = Field(description="refunds of all currencies")
    net_minor: int | None = Field(description="net revenue of all currencies of settlement")
    fee_minor: int | None = Field(description="fees of all currencies of settlement")
    rates: list[UsedRate] = Field(description="each rate that was used, with its day")


class StoredTrend(_Stored):
    """A number that compares months, or customers between them."""

    value: Decimal | None = Field(description="the number, to 4 decimals")
    n: int = Field(description="months that it rests on; customers for retention and churn")
    missing_reason: str | None = Field(description="why there is no number")


class StoredRecurring(_Stored):
    """Recurring revenue at the end of the month, or at the last instant read in the present one."""

    method: Literal["subscriptions", "invoice_lines"] = Field(description="what it was read from")
    active_subscriptions: int | None = Field(description="subscriptions that are worth something")
    paying_customers: int | None = Field(description="customers who have one")
    new_minor: int | None = Field(description="of customers who never paid before")
    expansion_minor: int | None = Field(description="more from those who paid the month before")
    contraction_minor: int | None = Field(description="less from them, zero or below")
    churned_minor: int | None = Field(description="of those who left, zero or below")
    reactivated_minor: int | None = Field(description="of those who came back")
    cohort_customers: int | None = Field(description="customers of the same month a year earlier")
    monthly_plan_share: Decimal | None = Field(description="part of the MRR on plans of a month")
    paused_minor: int | None = Field(description="part that is not collected at present")


class DataQuality(_Stored):
    """What is known to be wanting in the data."""

    missing_permissions: list[str] = Field(description="lists of Stripe's that cannot be read")
    unreconciled_payouts: int = Field(
        description="payouts that arrived in the month and do not add up to their lines, or were "
        "never compared with them"
    )


class SnapshotMetrics(_Stored):
    """`financial_metric_snapshots.metrics_json`: the metrics without a column, and their origin.

    `*_minor` are integer minor units of `currency`. Fields that `metrics-1` did not have are None
    in its rows.
    """

    definitions_version: str = Field(description="version of the definitions and of this schema")
    currency: str = Field(description="ISO 4217 code of the business's main currency")
    time_zone: str = Field(description="IANA name of the zone whose calendar the month is of")
    data_as_of: datetime | None = Field(description="end of the last complete sync")
    month_to_date: bool = Field(description="whether the month was not over")
    through: date = Field(description="last local day counted")
    revenue_minor: int = Field(description="`revenue_total`")
    net_minor: int | None = Field(description="`net_revenue`; null if the balance tells none")
    fee_minor: int | None = Field(description="`fees`; null if the balance tells none")
    ledger_missing_reason: str | None = Field(description="why net revenue and fees are missing")
    line_count: int | None = Field(None, description="balance transactions counted")
    charge_count: int = Field(description="`charge_count`")
    attempt_count: int | None = Field(None, description="`payment_attempts`")
    failed_count: int = Field(description="`failed_payments`")
    refund_minor: int = Field(description="`refund_amount`")
    chargeback_minor: int = Field(description="`chargeback_amount`")
    disputed_count: int | None = Field(
        None, description="numerator of `dispute_rate`: disputes of the month's charges"
    )
    disputes_settled_on: date | None = Field(
        None, description="until then charges of the month may still be disputed"
    )
    warning_count: int | None = Field(None, description="`early_fraud_warnings`")
    active_customers: int = Field(description="`active_customers`")
    new_customers: int | None = Field(None, description="`new_customers`")
    largest_customer_minor: int | None = Field(None, description="paid by the largest customer")
    unattributed_minor: int | None = Field(None, description="paid by guests")
    customer_squares: int | None = Field(
        None, description="sum of the customers' squared amounts, for `customer_concentration`"
    )
    zero_revenue_days: int | None = Field(None, description="`zero_revenue_days`")
    paid_payouts: int | None = Field(None, description="`payouts_paid`")
    failed_payouts: int | None = Field(None, description="`payouts_failed`")
    average_charge: Decimal | None = Field(description="`average_charge`, in major units")
    growth_month: StoredTrend | None = Field(None, description="`revenue_growth_month`")
    growth_year: StoredTrend | None = Field(None, description="`revenue_growth_year`")
    monthly_volatility: StoredTrend | None = Field(None, description="`monthly_volatility`")
    mrr_minor: int | None = Field(description="`mrr`")
    mrr_missing_reason: str | None = Field(description="why it is missing")
    recurring: StoredRecurring | None = Field(None, description="what `mrr` is made of")
    gross_retention: StoredTrend | None = Field(None, description="`gross_revenue_retention`")
    net_retention: StoredTrend | None = Field(None, description="`net_revenue_retention`")
    customer_churn: StoredTrend | None = Field(None, description="`customer_churn_rate`")
    other_currencies: dict[str, OtherCurrency] = Field(
        description="what happened in other currencies, by code"
    )
    usd: Converted | None = Field(
        None, description="all currencies in US dollars, if each has a stated rate"
    )
    data_quality: DataQuality | None = Field(None, description="what is wanting in the data")
    notes: list[str] = Field(description="what a column cannot hold")
