"""What recurring revenue is computed from: prices, subscriptions and the lines of invoices."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import groupby
from typing import Any

from sqlalchemy import BigInteger, Row, cast, func, select

from db.models import (
    LedgerInvoice,
    LedgerInvoiceLine,
    LedgerPrice,
    LedgerSubscription,
    LedgerSubscriptionItem,
)
from db.session import Session
from domain.access import Access
from domain.recurring.lines import InvoicedLine
from domain.recurring.plans import Plan, Tier, cadence_of
from domain.recurring.subscriptions import Item, Subscription
from domain.recurring.values import Discount

ROWS_AT_ONCE = 2_000
# A subscription that begins with a payment begins when it is paid
# (docs.stripe.com/billing/subscriptions/overview#subscription-statuses).
_NEVER_BEGAN = frozenset({"incomplete", "incomplete_expired"})


async def list_plans(session: Session, access: Access) -> dict[str, Plan]:
    """Return the business's prices by Stripe's id."""
    price = LedgerPrice
    query = select(
        price.stripe_id,
        price.currency,
        price.unit_amount,
        price.unit_amount_decimal,
        price.interval,
        price.interval_count,
        price.usage_type,
        price.tiers_mode,
        price.tiers,
    ).where(price.business_id == access.business_id)
    return {row.stripe_id: _plan(row) for row in await session.execute(query)}


def _plan(row: Row[Any]) -> Plan:
    amount = row.unit_amount if row.unit_amount_decimal is None else row.unit_amount_decimal
    return Plan(
        currency=row.currency,
        cadence=cadence_of(row.interval, row.interval_count or 1) if row.interval else None,
        unit=None if amount is None else Fraction(amount),
        metered=row.usage_type == "metered",
        tiers_mode=row.tiers_mode,
        tiers=tuple(_tier(tier) for tier in row.tiers or ()),
    )


def _tier(stored: Mapping[str, Any]) -> Tier:
    return Tier(stored["up_to"], _exact(stored, "unit_amount"), _exact(stored, "flat_amount"))


def _exact(stored: Mapping[str, Any], name: str) -> Fraction:
    decimal = stored.get(f"{name}_decimal")
    return Fraction(stored.get(name) or 0) if decimal is None else Fraction(decimal)


async def list_currencies(session: Session, access: Access) -> list[str]:
    """List the currencies of the business's subscriptions, by code."""
    subscription = LedgerSubscription
    query = (
        select(subscription.currency)
        .where(subscription.business_id == access.business_id)
        .distinct()
        .order_by(subscription.currency)
    )
    return list((await session.execute(query)).scalars())


async def list_subscriptions(
    session: Session, access: Access, *, currency: str
) -> dict[str, Subscription]:
    """Return the business's subscriptions in the currency by Stripe's id, with their items."""
    subscription, item = LedgerSubscription, LedgerSubscriptionItem
    query = (
        select(
            subscription.stripe_id,
            subscription.customer_id,
            subscription.status,
            subscription.currency,
            subscription.ended_at,
            subscription.pause_behavior,
            subscription.discounts,
            item.stripe_id.label("item_id"),
            item.price_id,
            item.quantity,
            item.discounts.label("item_discounts"),
        )
        .outerjoin(
            item,
            (item.business_id == subscription.business_id)
            & (item.subscription_id == subscription.stripe_id),
        )
        .where(subscription.business_id == access.business_id, subscription.currency == currency)
        .order_by(subscription.stripe_id, item.stripe_id)
    )
    rows = (await session.execute(query)).all()
    grouped = groupby(rows, key=lambda row: row.stripe_id)
    return {stripe_id: _subscription(list(parts)) for stripe_id, parts in grouped}


