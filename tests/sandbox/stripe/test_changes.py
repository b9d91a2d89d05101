"""Objects whose state changes: captures, refunds that fail, disputes, warnings, payouts."""

from __future__ import annotations

from typing import Any

import pytest

from domain.errors import InvalidInputError
from sandbox.stripe import resources
from sandbox.stripe.facts import (
    ChargeFact,
    CustomerFact,
    DisputeFact,
    EarlyFraudWarningFact,
    PaymentIntentFact,
    PayoutFact,
    RefundFact,
    Shop,
    instant,
)
from sandbox.stripe.ledger import Ledger, More
from sandbox.stripe.params import Query
from sandbox.stripe.payouts import PayoutPlan
from sandbox.stripe.resources import Resource
from sandbox.stripe.wire import ApiError

DAY = 86_400
NOON = instant("2026-03-01T12:00:00Z")
SALE = ChargeFact("ch_1", NOON, 5_000, customer="cus_7", fee=175, payment_intent="pi_1")
LATER = NOON + 400 * DAY


def shown(ledger: Ledger, kind: Resource, object_id: str, second: int, ms: int = 0) -> Any:
    return resources.retrieve(ledger, kind, object_id, (), as_of=second * 1_000 + ms)


def listed(ledger: Ledger, kind: Resource, second: int = LATER, **filters: str) -> list[str]:
    query = Query(limit=100, filters=filters)
    page = resources.list_page(ledger, kind, query, as_of=second * 1_000)
    return [row["id"] for row in page["data"]]


def test_two_facts_of_one_second_are_told_apart_by_the_millisecond() -> None:
    ledger = Ledger.from_facts(charges=[SALE._replace(ms=900), SALE._replace(id="ch_2", ms=100)])
    seen = [
        resources.list_page(ledger, resources.CHARGE, Query(), as_of=NOON * 1_000 + ms)["data"]
        for ms in (99, 100, 899, 900)
    ]
    assert [[row["id"] for row in page] for page in seen] == [
        [],
        ["ch_2"],
        ["ch_2"],
        ["ch_1", "ch_2"],
    ]
    assert {row["created"] for row in seen[-1]} == {NOON}


def test_late_capture_moves_money_when_it_happens() -> None:
    sale = SALE._replace(captured_at=NOON + DAY, amount_captured=4_000)
    ledger = Ledger.from_facts(charges=[sale])
    before, after = (shown(ledger, resources.CHARGE, "ch_1", NOON + DAY + lag) for lag in (-1, 0))
    assert (before["captured"], before["amount_captured"]) == (False, 0)
    assert before["balance_transaction"] is None
    assert (after["captured"], after["amount_captured"]) == (True, 4_000)
    line = shown(ledger, resources.BALANCE_TRANSACTION, after["balance_transaction"], LATER)
    assert line["created"] == NOON + DAY
    with pytest.raises(ApiError):
        shown(ledger, resources.BALANCE_TRANSACTION, "txn_ch1", NOON)


def test_payment_intent_follows_its_attempts() -> None:
    ledger = Ledger.from_facts(
        charges=[
            SALE._replace(id="ch_a", created=NOON + 10, decline_code="do_not_honor", fee=0),
            SALE._replace(id="ch_b", created=NOON + 10, ms=5, captured_at=NOON + 20),
        ],
        more=More(payment_intents=(PaymentIntentFact("pi_1", NOON, 5_000, customer="cus_7"),)),
    )

    def state(second: int, ms: int = 0) -> tuple[object, ...]:
        body = shown(ledger, resources.PAYMENT_INTENT, "pi_1", second, ms)
        return body["status"], body["latest_charge"], body["amount_received"]

    assert state(NOON) == ("requires_payment_method", None, 0)
    assert state(NOON + 10) == ("requires_payment_method", "ch_a", 0)
    assert state(NOON + 10, 5) == ("requires_capture", "ch_b", 0)
    assert state(NOON + 20, 5) == ("succeeded", "ch_b", 5_000)
    error = shown(ledger, resources.PAYMENT_INTENT, "pi_1", NOON + 10)["last_payment_error"]
    assert (error["code"], error["decline_code"]) == ("card_declined", "do_not_honor")


def test_canceled_intent_says_why() -> None:
    intent = PaymentIntentFact(
        "pi_9", NOON, 100, canceled_at=NOON + 1, cancellation_reason="abandoned"
    )
    ledger = Ledger.from_facts(more=More(payment_intents=(intent,)))
    body = shown(ledger, resources.PAYMENT_INTENT, "pi_9", NOON + 1)
    assert (body["status"], body["cancellation_reason"]) == ("canceled", "abandoned")
    assert shown(ledger, resources.PAYMENT_INTENT, "pi_9", NOON)["canceled_at"] is None


