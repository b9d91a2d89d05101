"""The person who calls."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from db.repositories.users import get_user
from db.session import Session


@dataclass(frozen=True)
class UserView:
    """A user as they see themselves."""

    id: UUID
    email: str
    name: str | None


async def get(session: Session, user_id: UUID) -> UserView:
    """Return the user or raise NotFoundError."""
    user = await get_user(session, user_id)
    return UserView(user.id, user.email, user.name)
