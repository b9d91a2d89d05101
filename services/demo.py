"""The demo's one user and one business, made once."""

from __future__ import annotations

from datetime import date
from uuid import NAMESPACE_URL, uuid5

from db.models import Business
from db.repositories import businesses, users
from db.session import Session
from domain.access import Access, Role

# Fixed, so that a demo that was killed at any point finds what it had already made.
DEMO_ACCESS = Access(
    user_id=uuid5(NAMESPACE_URL, "urn:vaultra:demo:user"),
    business_id=uuid5(NAMESPACE_URL, "urn:vaultra:demo:business"),
    role=Role.OWNER,
)


async def ensure_demo(session: Session, *, founded_on: date) -> Access:
    """Store the demo's user and business unless they are there; return the owner's access."""
    await users.ensure_user(
        session, DEMO_ACCESS.user_id, email="owner@demo.invalid", name="Demo owner"
    )
    role = await businesses.find_role(session, DEMO_ACCESS.user_id, DEMO_ACCESS.business_id)
    if role is None:
        shop = Business(
            id=DEMO_ACCESS.business_id,
            name="CD shop (demo)",
            industry="retail",
            founded_at=founded_on,
        )
        await businesses.insert_business(session, shop, DEMO_ACCESS.user_id)
    return DEMO_ACCESS
