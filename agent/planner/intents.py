"""What a message asks for: one small frozen class an intent."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from agent.planner.periods import Period
from domain.metric_definitions import MetricName

Status = Literal["pending", "accepted", "dismissed"]
StatusFilter = Literal["pending", "accepted", "dismissed", "all"]
Priority = Literal["low", "medium", "high"]
Category = Literal["cash_flow", "risk", "revenue", "operations", "data"]
Extreme = Literal["highest", "lowest"]


@dataclass(frozen=True, slots=True)
class MetricQuestion:
    """Figures of one period; `period` None means all that is known.

    `share` is a percentage ("3") of the figure that is asked for as well; `portion_of` is the
    metric that the other one is asked for as a percentage of.
    """

    metrics: tuple[MetricName, ...]
    period: Period | None
    assumed: bool = False
    extreme: Extreme | None = None
    average: bool = False
    share: str | None = None
    portion_of: MetricName | None = None
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two periods side by side; `trimmed` when cut to the same number of complete months.

    `instead_of` is a period of the same name as one of them, passed over because it is not over.
    """

    metrics: tuple[MetricName, ...]
    older: Period
    newer: Period
    assumed: bool = False
    trimmed: bool = False
    instead_of: Period | None = None
    asks_why: bool = False
    ignored: tuple[str, ...] = ()


class Depth(StrEnum):
    """How much of the readiness score is asked for."""

    SCORE = "score"
    LOAN = "loan"
    TIERS = "tiers"
    EXPLANATION = "explanation"
    ADVICE = "advice"


@dataclass(frozen=True, slots=True)
class ReadinessQuestion:
    """The score, why it is what it is, or what to do; `remark` tells what cannot be answered."""

    depth: Depth
    remark: str = ""


@dataclass(frozen=True, slots=True)
class SupposedInput:
    """An input of the score and the value that it would have, as the tool takes it."""

    input: str
    value: str


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The score with other inputs, after more months like the last ones."""

    inputs: tuple[SupposedInput, ...] = ()
    more_months: int = 0
    payouts_enabled: bool | None = None


@dataclass(frozen=True, slots=True)
class WayToTier:
    """What would reach a tier; None: the one above the present one."""

    target: str | None


@dataclass(frozen=True, slots=True)
class FloorsQuestion:
    """Which funders' published floors are met; `funder` is part of the name of the one meant."""

    funder: str | None = None


@dataclass(frozen=True, slots=True)
class ScoreChangeQuestion:
    """Why the score is another one than it was."""


@dataclass(frozen=True, slots=True)
class ListRecommendations:
    """The recommendations of one status."""

    status: StatusFilter = "pending"


@dataclass(frozen=True, slots=True)
class CreateRecommendation:
    """A recommendation in the person's own words."""

    title: str
    category: Category
    priority: Priority


@dataclass(frozen=True, slots=True)
class Reference:
    """Which recommendation is meant; `ordinal` counts from 1, -1 is the last one."""

    ordinal: int | None = None
    identifier: str | None = None
    words: tuple[str, ...] = ()
    several: bool = False

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing says which one."""
        return self.ordinal is None and self.identifier is None and not self.words


@dataclass(frozen=True, slots=True)
class UpdateRecommendation:
    """A change to one recommendation among those of a status."""

    reference: Reference
    among: StatusFilter
    status: Status | None = None
    priority: Priority | None = None


class Ask(StrEnum):
    """A request that needs no details; the value is the tool that serves it."""

    RECOMPUTE = "recompute_readiness"
    SYNC = "trigger_stripe_sync"
    SYNC_STATUS = "get_sync_status"
    PROFILE = "get_business_profile"


@dataclass(frozen=True, slots=True)
class Calculation:
    """Arithmetic; the expression holds digits, operators and parentheses only."""

    expression: str


@dataclass(frozen=True, slots=True)
class Definition:
    """What metrics mean."""

    metrics: tuple[MetricName, ...]


@dataclass(frozen=True, slots=True)
class FutureQuestion:
    """A period that has not begun, or a forecast (None)."""

    period: Period | None


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Something that payments cannot tell, such as profit."""

    topic: str


@dataclass(frozen=True, slots=True)
class Clarify:
    """A question back, or the reason why nothing was done."""

    text: str


class Talk(StrEnum):
    """Messages that ask for no data."""

    GREETING = "greeting"
    THANKS = "thanks"
    HELP = "help"
    NOT_UNDERSTOOD = "not_understood"


Intent = (
    MetricQuestion
    | Comparison
    | ReadinessQuestion
    | WhatIf
    | WayToTier
    | FloorsQuestion
    | ScoreChangeQuestion
    | ListRecommendations
    | CreateRecommendation
    | UpdateRecommendation
    | Ask
    | Calculation
    | Definition
    | FutureQuestion
    | Unavailable
    | Clarify
    | Talk
)
