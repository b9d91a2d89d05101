"""The JSON that the tools answer with, typed as far as the planner tells it."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.planner.transcript import ToolAnswer
from domain.errors import VaultraError
from domain.metric_definitions import METRICS, MetricName, TotalRule

# Far more digits than any amount has; keeps arithmetic on it within exact bounds.
Exact = Annotated[Decimal, Field(max_digits=60)]


class ToolAnswerError(VaultraError):
    """A tool did not answer as it should. Try again in a minute."""

    code = "tool_answer"


class Result(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Figure(Result):
    """One number with its period; `value` None comes with a reason."""

    metric: str
    label: str
    value: Exact | None = None
    unit: Literal["money", "ratio", "count"]
    currency: str | None = None
    period_start: date
    period_end: date
    month_to_date: bool = False
    as_of: datetime | None = None
    missing_reason: str | None = None

    @property
    def rule(self) -> TotalRule:
        """How the metric of several months is formed."""
        try:
            return METRICS[MetricName(self.metric)].summable
        except ValueError:
            return TotalRule.NONE


class MonthFigures(Result):
    """The figures of one month."""

    month: str
    month_to_date: bool = False
    figures: list[Figure] = []


class Snapshots(Result):
    """What `query_snapshots` answers."""

    as_of: datetime | None = None
    stale: bool = False
    months: list[MonthFigures] = []
    totals: list[Figure] = []
    missing_months: list[str] = []

    @property
    def overall(self) -> list[Figure]:
        """The figures of the whole period, one a metric."""
        return self.months[0].figures if len(self.months) == 1 else self.totals

    def column(self, metric: str) -> list[Figure]:
        """Return the metric's figures of the months that have one."""
        figures = (figure for month in self.months for figure in month.figures)
        return [f for f in figures if f.metric == metric and f.value is not None]


class PeriodComparison(Result):
    """What `compare_periods` answers; `change` is second less first."""

    metric: str
    first: Figure
    second: Figure
    change: Exact | None = None
    change_ratio: Exact | None = None
    as_of: datetime | None = None


class Binding(Result):
    """What holds the score where it is."""

    kind: str = "cap"
    component: str
    limit: Exact


class ComponentPoints(Result):
    """A component's points of the weight it has."""

    component: str
    label: str
    points: Exact
    weight: Exact
    display: str | None = None


class LastScore(Result):
    """The score that was true when the data was last fresh."""

    score: int
    tier: str


class Readiness(Result):
    """What `get_readiness` and `recompute_readiness` answer; without a score, `stale` says why."""

    score: int | None
    tier: str | None
    stale: str | None = None
    last_score: LastScore | None = None
    confidence: Exact | None = None
    computed_at: datetime | None = None
    as_of: datetime | None = None
    model_version: str | None = None
    binding: Binding | None = None
    not_assessed: list[str] = []
    strongest: list[ComponentPoints] = []
    weakest: list[ComponentPoints] = []
    previous_score: int | None = None


class Component(ComponentPoints):
    """A component of the score, explained."""

    points_lost: Exact
    window: str | None = None
    reason: str | None = None


class Cap(Result):
    """A limit that one weakness puts on the whole score."""

    component: str
    label: str
    limit: Exact
    binds: bool = False
    reason: str | None = None


class Dropped(Result):
    """A component that was left out of the score."""

    label: str
    reason: str | None = None


class NextTier(Result):
    """The tier above and how far away it is."""

    tier: str
    points_needed: Exact
    confidence_needed: Exact | None = None


class Explanation(Readiness):
    """What `explain_readiness` answers."""

    components: list[Component] = []
    caps: list[Cap] = []
    dropped: list[Dropped] = []
    tier_thresholds: dict[str, int] = {}
    next_tier: NextTier | None = None


class Recommendation(Result):
    """A stored recommendation."""

    id: str
    title: str
    description: str | None = None
    priority: str | None = None
    category: str | None = None
    status: str | None = None
    estimated_impact: str | None = None

    @property
    def state(self) -> str:
        """The status; one that was never set is pending."""
        return self.status or "pending"


class Recommendations(Result):
    """What `list_recommendations` answers, the most important first."""

    recommendations: list[Recommendation] = []


class ChangedRecommendation(Result):
    """What `create_recommendation` and `update_recommendation` answer."""

    recommendation: Recommendation
    created: bool = True
    changed: list[str] = []


class StartedSync(Result):
    """What `trigger_stripe_sync` answers."""

    state: str
    already_running: bool = False


class SyncStatus(Result):
    """What `get_sync_status` answers."""

    connected: bool
    state: str
    percent: Exact | None = None
    last_synced_at: datetime | None = None
    age_hours: Exact | None = None
    stale: bool = False
    counts: dict[str, int] = {}
    error: str | None = None


class BusinessProfile(Result):
    """What `get_business_profile` answers."""

    name: str | None = None
    legal_entity: str | None = None
    industry: str | None = None
    founded_at: date | datetime | None = None
    currency: str | None = None
    time_zone: str | None = None
    first_charge_at: datetime | date | None = None
    months_of_history: int | None = None
    stripe_account_status: str | None = None


class CalculationResult(Result):
    """What `calculate` answers."""

    expression: str
    result: Exact


ResultT = TypeVar("ResultT", bound=Result)


def read_result(model: type[ResultT], answer: ToolAnswer) -> ResultT:
    """Return the tool's answer as the model; raise ToolAnswerError with what went wrong."""
    if answer.failed:
        raise ToolAnswerError(answer.text.removeprefix("Error:").strip() or None)
    try:
        return model.model_validate_json(answer.text)
    except ValidationError:
        if not answer.text.lstrip().startswith(("{", "[")):
            raise ToolAnswerError(answer.text.strip() or None) from None
        raise ToolAnswerError("The answer of a tool could not be read. Try again.") from None
