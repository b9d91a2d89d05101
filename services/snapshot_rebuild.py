"""Snapshots are made of roll-ups: every month anew, written where something has changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from db.models import IntegrationAccount
from db.repositories import facts, rollups
from db.repositories import snapshots as stored_snapshots
from db.repositories.businesses import lock_business
from db.repositories.facts import CurrencyDay
from db.repositories.integrations import find_integration
from db.repositories.snapshots import SnapshotValues
from db.session import Session
from domain.access import Access
from domain.currencies import RECENT_MONTHS, main_currency
from domain.metric_trends import with_trends
from domain.metrics import NO_CURRENCY, CustomerSpread, MonthMetrics, month_metrics
from domain.periods import Month, local_date, month_bounds, month_range
from domain.rates import NO_RATES, StatedRates
from domain.recurring.months import RecurringHistory
from services.recurring import list_recurring_months
from services.rollups import bring_up_to_date
from services.snapshot_currencies import convert, other_currencies
from services.snapshot_metrics import Beside, Origin, to_values
from services.snapshot_recurring import stored_recurring, with_recurring
from services.snapshot_schema import DataQuality


@dataclass(frozen=True, slots=True)
class _Material:
    """What all months are made of; `horizon` is the last instant that the ledger tells about."""

    days: Sequence[CurrencyDay]
    customers: Mapping[tuple[str, Month], CustomerSpread]
    unreconciled: Mapping[Month, int]
    missing_permissions: list[str]
    recurring: RecurringHistory
    currency: str
    zone: ZoneInfo
    first: Month
    horizon: datetime
    data_as_of: datetime | None
    rates: StatedRates

    @property
    def through(self) -> date:
        return local_date(self.horizon, self.zone)

    @property
    def months(self) -> list[Month]:
        return list(month_range(self.first, Month.of(self.through)))


async def rebuild(
    session: Session,
    access: Access,
    *,
    zone: ZoneInfo,
    now: datetime,
    rates: StatedRates = NO_RATES,
) -> list[Month]:
    """Recompute the months from the first charge on; return those whose figures changed.

    Only what the ledger's marks name is summed up again. What a changed or removed month said
    before is kept as a revision. Amounts in other currencies are told in US dollars too where all
    of them have a stated rate.

    Store the sync's end (`integration_accounts.last_synced_at`) before: months after it are
    unknown, not empty. Months that the ledger no longer has are deleted and count as changed.
    """
    await lock_business(session, access)
    await bring_up_to_date(session, access, zone=zone, now=now)
    known = await stored_snapshots.list_snapshots(session, access)
    before = {Month.of(row.period_start): stored_snapshots.values_of(row) for row in known}
    material = await _gather(session, access, zone, now, rates)
    snapshots = [] if material is None else _compute(material)
    after = {Month.of(values.period_start): values for values in snapshots}
    changed = sorted(
        month
        for month in before.keys() | after.keys()
        if _figures(before.get(month)) != _figures(after.get(month))
    )
    kept = [month.first_day for month in changed if month in before]
    await stored_snapshots.keep_revisions(session, access, kept, now=now)
    await stored_snapshots.delete_snapshots(
        session, access, [row.id for row in known if Month.of(row.period_start) not in after]
    )
    fresh = [values for month, values in after.items() if values != before.get(month)]
    await stored_snapshots.upsert_snapshots(session, access, fresh, now=now)
    return changed


def data_as_of_of(account: IntegrationAccount | None) -> datetime | None:
    """Return when Stripe was last read completely, in whole seconds; None if it never was."""
    if account is None or account.last_synced_at is None:
        return None
    return account.last_synced_at.astimezone(UTC).replace(microsecond=0)


def _figures(values: SnapshotValues | None) -> SnapshotValues | None:
    """Return the values without their age: a sync that brought nothing changes no month."""
    if values is None:
        return None
    dated = {**values.metrics_json}
    dated.pop("data_as_of", None)
    return replace(values, metrics_json=dated)


async def _gather(
    session: Session, access: Access, zone: ZoneInfo, now: datetime, rates: StatedRates
) -> _Material | None:
    """Return what the months are made of; None if nothing was ever charged."""
    days = await rollups.list_days(session, access)
    charged = [day for day in days if day.facts.charge_count > 0]
    last_charge_at = await facts.find_last_charge_at(session, access)
    if not charged or last_charge_at is None:
        return None
    account = await find_integration(session, access)
    metadata = (account.account_metadata if account else None) or {}
    data_as_of = data_as_of_of(account)
    horizon = now if data_as_of is None else min(now, max(data_as_of, last_charge_at))
    first, through = Month.of(min(day.facts.day for day in charged)), local_date(horizon, zone)
    currency = _main_currency(charged, through, metadata.get("default_currency"))
    recurring = await list_recurring_months(
        session,
        access,
        zone=zone,
        first=first,
        last=Month.of(through),
        horizon=horizon,
        currency=currency,
    )
    return _Material(
        days=days,
        customers=await rollups.list_customers(session, access),
        unreconciled=await facts.list_unreconciled(session, access, zone, now=horizon),
        missing_permissions=sorted(metadata.get("missing") or []),
        recurring=recurring,
        currency=currency,
        zone=zone,
        first=first,
        horizon=horizon,
        data_as_of=data_as_of,
        rates=rates,
    )


def _main_currency(charged: Sequence[CurrencyDay], through: date, default: str | None) -> str:
    """Choose by the charges of all time and of the last 12 months up to the day."""
    since = Month.of(through).plus(-RECENT_MONTHS)
    charges: dict[str, int] = {}
    recent: dict[str, int] = {}
    for day in charged:
        count = day.facts.charge_count
        charges[day.currency] = charges.get(day.currency, 0) + count
        if Month.of(day.facts.day) > since:
            recent[day.currency] = recent.get(day.currency, 0) + count
    return main_currency(charges, recent, default=default)


def _compute(material: _Material) -> list[SnapshotValues]:
    settlement = {day.currency for day in material.days if day.facts.line_count > 0}
    missing = _ledger_missing(material.currency, settlement)
    origin = Origin(material.zone.key, material.data_as_of, missing)
    lines: dict[Month, list[CurrencyDay]] = {month: [] for month in material.months}
    for day in material.days:
        month = Month.of(day.facts.day)
        if month in lines and day.facts.day <= material.through:
            lines[month].append(day)
    months = [_metrics(material, month, days) for month, days in lines.items()]
    return [
        to_values(metrics, origin, _beside(material, metrics.month, lines[metrics.month]))
        for metrics in with_trends(months, net_missing_reason=missing)
    ]


def _ledger_missing(currency: str, settlement: set[str]) -> str | None:
    if currency in settlement:
        return None
    if not settlement:
        return "The Stripe balance has not been read, so net revenue and fees are unknown."
    codes = ", ".join(sorted(settlement)).upper()
    return f"Stripe settles in {codes}, so net revenue and fees in {currency.upper()} are unknown."


def _metrics(material: _Material, month: Month, lines: Sequence[CurrencyDay]) -> MonthMetrics:
    spread = material.customers.get((material.currency, month), CustomerSpread())
    metrics = month_metrics(
        month,
        [line.facts for line in lines if line.currency == material.currency],
        currency=material.currency,
        active_customers=spread.active,
        through=min(material.through, month.last_day),
    )
    uncoined = [line.facts for line in lines if line.currency == NO_CURRENCY]
    _, end = month_bounds(month, material.zone)
    counted = replace(
        metrics,
        # On its last day a month has all of its days but is not over yet.
        month_to_date=material.horizon < end,
        paid_payouts=sum(line.facts.paid_payouts for line in lines),
        failed_payouts=sum(line.facts.failed_payouts for line in lines),
        warning_count=sum(facts.warning_count for facts in uncoined),
        new_customers=sum(facts.new_customers for facts in uncoined),
        largest_customer_minor=spread.largest_minor,
        unattributed_minor=spread.unattributed_minor,
        customer_squares=spread.squares,
    )
    return with_recurring(counted, material.recurring)


def _beside(material: _Material, month: Month, lines: Sequence[CurrencyDay]) -> Beside:
    return Beside(
        others=other_currencies(lines, main=material.currency),
        usd=convert(lines, material.rates),
        quality=DataQuality(
            missing_permissions=material.missing_permissions,
            unreconciled_payouts=material.unreconciled.get(month, 0),
        ),
        recurring=stored_recurring(material.recurring.months.get(month)),
    )
