"""Monthly snapshots: rebuilt from the ledger after a sync, read for every question.

A question may ask for what was known at an earlier moment: each rebuild that changes figures keeps
what they were.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from db.repositories import snapshots as stored_snapshots
from db.repositories.rollups import find_state
from db.session import Session
from domain.access import Access
from domain.errors import InvalidInputError, NoDataError, PeriodError
from domain.metrics import MetricName
from domain.periods import Month, local_date, month_range
from domain.readiness import STALE_AFTER_DAYS
from services.figures import (
    Figure,
    MonthFigures,
    PeriodComparison,
    SnapshotQueryResult,
    compare_figures,
    definition_of,
    figure_of,
    missing_figure,
)
from services.snapshot_metrics import StoredMonth, from_row
from services.snapshot_rebuild import rebuild

__all__ = ["compare", "is_stale", "list_months", "query", "rebuild"]

MAX_MONTHS = 60
STALE_AFTER = timedelta(days=STALE_AFTER_DAYS)
NO_SNAPSHOTS = "There are no figures yet. Connect Stripe and sync; they follow by themselves."


def is_stale(data_as_of: datetime | None, now: datetime) -> bool:
    """Tell whether the data is too old to speak for the business, or was never synced."""
    return data_as_of is None or now - data_as_of > STALE_AFTER


async def list_months(
    session: Session, access: Access, *, known_at: datetime | None = None
) -> list[StoredMonth]:
    """List the stored months, the earliest first, as they are or were known at a moment.

    Raise NoDataError for a moment from before anything was kept.
    """
    if known_at is None:
        return [from_row(row) for row in await stored_snapshots.list_snapshots(session, access)]
    state = await find_state(session, access)
    if state is None:
        return []
    if known_at < state.first_built_at:
        since = state.first_built_at.astimezone(UTC)
        raise NoDataError(
            f"What was known is kept since {since:%Y-%m-%d %H:%M} UTC. Ask for a later moment."
        )
    rows = await stored_snapshots.list_known_at(session, access, known_at)
    return [_dated(from_row(row), known_at) for row in rows]


def _dated(month: StoredMonth, known_at: datetime) -> StoredMonth:
    """Return the month as no younger than the moment: later syncs have confirmed it since."""
    as_of = month.stored.data_as_of
    if as_of is None or as_of <= known_at:
        return month
    at = known_at.astimezone(UTC).replace(microsecond=0)
    return replace(month, stored=month.stored.model_copy(update={"data_as_of": at}))


async def query(
    session: Session,
    access: Access,
    *,
    metrics: Sequence[MetricName],
    first: Month,
    last: Month,
    now: datetime,
    known_at: datetime | None = None,
) -> SnapshotQueryResult:
    """Return the metrics by month and over the whole period, from stored snapshots only.

    With `known_at`, figures are those that were known at that moment. Months without a snapshot are
    listed as missing and are in no total. Raise NoDataError without any snapshot or from before
    they were kept, and PeriodError for a reversed, future or longer period than 60 months, or
    for a moment to come.
    """
    wanted = list(dict.fromkeys(metrics))
    if not wanted:
        raise InvalidInputError("Name at least one metric, such as revenue_total.")
    stored = await _all_months(session, access, known_at, now)
    months = _in_period(stored, first, last, now)
    latest = stored[-1].stored
    return SnapshotQueryResult(
        currency=latest.currency,
        time_zone=latest.time_zone,
        as_of=latest.data_as_of,
        known_at=known_at,
        stale=is_stale(latest.data_as_of, now),
        definitions_version=latest.definitions_version,
        definitions=[definition_of(metric) for metric in wanted],
        months=[_month_figures(month, wanted) for month in months],
        totals=[_total(metric, months, stored, (first, last)) for metric in wanted],
        missing_months=[str(month) for month in _missing(months, first, last)],
    )


async def compare(
    session: Session,
    access: Access,
    *,
    metric: MetricName,
    first: tuple[Month, Month],
    second: tuple[Month, Month],
    now: datetime,
    known_at: datetime | None = None,
) -> PeriodComparison:
    """Compare the metric in two periods, each from its first to its last month.

    A period that lacks a month has no value: its sum would be of another length than it says.
    Raise as `query` does.
    """
    stored = await _all_months(session, access, known_at, now)
    figures = [_whole_period(metric, stored, period, now) for period in (first, second)]
    return compare_figures(*figures)


async def _all_months(
    session: Session, access: Access, known_at: datetime | None, now: datetime
) -> list[StoredMonth]:
    if known_at is not None and known_at > now:
        raise PeriodError("That moment has not come. Leave known_at out for the present figures.")
    stored = await list_months(session, access, known_at=known_at)
    if not stored:
        raise NoDataError(NO_SNAPSHOTS)
    return stored


def _in_period(
    stored: Sequence[StoredMonth], first: Month, last: Month, now: datetime
) -> list[StoredMonth]:
    available = (
        f"Figures are available from {stored[0].metrics.month} to {stored[-1].metrics.month}."
    )
    if last < first:
        raise PeriodError(f"{first} is after {last}: name the first month first. {available}")
    if first.months_until(last) >= MAX_MONTHS:
        raise PeriodError(f"Ask for at most {MAX_MONTHS} months at a time. {available}")
    today = local_date(now, ZoneInfo(stored[-1].stored.time_zone))
    if last > Month.of(today):
        raise PeriodError(f"{last} has not begun. {available}")
    return [month for month in stored if first <= month.metrics.month <= last]


def _missing(months: Sequence[StoredMonth], first: Month, last: Month) -> list[Month]:
    known = {month.metrics.month for month in months}
    return [month for month in month_range(first, last) if month not in known]


def _month_figures(month: StoredMonth, metrics: Sequence[MetricName]) -> MonthFigures:
    return MonthFigures(
        month=str(month.metrics.month),
        month_to_date=month.metrics.month_to_date,
        figures=[figure_of(metric, [month]) for metric in metrics],
    )


def _total(
    metric: MetricName,
    months: list[StoredMonth],
    stored: Sequence[StoredMonth],
    period: tuple[Month, Month],
) -> Figure:
    if months:
        return figure_of(metric, months)
    reason = f"There are no figures from {period[0]} to {period[1]}."
    return missing_figure(metric, *period, stored[-1], reason)


def _whole_period(
    metric: MetricName, stored: Sequence[StoredMonth], period: tuple[Month, Month], now: datetime
) -> Figure:
    months = _in_period(stored, *period, now)
    missing = _missing(months, *period)
    if not missing:
        return figure_of(metric, months)
    names = ", ".join(str(month) for month in missing)
    return missing_figure(metric, *period, stored[-1], f"There are no figures for {names}.")
