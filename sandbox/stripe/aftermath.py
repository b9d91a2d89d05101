"""What comes of charges: captures, refunds, warnings of fraud and disputes, with their turns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

from sandbox.stripe.draws import between, pick, soon
from sandbox.stripe.facts import (
    DAY_S,
    ChargeFact,
    DisputeFact,
    EarlyFraudWarningFact,
    Outcome,
    RefundFact,
)

REASONS = (
    "fraudulent",
    "fraudulent",
    "product_not_received",
    "product_unacceptable",
    "duplicate",
)
_REFUND_REASONS = ("requested_by_customer", "requested_by_customer", "duplicate", None)
_FRAUD_TYPES = ("made_with_stolen_card", "unauthorized_use_of_card", "misc")
_OUTCOMES: tuple[Outcome, ...] = ("lost", "lost", "won", "won")


@dataclass(frozen=True)
class Rates:
    """How often what comes of a charge; the rest of them simply succeed."""

    refunded: float = 0.08
    disputed: float = 0.01
    warned: float = 0.01
    captured_late: float = 0.04
    never_captured: float = 0.01
    answered: float = 0.6
    dispute_fee: int = 1_500


class Aftermath:
    """Draws what follows charges; `last` is the second of the newest charge."""

    def __init__(self, rates: Rates, rng: Random, key: str) -> None:
        """Take the rates, the stream to draw from and what the ids begin with."""
        self._rates, self._rng, self._key = rates, rng, key
        self.charges: list[ChargeFact] = []
        self.refunds: list[RefundFact] = []
        self.disputes: list[DisputeFact] = []
        self.warnings: list[EarlyFraudWarningFact] = []
        self.last = 0

    def follow(self, charges: Iterable[ChargeFact]) -> None:
        """Add the charges and what follows them."""
        for made in charges:
            charge = self._settled(made) if made.succeeded else made
            fate = self._rng.random()
            if not charge.captured:
                pass
            elif fate < self._rates.refunded:
                self._refund(charge)
            elif fate < self._rates.refunded + self._rates.disputed:
                charge = self._dispute(charge)
            elif fate > 1 - self._rates.warned:
                warned = charge.settles_at + soon(self._rng, 20 * DAY_S)
                self.warnings.append(self._warning(charge, warned))
            self.charges.append(charge)
            self.last = max(self.last, charge.settles_at)

    def _settled(self, charge: ChargeFact) -> ChargeFact:
        """Return the charge as it was captured: at once, later, in part or never."""
        rng, draw = self._rng, self._rng.random()
        if draw < self._rates.never_captured:
            return charge._replace(amount_captured=0, fee=0)
        if draw < self._rates.never_captured + self._rates.captured_late:
            part = charge.amount * between(rng, 5, 10) // 10
            return charge._replace(
                amount_captured=max(1, part), captured_at=charge.created + soon(rng, 6 * DAY_S)
            )
        return charge

    def _refund(self, charge: ChargeFact) -> None:
        """Give money back in one to three parts, some of them in one second."""
        rng, left = self._rng, charge.captured
        when = charge.settles_at + soon(rng, 25 * DAY_S)
        for part in range(between(rng, 1, 3)):
            amount = left if rng.random() < 0.6 else max(1, left * between(rng, 1, 9) // 10)
            refund = self._turn(
                RefundFact(
                    f"re_3{self._key}{len(self.refunds):09d}{part}",
                    charge.id,
                    when,
                    amount,
                    pick(rng, _REFUND_REASONS),
                    ms=between(rng, charge.ms, 999),
                )
            )
            self.refunds.append(refund)
            left -= amount
            if refund.failed_at is not None or left == 0:
                return
            when += 0 if rng.random() < 0.4 else soon(rng, 3 * DAY_S)

    def _turn(self, refund: RefundFact) -> RefundFact:
        draw, lag = self._rng.random(), soon(self._rng, 5 * DAY_S) + 1
        if draw < 0.1:
            return refund._replace(succeeded_at=refund.created + lag)
        return refund._replace(failed_at=refund.created + lag) if draw < 0.18 else refund

    def _dispute(self, charge: ChargeFact) -> ChargeFact:
        """Open a dispute or an inquiry, often warned of; return the charge, perhaps reported."""
        rng, number = self._rng, len(self.disputes)
        reason = pick(rng, REASONS)
        opened = charge.settles_at + soon(rng, 40 * DAY_S)
        if reason == "fraudulent" and rng.random() < 0.7:
            warned = between(rng, charge.settles_at, opened)
            self.warnings.append(self._warning(charge, warned))
            if rng.random() < 0.5:
                charge = charge._replace(reported_at=warned)
        dispute = DisputeFact(
            f"du_1{self._key}{number:010d}",
            charge.id,
            opened,
            charge.captured,
            reason,
            self._rates.dispute_fee,
            ms=between(rng, charge.ms, 999),
        )
        self.disputes.append(self._course(dispute))
        return charge

    def _warning(self, charge: ChargeFact, second: int) -> EarlyFraudWarningFact:
        number = len(self.warnings)
        kind = pick(self._rng, _FRAUD_TYPES)
        return EarlyFraudWarningFact(
            f"issfr_1{self._key}{number:010d}", charge.id, second, kind, charge.ms
        )

    def _course(self, dispute: DisputeFact) -> DisputeFact:
        """Return the dispute with how it goes on: prevented, an inquiry, answered or not."""
        rng, draw = self._rng, self._rng.random()
        closed = dispute.created + between(rng, 1, 30 * DAY_S)
        if draw < 0.1:
            return dispute._replace(outcome="prevented", closed_at=dispute.created, fee=0)
        if rng.random() < self._rates.answered:
            answered = dispute.created + soon(rng, closed - dispute.created - 1)
            outcome = pick(rng, _OUTCOMES)
            dispute = dispute._replace(answered_at=answered, outcome=outcome)
        else:
            closed = dispute.deadline
        if draw > 0.8:
            return self._inquiry(dispute, closed, escalates=draw > 0.9)
        return dispute if draw > 0.7 else dispute._replace(closed_at=closed)

    def _inquiry(self, dispute: DisputeFact, closed: int, *, escalates: bool) -> DisputeFact:
        if not escalates:
            return dispute._replace(inquiry=True, fee=0, outcome="warning_closed", closed_at=closed)
        halfway = (dispute.created + closed) // 2
        return dispute._replace(inquiry=True, escalated_at=halfway, closed_at=closed)
