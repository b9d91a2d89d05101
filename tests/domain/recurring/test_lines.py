"""What a subscription was worth, read from invoice lines; days of 2026, expected values by hand."""

from fractions import Fraction

import pytest

from domain.recurring.lines import InvoicedLine
from domain.recurring.plans import Plan
from tests.domain.recurring.samples import amount, day, line, percent, plan, tier, worth

PLANS: dict[str, Plan] = {
    "basic": plan(2_900),
    "pro": plan(9_900),
    "yearly": plan(29_000, "year"),
    "calls": plan("0.25", metered=True),
    "setup": Plan("usd", None, Fraction(9_900)),
    "seats": plan(None, tiers_mode="volume", tiers=(tier(10, 1_000), tier(None, 700))),
}
JANUARY = line(2_900, 0, 31)


def change(
    at: float, old: tuple[str, int, int], new: tuple[str, int, int], *, item: str | None = "si_1"
) -> list[InvoicedLine]:
    """The prorations of a change up to day 31: price, quantity and amount of old and new."""
    credit = line(-old[2], at, 31, price=old[0], quantity=old[1], item=item, proration=True)
    charge = line(new[2], at, 31, price=new[0], quantity=new[1], item=item, proration=True)
    return [charge, credit]


@pytest.mark.parametrize(("at", "value"), [(0, 0), (1, 2_900), (31, 2_900), (31.01, 0)])
def test_line_counts_within_its_period(at: float, value: int) -> None:
    assert worth([JANUARY], at, PLANS) == value


def test_yearly_line_counts_a_twelfth_in_each_of_its_months() -> None:
    paid = [line(29_000, 0, 365, price="yearly")]
    assert {worth(paid, at, PLANS) for at in (31, 59, 334, 365)} == {Fraction(29_000, 12)}


def test_amount_of_the_invoice_counts_and_not_the_price_of_today() -> None:
    assert worth([line(3_333, 0, 31)], 20, PLANS) == 3_333


@pytest.mark.parametrize("item", ["si_1", None], ids=["flexible", "classic"])
@pytest.mark.parametrize(
    ("old", "new", "value"),
    [
        (("basic", 1, 1_450), ("pro", 1, 4_950), 9_900),
        (("basic", 1, 1_450), ("basic", 3, 4_350), 8_700),
        (("basic", 1, 1_450), ("seats", 12, 4_200), 8_400),
    ],
    ids=["upgrade", "quantity", "tiers"],
)
def test_change_within_a_period_counts_from_then_on_at_the_whole_price(
    item: str | None, old: tuple[str, int, int], new: tuple[str, int, int], value: int
) -> None:
    lines = [JANUARY, *change(15, old, new, item=item)]
    assert [worth(lines, at, PLANS) for at in (15, 16, 31, 32)] == [2_900, value, value, 0]


def test_downgrade_counts_from_then_on() -> None:
    lines = [line(9_900, 0, 31, price="pro"), *change(20, ("pro", 1, 3_500), ("basic", 1, 1_029))]
    assert [worth(lines, at, PLANS) for at in (20, 31)] == [9_900, 2_900]


def test_change_on_the_first_day_counts_at_the_whole_price_too() -> None:
    lines = [JANUARY, *change(1, ("basic", 1, 2_806), ("pro", 1, 9_580))]
    assert worth(lines, 31, PLANS) == 9_900


def test_last_of_several_changes_counts() -> None:
    up = change(10, ("basic", 1, 1_964), ("pro", 1, 6_706))
    down = change(20, ("pro", 1, 3_512), ("basic", 2, 2_058))
    assert [worth([JANUARY, *down, *up], at, PLANS) for at in (10, 20, 31)] == [2_900, 9_900, 5_800]


def test_change_billed_with_the_next_invoice_counts_in_its_own_time() -> None:
    late = [
        line(-1_450, 15, 31, proration=True, issued_at=day(31)),
        line(4_350, 15, 31, quantity=3, proration=True, issued_at=day(31)),
        line(8_700, 31, 59, quantity=3),
    ]
    assert [worth([JANUARY, *late], at, PLANS) for at in (10, 20, 40)] == [2_900, 8_700, 8_700]


