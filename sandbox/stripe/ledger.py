"""One shop's whole history, and the money ledger that follows from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from domain.errors import InvalidInputError
from sandbox.stripe.facts import (
    DAY_S,
    SETTLEMENT_DAYS,
    BalanceFact,
    ChargeFact,
    CustomerFact,
    DisputeFact,
    RefundFact,
    Shop,
)
from sandbox.stripe.people import email_of
from sandbox.stripe.table import Table


@dataclass(frozen=True)
class Ledger:
    """Every fact of a shop, by kind; Stripe's objects are derived from them for any instant.

    Build one by hand with `from_facts`, or take the CDNOW shop of `sandbox.stripe.cdnow`.
    """

    shop: Shop
    charges: Table[ChargeFact]
    refunds: Table[RefundFact]
    disputes: Table[DisputeFact]
    customers: Table[CustomerFact]
    balance_transactions: Table[BalanceFact]

    @classmethod
    def from_facts(
        cls,
        *,
        charges: Iterable[ChargeFact] = (),
        refunds: Iterable[RefundFact] = (),
        disputes: Iterable[DisputeFact] = (),
        shop: Shop | None = None,
    ) -> Ledger:
        """Build a ledger; customers and balance transactions follow from the facts.

        Raise InvalidInputError if ids repeat, or if a refund or dispute names a charge that
        captured nothing, predates its charge, or gives back more than was captured.
        """
        sales = _charge_table(charges)
        returns = _refund_table(refunds, sales)
        chargebacks = _dispute_table(disputes, sales)
        _check(sales, returns, chargebacks)
        return cls(
            shop=shop or Shop(),
            charges=sales,
            refunds=returns,
            disputes=chargebacks,
            customers=_customer_table(sales),
            balance_transactions=_balance_table(_balance_facts(sales, returns, chargebacks)),
        )

    def refunds_of(self, charge_id: str) -> list[RefundFact]:
        """Return the charge's refunds, oldest first."""
        return self.refunds.matching("charge", charge_id)

    def disputes_of(self, charge_id: str) -> list[DisputeFact]:
        """Return the charge's disputes, oldest first."""
        return self.disputes.matching("charge", charge_id)


def transaction_id(source: str, category: str = "charge") -> str:
    """Return the id of the balance transaction of a category that an object caused."""
    suffix = {"partial_capture_reversal": "p", "dispute_reversal": "r"}.get(category, "")
    return f"txn_{source.replace('_', '')}{suffix}"


def _charge_table(charges: Iterable[ChargeFact]) -> Table[ChargeFact]:
    return Table(
        charges,
        {
            "customer": lambda charge: charge.customer,
            "payment_intent": lambda charge: charge.payment_intent,
            "transfer_group": _never,
        },
    )


def _refund_table(refunds: Iterable[RefundFact], charges: Table[ChargeFact]) -> Table[RefundFact]:
    intent = _intent_by_charge(charges)
    return Table(
        refunds,
        {"charge": lambda refund: refund.charge, "payment_intent": lambda r: intent(r.charge)},
    )


def _dispute_table(
    disputes: Iterable[DisputeFact], charges: Table[ChargeFact]
) -> Table[DisputeFact]:
    intent = _intent_by_charge(charges)
    return Table(
        disputes,
        {"charge": lambda dispute: dispute.charge, "payment_intent": lambda d: intent(d.charge)},
    )


def _customer_table(charges: Table[ChargeFact]) -> Table[CustomerFact]:
    first_seen: dict[str, int] = {}
    for charge in charges.facts:
        if charge.customer is not None:
            first_seen.setdefault(charge.customer, charge.created)
    facts = (CustomerFact(customer, created) for customer, created in first_seen.items())
    return Table(facts, {"email": lambda customer: email_of(customer.id), "test_clock": _never})


def _balance_table(lines: Iterable[BalanceFact]) -> Table[BalanceFact]:
    return Table(
        lines,
        {
            "type": lambda line: line.type,
            "currency": lambda line: line.currency,
            "source": lambda line: line.source,
            "payout": _never,
        },
    )


def _never(_: object) -> None:
    """Return the value of a field that no object here has: a filter by it finds nothing."""


def _intent_by_charge(charges: Table[ChargeFact]) -> Callable[[str], str | None]:
    return lambda charge_id: charges.get(charge_id).payment_intent


def _check(
    charges: Table[ChargeFact], refunds: Table[RefundFact], disputes: Table[DisputeFact]
) -> None:
    claims: tuple[RefundFact | DisputeFact, ...] = (*refunds.facts, *disputes.facts)
    for fact in claims:
        charge = charges.get(fact.charge)
        if charge.captured == 0 or fact.created < charge.created:
            raise InvalidInputError(
                f"{fact.id} must follow a charge that captured money; {charge.id} does not fit."
            )
    for refund in refunds.facts:
        returned = sum(part.amount for part in refunds.matching("charge", refund.charge))
        if returned > charges.get(refund.charge).captured:
            raise InvalidInputError(f"{refund.charge} is refunded more than it captured.")


def _balance_facts(
    charges: Table[ChargeFact], refunds: Table[RefundFact], disputes: Table[DisputeFact]
) -> Iterator[BalanceFact]:
    for charge in charges.facts:
        if charge.captured:
            yield from _charge_lines(charge)
    for refund in refunds.facts:
        currency = charges.get(refund.charge).currency
        yield _line(refund, -refund.amount, currency, "refund", "refund")
    for dispute in disputes.facts:
        yield from _dispute_lines(dispute, charges.get(dispute.charge).currency)


def _charge_lines(charge: ChargeFact) -> Iterator[BalanceFact]:
    """Yield the charge and, if only a part was captured, the return of the rest.

    Stripe books the whole amount and then a `partial_capture_reversal`, which is not a refund
    (docs.stripe.com/reports/reporting-categories).
    """
    available = (charge.created // DAY_S + SETTLEMENT_DAYS) * DAY_S
    line = _line(charge, charge.amount, charge.currency, "charge", "charge")
    yield line._replace(fee=charge.fee, available_on=available)
    if charge.captured < charge.amount:
        uncaptured = charge.captured - charge.amount
        yield _line(charge, uncaptured, charge.currency, "refund", "partial_capture_reversal")


def _dispute_lines(dispute: DisputeFact, currency: str) -> Iterator[BalanceFact]:
    """Yield the withdrawal with its fee and, if won, the return; the fee is not returned."""
    taken = _line(dispute, -dispute.amount, currency, "adjustment", "dispute")
    yield taken._replace(fee=dispute.fee)
    if dispute.closed_at is not None and dispute.outcome == "won":
        returned = _line(dispute, dispute.amount, currency, "adjustment", "dispute_reversal")
        yield returned._replace(created=dispute.closed_at, available_on=dispute.closed_at)


def _line(
    source: ChargeFact | RefundFact | DisputeFact,
    amount: int,
    currency: str,
    kind: str,
    category: str,
) -> BalanceFact:
    return BalanceFact(
        id=transaction_id(source.id, category),
        created=source.created,
        amount=amount,
        fee=0,
        currency=currency,
        type=kind,
        reporting_category=category,
        source=source.id,
        available_on=source.created,
    )
