"""What a subscription was worth in the past, read from the lines of its invoices.

A subscription object holds only the present. What it held before is in the lines: each names a
price, a quantity and the period that it is for.

- A line of a whole period is worth its own amount, over the price's interval. Without the price,
  the period's own length tells the interval.
- A change within a period makes two prorations: a credit for the old terms and a charge for the
  new ones, both from the change to the period's end. From then on the item is worth what the new
  price costs at the new quantity for a whole period; a credit without a charge ends it. The amount
  of a proration is not used, since it is rounded, unless the price is not known.
- What is free or in trial has an amount of zero and is worth nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from domain.recurring.plans import Plan, cadence_of_period
from domain.recurring.values import Discount, ItemTerms, MonthlyValue, monthly_value


class InvoicedLine(NamedTuple):
    """A line for a subscription, in UTC seconds and minor units before discounts and taxes.

    It is for [start, end) but counts from `counts_from` on: a first invoice that had to be paid for
    the subscription to begin counts from its payment. `issued_at` is when its invoice was made.
    """

    id: str
    item_id: str | None
    price_id: str | None
    amount: int
    quantity: int | None
    start: int
    end: int
    counts_from: int
    issued_at: int
    proration: bool = False

    @property
    def is_credit(self) -> bool:
        """Whether it gives back what was paid for the rest of a period (nothing, for free ones)."""
        return self.proration and self.amount <= 0


@dataclass(frozen=True, slots=True)
class BilledSubscription:
    """A subscription as its lines are read: who pays, when it ended, and the discounts it names.

    `item_discounts` are those of single items by their id.
    """

    customer: str
    currency: str
    ended_at: int | None = None
    discounts: tuple[Discount, ...] = ()
    item_discounts: Mapping[str, tuple[Discount, ...]] | None = None


@dataclass(frozen=True, slots=True)
class Spell:
    """A time [start, end) in UTC seconds during which a subscription was worth the same."""

    start: int
    end: int
    value: MonthlyValue


@dataclass(frozen=True, slots=True)
class _Entry:
    line: InvoicedLine
    terms: ItemTerms | None


def spells(
    subscription: BilledSubscription, lines: Iterable[InvoicedLine], plans: Mapping[str, Plan]
) -> list[Spell]:
    """Return the times in which the subscription was worth something, in their order."""
    entries = sorted(_entries(subscription, lines, plans), key=_order)
    discounts = [*subscription.discounts]
    for own in (subscription.item_discounts or {}).values():
        discounts += own
    found: list[Spell] = []
    covering: list[_Entry] = []
    waiting = entries[::-1]
    known: tuple[object, MonthlyValue] = (None, MonthlyValue())
    for start, end in pairwise(_borders(subscription, entries, discounts)):
        while waiting and waiting[-1].line.counts_from <= start:
            covering.append(waiting.pop())
        covering = [entry for entry in covering if entry.line.end > start]
        if not covering:
            continue
        items, currency = _in_force(covering), subscription.currency
        # A renewal changes nothing, and most periods begin with one.
        terms = (items, [discount.lasts(end, currency) for discount in discounts])
        if terms != known[0]:
            value = monthly_value(items, subscription.discounts, currency=currency, at=end)
            known = (terms, value)
        if known[1].total > 0:
            found.append(Spell(start, end, known[1]))
    return found


def _order(entry: _Entry) -> tuple[int, int, bool, int, str]:
    """Return what orders entries in time; a credit comes before the charge of the same second."""
    line = entry.line
    return line.counts_from, line.start, not line.is_credit, line.issued_at, line.id


def _borders(
    subscription: BilledSubscription, entries: Sequence[_Entry], discounts: Iterable[Discount]
) -> list[int]:
    seconds = {entry.line.counts_from for entry in entries}
    seconds |= {entry.line.end for entry in entries}
    for discount in discounts:
        seconds |= {discount.start} if discount.end is None else {discount.start, discount.end}
    if subscription.ended_at is not None:
        seconds = {min(second, subscription.ended_at) for second in seconds}
    return sorted(seconds)


def _in_force(covering: Iterable[_Entry]) -> list[ItemTerms]:
    """Return the terms that are left after the changes so far."""
    held: dict[str, _Entry] = {}
    for entry in covering:
        line = entry.line
        if line.is_credit:
            held.pop(_credited(held, line), None)
        else:
            held[line.item_id or f"price:{line.price_id}"] = entry
    return [entry.terms for entry in held.values() if entry.terms is not None]


def _credited(held: Mapping[str, _Entry], line: InvoicedLine) -> str:
    """Return which item a credit is for: Stripe's classic prorations name the price only."""
    if line.item_id is not None:
        return line.item_id
    same = [key for key, entry in held.items() if entry.line.price_id == line.price_id]
    return same[-1] if same else ""


def _entries(
    subscription: BilledSubscription, lines: Iterable[InvoicedLine], plans: Mapping[str, Plan]
) -> Iterable[_Entry]:
    own = subscription.item_discounts or {}
    # Renewals at the same terms share them.
    known: dict[object, ItemTerms] = {}
    for line in lines:
        if line.end <= max(line.start, line.counts_from):
            continue
        if line.is_credit:
            yield _Entry(line, None)
            continue
        plan = plans.get(line.price_id or "")
        if not _recurs(line, plan):
            continue
        whole = plan is not None and not _is_cut_short(line, plan)
        same = (line.price_id, line.item_id, line.amount) if whole else line.id
        if same not in known:
            discounts = own.get(line.item_id or "", ())
            known[same] = _terms(line, plan, subscription.currency, discounts)
        yield _Entry(line, known[same])


def _is_cut_short(line: InvoicedLine, plan: Plan) -> bool:
    if line.amount == 0 or plan.cadence is None:
        return False
    return line.proration or line.end - line.start < plan.cadence.whole_s


def _recurs(line: InvoicedLine, plan: Plan | None) -> bool:
    if line.item_id is None and not line.proration:
        return False
    if plan is not None:
        return plan.cadence is not None and not plan.metered
    # A price that is not known: what is billed behind its period was metered.
    return line.proration or line.issued_at < line.end


def _terms(
    line: InvoicedLine, plan: Plan | None, currency: str, discounts: tuple[Discount, ...]
) -> ItemTerms:
    if plan is None or plan.cadence is None:
        cadence = cadence_of_period(line.start, line.end)
        return ItemTerms(Fraction(line.amount), cadence, discounts)
    price = Fraction(line.amount)
    if _is_cut_short(line, plan):
        whole = None
        if line.quantity is not None and plan.currency == currency:
            whole = plan.cost(line.quantity)
        if whole is None:
            # What the rest of the period costs, scaled up to a whole one.
            times = cadence_of_period(line.start, line.end).times
            whole = line.amount * times / plan.cadence.times
        price = whole
    return ItemTerms(price, plan.cadence, discounts)
