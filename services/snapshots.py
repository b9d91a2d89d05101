"""Monthly snapshots: rebuilt from the ledger after a sync, read for every question."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from db.repositories import facts
from db.repositories import snapshots as stored_snapshots
from db.repositories.businesses import lock_business
from db.repositories.facts import CurrencyDay, CurrencyFacts, Window
from db.repositories.integrations import find_integration
from db.repositories.snapshots import SnapshotValues
from db.session import Session
from domain.access import Access
from domain.errors import InvalidInputError, NoDataError, PeriodError
from domain.metrics import MetricName, MonthMetrics, month_metrics
from domain.money import to_decimal
from domain.periods import Month, local_date, month_bounds, month_range
from domain.readiness import STALE_AFTER_DAYS
from services.figures import (
    Figure,
    MonthFigures,
    PeriodComparison,
    SnapshotQueryResult,
    compare_figures,
    figure_of,
    missing_figure,
)
from services.snapshot_metrics import Origin, OtherCurrency, StoredMonth, from_row, to_values

MAX_MONTHS = 60
STALE_AFTER = timedelta(days=STALE_AFTER_DAYS)
NO_SNAPSHOTS = "There are no figures yet. Connect Stripe and sync; they follow by themselves."


async def find_data_as_of(session: Session, access: Access) -> datetime | None:
    """Return when Stripe was last read completely, in whole seconds; None if it never was."""
    account = await find_integration(session, access)
    if account is None or account.last_synced_at is None:
        return None
    return account.last_synced_at.astimezone(UTC).replace(microsecond=0)


def is_stale(data_as_of: datetime | None, now: datetime) -> bool:
    """Tell whether the data is too old to speak for the business, or was never synced."""
    return data_as_of is None or now - data_as_of > STALE_AFTER


@dataclass(frozen=True, slots=True)
class _Span:
    """What a rebuild covers: up to `horizon`, the last instant that the ledger tells about."""

    currency: str
    zone: ZoneInfo
    first: Month
    horizon: datetime
    data_as_of: datetime | None

    @property
    def through(self) -> date:
        return local_date(self.horizon, self.zone)

    @property
    def months(self) -> list[Month]:
        return list(month_range(self.first, Month.of(self.through)))

    @property
    def window(self) -> Window:
        start, _ = month_bounds(self.first, self.zone)
        midnight = datetime.combine(self.through + timedelta(days=1), time.min, self.zone)
        return Window(start, midnight.astimezone(UTC), self.zone)


async def rebuild(
    session: Session, access: Access, *, zone: ZoneInfo, now: datetime
) -> list[Month]:
    """Recompute every month from the first charge on; return the months whose figures changed.

    Store the sync's end (`integration_accounts.last_synced_at`) before: months after it are
    unknown, not empty. Months that the ledger no longer has are deleted and count as changed.
    """
    await lock_business(session, access)
    known = await stored_snapshots.list_snapshots(session, access)
    before = {Month.of(row.period_start): stored_snapshots.values_of(row) for row in known}
    span = await _span(session, access, zone, now)
    snapshots = [] if span is None else await _compute(session, access, span)
    after = {Month.of(values.period_start): values for values in snapshots}
    await stored_snapshots.delete_snapshots(
        session, access, [row.id for row in known if Month.of(row.period_start) not in after]
    )
    await stored_snapshots.upsert_snapshots(session, access, snapshots)
    return sorted(
        month
        for month in before.keys() | after.keys()
        if _figures(before.get(month)) != _figures(after.get(month))
    )


def _figures(values: SnapshotValues | None) -> SnapshotValues | None:
    """Return the values without their age: a sync that brought nothing changes no month."""
    if values is None:
        return None
    dated = {**values.metrics_json}
    dated.pop("data_as_of", None)
    return replace(values, metrics_json=dated)


async def _span(session: Session, access: Access, zone: ZoneInfo, now: datetime) -> _Span | None:
    currencies = await facts.list_currencies(session, access)
    if not currencies:
        return None
    data_as_of = await find_data_as_of(session, access)
    latest_charge = max(currency.last_charge_at for currency in currencies)
    horizon = now if data_as_of is None else min(now, max(data_as_of, latest_charge))
    first_charge = min(currency.first_charge_at for currency in currencies)
    return _Span(
        currency=_main_currency(currencies),
        zone=zone,
        first=Month.of(local_date(first_charge, zone)),
        horizon=horizon,
        data_as_of=data_as_of,
    )


def _main_currency(currencies: Sequence[CurrencyFacts]) -> str:
    """Return the currency with the largest amount in major units; amounts are not converted."""
    largest = max(
        currencies,
        key=lambda facts: (to_decimal(facts.gross_minor, facts.currency), facts.currency),
    )
    return largest.currency


async def _compute(session: Session, access: Access, span: _Span) -> list[SnapshotValues]:
    days = await facts.list_days(session, access, span.window)
    customers = await facts.count_active_customers(
        session, access, span.window, currency=span.currency
    )
    settlement = await facts.list_settlement_currencies(session, access)
    origin = Origin(span.zone.key, span.data_as_of, _ledger_missing(span.currency, settlement))
    by_month: dict[Month, list[CurrencyDay]] = {month: [] for month in span.months}
    for day in days:
        by_month[Month.of(day.facts.day)].append(day)
    return [
        to_values(
            _metrics(span, month, lines, customers.get(month, 0)), origin, _others(span, lines)
        )
        for month, lines in by_month.items()
    ]


def _ledger_missing(currency: str, settlement: frozenset[str]) -> str | None:
    if currency in settlement:
        return None
    if not settlement:
        return "The Stripe balance has not been read, so net revenue and fees are unknown."
    codes = ", ".join(sorted(settlement)).upper()
    return f"Stripe settles in {codes}, so net revenue and fees in {currency.upper()} are unknown."


def _metrics(
    span: _Span, month: Month, lines: Sequence[CurrencyDay], customers: int
) -> MonthMetrics:
    metrics = month_metrics(
        month,
        [line.facts for line in lines if line.currency == span.currency],
        currency=span.currency,
        active_customers=customers,
        through=min(span.through, month.last_day),
    )
    _, end = month_bounds(month, span.zone)
    # On its last day a month has all of its days but is not over yet.
    return replace(metrics, month_to_date=span.horizon < end)


def _others(span: _Span, lines: Iterable[CurrencyDay]) -> dict[str, OtherCurrency]:
    totals: dict[str, OtherCurrency] = {}
    for line in lines:
        if line.currency == span.currency or line.facts.charge_count == 0:
            continue
        known = totals.get(line.currency, OtherCurrency(gross_minor=0, charge_count=0))
        totals[line.currency] = OtherCurrency(
            gross_minor=known.gross_minor + line.facts.gross_minor,
            charge_count=known.charge_count + line.facts.charge_count,
        )
    return totals


async def list_months(session: Session, access: Access) -> list[StoredMonth]:
    """List the stored months, the earliest first."""
    rows = await stored_snapshots.list_snapshots(session, access)
    return [from_row(row) for row in rows]


async def query(
    session: Session,
    access: Access,
    *,
    metrics: Sequence[MetricName],
    first: Month,
    last: Month,
    now: datetime,
) -> SnapshotQueryResult:
    """Return the metrics by month and over the whole period, from stored snapshots only.

    Months without a snapshot are listed as missing and are in no total. Raise NoDataError without
    any snapshot, and PeriodError for a reversed, future or longer period than 60 months.
    """
    wanted = list(dict.fromkeys(metrics))
    if not wanted:
        raise InvalidInputError("Name at least one metric, such as revenue_total.")
    stored = await _all_months(session, access)
    months = _in_period(stored, first, last, now)
    latest = stored[-1].stored
    return SnapshotQueryResult(
        currency=latest.currency,
        time_zone=latest.time_zone,
        as_of=latest.data_as_of,
        stale=is_stale(latest.data_as_of, now),
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
) -> PeriodComparison:
    """Compare the metric in two periods, each from its first to its last month.

    A period that lacks a month has no value: its sum would be of another length than it says.
    Raise as `query` does.
    """
    stored = await _all_months(session, access)
    figures = [_whole_period(metric, stored, period, now) for period in (first, second)]
    return compare_figures(*figures)


async def _all_months(session: Session, access: Access) -> list[StoredMonth]:
    stored = await list_months(session, access)
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
