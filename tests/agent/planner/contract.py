"""The arguments that the tools accept, as the contract has them; used to judge every call."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from domain.metric_definitions import MetricName
from domain.periods import Month

MonthText = Annotated[str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]
Priority = Literal["low", "medium", "high"]


class Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class NoArguments(Arguments):
    pass


class QuerySnapshots(Arguments):
    metrics: Annotated[
        list[Annotated[str, Field(pattern="|".join(f"^{m.value}$" for m in MetricName))]],
        Field(min_length=1),
    ]
    start_month: MonthText
    end_month: MonthText

    @model_validator(mode="after")
    def in_order(self) -> QuerySnapshots:
        assert Month.parse(self.start_month) <= Month.parse(self.end_month)
        assert len(set(self.metrics)) == len(self.metrics)
        return self


class ComparePeriods(Arguments):
    metric: Annotated[str, Field(pattern="|".join(f"^{m.value}$" for m in MetricName))]
    first_start_month: MonthText
    first_end_month: MonthText
    second_start_month: MonthText
    second_end_month: MonthText

    @model_validator(mode="after")
    def in_order(self) -> ComparePeriods:
        assert self.first_start_month <= self.first_end_month
        assert self.second_start_month <= self.second_end_month
        return self


class ListRecommendations(Arguments):
    status: Literal["pending", "accepted", "dismissed", "all"]


class CreateRecommendation(Arguments):
    title: Annotated[str, Field(min_length=3, max_length=255)]
    description: Annotated[str, Field(min_length=3, max_length=2000)]
    category: Literal["cash_flow", "risk", "revenue", "operations", "data"]
    priority: Priority


class UpdateRecommendation(Arguments):
    recommendation_id: Annotated[str, Field(min_length=1)]
    status: Literal["pending", "accepted", "dismissed"] | None = None
    priority: Priority | None = None


class Calculate(Arguments):
    expression: Annotated[
        str, Field(min_length=1, max_length=200, pattern=r"^(min|max|round|[\d.+\-*/(), ])+$")
    ]


class SupposedInput(Arguments):
    input: Literal[
        "scale",
        "history",
        "growth",
        "stability",
        "disputes",
        "refunds",
        "payments",
        "concentration",
        "retention",
        "payouts",
    ]
    value: Annotated[str, Field(pattern=r"^-?\d+(\.\d+)?$")]


class SimulateReadiness(Arguments):
    changes: Annotated[list[SupposedInput], Field(min_length=1, max_length=10)] | None = None
    more_months: Annotated[int, Field(ge=1, le=24)] | None = None
    payouts_enabled: bool | None = None

    @model_validator(mode="after")
    def changes_something(self) -> SimulateReadiness:
        assert self.changes or self.more_months or self.payouts_enabled is not None
        return self


class FindReadinessPaths(Arguments):
    target: Literal["needs_work", "funding_ready", "highly_attractive"]


ARGUMENTS: dict[str, type[Arguments]] = {
    "query_snapshots": QuerySnapshots,
    "compare_periods": ComparePeriods,
    "get_readiness": NoArguments,
    "explain_readiness": NoArguments,
    "simulate_readiness": SimulateReadiness,
    "find_readiness_paths": FindReadinessPaths,
    "explain_score_change": NoArguments,
    "check_funder_floors": NoArguments,
    "recompute_readiness": NoArguments,
    "list_recommendations": ListRecommendations,
    "create_recommendation": CreateRecommendation,
    "update_recommendation": UpdateRecommendation,
    "trigger_stripe_sync": NoArguments,
    "get_sync_status": NoArguments,
    "get_business_profile": NoArguments,
    "calculate": Calculate,
}


def check(name: str, args: dict[str, Any]) -> None:
    """Raise if the tool would refuse the arguments."""
    ARGUMENTS[name].model_validate(args)
