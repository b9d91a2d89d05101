"""The readiness score as every caller gets it; numbers that are not whole are strings."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer

from domain.readiness import MODEL_VERSION, NOT_ASSESSED, TIER_THRESHOLDS, Tier


class _Part(BaseModel):
    # What a model version tells beyond these fields is stored with the score and passed on.
    model_config = ConfigDict(frozen=True, extra="allow")


class Binding(_Part):
    """The limit that holds the score; `kind` is cap or hard_stop."""

    kind: str
    component: str
    limit: str


class ComponentBrief(_Part):
    """What a component earns of its weight here, and the value it rests on."""

    component: str
    label: str
    points: str
    weight: int | float
    value: str
    display: str


class ComponentDetail(ComponentBrief):
    """A component with its reason; `score` goes from 0 to 1."""

    score: str
    points_lost: str
    window: str
    n: str
    source: str
    reason: str


class CapView(_Part):
    """A limit below 100 on the score."""

    component: str
    label: str
    kind: str
    limit: str
    binds: bool
    reason: str


class DroppedView(_Part):
    """A component that could not be scored."""

    component: str
    label: str
    reason: str


class NextTier(_Part):
    """What the next tier needs."""

    tier: str
    points_needed: str
    confidence_needed: str | None = None


class LastScore(_Part):
    """The score that was true when the data was last fresh."""

    score: int
    tier: str
    computed_at: datetime


class ReadinessResult(BaseModel):
    """The score and what it rests on in short.

    When the data is too old, `stale` says so, `score`, `tier`, `confidence` and `computed_at` are
    None, and `last_score` is the one before; otherwise those two fields are left out.
    """

    model_config = ConfigDict(frozen=True)

    score: int | None
    tier: str | None
    confidence: str | None
    computed_at: datetime | None
    as_of: datetime | None
    model_version: str
    binding: Binding | None
    not_assessed: list[str]
    strongest: list[ComponentBrief]
    weakest: list[ComponentBrief]
    stale: str | None = None
    last_score: LastScore | None = None

    @model_serializer(mode="wrap")
    def _without_staleness_if_fresh(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        content: dict[str, Any] = handler(self)
        for name in ("stale", "last_score"):
            if content[name] is None:
                del content[name]
        return content


class ReadinessExplanation(ReadinessResult):
    """The score with every component, limit and the way to the next tier."""

    uncapped: str | None = None
    components: list[ComponentDetail]
    caps: list[CapView]
    dropped: list[DroppedView]
    tier_thresholds: dict[str, int]
    next_tier: NextTier | None


class RecomputedReadiness(ReadinessResult):
    """A score just computed, and the one before it."""

    previous_score: int | None


class ScorePoint(_Part):
    """One computation in the history of the score."""

    score: int
    tier: str
    confidence: str
    computed_at: datetime
    as_of: datetime | None
    model_version: str


def stale_content(
    stale: str | None, data_as_of: datetime | None, last: LastScore | None
) -> dict[str, Any]:
    """Return the fields of a result that has no score, for the reason given."""
    unknown = ("score", "tier", "confidence", "computed_at", "binding", "next_tier")
    empty = ("strongest", "weakest", "components", "caps", "dropped")
    return {
        **dict.fromkeys(unknown),
        **{name: [] for name in empty},
        "as_of": data_as_of,
        "model_version": MODEL_VERSION,
        "not_assessed": list(NOT_ASSESSED),
        "tier_thresholds": {
            tier.value: line for tier, line in TIER_THRESHOLDS.items() if tier is not Tier.NOT_READY
        },
        "stale": stale,
        "last_score": last,
    }
