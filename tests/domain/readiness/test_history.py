from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from statistics import fmean, pstdev

import pytest

from domain.errors import ConfigurationError, InvalidInputError
from domain.metrics import MonthMetrics
from domain.periods import Month
from domain.rates import StatedRate
from domain.readiness import (
    AccountFacts,
    ComponentKey,
    GrowthBasis,
    ReadinessInputs,
    assess,
    complete_months,
    hash_inputs,
    inputs_from_months,
)
from tests.domain.months import AS_OF, LAST, history_of, month_of


def read(months: list[MonthMetrics], **account: object) -> ReadinessInputs:
    return inputs_from_months(
        months,
        top1_share=None,
        as_of=AS_OF,
        data_age_days=0,
        account=AccountFacts(**account),
    )


def test_month_to_date_is_left_out():
    november = replace(month_of(Month(2026, 11), 999_999), month_to_date=True)
    assert read([*history_of([100] * 6), november]) == read(history_of([100] * 6))


def test_month_of_the_day_itself_is_never_complete():
    months = history_of([100] * 3, last=Month(2026, 11))
    assert [metrics.month for metrics in complete_months(months, AS_OF)] == [
        Month(2026, 9),
        Month(2026, 10),
    ]


def test_month_not_counted_to_its_end_ends_the_complete_ones():
    months = history_of([100] * 4)
    months[2] = replace(months[2], month_to_date=True)
    assert len(complete_months(months, AS_OF)) == 2


def test_months_before_the_first_payment_are_no_history():
    months = [month_of(LAST.plus(-9), 0, charges=0), *history_of([100] * 4)]
    assert read(months).value(ComponentKey.HISTORY) == 4


def test_month_without_metrics_counts_as_one_without_payments():
    months = history_of([300, 300, 300, 300, 300])
    del months[3]
    inputs = read(months)
    assert inputs.value(ComponentKey.HISTORY) == 5
    assert inputs.value(ComponentKey.SCALE) == Decimal("2.00")


def test_business_that_stopped_selling_shrinks_to_nothing():
    inputs = read(history_of([1000] * 20, last=LAST.plus(-5)))
    assert inputs.value(ComponentKey.SCALE) == 0
    assert inputs.value(ComponentKey.GROWTH) == -1


def test_scale_is_the_average_of_the_last_three_months_in_major_units():
    inputs = read(history_of([10**9, 10_000, 20_000, 30_001]))
    assert inputs.scale is not None
    assert (inputs.scale.value, inputs.scale.n, inputs.scale.window) == (
        Decimal("200.00"),
        3,
        "3 months to 2026-10",
    )


EURO = StatedRate("eur", Decimal("1.0834"), date(2026, 11, 20))


def in_euros(nets: list[int], rate: StatedRate | None) -> ReadinessInputs:
    months = [replace(month, currency="eur") for month in history_of(nets)]
    return inputs_from_months(
        months, top1_share=None, as_of=AS_OF, data_age_days=0, account=AccountFacts(), rate=rate
    )


def test_scale_is_converted_at_the_stated_rate_and_says_so():
    inputs = in_euros([10_000, 20_000, 30_001], EURO)
    assert inputs.scale is not None
    # 600.01 EUR at 1.0834 are 650.050834 USD: 650.05, and a third of it.
    assert (inputs.scale.value, inputs.scale.window) == (
        Decimal("216.68"),
        "3 months to 2026-10, 1 EUR = 1.0834 USD on 2026-11-20",
    )
    assert (inputs.currency, inputs.scale_currency) == ("eur", "usd")
    part = assess(inputs).component(ComponentKey.SCALE)
    assert part is not None
    assert part.display == "216.68 USD"


def test_scale_without_a_rate_stays_in_its_currency_and_is_dropped():
    inputs = in_euros([10_000, 20_000, 30_001], None)
    assert (inputs.value(ComponentKey.SCALE), inputs.scale_currency) == (Decimal("200.00"), "eur")
    assert assess(inputs).component(ComponentKey.SCALE) is None


@pytest.mark.parametrize(
    "other", [replace(EURO, usd=Decimal("1.0835")), replace(EURO, on=date(2026, 11, 21)), None]
)
def test_another_rate_or_day_is_another_hash(other: StatedRate | None):
    assert hash_inputs(in_euros([9] * 3, EURO)) != hash_inputs(in_euros([9] * 3, other))


def test_rate_of_another_currency_is_refused():
    with pytest.raises(ConfigurationError, match="EUR cannot convert USD"):
        inputs_from_months(
            history_of([100] * 3), top1_share=None, as_of=AS_OF, data_age_days=0, rate=EURO
        )


def test_history_begins_again_after_a_year_without_a_payment():
    trial = month_of(LAST.plus(-16), 100, charges=1)
    opened = history_of([1000] * 4)
    inputs = read([trial, *opened])
    assert inputs.value(ComponentKey.HISTORY) == 4
    assert read(opened) == inputs


def test_silence_of_less_than_a_year_is_part_of_the_history():
    trial = month_of(LAST.plus(-15), 100, charges=1)
    assert read([trial, *history_of([1000] * 4)]).value(ComponentKey.HISTORY) == 16


def test_business_that_stopped_a_year_ago_keeps_its_history():
    months = history_of([1000] * 20, last=LAST.plus(-14))
    assert read(months).value(ComponentKey.HISTORY) == 34


