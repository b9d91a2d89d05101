"""What routes ask for: the application's state, the caller, a session, access to a business."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Annotated
from uuid import UUID

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.auth import read_token
from api.schemas.runs import is_run_id
from api.state import AppState, state_of
from db.session import Session
from domain.access import Access
from domain.errors import NotAuthenticatedError, NotFoundError
from services import businesses, conversations, users
from services.users import UserView

State = Annotated[AppState, Depends(state_of)]
_bearer = HTTPBearer(auto_error=False, description="An access token.")


async def current_user(
    state: State, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> UUID:
    """Return the id of the authenticated user or raise NotAuthenticatedError."""
    if credentials is None:
        raise NotAuthenticatedError
    return read_token(state.wiring.key_ring, credentials.credentials)


UserId = Annotated[UUID, Depends(current_user)]


async def get_session(state: State) -> AsyncGenerator[Session]:
    """Yield the request's unit of work."""
    async with state.database.unit_of_work() as session:
        yield session


# "function": the commit runs before the answer is sent, so a failed one is not a 200.
DbSession = Annotated[Session, Depends(get_session, scope="function")]


async def business_access(session: DbSession, user_id: UserId, business_id: UUID) -> Access:
    """Return the caller's access to the business in the path."""
    return await businesses.access_for(session, user_id, business_id)


async def conversation_access(session: DbSession, user_id: UserId, conversation_id: UUID) -> Access:
    """Return the caller's access to the business of the conversation in the path."""
    return await conversations.access_to(session, user_id, conversation_id)


async def run_access(state: State, user_id: UserId, run_id: str) -> Access:
    """Return the caller's access to the business of the run in the path; holds no session."""
    if not is_run_id(run_id):
        raise NotFoundError("There is no such run.")
    async with state.database.unit_of_work() as session:
        return await conversations.access_to_run(session, user_id, run_id)


async def known_user(session: DbSession, user_id: UserId) -> UserView:
    """Return the caller; raise NotAuthenticatedError if they were deleted since they signed in."""
    try:
        return await users.get(session, user_id)
    except NotFoundError:
        raise NotAuthenticatedError("The user of this access token is gone.") from None


KnownUser = Annotated[UserView, Depends(known_user)]
BusinessAccess = Annotated[Access, Depends(business_access)]
ConversationAccess = Annotated[Access, Depends(conversation_access)]
RunAccess = Annotated[Access, Depends(run_access)]
