"""Plans, subscriptions and lines that tests of recurring revenue begin with; days from an epoch."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

from domain.recurring.lines import BilledSubscription, InvoicedLine, spells
from domain.recurring.plans import Cadence, Plan, Tier, cadence_of
from domain.recurring.subscriptions import Item, Subscription
from domain.recurring.values import Discount, MonthlyValue

DAY = 86_400
# 2026-01-01T00:00:00Z.
EPOCH = 1_767_225_600


def day(number: float) -> int:
    return EPOCH + int(number * DAY)


def cadence(interval: str, count: int = 1) -> Cadence:
    found = cadence_of(interval, count)
    assert found is not None
    return found


def plan(unit: Any, interval: str = "month", count: int = 1, **more: Any) -> Plan:
    amount = None if unit is None else Fraction(unit)
    return Plan("usd", cadence(interval, count), amount, **more)


def tier(up_to: int | None, unit: Any, flat: int = 0) -> Tier:
    return Tier(up_to, Fraction(unit), Fraction(flat))


def percent(
    off: str, duration: str | None = "forever", start: int = EPOCH, **more: Any
) -> Discount:
    return Discount(duration, start, percent_off=Decimal(off), **more)


def amount(off: int, duration: str = "forever", currency: str = "usd", **more: Any) -> Discount:
    return Discount(duration, EPOCH, amount_off=off, currency=currency, **more)


def subscription(
    *items: tuple[str, int | None], status: str = "active", **more: Any
) -> Subscription:
    held = tuple(Item(f"si_{n}", price, quantity) for n, (price, quantity) in enumerate(items))
    return Subscription("sub_1", "cus_1", status, "usd", held, **more)


def line(
    amount_minor: int,
    start: float,
    end: float,
    *,
    price: str | None = "basic",
    item: str | None = "si_1",
    quantity: int | None = 1,
    **more: Any,
) -> InvoicedLine:
    """A line for the days [start, end), issued and counted from its start unless told otherwise."""
    named = {"id": f"il_{amount_minor}_{start}", "counts_from": day(start), "issued_at": day(start)}
    return InvoicedLine(
        item_id=item,
        price_id=price,
        amount=amount_minor,
        quantity=quantity,
        start=day(start),
        end=day(end),
        **{**named, **more},
    )


def worth(
    lines: list[InvoicedLine], at: float, plans: dict[str, Plan], **subscription: Any
) -> Fraction:
    """What a subscription with the lines is worth just before the day."""
    billed = BilledSubscription("cus_1", "usd", **subscription)
    values = [s.value for s in spells(billed, lines, plans) if s.start < day(at) <= s.end]
    assert len(values) <= 1
    return sum(values, MonthlyValue()).total
