"""Rows of the money ledger and of payouts, worked out from what moved the money."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from sandbox.stripe.facts import ChargeFact, DisputeFact, PayoutFact, RefundFact
from sandbox.stripe.ledger import Ledger
from tests.oracle.payments import line_of
from tests.oracle.view import Row, Rows, View, instant

DAY_S = 24 * 3_600


@dataclass(frozen=True)
class Line:
    """Money that moves, in minor units of its currency; `net` is what it adds to the balance."""

    id: str
    created: int
    ms: int
    amount: int
    currency: str
    category: str
    source: str
    available_on: int
    fee: int = 0
    rate: str | None = None

    @property
    def net(self) -> int:
        return self.amount - self.fee

    @property
    def type(self) -> str:
        """Stripe's type: docs.stripe.com/reports/reporting-categories."""
        by_category = {
            "partial_capture_reversal": "refund",
            "dispute": "adjustment",
            "dispute_reversal": "adjustment",
            "payout_reversal": "payout_failure",
        }
        return by_category.get(self.category, self.category)


def balance(view: View) -> Rows:
    """The rows of the balance's lines and of payouts."""
    return {
        "balance_transactions": {
            line.id: _line(view, line) for line in view.made(lines(view.ledger))
        },
        "payouts": {f.id: _payout(view, f) for f in view.made(view.ledger.payouts.facts)},
    }


def lines(ledger: Ledger) -> Iterator[Line]:
    """Every line that there will ever be."""
    charges = {fact.id: fact for fact in ledger.charges.facts}
    for charge in charges.values():
        yield from _of_charge(ledger, charge)
    for refund in ledger.refunds.facts:
        yield from _of_refund(ledger, refund, charges[refund.charge])
    for dispute in ledger.disputes.facts:
        yield from _of_dispute(ledger, dispute, charges[dispute.charge])
    for payout in ledger.payouts.facts:
        yield from _of_payout(payout)


def lines_by_payout(ledger: Ledger) -> dict[str, list[Line]]:
    """What each automatic payout consists of, without the line that pays it out.

    A line goes into the first payout of its currency whose day, UTC, begins when the line is
    available or later.
    """
    payouts = sorted(
        (fact for fact in ledger.payouts.facts if fact.automatic), key=lambda fact: fact.created
    )
    found = defaultdict[str, list[Line]](list)
    for line in lines(ledger):
        if line.category == "payout":
            continue
        for payout in payouts:
            begins = payout.created // DAY_S * DAY_S
            if payout.currency == line.currency and begins >= line.available_on:
                found[payout.id].append(line)
                break
    return found


def _of_charge(ledger: Ledger, fact: ChargeFact) -> Iterator[Line]:
    captured = fact.amount if fact.amount_captured is None else fact.amount_captured
    if fact.decline_code is not None or captured == 0:
        return
    second = fact.created if fact.captured_at is None else fact.captured_at
    settled = (second // DAY_S + ledger.shop.settlement_days) * DAY_S
    yield _caused(ledger, fact, fact.id, fact.amount, "charge", second, settled, fee=fact.fee)
    if captured < fact.amount:
        back = captured - fact.amount
        yield _caused(ledger, fact, fact.id, back, "partial_capture_reversal", second, second)


def _of_refund(ledger: Ledger, fact: RefundFact, charge: ChargeFact) -> Iterator[Line]:
    at, back = fact.created, fact.failed_at
    yield _caused(ledger, charge, fact.id, -fact.amount, "refund", at, at, ms=fact.ms)
    if back is not None:
        kind = "refund_failure"
        yield _caused(ledger, charge, fact.id, fact.amount, kind, back, back, ms=fact.ms)


def _of_dispute(ledger: Ledger, fact: DisputeFact, charge: ChargeFact) -> Iterator[Line]:
    at = fact.escalated_at if fact.inquiry else fact.created
    if at is None or fact.outcome == "prevented":
        return
    yield _caused(
        ledger, charge, fact.id, -fact.amount, "dispute", at, at, fee=fact.fee, ms=fact.ms
    )
    back = fact.closed_at
    if back is not None and fact.outcome == "won":
        kind = "dispute_reversal"
        yield _caused(ledger, charge, fact.id, fact.amount, kind, back, back, ms=fact.ms)


def _of_payout(fact: PayoutFact) -> Iterator[Line]:
    at, back, currency = fact.created, fact.failed_at, fact.currency
    name = line_of(fact.id)
    yield Line(name, at, fact.ms, -fact.amount, currency, "payout", fact.id, at)
    if back is not None:
        kind = "payout_reversal"
        yield Line(f"{name}f", back, fact.ms, fact.amount, currency, kind, fact.id, back)


def _caused(
    ledger: Ledger,
    charge: ChargeFact,
    source: str,
    amount: int,
    category: str,
    created: int,
    available_on: int,
    *,
    fee: int = 0,
    ms: int | None = None,
) -> Line:
    """A line that a charge, or what came of it, caused; in the currency that it settles in."""
    rate = charge.exchange_rate
    suffixes = {"partial_capture_reversal": "p", "refund_failure": "f", "dispute_reversal": "r"}
    return Line(
        line_of(source, suffixes.get(category, "")),
        created,
        charge.ms if ms is None else ms,
        amount if rate is None else _exchanged(amount, Decimal(rate)),
        charge.currency if rate is None else ledger.shop.currency,
        category,
        source,
        available_on,
        fee,
        rate,
    )


def _exchanged(amount: int, rate: Decimal) -> int:
    return int((amount * rate).quantize(Decimal(1), ROUND_HALF_EVEN))


def _line(view: View, line: Line) -> Row:
    return {
        "created_at": instant(line.created),
        "amount": line.amount,
        "fee": line.fee,
        "net": line.net,
        "currency": line.currency,
        "type": line.type,
        "reporting_category": line.category,
        "exchange_rate": None if line.rate is None else Decimal(line.rate),
        "source_id": line.source,
        "available_on": instant(line.available_on),
        "status": "available" if view.past(line.available_on, 0) else "pending",
    }


def _payout(view: View, fact: PayoutFact) -> Row:
    failed = view.past(fact.failed_at, fact.ms)
    arrived = view.past(fact.arrives_at, fact.ms)
    return {
        "created_at": instant(fact.created),
        "amount": fact.amount,
        "currency": fact.currency,
        "status": "failed" if failed else "paid" if arrived else "in_transit",
        "arrival_at": instant(fact.arrives_at),
        "automatic": fact.automatic,
        "method": "standard",
        "failure_code": fact.failure_code if failed else None,
        "balance_transaction_id": line_of(fact.id),
    }
