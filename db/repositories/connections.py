"""Connections across businesses: what an operator sees, and their end."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import (
    exists,
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
_active = IntegrationAccount.status.is_distinct_from(IntegrationStatus.REVOKED)


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
