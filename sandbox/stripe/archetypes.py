"""Businesses of every sort to sync, drawn from a seed: `load("dropshipper", last_month=…)`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from domain.errors import InvalidInputError
from domain.periods import Month
from sandbox.stripe import cdnow
from sandbox.stripe.aftermath import Rates
from sandbox.stripe.big import load_big
from sandbox.stripe.ledger import Ledger
from sandbox.stripe.saas import load_saas
from sandbox.stripe.shops import ShopPlan, Tender, growing, make_shop

FEWEST, MAX_SEED = 100, cdnow.MAX_SEED
_DOLLARS = (Tender("usd", 1, 4_500),)


@dataclass(frozen=True)
class Archetype:
    """A sort of business: what it is, and about how many charges it has unless told otherwise.

    `most` is the largest number that it can be asked for; None has a number of its own.
    """

    summary: str
    build: Callable[[Month, int, int], Ledger]
    charges: int
    most: int | None


def load(name: str, *, last_month: Month, seed: int = 1, charges: int | None = None) -> Ledger:
    """Return the archetype's ledger, its newest charges in `last_month`.

    The same arguments give the same facts in every process. Raise InvalidInputError for an unknown
    name, a seed that is not within 0 and MAX_SEED, or a number of charges that it cannot have.
    """
    archetype = ARCHETYPES.get(name)
    if archetype is None:
        known = ", ".join(ARCHETYPES)
        raise InvalidInputError(f"There is no archetype {name!r}. Choose one of {known}.")
    if not 0 <= seed <= MAX_SEED:
        raise InvalidInputError(f"The seed must be within 0 and {MAX_SEED}, not {seed}.")
    if charges is not None:
        if archetype.most is None:
            raise InvalidInputError(f"{name} has {archetype.charges} charges. Ask for no number.")
        if not FEWEST <= charges <= archetype.most:
            bounds = f"within {FEWEST} and {archetype.most}"
            raise InvalidInputError(f"{name} has a number of charges {bounds}, not {charges}.")
    return archetype.build(last_month, seed, charges or archetype.charges)


def _shop(plan: ShopPlan) -> Callable[[Month, int, int], Ledger]:
    def build(last_month: Month, seed: int, charges: int) -> Ledger:
        return make_shop(plan, last_month=last_month, seed=seed, charges=charges)

    return build


def _cdnow(last_month: Month, seed: int, charges: int) -> Ledger:
    del charges
    return cdnow.load_shop(last_month=last_month, seed=seed)


NEW_STORE = ShopPlan("New store", (0.4, 1.0), _DOLLARS, customers=70)
SEASONAL_SHOP = ShopPlan(
    "Seasonal shop",
    [2.6 if month in (10, 11) else 0.7 + 0.05 * month for month in range(12)] * 2,
    _DOLLARS,
)
AGENCY = ShopPlan(
    "Agency",
    growing(18, 1.01),
    (Tender("usd", 1, 350_000),),
    customers=8,
    biggest=0.6,
    guests=0.0,
    rates=Rates(refunded=0.03, disputed=0.005),
)
DROPSHIPPER = ShopPlan(
    "Dropshipper",
    growing(9, 1.12),
    (Tender("usd", 1, 3_900),),
    declined=0.12,
    rates=Rates(refunded=0.14, disputed=0.05, answered=0.3),
)
DECLINING_SHOP = ShopPlan("Declining shop", growing(20, 0.94), _DOLLARS)
MULTI_CURRENCY = ShopPlan(
    "Multi currency",
    growing(12, 1.02),
    (
        Tender("usd", 5, 4_500),
        Tender("eur", 3, 4_100, rate="1.0834"),
        Tender("gbp", 2, 3_600, rate="1.2675"),
        # A yen has no minor unit, a cent is the hundredth of a dollar.
        Tender("jpy", 1, 6_200, rate="0.6412"),
        # Canadian dollars have an account of their own and stay what they are.
        Tender("cad", 1, 5_900),
    ),
)
ZERO_DECIMAL = ShopPlan(
    "Zero decimal",
    growing(12, 1.01),
    (Tender("jpy", 8, 6_200), Tender("usd", 1, 4_500, rate="1.5596")),
    timezone="Asia/Tokyo",
    country="JP",
)
THREE_DECIMAL = ShopPlan(
    "Three decimal",
    growing(12, 1.01),
    # Stripe takes three-decimal amounts in steps of ten (docs.stripe.com/currencies).
    (Tender("kwd", 8, 14_000, step=10), Tender("usd", 1, 4_500, rate="3.0710")),
    timezone="Asia/Kuwait",
    country="KW",
)

ARCHETYPES: Mapping[str, Archetype] = MappingProxyType(
    {
        "new_store": Archetype("A store in its second month.", _shop(NEW_STORE), 120, 20_000),
        "seasonal_shop": Archetype(
            "Two years of trade of which most comes in two months.",
            _shop(SEASONAL_SHOP),
            900,
            100_000,
        ),
        "saas": Archetype(
            "Software by subscription: trials, discounts, upgrades, pauses and churn.",
            load_saas,
            600,
            20_000,
        ),
        "agency": Archetype(
            "An agency to which one client pays more than half.", _shop(AGENCY), 200, 20_000
        ),
        "dropshipper": Archetype(
            "Fast growth with many declines, refunds and disputes.",
            _shop(DROPSHIPPER),
            700,
            100_000,
        ),
        "declining_shop": Archetype(
            "A shop that loses six percent of its trade a month.",
            _shop(DECLINING_SHOP),
            800,
            100_000,
        ),
        "multi_currency": Archetype(
            "Sales in five currencies, of which three are exchanged.",
            _shop(MULTI_CURRENCY),
            500,
            100_000,
        ),
        "zero_decimal": Archetype(
            "A shop in yen, which has no minor unit.", _shop(ZERO_DECIMAL), 300, 100_000
        ),
        "three_decimal": Archetype(
            "A shop in dinars, which have a thousand fils.", _shop(THREE_DECIMAL), 300, 100_000
        ),
        "cdnow": Archetype(
            "The real purchases of CDNOW's customers over eighteen months.", _cdnow, 71_000, None
        ),
        "big": Archetype(
            "Two years of a shop as large as wanted, made on demand.", load_big, 100_000, 1_000_000
        ),
    }
)
