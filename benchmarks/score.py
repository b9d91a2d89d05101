"""What a score costs beside a bare weighted mean of the same inputs, in the same process.

`python -m benchmarks.score` takes 24 months of a shop through `inputs_from_months`, `assess` and
`explain`, many times, in turn with the floor, and prints medians of CPU time. The floor looks each
curve up and adds: no evidence, no caps, no sentences, no hash.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from decimal import Decimal

from domain.metrics import DayFacts, MonthMetrics, month_metrics
from domain.periods import Month
from domain.readiness import (
    AccountFacts,
    ReadinessInputs,
    assess,
    explain,
    inputs_from_months,
)
from domain.readiness.model import COMPONENTS

LAST = Month(2026, 10)
MONTHS = 24
# A score in at most this many milliseconds.
BAR_MS = 1.0


def months() -> list[MonthMetrics]:
    """Return two years of a shop that grows by one percent a month, unevenly."""
    made = []
    for index in range(MONTHS):
        month = LAST.plus(index + 1 - MONTHS)
        net = round(1_000_000 * 1.01**index) + index * 7_919 % 200_000
        facts = DayFacts(
            month.first_day,
            gross_minor=net,
            charge_count=400,
            failed_count=12,
            refund_minor=net // 50,
            refund_count=8,
            dispute_count=index % 3,
            net_minor=net,
        )
        made.append(
            month_metrics(
                month, [facts], currency="usd", active_customers=300, through=month.last_day
            )
        )
    return made


def inputs_of(history: list[MonthMetrics]) -> ReadinessInputs:
    """Return the inputs of the shop, every component known."""
    return inputs_from_months(
        history,
        top1_share=Decimal("0.12"),
        as_of=LAST.plus(1).first_day,
        data_age_days=0,
        account=AccountFacts(
            customer_count=900,
            gross_retention=Decimal("0.9"),
            cohort_customers=120,
            recurring_share=Decimal("0.6"),
            payout_failed_share=Decimal("0.01"),
            payout_count=60,
        ),
    )


def floor(inputs: ReadinessInputs) -> float:
    """Return the bare weighted mean of the curves."""
    points = weights = 0.0
    for spec in COMPONENTS:
        measured = inputs.measurement(spec.key)
        if measured is not None:
            points += spec.weight * spec.curve.at(float(measured.value))
            weights += spec.weight
    return points / weights


def medians(subjects: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the median CPU milliseconds of each subject, measured in turn."""
    taken: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(rounds):
        for name, run in subjects.items():
            begun = time.process_time()
            run()
            taken[name].append((time.process_time() - begun) * 1_000)
    return {name: statistics.median(times) for name, times in taken.items()}


def main() -> int:
    """Print the medians; return 1 if a score takes longer than the bar."""
    parser = argparse.ArgumentParser(description="What a readiness score costs.")
    parser.add_argument("--rounds", type=int, default=1_000)
    rounds = parser.parse_args().rounds
    history = months()
    inputs = inputs_of(history)
    assessment = assess(inputs)
    found = medians(
        {
            "floor: weighted mean": lambda: floor(inputs),
            "assess": lambda: assess(inputs),
            "inputs_from_months": lambda: inputs_of(history),
            "explain": lambda: explain(assessment),
            "all three": lambda: explain(assess(inputs_of(history))),
        },
        rounds,
    )
    base = found["floor: weighted mean"]
    for name, spent in found.items():
        print(f"{name:<22} {spent:8.3f} ms CPU {spent / base:8.1f} times the floor")
    return int(found["assess"] > BAR_MS)


if __name__ == "__main__":
    sys.exit(main())
