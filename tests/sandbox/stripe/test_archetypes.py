"""Every archetype holds what a sync has to cope with, and its events tell of every change."""

from __future__ import annotations

import hashlib
import itertools
import os
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import orjson
import pytest

from domain.errors import InvalidInputError
from domain.periods import Month
from sandbox.stripe import archetypes, people, resources
from sandbox.stripe.facts import moment_of
from sandbox.stripe.ledger import Ledger
from sandbox.stripe.params import Query
from sandbox.stripe.resources import RESOURCES, SUBSCRIPTION_ITEM, Resource

ROOT = Path(__file__).parents[3]
LAST_MONTH = Month(2026, 10)
SMALL = [name for name in archetypes.ARCHETYPES if name not in ("cdnow", "big")]
KINDS = [kind for kind in RESOURCES if kind not in (SUBSCRIPTION_ITEM, resources.EVENT)]
END = 1_900_000_000_000
DIGEST = """
import sys
from tests.sandbox.stripe.test_archetypes import digest, load
sys.stdout.write(digest(load("{name}")))
"""


def load(name: str) -> Ledger:
    return archetypes.load(name, last_month=LAST_MONTH)


@pytest.fixture(scope="module", params=SMALL)
def ledger(request: pytest.FixtureRequest) -> Ledger:
    return load(request.param)


def everything(ledger: Ledger, kind: Resource, as_of: int) -> list[dict[str, Any]]:
    """Read a list to its end, a hundred at a time."""
    rows: list[dict[str, Any]] = []
    # Every state of a subscription, which the list hides otherwise.
    filters = {"status": "all"} if kind is resources.SUBSCRIPTION else {}
    while True:
        after = rows[-1]["id"] if rows else None
        query = Query(limit=100, starting_after=after, filters=dict(filters))
        page = resources.list_page(ledger, kind, query, as_of=as_of)
        rows += page["data"]
        if not page["has_more"]:
            return rows


def digest(ledger: Ledger) -> str:
    bodies = [orjson.dumps(everything(ledger, kind, END)) for kind in KINDS]
    return hashlib.sha256(b"".join(bodies)).hexdigest()


def test_archetype_has_about_as_many_charges_as_it_says(ledger: Ledger) -> None:
    name = next(n for n in SMALL if load(n).shop.account_id == ledger.shop.account_id)
    expected = archetypes.ARCHETYPES[name].charges
    assert expected <= len(ledger.charges) <= expected + 20


def test_every_page_walk_meets_every_object_once(ledger: Ledger) -> None:
    for kind in KINDS:
        rows = everything(ledger, kind, END)
        assert len({row["id"] for row in rows}) == len(rows)
        created = [row["created"] for row in rows]
        assert created == sorted(created, reverse=True)


def test_charges_share_seconds_but_not_moments_of_sight(ledger: Ledger) -> None:
    seconds = Counter(fact.created for fact in ledger.charges.facts)
    assert max(seconds.values()) > 1
    assert len({moment_of(fact) for fact in ledger.charges.facts}) > len(seconds)


def test_payouts_reconcile_with_their_lines(ledger: Ledger) -> None:
    lines = ledger.balance_transactions
    for payout in ledger.payouts.facts:
        gathered = [lines.facts[position] for position in lines.where("payout", payout.id)]
        others = [line for line in gathered if line.type != "payout"]
        assert sum(line.net for line in others) == payout.amount
        assert {line.currency for line in gathered} == {payout.currency}


def test_money_left_the_balance_by_payouts_alone(ledger: Ledger) -> None:
    """What was never paid out is what no later payout could gather: nothing, or a debt."""
    balances: Counter[str] = Counter()
    for line in ledger.balance_transactions.facts:
        balances[line.currency] += line.net
    assert max(balances.values()) <= 0


def changed_by(ledger: Ledger) -> dict[str, list[int]]:
    """The moments at which an event says that an object, or what hangs on it, changed."""
    moments: defaultdict[str, list[int]] = defaultdict(list)
    for event in ledger.events.between(0, END):
        moment = moment_of(event)
        moments[event.object_id].append(moment)
        if event.kind in ("refund", "dispute"):
            table = ledger.refunds if event.kind == "refund" else ledger.disputes
            moments[table.get(event.object_id).charge].append(moment)
    return moments


