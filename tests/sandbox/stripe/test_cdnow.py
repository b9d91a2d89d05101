from __future__ import annotations

import csv
import gzip
import hashlib
import os
import subprocess
import sys
from collections import Counter
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import orjson
import pytest

from domain.errors import InvalidInputError
from domain.periods import Month
from sandbox.stripe import render
from sandbox.stripe.cdnow import fee_on, load_shop, moved
from sandbox.stripe.facts import instant
from sandbox.stripe.ledger import Ledger
from tests.sandbox.stripe.conftest import LAST_MONTH, open_client

ROOT = Path(__file__).parents[3]
NEW_YORK = ZoneInfo("America/New_York")
# New York keeps daylight-saving time until 1 November 2026, so October ends at 04:00 UTC.
END = instant("2026-11-01T04:00:00Z")
LATER = instant("2027-06-01T00:00:00Z") * 1_000
DIGEST = """
import hashlib, orjson
from domain.periods import Month
from sandbox.stripe import render
from sandbox.stripe.cdnow import load_shop
shop = load_shop(last_month=Month(2026, 10), seed=1)
digest = hashlib.sha256()
for charge in shop.charges.facts:
    digest.update(orjson.dumps(render.charge(shop, charge, {later})))
print(digest.hexdigest())
"""


def rows() -> list[tuple[str, date, Decimal]]:
    """Return (customer, day, dollars) of the data set, read without the product's code."""
    with gzip.open(ROOT / "sandbox/data/cdnow.csv.gz", "rt", newline="") as text:
        return [
            (row["customer_id"], date.fromisoformat(row["date"]), Decimal(row["dollars"]))
            for row in csv.DictReader(text)
        ]


def month_of(second: int) -> str:
    return datetime.fromtimestamp(second, NEW_YORK).strftime("%Y-%m")


def expected_totals() -> dict[str, Decimal]:
    """Return dollars by month, June 1998 counted as October 2026 (340 months later)."""
    totals: Counter[str] = Counter()
    for _, day, dollars in rows():
        index = day.year * 12 + day.month - 1 + 340
        totals[f"{index // 12}-{index % 12 + 1:02d}"] += dollars
    return dict(totals)


def test_data_set_is_the_published_one() -> None:
    data = rows()
    assert len(data) == 69_659
    assert len({customer for customer, _, _ in data}) == 23_570
    assert sum(dollars for _, _, dollars in data) == Decimal("2500315.63")
    assert sum(dollars == 0 for _, _, dollars in data) == 80


def test_month_totals_equal_the_data_set_to_the_cent(cdnow: Ledger) -> None:
    totals: Counter[str] = Counter()
    for charge in cdnow.charges.facts:
        totals[month_of(charge.created)] += charge.captured
    dollars = {month: Decimal(cents) / 100 for month, cents in totals.items()}
    assert dollars == expected_totals()
    assert len(dollars) == 18


async def test_last_month_over_the_wire_equals_the_data_set(cdnow: Ledger) -> None:
    bounds = f"created[gte]={instant('2026-10-01T04:00:00Z')}&created[lt]={END}"
    cents, path = 0, f"/v1/charges?limit=100&{bounds}"
    async with open_client(cdnow) as client:
        page = await client.get(path)
        for _ in range(40):
            cents += sum(charge["amount_captured"] for charge in page.json["data"])
            if not page.json["has_more"]:
                break
            page = await client.get(f"{path}&starting_after={page.ids[-1]}")
    assert Decimal(cents) / 100 == expected_totals()["2026-10"]


def test_every_purchase_with_money_becomes_one_charge_on_its_day(cdnow: Ledger) -> None:
    sold: Counter[tuple[str, int]] = Counter()
    for charge in cdnow.charges.facts:
        if charge.succeeded:
            day = datetime.fromtimestamp(charge.created, NEW_YORK).date()
            sold[str(day), charge.amount] += 1
    bought = Counter(
        (str(moved(day, 340)), int(dollars * 100)) for _, day, dollars in rows() if dollars
    )
    assert sold == bought


@pytest.mark.parametrize(
    ("day", "months", "landed"),
    [
        ("1998-06-30", 340, "2026-10-30"),
        ("1997-01-31", 1, "1997-02-28"),
        ("1997-12-31", 2, "1998-02-28"),
        ("1997-08-31", 4 + 26 * 12 + 2, "2024-02-29"),
        ("1997-02-28", 1, "1997-03-28"),
        ("1997-03-15", -3, "1996-12-15"),
    ],
)
def test_days_move_by_whole_months_within_the_target_month(
    day: str, months: int, landed: str
) -> None:
    assert str(moved(date.fromisoformat(day), months)) == landed


def test_nothing_happens_after_the_last_month(cdnow: Ledger) -> None:
    tables = (cdnow.charges, cdnow.refunds, cdnow.disputes, cdnow.balance_transactions)
    assert max(fact.created for table in tables for fact in table.facts) < END
    steps = [step for fact in cdnow.disputes.facts for step in (fact.answered_at, fact.closed_at)]
    assert max(step for step in steps if step is not None) < END


