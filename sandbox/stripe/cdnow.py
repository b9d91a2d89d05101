"""The demo shop: the CDNOW purchases as Stripe charges, moved to end in a chosen month.

Purchases are real; times of day, declines, refunds and disputes are drawn from the seed by the
rules below, which `sandbox/data/README.md` states in words.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib import resources
from random import Random
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from domain.errors import InvalidInputError
from domain.periods import Month, month_bounds
from sandbox.stripe.facts import DAY_S, ChargeFact, DisputeFact, RefundFact, Shop
from sandbox.stripe.ledger import Ledger

TIMEZONE = "America/New_York"
DATA_ENDS = Month(1998, 6)
DATA_MONTHS = 18
MAX_SEED = 9_999

# Stripe's standard price for US cards and its dispute fee: stripe.com/pricing.
FEE_PER_MILLE, FEE_FIXED, DISPUTE_FEE = 29, 30, 1_500

DECLINE_SHARE, RETRIED_SHARE = 0.02, 0.5
DECLINE_CODES = ("generic_decline", "insufficient_funds", "do_not_honor", "expired_card")
RETRY_AFTER_S = (60, 900)
REFUND_SHARE, PARTIAL_SHARE = 0.03, 0.2
REFUND_LAG_S = (1 * DAY_S, 30 * DAY_S)
REFUND_REASONS = ("requested_by_customer", "requested_by_customer", "duplicate", None)
DISPUTE_SHARE = 0.002
DISPUTE_LAG_S = (5 * DAY_S, 60 * DAY_S)
DISPUTE_REASONS = (
    "fraudulent",
    "fraudulent",
    "fraudulent",
    "product_not_received",
    "product_unacceptable",
    "duplicate",
)
ANSWERED_SHARE, WON_SHARE = 0.6, 0.45
ANSWER_LAG_S, DECISION_LAG_S = (3 * DAY_S, 20 * DAY_S), (30 * DAY_S, 75 * DAY_S)


_Option = TypeVar("_Option")


class Purchase(NamedTuple):
    """A row of the data set; `row` counts from 1 and names the objects made of it."""

    row: int
    customer: int
    day: str
    cents: int


def load_shop(*, last_month: Month, seed: int = 1) -> Ledger:
    """Return the CDNOW shop with June 1998 moved to `last_month`; about half a second.

    The same month and seed give the same facts in every process. Nothing is dated after the end
    of `last_month`. Raise InvalidInputError if the seed is not within 0 and MAX_SEED.
    """
    if not 0 <= seed <= MAX_SEED:
        raise InvalidInputError(f"The seed must be within 0 and {MAX_SEED}, not {seed}.")
    zone = ZoneInfo(TIMEZONE)
    end = int(month_bounds(last_month, zone)[1].timestamp())
    charges = list(_charges(purchases(), _Calendar(last_month, zone), seed))
    drawn = [fact for fact in _aftermath(charges, seed) if fact.created < end]
    return Ledger.from_facts(
        shop=_shop(last_month, zone, seed),
        charges=charges,
        refunds=[fact for fact in drawn if isinstance(fact, RefundFact)],
        disputes=[_known_by(fact, end) for fact in drawn if isinstance(fact, DisputeFact)],
    )


def purchases() -> Iterator[Purchase]:
    """Yield the data set's rows with money in them, in file order."""
    source = resources.files("sandbox") / "data" / "cdnow.csv.gz"
    with source.open("rb") as raw, gzip.open(raw, "rt", newline="") as text:
        rows = csv.reader(text)
        next(rows)
        for row, (customer, day, _, dollars) in enumerate(rows, start=1):
            cents = int(Decimal(dollars) * 100)
            if cents:
                yield Purchase(row, int(customer), day, cents)


def moved(day: date, months: int) -> date:
    """Return the day so many months later, on the target month's last day if it is shorter."""
    target = Month.of(day).plus(months)
    return min(target.last_day, target.first_day + timedelta(days=day.day - 1))


def fee_on(cents: int) -> int:
    """Return Stripe's fee in cents on a US card charge: 2.9 % to the nearest cent, plus 30."""
    return (cents * FEE_PER_MILLE + 500) // 1_000 + FEE_FIXED


class _Calendar:
    """Where each day of the data set lands, as UTC seconds [start, end) of the shop's day."""

    def __init__(self, last_month: Month, zone: ZoneInfo) -> None:
        self._months = DATA_ENDS.months_until(last_month)
        self._zone = zone
        self._days: dict[str, tuple[int, int]] = {}

    def day(self, text: str) -> tuple[int, int]:
        if text not in self._days:
            landed = moved(date.fromisoformat(text), self._months)
            after = landed + timedelta(days=1)
            self._days[text] = self._midnight(landed), self._midnight(after)
        return self._days[text]

    def _midnight(self, day: date) -> int:
        return int(datetime(day.year, day.month, day.day, tzinfo=self._zone).timestamp())


