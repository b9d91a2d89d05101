"""The lines of the money ledger that follow from charges, refunds, disputes and payouts."""

from __future__ import annotations

from collections.abc import Iterator

from sandbox.stripe.facts import (
    DAY_S,
    SETTLEMENT_DAYS,
    BalanceFact,
    ChargeFact,
    DisputeFact,
    PayoutFact,
    RefundFact,
    converted,
)

_SUFFIXES = {
    "partial_capture_reversal": "p",
    "dispute_reversal": "r",
    "refund_failure": "f",
    "payout_reversal": "f",
}


def transaction_id(source: str, category: str = "charge") -> str:
    """Return the id of the balance transaction of a category that an object caused."""
    return f"txn_{source.replace('_', '')}{_SUFFIXES.get(category, '')}"


def charge_lines(
    charge: ChargeFact, currency: str, settlement_days: int = SETTLEMENT_DAYS
) -> Iterator[BalanceFact]:
    """Yield the charge and, if only a part was captured, the return of the rest.

    `currency` is the shop's. Stripe books the whole amount and then a `partial_capture_reversal`,
    which is not a refund (docs.stripe.com/reports/reporting-categories).
    """
    if not charge.captured:
        return
    yield charge_line(charge, currency, settlement_days)
    if charge.captured < charge.amount:
        uncaptured = charge.captured - charge.amount
        yield _line(charge, charge, uncaptured, currency, "partial_capture_reversal")._replace(
            created=charge.settles_at, available_on=charge.settles_at
        )


def charge_line(charge: ChargeFact, currency: str, settlement_days: int) -> BalanceFact:
    """Return the line of a captured charge, available at midnight UTC some days later."""
    second = charge.settles_at
    rate = charge.exchange_rate
    return BalanceFact(
        transaction_id(charge.id),
        second,
        converted(charge.amount, rate),
        charge.fee,
        charge.currency if rate is None else currency,
        "charge",
        "charge",
        charge.id,
        (second // DAY_S + settlement_days) * DAY_S,
        charge.ms,
        rate,
    )


def refund_lines(refund: RefundFact, charge: ChargeFact, currency: str) -> Iterator[BalanceFact]:
    """Yield what was given back and, if the bank refused it, its return."""
    yield _line(refund, charge, -refund.amount, currency, "refund")
    if refund.failed_at is not None:
        returned = _line(refund, charge, refund.amount, currency, "refund_failure")
        yield returned._replace(created=refund.failed_at, available_on=refund.failed_at)


def dispute_lines(dispute: DisputeFact, charge: ChargeFact, currency: str) -> Iterator[BalanceFact]:
    """Yield the withdrawal with its fee and, if won, the return; the fee is not returned."""
    taken_at = dispute.withdrawn_at
    if taken_at is None:
        return
    taken = _line(dispute, charge, -dispute.amount, currency, "dispute")
    yield taken._replace(created=taken_at, available_on=taken_at, fee=dispute.fee)
    if dispute.closed_at is not None and dispute.outcome == "won":
        returned = _line(dispute, charge, dispute.amount, currency, "dispute_reversal")
        yield returned._replace(created=dispute.closed_at, available_on=dispute.closed_at)


def payout_lines(payout: PayoutFact) -> Iterator[BalanceFact]:
    """Yield what left for the bank and, if the bank refused it, its return."""
    line = BalanceFact(
        transaction_id(payout.id),
        payout.created,
        -payout.amount,
        0,
        payout.currency,
        "payout",
        "payout",
        payout.id,
        payout.created,
        payout.ms,
    )
    yield line
    if payout.failed_at is not None:
        yield line._replace(
            id=transaction_id(payout.id, "payout_reversal"),
            created=payout.failed_at,
            amount=payout.amount,
            type="payout_failure",
            reporting_category="payout_reversal",
            available_on=payout.failed_at,
        )


# Stripe's type of the lines of a reporting category; the others have the category's name.
_TYPES = {
    "partial_capture_reversal": "refund",
    "dispute": "adjustment",
    "dispute_reversal": "adjustment",
}


def _line(
    source: ChargeFact | RefundFact | DisputeFact,
    charge: ChargeFact,
    amount: int,
    currency: str,
    category: str,
) -> BalanceFact:
    rate = charge.exchange_rate
    return BalanceFact(
        id=transaction_id(source.id, category),
        created=source.created,
        amount=converted(amount, rate),
        fee=0,
        currency=charge.currency if rate is None else currency,
        type=_TYPES.get(category, category),
        reporting_category=category,
        source=source.id,
        available_on=source.created,
        ms=source.ms,
        exchange_rate=rate,
    )
