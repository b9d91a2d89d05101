"""Which of a business's currencies its figures are told in."""

from __future__ import annotations

from collections.abc import Mapping

RECENT_MONTHS = 12


def main_currency(
    charges: Mapping[str, int], recent: Mapping[str, int], *, default: str | None
) -> str:
    """Return the account's default currency if it is in use, else that of most charges.

    `charges` are successful ones by currency, over all time, and `recent` those of the last
    RECENT_MONTHS. Counts compare across currencies, amounts do not: the largest amount would be
    that of the currency whose unit is worth least. Of equals the first by code. Raise ValueError
    without any charge.
    """
    if default is not None and recent.get(default, 0) > 0:
        return default
    return min(charges, key=lambda code: (-charges[code], code))
