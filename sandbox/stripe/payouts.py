"""Daily automatic payouts: what became available since the last one, sent to the bank."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from sandbox.stripe.facts import DAY_S, BalanceFact, PayoutFact, Shop
from sandbox.stripe.lines import transaction_id
from sandbox.stripe.table import Positions, Table

# Stripe makes the day's payouts early in the morning, UTC, and banks take a day.
PAYOUT_AFTER_S = 2 * 3_600
ARRIVES_AFTER_S = DAY_S - PAYOUT_AFTER_S
# No line becomes available later than this after its creation, whatever the shop's delay.
LONGEST_DELAY_S = 10 * DAY_S


@dataclass(frozen=True)
class PayoutPlan:
    """Which daily payouts fail, counted from 1, and the second before which the last is made."""

    failing: frozenset[int] = frozenset()
    until: int | None = None


def daily_payouts(
    shop: Shop, moved: Iterable[BalanceFact], plan: PayoutPlan
) -> Iterator[PayoutFact]:
    """Yield a payout a day and currency for what the lines make available.

    A day that leaves nothing to send is skipped: its lines go into the next payout, and so does
    the money of a payout that fails.
    """
    nets: defaultdict[str, dict[int, int]] = defaultdict(dict)
    for line in moved:
        days = nets[line.currency]
        day = cutoff_day(line.available_on)
        days[day] = days.get(day, 0) + line.net
    for currency in sorted(nets):
        yield from payouts_of(shop, currency, nets[currency], plan)


def payouts_of(
    shop: Shop, currency: str, nets: Mapping[int, int], plan: PayoutPlan
) -> Iterator[PayoutFact]:
    """Yield the payouts of one currency; `nets` is what becomes available by cutoff day."""
    name, waiting = shop.account_id.removeprefix("acct_1"), dict(nets)
    balance, since, day, made = 0, 0, min(waiting, default=0), 0
    while waiting:
        created = day * DAY_S + PAYOUT_AFTER_S
        if plan.until is not None and created >= plan.until:
            return
        balance += waiting.pop(day, 0)
        if balance > 0:
            made += 1
            payout = PayoutFact(
                f"po_1{name}{currency}{day:06d}",
                created,
                balance,
                created + ARRIVES_AFTER_S,
                currency,
                gathers_from=since,
                gathers_until=day * DAY_S,
            )
            if made in plan.failing:
                payout = payout._replace(failed_at=payout.arrives_at)
                back = cutoff_day(payout.arrives_at)
                waiting[back] = waiting.get(back, 0) + balance
            yield payout
            balance, since = 0, day * DAY_S
        day += 1


def cutoff_day(available_on: int) -> int:
    """Return the day (since the epoch) at whose start the money can be paid out."""
    return -(-available_on // DAY_S)


def lines_of(payout: PayoutFact, table: Table[BalanceFact]) -> Positions:
    """Return the positions of the payout's own line and of those that it gathered."""
    own = transaction_id(payout.id)
    candidates = table.between(
        (payout.gathers_from - LONGEST_DELAY_S) * 1_000, (payout.created + 1) * 1_000
    )
    found = array("q")
    for position in candidates:
        line = table.facts[position]
        if line.type == "payout":
            gathered = line.id == own
        else:
            inside = payout.gathers_from < line.available_on <= payout.gathers_until
            gathered = payout.automatic and inside and line.currency == payout.currency
        if gathered:
            found.append(position)
    return found
