"""An event that Stripe sent: matched with its account, stored once and its job queued, at once.

One call does all of it. Each statement more would cost a webhook as much CPU as all the rest of
its handling (`python -m benchmarks.sync --only webhook`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from sqlalchemy import BindParameter, Boolean, Text, bindparam, text

from db.repositories.connections import RESTRICTED_KEY
from db.repositories.integrations import STRIPE, IntegrationStatus
from db.repositories.stripe_events import SeenEvent, payload_of
from db.session import Database, Session


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
_LIST = f"""
    SELECT id, business_id, {_AUTH} AS auth, CAST(metadata->>'livemode' AS boolean) AS livemode,
           status IS DISTINCT FROM '{IntegrationStatus.REVOKED}' AS active,
           coalesce(CAST(metadata->>'authorized_at' AS integer), 0) AS authorized_at
    FROM integration_accounts
    WHERE provider = '{STRIPE}' AND {{whose}}
    ORDER BY CASE WHEN CAST(metadata->>'livemode' AS boolean) IS DISTINCT FROM :livemode THEN 2
                  WHEN status = '{IntegrationStatus.REVOKED}' THEN 1 ELSE 0 END,
             created_at, id
    LIMIT 2
"""  # noqa: S608 - put together from constants
# A function, as its plans are kept: to plan and start one statement that does it all takes longer
# than what it does. Whether an event may be written is seen as in `WRITE_ONCE`, and `queue_job` is
# called for what was, after it was.
_ACCEPT = "SELECT accept_stripe_event($1, $2, $3, $4, $5, $6)"
_LIVEMODE: BindParameter[Any] = bindparam("livemode", type_=Boolean())
_LIST_BY_KEY = text(_LIST.format(whose=f"{_AUTH} = '{RESTRICTED_KEY}'")).bindparams(_LIVEMODE)
_LIST_OF_ACCOUNT = text(_LIST.format(whose="external_id = :account")).bindparams(
    _LIVEMODE, bindparam("account", type_=Text())
)


async def accept_event(
    database: Database, event: SeenEvent, *, account: str | None, deauthorizes: bool
) -> bool:
    """Store the event and queue the job that applies it; tell whether that was done.

    It is, if exactly one connection that it may belong to is active in its mode, and the event was
    not seen before. Without an `account` it is of one that was connected by a key. An event that
    `deauthorizes` a connection by OAuth is not stored.
    """
    payload = orjson.dumps(payload_of(event)).decode()
    named = (event.stripe_event_id, event.event_type, payload)
    return bool(await database.call(_ACCEPT, account, event.livemode, deauthorizes, *named))


async def list_event_owners(
    session: Session, account: str | None, *, livemode: bool
) -> Sequence[EventOwner]:
    """List at most two connections that an event may belong to, those active in the mode first."""
    given: dict[str, Any] = {"livemode": livemode}
    if account is None:
        found = await session.execute(_LIST_BY_KEY, given)
    else:
        found = await session.execute(_LIST_OF_ACCOUNT, {**given, "account": account})
    return [EventOwner._make(row) for row in found.all()]
