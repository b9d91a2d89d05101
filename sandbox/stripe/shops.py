"""Shops that sell goods, drawn from a plan: charges with everything that can come of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import NamedTuple

from domain.periods import Month
from sandbox.stripe.aftermath import Aftermath, Rates
from sandbox.stripe.draws import between, month_seconds, pick, shares
from sandbox.stripe.facts import (
    ChargeFact,
    CustomerFact,
    PaymentIntentFact,
    Shop,
    converted,
)
from sandbox.stripe.ledger import Ledger, More
from sandbox.stripe.payouts import PayoutPlan

DECLINES = ("generic_decline", "insufficient_funds", "do_not_honor", "expired_card")
# What a charge in each currency costs to settle, as Stripe prices it at home: stripe.com/pricing.
_FEE_PER_MILLE, _FEE_FIXED = 29, 30


class Tender(NamedTuple):
    """A currency that customers pay in, how often, what a purchase is worth, and its rate.

    `typical` is in the currency's minor units and `rate` as in `ChargeFact.exchange_rate`.
    """

    currency: str
    weight: float
    typical: int
    step: int = 1
    rate: str | None = None


@dataclass(frozen=True)
class ShopPlan:
    """How a shop trades; `months` are the weights of its months, the last one newest.

    `customers` is how many buyers there are for a hundred charges and `biggest` the share of the
    charges that one of them makes.
    """

    name: str
    months: Sequence[float]
    tenders: Sequence[Tender]
    timezone: str = "America/New_York"
    country: str = "US"
    customers: int = 30
    biggest: float = 0.0
    guests: float = 0.1
    declined: float = 0.05
    burst: float = 0.2
    rates: Rates = field(default_factory=Rates)


def make_shop(plan: ShopPlan, *, last_month: Month, seed: int, charges: int) -> Ledger:
    """Return the shop with so many charges, the newest in `last_month`.

    What comes of them may be later still. The same arguments give the same facts everywhere.
    """
    key = "".join(word.capitalize() for word in plan.name.split())[:9].ljust(9, "x")
    maker = _Maker(plan, Random(f"{plan.name}:{seed}:sales"), f"{key}{seed:04d}", charges)
    made = list(maker.charges(last_month))
    aftermath = Aftermath(plan.rates, Random(f"{plan.name}:{seed}:after"), f"{key}{seed:04d}")
    aftermath.follow(made)
    first = last_month.plus(1 - len(plan.months))
    shop = Shop(
        account_id=f"acct_1{key}{seed:04d}",
        name=f"{plan.name} sandbox",
        timezone=plan.timezone,
        currency=plan.tenders[0].currency,
        country=plan.country,
        created=month_seconds(first, plan.timezone)[0],
        upgraded_at=month_seconds(last_month, plan.timezone)[0],
        pays_out_daily=True,
    )
    return Ledger.from_facts(
        shop=shop,
        charges=aftermath.charges,
        refunds=aftermath.refunds,
        disputes=aftermath.disputes,
        more=More(
            customers=tuple(maker.customers(aftermath.last)),
            payment_intents=tuple(maker.abandoned),
            early_fraud_warnings=tuple(aftermath.warnings),
            plan=PayoutPlan(failing=frozenset(range(7, 10_000, 23))),
        ),
    )


class _Maker:
    """Draws the charges of a plan, one purchase after another."""

    def __init__(self, plan: ShopPlan, rng: Random, key: str, charges: int) -> None:
        self._plan, self._rng, self._key, self._count = plan, rng, key, charges
        self._buyers = max(1, charges * plan.customers // 100)
        self._number = 0
        self._first_seen: dict[str, tuple[int, int]] = {}
        self.abandoned: list[PaymentIntentFact] = []

    def charges(self, last_month: Month) -> Iterator[ChargeFact]:
        """Yield the charges, not in order."""
        months = self._plan.months
        for index, count in enumerate(shares(self._count, months)):
            month = last_month.plus(index + 1 - len(months))
            start, end = month_seconds(month, self._plan.timezone)
            yield from self._month(start, end, self._number + count)

    def customers(self, last: int) -> Iterator[CustomerFact]:
        """Yield the customers that are more than their first charge: changed or deleted."""
        rng = self._rng
        for number, (name, (created, ms)) in enumerate(sorted(self._first_seen.items())):
            updated = created + between(rng, 0, 20 * 86_400) if number % 5 == 1 else None
            deleted = last + between(rng, 1, 5 * 86_400) if number % 11 == 3 else None
            yield CustomerFact(name, created, ms, updated, deleted)

    def _month(self, start: int, end: int, until: int) -> Iterator[ChargeFact]:
        rng, moment = self._rng, start * 1_000
        while self._number < until:
            if rng.random() < self._plan.burst and moment < (end - 1) * 1_000:
                # Close behind the last one: often within the same second.
                moment += between(rng, 1, 700)
            else:
                moment = start * 1_000 + int(rng.random() * (end - start) * 1_000)
            yield from self._purchase(moment, end * 1_000, until)

    def _purchase(self, moment: int, end: int, until: int) -> Iterator[ChargeFact]:
        """Yield the attempts at one purchase: some fail, and some of those are tried again."""
        rng, sale = self._rng, self._sale(moment)
        if rng.random() < 0.01:
            self.abandoned.append(self._abandoned(sale))
        while rng.random() < self._plan.declined and self._number < until:
            blocked = rng.random() < 0.1
            code = "fraudulent" if blocked else pick(rng, DECLINES)
            yield sale._replace(fee=0, decline_code=code, blocked=blocked)
            moment = min(end - 1, moment + between(rng, 200, 90_000))
            if rng.random() < 0.4:
                return
            sale = self._next(sale)._replace(created=moment // 1_000, ms=moment % 1_000)
        if self._number <= until:
            yield sale

    def _sale(self, moment: int) -> ChargeFact:
        rng = self._rng
        tender = self._tender()
        amount = max(1, int(tender.typical * (0.4 + 1.8 * rng.random() ** 2)) // tender.step)
        amount *= tender.step
        settled = converted(amount, tender.rate)
        sale = ChargeFact(
            "",
            moment // 1_000,
            amount,
            tender.currency,
            self._buyer(moment),
            fee=settled * _FEE_PER_MILLE // 1_000 + min(_FEE_FIXED, settled // 10),
            ms=moment % 1_000,
            exchange_rate=tender.rate,
        )
        return self._next(sale)._replace(payment_intent=f"pi_3{self._key}{self._number:010d}")

    def _next(self, sale: ChargeFact) -> ChargeFact:
        self._number += 1
        return sale._replace(id=f"ch_3{self._key}{self._number:010d}")

    def _tender(self) -> Tender:
        tenders = self._plan.tenders
        at = self._rng.random() * sum(tender.weight for tender in tenders)
        for tender in tenders:
            at -= tender.weight
            if at < 0:
                return tender
        return tenders[-1]

    def _buyer(self, moment: int) -> str | None:
        rng = self._rng
        if rng.random() < self._plan.biggest:
            number = 0
        elif rng.random() < self._plan.guests:
            return None
        else:
            # Squared, so that a few buyers come back often.
            number = int(rng.random() ** 2 * self._buyers)
        name = f"cus_{self._key}{number:06d}"
        seen = divmod(moment, 1_000)
        self._first_seen[name] = min(seen, self._first_seen.get(name, seen))
        return name

    def _abandoned(self, sale: ChargeFact) -> PaymentIntentFact:
        """Return an intent that nobody paid, given up two days later."""
        return PaymentIntentFact(
            f"pi_3{self._key}a{self._number:09d}",
            sale.created,
            sale.amount,
            sale.currency,
            sale.customer,
            sale.ms,
            canceled_at=sale.created + 2 * 86_400,
            cancellation_reason="abandoned",
        )


def growing(months: int, factor: float) -> list[float]:
    """Return the weights of months of which each is so many times the one before."""
    return [float(Decimal(str(factor)) ** index) for index in range(months)]