def _shop(last_month: Month, zone: ZoneInfo, seed: int) -> Shop:
    opened = month_bounds(last_month.plus(1 - DATA_MONTHS), zone)[0]
    return Shop(
        account_id=f"acct_1CdnowShop{seed:06d}",
        name="CDNOW sandbox",
        timezone=TIMEZONE,
        created=int(opened.astimezone(UTC).timestamp()),
    )


def _charges(rows: Iterable[Purchase], calendar: _Calendar, seed: int) -> Iterator[ChargeFact]:
    # A stream per question keeps each draw where it is when another rule changes. Text seeds
    # and random() are the parts of Random that Python promises never to change.
    times, declines = Random(f"{seed}:times"), Random(f"{seed}:declines")
    for purchase in rows:
        start, end = calendar.day(purchase.day)
        created = start + int(times.random() * (end - start))
        sale = ChargeFact(
            _id("ch_3", seed, "S", purchase.row),
            created,
            purchase.cents,
            "usd",
            f"cus_C{seed:04d}x{purchase.customer:08d}",
            None,
            fee_on(purchase.cents),
            None,
            _id("pi_3", seed, "S", purchase.row),
        )
        if declines.random() < DECLINE_SHARE:
            yield _declined(sale, purchase.row, (start, end), declines, seed)
        yield sale


def _declined(
    sale: ChargeFact, row: int, day: tuple[int, int], rng: Random, seed: int
) -> ChargeFact:
    """Return a failed attempt: at this purchase just before it, or at one that never came."""
    attempt = sale._replace(
        id=_id("ch_3", seed, "D", row), fee=0, decline_code=_pick(rng, DECLINE_CODES)
    )
    start, end = day
    if rng.random() < RETRIED_SHARE:
        return attempt._replace(created=max(start, sale.created - _between(rng, RETRY_AFTER_S)))
    return attempt._replace(
        created=start + int(rng.random() * (end - start)),
        payment_intent=_id("pi_3", seed, "D", row),
    )


def _aftermath(charges: Iterable[ChargeFact], seed: int) -> Iterator[RefundFact | DisputeFact]:
    """Draw what follows each sale, whenever it may be: a refund, a dispute or nothing."""
    rng = Random(f"{seed}:after")
    for charge in charges:
        if charge.succeeded:
            fate = rng.random()
            if fate < REFUND_SHARE:
                yield _refund(charge, rng)
            elif fate < REFUND_SHARE + DISPUTE_SHARE:
                yield _dispute(charge, rng)


def _refund(charge: ChargeFact, rng: Random) -> RefundFact:
    amount = charge.amount
    if rng.random() < PARTIAL_SHARE:
        amount = max(1, int(amount * 10 * (1 + int(rng.random() * 9))) // 100)
    return RefundFact(
        charge.id.replace("ch_3", "re_3"),
        charge.id,
        charge.created + _between(rng, REFUND_LAG_S),
        amount,
        _pick(rng, REFUND_REASONS),
    )


def _dispute(charge: ChargeFact, rng: Random) -> DisputeFact:
    opened = charge.created + _between(rng, DISPUTE_LAG_S)
    dispute = DisputeFact(
        charge.id.replace("ch_3", "du_1"),
        charge.id,
        opened,
        charge.amount,
        _pick(rng, DISPUTE_REASONS),
        DISPUTE_FEE,
    )
    if rng.random() >= ANSWERED_SHARE:
        # Stripe closes an unanswered dispute as lost when its deadline passes.
        return dispute._replace(closed_at=dispute.deadline)
    return dispute._replace(
        answered_at=opened + _between(rng, ANSWER_LAG_S),
        closed_at=opened + _between(rng, DECISION_LAG_S),
        outcome="won" if rng.random() < WON_SHARE else "lost",
    )


def _known_by(dispute: DisputeFact, end: int) -> DisputeFact:
    """Return the dispute without what had not happened before `end`."""
    answered, closed = dispute.answered_at, dispute.closed_at
    return dispute._replace(
        answered_at=answered if answered is not None and answered < end else None,
        closed_at=closed if closed is not None and closed < end else None,
    )


def _id(prefix: str, seed: int, kind: str, row: int) -> str:
    """Return an id of Stripe's length that tells the seed and the row."""
    return f"{prefix}Cdnow{seed:04d}{kind}{row:013d}"


def _between(rng: Random, bounds: tuple[int, int]) -> int:
    low, high = bounds
    return low + int(rng.random() * (high - low + 1))


def _pick(rng: Random, options: tuple[_Option, ...]) -> _Option:
    return options[int(rng.random() * len(options))]
