"""The shop's figures computed from the purchases alone, without any of the product's code."""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

FILE = Path(__file__).resolve().parents[2] / "sandbox" / "data" / "cdnow.csv.gz"
LAST = (1998, 6)


def revenue_by_month(last_year: int, last_month: int) -> dict[str, Decimal]:
    """Return each month's revenue, moved so that June 1998 becomes the given month."""
    shift = (last_year - LAST[0]) * 12 + last_month - LAST[1]
    revenue: defaultdict[str, Decimal] = defaultdict(Decimal)
    with gzip.open(FILE, "rt", newline="") as file:
        for row in csv.DictReader(file):
            year, month, _day = map(int, row["date"].split("-"))
            index = year * 12 + month - 1 + shift
            revenue[f"{index // 12:04d}-{index % 12 + 1:02d}"] += Decimal(row["dollars"])
    return dict(revenue)


def number_of_sales() -> int:
    """Return how many purchases brought any money."""
    with gzip.open(FILE, "rt", newline="") as file:
        return sum(Decimal(row["dollars"]) > 0 for row in csv.DictReader(file))
