"""A shop in columns gives what the same facts give in a plain ledger."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from domain.periods import Month
from sandbox.stripe import archetypes, resources
from sandbox.stripe.big import BIG_PAYOUTS
from sandbox.stripe.ledger import Ledger, More
from sandbox.stripe.params import Query
from sandbox.stripe.resources import Resource

ROOT = Path(__file__).parents[3]
NOW = 1_793_000_000_000
KINDS = (
    resources.CHARGE,
    resources.PAYMENT_INTENT,
    resources.CUSTOMER,
    resources.BALANCE_TRANSACTION,
    resources.PAYOUT,
    resources.REFUND,
    resources.DISPUTE,
    resources.EARLY_FRAUD_WARNING,
)
MEMORY = r"""
import re, sys
from domain.periods import Month
from sandbox.stripe import archetypes, resources
from sandbox.stripe.params import Query
ledger = archetypes.load("big", last_month=Month(2026, 10), charges=1_000_000)
for kind in (resources.CHARGE, resources.BALANCE_TRANSACTION, resources.EVENT):
    resources.list_page(ledger, kind, Query(limit=100), as_of=1_793_000_000_000)
# Not ru_maxrss: a process inherits that of the one that started it.
kilobytes = re.search(r"VmHWM:\s+(\d+)", open("/proc/self/status").read())[1]
sys.stdout.write(f"{len(ledger.charges)} {kilobytes}")
"""


@pytest.fixture(scope="module")
def big() -> Ledger:
    return archetypes.load("big", last_month=Month(2026, 10), charges=3_000)


@pytest.fixture(scope="module")
def plain(big: Ledger) -> Ledger:
    """The same facts, all of them kept."""
    shop = big.shop
    return Ledger.from_facts(
        shop=shop,
        charges=list(big.charges.facts),
        refunds=big.refunds.facts,
        disputes=big.disputes.facts,
        more=More(
            early_fraud_warnings=tuple(big.early_fraud_warnings.facts),
            plan=BIG_PAYOUTS,
        ),
    )


def page(ledger: Ledger, kind: Resource, query: Query) -> object:
    return resources.list_page(ledger, kind, query, as_of=NOW)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_lists_are_those_of_a_plain_ledger(big: Ledger, plain: Ledger, kind: Resource) -> None:
    cursor = None
    for _ in range(40):
        query = Query(limit=100, starting_after=cursor)
        one, other = (
            resources.list_page(ledger, kind, query, as_of=NOW) for ledger in (big, plain)
        )
        assert one == other
        if not one["has_more"]:
            break
        cursor = one["data"][-1]["id"]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (resources.CHARGE, "customer"),
        (resources.CHARGE, "payment_intent"),
        (resources.PAYMENT_INTENT, "customer"),
        (resources.CUSTOMER, "email"),
        (resources.BALANCE_TRANSACTION, "source"),
        (resources.BALANCE_TRANSACTION, "type"),
    ],
    ids=lambda given: given if isinstance(given, str) else given.name,
)
def test_filters_find_what_they_find_in_a_plain_ledger(
    big: Ledger, plain: Ledger, kind: Resource, name: str
) -> None:
    rows = resources.list_page(plain, kind, Query(limit=100), as_of=NOW)["data"]
    values = {row[name] for row in rows if row[name] is not None}
    assert values
    for value in sorted(values):
        query = Query(limit=100, filters={name: value})
        assert page(big, kind, query) == page(plain, kind, query)


def test_every_object_is_found_by_its_id(big: Ledger) -> None:
    for kind in KINDS:
        table = kind.table(big, NOW)
        for position in range(0, len(table), 7):
            assert table.locate(table.facts[position].id) == position


@pytest.mark.parametrize(
    "stranger", ["ch_3Big00010000000003000", "ch_3Big00020000000000001", "ch_3Big0001", "ch_x", ""]
)
def test_id_of_no_charge_is_unknown(big: Ledger, stranger: str) -> None:
    assert big.charges.find(stranger, as_of=NOW) is None


def test_payouts_add_up_to_their_lines(big: Ledger) -> None:
    lines = big.balance_transactions
    for payout in big.payouts.facts[::20]:
        gathered = [lines.facts[position] for position in lines.where("payout", payout.id)]
        assert sum(line.net for line in gathered if line.type != "payout") == payout.amount


def test_events_are_those_of_a_plain_ledger(big: Ledger, plain: Ledger) -> None:
    span = NOW - 40 * 86_400_000, NOW + 86_400_000
    facts = [
        sorted((f.created, f.ms, f.type, f.object_id) for f in ledger.events.between(*span))
        for ledger in (big, plain)
    ]
    assert len(facts[0]) > 100
    assert facts[0] == facts[1]


@pytest.mark.slow
def test_million_charges_fit_into_300_megabytes() -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEMORY], cwd=ROOT, capture_output=True, text=True, check=True
    )
    charges, kilobytes = map(int, done.stdout.split())
    assert charges == 1_000_000
    assert kilobytes < 300_000
