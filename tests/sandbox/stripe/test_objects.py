from __future__ import annotations

import pytest

from domain.errors import InvalidInputError
from sandbox.stripe import profiles, render
from sandbox.stripe.facts import ChargeFact, DisputeFact, RefundFact, Shop, instant
from sandbox.stripe.ledger import Ledger
from tests.sandbox.stripe.conftest import at, open_client

DAY = 86_400
SOLD = instant("2026-03-01T04:59:59Z")
SALE = ChargeFact("ch_1", SOLD, 5_000, customer="cus_7", fee=175, payment_intent="pi_1")
LATER = SOLD + 400 * DAY


def charge_at(ledger: Ledger, second: int) -> dict:
    return render.charge(ledger, ledger.charges.get("ch_1"), second * 1_000)


def lines(ledger: Ledger) -> list[tuple[str, str, int, int, int, str]]:
    """Return (type, category, amount, fee, net, source) of every balance transaction."""
    bodies = [
        render.balance_transaction(ledger, line, LATER * 1_000)
        for line in ledger.balance_transactions.facts
    ]
    fields = ("type", "reporting_category", "amount", "fee", "net", "source")
    return [tuple(body[field] for field in fields) for body in bodies]


def test_charge_shows_only_the_refunds_that_happened_by_then() -> None:
    refunds = [
        RefundFact("re_1", "ch_1", SOLD + DAY, 2_000),
        RefundFact("re_2", "ch_1", SOLD + 2 * DAY, 3_000),
    ]
    ledger = Ledger.from_facts(charges=[SALE], refunds=refunds)
    seen = [charge_at(ledger, SOLD + DAY + lag) for lag in (-1, 0, DAY)]
    assert [charge["amount_refunded"] for charge in seen] == [0, 2_000, 5_000]
    assert [charge["refunded"] for charge in seen] == [False, False, True]


def test_charge_is_disputed_from_the_dispute_on_even_if_won() -> None:
    dispute = DisputeFact(
        "du_1", "ch_1", SOLD + DAY, 5_000, closed_at=SOLD + 9 * DAY, outcome="won"
    )
    ledger = Ledger.from_facts(charges=[SALE], disputes=[dispute])
    seen = [charge_at(ledger, SOLD + days * DAY)["disputed"] for days in (0, 1, 30)]
    assert seen == [False, True, True]


def test_dispute_moves_through_its_states() -> None:
    dispute = DisputeFact(
        "du_1", "ch_1", SOLD, 5_000, answered_at=SOLD + 100, closed_at=SOLD + 200, outcome="won"
    )
    ledger = Ledger.from_facts(charges=[SALE], disputes=[dispute])
    seen = [render.dispute(ledger, dispute, (SOLD + lag) * 1_000) for lag in (0, 100, 200)]
    assert [body["status"] for body in seen] == ["needs_response", "under_review", "won"]
    assert [len(body["balance_transactions"]) for body in seen] == [1, 1, 2]
    assert [body["evidence_details"]["has_evidence"] for body in seen] == [False, True, True]


async def test_facts_after_the_clock_do_not_exist() -> None:
    ledger = Ledger.from_facts(
        charges=[SALE, SALE._replace(id="ch_2", created=SOLD + 10 * DAY, customer="cus_8")],
        refunds=[RefundFact("re_1", "ch_1", SOLD + 5 * DAY, 1)],
    )
    async with open_client(ledger, clock=at("2026-03-02T00:00:00Z")) as client:
        assert (await client.get("/v1/charges")).ids == ["ch_1"]
        assert (await client.get("/v1/refunds")).ids == []
        assert (await client.get("/v1/customers")).ids == ["cus_7"]
        assert (await client.get("/v1/balance_transactions")).ids == ["txn_ch1"]
        assert (await client.get("/v1/charges/ch_2")).status == 404
        assert (await client.get("/v1/charges?ending_before=ch_2")).status == 400


def test_ledger_lines_of_a_refund_and_a_won_dispute() -> None:
    ledger = Ledger.from_facts(
        charges=[SALE, SALE._replace(id="ch_2")],
        refunds=[RefundFact("re_1", "ch_1", SOLD + DAY, 2_000)],
        disputes=[
            DisputeFact(
                "du_1",
                "ch_2",
                SOLD + 2 * DAY,
                5_000,
                fee=1_500,
                closed_at=SOLD + 3 * DAY,
                outcome="won",
            )
        ],
    )
    assert lines(ledger) == [
        ("charge", "charge", 5_000, 175, 4_825, "ch_1"),
        ("charge", "charge", 5_000, 175, 4_825, "ch_2"),
        ("refund", "refund", -2_000, 0, -2_000, "re_1"),
        ("adjustment", "dispute", -5_000, 1_500, -6_500, "du_1"),
        ("adjustment", "dispute_reversal", 5_000, 0, 5_000, "du_1"),
    ]


def test_lost_dispute_gives_nothing_back() -> None:
    dispute = DisputeFact("du_1", "ch_1", SOLD, 5_000, closed_at=SOLD + DAY, outcome="lost")
    ledger = Ledger.from_facts(charges=[SALE], disputes=[dispute])
    assert [line[1] for line in lines(ledger)] == ["charge", "dispute"]


