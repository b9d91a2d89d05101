"""Movements, churn and retention of months; expected values by hand."""

from decimal import Decimal
from fractions import Fraction

from domain.periods import Month
from domain.recurring.book import Book, Moment
from domain.recurring.lines import Spell
from domain.recurring.months import Movements, Reading, churn_rate, movements, retention
from domain.recurring.values import MonthlyValue
from tests.domain.recurring.samples import day


def reading(**customers: str | int) -> Reading:
    found = Reading("invoice_lines")
    for customer, value in customers.items():
        found.add(customer, MonthlyValue(Fraction(value)))
    return found


def spell(start: float, end: float, value: int) -> Spell:
    return Spell(day(start), day(end), MonthlyValue(Fraction(value), Fraction(value)))


def test_each_customer_moves_in_one_way() -> None:
    before = reading(up=100, down=300, gone=50, same=20)
    after = reading(up=150, down=100, same=20, fresh=70, back=30)
    found = movements(before, after, {"fresh": day(20), "back": day(1)}, at=day(10))
    assert found == Movements(new=70, expansion=50, contraction=-200, churned=-50, reactivated=30)


def test_movements_add_up_to_the_change_of_rounded_sums() -> None:
    # 2.5 becomes 2 (half to even) and 3.7 becomes 4.
    found = movements(reading(a="5/2"), reading(b="37/10"), {}, at=day(10))
    assert (found.new, found.churned) == (4, -2)


def test_retention_is_measured_on_those_who_paid_then() -> None:
    then = reading(stays=100, grows=100, shrinks=100, gone=100)
    kept = retention(then, reading(stays=100, grows=300, shrinks=40, newcomer=900))
    assert (kept.customers, kept.gross, kept.net) == (4, Decimal("0.6000"), Decimal("1.1000"))


def test_cohort_of_nobody_has_no_retention() -> None:
    assert retention(reading(), reading(a=1)).gross is None


def test_churn_counts_those_who_left_over_all_who_paid_within_thirty_days() -> None:
    assert churn_rate({"old", "left", "short"}, reading(old=1, fresh=1)) == Decimal("0.5000")
    assert churn_rate(set(), reading()) is None


def book(*moments: tuple[Month, float]) -> Book:
    return Book([Moment(month, day(at)) for month, at in moments])


YEAR = [(Month(2025, 1).plus(n), -334 + 30 * n) for n in range(13)]


def test_month_is_read_at_its_end() -> None:
    found = book(*YEAR, (Month(2026, 2), 59), (Month(2026, 3), 90))
    found.add("a", [spell(40, 59, 100), spell(59, 70, 300)])
    found.add("b", [spell(59, 90, 50)])
    february, march = found.month(13, "usd"), found.month(14, "usd")
    assert (february.mrr_minor, february.new_minor, february.paying_customers) == (100, 100, 1)
    assert (march.mrr_minor, march.new_minor, march.churned_minor) == (50, 50, -100)
    assert (march.active_subscriptions, march.monthly_plan_share) == (1, Decimal("1.0000"))
    # Both paid at some time of March, one still does.
    assert march.churn_rate == Decimal("0.5000")


def test_customer_who_came_and_left_before_has_come_back() -> None:
    found = book(*YEAR, (Month(2026, 2), 59), (Month(2026, 3), 90))
    found.add("a", [spell(35, 45, 100)])
    found.add("a", [spell(80, 110, 100)])
    march = found.month(14, "usd")
    assert (march.new_minor, march.reactivated_minor) == (0, 100)


def test_retention_looks_at_the_same_month_a_year_earlier() -> None:
    found = book(*YEAR)
    found.add("a", [spell(-350, -320, 100), spell(0, 40, 80)])
    month = found.month(12, "usd")
    assert (month.cohort_customers, month.gross_retention) == (1, Decimal("0.8000"))
