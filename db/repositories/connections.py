"""Connections across businesses: whose an event is, what an operator sees, and their end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Select,
    bindparam,
    case,
    exists,
    func,
    select,
    update,
)

from db.models import IntegrationAccount
from db.repositories.integrations import STRIPE, IntegrationStatus
from db.session import Session
from domain.access import Access

RESTRICTED_KEY = "restricted_key"
OAUTH = "oauth"
_livemode = IntegrationAccount.account_metadata["livemode"].as_boolean()
# What was connected before there was OAuth says nothing about it.
_auth = func.coalesce(IntegrationAccount.account_metadata["auth"].as_string(), RESTRICTED_KEY)
_active = IntegrationAccount.status.is_distinct_from(IntegrationStatus.REVOKED)


class EventOwner(NamedTuple):
    """A connection that an event may belong to; `authorized_at` in UTC seconds, 0 if unknown."""

    id: UUID
    business_id: UUID
    auth: str
    livemode: bool | None
    active: bool
    authorized_at: int


def _owners(whose: ColumnElement[bool]) -> Select[Any]:
    same_mode = _livemode == bindparam("livemode", type_=Boolean())
    return (
        select(
            IntegrationAccount.id,
            IntegrationAccount.business_id,
            _auth,
            _livemode,
            _active,
            func.coalesce(IntegrationAccount.account_metadata["authorized_at"].as_integer(), 0),
        )
        .where(IntegrationAccount.provider == STRIPE, whose)
        .order_by(
            case((_active & same_mode, 0), (same_mode, 1), else_=2),
            IntegrationAccount.created_at,
            IntegrationAccount.id,
        )
        .limit(2)
    )


# Put together once: that would cost each webhook more than all the rest of its handling.
_OWNERS_BY_KEY = _owners(_auth == RESTRICTED_KEY)
_OWNERS_OF_ACCOUNT = _owners(IntegrationAccount.external_id == bindparam("external_id"))


async def list_event_owners(
    session: Session, external_id: str | None, *, livemode: bool
) -> Sequence[EventOwner]:
    """List at most two connections of the account, those that are active in the mode first.

    Without an account, those that were made by a key.
    """
    statement = _OWNERS_BY_KEY if external_id is None else _OWNERS_OF_ACCOUNT
    connection = await session.connection()
    rows = await connection.execute(statement, {"external_id": external_id, "livemode": livemode})
    return [EventOwner(*row) for row in rows.all()]


async def is_in_use(session: Session, external_id: str, *, livemode: bool) -> bool:
    """Tell whether any business has the account connected in the mode."""
    query = select(
        exists().where(
            IntegrationAccount.provider == STRIPE,
            IntegrationAccount.external_id == external_id,
            _livemode == livemode,
            _active,
        )
    )
    return bool((await session.execute(query)).scalar_one())


async def disconnect(session: Session, access: Access) -> IntegrationAccount | None:
    """Delete the business's token and revoke its connection; None if there never was one.

    What was read with it stays.
    """
    statement = (
        update(IntegrationAccount)
        .where(
            IntegrationAccount.business_id == access.business_id,
            IntegrationAccount.provider == STRIPE,
        )
        .values(access_token_encrypted=None, status=IntegrationStatus.REVOKED)
        .returning(IntegrationAccount)
    )
    found = await session.scalars(statement, execution_options={"populate_existing": True})
    return found.one_or_none()


async def list_connections(session: Session, *, limit: int) -> Sequence[IntegrationAccount]:
    """List the connections of all businesses, those that are not active first."""
    query = (
        select(IntegrationAccount)
        .where(IntegrationAccount.provider == STRIPE)
        .order_by(_active, IntegrationAccount.created_at, IntegrationAccount.id)
        .limit(limit)
    )
    return (await session.execute(query)).scalars().all()
