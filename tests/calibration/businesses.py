"""The businesses on the page: every archetype of the sandbox, one shop in several currencies, and
some made by hand for what no archetype shows."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from domain.rates import parse_rates
from domain.readiness import Assessment, Measurement, ReadinessInputs, assess
from sandbox.stripe.archetypes import ARCHETYPES, load
from sandbox.stripe.ledger import Ledger
from sandbox.stripe.shops import ShopPlan, Tender, growing, make_shop
from tests.calibration.reading import LAST, read_inputs
from tests.domain.months import good_but, measured

RATES = parse_rates(
    "eur=1.0834@2026-11-20,gbp=1.2675@2026-11-20,jpy=0.006412@2026-11-20,kwd=3.2563@2026-11-20"
)
# Where an archetype's usual number of charges is so small that its size alone would decide.
CHARGES = {
    "seasonal_shop": 9_000,
    "dropshipper": 7_000,
    "declining_shop": 16_000,
    "multi_currency": 6_000,
    "zero_decimal": 5_000,
    "three_decimal": 5_000,
    "big": 20_000,
}
# 45 US dollars each, at the rates above: the same shop but for its currency.
TWINS = {
    "dollars": (Tender("usd", 1, 4_500),),
    "euros": (Tender("eur", 1, 4_154),),
    "yen": (Tender("jpy", 1, 7_018),),
    "dinars": (Tender("kwd", 1, 13_820, step=10),),
    "three currencies": (
        Tender("usd", 5, 4_500),
        Tender("eur", 3, 4_154, rate="1.0834"),
        Tender("gbp", 2, 3_550, rate="1.2675"),
    ),
}


@dataclass(frozen=True)
class Business:
    """A business and its score; `charges` None: described by its inputs, without facts."""

    name: str
    about: str
    charges: int | None
    inputs: ReadinessInputs
    assessment: Assessment


@cache
def archetypes() -> tuple[Business, ...]:
    """Return every archetype of the sandbox, sized by `CHARGES`."""
    return tuple(
        _of_ledger(
            name.replace("_", " "),
            archetype.summary,
            load(name, last_month=LAST, charges=CHARGES.get(name)),
        )
        for name, archetype in ARCHETYPES.items()
    )


@cache
def twins() -> tuple[Business, ...]:
    """Return one shop that trades in dollars and the same shop in other currencies."""
    return tuple(_twin(name, tenders) for name, tenders in TWINS.items())


def _twin(name: str, tenders: tuple[Tender, ...]) -> Business:
    plan = ShopPlan("Twin", growing(18, 1.02), tenders)
    ledger = make_shop(plan, last_month=LAST, seed=1, charges=9_000)
    about = f"A shop of 18 months that sells at 45 US dollars, in {name}."
    return _of_ledger(f"twin in {name}", about, ledger)


@cache
def by_hand() -> tuple[Business, ...]:
    """Return what no archetype shows, described by its inputs."""
    return tuple(
        Business(name, about, None, inputs, assess(inputs)) for name, about, inputs in _BY_HAND
    )


def _of_ledger(name: str, about: str, ledger: Ledger) -> Business:
    inputs = read_inputs(ledger, RATES.find(ledger.shop.currency))
    return Business(name, about, len(ledger.charges.facts), inputs, assess(inputs))


def _shares(bad: int, n: int) -> Measurement:
    return Measurement(Decimal(bad) / n, n, "3 months to 2026-10")


_BY_HAND = (
    (
        "best case",
        "Subscriptions of 300,000 USD a month that grow, with hardly a fault.",
        ReadinessInputs(
            scale=measured("300000"),
            history=measured(48),
            growth=measured("1.2", 15),
            stability=measured("0.04", 12),
            disputes=measured("0", 50_000),
            refunds=measured("0.01", 50_000),
            payments=measured("0.02", 50_000),
            concentration=measured("0.02"),
            retention=measured("0.97", 3000),
            payouts=measured("0", 60),
            recurring_share=Decimal(1),
        ),
    ),
    (
        "sound shop",
        "The shop that the next ones are but for one thing: 30,000 USD a month, growth of 10 %.",
        good_but(),
    ),
    ("decliner", "Net revenue down by 35 % in a year.", good_but(growth=measured("-0.35", 15))),
    (
        "agency of nine",
        "Nine clients, one of whom brings 60 %.",
        good_but(concentration=measured("0.60", 9)),
    ),
    ("8 disputes in 200", "4 % of 200 payments disputed.", good_but(disputes=_shares(8, 200))),
    ("1 dispute in 20", "One dispute among 20 payments.", good_but(disputes=_shares(1, 20))),
    (
        "leaking software",
        "Subscriptions of which half are lost in a year.",
        good_but(
            recurring_share=Decimal(1),
            retention=Measurement(Decimal("0.50"), 200, "12 months to 2026-10"),
        ),
    ),
    (
        "one month in four",
        "Nearly all revenue in every fourth month.",
        good_but(stability=Measurement(Decimal("1.7"), 12, "12 months to 2026-10")),
    ),
    ("a third refunded", "A third of revenue refunded.", good_but(refunds=measured("0.33", 3000))),
    (
        "no rate stated",
        "30,000 a month in euros, but nobody states what a euro is worth.",
        good_but(
            currency="eur",
            growth=measured("0.60", 15),
            stability=measured("0.05", 12),
            payments=measured("0.02", 3000),
        ),
    ),
    ("payouts disabled", "Stripe has disabled payouts.", good_but(payouts_enabled=False)),
    ("empty account", "Connected, and nothing in it.", ReadinessInputs()),
)
