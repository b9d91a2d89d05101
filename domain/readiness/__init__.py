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
from domain.readiness.difference import (
    CapChange,
    CapEffect,
    ComponentChange,
    Difference,
    InputChange,
    changed_inputs,
    difference,
    shown_parts,
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
from domain.readiness.paths import Path, Paths, Step, Wait, cheapest_paths
from domain.readiness.scoring import assess, tier_for, what_if
from domain.readiness.simulation import (
    MOST_MONTHS,
    Changes,
    Simulation,
    changed,
    more_months,
    range_of,
    simulate,
)
from domain.readiness.stored_inputs import inputs_from_json, inputs_to_json

__all__ = [
    "MODEL_VERSION",
    "MOST_MONTHS",
    "NOT_ASSESSED",
    "STALE_AFTER_DAYS",
    "TIER_THRESHOLDS",
    "AccountFacts",
    "Assessment",
    "Cap",
    "CapChange",
    "CapEffect",
    "CapKind",
    "Changes",
    "ComponentChange",
    "ComponentKey",
    "ComponentScore",
    "Difference",
    "DropKind",
    "DroppedComponent",
    "GrowthBasis",
    "InputChange",
    "Measurement",
    "Path",
    "Paths",
    "ReadinessInputs",
    "Simulation",
    "Step",
    "Tier",
    "Wait",
    "assess",
    "changed",
    "changed_inputs",
    "cheapest_paths",
    "complete_months",
    "components_flat",
    "difference",
    "explain",
    "hash_inputs",
    "inputs_from_json",
    "inputs_from_months",
    "inputs_to_json",
    "more_months",
    "range_of",
    "shown_parts",
    "simulate",
    "summary",
    "tier_for",
    "what_if",
    "with_values",
]
