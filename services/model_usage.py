"""What calls of language models cost, as front ends see it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from db.models import Run
from db.repositories import model_calls, model_usage
from db.repositories.model_usage import UsageRow
from db.session import Session
from domain.access import Access, Permission
from domain.dollars import CURRENCY, dollars
from domain.errors import InvalidInputError
from domain.limits import SpendingLimits, day_of, next_day
from domain.model_prices import PLANNER

DEFAULT_DAYS = 30
MAX_DAYS = 366


class Usage(BaseModel):
    """What some calls amount to.

    `cost` is a decimal string, exact; it is missing while the price of any of the calls is not
    known, which is not the same as costing nothing. `estimated_calls` are those that the provider
    has not counted: cancelled or broken off, they are charged with what was received.
    """

    model_config = ConfigDict(frozen=True)

    calls: int
    estimated_calls: int
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    cost: str | None
    currency: str = CURRENCY


class DayUsage(Usage):
    """The calls of one model on one UTC day at one price."""

    day: date
    model: str
    price_version: str | None


class Budget(BaseModel):
    """A business's budget for language models and UTC day; `reserved` is for calls under way."""

    model_config = ConfigDict(frozen=True)

    amount: str
    spent_today: str
    reserved: str
    left_today: str
    starts_again_at: datetime
    currency: str = CURRENCY


class UsageReport(BaseModel):
    """The days from `first` to `last` that had calls, the latest first, and the present budget."""

    model_config = ConfigDict(frozen=True)

    first: date = Field(serialization_alias="from")
    last: date = Field(serialization_alias="to")
    items: list[DayUsage]
    budget: Budget | None


async def report(
    session: Session,
    access: Access,
    limits: SpendingLimits,
    now: datetime,
    *,
    first: date | None = None,
    last: date | None = None,
) -> UsageReport:
    """Return the business's usage; without days, that of the last thirty.

    Raise InvalidInputError if the days are reversed or more than 366.
    """
    access.require(Permission.READ)
    last = last or day_of(now)
    first = first or last - timedelta(days=DEFAULT_DAYS - 1)
    if not timedelta() <= last - first < timedelta(days=MAX_DAYS):
        raise InvalidInputError(
            f"Name at most {MAX_DAYS} days, the first one first.",
            hint="Without `from`, the thirty days up to `to` are told; without `to`, up to today.",
        )
    rows = await model_usage.usage_by_day(session, access, first, last)
    items = [
        DayUsage(day=day, model=model, price_version=version, **_told(row))
        for day, model, version, row in rows
    ]
    budget = await _budget(session, access, limits, now)
    return UsageReport(first=first, last=last, items=items, budget=budget)


async def _budget(
    session: Session, access: Access, limits: SpendingLimits, now: datetime
) -> Budget | None:
    if limits.daily_budget is None:
        return None
    spend = await model_calls.spend_of(session, access, day_of(now))
    left = max(limits.daily_budget - spend.spent - spend.reserved, 0)
    return Budget(
        amount=dollars(limits.daily_budget),
        spent_today=dollars(spend.spent),
        reserved=dollars(spend.reserved),
        left_today=dollars(left),
        starts_again_at=next_day(now),
    )


async def of_conversation(session: Session, access: Access, conversation_id: UUID) -> Usage:
    """Return what the conversation's calls amount to."""
    row = await model_usage.usage_of_conversation(session, access, conversation_id)
    return Usage(**_told(row))


async def of_run(session: Session, access: Access, run: Run) -> dict[str, Any] | None:
    """Return the run's usage by model, with what each cost where that is known.

    It has calls that were broken off as well, which the run's last event could not tell.
    """
    rows = await model_usage.usage_of_run(session, access, run.id)
    told = {entry["model"]: entry for entry in (run.usage or {}).get("models", ())}
    if PLANNER in told:
        told[PLANNER] = {**told[PLANNER], **_priced(dollars(0))}
    for model, row in rows.items():
        told[model] = {"model": model, **_tokens(row), **_priced(_cost(row))}
    return {"models": list(told.values())} if told or run.usage is not None else None


def _tokens(row: UsageRow) -> dict[str, Any]:
    estimated = {"estimatedCalls": row.estimated_calls} if row.estimated_calls else {}
    return {
        "inputTokens": row.input_tokens,
        "cachedInputTokens": row.cached_input_tokens,
        "outputTokens": row.output_tokens,
        "totalTokens": row.input_tokens + row.output_tokens,
        **estimated,
    }


def _priced(cost: str | None) -> dict[str, Any]:
    return {} if cost is None else {"cost": cost, "currency": CURRENCY}


def _told(row: UsageRow) -> dict[str, Any]:
    return {
        "calls": row.calls,
        "estimated_calls": row.estimated_calls,
        "input_tokens": row.input_tokens,
        "cached_input_tokens": row.cached_input_tokens,
        "output_tokens": row.output_tokens,
        "cost": _cost(row),
    }


def _cost(row: UsageRow) -> str | None:
    return None if row.unpriced_calls else dollars(row.cost)
