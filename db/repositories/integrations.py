"""The business's accounts at providers; Stripe is the only one."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert

from db.models import IntegrationAccount
from db.session import Session
from domain.access import Access

STRIPE = "stripe"


class IntegrationStatus(StrEnum):
    """Whether the connection can be used (`integration_accounts.status`)."""

    ACTIVE = "active"
    REVOKED = "revoked"
    ERROR = "error"


async def find_integration(session: Session, access: Access) -> IntegrationAccount | None:
    """Return the business's Stripe account, or None if none was connected."""
    query = select(IntegrationAccount).where(
        IntegrationAccount.business_id == access.business_id,
        IntegrationAccount.provider == STRIPE,
    )
    return (await session.execute(query)).scalar_one_or_none()


async def save_integration(
    session: Session,
    access: Access,
    *,
    external_id: str,
    encrypted_token: str,
    metadata: dict[str, Any],
    now: datetime,
) -> IntegrationAccount | None:
    """Connect the account or renew its key; None if another account or mode is connected.

    `metadata` must hold `livemode`: one account id stands for two separate sets of data.
    """
    insert = pg_insert(IntegrationAccount).values(
        business_id=access.business_id,
        provider=STRIPE,
        external_id=external_id,
        access_token_encrypted=encrypted_token,
        account_metadata=metadata,
        status=IntegrationStatus.ACTIVE,
    )
    renewed = insert.on_conflict_do_update(
        index_elements=[IntegrationAccount.business_id, IntegrationAccount.provider],
        set_={
            "access_token_encrypted": insert.excluded.access_token_encrypted,
            "metadata": insert.excluded.metadata,
            "status": insert.excluded.status,
            "updated_at": now,
        },
        where=(IntegrationAccount.external_id == insert.excluded.external_id)
        & (IntegrationAccount.account_metadata["livemode"].as_boolean() == metadata["livemode"]),
    ).returning(IntegrationAccount)
    saved = await session.scalars(renewed, execution_options={"populate_existing": True})
    return saved.one_or_none()


async def get_integration_of_sync(session: Session, integration_id: UUID) -> IntegrationAccount:
    """Return the account that a sync reads, for the job that runs it."""
    return await session.get_one(IntegrationAccount, integration_id)


async def record_success(session: Session, integration_id: UUID, synced_at: datetime) -> None:
    """Note that everything up to `synced_at` has been read with the present key."""
    await _change(
        session, integration_id, status=IntegrationStatus.ACTIVE, last_synced_at=synced_at
    )


async def revoke(session: Session, integration_id: UUID, encrypted_token: str | None) -> None:
    """Note that Stripe refused the key, unless it has been replaced meanwhile."""
    await _change(
        session,
        integration_id,
        IntegrationAccount.access_token_encrypted.is_not_distinct_from(encrypted_token),
        status=IntegrationStatus.REVOKED,
    )


async def _change(session: Session, integration_id: UUID, *only_if: Any, **values: Any) -> None:
    await session.execute(
        update(IntegrationAccount)
        .where(IntegrationAccount.id == integration_id, *only_if)
        .values(**values)
    )
