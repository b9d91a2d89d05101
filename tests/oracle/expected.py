"""The oracle: what the ledger must hold at a moment, worked out from a shop's facts alone.

Nothing here reads what the sandbox renders or what the product makes of it. Left out are columns
that are invented along with a person (the card's brand, funding, country and network, and the
network's code for a dispute's reason, which depends on the brand) and those that are ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sandbox.stripe.facts import CustomerFact
from sandbox.stripe.ledger import Ledger
from tests.oracle.balance import balance, lines
from tests.oracle.billing import billing
from tests.oracle.payments import payments
from tests.oracle.view import Rows, View

INVENTED = frozenset(
    {
        "stripe_id",
        "card_brand",
        "card_funding",
        "card_country",
        "card_network",
        "network_reason_code",
    }
)
_FAR = 10**14


@dataclass(frozen=True)
class Reading:
    """A sync that was completed: everything that existed throughout it has been read (ms)."""

    began: int
    ended: int


def expected(ledger: Ledger, as_of_ms: int) -> Rows:
    """The rows of every table by Stripe's id; customers that were deleted are among them."""
    view = View(ledger, as_of_ms)
    return {**payments(view), **balance(view), **billing(view)}


def end_of(ledger: Ledger) -> int:
    """The moment (ms) after which nothing changes any more."""
    changes = [fact.created * 1_000 + fact.ms for fact in ledger.events.between(0, _FAR)]
    return max([*changes, *(line.available_on * 1_000 for line in lines(ledger))]) + 1


def differences(
    found: Rows, ledger: Ledger, as_of_ms: int, readings: Iterable[Reading]
) -> list[Any]:
    """Where the ledger differs from the facts: table, id and, by column, what is and should be.

    A customer that was deleted before anybody could see it may be missing; it must be if that was
    before the first reading began.
    """
    wanted, seen = expected(ledger, as_of_ms), list(readings)
    customers = {fact.id: fact for fact in ledger.customers.facts}
    for name, row in list(wanted["customers"].items()):
        if row["deleted"] and _may_be_missing(customers[name], seen, name in found["customers"]):
            del wanted["customers"][name]
    return [
        (table, name, _columns(found[table].get(name), wanted[table].get(name)))
        for table in wanted
        for name in sorted(found[table].keys() | wanted[table].keys())
        if not _equal(found[table].get(name), wanted[table].get(name))
    ]


def _may_be_missing(fact: CustomerFact, readings: list[Reading], stored: bool) -> bool:
    born = fact.created * 1_000 + fact.ms
    gone = (fact.deleted_at or 0) * 1_000 + fact.ms
    if gone <= readings[0].began:
        return True
    return not stored and not any(r.began >= born and r.ended < gone for r in readings)


def _equal(found: dict[str, Any] | None, wanted: dict[str, Any] | None) -> bool:
    if found is None or wanted is None:
        return False
    return found.keys() - INVENTED == wanted.keys() and not _columns(found, wanted)


def _columns(found: dict[str, Any] | None, wanted: dict[str, Any] | None) -> Any:
    if found is None or wanted is None:
        return "missing" if found is None else "should not be there"
    return {
        column: (found.get(column, "no column"), wanted.get(column, "not expected"))
        for column in sorted((found.keys() | wanted.keys()) - INVENTED)
        if column not in found or column not in wanted or found[column] != wanted[column]
    }
