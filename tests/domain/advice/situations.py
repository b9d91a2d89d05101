"""Situations for each rule, by the one value that its threshold is compared with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from domain.advice import NO_SIGNALS, DisputeRecord, Signals, SubscriptionPayments
from domain.metrics import MonthMetrics
from domain.readiness import ReadinessInputs
from tests.domain.months import GOOD, LAST, good_but, history_of, measured, month_of

STEADY = history_of([3_000_000] * 30)


@dataclass(frozen=True)
class Situation:
    """What a rule looks at."""

    inputs: ReadinessInputs = GOOD
    months: tuple[MonthMetrics, ...] = tuple(STEADY)
    signals: Signals = NO_SIGNALS


Build = Callable[[str], Situation]


@dataclass(frozen=True)
class Line:
    """A rule's threshold by hand: values that open it, leave it, hold it open, and clear it.

    `held` are the values that the open recommendation was last given for. `band` is empty where a
    count or a flag leaves no room between the lines.
    """

    rule: str
    build: Build
    opens: tuple[str, ...]
    leaves: tuple[str, ...]
    band: tuple[str, ...]
    clears: tuple[str, ...]
    held: tuple[tuple[str, str], ...] = ()


def inputs_of(component: str, n: int = 1000, **more: Any) -> Build:
    """Return what makes the situation in which one component has the value."""
    return lambda value: Situation(good_but(**{component: measured(value, n)}, **more))


def with_signals(build: Callable[[str], Signals], inputs: ReadinessInputs = GOOD) -> Build:
    """Return what makes the situation in which the signals depend on the value."""
    return lambda value: Situation(inputs, signals=build(value))


def _disputed(activity: str, disputes: int = 6) -> Situation:
    months = history_of([3_000_000] * 30, charges=400, disputes=disputes // 3)
    return Situation(good_but(disputes=measured(activity, 1200)), tuple(months))


def _fraud(share: str) -> Signals:
    fraud = round(Decimal(share) * 1000)
    return Signals(disputes=DisputeRecord({"fraudulent": fraud, "general": 1000 - fraud}))


def _answered(rate: str) -> Signals:
    answered = round(Decimal(rate) * 1000)
    return Signals(disputes=DisputeRecord({"general": 1000}, 1000, answered, 500, 500))


def _won(rate: str) -> Signals:
    won = round(Decimal(rate) * 1000)
    return Signals(disputes=DisputeRecord({"general": 1000}, 1000, 1000, won, 1000 - won))


def _spike(ratio: str) -> Situation:
    usual = history_of([970_000] * 29, last=LAST.plus(-1), refund_minor=30_000)
    refund = int(Decimal(ratio) * 1_000_000)
    last = month_of(LAST, 1_000_000 - refund, refund_minor=refund)
    return Situation(months=(*usual, last))


def _unpaid(rate: str) -> Signals:
    return Signals(subscriptions=SubscriptionPayments(10_000, round(Decimal(rate) * 10_000)))


def _empty(share: str) -> Signals:
    empty = round(Decimal(share) * 1000)
    return Signals(
        declines_by_code={"insufficient_funds": empty, "do_not_honor": 1000 - empty},
        subscriptions=SubscriptionPayments(5000, 0),
    )


def _seasonal(variation: str) -> Situation:
    year = [100, 100, 100, 100, 100, 100, 100, 100, 100, 300, 900, 1200]
    months = history_of([net * 1000 for net in year * 2])
    return Situation(good_but(stability=measured(variation, 12)), tuple(months))


def _confident(score: str) -> Situation:
    # Concentration's cap is linear from 35 % (100) over 50 % (59) to 75 % (39).
    wanted = Decimal(score)
    if wanted >= 59:
        share = Decimal("0.35") + (100 - wanted) / 41 * Decimal("0.15")
    else:
        share = Decimal("0.50") + (59 - wanted) / 20 * Decimal("0.25")
    return Situation(good_but(concentration=measured(str(share))))


LIVES_ON_PLANS = good_but(recurring_share=Decimal(1), retention=measured("0.95", 100))

LINES: tuple[Line, ...] = (
    Line(
        "disputes_reduce",
        _disputed,
        ("0.005", "0.005001"),
        ("0.004999",),
        ("0.004999", "0.0046"),
        ("0.0045", "0.001"),
    ),
    Line(
        "disputes_fraud_3ds",
        with_signals(_fraud),
        ("0.5", "0.501"),
        ("0.499",),
        ("0.499", "0.451"),
        ("0.45", "0.1"),
    ),
    Line(
        "disputes_evidence",
        with_signals(_answered),
        ("0.599", "0.1"),
        ("0.6", "0.601"),
        ("0.6", "0.659"),
        ("0.66", "0.9"),
    ),
    Line(
        "disputes_evidence",
        with_signals(_won),
        ("0.199", "0.1"),
        ("0.2", "0.201"),
        ("0.2", "0.219"),
        ("0.22", "0.9"),
    ),
    Line(
        "efw_refund",
        with_signals(lambda count: Signals(warnings_actionable=int(count))),
        ("1", "2"),
        ("0",),
        (),
        ("0",),
    ),
    Line(
        "refunds_rootcause",
        inputs_of("refunds"),
        ("0.08", "0.0801"),
        ("0.0799",),
        ("0.0799", "0.0721"),
        ("0.072", "0.02"),
    ),
    Line(
        "refund_spike",
        _spike,
        ("0.0601", "0.07"),
        ("0.06", "0.0599"),
        ("0.06", "0.0541"),
        ("0.054", "0.03"),
    ),
    Line(
        "dunning",
        with_signals(_unpaid),
        ("0.08", "0.0801"),
        ("0.0799",),
        ("0.0799", "0.0721"),
        ("0.072", "0"),
    ),
    Line(
        "insufficient_funds_timing",
        with_signals(_empty),
        ("0.4", "0.401"),
        ("0.399",),
        ("0.399", "0.361"),
        ("0.36", "0"),
    ),
    Line(
        "diversify",
        inputs_of("concentration"),
        ("0.25", "0.2501"),
        ("0.2499",),
        ("0.2499", "0.2251"),
        ("0.225", "0.05"),
    ),
    Line(
        "diversify",
        with_signals(lambda hhi: Signals(hhi=Decimal(hhi))),
        ("1800", "1801"),
        ("1799",),
        ("1799", "1621"),
        ("1620", "100"),
    ),
    Line(
        "annual_plans",
        with_signals(
            lambda share: Signals(monthly_plan_share=Decimal(share), monthly_churn=Decimal("0.05"))
        ),
        ("0.9001", "1"),
        ("0.9", "0.8999"),
        ("0.9", "0.8101"),
        ("0.81", "0"),
    ),
    Line(
        "annual_plans",
        with_signals(
            lambda churn: Signals(monthly_plan_share=Decimal(1), monthly_churn=Decimal(churn))
        ),
        ("0.0301", "0.2"),
        ("0.03", "0.0299"),
        ("0.03", "0.0271"),
        ("0.027", "0"),
    ),
    Line(
        "churn_reduce",
        inputs_of("retention", recurring_share=Decimal(1)),
        ("0.8499", "0.5"),
        ("0.85", "0.8501"),
        ("0.85", "0.9349"),
        ("0.935", "1"),
    ),
    Line(
        "expansion",
        with_signals(lambda net: Signals(net_retention=Decimal(net)), LIVES_ON_PLANS),
        ("0.9999", "0.95"),
        ("1", "1.0001"),
        ("1", "1.0999"),
        ("1.1", "1.3"),
    ),
    Line(
        "smooth_revenue",
        inputs_of("stability", 12),
        ("0.35", "0.3501"),
        ("0.3499",),
        ("0.3499", "0.3151"),
        ("0.315", "0.1"),
    ),
    Line(
        "seasonality_brief",
        _seasonal,
        ("0.35", "0.3501"),
        ("0.3499",),
        ("0.3499", "0.3151"),
        ("0.315", "0.1"),
    ),
    Line(
        "growth_stall",
        inputs_of("growth", 15),
        ("-0.0001", "-0.0999"),
        ("0", "0.0001", "-0.1"),
        ("0", "0.0099"),
        ("0.01", "0.3", "-0.1"),
    ),
    Line(
        "decline_plan",
        inputs_of("growth", 15),
        ("-0.1", "-0.1001"),
        ("-0.0999",),
        ("-0.0999", "-0.0901"),
        ("-0.09", "0.1"),
    ),
    Line("wait_history", inputs_of("history"), ("5", "0"), ("6", "7"), (), ("6", "30")),
    Line(
        "reach_floor",
        inputs_of("scale"),
        ("9999.99", "1000"),
        ("10000", "10000.01"),
        ("10000", "10999.99"),
        ("11000", "30000"),
        held=(("funder", "Clearco"),),
    ),
    Line(
        "payout_fix",
        with_signals(lambda count: Signals(payouts_failed=int(count))),
        ("1", "3"),
        ("0",),
        (),
        ("0",),
    ),
    Line(
        "data_complete",
        lambda share: Situation(good_but(unattributed_share=Decimal(share))),
        ("0.3001", "0.9"),
        ("0.3", "0.2999"),
        ("0.3", "0.2701"),
        ("0.27", "0"),
        held=(("gaps", "unattributed_share"),),
    ),
    Line(
        "verify_account",
        with_signals(lambda count: Signals(requirements_due=int(count))),
        ("1", "4"),
        ("0",),
        (),
        ("0",),
    ),
    Line(
        "fund_pack",
        _confident,
        ("60.01", "70"),
        ("59.99", "50"),
        ("59.99", "57.51"),
        ("57.49", "50"),
    ),
)


def unknown() -> dict[str, Situation]:
    """Return for each rule a business of which all is known but what that rule needs."""
    blind = Situation()
    without = {
        "disputes_reduce": Situation(good_but(disputes=None)),
        "refunds_rootcause": Situation(good_but(refunds=None)),
        "refund_spike": Situation(months=tuple(STEADY[-6:])),
        "diversify": Situation(good_but(concentration=None), signals=Signals(hhi=Decimal(5000))),
        "churn_reduce": Situation(good_but(retention=None, recurring_share=Decimal(1))),
        "expansion": Situation(LIVES_ON_PLANS),
        "smooth_revenue": Situation(good_but(stability=None)),
        "seasonality_brief": replace(_seasonal("0.8"), months=tuple(STEADY[-23:])),
        "growth_stall": Situation(good_but(growth=None)),
        "decline_plan": Situation(good_but(growth=None)),
        "wait_history": Situation(good_but(history=None)),
        "reach_floor": Situation(good_but(scale=None)),
        "payout_fix": Situation(good_but(payouts_enabled=None)),
        "fund_pack": Situation(good_but(key_revoked=True)),
    }
    names = {line.rule for line in LINES} - {"data_complete"}
    return {name: without.get(name, blind) for name in sorted(names)}
