"""Calls of language models and what they cost: each change is one statement, right by itself.

A reservation and a settlement change the call and the day's counter at once, so neither needs a
transaction around it (`Database.fetch`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from uuid_utils.compat import uuid7

from db.models import BusinessSpend
from db.session import Database, Session
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


# $1 id, $2 business, $3 run, $4 day, $5 model, $6 price, $7 state, $8 input, $9 cached,
# $10 written, $11 output, $12 cost, $13 budget. Whoever comes second waits for the counter's row,
# and is judged by what it then holds.
_RESERVE = """
    WITH held AS (
        INSERT INTO business_spend AS spend (business_id, on_day, spent_picos, reserved_picos)
        SELECT $2::uuid, $4::date, 0, $12::bigint WHERE $12::bigint <= $13::bigint
        ON CONFLICT (business_id, on_day) DO UPDATE
        SET reserved_picos = spend.reserved_picos + excluded.reserved_picos
        WHERE spend.spent_picos + spend.reserved_picos + excluded.reserved_picos <= $13::bigint
        RETURNING reserved_picos
    )
    INSERT INTO model_calls (
        id, business_id, conversation_id, run_id, on_day, model, price_version, state,
        input_tokens, cached_input_tokens, cache_write_tokens, output_tokens, reserved_picos
    )
    SELECT $1::uuid, run.business_id, run.conversation_id, run.id, $4::date, $5::text, $6::text,
        $7::text, $8::int, $9::int, $10::int, $11::int, $12::bigint
    FROM held, agent_runs AS run
    WHERE run.id = $3::uuid AND run.business_id = $2::uuid
    RETURNING id
"""
_RECORD = """
    WITH made AS (
        INSERT INTO model_calls (
            id, business_id, conversation_id, run_id, on_day, model, price_version, state,
            input_tokens, cached_input_tokens, cache_write_tokens, output_tokens, cost_picos,
            settled_at
        )
        SELECT $1::uuid, run.business_id, run.conversation_id, run.id, $4::date, $5::text,
            $6::text, $7::text, $8::int, $9::int, $10::int, $11::int, $12::bigint,
            clock_timestamp()
        FROM agent_runs AS run WHERE run.id = $3::uuid AND run.business_id = $2::uuid
        RETURNING business_id, on_day, cost_picos
    )
    INSERT INTO business_spend AS spend (business_id, on_day, spent_picos, reserved_picos)
    SELECT business_id, on_day, cost_picos, 0 FROM made WHERE cost_picos IS NOT NULL
    ON CONFLICT (business_id, on_day) DO UPDATE
    SET spent_picos = spend.spent_picos + excluded.spent_picos
"""
# $1 id, $2 price, $3 state, $4 input, $5 cached, $6 written, $7 output, $8 cost. With $9, what was
# estimated for a call that seemed to be lost gives way to what its own process knows.
_SETTLE = """
    WITH held AS (
        SELECT id, business_id, on_day, state, reserved_picos, cost_picos FROM model_calls
        WHERE id = $1 AND (state = 'reserved' OR (state = 'estimated' AND $9::bool))
        FOR UPDATE
    ), settled AS (
        UPDATE model_calls AS call
        SET price_version = $2, state = $3, input_tokens = $4, cached_input_tokens = $5,
            cache_write_tokens = $6, output_tokens = $7, cost_picos = $8,
            settled_at = clock_timestamp()
        FROM held WHERE call.id = held.id
    )
    UPDATE business_spend AS spend
    SET spent_picos = spend.spent_picos + $8::bigint - coalesce(held.cost_picos, 0),
        reserved_picos = spend.reserved_picos
            - CASE held.state WHEN 'reserved' THEN held.reserved_picos ELSE 0 END
    FROM held WHERE spend.business_id = held.business_id AND spend.on_day = held.on_day
"""
# $1 how many seconds a call may take, $2 how many are told. What was said since the call, up to
# the run's next one, is what the call has said.
_LEFT = """
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
        OR call.created_at < clock_timestamp() - make_interval(secs => $1)
    )
    ORDER BY call.created_at LIMIT $2
"""


def new_call_id() -> UUID:
    """Return an id for a call; ids tell the order."""
    return uuid7()


async def reserve(
    database: Database, call: NewCall, used: TokenCounts, *, cost: int, budget: int
) -> bool:
    """Set the cost aside if the day's budget allows it; return whether it does.

    However many ask at once, what is spent and set aside never exceeds the budget by this.
    """
    values = _values(call, used, CallState.RESERVED)
    return bool(await database.fetch(_RESERVE, *values, cost, budget))


async def record(
    database: Database, call: NewCall, used: TokenCounts, state: CallState, *, cost: int | None
) -> None:
    """Store a call that nothing was set aside for; a cost of None is unknown."""
    await database.fetch(_RECORD, *_values(call, used, state), cost)


async def settle(
    database: Database,
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
    counts = (used.input, used.cached, used.written, used.output)
    await database.fetch(_SETTLE, call_id, price_version, state.value, *counts, cost, known)


def _values(call: NewCall, used: TokenCounts, state: CallState) -> tuple[object, ...]:
    return (
        call.id,
        call.business_id,
        call.run_id,
        call.on_day,
        call.model,
        call.price_version,
        state.value,
        used.input,
        used.cached,
        used.written,
        used.output,
    )


async def list_left(database: Database, *, older_than_seconds: float, limit: int) -> list[LeftCall]:
    """List reservations, of all businesses, whose run is over or which are that old."""
    found = await database.fetch(_LEFT, older_than_seconds, limit)
    return [LeftCall(*row) for row in found]


async def spend_of(session: Session, access: Access, on_day: date) -> Spend:
    """Return what the business's calls of a UTC day have cost, and what is set aside."""
    query = select(BusinessSpend.spent_picos, BusinessSpend.reserved_picos).where(
        BusinessSpend.business_id == access.business_id, BusinessSpend.on_day == on_day
    )
    row = (await session.execute(query)).one_or_none()
    return Spend(0, 0) if row is None else Spend(*row)
