"""People who sign in."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from db.models import User
from db.session import Session
from domain.errors import NotFoundError


async def get_user(session: Session, user_id: UUID) -> User:
    """Return the user or raise NotFoundError."""
    user = await session.get(User, user_id)
    if user is None:
        raise NotFoundError("There is no such user.")
    return user


async def ensure_user(session: Session, user_id: UUID, *, email: str, name: str | None) -> None:
    """Store the user unless they are there already."""
    await session.execute(
        insert(User)
        .values(id=user_id, email=email, name=name)
        .on_conflict_do_nothing(index_elements=[User.id])
    )


async def find_id_by_email(session: Session, email: str) -> UUID | None:
    """Return the id of the user with this address, or None."""
    query = select(User.id).where(User.email == email)
    return (await session.execute(query)).scalar_one_or_none()
