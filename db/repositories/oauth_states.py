"""Authorizations that were begun at Stripe and wait for their answer, each usable once."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import delete, func, insert, text

from db.models import OAuthState as StoredState
from db.session import Session
from domain.access import Access

# By the database's clock and far beyond any expiry, so that nothing waiting is ever swept away.
_ABANDONED = text("INTERVAL '1 day'")


class OAuthState(NamedTuple):
    """Who began an authorization, for which business, and in which browser (SHA-256, hex)."""

    user_id: UUID
    business_id: UUID
    browser_hash: str


async def insert_state(
    session: Session,
    state_hash: str,
    access: Access,
    expires_at: datetime,
    browser_hash: str,
) -> None:
    """Store an authorization that begins, by the SHA-256 of its state in hexadecimal.

    What was abandoned a day ago goes.
    """
    await session.execute(
        delete(StoredState).where(StoredState.created_at < func.now() - _ABANDONED)
    )
    await session.execute(
        insert(StoredState).values(
            state_hash=state_hash,
            user_id=access.user_id,
            business_id=access.business_id,
            browser_hash=browser_hash,
            expires_at=expires_at,
        )
    )


async def take_state(session: Session, state_hash: str, now: datetime) -> OAuthState | None:
    """Use up a state; None if it is unknown, was used before or has expired."""
    taken = (
        await session.execute(
            delete(StoredState)
            .where(StoredState.state_hash == state_hash)
            .returning(
                StoredState.user_id,
                StoredState.business_id,
                StoredState.browser_hash,
                StoredState.expires_at,
            )
        )
    ).one_or_none()
    if taken is None or taken.expires_at <= now:
        return None
    return OAuthState(taken.user_id, taken.business_id, taken.browser_hash)
