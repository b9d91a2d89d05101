"""The scoring model `readiness-2` as data: weights, curves, caps, evidence and tiers.

The score is the smaller of a weighted mean of component scores and of continuous caps. A plain
mean forgives one fatal weakness, which a lender does not; a cap makes it bind. Every curve and cap
is piecewise linear without steps, so that a small change of an input is a small change of the
score. To change a number here is to make a new model: give it a new `MODEL_VERSION`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from math import log10

MODEL_VERSION = "readiness-2"


class ComponentKey(StrEnum):
    """What the score is made of; the names are those of the fields of `ReadinessInputs`."""

    SCALE = "scale"
    HISTORY = "history"
    GROWTH = "growth"
    STABILITY = "stability"
    DISPUTES = "disputes"
    REFUNDS = "refunds"
    PAYMENTS = "payments"
    CONCENTRATION = "concentration"
    RETENTION = "retention"
    PAYOUTS = "payouts"


class InputUnit(StrEnum):
    """How an input's number is to be read."""

    MONEY = "money"
    MONTHS = "months"
    RATIO = "ratio"


class Tier(StrEnum):
    """What the score says in a word, lowest first."""

    NOT_READY = "not_ready"
    NEEDS_WORK = "needs_work"
    FUNDING_READY = "funding_ready"
    HIGHLY_ATTRACTIVE = "highly_attractive"


