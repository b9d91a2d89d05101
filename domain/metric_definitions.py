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
    """One metric's meaning: `summable` is how several months make a total."""

    label: str
    unit: Unit
    definition: str
    source: str
    summable: TotalRule


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
    ),
    MetricName.NET_REVENUE: MetricDefinition(
        "Net revenue",
        Unit.MONEY,
        "Charges less refunds and dispute withdrawals, plus dispute reversals, before fees.",
        _LEDGER,
        TotalRule.SUM,
    ),
    MetricName.AVERAGE_CHARGE: MetricDefinition(
        "Average charge",
        Unit.MONEY,
        "Revenue divided by the number of successful charges.",
        _CHARGES,
        TotalRule.RECOMPUTED,
    ),
    MetricName.CHARGE_COUNT: MetricDefinition(
        "Charges", Unit.COUNT, "The number of successful charges.", _CHARGES, TotalRule.SUM
    ),
    MetricName.REFUND_AMOUNT: MetricDefinition(
        "Refunds", Unit.MONEY, "The amount refunded, by refund date.", _REFUNDS, TotalRule.SUM
    ),
    MetricName.REFUND_COUNT: MetricDefinition(
        "Refund count",
        Unit.COUNT,
        "The number of refunds, by refund date.",
        _REFUNDS,
        TotalRule.SUM,
    ),
    MetricName.REFUND_RATIO: MetricDefinition(
        "Refund ratio",
        Unit.RATIO,
        "Refunds made in the period over successful charges in the period, both counted.",
        _REFUNDS,
        TotalRule.RECOMPUTED,
    ),
    MetricName.CHARGEBACK_AMOUNT: MetricDefinition(
        "Chargebacks", Unit.MONEY, "The amount disputed, by dispute date.", _DISPUTES, TotalRule.SUM
    ),
    MetricName.CHARGEBACK_COUNT: MetricDefinition(
        "Chargeback count",
        Unit.COUNT,
        "The number of disputes, by dispute date, without inquiries.",
        _DISPUTES,
        TotalRule.SUM,
    ),
    MetricName.CHARGEBACK_RATIO: MetricDefinition(
        "Chargeback ratio",
        Unit.RATIO,
        "Disputes opened in the period over successful charges in the period, both counted.",
        _DISPUTES,
        TotalRule.RECOMPUTED,
    ),
    MetricName.FEES: MetricDefinition(
        "Fees", Unit.MONEY, "The fees that Stripe took, by ledger date.", _LEDGER, TotalRule.SUM
    ),
    MetricName.MRR: MetricDefinition(
        "Monthly recurring revenue",
        Unit.MONEY,
        "The monthly value of active and past-due subscriptions, without trials, taxes and metered "
        "plans; over several months, that of the last one.",
        "Stripe subscriptions (docs.stripe.com/billing/subscriptions/analytics/glossary)",
        TotalRule.LAST,
    ),
    MetricName.REVENUE_VOLATILITY: MetricDefinition(
        "Revenue volatility",
        Unit.RATIO,
        "Standard deviation over mean of daily revenue across all days of the period.",
        _CHARGES,
        TotalRule.NONE,
    ),
    MetricName.ACTIVE_CUSTOMERS: MetricDefinition(
        "Active customers",
        Unit.COUNT,
        "The number of different customers with a successful charge; guests are not counted.",
        _CHARGES,
        TotalRule.NONE,
    ),
}
