"""The people and cards of the sandbox: present as on Stripe, and plainly invented.

Everything follows from the id, so that it never changes, and is drawn from ranges reserved for
examples: example.com (RFC 2606), 203.0.113.0/24 (RFC 5737), telephone numbers 555-01xx (NANPA).
Every text that Stripe has about a person holds one of the `CANARIES`, and no other text of the
sandbox does: whoever stores or prints what came from here can search for them.
"""

from __future__ import annotations

import re
import zlib
from functools import lru_cache
from typing import Any

CANARIES: tuple[str, ...] = (
    "Sandbox Customer",
    "example.com",
    "Exampleville",
    "Example Street",
    "EXV-",
    "+1555555",
    "203.0.113.",
    "SandboxCard",
    "#L4#",
    "_secret_",
    "SBX-",
)
# In place of digits, which a search would find anywhere.
LAST4 = "#L4#"

_TRAILING_DIGITS = re.compile(r"\d+$")
# Each value stands as often as it should come up.
_BRANDS = ("visa", "visa", "visa", "mastercard", "mastercard", "amex")
_FUNDING = ("credit", "debit", "debit", "credit", "prepaid")
_COUNTRIES = ("US", "US", "US", "US", "CA", "GB")


@lru_cache(maxsize=8_192)
def number_of(object_id: str) -> int:
    """Return the number that the id ends with, or one derived from the whole id."""
    digits = _TRAILING_DIGITS.search(object_id)
    return int(digits[0]) if digits else zlib.crc32(object_id.encode())


def name_of(customer_id: str) -> str:
    """Return the customer's invented name."""
    return f"Sandbox Customer {number_of(customer_id)}"


def email_of(customer_id: str) -> str:
    """Return the customer's invented address at example.com."""
    return f"customer-{number_of(customer_id)}@example.com"


def phone_of(customer_id: str) -> str:
    """Return a telephone number reserved for fiction."""
    return f"+1555555{100 + number_of(customer_id) % 100:04d}"


def ip_of(customer_id: str) -> str:
    """Return an address reserved for documentation."""
    return f"203.0.113.{number_of(customer_id) % 256}"


def address_of(customer_id: str) -> dict[str, Any]:
    """Return an invented postal address in Stripe's shape."""
    number = number_of(customer_id)
    return {
        "city": "Exampleville",
        "country": "US",
        "line1": f"{number} Example Street",
        "line2": "Exampleville Mills",
        "postal_code": f"EXV-{number % 100_000:05d}",
        "state": "Exampleville State",
    }


@lru_cache(maxsize=4_096)
def billing_details_of(customer_id: str) -> dict[str, Any]:
    """Return who pays and where, in Stripe's shape; shared, so not to be changed."""
    return {
        "address": address_of(customer_id),
        "email": email_of(customer_id),
        "name": name_of(customer_id),
        "phone": phone_of(customer_id),
        "tax_id": f"SBX-TAX-{number_of(customer_id)}",
    }


@lru_cache(maxsize=4_096)
def shipping_of(customer_id: str) -> dict[str, Any]:
    """Return where to deliver to, in Stripe's shape; shared, so not to be changed."""
    payer = billing_details_of(customer_id)
    return {
        "address": payer["address"],
        "carrier": None,
        "name": payer["name"],
        "phone": payer["phone"],
        "tracking_number": f"SBX-TRACK-{number_of(customer_id)}",
    }


def brand_of(customer_id: str) -> str:
    """Return the brand of the customer's card."""
    return _BRANDS[number_of(customer_id) % len(_BRANDS)]


@lru_cache(maxsize=4_096)
def card_of(customer_id: str) -> dict[str, Any]:
    """Return what Stripe shows of the customer's card; shared, so not to be changed."""
    number = number_of(customer_id)
    brand = brand_of(customer_id)
    return {
        "brand": brand,
        "country": _COUNTRIES[number // 7 % len(_COUNTRIES)],
        "exp_month": number % 12 + 1,
        "exp_year": 2030 + number % 5,
        "fingerprint": f"SandboxCard{number % 1_000_000_000:09d}",
        "funding": _FUNDING[number // 3 % len(_FUNDING)],
        "last4": LAST4,
        "network": brand,
    }