def test_refund_that_fails_gives_the_money_back_to_the_shop() -> None:
    refund = RefundFact("re_1", "ch_1", NOON + 5, 2_000, succeeded_at=NOON + 7, failed_at=NOON + 9)
    ledger = Ledger.from_facts(charges=[SALE], refunds=[refund])
    states = [shown(ledger, resources.REFUND, "re_1", NOON + lag)["status"] for lag in (5, 7, 9)]
    returned = [
        shown(ledger, resources.CHARGE, "ch_1", NOON + lag)["amount_refunded"] for lag in (5, 9)
    ]
    assert states == ["pending", "succeeded", "failed"]
    assert returned == [2_000, 0]
    body = shown(ledger, resources.REFUND, "re_1", LATER)
    line = shown(ledger, resources.BALANCE_TRANSACTION, body["failure_balance_transaction"], LATER)
    assert (line["type"], line["amount"], line["created"]) == ("refund_failure", 2_000, NOON + 9)


@pytest.mark.parametrize(
    ("dispute", "states", "moved"),
    [
        (
            DisputeFact("du_1", "ch_1", NOON, 5_000, inquiry=True, closed_at=NOON + 9,
                        outcome="warning_closed", answered_at=NOON + 2),
            ["warning_needs_response", "warning_under_review", "warning_closed"],
            [],
        ),
        (
            DisputeFact("du_1", "ch_1", NOON, 5_000, inquiry=True, escalated_at=NOON + 2,
                        closed_at=NOON + 9),
            ["warning_needs_response", "needs_response", "lost"],
            [-5_000],
        ),
        (
            DisputeFact("du_1", "ch_1", NOON, 5_000, closed_at=NOON, outcome="prevented"),
            ["prevented", "prevented", "prevented"],
            [],
        ),
    ],
    ids=["inquiry", "escalated", "prevented"],
)  # fmt: skip
def test_dispute_that_is_no_plain_chargeback(
    dispute: DisputeFact, states: list[str], moved: list[int]
) -> None:
    ledger = Ledger.from_facts(charges=[SALE], disputes=[dispute])
    seen = [shown(ledger, resources.DISPUTE, "du_1", NOON + lag) for lag in (0, 2, 9)]
    assert [body["status"] for body in seen] == states
    assert [line["amount"] for line in seen[-1]["balance_transactions"]] == moved


@pytest.mark.parametrize(
    ("refunds", "disputes", "settled"),
    [
        ([RefundFact("re_1", "ch_1", NOON + 50, 4_999)], [], None),
        ([RefundFact("re_1", "ch_1", NOON + 50, 5_000)], [], NOON + 50),
        ([], [DisputeFact("du_1", "ch_1", NOON + 70, 5_000)], NOON + 70),
    ],
)
def test_fraud_warning_is_actionable_until_refunded_in_full_or_disputed(
    refunds: list[RefundFact], disputes: list[DisputeFact], settled: int | None
) -> None:
    ledger = Ledger.from_facts(
        charges=[SALE],
        refunds=refunds,
        disputes=disputes,
        more=More(early_fraud_warnings=(EarlyFraudWarningFact("issfr_1", "ch_1", NOON + 1),)),
    )
    kind = resources.EARLY_FRAUD_WARNING
    assert kind.path == "/v1/radar/early_fraud_warnings"
    if settled is None:
        assert shown(ledger, kind, "issfr_1", LATER)["actionable"] is True
    else:
        seen = [shown(ledger, kind, "issfr_1", settled + lag)["actionable"] for lag in (-1, 0)]
        assert seen == [True, False]


def test_deleted_customer_is_a_stub_and_on_no_list() -> None:
    customer = CustomerFact("cus_7", NOON, updated_at=NOON + 5, deleted_at=NOON + 9)
    ledger = Ledger.from_facts(charges=[SALE], more=More(customers=(customer,)))
    assert listed(ledger, resources.CUSTOMER, NOON + 8) == ["cus_7"]
    assert listed(ledger, resources.CUSTOMER, NOON + 9) == []
    stub = {"id": "cus_7", "object": "customer", "deleted": True}
    assert shown(ledger, resources.CUSTOMER, "cus_7", NOON + 9) == stub
    assert shown(ledger, resources.CHARGE, "ch_1", LATER)["customer"] == "cus_7"