def test_partial_capture_is_booked_whole_and_reversed() -> None:
    ledger = Ledger.from_facts(charges=[SALE._replace(amount_captured=3_000)])
    assert lines(ledger) == [
        ("charge", "charge", 5_000, 175, 4_825, "ch_1"),
        ("refund", "partial_capture_reversal", -2_000, 0, -2_000, "ch_1"),
    ]
    charge = charge_at(ledger, LATER)
    assert (charge["amount"], charge["amount_captured"]) == (5_000, 3_000)
    assert (charge["amount_refunded"], charge["refunded"]) == (0, False)


def test_authorization_that_was_not_captured_moves_no_money() -> None:
    ledger = Ledger.from_facts(charges=[SALE._replace(amount_captured=0)])
    charge = charge_at(ledger, LATER)
    assert (charge["status"], charge["captured"], charge["paid"]) == ("succeeded", False, True)
    assert charge["balance_transaction"] is None
    assert lines(ledger) == []


def test_failed_charge_moves_no_money_and_says_why() -> None:
    ledger = Ledger.from_facts(charges=[SALE._replace(decline_code="insufficient_funds")])
    charge = charge_at(ledger, LATER)
    assert charge["status"] == "failed"
    assert (charge["amount"], charge["amount_captured"]) == (5_000, 0)
    assert (charge["paid"], charge["captured"], charge["refunded"]) == (False, False, False)
    assert charge["balance_transaction"] is None
    assert charge["failure_code"] == "card_declined"
    assert charge["outcome"]["reason"] == "insufficient_funds"
    assert charge["outcome"]["type"] == "issuer_declined"
    assert lines(ledger) == []


def test_charge_money_is_available_two_days_later() -> None:
    ledger = Ledger.from_facts(charges=[SALE])
    line = ledger.balance_transactions.get("txn_ch1")
    available = instant("2026-03-03T00:00:00Z")
    assert line.available_on == available
    statuses = [
        render.balance_transaction(ledger, line, second * 1_000)["status"]
        for second in (available - 1, available)
    ]
    assert statuses == ["pending", "available"]


def test_objects_carry_the_charges_currency() -> None:
    ledger = Ledger.from_facts(
        charges=[SALE._replace(currency="jpy")],
        refunds=[RefundFact("re_1", "ch_1", SOLD, 1)],
        disputes=[DisputeFact("du_1", "ch_1", SOLD, 5_000)],
        shop=Shop(currency="jpy", timezone="Asia/Tokyo"),
    )
    bodies = [
        charge_at(ledger, LATER),
        render.refund(ledger, ledger.refunds.get("re_1"), LATER * 1_000),
        render.dispute(ledger, ledger.disputes.get("du_1"), LATER * 1_000),
        render.balance_transaction(
            ledger, ledger.balance_transactions.get("txn_re1"), LATER * 1_000
        ),
    ]
    assert {body["currency"] for body in bodies} == {"jpy"}
    assert profiles.account(ledger.shop)["settings"]["dashboard"]["timezone"] == "Asia/Tokyo"


def test_personal_data_is_present_and_plainly_invented() -> None:
    ledger = Ledger.from_facts(charges=[SALE], disputes=[DisputeFact("du_1", "ch_1", SOLD, 5_000)])
    charge = charge_at(ledger, LATER)
    customer = profiles.customer(ledger, ledger.customers.get("cus_7"), LATER * 1_000)
    dispute = render.dispute(ledger, ledger.disputes.get("du_1"), LATER * 1_000)
    assert charge["billing_details"]["name"] == "Sandbox Customer 7"
    assert charge["billing_details"]["address"]["line1"] == "7 Example Street"
    assert charge["receipt_email"] == customer["email"] == "customer-7@example.com"
    assert len(charge["payment_method_details"]["card"]["last4"]) == 4
    assert charge["payment_method_details"]["card"]["fingerprint"].startswith("SandboxCard")
    assert customer["phone"].startswith("+1555555")
    assert dispute["evidence"]["customer_email_address"] == "customer-7@example.com"
    assert dispute["evidence"]["customer_purchase_ip"].startswith("203.0.113.")


def test_guest_charge_has_no_customer_but_a_payer() -> None:
    ledger = Ledger.from_facts(charges=[SALE._replace(customer=None)])
    charge = charge_at(ledger, LATER)
    assert charge["customer"] is None
    assert charge["billing_details"]["email"] == "customer-1@example.com"
    assert len(ledger.customers) == 0


@pytest.mark.parametrize(
    ("charges", "refunds", "complaint"),
    [
        ([SALE, SALE], [], "share an id"),
        ([SALE], [RefundFact("re_1", "ch_9", SOLD, 1)], "no 'ch_9'"),
        ([SALE], [RefundFact("re_1", "ch_1", SOLD - 1, 1)], "re_1 must follow"),
        ([SALE._replace(decline_code="x")], [RefundFact("re_1", "ch_1", SOLD, 1)], "must follow"),
        ([SALE], [RefundFact("re_1", "ch_1", SOLD, 5_001)], "refunded more"),
    ],
)
def test_impossible_facts_are_refused(
    charges: list[ChargeFact], refunds: list[RefundFact], complaint: str
) -> None:
    with pytest.raises(InvalidInputError, match=complaint):
        Ledger.from_facts(charges=charges, refunds=refunds)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-02T00:00:00Z", 86_400),
        ("1970-01-01T19:00:00-05:00", 86_400),
        ("1970-01-02T00:00:00", 86_400),
    ],
)
def test_instant_reads_utc_seconds(text: str, seconds: int) -> None:
    assert instant(text) == seconds
