"""What an assessment is made of."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from domain.readiness.model import MODEL_VERSION, NOT_ASSESSED, ComponentKey, InputUnit, Tier


class DropKind(StrEnum):
    """Why a component was left out: each asks for something else from the person."""

    NOT_APPLICABLE = "not_applicable"
    TOO_LITTLE_DATA = "too_little_data"
    NOT_READ = "not_read"
    NO_EXCHANGE_RATE = "no_exchange_rate"


class CapKind(StrEnum):
    """Whether a limit moves with its input or stops the score outright."""

    CAP = "cap"
    HARD_STOP = "hard_stop"


@dataclass(frozen=True, slots=True)
class ComponentScore:
    """One component as scored.

    `weight` is the model's, `effective_weight` what it counts here once dropped ones are gone; the
    effective weights add up to 100. `evidence` (0 to 1) is how much the data counts against a
    neutral 50, `curve_points` (0 to 100) what the curve alone says, `curve` the curve's points
    around the value, and `score` (0 to 1) both together. `points` and `points_lost` add up to
    `effective_weight`.
    """

    key: ComponentKey
    label: str
    unit: InputUnit
    weight: int
    effective_weight: float
    value: Decimal
    display: str
    n: int
    window: str
    evidence: float
    curve_points: float
    curve: tuple[tuple[float, float], ...]
    score: float
    points: float
    points_lost: float
    reason: str
    source: str


@dataclass(frozen=True, slots=True)
class DroppedComponent:
    """A component that could not be scored; its weight went to the others."""

    key: ComponentKey
    label: str
    kind: DropKind
    reason: str


@dataclass(frozen=True, slots=True)
class Cap:
    """A limit (0 to 100) on the score; `binds` when the score is held by this one.

    `acts_on` is the value that sets the limit, as a person reads it: the measured one or the part
    of it that is proven. `source` says where the limit's thresholds come from.
    """

    key: ComponentKey
    label: str
    kind: CapKind
    limit: float
    binds: bool
    reason: str
    acts_on: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Assessment:
    """A computed readiness score with everything it rests on.

    `uncapped` is the weighted mean, the sum of the components' points; `exact` the smaller of it
    and the caps; `score` is `exact` rounded down, so that no shown score reaches a tier's line that
    the business has not. Both are None when `stale` says why there is no number. `confidence` (0 to
    1) is the weighted mean of the assessed components' evidence times the share of the applicable
    weight that could be assessed.
    """

    score: int | None
    exact: float | None
    uncapped: float
    tier: Tier
    confidence: float
    components: tuple[ComponentScore, ...]
    dropped: tuple[DroppedComponent, ...]
    caps: tuple[Cap, ...]
    stale: str | None
    inputs_hash: str
    not_assessed: tuple[str, ...] = NOT_ASSESSED
    model_version: str = MODEL_VERSION

    @property
    def binding(self) -> Cap | None:
        """The limit that holds the score, if one does."""
        return next((cap for cap in self.caps if cap.binds), None)

    def component(self, key: ComponentKey) -> ComponentScore | None:
        """Return the component's score, or None if it was dropped."""
        return next((part for part in self.components if part.key is key), None)
