"""An event that Stripe sent: matched with its account, stored once and its job queued, at once.

One statement does all of it. Each one more would cost a webhook as much CPU as all the rest of its
handling (`python -m benchmarks.sync --only webhook`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from sqlalchemy import BindParameter, Boolean, Row, Text, bindparam, text

from db.repositories.connections import OAUTH, RESTRICTED_KEY
from db.repositories.integrations import STRIPE, IntegrationStatus
from db.repositories.jobs import Entrypoint
from db.repositories.stripe_events import WRITE_ONCE, SeenEvent, payload_of
from db.session import Session


class EventOwner(NamedTuple):
    """A connection that an event may belong to; `authorized_at` in UTC seconds, 0 if unknown."""

    id: UUID
    business_id: UUID
    auth: str
    livemode: bool | None
    active: bool
    authorized_at: int


# What was connected before there was OAuth says nothing about it.
_AUTH = f"coalesce(metadata->>'auth', '{RESTRICTED_KEY}')"
# Those that are active in the event's mode come first.
_OWNERS = f"""
    WITH owners AS MATERIALIZED (
        SELECT id, business_id, {_AUTH} AS auth, CAST(metadata->>'livemode' AS boolean) AS livemode,
               status IS DISTINCT FROM '{IntegrationStatus.REVOKED}' AS active,
               coalesce(CAST(metadata->>'authorized_at' AS integer), 0) AS authorized_at,
               CASE WHEN CAST(metadata->>'livemode' AS boolean) IS DISTINCT FROM :livemode THEN 2
                    WHEN status = '{IntegrationStatus.REVOKED}' THEN 1 ELSE 0 END AS rank,
               created_at
        FROM integration_accounts
        WHERE provider = '{STRIPE}' AND {{whose}}
        ORDER BY rank, created_at, id
        LIMIT 2
    )
"""  # noqa: S608 - put together from constants
_LIST = f"""
    {_OWNERS}
    SELECT id, business_id, auth, livemode, active, authorized_at FROM owners
    ORDER BY rank, created_at, id
"""  # noqa: S608
# `queue_job` is called for what was written, after it was.
_ACCEPT = f"""
    {_OWNERS}, taker AS (
        SELECT min(CAST(id AS text)) AS id FROM owners
        WHERE rank = 0
        HAVING count(*) = 1 AND NOT (:deauthorizes AND min(auth) = '{OAUTH}')
    ), written AS (
        INSERT INTO stripe_events (integration_id, stripe_event_id, event_type, payload)
        SELECT CAST(id AS uuid), :event_id, :event_type,
               CAST(:payload AS jsonb) || jsonb_build_object('version', nextval('ledger_versions'))
        FROM taker
        {WRITE_ONCE}
    SELECT queue_job(
        '{Entrypoint.EVENTS}',
        convert_to(CAST(json_build_object('integration_id', integration_id) AS text), 'UTF8'),
        INTERVAL '0', '{Entrypoint.EVENTS}:' || integration_id
    )
    FROM written
"""  # noqa: S608
_LIVEMODE: BindParameter[Any] = bindparam("livemode", type_=Boolean())
_GIVEN: tuple[BindParameter[Any], ...] = (
    _LIVEMODE,
    bindparam("deauthorizes", type_=Boolean()),
    *(bindparam(name, type_=Text()) for name in ("event_id", "event_type", "payload")),
)


class _Statement:
    """A statement about whose an event is: connected by a key, or the named account's."""

    def __init__(self, template: str, *given: BindParameter[Any]) -> None:
        account = bindparam("account", type_=Text())
        by_key = template.format(whose=f"{_AUTH} = '{RESTRICTED_KEY}'")
        self._by_key = text(by_key).bindparams(*given)
        of_account = template.format(whose="external_id = :account")
        self._of_account = text(of_account).bindparams(*given, account)

    async def rows(
        self, session: Session, account: str | None, given: dict[str, Any]
    ) -> Sequence[Row[Any]]:
        if account is None:
            return (await session.execute(self._by_key, given)).all()
        return (await session.execute(self._of_account, {**given, "account": account})).all()


_list = _Statement(_LIST, _LIVEMODE)
_accept = _Statement(_ACCEPT, *_GIVEN)


async def accept_event(
    session: Session, event: SeenEvent, *, account: str | None, deauthorizes: bool
) -> bool:
    """Store the event and queue the job that applies it; tell whether that was done.

    It is, if exactly one connection that it may belong to is active in its mode, and the event was
    not seen before. Without an `account` it is of one that was connected by a key. An event that
    `deauthorizes` a connection by OAuth is not stored.
    """
    given = {
        "livemode": event.livemode,
        "deauthorizes": deauthorizes,
        "event_id": event.stripe_event_id,
        "event_type": event.event_type,
        "payload": orjson.dumps(payload_of(event)).decode(),
    }
    return bool(await _accept.rows(session, account, given))


async def list_event_owners(
    session: Session, account: str | None, *, livemode: bool
) -> Sequence[EventOwner]:
    """List at most two connections that an event may belong to, those active in the mode first."""
    rows = await _list.rows(session, account, {"livemode": livemode})
    return [EventOwner._make(row) for row in rows]