def test_foreign_charge_settles_in_the_shops_currency_at_its_rate() -> None:
    sale = SALE._replace(currency="jpy", exchange_rate="0.6412", fee=93)
    ledger = Ledger.from_facts(
        charges=[sale], refunds=[RefundFact("re_1", "ch_1", NOON + 1, 1_000)]
    )
    charge = shown(ledger, resources.CHARGE, "ch_1", LATER)
    line = shown(ledger, resources.BALANCE_TRANSACTION, "txn_ch1", LATER)
    back = shown(ledger, resources.BALANCE_TRANSACTION, "txn_re1", LATER)
    assert (charge["currency"], charge["amount"]) == ("jpy", 5_000)
    # 5,000 yen at 0.6412 cents are 32.06 dollars.
    assert (line["currency"], line["amount"], line["net"]) == ("usd", 3_206, 3_206 - 93)
    assert (back["currency"], back["amount"]) == ("usd", -641)
    assert line["exchange_rate"] == 0.6412


def paying_shop(**options: Any) -> Ledger:
    """Three days of sales, a refund on the third, paid out daily."""
    charges = [
        SALE._replace(id=f"ch_{day}", created=NOON + day * DAY, payment_intent=None)
        for day in range(3)
    ]
    return Ledger.from_facts(
        charges=charges,
        refunds=[RefundFact("re_1", "ch_0", NOON + 2 * DAY + 60, 1_000)],
        shop=Shop(pays_out_daily=True),
        more=More(**options),
    )


def test_daily_payouts_carry_what_became_available_two_days_later() -> None:
    ledger = paying_shop()
    net = 5_000 - 175
    paid = [(fact.created // DAY - NOON // DAY, fact.amount) for fact in ledger.payouts.facts]
    assert paid == [(2, net), (3, net - 1_000), (4, net)]
    first = shown(ledger, resources.PAYOUT, ledger.payouts.facts[0].id, LATER)
    assert (first["status"], first["automatic"]) == ("paid", True)
    assert first["arrival_date"] == (NOON // DAY + 3) * DAY


def test_lines_of_a_payout_add_up_to_it() -> None:
    ledger = paying_shop()
    seen: set[str] = set()
    for payout in ledger.payouts.facts:
        ids = listed(ledger, resources.BALANCE_TRANSACTION, payout=payout.id)
        facts = [ledger.balance_transactions.get(name) for name in ids]
        own = [fact for fact in facts if fact.source == payout.id]
        assert [fact.amount for fact in own] == [-payout.amount]
        assert sum(fact.net for fact in facts if fact not in own) == payout.amount
        assert seen.isdisjoint(ids)
        seen |= set(ids)
    assert len(seen) == len(ledger.balance_transactions)


def test_money_of_a_failed_payout_goes_into_the_next() -> None:
    ledger = paying_shop(plan=PayoutPlan(failing=frozenset({1})))
    net = 5_000 - 175
    failed, retried, _ = ledger.payouts.facts
    body = shown(ledger, resources.PAYOUT, failed.id, LATER)
    assert (body["status"], body["failure_code"]) == ("failed", "account_closed")
    line = shown(ledger, resources.BALANCE_TRANSACTION, body["failure_balance_transaction"], LATER)
    assert (line["type"], line["amount"]) == ("payout_failure", net)
    assert retried.amount == net + net - 1_000
    assert line["id"] in listed(ledger, resources.BALANCE_TRANSACTION, payout=retried.id)
    assert listed(ledger, resources.PAYOUT, status="failed") == [failed.id]


def test_manual_payout_has_no_lines_to_list() -> None:
    payout = PayoutFact("po_1", NOON, 100, NOON + DAY, automatic=False)
    ledger = Ledger.from_facts(more=More(payouts=(payout,)))
    assert listed(ledger, resources.BALANCE_TRANSACTION) == ["txn_po1"]
    with pytest.raises(ApiError, match="only be filtered on automatic payouts"):
        listed(ledger, resources.BALANCE_TRANSACTION, payout="po_1")


def test_payouts_are_found_by_their_arrival() -> None:
    ledger = paying_shop()
    arrivals = [fact.arrives_at for fact in ledger.payouts.facts]
    query = resources.read_query(
        resources.PAYOUT, [("arrival_date[gte]", str(arrivals[1])), ("limit", "5")]
    )
    page = resources.list_page(ledger, resources.PAYOUT, query, as_of=LATER * 1_000)
    assert [row["arrival_date"] for row in page["data"]] == [arrivals[2], arrivals[1]]


def test_refund_before_the_capture_is_refused() -> None:
    sale = SALE._replace(captured_at=NOON + DAY)
    with pytest.raises(InvalidInputError, match="re_1 must follow"):
        Ledger.from_facts(charges=[sale], refunds=[RefundFact("re_1", "ch_1", NOON, 1)])
