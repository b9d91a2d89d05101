"""The figures that a dataset should expect, recomputed without the product.

From the CDNOW file, or from the lines of a business that the dataset writes out: with `csv`,
`Decimal` and dates, and none of the code that syncs, stores, adds up or formats.
"""

from __future__ import annotations

import csv
import gzip
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cache
from pathlib import Path

CDNOW = Path(__file__).resolve().parents[2] / "sandbox" / "data" / "cdnow.csv.gz"
# What docs/how-to/write-an-eval-case.md promises of the business cd_shop.
KEPT_CUSTOMERS = 10
LAST_MONTH = (1998, 6)


@dataclass(frozen=True)
class Sale:
    """A successful payment, and what became of it."""

    day: date
    amount: Decimal
    customer: str
    fee: Decimal = Decimal(0)
    refunded: tuple[date, Decimal] | None = None
    disputed: date | None = None


@cache
def cd_shop_sales(
    last_year: int, last_month: int, *, kept: int = KEPT_CUSTOMERS
) -> tuple[Sale, ...]:
    """Return the sales of every tenth customer, June 1998 moved to the month."""
    shift = (last_year - LAST_MONTH[0]) * 12 + last_month - LAST_MONTH[1]
    with gzip.open(CDNOW, "rt", newline="") as file:
        return tuple(
            Sale(_moved(date.fromisoformat(row["date"]), shift), dollars, row["customer_id"])
            for row in csv.DictReader(file)
            if int(row["customer_id"]) % kept == 0 and (dollars := Decimal(row["dollars"])) > 0
        )


def _moved(day: date, months: int) -> date:
    index = day.year * 12 + day.month - 1 + months
    year, month = index // 12, index % 12 + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def written_sales(business: dict) -> tuple[Sale, ...]:
    """Return the sales of a business as the YAML has it."""
    return tuple(_written(business))


def _written(business: dict) -> Iterator[Sale]:
    for line in business["charges"]:
        if line.get("declined"):
            continue
        amount = Decimal(line["amount"])
        refund, dispute = line.get("refund"), line.get("dispute")
        for _ in range(line.get("times", 1)):
            yield Sale(
                day=_day(line["day"]),
                amount=amount,
                customer=line.get("customer", "a"),
                fee=Decimal(line.get("fee", "0")),
                refunded=refund
                and (_day(refund["day"]), Decimal(refund.get("amount", line["amount"]))),
                disputed=dispute and _day(dispute["day"]),
            )


def _day(written: str | date) -> date:
    return written if isinstance(written, date) else date.fromisoformat(written)


@dataclass(frozen=True)
class Period:
    """Days from the first to the last, both included."""

    first: date
    last: date

    @classmethod
    def read(cls, text: str, *, known_until: datetime) -> Period:
        """Read `2026-10` or `2026-08..2026-10`; nothing is known from that local midnight on."""
        assert (known_until.hour, known_until.minute) == (0, 0)
        first, _, last = text.partition("..")
        year, month = map(int, (last or first).split("-"))
        end = date(year, month, monthrange(year, month)[1])
        known = date.fromordinal(known_until.date().toordinal() - 1)
        return cls(date.fromisoformat(f"{first}-01"), min(end, known))

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last


def figure(metric: str, sales: tuple[Sale, ...], period: Period) -> Decimal:
    """Return the metric over the period; KeyError for one that these lines do not tell."""
    sold = [sale for sale in sales if sale.day in period]
    refunds = [s.refunded[1] for s in sales if s.refunded and s.refunded[0] in period]
    disputes = [s.amount for s in sales if s.disputed and s.disputed in period]
    revenue = sum((sale.amount for sale in sold), Decimal(0))
    values = {
        "revenue_total": revenue,
        "charge_count": Decimal(len(sold)),
        "active_customers": Decimal(len({sale.customer for sale in sold})),
        "refund_amount": sum(refunds, Decimal(0)),
        "refund_count": Decimal(len(refunds)),
        "chargeback_amount": sum(disputes, Decimal(0)),
        "chargeback_count": Decimal(len(disputes)),
    }
    if metric == "average_charge":
        return (revenue / len(sold)).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
    return values[metric]
