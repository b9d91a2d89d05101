"""What a case expects: of each turn, and of the database when all turns are over."""

from __future__ import annotations

import inspect
import re
from typing import Annotated, Any, Literal, TypeAlias

from ag_ui.core import EventType
from pydantic import AfterValidator, Field, Tag, WithJsonSchema, model_validator

from agent.tools.catalogue import CATALOGUE
from db.models import Model
from domain import errors
from domain.errors import PeriodError, VaultraError
from domain.metrics import MetricName
from domain.periods import Month
from evals.given import ExactDecimal
from evals.matchers import Fields, Matcher, check_pattern
from evals.strict import NAME_OR_OBJECT, Strict

SUCCESS = "success"
CANCELLED = "cancelled"
# What a run's own end can be called beside the codes of our errors.
_RUN_CODES = ("internal", "run_interrupted")
TOOL_NAMES = tuple(tool.name for tool, _ in CATALOGUE)
TABLES = {table.name: frozenset(table.columns.keys()) for table in Model.metadata.sorted_tables}
CONVERSATION_TABLES = frozenset(
    [
        "agent_conversations",
        "conversation_summaries",
        "agent_messages",
        "agent_runs",
        "agent_run_events",
        "agent_tool_calls",
        "approvals",
        "business_spend",
        "model_calls",
        "run_counts",
    ]
)


def _error_codes() -> list[str]:
    classes = [kind for _, kind in inspect.getmembers(errors, inspect.isclass)]
    return sorted({kind.code for kind in classes if issubclass(kind, VaultraError)})


OUTCOMES = (SUCCESS, CANCELLED, *_RUN_CODES, *_error_codes())


def _one_of(kind: str, allowed: tuple[str, ...]) -> tuple[AfterValidator, WithJsonSchema]:
    def check(name: str) -> str:
        if name not in allowed:
            raise ValueError(f"there is no {kind} {name!r}; allowed are {', '.join(allowed)}")
        return name

    return AfterValidator(check), WithJsonSchema({"type": "string", "enum": list(allowed)})


ToolName = Annotated[str, *_one_of("tool", TOOL_NAMES)]
Outcome = Annotated[str, *_one_of("outcome", OUTCOMES)]
TableName = Annotated[str, *_one_of("table", tuple(sorted(TABLES)))]
EventName = Annotated[str, *_one_of("event", tuple(sorted(kind.value for kind in EventType)))]
Pattern = Annotated[str, AfterValidator(check_pattern)]
Place = Annotated[str, Field(pattern=r"^\w+(\.\w+|\[(\d+|\*)\])*$")]

_PERIOD = re.compile(r"(\d{4}-\d{2})(?:\.\.(\d{4}-\d{2}))?")


def months_of(period: str) -> tuple[Month, Month]:
    """Return the first and last month of `2026-10` or `2026-08..2026-10`; raise PeriodError."""
    match = _PERIOD.fullmatch(period)
    if match is None:
        raise PeriodError(f"{period!r} is no period: write 2026-10 or 2026-08..2026-10")
    first, last = Month.parse(match[1]), Month.parse(match[2] or match[1])
    if last < first:
        raise PeriodError(f"{period} is reversed: name the first month first")
    return first, last


def _check_period(period: str) -> str:
    try:
        months_of(period)
    except PeriodError as error:
        raise ValueError(error.message) from error
    return period


Period = Annotated[str, AfterValidator(_check_period)]


class ToolExpectation(Strict):
    """One tool call: the arguments and result fields that are named must match.

    `quoted` are places of the result, such as `score` or `recommendations[*].title`, whose values
    the answer must tell.
    """

    name: ToolName
    args: Fields = Field(default_factory=dict)
    result: Matcher | None = None
    quoted: list[Place] = Field(default_factory=list)


class FigureExpectation(Strict):
    """A figure that the answer must tell and a tool result must hold.

    With a metric, the tool result's own figure of that metric and period must have the value, and
    name the snapshots it comes from. With `compared_with`, an earlier period, the value is the
    change from there. `missing` expects a figure without a value but with a reason.
    """

    value: ExactDecimal | None = None
    missing: Literal[True] | None = None
    metric: MetricName | None = None
    period: Period | None = None
    compared_with: Period | None = None

    @model_validator(mode="after")
    def _is_complete(self) -> FigureExpectation:
        if (self.value is None) == (self.missing is None):
            raise ValueError("give either value or missing")
        if (self.metric is None) != (self.period is None):
            raise ValueError("metric and period go together")
        if self.metric is None and (self.missing or self.compared_with):
            raise ValueError("missing and compared_with need a metric and a period")
        return self


class AnswerExpectation(Strict):
    """What the answer's text must and must not say; upper and lower case are alike."""

    contains: list[str] = Field(default_factory=list)
    not_contains: list[str] = Field(default_factory=list)
    matches: Pattern | None = None


class Expectation(Strict):
    """What is expected of one turn. What is not named is free, except what is always judged."""

    outcome: Outcome = SUCCESS
    tools: list[ToolExpectation] | None = None
    unordered: bool = False
    more_tools: bool = False
    no_tools: bool = False
    figures: list[FigureExpectation] = Field(default_factory=list)
    answer: AnswerExpectation = AnswerExpectation()
    events: list[EventName] = Field(default_factory=list)
    ungrounded: str | None = Field(None, min_length=10)

    @model_validator(mode="after")
    def _is_consistent(self) -> Expectation:
        if self.no_tools and (self.tools is not None or self.more_tools or self.unordered):
            raise ValueError("no_tools stands alone: leave tools, unordered and more_tools out")
        if self.tools is None and (self.unordered or self.more_tools):
            raise ValueError("unordered and more_tools need tools")
        return self


class RowExpectation(Strict):
    """How many rows of a table match `where`, and what holds for each of them."""

    where: Fields = Field(default_factory=dict)
    equal: Fields = Field(default_factory=dict)
    count: Matcher


class RowChanges(Strict):
    """Exactly how many rows of a table are new, different and gone."""

    added: int = Field(0, ge=0)
    changed: int = Field(0, ge=0)
    removed: int = Field(0, ge=0)


TableChange: TypeAlias = Annotated[
    Annotated[Literal["any"], Tag("name")] | Annotated[RowChanges, Tag("object")], NAME_OR_OBJECT
]


class Effects(Strict):
    """What is expected of the database after all turns."""

    rows: dict[TableName, list[RowExpectation]] = Field(default_factory=dict)
    changes: dict[TableName, TableChange] = Field(default_factory=dict)
    nothing_else_changed: bool = True

    @model_validator(mode="after")
    def _names_what_exists(self) -> Any:
        own = sorted(CONVERSATION_TABLES.intersection(self.changes))
        if own:
            raise ValueError(f"every conversation changes {', '.join(own)}: leave it out")
        for table, wanted in self.rows.items():
            named = {name for row in wanted for name in (*row.where, *row.equal)}
            if unknown := sorted(named - TABLES[table]):
                allowed = ", ".join(sorted(TABLES[table]))
                raise ValueError(f"{table} has no {', '.join(unknown)}; it has {allowed}")
        return self