def test_no_object_changes_without_an_event(ledger: Ledger) -> None:
    told = changed_by(ledger)
    marks = sorted({moment for moments in told.values() for moment in moments})
    grid = [*marks[:: max(1, len(marks) // 24)], marks[-1]]
    # The states of balance transactions are bound to the calendar, and Stripe tells of none.
    for kind in (kind for kind in KINDS if kind is not resources.BALANCE_TRANSACTION):
        table = kind.table(ledger, END)
        for fact in table.facts:
            for before, after in itertools.pairwise(grid):
                if moment_of(fact) <= before:
                    bodies = [stable(kind.render(ledger, fact, at)) for at in (before, after)]
                    if bodies[0] != bodies[1]:
                        assert any(before < moment <= after for moment in told[fact.id]), fact


def stable(body: dict[str, Any]) -> dict[str, Any]:
    """The object without what the mere passing of time changes."""
    if body["object"] == "dispute":
        details = {**body["evidence_details"], "past_due": None}
        lines = [line["id"] for line in body["balance_transactions"]]
        return {**body, "evidence_details": details, "balance_transactions": lines}
    return body


def test_first_event_of_an_object_is_of_its_creation(ledger: Ledger) -> None:
    first: dict[str, Any] = {}
    for event in ledger.events.between(0, END):
        first.setdefault(event.object_id, event)
    for kind in (kind for kind in KINDS if kind is not resources.BALANCE_TRANSACTION):
        for fact in kind.table(ledger, END).facts:
            assert moment_of(first[fact.id]) == moment_of(fact)


def test_every_personal_field_holds_a_canary(ledger: Ledger) -> None:
    personal = {
        "email", "name", "phone", "line1", "line2", "city", "postal_code", "state", "ip",
        "fingerprint", "last4", "receipt_email", "receipt_url", "receipt_number", "description",
        "client_secret", "hosted_invoice_url", "invoice_pdf", "customer_email", "customer_name",
        "customer_phone", "tracking_number", "customer_email_address", "customer_purchase_ip",
        "uncategorized_text", "customer_signature", "billing_address", "buyer", "order", "crm",
    }  # fmt: skip
    of_people = {"charge", "refund", "dispute", "customer", "payment_intent", "invoice", "payout"}
    for kind in (kind for kind in KINDS if kind.name in of_people):
        for row in everything(ledger, kind, END)[:20]:
            for name, value in texts(row):
                if name in personal:
                    assert any(canary in value for canary in people.CANARIES), (name, value)


def texts(value: Any, name: str = "") -> list[tuple[str, str]]:
    if isinstance(value, dict):
        # What a fee is called is no personal text.
        inside = ((key, inner) for key, inner in value.items() if key != "fee_details")
        return [pair for key, inner in inside for pair in texts(inner, key)]
    if isinstance(value, list):
        return [pair for inner in value for pair in texts(inner, name)]
    return [(name, value)] if isinstance(value, str) else []


def test_ids_and_states_hold_no_canary(ledger: Ledger) -> None:
    kept = {"id", "object", "status", "currency", "reason", "type", "brand", "funding", "network"}
    for kind in KINDS:
        for row in everything(ledger, kind, END)[:20]:
            for name, value in texts(row):
                if name in kept:
                    assert not any(canary in value for canary in people.CANARIES), (name, value)


@pytest.mark.parametrize("name", ["multi_currency", "saas"])
def test_archetype_is_the_same_in_another_process(name: str) -> None:
    environment = {**os.environ, "PYTHONHASHSEED": "4711", "PYTHONPATH": str(ROOT)}
    script = DIGEST.format(name=name)
    other = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert other.stdout == digest(load(name))


def test_another_seed_is_another_account_with_other_facts() -> None:
    one, other = (
        archetypes.load("dropshipper", last_month=LAST_MONTH, seed=seed) for seed in (1, 2)
    )
    assert one.shop.account_id != other.shop.account_id
    ids = [{fact.id for fact in ledger.charges.facts} for ledger in (one, other)]
    assert ids[0].isdisjoint(ids[1])


def currencies(name: str) -> set[str]:
    return {fact.currency for fact in load(name).charges.facts}


def test_currencies_are_those_of_the_archetype() -> None:
    assert currencies("zero_decimal") == {"jpy", "usd"}
    assert currencies("three_decimal") == {"kwd", "usd"}
    assert currencies("multi_currency") == {"usd", "eur", "gbp", "jpy", "cad"}
    dinars = [f for f in load("three_decimal").charges.facts if f.currency == "kwd"]
    assert all(fact.amount % 10 == 0 for fact in dinars)


def test_agency_lives_on_one_client() -> None:
    sales = [fact for fact in load("agency").charges.facts if fact.succeeded]
    by_client: Counter[str | None] = Counter()
    for sale in sales:
        by_client[sale.customer] += sale.captured
    ((_, most),) = by_client.most_common(1)
    assert most > sum(by_client.values()) / 2


def test_declining_shop_declines() -> None:
    months = Counter(fact.created // (30 * 86_400) for fact in load("declining_shop").charges.facts)
    ordered = [months[month] for month in sorted(months)]
    assert sum(ordered[-6:]) < 0.6 * sum(ordered[:6])


@pytest.mark.parametrize(
    ("name", "options", "complaint"),
    [
        ("bakery", {}, "no archetype 'bakery'"),
        ("agency", {"charges": 99}, "within 100 and"),
        ("agency", {"charges": 20_001}, "within 100 and"),
        ("cdnow", {"charges": 500}, "Ask for no number"),
        ("agency", {"seed": 10_000}, "seed must be within"),
    ],
)
def test_archetype_that_cannot_be_is_refused(
    name: str, options: dict[str, int], complaint: str
) -> None:
    with pytest.raises(InvalidInputError, match=complaint):
        archetypes.load(name, last_month=LAST_MONTH, **options)


def test_saas_has_subscriptions_in_every_state_that_lists_tell_apart() -> None:
    ledger = archetypes.load("saas", last_month=LAST_MONTH, charges=2_000)
    facts = ledger.subscriptions.facts
    statuses = {state.status for fact in facts for state in fact.states}
    assert statuses >= {"trialing", "active", "past_due", "canceled", "incomplete"}
    assert any(state.pause_behavior for fact in facts for state in fact.states)
    assert any(state.cancel_at_period_end for fact in facts for state in fact.states)
    assert any(state.discounts for fact in facts for state in fact.states)
    assert any(len(fact.lines) > 10 for fact in ledger.invoices.facts)
    assert any(line.proration for fact in ledger.invoices.facts for line in fact.lines)


def test_paid_invoice_was_paid_by_its_intents_charge() -> None:
    ledger = load("saas")
    paid = [f for f in ledger.invoices.facts if f.paid_at is not None and f.total > 0]
    assert len(paid) > 100
    for invoice in paid:
        last = ledger.charges_of(invoice.payment_intent or "")[-1]
        assert (last.succeeded, last.amount) == (True, invoice.total)
        assert last.created == invoice.paid_at


def test_states_of_a_subscription_follow_one_another() -> None:
    ledger = archetypes.load("saas", last_month=LAST_MONTH, charges=2_000)
    for fact in ledger.subscriptions.facts:
        moments = [state.moment for state in fact.states]
        assert moments == sorted(set(moments))
        assert moments[0] == moment_of(fact)
        ended = [state.ended_at is not None for state in fact.states]
        assert not any(ended[:-1])


def test_attempts_at_an_invoice_are_in_order_and_before_its_end() -> None:
    for fact in archetypes.load("saas", last_month=LAST_MONTH, charges=2_000).invoices.facts:
        assert list(fact.attempts) == sorted(set(fact.attempts))
        ends = (fact.paid_at, fact.voided_at, fact.marked_uncollectible_at)
        for end in ends:
            if end is not None and fact.attempts:
                assert fact.attempts[-1] <= end
