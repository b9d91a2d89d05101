"""docs/calibration.md is what the model makes, and what it makes is what a lender would sign."""

from __future__ import annotations

from decimal import Decimal

import pytest

from domain.readiness import ComponentKey, Tier
from sandbox.stripe.archetypes import ARCHETYPES
from tests.calibration.businesses import TWINS, Business, archetypes, by_hand, twins
from tests.calibration.page import PAGE, page
from tests.calibration.sentences import BINDING, sentences

pytestmark = pytest.mark.slow


def businesses() -> dict[str, Business]:
    return {found.name: found for found in (*archetypes(), *twins(), *by_hand())}


def test_page_is_what_the_model_makes_now():
    assert PAGE.read_text(encoding="utf-8") == page(), "Run python -m tests.calibration."


def test_every_archetype_is_judged():
    names = {name.replace("_", " ") for name in ARCHETYPES}
    assert names <= businesses().keys()


@pytest.mark.parametrize(
    ("name", "binding", "best"),
    [
        ("new store", ComponentKey.HISTORY, Tier.NOT_READY),
        ("agency", ComponentKey.CONCENTRATION, Tier.NOT_READY),
        ("dropshipper", ComponentKey.DISPUTES, Tier.NOT_READY),
        ("declining shop", ComponentKey.GROWTH, Tier.NOT_READY),
        ("cdnow", ComponentKey.GROWTH, Tier.NEEDS_WORK),
        ("decliner", ComponentKey.GROWTH, Tier.NEEDS_WORK),
        ("agency of nine", ComponentKey.CONCENTRATION, Tier.NEEDS_WORK),
        ("8 disputes in 200", ComponentKey.DISPUTES, Tier.NOT_READY),
        ("leaking software", ComponentKey.RETENTION, Tier.NEEDS_WORK),
        ("one month in four", ComponentKey.STABILITY, Tier.NEEDS_WORK),
        ("a third refunded", ComponentKey.REFUNDS, Tier.NEEDS_WORK),
        ("no rate stated", ComponentKey.SCALE, Tier.FUNDING_READY),
        ("payouts disabled", ComponentKey.PAYOUTS, Tier.NOT_READY),
    ],
)
def test_fatal_weakness_binds_and_keeps_the_tier_down(name: str, binding: ComponentKey, best: Tier):
    found = businesses()[name].assessment
    order = list(Tier)
    assert found.binding is not None
    assert found.binding.key is binding
    assert order.index(found.tier) <= order.index(best)


@pytest.mark.parametrize(
    ("name", "tier"),
    [
        ("best case", Tier.HIGHLY_ATTRACTIVE),
        ("sound shop", Tier.HIGHLY_ATTRACTIVE),
        ("big", Tier.HIGHLY_ATTRACTIVE),
        ("seasonal shop", Tier.FUNDING_READY),
        ("saas", Tier.FUNDING_READY),
        ("1 dispute in 20", Tier.FUNDING_READY),
        ("empty account", Tier.NOT_READY),
    ],
)
def test_business_that_nothing_limits_gets_the_tier_it_earns(name: str, tier: Tier):
    found = businesses()[name].assessment
    assert (found.binding, found.tier) == (None, tier)


def test_same_shop_scores_alike_in_every_currency():
    found = {name: businesses()[f"twin in {name}"].assessment for name in TWINS}
    dollars = found.pop("dollars")
    for other in found.values():
        # The mean too, for a cap that binds all of them would hide a difference.
        assert other.uncapped == pytest.approx(dollars.uncapped, abs=0.2)
        assert other.exact == pytest.approx(dollars.exact, abs=0.2)
        assert other.tier is dollars.tier


@pytest.mark.parametrize("currency", ["eur", "jpy", "kwd"])
def test_scale_of_a_foreign_shop_is_in_dollars_with_its_rate(currency: str):
    [found] = [b for b in twins() if b.inputs.currency == currency]
    dollars = businesses()["twin in dollars"].inputs.value(ComponentKey.SCALE)
    assert found.inputs.value(ComponentKey.SCALE) == pytest.approx(dollars, rel=Decimal("0.02"))
    assert found.inputs.scale is not None
    assert f"1 {currency.upper()} =" in found.inputs.scale.window


def test_sentence_says_what_binds_in_its_own_numbers():
    for business in businesses().values():
        found, said = business.assessment, sentences(business)
        part = None if found.binding is None else found.component(found.binding.key)
        if found.binding is not None and part is not None and found.binding.key in BINDING:
            assert part.display in said


def test_every_cap_has_a_sentence():
    assert set(BINDING) == set(ComponentKey) - {ComponentKey.PAYOUTS}
