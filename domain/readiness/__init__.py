"""Readiness: how a lender who sees only the payments would judge the business.

`inputs_from_months` measures, `assess` scores, `explain` tells. Model `readiness-2`.
"""

from domain.readiness.assessment import (
    Assessment,
    Cap,
    CapKind,
    ComponentScore,
    DropKind,
    DroppedComponent,
)
from domain.readiness.explain import components_flat, explain, summary
from domain.readiness.history import AccountFacts, complete_months, inputs_from_months
from domain.readiness.inputs import (
    GrowthBasis,
    Measurement,
    ReadinessInputs,
    hash_inputs,
    with_values,
)
from domain.readiness.model import (
    MODEL_VERSION,
    NOT_ASSESSED,
    STALE_AFTER_DAYS,
    TIER_THRESHOLDS,
    ComponentKey,
    Tier,
)
from domain.readiness.scoring import assess, tier_for, what_if

__all__ = [
    "MODEL_VERSION",
    "NOT_ASSESSED",
    "STALE_AFTER_DAYS",
    "TIER_THRESHOLDS",
    "AccountFacts",
    "Assessment",
    "Cap",
    "CapKind",
    "ComponentKey",
    "ComponentScore",
    "DropKind",
    "DroppedComponent",
    "GrowthBasis",
    "Measurement",
    "ReadinessInputs",
    "Tier",
    "assess",
    "complete_months",
    "components_flat",
    "explain",
    "hash_inputs",
    "inputs_from_months",
    "summary",
    "tier_for",
    "what_if",
    "with_values",
]