def test_declines_refunds_and_disputes_come_at_their_rates(cdnow: Ledger) -> None:
    sold = [charge for charge in cdnow.charges.facts if charge.succeeded]
    declined = len(cdnow.charges) - len(sold)
    assert len(sold) == 69_659 - 80
    assert 0.018 < declined / len(sold) < 0.022
    assert 0.027 < len(cdnow.refunds) / len(sold) < 0.033
    assert 0.0015 < len(cdnow.disputes) / len(sold) < 0.0025
    statuses = {dispute.status(LATER) for dispute in cdnow.disputes.facts}
    assert statuses == {"won", "lost", "under_review", "needs_response"}


def test_lags_lie_within_their_bounds(cdnow: Ledger) -> None:
    day = 86_400
    for refund in cdnow.refunds.facts:
        assert day <= refund.created - cdnow.charges.get(refund.charge).created <= 30 * day
    for dispute in cdnow.disputes.facts:
        assert 5 * day <= dispute.created - cdnow.charges.get(dispute.charge).created <= 60 * day


def test_some_refunds_are_partial_and_none_is_too_large(cdnow: Ledger) -> None:
    shares = [
        Decimal(refund.amount) / cdnow.charges.get(refund.charge).amount
        for refund in cdnow.refunds.facts
    ]
    assert max(shares) == 1
    assert min(shares) > 0
    assert 0.15 < sum(share < 1 for share in shares) / len(shares) < 0.25


def test_half_of_the_declined_attempts_end_in_a_sale(cdnow: Ledger) -> None:
    sold = {charge.payment_intent: charge for charge in cdnow.charges.facts if charge.succeeded}
    declined = [charge for charge in cdnow.charges.facts if not charge.succeeded]
    retried = [charge for charge in declined if charge.payment_intent in sold]
    assert 0.4 < len(retried) / len(declined) < 0.6
    assert all(charge.created <= sold[charge.payment_intent].created for charge in retried)


@pytest.mark.parametrize(("cents", "fee"), [(1_000, 59), (10_000, 320), (163, 35), (1_017, 59)])
def test_fee_is_two_point_nine_percent_and_thirty_cents(cents: int, fee: int) -> None:
    exact = Decimal(cents) * Decimal("0.029") + 30
    assert fee_on(cents) == fee
    assert abs(fee - exact) <= Decimal("0.5")


def test_ledger_nets_to_sales_less_refunds_disputes_and_fees(cdnow: Ledger) -> None:
    nets = sum(line.amount - line.fee for line in cdnow.balance_transactions.facts)
    sales = [charge.amount for charge in cdnow.charges.facts if charge.succeeded]
    lost = sum(fact.amount for fact in cdnow.disputes.facts if fact.status(LATER) != "won")
    fees = sum(fee_on(amount) for amount in sales) + 1_500 * len(cdnow.disputes)
    refunds = sum(refund.amount for refund in cdnow.refunds.facts)
    assert nets == sum(sales) - refunds - lost - fees


def test_no_object_differs_in_another_process(cdnow: Ledger) -> None:
    digest = hashlib.sha256()
    for charge in cdnow.charges.facts:
        digest.update(orjson.dumps(render.charge(cdnow, charge, LATER)))
    script = DIGEST.format(later=LATER)
    environment = {**os.environ, "PYTHONHASHSEED": "4711", "PYTHONPATH": str(ROOT)}
    other = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert other.stdout.strip() == digest.hexdigest()


def test_second_load_gives_the_same_facts(cdnow: Ledger) -> None:
    again = load_shop(last_month=LAST_MONTH, seed=1)
    assert again.shop == cdnow.shop
    assert again.charges.facts == cdnow.charges.facts
    assert again.refunds.facts == cdnow.refunds.facts
    assert again.disputes.facts == cdnow.disputes.facts
    assert again.balance_transactions.facts == cdnow.balance_transactions.facts


def test_another_seed_is_another_account_with_the_same_revenue(cdnow: Ledger) -> None:
    other = load_shop(last_month=LAST_MONTH, seed=2)
    revenue = [sum(charge.captured for charge in shop.charges.facts) for shop in (cdnow, other)]
    assert revenue[0] == revenue[1]
    assert other.shop.account_id != cdnow.shop.account_id
    assert {refund.id for refund in other.refunds.facts}.isdisjoint(
        refund.id for refund in cdnow.refunds.facts
    )


def test_later_last_month_keeps_ids_and_amounts(cdnow: Ledger) -> None:
    later = load_shop(last_month=Month(2026, 11), seed=1)
    amounts = [{fact.id: fact.amount for fact in shop.charges.facts} for shop in (cdnow, later)]
    assert amounts[0] == amounts[1]


@pytest.mark.parametrize("seed", [-1, 10_000])
def test_seed_out_of_bounds_is_refused(seed: int) -> None:
    with pytest.raises(InvalidInputError, match="seed must be within"):
        load_shop(last_month=LAST_MONTH, seed=seed)
