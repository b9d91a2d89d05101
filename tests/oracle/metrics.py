"""Every metric of every month, worked out from a shop's facts in plain Python.

Nothing here comes from the product: months, local days, what counts, ratios and rounding are
written down once more. Money is in minor units; ratios have four decimals, rounded half to even.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import cached_property
from zoneinfo import ZoneInfo

from sandbox.stripe.facts import ChargeFact, DisputeFact
from sandbox.stripe.ledger import Ledger
from tests.oracle.balance import Line, lines
from tests.oracle.view import View

WEEK_S = 7 * 86_400
EARNED = {
    "charge",
    "partial_capture_reversal",
    "refund",
    "refund_failure",
    "dispute",
    "dispute_reversal",
}
YearMonth = tuple[int, int]
Number = int | Decimal | None


@dataclass(frozen=True)
class Books:
    """A shop's facts at a moment (ms), cut into the local months of its zone."""

    ledger: Ledger
    as_of: int

    @cached_property
    def view(self) -> View:
        return View(self.ledger, self.as_of)

    @cached_property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.ledger.shop.timezone)

    def day(self, second: int) -> date:
        return datetime.fromtimestamp(second, UTC).astimezone(self.zone).date()

    @cached_property
    def today(self) -> date:
        return self.day(self.as_of // 1_000)

    @cached_property
    def sales(self) -> list[ChargeFact]:
        """Charges that captured money."""
        return [fact for fact in self.view.charges.values() if self.view.captured(fact) > 0]

    @cached_property
    def months(self) -> list[YearMonth]:
        """From the month of the first sale to that of the moment; none without a sale."""
        if not self.sales:
            return []
        year, month = _month(min(self.day(fact.created) for fact in self.sales))
        found = [(year, month)]
        while found[-1] != _month(self.today):
            year, month = (year, month + 1) if month < 12 else (year + 1, 1)
            found.append((year, month))
        return found

    @cached_property
    def currency(self) -> str:
        """The account's own if anything was sold in it in 12 months, else that of most sales."""
        since = (self.today.year - 1, self.today.month)
        recent = {f.currency for f in self.sales if _month(self.day(f.created)) > since}
        if self.ledger.shop.currency in recent:
            return self.ledger.shop.currency
        sales = Counter(fact.currency for fact in self.sales)
        return min(sales, key=lambda code: (-sales[code], code))

    @cached_property
    def disputes(self) -> list[DisputeFact]:
        """Disputes that are no mere inquiry and were not prevented."""
        return [f for f in self.view.made(self.ledger.disputes.facts) if self._counts(f)]

    def _counts(self, fact: DisputeFact) -> bool:
        if fact.outcome == "prevented":
            return False
        return not fact.inquiry or self.view.past(fact.escalated_at, fact.ms)

    @cached_property
    def lines(self) -> list[Line]:
        """The lines of the balance in the main currency."""
        made = self.view.made(lines(self.ledger))
        return [line for line in made if line.currency == self.currency]

    @cached_property
    def failures(self) -> list[int]:
        """The seconds at which payments in the main currency began that failed in the end."""
        charges = [f for f in self.view.charges.values() if f.currency == self.currency]
        last = {f.payment_intent: f for f in charges if f.payment_intent is not None}
        intents = {f.id: f.created for f in self.view.made(self.ledger.payment_intents.facts)}
        failed = [intents[str(name)] for name, f in last.items() if f.decline_code is not None]
        alone = [f for f in charges if f.payment_intent is None]
        return failed + [f.created for f in alone if f.decline_code and not _retried(f, alone)]

    def of(self, month: YearMonth) -> dict[str, Number]:
        """Every metric of the month by its name, None where there is no such number."""
        return {**self._charged(month), **self._moved(month), **self._compared(month)}

    def _in(self, month: YearMonth, second: int) -> bool:
        return _month(self.day(second)) == month

    def _sold(self, month: YearMonth) -> list[ChargeFact]:
        of_month = [f for f in self.sales if f.currency == self.currency]
        return [f for f in of_month if self._in(month, f.created)]

    def _revenue(self, month: YearMonth) -> int:
        return sum(self.view.captured(fact) for fact in self._sold(month))

    def _net(self, month: YearMonth) -> int:
        of_month = [line for line in self.lines if self._in(month, line.created)]
        return sum(line.amount for line in of_month if line.category in EARNED)

    def _days(self, month: YearMonth) -> list[int]:
        """The revenue of each day that is counted."""
        daily: Counter[date] = Counter()
        for fact in self._sold(month):
            daily[self.day(fact.created)] += self.view.captured(fact)
        return [daily[day] for day in _days_of(month) if day <= self.today]

    def _charged(self, month: YearMonth) -> dict[str, Number]:
        sold, revenue = self._sold(month), self._revenue(month)
        by_customer: Counter[str | None] = Counter()
        for fact in sold:
            by_customer[fact.customer] += self.view.captured(fact)
        guests = by_customer.pop(None, 0)
        spread = sorted(by_customer.values())
        failed = sum(self._in(month, second) for second in self.failures)
        tried = [f for f in self.view.charges.values() if f.currency == self.currency]
        days = self._days(month)
        sold_ids = {fact.id for fact in sold} | {f.id for f in tried if self._in(month, f.created)}
        squares = sum(paid * paid for paid in spread)
        return {
            "revenue_total": revenue,
            "charge_count": len(sold),
            "average_charge": _rounded(Fraction(revenue, len(sold)), 0) if sold else None,
            "payment_attempts": sum(self._in(month, f.created) for f in tried),
            "failed_payments": failed,
            "payment_failure_rate": _ratio(failed, failed + len(sold)),
            "dispute_rate": _ratio(sum(f.charge in sold_ids for f in self.disputes), len(sold)),
            "active_customers": len(spread),
            "largest_customer_share": _ratio(spread[-1], revenue) if spread else None,
            "customer_concentration": _ratio(squares, revenue * revenue) if spread else None,
            "unattributed_share": _ratio(guests, revenue),
            "zero_revenue_days": days.count(0),
            "revenue_volatility": _variation(days),
        }

    def _moved(self, month: YearMonth) -> dict[str, Number]:
        charges, view = self.view.charges, self.view
        refunds = [
            f
            for f in view.made(self.ledger.refunds.facts)
            if charges[f.charge].currency == self.currency
            and self._in(month, f.created)
            and not view.past(f.failed_at, f.ms)
        ]
        disputes = [
            f
            for f in self.disputes
            if charges[f.charge].currency == self.currency and self._in(month, f.created)
        ]
        sold, revenue = len(self._sold(month)), self._revenue(month)
        refunded = sum(f.amount for f in refunds)
        fees = sum(line.fee for line in self.lines if self._in(month, line.created))
        known = bool(self.lines)
        net = self._net(month)
        return {
            "net_revenue": net if known else None,
            "fees": fees if known else None,
            "net_volume": net - fees if known else None,
            "refund_amount": refunded,
            "refund_count": len(refunds),
            "refund_ratio": _ratio(len(refunds), sold),
            "refund_amount_ratio": _ratio(refunded, revenue),
            "chargeback_amount": sum(f.amount for f in disputes),
            "chargeback_count": len(disputes),
            "chargeback_ratio": _ratio(len(disputes), sold),
            "mrr": None,
            **self._counted(month),
        }

    def _counted(self, month: YearMonth) -> dict[str, Number]:
        ledger, view = self.ledger, self.view
        payouts = [f for f in view.made(ledger.payouts.facts) if self._in(month, f.created)]
        failed = [f for f in payouts if view.past(f.failed_at, f.ms)]
        paid = [f for f in payouts if f not in failed and view.past(f.arrives_at, f.ms)]
        return {
            "early_fraud_warnings": self._made_in(month, ledger.early_fraud_warnings.facts),
            "new_customers": self._made_in(month, ledger.customers.facts),
            "payouts_paid": len(paid),
            "payouts_failed": len(failed),
        }

    def _made_in(self, month: YearMonth, facts: Iterable[object]) -> int:
        return sum(self._in(month, fact.created) for fact in self.view.made(facts))  # type: ignore[type-var]

    def _is_over(self, month: YearMonth) -> bool:
        return _month(self.today) > month

    def _compared(self, month: YearMonth) -> dict[str, Number]:
        return {
            "revenue_growth_month": self._growth(month, 1),
            "revenue_growth_year": self._growth(month, 12),
            "monthly_volatility": self._monthly_volatility(month),
        }

    def _growth(self, month: YearMonth, back: int) -> Decimal | None:
        index = self.months.index(month) - back
        if index < 0 or not self._is_over(month):
            return None
        before = self._revenue(self.months[index])
        return _ratio(self._revenue(month) - before, before)

    def _monthly_volatility(self, month: YearMonth) -> Decimal | None:
        """Calculated in binary floating point: right to the fourth decimal, give or take one."""
        end = self.months.index(month) + 1
        nets = [float(self._net(each)) for each in self.months[max(0, end - 12) : end]]
        if not self._is_over(month) or not self.lines or len(nets) < 4 or sum(nets) <= 0:
            return None
        mean = sum(nets) / len(nets)
        found = [_deviation([n - t for n, t in zip(nets, _line(nets), strict=True)]) / mean]
        if min(nets) > 0:
            logs = _line([math.log(net) for net in nets])
            parts = [n / math.exp(t) for n, t in zip(nets, logs, strict=True)]
            found.append(_deviation(parts) / (sum(parts) / len(parts)))
        return round(Decimal(min(found)), 4)


def _month(day: date) -> YearMonth:
    return (day.year, day.month)


def _days_of(month: YearMonth) -> Iterator[date]:
    day = date(*month, 1)
    while _month(day) == month:
        yield day
        day += timedelta(days=1)


def _retried(fact: ChargeFact, others: list[ChargeFact]) -> bool:
    """Whether somebody tried again; of a second's attempts the one that succeeded is the last."""
    if fact.customer is None:
        return False
    return any(
        _order(other) > _order(fact) and other.created - fact.created <= WEEK_S
        for other in others
        if (other.customer, other.amount) == (fact.customer, fact.amount)
    )


def _order(fact: ChargeFact) -> tuple[int, bool, str]:
    return (fact.created, fact.decline_code is None, fact.id)


def _ratio(part: int, whole: int) -> Decimal | None:
    return None if whole == 0 else _rounded(Fraction(part, whole), 4)


def _rounded(exact: Fraction, decimals: int) -> Decimal:
    return Decimal(round(exact * 10**decimals)).scaleb(-decimals)


def _variation(amounts: list[int]) -> Decimal | None:
    if not sum(amounts):
        return None
    mean = Fraction(sum(amounts), len(amounts))
    variance = sum(((amount - mean) ** 2 for amount in amounts), Fraction(0)) / len(amounts)
    squared = variance / mean**2
    with localcontext(prec=50):
        root = (Decimal(squared.numerator) / Decimal(squared.denominator)).sqrt()
        return round(root, 4)


def _line(values: list[float]) -> list[float]:
    """The least-squares line through the values."""
    n = len(values)
    xs = range(n)
    slope = (n * sum(x * y for x, y in zip(xs, values, strict=True)) - sum(xs) * sum(values)) / (
        n * sum(x * x for x in xs) - sum(xs) ** 2
    )
    start = (sum(values) - slope * sum(xs)) / n
    return [start + slope * x for x in xs]


def _deviation(values: list[float]) -> float:
    mean = sum(values) / len(values)
    return math.sqrt(sum((value - mean) ** 2 for value in values) / len(values))


def other_currencies(books: Books, month: YearMonth) -> dict[str, dict[str, int | None]]:
    """What happened in each currency but the main one, by code."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    settled: set[str] = set()
    for fact in books.sales:
        if books._in(month, fact.created):
            found[fact.currency] += Counter(gross_minor=books.view.captured(fact), charge_count=1)
    for refund in books.view.made(books.ledger.refunds.facts):
        if books._in(month, refund.created) and not books.view.past(refund.failed_at, refund.ms):
            currency = books.view.charges[refund.charge].currency
            found[currency] += Counter(refund_minor=refund.amount, refund_count=1)
    for line in books.view.made(lines(books.ledger)):
        if books._in(month, line.created):
            settled.add(line.currency)
            found[line.currency]["net_minor"] += line.amount if line.category in EARNED else 0
            found[line.currency]["fee_minor"] += line.fee
    whole = ("gross_minor", "charge_count", "refund_minor", "refund_count")
    return {
        code: {
            **{name: sums[name] for name in whole},
            **{n: sums[n] if code in settled else None for n in ("net_minor", "fee_minor")},
        }
        for code, sums in found.items()
        if code != books.currency
    }
