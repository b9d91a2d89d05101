"""A small shop with one of everything, and the personal data that comes with it on the wire."""

from __future__ import annotations

from sandbox.stripe import people
from sandbox.stripe.facts import DAY_S, ChargeFact, DisputeFact, RefundFact, instant
from sandbox.stripe.ledger import Ledger

KEY = "rk_test_small_shop"
NOW = instant("2026-11-22T10:00:00Z")
OPENED = instant("2020-01-01T00:00:00Z")


def charge_id(number: int) -> str:
    return f"ch_3Small{number:05d}"


def small_shop(charges: int = 25) -> Ledger:
    """Charges a day apart up to now, the newest one an hour old; see the rules below."""
    sales = [
        _charge(number, NOW - 3600 - (charges - 1 - number) * DAY_S) for number in range(charges)
    ]
    paid = [sale for sale in sales if sale.captured and sale.created < NOW - 3 * DAY_S]
    return Ledger.from_facts(
        charges=sales,
        refunds=[
            RefundFact(f"re_3Small{n:05d}", sale.id, sale.created + DAY_S, 1 + sale.captured // 3)
            for n, sale in enumerate(paid[::4])
        ],
        disputes=[
            DisputeFact(
                f"du_1Small{n:05d}", sale.id, sale.created + 2 * DAY_S, sale.captured // 2, fee=1500
            )
            for n, sale in enumerate(paid[1::6])
        ],
    )


def _charge(number: int, created: int) -> ChargeFact:
    """Every seventh charge is declined, every fifth captured in part, every third a guest's."""
    return ChargeFact(
        charge_id(number),
        created,
        1000 + number,
        customer=None if number % 3 == 2 else f"cus_Small{number % 4:05d}",
        amount_captured=700 if number % 5 == 4 else None,
        fee=59,
        decline_code="insufficient_funds" if number % 7 == 6 else None,
    )


def personal_data(ledger: Ledger) -> set[str]:
    """Everything about a person that the sandbox puts on the wire, in texts long enough to find."""
    found: set[str] = {"owner@example.com", "+15555550100", "203.0.113."}
    for payer in {sale.customer or sale.id for sale in ledger.charges.facts}:
        address, card = people.address_of(payer), people.card_of(payer)
        found |= {people.name_of(payer), people.email_of(payer), people.phone_of(payer)}
        found |= {address["line1"], address["city"], card["fingerprint"]}
    found |= {f"receipts.example.com/{sale.id}" for sale in ledger.charges.facts}
    return found
