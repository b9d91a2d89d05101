"""The people and cards of the sandbox: present as on Stripe, and plainly invented.

Everything follows from the id, so that it never changes, and is drawn from ranges reserved for
examples: example.com (RFC 2606), 203.0.113.0/24 (RFC 5737), telephone numbers 555-01xx (NANPA).
"""

from __future__ import annotations

import re
import zlib
from typing import Any

_TRAILING_DIGITS = re.compile(r"\d+$")
# Each value stands as often as it should come up.
_BRANDS = ("visa", "visa", "visa", "mastercard", "mastercard", "amex")
_FUNDING = ("credit", "debit", "debit", "credit", "prepaid")
_COUNTRIES = ("US", "US", "US", "US", "CA", "GB")


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
        "line2": None,
        "postal_code": f"{number % 100_000:05d}",
        "state": "NY",
    }


def brand_of(customer_id: str) -> str:
    """Return the brand of the customer's card."""
    return _BRANDS[number_of(customer_id) % len(_BRANDS)]


def card_of(customer_id: str) -> dict[str, Any]:
    """Return what Stripe shows of the customer's card."""
    number = number_of(customer_id)
    brand = brand_of(customer_id)
    return {
        "brand": brand,
        "country": _COUNTRIES[number // 7 % len(_COUNTRIES)],
        "exp_month": number % 12 + 1,
        "exp_year": 2030 + number % 5,
        "fingerprint": f"Sandbox{number % 1_000_000_000:09d}",
        "funding": _FUNDING[number // 3 % len(_FUNDING)],
        "last4": f"{number * 7919 % 10_000:04d}",
        "network": brand,
    }