def _subscription(rows: Sequence[Row[Any]]) -> Subscription:
    row = rows[0]
    return Subscription(
        id=row.stripe_id,
        # Without a customer it is nobody else's either.
        customer=row.customer_id or row.stripe_id,
        status=row.status,
        currency=row.currency,
        items=tuple(
            Item(part.item_id, part.price_id, part.quantity, _discounts(part.item_discounts))
            for part in rows
            if part.item_id is not None
        ),
        discounts=_discounts(row.discounts),
        ended_at=None if row.ended_at is None else int(row.ended_at.timestamp()),
        paused=row.pause_behavior is not None,
    )


def _discounts(stored: Sequence[Mapping[str, Any]]) -> tuple[Discount, ...]:
    return tuple(_discount(terms) for terms in stored)


def _discount(terms: Mapping[str, Any]) -> Discount:
    percent = terms["percent_off"]
    return Discount(
        duration=terms["duration"],
        start=terms["start"],
        end=terms["end"],
        percent_off=None if percent is None else Decimal(percent),
        amount_off=terms["amount_off"],
        currency=terms["currency"],
    )


async def read_lines(
    session: Session, access: Access, *, currency: str
) -> AsyncIterator[tuple[str, str | None, list[InvoicedLine]]]:
    """Read the lines for subscriptions in the currency, one subscription after the other.

    Each comes with its id, its customer by the invoice and all its lines; no more than one
    subscription and ROWS_AT_ONCE rows are held at a time. Left out are lines that gave no claim:
    those of a first invoice that was never paid, so that the subscription never began, and drafts
    of a subscription that is `unpaid`, which are not collected.
    """
    subscription_id, customer, found = "", None, list[InvoicedLine]()
    rows = await session.stream(_lines(access, currency))
    # Row by row, the async result would switch to its greenlet and back for each.
    async for part in rows.partitions(ROWS_AT_ONCE):
        for row in part:
            if row.subscription_id != subscription_id:
                if found:
                    yield subscription_id, customer, found
                subscription_id, customer, found = row.subscription_id, row.customer_id, []
            counts_from = _counts_from(row)
            if counts_from is not None:
                found.append(_line(row, counts_from))
    if found:
        yield subscription_id, customer, found


def _lines(access: Access, currency: str) -> Any:
    line, invoice, subscription = LedgerInvoiceLine, LedgerInvoice, LedgerSubscription
    return (
        select(
            line.stripe_id,
            line.subscription_id,
            line.subscription_item_id,
            line.price_id,
            line.amount,
            line.quantity,
            _epoch(line.period_start).label("start"),
            _epoch(line.period_end).label("end"),
            line.proration,
            _epoch(line.created_at).label("issued_at"),
            _epoch(invoice.paid_at).label("paid_at"),
            invoice.customer_id,
            invoice.status.label("invoice_status"),
            invoice.billing_reason,
            invoice.collection_method,
            invoice.total,
            subscription.status,
        )
        .join(
            invoice,
            (invoice.business_id == line.business_id) & (invoice.stripe_id == line.invoice_id),
        )
        .outerjoin(
            subscription,
            (subscription.business_id == line.business_id)
            & (subscription.stripe_id == line.subscription_id),
        )
        .where(
            line.business_id == access.business_id,
            line.currency == currency,
            line.subscription_id.is_not(None),
        )
        .order_by(line.subscription_id)
        .execution_options(yield_per=ROWS_AT_ONCE)
    )


def _epoch(column: Any) -> Any:
    return cast(func.extract("epoch", column), BigInteger)


def _counts_from(row: Row[Any]) -> int | None:
    if row.status == "unpaid" and row.invoice_status == "draft":
        return None
    waits = (
        row.billing_reason == "subscription_create"
        and row.collection_method == "charge_automatically"
        and row.total > 0
    )
    start: int = row.start
    if not waits:
        return start
    paid: int | None = row.paid_at
    if paid is not None:
        return max(start, paid)
    return None if row.status in _NEVER_BEGAN else start


def _line(row: Row[Any], counts_from: int) -> InvoicedLine:
    return InvoicedLine(
        row.stripe_id,
        row.subscription_item_id,
        row.price_id,
        row.amount,
        row.quantity,
        row.start,
        row.end,
        counts_from,
        row.issued_at,
        row.proration,
    )