@dataclass(frozen=True, slots=True)
class Curve:
    """Piecewise linear points (input, 0 to 100), flat outside; `log`: linear in log10(input)."""

    points: tuple[tuple[float, float], ...]
    log: bool = False

    def at(self, value: float) -> float:
        """Return the curve's points at the value."""
        left, right = self.segment(value)
        if left == right:
            return left[1]
        start, end, x = left[0], right[0], value
        if self.log:
            start, end, x = log10(start), log10(end), log10(value)
        return left[1] + (right[1] - left[1]) * (x - start) / (end - start)

    def segment(self, value: float) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return the two points around the value; twice the end point beyond an end."""
        if value <= self.points[0][0]:
            return self.points[0], self.points[0]
        for left, right in pairwise(self.points):
            if value < right[0]:
                return left, right
        return self.points[-1], self.points[-1]


@dataclass(frozen=True, slots=True)
class ComponentSpec:
    """One component: its weight of 100, its curve, and how much evidence counts as half.

    With n observations the evidence is n / (n + `evidence_half`); the rest of the component counts
    as a neutral 50. `evidence_half` None: the input is complete by itself. `neutral_share` is the
    share of bad cases, such as disputes, whose points are the neutral 50: beyond it the cases are
    what counts, not the observations.
    """

    key: ComponentKey
    label: str
    weight: int
    curve: Curve
    evidence_half: int | None
    unit: InputUnit
    source: str
    neutral_share: float | None = None


class ActsOn(StrEnum):
    """What a cap's curve is read at.

    MEASURED: the value itself. PROVEN_SHARE: the least share that the observations prove, so that
    one bad payment among few is no verdict. PROVEN_REST: one less the least proven loss.
    """

    MEASURED = "measured"
    PROVEN_SHARE = "proven_share"
    PROVEN_REST = "proven_rest"


@dataclass(frozen=True, slots=True)
class CapSpec:
    """The highest score that one input allows."""

    key: ComponentKey
    curve: Curve
    source: str
    acts_on: ActsOn = ActsOn.MEASURED


NEUTRAL = 50.0

# Only a business that lives on subscriptions has retention worth scoring: below the first share of
# recurring revenue the component is dropped, and its weight grows to the full one at the second,
# so that crossing the line does not make the score jump.
RECURRING_FROM = 0.30
RECURRING_FULL = 0.40

# Nobody calls a business highly attractive without knowing its size: one whose currency has no
# stated exchange rate stays one point below that tier.
UNKNOWN_SCALE_LIMIT = 79.0

# A score from older data would be about another business.
STALE_AFTER_DAYS = 7
# An account that cannot be paid out cannot be funded: it stays below needs_work.
PAYOUTS_DISABLED_LIMIT = 39.0

TIER_THRESHOLDS: dict[Tier, int] = {
    Tier.NOT_READY: 0,
    Tier.NEEDS_WORK: 40,
    Tier.FUNDING_READY: 60,
    Tier.HIGHLY_ATTRACTIVE: 80,
}
# Monthly recomputes of a steady shop vary by 1.2 to 3.2 points; a tier is lost only beyond that.
TIER_HYSTERESIS = 2.5
HIGHLY_ATTRACTIVE_CONFIDENCE = 0.7

# Payments say nothing about these; every score says so.
NOT_ASSESSED = (
    "debt",
    "cash",
    "collateral",
    "profit",
    "debt service coverage",
    "revenue outside Stripe",
)

_OWN_JUDGEMENT = "No funder publishes a threshold; the curve is this model's own judgement."

COMPONENTS: tuple[ComponentSpec, ...] = (
    ComponentSpec(
        ComponentKey.SCALE,
        "Revenue scale",
        14,
        Curve(
            (
                (100, 0),
                (1_000, 20),
                (5_000, 45),
                (10_000, 60),
                (15_000, 70),
                (25_000, 80),
                (100_000, 95),
                (250_000, 100),
            ),
            log=True,
        ),
        None,
        InputUnit.MONEY,
        "Stripe Capital: 1,000 USD a month on average over 3 months (docs.stripe.com/capital); "
        "Clearco: 10,000 USD a month (clear.co/faq).",
    ),
    ComponentSpec(
        ComponentKey.HISTORY,
        "History",
        10,
        Curve(((0, 0), (3, 35), (6, 60), (12, 80), (24, 100))),
        None,
        InputUnit.MONTHS,
        "Stripe Capital: at least 3 months in the US, 6 in the UK (docs.stripe.com/capital"
        "/eligibility); Clearco: 12 (clear.co/faq).",
    ),
    ComponentSpec(
        ComponentKey.GROWTH,
        "Growth",
        13,
        Curve(
            (
                (-0.50, 0),
                (-0.30, 10),
                (-0.10, 35),
                (0.0, 50),
                (0.10, 62),
                (0.25, 78),
                (0.50, 92),
                (1.00, 100),
            ),
        ),
        6,
        InputUnit.RATIO,
        "Stripe Capital names growth as a factor (docs.stripe.com/capital).",
    ),
    ComponentSpec(
        ComponentKey.STABILITY,
        "Stability",
        15,
        Curve(
            ((0.05, 100), (0.15, 90), (0.25, 75), (0.35, 60), (0.50, 40), (0.75, 15), (1.0, 0)),
        ),
        6,
        InputUnit.RATIO,
        "Stripe Capital: a steady processing record with limited periods of low or zero volume "
        "(docs.stripe.com/capital).",
    ),
    ComponentSpec(
        ComponentKey.DISPUTES,
        "Disputes",
        13,
        Curve(((0.0, 100), (0.003, 85), (0.005, 70), (0.0075, 45), (0.010, 25), (0.015, 0))),
        300,
        InputUnit.RATIO,
        "Measured as the networks do (docs.stripe.com/disputes/measuring); Visa VAMP and "
        "Mastercard ECM act at 1.5 %.",
        neutral_share=0.007,
    ),
    ComponentSpec(
        ComponentKey.REFUNDS,
        "Refunds",
        7,
        Curve(((0.02, 100), (0.05, 80), (0.10, 50), (0.20, 15), (0.30, 0))),
        100,
        InputUnit.RATIO,
        _OWN_JUDGEMENT,
        neutral_share=0.10,
    ),
    ComponentSpec(
        ComponentKey.PAYMENTS,
        "Payment success",
        6,
        Curve(((0.03, 100), (0.05, 90), (0.10, 60), (0.20, 20), (0.30, 0))),
        100,
        InputUnit.RATIO,
        "Shopify Capital names failed billing attempts (help.shopify.com).",
        neutral_share=0.125,
    ),
    ComponentSpec(
        ComponentKey.CONCENTRATION,
        "Customer concentration",
        9,
        Curve(((0.10, 100), (0.20, 80), (0.25, 65), (0.35, 40), (0.50, 10), (0.75, 0))),
        None,
        InputUnit.RATIO,
        "Lenders call a largest customer below 20 % low, above 25 % a question and above 50 % "
        "high (guides to SBA lending).",
    ),
    ComponentSpec(
        ComponentKey.RETENTION,
        "Retention",
        9,
        Curve(((0.40, 0), (0.50, 10), (0.70, 40), (0.80, 60), (0.90, 85), (0.95, 100))),
        12,
        InputUnit.RATIO,
        "SaaS Capital's benchmark: 91 to 93 % gross revenue retention.",
        neutral_share=0.25,
    ),
    ComponentSpec(
        ComponentKey.PAYOUTS,
        "Payouts",
        4,
        Curve(((0.0, 100), (0.02, 50), (0.05, 20), (0.10, 0))),
        8,
        InputUnit.RATIO,
        _OWN_JUDGEMENT,
        neutral_share=0.02,
    ),
)
SPECS: dict[ComponentKey, ComponentSpec] = {spec.key: spec for spec in COMPONENTS}

CAPS: tuple[CapSpec, ...] = (
    CapSpec(
        ComponentKey.HISTORY,
        Curve(((0, 20), (3, 45), (6, 70), (12, 100))),
        "Funders open at 3, 6 and 12 months: Stripe Capital US and UK (docs.stripe.com/capital"
        "/eligibility), Clearco (clear.co/faq).",
    ),
    CapSpec(
        ComponentKey.SCALE,
        Curve(((0, 20), (1_000, 45), (5_000, 70), (10_000, 100))),
        "Floors of Stripe Capital at 1,000 USD a month (docs.stripe.com/capital) and of Clearco at"
        " 10,000 (clear.co/faq).",
    ),
    CapSpec(
        ComponentKey.GROWTH,
        Curve(((-1.0, 10), (-0.50, 39), (-0.25, 59), (-0.10, 100))),
        "A year's advance outlives the revenue that repays it; the limits are this model's own"
        " judgement.",
    ),
    CapSpec(
        ComponentKey.STABILITY,
        Curve(((0.75, 100), (1.0, 59), (1.75, 39))),
        "Stripe Capital: limited periods of low or zero volume (docs.stripe.com/capital). 100 % is"
        " every other month empty, 173 % three of four.",
    ),
    CapSpec(
        ComponentKey.DISPUTES,
        Curve(((0.005, 100), (0.0075, 59), (0.015, 39), (0.03, 20))),
        "0.75 % is generally called excessive; Visa VAMP and Mastercard ECM act at 1.5 %,"
        " Mastercard HECM at 3 %.",
        ActsOn.PROVEN_SHARE,
    ),
    CapSpec(
        ComponentKey.CONCENTRATION,
        Curve(((0.35, 100), (0.50, 59), (0.75, 39))),
        "Lenders call a largest customer above 50 % high (guides to SBA lending).",
    ),
    CapSpec(
        ComponentKey.PAYMENTS,
        Curve(((0.15, 100), (0.25, 59), (0.40, 39))),
        _OWN_JUDGEMENT,
        ActsOn.PROVEN_SHARE,
    ),
    CapSpec(
        ComponentKey.REFUNDS,
        Curve(((0.15, 100), (0.25, 59), (0.40, 39))),
        _OWN_JUDGEMENT,
        ActsOn.PROVEN_SHARE,
    ),
    CapSpec(
        ComponentKey.RETENTION,
        Curve(((0.30, 39), (0.60, 59), (0.80, 100))),
        "A book of subscriptions that halves in a year does not carry an advance over it; the"
        " limits are this model's own judgement beside SaaS Capital's 91 to 93 %.",
        ActsOn.PROVEN_REST,
    ),
)
