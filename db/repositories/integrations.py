"""The business's accounts at providers; Stripe is the only one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, case, cast, func, or_, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as pg_insert

from db.models import IntegrationAccount
from db.session import Session
from domain.access import Access
from domain.errors import ConflictError

STRIPE = "stripe"
# Sets the locks of accounts apart from other advisory locks of the database.
_LOCK = 1_270_918_002


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

    `metadata` must hold `livemode`: one account id stands for two separate sets of data. What is
    stored beside it, such as how far events were read, stays.

    Raise ConflictError if another business has the account connected: of each event there is
    one, and it would reach one of them only.
    """
    await _require_free(session, access, external_id, livemode=metadata["livemode"])
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
            "metadata": IntegrationAccount.account_metadata.concat(insert.excluded["metadata"]),
            "status": insert.excluded.status,
            "updated_at": now,
        },
        where=(IntegrationAccount.external_id == insert.excluded.external_id)
        & (IntegrationAccount.account_metadata["livemode"].as_boolean() == metadata["livemode"]),
    ).returning(IntegrationAccount)
    saved = await session.scalars(renewed, execution_options={"populate_existing": True})
    return saved.one_or_none()


async def due_for_poll(session: Session, before: datetime) -> Sequence[IntegrationAccount]:
    """List the accounts in use that were not polled since then, of all businesses.

    Those that waited longest come first, and before them those that were never polled.
    """
    polled_at = cast(IntegrationAccount.account_metadata["polled_at"].as_string(), BigInteger)
    query = (
        select(IntegrationAccount)
        .where(
            IntegrationAccount.provider == STRIPE,
            IntegrationAccount.status == IntegrationStatus.ACTIVE,
            IntegrationAccount.access_token_encrypted.is_not(None),
            or_(polled_at.is_(None), polled_at < int(before.timestamp())),
        )
        .order_by(polled_at.asc().nulls_first(), IntegrationAccount.id)
    )
    return (await session.execute(query)).scalars().all()


async def list_businesses_read(session: Session) -> Sequence[UUID]:
    """List the businesses whose account has been read completely, at any time."""
    query = (
        select(IntegrationAccount.business_id)
        .where(IntegrationAccount.last_synced_at.is_not(None))
        .order_by(IntegrationAccount.business_id)
    )
    return (await session.execute(query)).scalars().all()


async def get_integration_of_sync(session: Session, integration_id: UUID) -> IntegrationAccount:
    """Return the account that a sync reads, for the job that runs it."""
    return await session.get_one(IntegrationAccount, integration_id)


async def patch_metadata(session: Session, integration_id: UUID, patch: Mapping[str, Any]) -> None:
    """Replace some of the account's metadata, by their names at the top, and nothing else of it.

    How far events were read is here: `events_since` and `polled_at`, in UTC seconds.
    """
    stored = func.coalesce(IntegrationAccount.account_metadata, cast({}, JSONB))
    await _change(session, integration_id, account_metadata=stored.concat(dict(patch)))


async def raise_metadata(session: Session, integration_id: UUID, values: Mapping[str, int]) -> None:
    """Raise some numbers of the account's metadata; one that is higher already stays."""
    stored = func.coalesce(IntegrationAccount.account_metadata, cast({}, JSONB))
    raised = {
        name: func.greatest(cast(stored[name].as_string(), BigInteger), value)
        for name, value in values.items()
    }
    patch = func.jsonb_build_object(*(part for pair in raised.items() for part in pair))
    await _change(session, integration_id, account_metadata=stored.concat(patch))


async def record_success(session: Session, integration_id: UUID, synced_at: datetime) -> None:
    """Note that everything up to `synced_at` has been read; it never goes back.

    A connection that was revoked meanwhile stays so: the account may be another business's now.
    """
    status = case(
        (IntegrationAccount.status == IntegrationStatus.REVOKED, IntegrationStatus.REVOKED),
        else_=IntegrationStatus.ACTIVE,
    )
    last = func.greatest(IntegrationAccount.last_synced_at, synced_at)
    await _change(session, integration_id, status=status, last_synced_at=last)


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


async def _require_free(
    session: Session, access: Access, external_id: str, *, livemode: bool
) -> None:
    # Two businesses that connect the account at once must not both find it free.
    name = f"stripe|{external_id}|{livemode}"
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, _LOCK))))
    query = select(IntegrationAccount.id).where(
        *_in_use(external_id, livemode=livemode),
        IntegrationAccount.business_id != access.business_id,
    )
    if (await session.execute(query.limit(1))).first() is not None:
        raise ConflictError(
            "This Stripe account is connected to another business already.",
            hint="Disconnect it there first; one account belongs to one business.",
        )


def _in_use(external_id: str, *, livemode: bool) -> tuple[ColumnElement[bool], ...]:
    return (
        IntegrationAccount.provider == STRIPE,
        IntegrationAccount.external_id == external_id,
        IntegrationAccount.account_metadata["livemode"].as_boolean() == livemode,
        IntegrationAccount.status.is_distinct_from(IntegrationStatus.REVOKED),
    )
