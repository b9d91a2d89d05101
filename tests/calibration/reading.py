"""The score's inputs of a sandbox shop, worked out from its facts without a database.

Written apart from `db` and `services`, so that a fault there does not show here as a good score. A
shop's currency is the one it settles in; what customers paid in others counts at the rate at which
Stripe exchanged it, and what has a balance of its own is left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cached_property
from zoneinfo import ZoneInfo

from domain.metrics import DayFacts, MonthMetrics, month_metrics
from domain.periods import Month, month_range
from domain.rates import StatedRate
from domain.readiness import AccountFacts, ReadinessInputs, inputs_from_months
from sandbox.stripe.facts import ChargeFact
from sandbox.stripe.ledger import Ledger
from tests.calibration.subscriptions import Recurring, recurring
from tests.oracle.balance import lines

AS_OF = datetime(2026, 11, 22, 12, tzinfo=UTC)
LAST = Month(2026, 10)
_NOW = int(AS_OF.timestamp())
EARNED = frozenset(
    {
        "charge",
        "partial_capture_reversal",
        "refund",
        "refund_failure",
        "dispute",
        "dispute_reversal",
    }
)


@dataclass(frozen=True)
class Reading:
    """A shop's facts as they stood at `AS_OF`, in its own currency and time zone."""

    ledger: Ledger

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.ledger.shop.timezone)

    @property
    def today(self) -> date:
        return AS_OF.astimezone(self.zone).date()

    def day(self, second: int) -> date:
        return datetime.fromtimestamp(second, self.zone).date()

    def happened(self, second: int | None) -> bool:
        return second is not None and second <= _NOW

    @cached_property
    def sales(self) -> list[ChargeFact]:
        """Charges that captured money and settle in the shop's currency."""
        return [fact for fact in self._attempts() if self.captured(fact) > 0]

    def captured(self, fact: ChargeFact) -> int:
        if fact.decline_code is not None or not self.happened(fact.settles_at):
            return 0
        return fact.amount if fact.amount_captured is None else fact.amount_captured

    def failures(self) -> Iterator[date]:
        """The day of the last attempt at each payment that nobody made."""
        tries = defaultdict[str, list[ChargeFact]](list)
        for fact in self._attempts():
            tries[fact.payment_intent or fact.id].append(fact)
        for attempts in tries.values():
            if all(fact.decline_code is not None for fact in attempts):
                yield self.day(max(fact.created for fact in attempts))

    def refunds(self) -> Iterator[tuple[int, ChargeFact, int]]:
        """The second, the charge and the amount of what was given back and did not come back."""
        for fact in self.ledger.refunds.facts:
            charge = self.ledger.charges.get(fact.charge)
            given_back = self.happened(fact.created) and not self.happened(fact.failed_at)
            if given_back and self.settles_here(charge):
                yield fact.created, charge, settled(fact.amount, charge)

    def disputes(self) -> Iterator[tuple[int, int]]:
        """The second and the amount of disputes that are neither inquiries nor prevented."""
        for fact in self.ledger.disputes.facts:
            charge = self.ledger.charges.get(fact.charge)
            asked = fact.inquiry and not self.happened(fact.escalated_at)
            counts = self.happened(fact.created) and not asked and fact.outcome != "prevented"
            if counts and self.settles_here(charge):
                yield fact.created, settled(fact.amount, charge)

    def settles_here(self, fact: ChargeFact) -> bool:
        return fact.exchange_rate is not None or fact.currency == self.ledger.shop.currency

    def _attempts(self) -> Iterator[ChargeFact]:
        for fact in self.ledger.charges.facts:
            if self.happened(fact.created) and self.settles_here(fact):
                yield fact


def settled(amount: int, charge: ChargeFact) -> int:
    """The amount in the currency that the charge settled in."""
    if charge.exchange_rate is None:
        return amount
    exact = amount * Decimal(charge.exchange_rate)
    return int(exact.quantize(Decimal(1), ROUND_HALF_EVEN))


