"""Events of Stripe: each stored once, processed once, or set aside when that cannot be done.

Of an event's payload only what names its object is kept. `payload.version` is drawn as the event
is stored: an object that was fetched in a later version has been fetched after the event was seen.

All statements lock events in the order of Stripe's ids.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Text,
    and_,
    case,
    cast,
    delete,
    exists,
    func,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert as pg_insert

from db.models import IntegrationAccount, StripeEvent, StripeEventFailure
from db.session import Session

# An object that could not be fetched five times, by as many jobs, will not be by the sixth.
MAX_ATTEMPTS = 5
MAX_MESSAGE = 500


class Via(StrEnum):
    """How an event came in (`payload.via`)."""

    WEBHOOK = "webhook"
    POLL = "poll"


class SeenEvent(NamedTuple):
    """An event as it came in: these fields, and no others, are what is kept of it.

    `created` in UTC seconds. `object` and `object_id` name what changed, `charge` the charge that
    belongs to it.
    """

    stripe_event_id: str
    event_type: str
    created: int
    livemode: bool
    api_version: str | None
    object: str | None
    object_id: str | None
    charge: str | None
    via: str


class PendingEvent(NamedTuple):
    """A stored event that was not processed; `version` is that of its arrival."""

    id: UUID
    stripe_event_id: str
    event_type: str
    created: int
    object: str | None
    object_id: str | None
    charge: str | None
    version: int


class SetAsideEvent(NamedTuple):
    """An event that is not tried any more, and why."""

    id: UUID
    business_id: UUID
    integration_id: UUID
    stripe_event_id: str
    event_type: str
    object: str | None
    object_id: str | None
    attempts: int
    error_code: str
    error_message: str
    set_aside_at: datetime


class EventCounts(NamedTuple):
    """How many events wait, were processed and were set aside."""

    pending: int
    processed: int
    set_aside: int


# What an insert does about an event that was seen before. It is taken over from another connection
# to the same account, which can be no longer in use: else whoever connects the account again would
# miss what the other one saw meanwhile. `version` is drawn as the event is stored. The function
# `accept_stripe_event`, which takes webhooks, does the same for one event.
WRITE_ONCE = """
        ON CONFLICT (stripe_event_id) DO UPDATE
        SET integration_id = excluded.integration_id, payload = excluded.payload,
            processed_at = NULL
        WHERE stripe_events.integration_id IS DISTINCT FROM excluded.integration_id
        RETURNING id, integration_id
    ), freed AS (
        DELETE FROM stripe_event_failures USING written WHERE event_id = written.id
    )
