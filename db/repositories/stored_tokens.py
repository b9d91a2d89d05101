"""The encrypted tokens of all businesses, for whoever rotates the key ring."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select, update

from db.models import IntegrationAccount
from db.session import Session


class StoredToken(NamedTuple):
    """A token as it is stored, with what it is bound to."""

    integration_id: UUID
    business_id: UUID
    encrypted: str


async def list_others(
    session: Session, kid: str, *, behind: UUID | None, limit: int, lock: bool = False
) -> Sequence[StoredToken]:
    """List tokens that another key than `kid` wrote, by id, from behind one.

    With `lock`, nobody else changes them before the transaction ends.
    """
    token = IntegrationAccount.access_token_encrypted
    query = (
        select(IntegrationAccount.id, IntegrationAccount.business_id, token)
        .where(token.is_not(None), ~token.startswith(f"v1.{kid}.", autoescape=True))
        .order_by(IntegrationAccount.id)
        .limit(limit)
    )
    if behind is not None:
        query = query.where(IntegrationAccount.id > behind)
    if lock:
        query = query.with_for_update(key_share=True)
    rows = (await session.execute(query)).all()
    return [StoredToken(row[0], row[1], row[2]) for row in rows if row[2] is not None]


async def replace(session: Session, integration_id: UUID, encrypted: str) -> None:
    """Store the same token in another encryption."""
    await session.execute(
        update(IntegrationAccount)
        .where(IntegrationAccount.id == integration_id)
        .values(access_token_encrypted=encrypted)
    )