def read_inputs(ledger: Ledger, rate: StatedRate | None = None) -> ReadinessInputs:
    """Return what the score of the shop is computed from."""
    shop = Reading(ledger)
    billed = recurring(ledger, shop.zone, LAST)
    months = read_months(shop, billed)
    top1, account = _account(shop, billed)
    return inputs_from_months(
        months, top1_share=top1, as_of=shop.today, data_age_days=0, account=account, rate=rate
    )


def read_months(shop: Reading, billed: Recurring) -> list[MonthMetrics]:
    """Return the metrics of every month from the first sale on."""
    days, buyers = _days(shop), defaultdict[Month, set[str]](set)
    for fact in shop.sales:
        if fact.customer is not None:
            buyers[Month.of(shop.day(fact.created))].add(fact.customer)
    if not days:
        return []
    by_month = defaultdict[Month, list[DayFacts]](list)
    for facts in days:
        by_month[Month.of(facts.day)].append(facts)
    return [
        month_metrics(
            month,
            by_month[month],
            currency=shop.ledger.shop.currency,
            active_customers=len(buyers[month]),
            through=min(shop.today, month.last_day),
            mrr_minor=billed.mrr_minor.get(month),
        )
        for month in month_range(min(by_month), Month.of(shop.today))
    ]


def _days(shop: Reading) -> list[DayFacts]:
    counted = defaultdict[date, dict[str, int]](lambda: defaultdict(int))

    def add(day: date, **amounts: int) -> None:
        for name, amount in amounts.items():
            counted[day][name] += amount

    for fact in shop.sales:
        gross = settled(shop.captured(fact), fact)
        add(shop.day(fact.created), gross_minor=gross, charge_count=1)
    for day in shop.failures():
        add(day, failed_count=1)
    for second, _, amount in shop.refunds():
        add(shop.day(second), refund_minor=amount, refund_count=1)
    for second, amount in shop.disputes():
        add(shop.day(second), dispute_minor=amount, dispute_count=1)
    for line in lines(shop.ledger):
        if line.currency == shop.ledger.shop.currency and shop.happened(line.created):
            net = line.amount if line.category in EARNED else 0
            add(shop.day(line.created), net_minor=net, fee_minor=line.fee)
    return [DayFacts(day=day, **amounts) for day, amounts in sorted(counted.items())]


def _account(shop: Reading, billed: Recurring) -> tuple[Decimal | None, AccountFacts]:
    """Return the largest customer's share of 12 months, and what the months do not tell."""
    year = (LAST.plus(-11).first_day, LAST.last_day)
    paid = defaultdict[str | None, int](int)
    for fact in shop.sales:
        if year[0] <= shop.day(fact.created) <= year[1]:
            paid[fact.customer] += settled(shop.captured(fact), fact)
    buyers = paid.keys() - {None}
    for second, charge, amount in shop.refunds():
        if year[0] <= shop.day(second) <= year[1]:
            paid[charge.customer] -= amount
    failed, payouts = _payouts(shop)
    account = AccountFacts(
        customer_count=len(buyers),
        gross_retention=billed.gross_retention,
        cohort_customers=billed.cohort_customers,
        payout_failed_share=_share(failed, payouts),
        payout_count=payouts,
        payouts_enabled=True,
    )
    largest = max((amount for customer, amount in paid.items() if customer), default=0)
    return _share(largest, sum(paid.values())) if buyers else None, account


def _payouts(shop: Reading) -> tuple[int, int]:
    """How many payouts of the last 3 complete months failed, and how many there were."""
    first, last = LAST.plus(-2).first_day, LAST.last_day
    sent = [f for f in shop.ledger.payouts.facts if first <= shop.day(f.created) <= last]
    return sum(shop.happened(fact.failed_at) for fact in sent), len(sent)


def _share(part: int, whole: int) -> Decimal | None:
    if whole <= 0:
        return None
    return min(max(Decimal(part) / whole, Decimal(0)), Decimal(1))
