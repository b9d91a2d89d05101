"""What each metric means: the sentence, the source and the rule printed beside its numbers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class MetricName(StrEnum):
    """The metrics that can be asked for by name."""

    REVENUE_TOTAL = "revenue_total"
    NET_REVENUE = "net_revenue"
    AVERAGE_CHARGE = "average_charge"
    CHARGE_COUNT = "charge_count"
    REFUND_AMOUNT = "refund_amount"
    REFUND_COUNT = "refund_count"
    REFUND_RATIO = "refund_ratio"
    CHARGEBACK_AMOUNT = "chargeback_amount"
    CHARGEBACK_COUNT = "chargeback_count"
    CHARGEBACK_RATIO = "chargeback_ratio"
    FEES = "fees"
    MRR = "mrr"
    REVENUE_VOLATILITY = "revenue_volatility"
    ACTIVE_CUSTOMERS = "active_customers"
    NET_VOLUME = "net_volume"
    PAYMENT_ATTEMPTS = "payment_attempts"
    FAILED_PAYMENTS = "failed_payments"
    PAYMENT_FAILURE_RATE = "payment_failure_rate"
    REFUND_AMOUNT_RATIO = "refund_amount_ratio"
    DISPUTE_RATE = "dispute_rate"
    EARLY_FRAUD_WARNINGS = "early_fraud_warnings"
    NEW_CUSTOMERS = "new_customers"
    LARGEST_CUSTOMER_SHARE = "largest_customer_share"
    CUSTOMER_CONCENTRATION = "customer_concentration"
    UNATTRIBUTED_SHARE = "unattributed_share"
    ZERO_REVENUE_DAYS = "zero_revenue_days"
    PAYOUTS_PAID = "payouts_paid"
    PAYOUTS_FAILED = "payouts_failed"
    REVENUE_GROWTH_MONTH = "revenue_growth_month"
    REVENUE_GROWTH_YEAR = "revenue_growth_year"
    MONTHLY_VOLATILITY = "monthly_volatility"
    GROSS_RETENTION = "gross_revenue_retention"
    NET_RETENTION = "net_revenue_retention"
    CUSTOMER_CHURN = "customer_churn_rate"


class Unit(StrEnum):
    """How a metric's number is to be read."""

    MONEY = "money"
    RATIO = "ratio"
    COUNT = "count"


class TotalRule(StrEnum):
    """How the metric of several months is formed from its months."""

    SUM = "sum"
    RECOMPUTED = "recomputed"
    LAST = "last"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class MetricDefinition:
    """One metric's meaning: `summable` is how several months make a total.

    `window` is the time that one number covers, and by which date things fall into it.
    """

    label: str
    unit: Unit
    definition: str
    source: str
    summable: TotalRule
    window: str


DISPUTE_WINDOW_DAYS = 120  # within which a charge can be disputed (docs.stripe.com/disputes)

_BY_CHARGE = "calendar month, by charge date"
_BY_REFUND = "calendar month, by refund date"
_BY_DISPUTE = "calendar month, by dispute date"
_BY_LEDGER = "calendar month, by ledger date"
_BY_PAYMENT = "calendar month, by the date the payment began"
_BY_CREATION = "calendar month, by creation date"
_AT_END = "end of the calendar month"
_PAYMENTS = "Stripe payment intents and charges"
_SUBSCRIPTIONS = (
    "Stripe subscriptions and invoices (docs.stripe.com/billing/subscriptions/analytics/glossary)"
)
_PAYOUTS = "Stripe payouts"
_CHARGES = "Stripe charges"
_LEDGER = "Stripe balance transactions"
_REFUNDS = "Stripe refunds"
_DISPUTES = "Stripe disputes (docs.stripe.com/disputes/measuring)"

