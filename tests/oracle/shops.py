"""Small shops in which much happens, and where in their lives to begin."""

from __future__ import annotations

from functools import lru_cache

from domain.periods import Month
from sandbox.stripe.aftermath import Rates
from sandbox.stripe.archetypes import load
from sandbox.stripe.billing_facts import ProductFact
from sandbox.stripe.facts import CustomerFact, RefundFact
from sandbox.stripe.ledger import Billing, Ledger, More
from sandbox.stripe.shops import ShopPlan, Tender, make_shop
from tests.integrations.stripe.ledgers import NOW
from tests.services.stripe_sync.moving import DAY, HOUR, sale

LAST_MONTH = Month(2026, 10)
# A month in which a second purchase often comes within the second of the first, most of them
# have consequences, and those soon.
TURBULENT = ShopPlan(
    "Turbulent",
    (1.0,),
    (Tender("usd", 3, 4_500), Tender("eur", 1, 4_100, rate="1.0834")),
    declined=0.15,
    burst=0.6,
    rates=Rates(
        refunded=0.35,
        disputed=0.2,
        warned=0.1,
        captured_late=0.2,
        never_captured=0.03,
    ),
)


@lru_cache(maxsize=8)
def shop(name: str, charges: int = 120) -> Ledger:
    """A shop by the name of its archetype, or the turbulent one."""
    if name == "turbulent":
        return make_shop(TURBULENT, last_month=LAST_MONTH, seed=1, charges=charges)
    return load(name, last_month=LAST_MONTH, charges=charges)


def moment_in(ledger: Ledger, percent: int) -> int:
    """The moment (ms) by which so many percent of the charges have been made."""
    moments = ledger.charges.moments
    return int(moments[(len(moments) - 1) * percent // 100])


def steady_shop() -> Ledger:
    """A sale every second day until NOW, and one every second hour after that; some things end."""
    before = [sale(f"Old{n}", NOW - (n + 1) * 2 * DAY) for n in range(12)]
    after = [sale(f"New{n}", NOW + n * 2 * HOUR + 600) for n in range(6)]
    much_later = [sale(f"Late{n}", NOW + n * 5 * DAY) for n in range(1, 10)]
    return Ledger.from_facts(
        charges=[*before, *after, *much_later],
        refunds=[
            RefundFact(f"re_{n}", f"ch_Old{n}", NOW + (n + 1) * DAY, 250, ms=n) for n in range(12)
        ],
        more=More(
            customers=(CustomerFact("cus_Old3", NOW - 8 * DAY, deleted_at=NOW + 2 * DAY),),
        ),
        billing=Billing(products=(ProductFact("prod_Gone", NOW - DAY, "G", deleted_at=NOW + DAY),)),
    )
