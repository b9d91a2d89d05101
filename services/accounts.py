"""A person and a business to begin with, made by whoever runs the service."""

from __future__ import annotations

from uuid import UUID, uuid4

from db.repositories import users
from db.session import Session
from domain.errors import InvalidInputError
from services import businesses
from services.businesses import BusinessView
from services.texts import clean_text

MAX_EMAIL = 255


async def ensure_owner(
    session: Session, *, email: str, business_name: str
) -> tuple[UUID, BusinessView]:
    """Return the user of that address and their business, made where they are missing.

    Raise InvalidInputError if the address is none.
    """
    email = clean_text(email, "e-mail address", MAX_EMAIL).lower()
    if "@" not in email:
        raise InvalidInputError("That is not an e-mail address.")
    user_id = await users.find_id_by_email(session, email)
    if user_id is None:
        user_id = uuid4()
        await users.ensure_user(session, user_id, email=email, name=None)
    mine = await businesses.list_for_user(session, user_id)
    for business in mine:
        if business.name == business_name:
            return user_id, business
    return user_id, await businesses.create_business(session, user_id, business_name)
