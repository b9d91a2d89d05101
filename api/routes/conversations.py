"""Conversations and their messages."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter
from pydantic import BaseModel, StringConstraints

from api.deps import BusinessAccess, ConversationAccess, DbSession
from api.schemas.pages import After, Limit, Page, decode_position, page_of
from services import conversations
from services.conversations import ConversationDetail, ConversationView, MessageView

router = APIRouter(prefix="/v1", tags=["conversations"])


class ConversationChange(BaseModel):
    """What can be changed about a conversation."""

    title: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255)]


@router.post(
    "/businesses/{business_id}/conversations", status_code=201, response_model_exclude_none=True
)
async def create_conversation(session: DbSession, access: BusinessAccess) -> ConversationView:
    """Create an empty conversation."""
    return await conversations.create(session, access, uuid4())


@router.get("/businesses/{business_id}/conversations", response_model_exclude_none=True)
async def list_conversations(
    session: DbSession, access: BusinessAccess, limit: Limit = 50, after: After = None
) -> Page[ConversationView]:
    """List the caller's conversations, the latest first."""
    found = await conversations.list_conversations(
        session, access, limit=limit + 1, after=decode_position(after)
    )
    return page_of(found, limit, lambda item: (item.updated_at, item.id))


@router.get("/conversations/{conversation_id}", response_model_exclude_none=True)
async def get_conversation(
    session: DbSession, access: ConversationAccess, conversation_id: UUID
) -> ConversationDetail:
    """Read a conversation, and what its calls of language models amount to."""
    return await conversations.get_detail(session, access, conversation_id)


@router.patch("/conversations/{conversation_id}", response_model_exclude_none=True)
async def change_conversation(
    session: DbSession,
    access: ConversationAccess,
    conversation_id: UUID,
    change: ConversationChange,
) -> ConversationView:
    """Give a conversation another title."""
    return await conversations.change(session, access, conversation_id, title=change.title)


@router.delete("/conversations/{conversation_id}", status_code=204)
async def archive_conversation(
    session: DbSession, access: ConversationAccess, conversation_id: UUID
) -> None:
    """Take a conversation out of the list."""
    await conversations.archive(session, access, conversation_id)


@router.get("/conversations/{conversation_id}/messages", response_model_exclude_none=True)
async def list_messages(
    session: DbSession,
    access: ConversationAccess,
    conversation_id: UUID,
    limit: Limit = 100,
    after: After = None,
) -> Page[MessageView]:
    """List a conversation's messages in the order they were written."""
    found = await conversations.list_messages(
        session, access, conversation_id, limit=limit + 1, after=decode_position(after)
    )
    return page_of(found, limit, lambda item: (item.created_at, item.id))
