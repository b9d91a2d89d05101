"""What the rules of advice look at beside the score's inputs, put together from the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from db.models import IntegrationAccount
from db.repositories import signals as stored
from db.repositories.integrations import find_integration
from db.repositories.signals import Span
from db.session import Session
from domain.access import Access
from domain.advice import NO_SIGNALS, DisputeRecord, Signals, SubscriptionPayments
from domain.metrics import MonthMetrics
from domain.periods import local_date, month_bounds
from domain.readiness import STALE_AFTER_DAYS, complete_months
from integrations.stripe.resources import (
    CHARGES,
    DISPUTES,
    EARLY_FRAUD_WARNINGS,
    INVOICES,
    PAYOUTS,
    Resource,
)
from services.businesses import time_zone_of
from services.snapshot_schema import StoredRecurring

DISPUTE_DAYS = 365
# A dispute may follow a payment for up to 120 days; after that a warning has nothing to prevent.
WARNING_DAYS = 120
PAYOUT_DAYS = 90
QUARTER = 3
YEAR = 12
# Answered or not: a response can no longer be given, or has been.
SETTLED = frozenset({"won", "lost", "under_review"})
NO_REASON = "unknown"


async def read(
    session: Session,
    access: Access,
    *,
    months: Sequence[MonthMetrics],
    as_of: date,
    now: datetime,
    recurring: StoredRecurring | None = None,
) -> Signals:
    """Return the signals as of a local day; what comes from a list that is not read is unknown.

    `months` are the business's metrics, of which the complete ones give the windows of 3 and 12
    months; `recurring` is what the last of them keeps of recurring revenue.
    """
    account = await find_integration(session, access)
    if account is None or account.last_synced_at is None:
        return NO_SIGNALS
    scope = _Scope(session, access, account, complete_months(months, as_of), as_of, now)
    last = scope.complete[-1] if scope.complete else None
    return Signals(
        net_retention=last.net_retention.value if last else None,
        monthly_churn=last.customer_churn.value if last else None,
        monthly_plan_share=recurring.monthly_plan_share if recurring else None,
        disputes=await _disputes(scope),
        warnings_actionable=await _warnings(scope),
        declines_by_code=await _declines(scope),
        subscriptions=await _subscriptions(scope),
        hhi=await _concentration(scope),
        payouts_failed=await _payouts(scope),
        requirements_due=_requirements_due(scope),
    )


@dataclass(frozen=True, slots=True)
class _Scope:
    """What to read for, and up to when."""

    session: Session
    access: Access
    account: IntegrationAccount
    complete: tuple[MonthMetrics, ...]
    as_of: date
    now: datetime

    @property
    def metadata(self) -> dict[str, Any]:
        return self.account.account_metadata or {}

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(time_zone_of(self.account))

    def reads(self, resource: Resource[Any]) -> bool:
        """Tell whether the key may read the list; an unread one is empty and says nothing."""
        return resource.permission not in self.metadata.get("missing", ())

    def days(self, count: int) -> Span:
        """Return the last local days, the one that the data is from included."""
        end = datetime.combine(self.as_of + timedelta(days=1), time.min, self.zone)
        return Span((end - timedelta(days=count)).astimezone(UTC), end.astimezone(UTC))

    def months(self, count: int) -> Span | None:
        """Return the last complete months; None before there is one."""
        chosen = self.complete[-count:]
        if not chosen:
            return None
        start, _ = month_bounds(chosen[0].month, self.zone)
        _, end = month_bounds(chosen[-1].month, self.zone)
        return Span(start, end)


async def _disputes(scope: _Scope) -> DisputeRecord | None:
    if not scope.reads(DISPUTES):
        return None
    groups = await stored.group_disputes(
        scope.session, scope.access, scope.days(DISPUTE_DAYS), now=scope.now
    )
    by_reason: Counter[str] = Counter()
    for group in groups:
        by_reason[group.reason or NO_REASON] += group.opened
    due = min((group.due_at for group in groups if group.due_at), default=None)
    settled = [group for group in groups if group.status in SETTLED]
    return DisputeRecord(
        by_reason=dict(sorted(by_reason.items())),
        settled=sum(group.told for group in settled),
        answered=sum(group.answered for group in settled),
        won=sum(group.opened for group in groups if group.status == "won"),
        lost=sum(group.opened for group in groups if group.status == "lost"),
        waiting=sum(group.waiting for group in groups),
        due_on=None if due is None else local_date(due, scope.zone),
    )


async def _warnings(scope: _Scope) -> int | None:
    if not scope.reads(EARLY_FRAUD_WARNINGS):
        return None
    return await stored.count_actionable_warnings(
        scope.session, scope.access, scope.days(WARNING_DAYS)
    )


async def _declines(scope: _Scope) -> dict[str, int] | None:
    quarter = scope.months(QUARTER)
    if quarter is None or not scope.reads(CHARGES):
        return None
    return await stored.count_declines(scope.session, scope.access, quarter)


async def _subscriptions(scope: _Scope) -> SubscriptionPayments | None:
    quarter = scope.months(QUARTER)
    if quarter is None or not scope.reads(INVOICES):
        return None
    found = await stored.count_subscription_invoices(
        scope.session, scope.access, quarter, now=scope.now
    )
    return SubscriptionPayments(found.attempted, found.failed)


async def _concentration(scope: _Scope) -> Decimal | None:
    year = scope.months(YEAR)
    if year is None:
        return None
    return await stored.find_concentration(
        scope.session, scope.access, year, currency=scope.complete[-1].currency
    )


async def _payouts(scope: _Scope) -> int | None:
    if not scope.reads(PAYOUTS):
        return None
    return await stored.count_failed_payouts(scope.session, scope.access, scope.days(PAYOUT_DAYS))


def _requirements_due(scope: _Scope) -> int | None:
    """Return how many are due, unless the account was read too long ago to say."""
    due, read_at = scope.metadata.get("requirements_due"), scope.metadata.get("authorized_at")
    if due is None or read_at is None:
        return None
    age = scope.now - datetime.fromtimestamp(read_at, UTC)
    return int(due) if age <= timedelta(days=STALE_AFTER_DAYS) else None
