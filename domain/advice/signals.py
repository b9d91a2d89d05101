"""What rules look at beside the score's inputs: read from the ledger, unknown where unread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class DisputeRecord:
    """Disputes opened in the last 12 months, without inquiries and prevented ones.

    `by_reason` counts all of them. `settled` are those won, lost or under review, `answered` those
    of them for which evidence was submitted. `waiting` still need a response, the first of them by
    the local day `due_on`, where Stripe tells one.
    """

    by_reason: Mapping[str, int]
    settled: int = 0
    answered: int = 0
    won: int = 0
    lost: int = 0
    waiting: int = 0
    due_on: date | None = None

    @property
    def count(self) -> int:
        """All of them."""
        return sum(self.by_reason.values())

    @property
    def fraudulent_share(self) -> Decimal | None:
        """The share whose reason is `fraudulent`; None of none."""
        return _share(self.by_reason.get("fraudulent", 0), self.count)

    @property
    def response_rate(self) -> Decimal | None:
        """The share of settled ones that were answered; None of none."""
        return _share(self.answered, self.settled)

    @property
    def win_rate(self) -> Decimal | None:
        """The share of decided ones that were won; None of none."""
        return _share(self.won, self.won + self.lost)


@dataclass(frozen=True, slots=True)
class SubscriptionPayments:
    """Invoices of subscriptions that Stripe tried to collect in the last 3 complete months.

    `failed` were not paid within 7 days of being finalized.
    """

    attempted: int
    failed: int

    @property
    def failure_rate(self) -> Decimal | None:
        """The share that failed; None of none."""
        return _share(self.failed, self.attempted)


@dataclass(frozen=True, slots=True)
class Signals:
    """Everything may be unknown (None), which silences the rules that need it.

    `warnings_actionable`: early fraud warnings of the last 120 days on charges that were neither
    refunded in full nor disputed. `declines_by_code`: failed charges of the last 3 complete months
    by the issuer's reason. `hhi`: the sum of the squared shares of customers in 12 complete months'
    charges less refunds, 0 to 10,000; guests count as many small ones. `payouts_failed`: in the
    last 90 days. `requirements_due`: how many Stripe lists as currently due. `net_retention`: of 12
    months; `monthly_churn`: of subscribers; `monthly_plan_share`: of recurring revenue; all ratios.
    """

    disputes: DisputeRecord | None = None
    warnings_actionable: int | None = None
    declines_by_code: Mapping[str, int] | None = None
    subscriptions: SubscriptionPayments | None = None
    hhi: Decimal | None = None
    payouts_failed: int | None = None
    requirements_due: int | None = None
    net_retention: Decimal | None = None
    monthly_churn: Decimal | None = None
    monthly_plan_share: Decimal | None = None


NO_SIGNALS = Signals()


def _share(part: int, whole: int) -> Decimal | None:
    if whole == 0:
        return None
    return round(Decimal(part) / Decimal(whole), 6)
