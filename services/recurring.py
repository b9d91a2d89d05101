"""Recurring revenue by month, from the ledger: the present from subscriptions, the past from lines.

A month has a number only if what it needs was read: without subscriptions nobody can tell which
discounts last and when one ended, so there is none; without invoices there is only the present.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

from db.models import IntegrationAccount
from db.repositories import recurring as stored
from db.repositories.integrations import find_integration
from db.session import Session
from domain.access import Access
from domain.errors import PeriodError
from domain.periods import Month, local_date, month_bounds, month_range
from domain.recurring.book import Book, Moment, present_month
from domain.recurring.lines import BilledSubscription, spells
from domain.recurring.months import (
    METHODS,
    YEAR_MONTHS,
    Reading,
    RecurringHistory,
    RecurringMonth,
)
from domain.recurring.plans import Plan
from domain.recurring.subscriptions import Subscription, present_value
from integrations.stripe.resources import COUPON_PERMISSION, INVOICES, PRICES, SUBSCRIPTIONS

__all__ = ["METHODS", "RecurringHistory", "RecurringMonth", "list_recurring_months"]

NEVER_READ = "Stripe has not been read yet. Connect it and sync; the figures follow by themselves."
UNKNOWN_COUPON = (
    "A coupon's terms could not be read, so it is unknown what it takes off. Give the key "
    f"{COUPON_PERMISSION} and sync."
)


async def list_recurring_months(
    session: Session,
    access: Access,
    *,
    zone: ZoneInfo,
    first: Month,
    last: Month,
    horizon: datetime,
    currency: str,
) -> RecurringHistory:
    """Return recurring revenue in the currency for each month from first to last.

    `horizon` is the last instant that the ledger tells about: its month is read from subscriptions,
    the months before it from invoice lines, and those after it have no number. Amounts in other
    currencies are left out and never converted. Raise PeriodError if last is before first.
    """
    if last < first:
        raise PeriodError(f"{first} is after {last}: name the first month first.")
    span = _Span.of(zone, first, last, horizon, currency.lower())
    account = await find_integration(session, access)
    reason = _not_read(account, SUBSCRIPTIONS.permission, "Subscriptions")
    if reason is not None:
        return span.history(reason=reason)
    subscriptions = await stored.list_subscriptions(session, access, currency=span.currency)
    if any(_has_unknown_coupon(subscription) for subscription in subscriptions.values()):
        return span.history(reason=UNKNOWN_COUPON)
    others = await _other_currencies(session, access, span.currency)
    plans = await stored.list_plans(session, access)
    present = _present(subscriptions, plans, span)
    reason = _not_read(account, INVOICES.permission, "Invoices")
    if reason is not None:
        months = _only_present(span, present)
        unknown = replace(span, why_no_present=_not_valued(account))
        return unknown.history(months, reason=reason, others=others)
    book = await _book(session, access, span, subscriptions, plans)
    if present is not None and span.reaches_present:
        book.take(present)
    return span.history(_months(book, span), others=others)


@dataclass(frozen=True, slots=True)
class _Span:
    """The months that were asked for; `at` is the second right after the horizon."""

    zone: ZoneInfo
    first: Month
    last: Month
    present: Month
    at: int
    currency: str
    why_no_present: str | None = None

    @classmethod
    def of(
        cls, zone: ZoneInfo, first: Month, last: Month, horizon: datetime, currency: str
    ) -> _Span:
        month = Month.of(local_date(horizon, zone))
        return cls(zone, first, last, month, int(horizon.timestamp()) + 1, currency)

    @property
    def reaches_present(self) -> bool:
        return self.first <= self.present <= self.last

    @property
    def moments(self) -> list[Moment]:
        """When to look: at each month that has begun, and at those of a year before them."""
        until = min(self.last, self.present)
        return [
            Moment(month, self._end(month))
            for month in month_range(self.first.plus(-YEAR_MONTHS), until)
        ]

    def _end(self, month: Month) -> int:
        if month == self.present:
            return self.at
        return int(month_bounds(month, self.zone)[1].timestamp())

    def history(
        self,
        known: Mapping[Month, RecurringMonth] | None = None,
        *,
        reason: str | None = None,
        others: tuple[str, ...] = (),
    ) -> RecurringHistory:
        """Return every month, those that are not known with the reason."""
        months = {
            month: (known or {}).get(month) or self._unknown(month, reason)
            for month in month_range(self.first, self.last)
        }
        return RecurringHistory(
            months, months[self.last].missing_reason if not known else None, others
        )

    def _unknown(self, month: Month, reason: str | None) -> RecurringMonth:
        if month > self.present:
            reason = f"{month} had not begun when Stripe was read last."
        elif month == self.present:
            reason = self.why_no_present or reason
        return RecurringMonth(month, self.currency, missing_reason=reason)


def _not_read(account: IntegrationAccount | None, permission: str, what: str) -> str | None:
    """Return why a list was not read, or None if it was."""
    if account is None or account.last_synced_at is None:
        return NEVER_READ
    if permission in _missing_permissions(account):
        return f"{what} have not been read. Give the key {permission} and sync."
    return None


def _missing_permissions(account: IntegrationAccount) -> set[str]:
    metadata = account.account_metadata or {}
    # `unread`: it may be granted by now, but no sync has read the list yet.
    return {*metadata.get("missing", []), *metadata.get("unread", [])}


def _not_valued(account: IntegrationAccount | None) -> str:
    reason = _not_read(account, PRICES.permission, "Prices")
    return reason or "A subscription has a price in another currency or without an amount."


def _has_unknown_coupon(subscription: Subscription) -> bool:
    return any(discount.duration is None for discount in subscription.every_discount)


async def _other_currencies(session: Session, access: Access, currency: str) -> tuple[str, ...]:
    found = await stored.list_currencies(session, access)
    return tuple(code for code in found if code != currency)


def _present(
    subscriptions: Mapping[str, Subscription], plans: Mapping[str, Plan], span: _Span
) -> Reading | None:
    """Return what subscriptions are worth now; None if one of them cannot be valued."""
    reading, paused = Reading("subscriptions"), Fraction(0)
    for subscription in subscriptions.values():
        value = present_value(subscription, plans, at=span.at)
        if value is None:
            return None
        reading.add(subscription.customer, value)
        paused += value.total if subscription.paused else 0
    reading.paused = paused
    return reading


def _only_present(span: _Span, present: Reading | None) -> dict[Month, RecurringMonth]:
    if present is None or not span.reaches_present:
        return {}
    return {span.present: present_month(span.present, span.currency, present)}


async def _book(
    session: Session,
    access: Access,
    span: _Span,
    subscriptions: Mapping[str, Subscription],
    plans: Mapping[str, Plan],
) -> Book:
    book = Book(span.moments)
    lines = stored.read_lines(session, access, currency=span.currency)
    async for subscription_id, payer, found in lines:
        billed = _billed(subscriptions.get(subscription_id), payer or subscription_id, span)
        book.add(billed.customer, spells(billed, found, plans))
    return book


def _billed(known: Subscription | None, payer: str, span: _Span) -> BilledSubscription:
    if known is None:
        return BilledSubscription(payer, span.currency)
    return BilledSubscription(
        known.customer,
        known.currency,
        known.ended_at,
        known.discounts,
        {item.id: item.discounts for item in known.items if item.discounts},
    )


def _months(book: Book, span: _Span) -> dict[Month, RecurringMonth]:
    return {
        moment.month: book.month(index, span.currency)
        for index, moment in enumerate(book.moments)
        if moment.month >= span.first
    }