def test_move_to_a_yearly_plan_ends_the_monthly_one() -> None:
    lines = [
        JANUARY,
        line(-1_450, 15, 31, proration=True),
        line(29_000, 15, 380, price="yearly"),
    ]
    assert [worth(lines, at, PLANS) for at in (15, 20, 40)] == [
        2_900,
        Fraction(29_000, 12),
        Fraction(29_000, 12),
    ]


def test_item_that_is_only_credited_is_gone() -> None:
    other = line(9_900, 0, 31, price="pro", item="si_2")
    gone = line(-4_950, 15, 31, price="pro", item="si_2", proration=True)
    assert [worth([JANUARY, other, gone], at, PLANS) for at in (15, 31)] == [12_800, 2_900]


def test_cancellation_within_a_period_ends_what_was_paid_for() -> None:
    assert [worth([JANUARY], at, PLANS, ended_at=day(20)) for at in (20, 21)] == [2_900, 0]


def test_cancellation_at_the_end_of_the_period_counts_until_then() -> None:
    assert [worth([JANUARY], at, PLANS, ended_at=day(31)) for at in (31, 31.01)] == [2_900, 0]


def test_trial_counts_nothing() -> None:
    lines = [line(0, 0, 14), line(2_900, 14, 45)]
    assert [worth(lines, at, PLANS) for at in (10, 20)] == [0, 2_900]


def test_change_within_a_trial_counts_nothing() -> None:
    lines = [line(0, 0, 31), *change(5, ("basic", 1, 0), ("pro", 1, 0))]
    assert worth(lines, 20, PLANS) == 0


def test_upgrade_from_a_free_plan_counts() -> None:
    plans = {**PLANS, "free": plan(0)}
    lines = [line(0, 0, 31, price="free"), *change(15, ("free", 1, 0), ("pro", 1, 4_950))]
    assert [worth(lines, at, plans) for at in (15, 31)] == [0, 9_900]


def test_first_invoice_counts_once_it_is_paid() -> None:
    lines = [line(2_900, 0, 31, counts_from=day(3))]
    assert [worth(lines, at, PLANS) for at in (3, 4, 31)] == [0, 2_900, 2_900]


def test_metered_and_one_time_prices_and_items_made_by_hand_count_nothing() -> None:
    lines = [
        line(500, 0, 31, price="calls", quantity=2_000),
        line(9_900, 0, 31, price="setup", item="si_2"),
        line(7_700, 0, 31, price="pro", item=None),
    ]
    assert worth(lines, 20, PLANS) == 0


def test_coupon_counts_only_if_it_lasts_forever_and_from_its_start_on() -> None:
    once, later = percent("50", "once"), percent("10", start=day(10))
    found = [worth([JANUARY], at, PLANS, discounts=(once, later)) for at in (10, 11)]
    assert found == [2_900, 2_610]


def test_coupon_of_an_item_reduces_its_own_lines() -> None:
    both = [JANUARY, line(9_900, 0, 31, price="pro", item="si_2")]
    own = {"si_2": (amount(900),)}
    assert worth(both, 20, PLANS, item_discounts=own) == 2_900 + 9_000


def test_first_period_cut_short_counts_at_the_whole_price() -> None:
    assert worth([line(935, 0, 10)], 5, PLANS) == 2_900


@pytest.mark.parametrize(
    ("paid", "value"),
    [
        (line(2_900, 0, 31, price="unknown"), "2900"),
        (line(9_000, 0, 90, price="unknown"), "3000"),
        (line(29_000, 0, 365, price=None), "29000/12"),
        (line(700, 0, 7, price="unknown"), "9100/3"),
        (line(1_200, 0, 10, price="unknown"), "3650"),
        (line(900, 0, 31, price="unknown", issued_at=day(31)), "0"),
        (line(1_200, 1, 31, price="unknown", proration=True, issued_at=day(31)), "3650/3"),
    ],
    ids=["month", "quarter", "year", "week", "days", "metered", "proration"],
)
def test_line_whose_price_is_not_known_counts_by_its_own_period(
    paid: InvoicedLine, value: str
) -> None:
    assert worth([paid], 5, PLANS) == Fraction(value)


def test_proration_is_scaled_up_if_the_price_does_not_tell_its_amount() -> None:
    plans = {"custom": plan(None)}
    lines = [line(1_000, 21, 31, price="custom", proration=True)]
    assert worth(lines, 30, plans) == 1_000 * Fraction(365, 120)
