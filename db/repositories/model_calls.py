"""Calls of language models and what they cost: each change is one statement, right by itself.

A reservation and a settlement change the call and the day's counter at once, so neither needs a
transaction around it (`Database.statement`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select, text
from uuid_utils.compat import uuid7

from db.models import BusinessSpend
from db.session import Session
from domain.access import Access
from domain.model_prices import TokenCounts


class CallState(StrEnum):
    """Where a call stands: set aside for, paid as the provider counted, or as we did."""

    RESERVED = "reserved"
    SETTLED = "settled"
    ESTIMATED = "estimated"


@dataclass(frozen=True, slots=True)
class NewCall:
    """A call that is about to be made, or that was."""

    id: UUID
    business_id: UUID
    run_id: UUID
    on_day: date
    model: str
    price_version: str | None


class Spend(NamedTuple):
    """What a day's calls have cost a business, and what is set aside for others: picodollars."""

    spent: int
    reserved: int


class LeftCall(NamedTuple):
    """A reservation that nobody will settle any more.

    `input_tokens` is what was estimated for it, `said_bytes` what the run has said since then.
    """

    id: UUID
    model: str
    price_version: str | None
    on_day: date
    input_tokens: int
    reserved: int
    said_bytes: int


# Whoever comes second waits for the counter's row, and is judged by what it then holds.
_RESERVE = text("""
    WITH held AS (
        INSERT INTO business_spend AS spend (business_id, on_day, spent_picos, reserved_picos)
        SELECT CAST(:business_id AS uuid), CAST(:on_day AS date), 0, CAST(:cost AS bigint)
        WHERE CAST(:cost AS bigint) <= CAST(:budget AS bigint)
        ON CONFLICT (business_id, on_day) DO UPDATE
        SET reserved_picos = spend.reserved_picos + excluded.reserved_picos
        WHERE spend.spent_picos + spend.reserved_picos + excluded.reserved_picos
            <= CAST(:budget AS bigint)
        RETURNING reserved_picos
    )
    INSERT INTO model_calls (
        id, business_id, conversation_id, run_id, on_day, model, price_version, state,
        input_tokens, cached_input_tokens, cache_write_tokens, output_tokens, reserved_picos
    )
    SELECT CAST(:id AS uuid), run.business_id, run.conversation_id, run.id, CAST(:on_day AS date),
        CAST(:model AS varchar), CAST(:price_version AS varchar), CAST(:state AS varchar),
        CAST(:input AS int), CAST(:cached AS int), CAST(:written AS int), CAST(:output AS int),
        CAST(:cost AS bigint)
    FROM held, agent_runs AS run
    WHERE run.id = :run_id AND run.business_id = CAST(:business_id AS uuid)
    RETURNING id
""")
_RECORD = text("""
    WITH made AS (
        INSERT INTO model_calls (
            id, business_id, conversation_id, run_id, on_day, model, price_version, state,
            input_tokens, cached_input_tokens, cache_write_tokens, output_tokens, cost_picos,
            settled_at
        )
        SELECT CAST(:id AS uuid), run.business_id, run.conversation_id, run.id,
            CAST(:on_day AS date), CAST(:model AS varchar), CAST(:price_version AS varchar),
            CAST(:state AS varchar), CAST(:input AS int), CAST(:cached AS int),
            CAST(:written AS int), CAST(:output AS int), CAST(:cost AS bigint),
            clock_timestamp()
        FROM agent_runs AS run
        WHERE run.id = :run_id AND run.business_id = CAST(:business_id AS uuid)
        RETURNING business_id, on_day, cost_picos
    )
    INSERT INTO business_spend AS spend (business_id, on_day, spent_picos, reserved_picos)
    SELECT business_id, on_day, cost_picos, 0 FROM made WHERE cost_picos IS NOT NULL
    ON CONFLICT (business_id, on_day) DO UPDATE
    SET spent_picos = spend.spent_picos + excluded.spent_picos
""")
# What was estimated for a call that seemed to be lost gives way to what its own process knows.
_SETTLE = text("""
    WITH held AS (
        SELECT id, business_id, on_day, state, reserved_picos, cost_picos FROM model_calls
        WHERE id = :id AND (state = 'reserved' OR (state = 'estimated' AND :known))
        FOR UPDATE
    ), settled AS (
        UPDATE model_calls AS call
        SET state = :state, price_version = :price_version, input_tokens = :input,
            cached_input_tokens = :cached, cache_write_tokens = :written,
            output_tokens = :output, cost_picos = :cost, settled_at = clock_timestamp()
        FROM held WHERE call.id = held.id
    )
    UPDATE business_spend AS spend
    SET spent_picos = spend.spent_picos + CAST(:cost AS bigint) - coalesce(held.cost_picos, 0),
        reserved_picos = spend.reserved_picos
            - CASE held.state WHEN 'reserved' THEN held.reserved_picos ELSE 0 END
    FROM held WHERE spend.business_id = held.business_id AND spend.on_day = held.on_day
""")
# Two processes may look at once; a call is settled by the first of them.
_LEFT = text("""
    SELECT call.id, call.model, call.price_version, call.on_day, call.input_tokens,
        call.reserved_picos, (
        SELECT coalesce(sum(octet_length(event.data::jsonb ->> 'delta')), 0)
        FROM agent_run_events AS event
        WHERE event.run_id = call.run_id
            AND event.type IN ('TEXT_MESSAGE_CONTENT', 'TOOL_CALL_ARGS')
            AND event.created_at >= call.created_at
            AND event.created_at < coalesce((
                SELECT min(later.created_at) FROM model_calls AS later
                WHERE later.run_id = call.run_id AND later.created_at > call.created_at
            ), 'infinity')
    ) AS said_bytes
    FROM model_calls AS call JOIN agent_runs AS run ON run.id = call.run_id
    WHERE call.state = 'reserved' AND (
        run.state IN ('completed', 'failed', 'cancelled')
        OR call.created_at < clock_timestamp() - make_interval(secs => :seconds)
    )
    ORDER BY call.created_at LIMIT :limit
""")