METRICS: dict[MetricName, MetricDefinition] = {
    MetricName.REVENUE_TOTAL: MetricDefinition(
        "Revenue",
        Unit.MONEY,
        "The captured amount of succeeded charges, by charge date in the business's time zone.",
        _CHARGES,
        TotalRule.SUM,
        _BY_CHARGE,
    ),
    MetricName.NET_REVENUE: MetricDefinition(
        "Net revenue",
        Unit.MONEY,
        "Charges less refunds and dispute withdrawals, plus dispute reversals, before fees.",
        _LEDGER,
        TotalRule.SUM,
        _BY_LEDGER,
    ),
    MetricName.AVERAGE_CHARGE: MetricDefinition(
        "Average charge",
        Unit.MONEY,
        "Revenue divided by the number of successful charges.",
        _CHARGES,
        TotalRule.RECOMPUTED,
        _BY_CHARGE,
    ),
    MetricName.CHARGE_COUNT: MetricDefinition(
        "Charges",
        Unit.COUNT,
        "The number of successful charges.",
        _CHARGES,
        TotalRule.SUM,
        _BY_CHARGE,
    ),
    MetricName.REFUND_AMOUNT: MetricDefinition(
        "Refunds",
        Unit.MONEY,
        "The amount refunded, by refund date.",
        _REFUNDS,
        TotalRule.SUM,
        _BY_REFUND,
    ),
    MetricName.REFUND_COUNT: MetricDefinition(
        "Refund count",
        Unit.COUNT,
        "The number of refunds, by refund date.",
        _REFUNDS,
        TotalRule.SUM,
        _BY_REFUND,
    ),
    MetricName.REFUND_RATIO: MetricDefinition(
        "Refund ratio",
        Unit.RATIO,
        "Refunds made in the period over successful charges in the period, both counted.",
        _REFUNDS,
        TotalRule.RECOMPUTED,
        _BY_REFUND,
    ),
    MetricName.CHARGEBACK_AMOUNT: MetricDefinition(
        "Chargebacks",
        Unit.MONEY,
        "The amount disputed, by dispute date.",
        _DISPUTES,
        TotalRule.SUM,
        _BY_DISPUTE,
    ),
    MetricName.CHARGEBACK_COUNT: MetricDefinition(
        "Chargeback count",
        Unit.COUNT,
        "The number of disputes, by dispute date, without inquiries.",
        _DISPUTES,
        TotalRule.SUM,
        _BY_DISPUTE,
    ),
    MetricName.CHARGEBACK_RATIO: MetricDefinition(
        "Chargeback ratio",
        Unit.RATIO,
        "Disputes opened in the period over successful charges in the period, both counted.",
        _DISPUTES,
        TotalRule.RECOMPUTED,
        _BY_DISPUTE,
    ),
    MetricName.FEES: MetricDefinition(
        "Fees",
        Unit.MONEY,
        "The fees that Stripe took, by ledger date.",
        _LEDGER,
        TotalRule.SUM,
        _BY_LEDGER,
    ),
    MetricName.MRR: MetricDefinition(
        "Monthly recurring revenue",
        Unit.MONEY,
        "The monthly value of active and past-due subscriptions, without trials, taxes and metered "
        "plans; over several months, that of the last one. Past months are read from the lines of "
        "invoices.",
        _SUBSCRIPTIONS,
        TotalRule.LAST,
        _AT_END,
    ),
    MetricName.REVENUE_VOLATILITY: MetricDefinition(
        "Revenue volatility",
        Unit.RATIO,
        "Standard deviation over mean of daily revenue across all days of the period.",
        _CHARGES,
        TotalRule.NONE,
        _BY_CHARGE,
    ),
    MetricName.ACTIVE_CUSTOMERS: MetricDefinition(
        "Active customers",
        Unit.COUNT,
        "The number of different customers with a successful charge; guests are not counted.",
        _CHARGES,
        TotalRule.NONE,
        _BY_CHARGE,
    ),
    MetricName.NET_VOLUME: MetricDefinition(
        "Net volume",
        Unit.MONEY,
        "Net revenue less the fees that Stripe took.",
        _LEDGER,
        TotalRule.SUM,
        _BY_LEDGER,
    ),
    MetricName.PAYMENT_ATTEMPTS: MetricDefinition(
        "Payment attempts",
        Unit.COUNT,
        "The number of charges that succeeded or failed, each try by itself.",
        _CHARGES,
        TotalRule.SUM,
        _BY_CHARGE,
    ),
    MetricName.FAILED_PAYMENTS: MetricDefinition(
        "Failed payments",
        Unit.COUNT,
        "The number of payments whose last state is a failure, however often they were tried.",
        _PAYMENTS,
        TotalRule.SUM,
        _BY_PAYMENT,
    ),
    MetricName.PAYMENT_FAILURE_RATE: MetricDefinition(
        "Payment failure rate",
        Unit.RATIO,
        "Payments that failed in the end over those and successful charges.",
        _PAYMENTS,
        TotalRule.RECOMPUTED,
        _BY_PAYMENT,
    ),
    MetricName.REFUND_AMOUNT_RATIO: MetricDefinition(
        "Refunded share of revenue",
        Unit.RATIO,
        "The amount refunded in the period over the revenue of the period.",
        _REFUNDS,
        TotalRule.RECOMPUTED,
        _BY_REFUND,
    ),
    MetricName.DISPUTE_RATE: MetricDefinition(
        "Dispute rate of the month's sales",
        Unit.RATIO,
        "Disputes of charges made in the period, whenever they were opened, over those charges; "
        "not settled before 120 days have passed.",
        _DISPUTES,
        TotalRule.RECOMPUTED,
        _BY_CHARGE,
    ),
    MetricName.EARLY_FRAUD_WARNINGS: MetricDefinition(
        "Early fraud warnings",
        Unit.COUNT,
        "The number of card issuers' reports of fraud, in all currencies.",
        "Stripe early fraud warnings",
        TotalRule.SUM,
        _BY_CREATION,
    ),
    MetricName.NEW_CUSTOMERS: MetricDefinition(
        "New customers",
        Unit.COUNT,
        "The number of customers that were created at Stripe, whether they have paid or not.",
        "Stripe customers",
        TotalRule.SUM,
        _BY_CREATION,
    ),
    MetricName.LARGEST_CUSTOMER_SHARE: MetricDefinition(
        "Largest customer's share",
        Unit.RATIO,
        "What the largest customer paid over the revenue of the period.",
        _CHARGES,
        TotalRule.NONE,
        _BY_CHARGE,
    ),
    MetricName.CUSTOMER_CONCENTRATION: MetricDefinition(
        "Customer concentration",
        Unit.RATIO,
        "The sum of the customers' squared shares of revenue (Herfindahl index), 0 to 1; guests "
        "are taken for many small customers.",
        _CHARGES,
        TotalRule.NONE,
        _BY_CHARGE,
    ),
    MetricName.UNATTRIBUTED_SHARE: MetricDefinition(
        "Share of guests",
        Unit.RATIO,
        "Revenue from charges that name no customer over the revenue of the period.",
        _CHARGES,
        TotalRule.RECOMPUTED,
        _BY_CHARGE,
    ),
    MetricName.ZERO_REVENUE_DAYS: MetricDefinition(
        "Days without revenue",
        Unit.COUNT,
        "The number of days on which no charge succeeded.",
        _CHARGES,
        TotalRule.SUM,
        _BY_CHARGE,
    ),
    MetricName.PAYOUTS_PAID: MetricDefinition(
        "Payouts paid",
        Unit.COUNT,
        "The number of payouts made in the period that reached the bank, in all currencies.",
        _PAYOUTS,
        TotalRule.SUM,
        _BY_CREATION,
    ),
    MetricName.PAYOUTS_FAILED: MetricDefinition(
        "Payouts failed",
        Unit.COUNT,
        "The number of payouts made in the period that failed, in all currencies.",
        _PAYOUTS,
        TotalRule.SUM,
        _BY_CREATION,
    ),
    MetricName.REVENUE_GROWTH_MONTH: MetricDefinition(
        "Growth on the month before",
        Unit.RATIO,
        "Revenue less that of the month before, over that of the month before; complete months "
        "only.",
        _CHARGES,
        TotalRule.NONE,
        "calendar month against the one before, by charge date",
    ),
    MetricName.REVENUE_GROWTH_YEAR: MetricDefinition(
        "Growth on the year before",
        Unit.RATIO,
        "Revenue less that of the same month a year earlier, over that; complete months only.",
        _CHARGES,
        TotalRule.NONE,
        "calendar month against the same one a year earlier, by charge date",
    ),
    MetricName.MONTHLY_VOLATILITY: MetricDefinition(
        "Monthly volatility",
        Unit.RATIO,
        "Standard deviation over mean of monthly net revenue after its trend is taken out; "
        "complete months only, 4 at least.",
        _LEDGER,
        TotalRule.NONE,
        "12 months to the end of the calendar month, by ledger date",
    ),
    MetricName.GROSS_RETENTION: MetricDefinition(
        "Gross revenue retention",
        Unit.RATIO,
        "What the customers of the same month a year earlier pay now, at most what they paid then, "
        "over what they paid then.",
        _SUBSCRIPTIONS,
        TotalRule.NONE,
        "end of the month against the same month a year earlier",
    ),
    MetricName.NET_RETENTION: MetricDefinition(
        "Net revenue retention",
        Unit.RATIO,
        "What the customers of the same month a year earlier pay now, over what they paid then.",
        _SUBSCRIPTIONS,
        TotalRule.NONE,
        "end of the month against the same month a year earlier",
    ),
    MetricName.CUSTOMER_CHURN: MetricDefinition(
        "Customer churn",
        Unit.RATIO,
        "Customers who paid at some time in the last 30 days and no longer do, over all who paid "
        "in them.",
        _SUBSCRIPTIONS,
        TotalRule.NONE,
        "30 days up to the end of the month",
    ),
}
