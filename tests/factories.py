"""Things that tests need to exist first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID, uuid4

from db.models import Business, Membership, User
from db.session import Database
from domain.access import Access, Role


@dataclass(frozen=True)
class Shop:
    """A stored business with its owner's access."""

    access: Access

    @property
    def business_id(self) -> UUID:
        return self.access.business_id

    def as_role(self, role: Role) -> Access:
        return replace(self.access, role=role)


async def make_shop(database: Database, name: str = "Record shop") -> Shop:
    """Store a business and its owner."""
    access = Access(uuid4(), uuid4(), Role.OWNER)
    async with database.unit_of_work() as session:
        session.add(User(id=access.user_id, email=f"{access.user_id}@example.com"))
        session.add(Business(id=access.business_id, name=name))
        await session.flush()
        session.add(
            Membership(user_id=access.user_id, business_id=access.business_id, role="owner")
        )
    return Shop(access)
