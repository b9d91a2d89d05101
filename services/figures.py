"""Figures as every caller gets them: a number with all that is needed to trust it."""

from __future__ import annotations

from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer

from domain.metrics import METRICS, RATIO_STEP, MetricName, Unit
from domain.periods import Month
from services.snapshot_metrics import StoredMonth, note_on, observed, value_of


class _Result(BaseModel):
    model_config = ConfigDict(frozen=True)


class Figure(_Result):
    """One metric over one period, both days inclusive; money in major units of `currency`.

    A `value` of None always comes with a `missing_reason`. `n` counts the observations behind it,
    as its definition tells. `snapshot_ids` are its sources.
    """

    metric: MetricName
    label: str
    value: Decimal | None
    unit: Unit
    currency: str | None = None
    period_start: date
    period_end: date
    month_to_date: bool
    as_of: datetime | None
    snapshot_ids: list[UUID]
    n: int | None = None
    note: str | None = None
    missing_reason: str | None = None

    @model_serializer(mode="wrap")
    def _without_what_does_not_apply(
        self, handler: SerializerFunctionWrapHandler
    ) -> dict[str, Any]:
        content: dict[str, Any] = handler(self)
        for name in ("currency", "n", "note", "missing_reason"):
            if content[name] is None:
                del content[name]
        return content


class Definition(_Result):
    """What a metric means: told once a result, not once a figure."""

    metric: MetricName
    definition: str
    window: str
    unit: Unit
    source: str


class MonthFigures(_Result):
    """The figures of one month, `YYYY-MM`."""

    month: str
    month_to_date: bool
    figures: list[Figure]


class SnapshotQueryResult(_Result):
    """Metrics by month and over the whole period; months without data are named, not zero."""

    currency: str
    time_zone: str
    as_of: datetime | None
    known_at: datetime | None = None
    stale: bool
    months: list[MonthFigures]
    totals: list[Figure]
    missing_months: list[str]
    definitions_version: str
    definitions: list[Definition]

    @model_serializer(mode="wrap")
    def _without_what_was_not_asked(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        content: dict[str, Any] = handler(self)
        if content["known_at"] is None:
            del content["known_at"]
        return content


class PeriodComparison(_Result):
    """One metric in two periods: `change` is second less first, in the metric's own unit.

    `change_ratio` is the change over the size of the first value, to 4 decimals; None where that
    is zero.
    """

    metric: MetricName
    first: Figure
    second: Figure
    change: Decimal | None
    change_ratio: Decimal | None
    direction: Literal["up", "down", "flat", "unknown"]
    as_of: datetime | None
    definition: Definition


def definition_of(metric: MetricName) -> Definition:
    """Return what the metric means."""
    known = METRICS[metric]
    return Definition(
        metric=metric,
        definition=known.definition,
        window=known.window,
        unit=known.unit,
        source=known.source,
    )


def figure_of(metric: MetricName, months: list[StoredMonth]) -> Figure:
    """Return the metric over the months, of which there must be one at least."""
    value, reason = value_of(metric, months)
    unit = METRICS[metric].unit
    first, last = months[0], months[-1]
    return Figure(
        metric=metric,
        label=METRICS[metric].label,
        value=value,
        unit=unit,
        currency=first.stored.currency if unit is Unit.MONEY else None,
        period_start=first.metrics.month.first_day,
        period_end=last.metrics.through,
        month_to_date=last.metrics.month_to_date,
        as_of=last.stored.data_as_of,
        snapshot_ids=[month.snapshot_id for month in months],
        n=None if value is None else observed(metric, months),
        note=None if value is None else note_on(metric, months),
        missing_reason=reason,
    )


def missing_figure(
    metric: MetricName, first: Month, last: Month, latest: StoredMonth, reason: str
) -> Figure:
    """Return the figure of a period that has no value; `latest` is the newest stored month."""
    unit = METRICS[metric].unit
    return Figure(
        metric=metric,
        label=METRICS[metric].label,
        value=None,
        unit=unit,
        currency=latest.stored.currency if unit is Unit.MONEY else None,
        period_start=first.first_day,
        period_end=last.last_day,
        month_to_date=False,
        as_of=latest.stored.data_as_of,
        snapshot_ids=[],
        missing_reason=reason,
    )


def compare_figures(first: Figure, second: Figure) -> PeriodComparison:
    """Return what changed from the first figure to the second; both are of one metric."""
    change = None
    if first.value is not None and second.value is not None:
        change = second.value - first.value
    ratio = None
    if change is not None and first.value:
        ratio = (change / abs(first.value)).quantize(RATIO_STEP, rounding=ROUND_HALF_EVEN)
    return PeriodComparison(
        metric=first.metric,
        first=first,
        second=second,
        change=change,
        change_ratio=ratio,
        direction=_direction(change),
        as_of=second.as_of,
        definition=definition_of(first.metric),
    )


def _direction(change: Decimal | None) -> Literal["up", "down", "flat", "unknown"]:
    if change is None:
        return "unknown"
    if change == 0:
        return "flat"
    return "up" if change > 0 else "down"
