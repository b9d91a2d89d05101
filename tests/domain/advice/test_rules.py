"""Each rule: what triggers it, what does not, and what it says."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from domain.advice import NO_SIGNALS, Advice, Signals, advise
from domain.metrics import MonthMetrics
from domain.periods import Month
from domain.readiness import AccountFacts, ReadinessInputs, assess, inputs_from_months
from tests.domain.months import AS_OF, GOOD, LAST, good_but, history_of, measured, month_of

STEADY = history_of([3_000_000] * 30)


def advice_for(
    inputs: ReadinessInputs,
    months: list[MonthMetrics] | None = None,
    signals: Signals = NO_SIGNALS,
) -> dict[str, Advice]:
    given = STEADY if months is None else months
    found = advise(inputs, given, assess(inputs), AS_OF, signals=signals)
    return {item.rule: item for item in found.advice}


def read(months: list[MonthMetrics], top1: str = "0.05") -> ReadinessInputs:
    return inputs_from_months(
        months,
        top1_share=Decimal(top1),
        as_of=AS_OF,
        data_age_days=0,
        account=AccountFacts(
            recurring_share=Decimal(0), payout_failed_share=Decimal(0), payout_count=60
        ),
    )


def test_shop_without_a_fault_is_only_told_to_apply():
    assert list(advice_for(GOOD)) == ["fund_pack"]


@pytest.mark.parametrize(("disputes", "advised"), [(15, True), (4, False)])
def test_disputes_need_both_a_rate_and_a_number(disputes: int, advised: bool):
    months = history_of([3_000_000] * 27) + [
        month_of(Month(2026, month), 3_000_000, charges=100, disputes=disputes if month == 9 else 0)
        for month in (8, 9, 10)
    ]
    months = [replace(month, month=LAST.plus(index - 29)) for index, month in enumerate(months)]
    found = advice_for(read(months), months)
    assert ("disputes_reduce" in found) is advised


def test_disputes_advice_quotes_what_triggered_it():
    months = history_of([3_000_000] * 30, charges=1000, disputes=19)
    advice = advice_for(read(months), months)["disputes_reduce"]
    assert "57 disputes on 3,000 payments (3 months to 2026-10) are 1.90 %" in advice.description
    assert advice.metric_refs["values"] == {"dispute_activity_3m": "0.019", "disputes_3m": "57"}
    [line, _] = advice.metric_refs["thresholds"]
    assert (line["name"], line["opens_at"], line["clears_at"]) == (
        "dispute_activity_3m",
        "0.005",
        "0.0045",
    )
    assert "networks act" in line["reason"]
    assert "docs.stripe.com/disputes/measuring" in line["source"]
    assert advice.metric_refs["model_version"] == "readiness-2"
    assert (advice.priority.value, advice.category.value) == ("high", "risk")


def spiking(last_refund: int, charges: int = 100) -> list[MonthMetrics]:
    usual = history_of([970_000] * 29, last=LAST.plus(-1), refund_minor=30_000)
    last = month_of(LAST, 1_000_000 - last_refund, refund_minor=last_refund, charges=charges)
    return [*usual, last]


@pytest.mark.parametrize(
    ("months", "advised"),
    [
        (spiking(70_000), True),
        (spiking(60_000), False),
        (spiking(70_000, charges=19), False),
        (spiking(70_000)[-6:], False),
    ],
)
def test_refund_spike_is_more_than_twice_the_usual(months: list[MonthMetrics], advised: bool):
    assert ("refund_spike" in advice_for(read(months), months)) is advised


def test_refund_spike_compares_the_month_with_the_median():
    advice = advice_for(read(spiking(70_000)), spiking(70_000))["refund_spike"]
    assert "7.0 % of 2026-10's revenue was refunded" in advice.description
    assert advice.metric_refs["values"] == {
        "refund_ratio_month": "0.07",
        "median_6_months": "0.03",
        "refund_ratio_over_line": "1.1667",
    }


def test_refunds_below_two_percent_are_no_spike():
    months = history_of([1_000_000] * 29, last=LAST.plus(-1))
    months.append(month_of(LAST, 981_000, refund_minor=19_000))
    assert "refund_spike" not in advice_for(read(months), months)


def test_wait_history_names_the_days_on_which_doors_open():
    months = history_of([3_000_000] * 4)
    description = advice_for(read(months), months)["wait_history"].description
    assert "Payments go back to 2026-07" in description
    assert "6 months on 2027-01-01, 12 months on 2027-07-01" in description
    assert "3 months on" not in description


def test_first_month_still_running_has_all_doors_ahead():
    months = [replace(month_of(Month(2026, 11), 500), month_to_date=True)]
    assert "3 months on 2027-02-01" in advice_for(read(months), months)["wait_history"].description


@pytest.mark.parametrize(
    ("average", "gap", "funder"),
    [("400", "600.00", "Stripe Capital"), ("4000.50", "5,999.50", "Clearco")],
)
def test_reach_floor_states_the_gap_to_the_next_floor(average: str, gap: str, funder: str):
    advice = advice_for(good_but(scale=measured(average)))["reach_floor"]
    assert f"{gap} USD a month are missing" in advice.description
    assert funder in advice.title


def test_floor_of_recurring_revenue_is_compared_with_the_recurring_part():
    inputs = good_but(scale=measured("20000"), recurring_share=Decimal("0.5"))
    advice = advice_for(inputs)["reach_floor"]
    assert advice.title == "Reach Lighter Capital's floor of 15,000 USD a month"
    assert "5,000.00 USD a month are missing" in advice.description


def test_floors_in_usd_are_not_compared_with_another_currency():
    found = advice_for(good_but(currency="eur", scale=measured("400")))
    assert "reach_floor" not in found
    assert "were not compared" in found["fund_pack"].description


def test_fund_pack_lists_the_floors_that_are_met():
    description = advice_for(GOOD)["fund_pack"].description
    assert "Stripe Capital" in description
    assert "Clearco" in description
    assert "Lighter Capital" not in description
    assert "debt, cash, collateral, profit" in description


def test_smooth_revenue_names_the_weakest_month():
    nets = [3_000_000] * 30
    nets[-4] = 100_000
    advice = advice_for(good_but(stability=measured("0.4", 12)), history_of(nets))
    assert "The weakest month was 2026-07 with 1,000.00 USD" in advice["smooth_revenue"].description


def test_season_that_repeats_is_told_to_lenders():
    year = [100, 100, 100, 100, 100, 100, 100, 100, 100, 300, 900, 1200]
    months = history_of([net * 1000 for net in year * 2])
    advice = advice_for(read(months), months)
    assert "correlation of 1.00" in advice["seasonality_brief"].description


@pytest.mark.parametrize("nets", [[100] * 12 + [100, 900] * 6, [100, 900] * 11])
def test_swings_without_a_second_year_like_the_first_are_no_season(nets: list[int]):
    inputs = good_but(stability=measured("0.8", 12))
    assert "seasonality_brief" not in advice_for(inputs, history_of(nets))


def test_data_gaps_are_listed_with_what_to_do():
    inputs = good_but(
        payouts=None,
        missing_permissions=("rak_payout_read", "rak_charge_read"),
        unattributed_share=Decimal("0.42"),
    )
    description = advice_for(inputs)["data_complete"].description
    assert "Add to the restricted key: rak_charge_read, rak_payout_read." in description
    assert "42.0 % of revenue has no customer" in description
    assert "Payouts is not scored" in description


@pytest.mark.parametrize("inputs", [good_but(key_revoked=True), good_but(data_age_days=Decimal(9))])
def test_without_a_score_the_only_advice_is_how_to_get_one(inputs: ReadinessInputs):
    found = advice_for(replace(inputs, concentration=measured("0.9")))
    assert list(found) == ["data_complete"]
    assert found["data_complete"].priority.value == "high"
    assert found["data_complete"].estimated_impact == "a score instead of none"


def test_empty_account_gets_no_advice():
    found = advise(ReadinessInputs(), [], assess(ReadinessInputs()), date(2026, 11, 22))
    assert found.advice == ()
