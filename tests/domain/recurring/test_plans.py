"""What a plan costs in a month."""

from datetime import UTC, datetime
from fractions import Fraction

import pytest

from domain.recurring.plans import cadence_of, cadence_of_period
from tests.domain.recurring.samples import plan, tier


@pytest.mark.parametrize(
    ("interval", "count", "times"),
    [
        ("month", 1, "1"),
        ("month", 3, "1/3"),
        ("year", 1, "1/12"),
        ("year", 2, "1/24"),
        ("week", 1, "13/3"),
        ("week", 2, "13/6"),
        ("day", 1, "365/12"),
        ("day", 30, "73/72"),
    ],
)
def test_interval_counts_as_its_share_of_a_twelfth_of_a_year(
    interval: str, count: int, times: str
) -> None:
    found = cadence_of(interval, count)
    assert found is not None
    assert found.times == Fraction(times)
    assert found.is_monthly == ((interval, count) == ("month", 1))


def test_interval_that_stripe_does_not_have_has_no_cadence() -> None:
    assert cadence_of("fortnight", 1) is None
    assert cadence_of("month", 0) is None


@pytest.mark.parametrize(
    ("start", "end", "times"),
    [
        ("2026-01-15T10:00:00", "2026-02-15T10:00:00", "1"),
        ("2026-01-31T10:00:00", "2026-02-28T10:00:00", "1"),
        ("2026-02-28T10:00:00", "2026-03-31T10:00:00", "1"),
        ("2026-02-01T00:00:00", "2026-03-01T00:00:00", "1"),
        ("2026-01-15T10:00:00", "2026-04-15T10:00:00", "1/3"),
        ("2024-02-29T10:00:00", "2025-02-28T10:00:00", "1/12"),
        ("2026-01-15T10:00:00", "2026-01-22T10:00:00", "13/3"),
        ("2026-01-15T10:00:00", "2026-01-29T10:00:00", "13/6"),
        ("2026-01-15T10:00:00", "2026-01-25T10:00:00", "365/120"),
        ("2026-01-15T10:00:00", "2026-02-15T22:00:00", "365/378"),
    ],
)
def test_period_tells_its_interval(start: str, end: str, times: str) -> None:
    seconds = [
        int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) for text in (start, end)
    ]
    assert cadence_of_period(*seconds).times == Fraction(times)


def test_each_unit_costs_the_same_without_tiers() -> None:
    assert plan("0.25").cost(10) == Fraction(5, 2)


@pytest.mark.parametrize(("quantity", "cost"), [(1, 2_500), (5, 8_500), (6, 9_700), (25, 31_200)])
def test_graduated_tiers_charge_each_unit_by_its_own_step(quantity: int, cost: int) -> None:
    # 5 at 1,500 with 1,000 flat; 15 more at 1,200; the rest at 900 with 200 flat.
    tiers = (tier(5, 1_500, 1_000), tier(20, 1_200), tier(None, 900, 200))
    assert plan(None, tiers_mode="graduated", tiers=tiers).cost(quantity) == cost


@pytest.mark.parametrize(
    ("quantity", "cost"), [(1, 1_000), (10, 10_000), (11, 8_200), (20, 14_500)]
)
def test_volume_tiers_charge_all_units_by_the_step_of_the_last(quantity: int, cost: int) -> None:
    tiers = (tier(10, 1_000), tier(None, 700, 500))
    assert plan(None, tiers_mode="volume", tiers=tiers).cost(quantity) == cost


def test_price_without_amount_or_tiers_does_not_tell_its_cost() -> None:
    assert plan(None).cost(1) is None
    assert plan(None, tiers_mode="volume", tiers=(tier(5, 100),)).cost(6) is None
    assert plan(None, tiers_mode="graduated", tiers=(tier(5, 100),)).cost(6) is None