"""
_INSERT = text(f"""
    WITH seen AS (
        SELECT * FROM unnest(
            CAST(:ids AS text[]), CAST(:types AS text[]), CAST(:payloads AS text[])
        ) WITH ORDINALITY AS t(stripe_event_id, event_type, payload, place)
    ), written AS (
        INSERT INTO stripe_events (integration_id, stripe_event_id, event_type, payload)
        SELECT :integration_id, stripe_event_id, event_type,
               CAST(payload AS jsonb) || jsonb_build_object('version', nextval('ledger_versions'))
        FROM seen
        ORDER BY place
        {WRITE_ONCE}
    SELECT count(*) FROM written
""")  # noqa: S608 - put together from constants


async def insert_events(session: Session, integration_id: UUID, events: Sequence[SeenEvent]) -> int:
    """Store the events that were not seen before; return how many that were."""
    by_id = {event.stripe_event_id: event for event in events}
    ordered = [by_id[key] for key in sorted(by_id)]
    parameters = {
        "integration_id": integration_id,
        "ids": [event.stripe_event_id for event in ordered],
        "types": [event.event_type for event in ordered],
        "payloads": [orjson.dumps(payload_of(event)).decode() for event in ordered],
    }
    return int((await session.execute(_INSERT, parameters)).scalar_one())


async def unprocessed(session: Session, integration_id: UUID, limit: int) -> Sequence[PendingEvent]:
    """List events that wait to be processed, in the order of their arrival."""
    query = (
        select(
            StripeEvent.id,
            StripeEvent.stripe_event_id,
            StripeEvent.event_type,
            _number("created"),
            _text("object"),
            _text("object_id"),
            _text("charge"),
            _number("version"),
        )
        .where(_waiting(), StripeEvent.integration_id == integration_id)
        .order_by(_number("version"))
        .limit(limit)
    )
    return [PendingEvent(*row) for row in (await session.execute(query)).all()]


async def count_unprocessed(session: Session, integration_id: UUID, *, most: int) -> int:
    """Count the events that wait to be processed, up to a bound."""
    waiting = (
        select(StripeEvent.id)
        .where(_waiting(), StripeEvent.integration_id == integration_id)
        .limit(most)
        .subquery()
    )
    return int((await session.execute(select(func.count()).select_from(waiting))).scalar_one())


async def mark_processed(session: Session, ids: Collection[UUID], now: datetime) -> None:
    """Note that the events are dealt with, in the transaction that did it."""
    await _lock(session, ids)
    await session.execute(
        update(StripeEvent)
        .where(StripeEvent.id.in_(ids), StripeEvent.processed_at.is_(None))
        .values(processed_at=now)
    )
    await session.execute(delete(StripeEventFailure).where(StripeEventFailure.event_id.in_(ids)))


async def record_failure(
    session: Session,
    ids: Collection[UUID],
    *,
    error_code: str,
    error_message: str,
    now: datetime,
    at_once: bool = False,
) -> None:
    """Note that the events' object could not be fetched; the fifth time sets them aside.

    `at_once` sets them aside the first time: for what more attempts cannot change.
    """
    known = await _lock(session, ids)
    if not known:
        return
    attempts = StripeEventFailure.attempts + 1
    insert = pg_insert(StripeEventFailure).values(
        [
            {
                "event_id": event_id,
                "attempts": 1,
                "error_code": error_code,
                "error_message": error_message[:MAX_MESSAGE],
                "set_aside_at": now if at_once else None,
                "updated_at": now,
            }
            for event_id in known
        ]
    )
    given_up = case((attempts >= MAX_ATTEMPTS, now), else_=insert.excluded.set_aside_at)
    await session.execute(
        insert.on_conflict_do_update(
            index_elements=[StripeEventFailure.event_id],
            set_={
                "attempts": attempts,
                "error_code": insert.excluded.error_code,
                "error_message": insert.excluded.error_message,
                "set_aside_at": func.coalesce(StripeEventFailure.set_aside_at, given_up),
                "updated_at": now,
            },
        )
    )


async def list_set_aside(session: Session, limit: int = 100) -> Sequence[SetAsideEvent]:
    """List the events that were set aside, of all businesses, the latest first."""
    query = (
        select(
            StripeEvent.id,
            IntegrationAccount.business_id,
            IntegrationAccount.id,
            StripeEvent.stripe_event_id,
            StripeEvent.event_type,
            _text("object"),
            _text("object_id"),
            StripeEventFailure.attempts,
            StripeEventFailure.error_code,
            StripeEventFailure.error_message,
            StripeEventFailure.set_aside_at,
        )
        .join(StripeEventFailure, StripeEventFailure.event_id == StripeEvent.id)
        .join(IntegrationAccount, IntegrationAccount.id == StripeEvent.integration_id)
        .where(StripeEventFailure.set_aside_at.is_not(None))
        .order_by(StripeEventFailure.set_aside_at.desc(), StripeEvent.stripe_event_id)
        .limit(limit)
    )
    return [SetAsideEvent(*row) for row in (await session.execute(query)).all()]


async def free_set_aside(session: Session, integration_id: UUID, error_code: str) -> int:
    """Let the account's events that failed for this reason be tried again; return how many."""
    query = (
        select(StripeEvent.id)
        .join(StripeEventFailure, StripeEventFailure.event_id == StripeEvent.id)
        .where(
            StripeEvent.integration_id == integration_id,
            StripeEventFailure.error_code == error_code,
            StripeEventFailure.set_aside_at.is_not(None),
        )
    )
    ids = await _lock(session, (await session.execute(query)).scalars().all())
    freed = await session.execute(
        delete(StripeEventFailure)
        .where(StripeEventFailure.event_id.in_(ids))
        .returning(StripeEventFailure.event_id)
    )
    return len(freed.all())


async def count_by_state(session: Session) -> EventCounts:
    """Count the events of all businesses by what became of them."""
    waits = StripeEvent.processed_at.is_(None)
    query = select(
        func.count().filter(_waiting()),
        func.count().filter(~waits),
        func.count().filter(waits, _is_set_aside()),
    ).select_from(StripeEvent)
    return EventCounts(*(await session.execute(query)).one())


def payload_of(event: SeenEvent) -> dict[str, Any]:
    """Return what is kept, which is what the fields of SeenEvent name; the version comes later."""
    kept = event._asdict()
    del kept["stripe_event_id"], kept["event_type"]
    return {key: value for key, value in kept.items() if value is not None}


async def _lock(session: Session, ids: Collection[UUID]) -> Sequence[UUID]:
    """Lock the events that exist, in the order of Stripe's ids, and return them."""
    query = (
        select(StripeEvent.id)
        .where(StripeEvent.id.in_(ids))
        .order_by(StripeEvent.stripe_event_id.collate("C"))
        .with_for_update()
    )
    return (await session.execute(query)).scalars().all()


def _waiting() -> ColumnElement[bool]:
    return and_(StripeEvent.processed_at.is_(None), ~_is_set_aside())


def _is_set_aside() -> ColumnElement[bool]:
    return exists().where(
        StripeEventFailure.event_id == StripeEvent.id,
        StripeEventFailure.set_aside_at.is_not(None),
    )


def _text(field: str) -> ColumnElement[str | None]:
    return cast(StripeEvent.payload[field].as_string(), Text)


def _number(field: str) -> ColumnElement[int]:
    return cast(StripeEvent.payload[field].as_string(), BigInteger)
