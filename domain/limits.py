"""How much a business may spend on language models, and how often runs may be asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from domain.dollars import in_words
from domain.model_prices import NO_PRICES, ModelPrices

# Far longer than answers are, with room for what a model thinks before; at the default model's
# price it sets three cents aside for each call.
DEFAULT_MAX_OUTPUT_TOKENS = 16_384
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class SpendingLimits:
    """What calls of language models cost, and may cost a business and UTC day in picodollars.

    `max_output_tokens` is what one answer may have, its reasoning included: a budget sets it aside
    before each call.
    """

    prices: ModelPrices = NO_PRICES
    daily_budget: int | None = None
    max_output_tokens: int = DEFAULT_MAX_OUTPUT_TOKENS


@dataclass(frozen=True, slots=True)
class RunLimits:
    """How many runs a user may ask for within a minute, and a business on a UTC day."""

    a_minute: int | None = None
    a_day: int | None = None


FREE = SpendingLimits()
UNLIMITED = RunLimits()


def day_of(now: datetime) -> date:
    """Return the day that pays: providers bill by UTC, whatever the business's time zone."""
    return now.astimezone(UTC).date()


def next_day(now: datetime) -> datetime:
    """Return when the next such day begins."""
    return datetime.combine(day_of(now) + timedelta(days=1), time(), UTC)


def refusal(budget: int, *, spent: int, cost: int, now: datetime) -> str:
    """Say why a call is not made that may cost so much, and when one can be made again.

    Where the rest of the budget would do, calls that are under way hold it for the moment.
    """
    whole = f"budget of {in_words(budget)} for the language model"
    left = budget - spent
    again = f"It starts again at 00:00 UTC (in {_wait(next_day(now) - now)})."
    if cost <= left:
        return (
            f"What is left of today's {whole} is set aside for answers that are being written. "
            "Ask again in a minute. Meanwhile the built-in planner answers."
        )
    if left <= 0:
        return f"Today's {whole} is used up. {again} Until then the built-in planner answers."
    return (
        f"What is left of today's {whole}, {in_words(left)}, is not enough for another answer. "
        f"{again} Until then the built-in planner answers."
    )


def _wait(left: timedelta) -> str:
    minutes = -(-int(left.total_seconds()) // 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{hours} h"] if hours else []
    parts += [f"{minutes} min"] if minutes else []
    return " ".join(parts)