def new_call_id() -> UUID:
    """Return an id for a call; ids tell the order."""
    return uuid7()


async def reserve(
    session: Session, call: NewCall, used: TokenCounts, *, cost: int, budget: int
) -> bool:
    """Set the cost aside if the day's budget allows it; return whether it does.

    However many ask at once, what is spent and set aside never exceeds the budget by this.
    """
    values = _values(call, used, CallState.RESERVED)
    result = await session.execute(_RESERVE, {**values, "cost": cost, "budget": budget})
    return result.scalar_one_or_none() is not None


async def record(
    session: Session, call: NewCall, used: TokenCounts, state: CallState, *, cost: int | None
) -> None:
    """Store a call that nothing was set aside for; a cost of None is unknown."""
    await session.execute(_RECORD, {**_values(call, used, state), "cost": cost})


async def settle(
    session: Session,
    call_id: UUID,
    used: TokenCounts,
    state: CallState,
    *,
    cost: int,
    price_version: str | None,
    known: bool,
) -> None:
    """Put the cost in the place of what was set aside; doing it again changes nothing.

    `known` is for the process that made the call: it may correct what others have estimated.
    """
    values = {**asdict(used), "id": call_id, "state": state.value, "known": known}
    await session.execute(_SETTLE, {**values, "cost": cost, "price_version": price_version})


def _values(call: NewCall, used: TokenCounts, state: CallState) -> dict[str, object]:
    return {**asdict(call), **asdict(used), "state": state.value}


async def list_left(session: Session, *, older_than_seconds: float, limit: int) -> list[LeftCall]:
    """List reservations, of all businesses, whose run is over or which are that old."""
    found = await session.execute(_LEFT, {"seconds": older_than_seconds, "limit": limit})
    return [LeftCall(*row) for row in found]


async def spend_of(session: Session, access: Access, on_day: date) -> Spend:
    """Return what the business's calls of a UTC day have cost, and what is set aside."""
    query = select(BusinessSpend.spent_picos, BusinessSpend.reserved_picos).where(
        BusinessSpend.business_id == access.business_id, BusinessSpend.on_day == on_day
    )
    row = (await session.execute(query)).one_or_none()
    return Spend(0, 0) if row is None else Spend(*row)
