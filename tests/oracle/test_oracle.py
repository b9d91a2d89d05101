"""The oracle itself: its facts hold together, and it tells a difference of any kind."""

from __future__ import annotations

import copy
from collections import defaultdict
from typing import Any

import pytest

from sandbox.stripe.facts import CustomerFact
from sandbox.stripe.ledger import Ledger, More
from tests.oracle.balance import lines, lines_by_payout
from tests.oracle.expected import Reading, differences, end_of, expected
from tests.oracle.shops import moment_in, shop
from tests.services.stripe_sync.connected import LEDGER_TABLES

TOLD = ["turbulent", "saas"]
SEEN_FROM_THE_FIRST = Reading(0, 0)


@pytest.mark.parametrize("name", ["turbulent", "multi_currency", "zero_decimal", "big", "saas"])
def test_automatic_payouts_are_worth_their_lines(name: str) -> None:
    ledger = shop(name)
    made_of = lines_by_payout(ledger)
    payouts = [fact for fact in ledger.payouts.facts if fact.automatic]
    assert payouts
    for payout in payouts:
        assert sum(line.net for line in made_of[payout.id]) == payout.amount


@pytest.mark.parametrize("name", ["turbulent", "multi_currency", "dropshipper", "big", "saas"])
def test_balance_follows_from_what_moved_the_money(name: str) -> None:
    ledger = shop(name)
    nets: defaultdict[str, int] = defaultdict(int)
    for line in lines(ledger):
        nets[line.currency] += line.net
    told: defaultdict[str, int] = defaultdict(int)
    for fact in ledger.balance_transactions.facts:
        told[fact.currency] += fact.amount - fact.fee
    assert nets == told


def test_shops_hold_rows_for_every_table() -> None:
    rows = [expected(shop(name), end_of(shop(name))) for name in TOLD]
    assert set(rows[0]) == set(LEDGER_TABLES)
    assert all(any(found[table] for found in rows) for table in LEDGER_TABLES)


@pytest.mark.parametrize("name", TOLD)
def test_difference_in_any_column_is_told(name: str) -> None:
    ledger = shop(name)
    moment = moment_in(ledger, 90)
    wanted = expected(ledger, moment)
    reading = [SEEN_FROM_THE_FIRST]
    assert differences(copy.deepcopy(wanted), ledger, moment, reading) == []
    for table, rows in wanted.items():
        for row_id, row in list(rows.items())[-1:]:
            for column in row:
                found: Any = copy.deepcopy(wanted)
                found[table][row_id][column] = "another"
                [(*where, columns)] = differences(found, ledger, moment, reading)
                assert (where, list(columns)) == ([table, row_id], [column])


@pytest.mark.parametrize("name", TOLD)
def test_row_too_few_or_too_many_is_told(name: str) -> None:
    ledger = shop(name)
    moment = moment_in(ledger, 90)
    for table, rows in expected(ledger, moment).items():
        found = expected(ledger, moment)
        found[table]["one_more"] = {}
        expect = [(table, "one_more", "should not be there")]
        for row_id in [name for name, row in rows.items() if not row.get("deleted")][:1]:
            del found[table][row_id]
            expect.append((table, row_id, "missing"))
        assert sorted(differences(found, ledger, moment, [SEEN_FROM_THE_FIRST])) == sorted(expect)


@pytest.mark.parametrize(
    ("reading", "stored", "told"),
    [
        (Reading(1_000_000, 1_000_000), None, "missing"),
        (Reading(1_000_000, 1_000_000), False, "deleted"),
        (Reading(1_000_000, 1_000_000), True, None),
        (Reading(1_000_000, 3_000_000), None, None),
        (Reading(1_000_000, 3_000_000), True, None),
        (Reading(2_000_000, 2_000_000), None, None),
        (Reading(2_000_000, 2_000_000), True, "should not be there"),
    ],
)
def test_deleted_customer_must_be_there_if_it_was_to_be_seen(
    reading: Reading, stored: bool | None, told: str | None
) -> None:
    fact = CustomerFact("cus_Gone", 500, deleted_at=2_000)
    ledger = Ledger.from_facts(more=More(customers=(fact,)))
    found = expected(ledger, 9_000_000)
    if stored is None:
        del found["customers"]["cus_Gone"]
    else:
        found["customers"]["cus_Gone"]["deleted"] = stored
    told_of = differences(found, ledger, 9_000_000, [reading])
    assert (told_of == []) is (told is None)
    assert told is None or told in repr(told_of)
