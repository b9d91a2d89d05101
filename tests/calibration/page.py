"""docs/calibration.md as the model makes it now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import ROUND_FLOOR, Decimal
from pathlib import Path

from domain.readiness import MODEL_VERSION, ComponentKey, Measurement, assess
from domain.readiness.evidence import proven_share
from tests.calibration.businesses import RATES, Business, archetypes, by_hand, twins
from tests.calibration.figures import Jump, largest_jump, noisy_shop
from tests.calibration.sentences import sentences
from tests.domain.months import good_but

PAGE = Path(__file__).resolve().parents[2] / "docs" / "calibration.md"
# Disputes among payments, from what proves nothing to what closes an account.
DISPUTES = ((1, 20), (2, 40), (3, 200), (5, 200), (8, 200), (16, 400), (90, 6_000), (114, 6_000))

INTRODUCTION = f"""# Calibration

What the model `{MODEL_VERSION}` ([metrics and score](metrics-and-score.md)) makes of known businesses. The page is for a reader who judges businesses: a score that you would not sign is a fault of the model. `python -m tests.calibration` writes it, and `tests/calibration/test_page.py` fails when it is not what the model makes now.

The archetypes are the sandbox's (`vaultra sandbox stripe --help`), drawn from seed 1 and read on 2026-11-22 by a reader of its own (`tests/calibration/reading.py`), which knows neither database nor services. Several have more charges here than by default, for their size alone would decide otherwise. A shop's currency is the one it settles in: what was exchanged counts at Stripe's rate for the charge, and what stays in a balance of its own is left out. For the scale the rates stated are {{rates}}.
"""  # noqa: E501 - one line is one paragraph


def page() -> str:
    """Return the whole page."""
    drawn, same, made = archetypes(), twins(), by_hand()
    return "\n".join(
        [
            INTRODUCTION.format(rates=_rates()),
            "## Archetypes of the sandbox\n",
            _scores(drawn),
            "\n## One shop in several currencies\n",
            _scores(same),
            "\n## Made by hand\n",
            "Described by the inputs alone, for what no archetype shows.\n",
            _scores(made),
            "\n## What they are\n",
            _about([*drawn, *same, *made]),
            "\n## Disputes: what counts is what is proven\n",
            _disputes(),
            "\n## No cliffs, no flicker\n",
            _figures(),
            "",
        ]
    )


def _rates() -> str:
    return ", ".join(f"{r.usd:f} USD for 1 {r.currency.upper()}" for r in RATES.rates)


def _scores(businesses: Iterable[Business]) -> str:
    head = ("business", "score", "tier", "confidence", "bound by", "what a lender would say")
    return _table(head, [_score(business) for business in businesses])


def _score(business: Business) -> tuple[str, ...]:
    found = business.assessment
    confidence = (Decimal(found.confidence) + Decimal("1e-9")).quantize(
        Decimal("0.01"), rounding=ROUND_FLOOR
    )
    binding = "nothing" if found.binding is None else f"`{found.binding.key.value}`"
    return (
        business.name,
        str(found.score),
        f"`{found.tier.value}`",
        str(confidence),
        binding,
        sentences(business),
    )


def _about(businesses: Iterable[Business]) -> str:
    rows = [
        (b.name, b.about, "none" if b.charges is None else f"{b.charges:,}") for b in businesses
    ]
    return _table(("business", "what it is", "charges"), rows)


def _disputes() -> str:
    rows = []
    for bad, n in DISPUTES:
        share = Decimal(bad) / n
        found = assess(good_but(disputes=Measurement(share, n, "3 months to 2026-10")))
        [limit] = [cap.limit for cap in found.caps if cap.key is ComponentKey.DISPUTES]
        proven = proven_share(float(share), n)
        rows.append(
            (
                f"{bad:,} in {n:,}",
                f"{share * 100:.2f} %",
                f"{proven * 100:.2f} %",
                f"{limit:.0f}",
                f"{found.score}",
            )
        )
    head = ("disputes", "observed", "proven", "highest score", "score of the sound shop with them")
    return _table(head, rows)


def _figures() -> str:
    any_, many, noise = largest_jump(), largest_jump(least=100), noisy_shop()
    return f"""The largest change of the score for a change of 0.01 % of one input is {many.points:.3f} points among accounts with 100 observations or more ({_at(many)}), and {any_.points:.2f} among all ({_at(any_)}).

A shop that does not change, but whose months vary by a sixth and whose disputes come by chance, is assessed every month for {noise.months // 12} years. Its score is {noise.mean:.1f} on average with a standard deviation of {noise.deviation:.1f} points, close to the line of `funding_ready`. Without the 2.5 points by which a tier is kept it would change its tier in {noise.flips_without} of {noise.months} months; with them it does in {noise.flips}."""  # noqa: E501 - one line is one paragraph


def _at(jump: Jump) -> str:
    return f"`{jump.key.value}` at {jump.value * 100:.2f} % of {jump.n}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---" for _ in head], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
