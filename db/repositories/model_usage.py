"""What calls of language models amount to: by day, run and conversation.

Calls that are under way are left out: what they cost is not known yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import func, select

from db.models import ModelCall
from db.repositories.model_calls import CallState
from db.session import Session
from domain.access import Access


class UsageRow(NamedTuple):
    """What some calls amount to; amounts are picodollars."""

    calls: int
    estimated_calls: int
    unpriced_calls: int
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    cost: int


_SUMS = (
    func.count(),
    func.count().filter(ModelCall.state == CallState.ESTIMATED),
    func.count().filter(ModelCall.cost_picos.is_(None)),
    func.coalesce(func.sum(ModelCall.input_tokens), 0),
    func.coalesce(func.sum(ModelCall.cached_input_tokens), 0),
    func.coalesce(func.sum(ModelCall.output_tokens), 0),
    func.coalesce(func.sum(ModelCall.cost_picos), 0),
)
_OVER = ModelCall.state != CallState.RESERVED


async def usage_by_day(
    session: Session, access: Access, first: date, last: date
) -> list[tuple[date, str, str | None, UsageRow]]:
    """Sum up the business's calls by UTC day, model and price, the latest day first."""
    keys = (ModelCall.on_day, ModelCall.model, ModelCall.price_version)
    query = (
        select(*keys, *_SUMS)
        .where(
            ModelCall.business_id == access.business_id,
            ModelCall.on_day.between(first, last),
            _OVER,
        )
        .group_by(*keys)
        .order_by(ModelCall.on_day.desc(), ModelCall.model, ModelCall.price_version)
    )
    found = (await session.execute(query)).all()
    return [(row[0], row[1], row[2], _usage(row[3:])) for row in found]


async def usage_of_run(session: Session, access: Access, run_id: UUID) -> dict[str, UsageRow]:
    """Sum up the run's calls by model."""
    query = (
        select(ModelCall.model, *_SUMS)
        .where(ModelCall.business_id == access.business_id, ModelCall.run_id == run_id, _OVER)
        .group_by(ModelCall.model)
        .order_by(ModelCall.model)
    )
    return {row[0]: _usage(row[1:]) for row in (await session.execute(query)).all()}


async def usage_of_conversation(
    session: Session, access: Access, conversation_id: UUID
) -> UsageRow:
    """Sum up the conversation's calls."""
    query = select(*_SUMS).where(
        ModelCall.business_id == access.business_id,
        ModelCall.conversation_id == conversation_id,
        _OVER,
    )
    return _usage(tuple((await session.execute(query)).one()))


def _usage(sums: Sequence[Any]) -> UsageRow:
    # Sums of BIGINT are decimals.
    return UsageRow(*(int(value) for value in sums))