def test_season_is_measured_against_the_year_before():
    season = [700] * 10 + [2600] * 2
    varied = read(history_of(season * 2)).value(ComponentKey.STABILITY)
    assert float(varied or 0) == pytest.approx(pstdev(season) / fmean(season), abs=1e-6)


def test_growth_compares_with_the_year_before_from_15_months_on():
    inputs = read(history_of([100] * 12 + [125] * 3))
    assert inputs.growth is not None
    assert (inputs.growth.value, inputs.growth.n) == (Decimal("0.25"), 15)
    assert inputs.growth_basis is GrowthBasis.YEAR_EARLIER


def test_growth_compares_with_the_quarter_before_until_then_and_counts_less():
    inputs = read(history_of([100] * 11 + [50] * 3))
    assert inputs.growth is not None
    assert (inputs.growth.value, inputs.growth.n) == (Decimal("-0.5"), 6)
    assert inputs.growth_basis is GrowthBasis.PREVIOUS_QUARTER


@pytest.mark.parametrize("nets", [[100] * 5, [-5, 0, 0, 9, 9, 9]])
def test_growth_is_unknown_without_an_earlier_quarter_of_revenue(nets: list[int]):
    assert read(history_of(nets)).growth is None


def test_disputes_refunds_and_failures_are_those_of_three_months():
    months = [
        month_of(LAST.plus(-3), 1_000_000, charges=9999, disputes=999, failed=999),
        month_of(LAST.plus(-2), 900, charges=100, disputes=1, refund_minor=100, failed=50),
        month_of(LAST.plus(-1), 2000, charges=100, disputes=1),
        month_of(LAST, 2000, charges=50, disputes=3),
    ]
    inputs = read(months)
    assert inputs.disputes is not None
    assert inputs.refunds is not None
    assert inputs.payments is not None
    assert (inputs.disputes.value, inputs.disputes.n) == (Decimal("0.02"), 250)
    assert (inputs.refunds.value, inputs.refunds.n) == (Decimal("0.02"), 250)
    assert (inputs.payments.value, inputs.payments.n) == (Decimal("0.166667"), 300)


def test_recurring_share_comes_from_the_last_month_s_mrr():
    months = [*history_of([1000, 1000]), month_of(Month(2026, 10), 1000, mrr_minor=400)]
    months = [replace(month, month=LAST.plus(index - 2)) for index, month in enumerate(months)]
    assert read(months).recurring_share == Decimal("0.4")


def test_recurring_share_is_at_most_all():
    assert read(history_of([1000] * 3, mrr_minor=5000)).recurring_share == 1


def test_known_recurring_share_goes_before_a_derived_one():
    months = history_of([1000] * 3, mrr_minor=400)
    assert read(months, recurring_share=Decimal("0.9")).recurring_share == Decimal("0.9")


def test_account_facts_arrive_with_their_evidence():
    inputs = inputs_from_months(
        history_of([1000] * 3),
        top1_share=Decimal("0.123"),
        as_of=AS_OF,
        data_age_days=Decimal("1.5"),
        account=AccountFacts(
            customer_count=41,
            gross_retention=Decimal("0.9"),
            cohort_customers=7,
            payout_failed_share=Decimal("0.01"),
            payout_count=12,
            payouts_enabled=True,
            missing_permissions=("rak_payout_read",),
        ),
    )
    assert inputs.concentration is not None
    assert inputs.retention is not None
    assert inputs.payouts is not None
    assert (inputs.concentration.value, inputs.concentration.n) == (Decimal("0.123"), 41)
    assert (inputs.retention.value, inputs.retention.n) == (Decimal("0.9"), 7)
    assert (inputs.payouts.value, inputs.payouts.n) == (Decimal("0.01"), 12)
    assert (inputs.data_age_days, inputs.payouts_enabled) == (Decimal("1.5"), True)
    assert inputs.missing_permissions == ("rak_payout_read",)


def test_no_months_give_no_inputs():
    inputs = read([])
    assert [key for key in ComponentKey if inputs.measurement(key) is not None] == []


def test_shares_of_nothing_are_unknown():
    inputs = inputs_from_months(
        [],
        top1_share=Decimal(0),
        as_of=AS_OF,
        data_age_days=0,
        account=AccountFacts(gross_retention=Decimal(1), payout_failed_share=Decimal(0)),
    )
    assert (inputs.concentration, inputs.retention, inputs.payouts) == (None, None, None)
    assert assess(inputs).score == 0


def test_first_month_still_running_is_a_history_of_nought():
    months = [replace(month_of(Month(2026, 11), 500), month_to_date=True)]
    assert read(months).value(ComponentKey.HISTORY) == 0


def test_two_currencies_are_refused():
    months = [month_of(LAST, 100), month_of(LAST.plus(-1), 100, currency="eur")]
    with pytest.raises(InvalidInputError, match="currencies"):
        read(months)


def test_month_given_twice_is_refused():
    with pytest.raises(InvalidInputError, match="twice"):
        read([month_of(LAST, 100), month_of(LAST, 200)])


def test_as_of_in_the_middle_of_history_ignores_what_came_later():
    months = history_of([100] * 12)
    assert len(complete_months(months, date(2026, 3, 31))) == 4
