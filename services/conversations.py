"""Conversations as front ends see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from db.models import Conversation, Message
from db.repositories import conversations as repository
from db.repositories import runs
from db.session import Session
from domain.access import Access
from domain.errors import NotFoundError
from services import model_usage
from services.businesses import access_for
from services.model_usage import Usage
from services.texts import clean_text

TITLE_LIMIT = 255
Position = tuple[datetime, UUID]


@dataclass(frozen=True)
class ConversationView:
    """A conversation without its messages."""

    id: UUID
    business_id: UUID
    title: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class ConversationDetail(ConversationView):
    """A conversation with what its calls of language models amount to."""

    usage: Usage


@dataclass(frozen=True)
class MessageView:
    """One message of a conversation.

    `partial` is why it has no end, if it has none: cancelled, failed or interrupted.
    """

    id: UUID
    role: str
    content: str
    created_at: datetime
    partial: str | None = None


async def find_business_id(session: Session, user_id: UUID, conversation_id: UUID) -> UUID | None:
    """Return which business the user's conversation is about; None if it is not theirs."""
    return await repository.find_business_id(session, user_id, conversation_id)


async def access_to(session: Session, user_id: UUID, conversation_id: UUID) -> Access:
    """Return the user's access to the conversation's business; NotFoundError if not theirs."""
    business_id = await repository.find_business_id(session, user_id, conversation_id)
    if business_id is None:
        raise NotFoundError("There is no such conversation.")
    return await access_for(session, user_id, business_id)


async def access_to_run(session: Session, user_id: UUID, client_run_id: str) -> Access:
    """Return the user's access to the run's business; NotFoundError if not theirs."""
    business_id = await runs.find_business_id(session, user_id, client_run_id)
    if business_id is None:
        raise NotFoundError("There is no such run.")
    return await access_for(session, user_id, business_id)


async def create(session: Session, access: Access, conversation_id: UUID) -> ConversationView:
    """Create an empty conversation under a new id."""
    await repository.create_conversation(session, access, conversation_id, None)
    return await get(session, access, conversation_id)


async def get(session: Session, access: Access, conversation_id: UUID) -> ConversationView:
    """Return a conversation or raise NotFoundError."""
    return _view(await repository.get_conversation(session, access, conversation_id))


async def get_detail(session: Session, access: Access, conversation_id: UUID) -> ConversationDetail:
    """Return a conversation with its usage, or raise NotFoundError."""
    view = await get(session, access, conversation_id)
    usage = await model_usage.of_conversation(session, access, conversation_id)
    return ConversationDetail(**vars(view), usage=usage)


async def list_conversations(
    session: Session, access: Access, *, limit: int, after: Position | None = None
) -> list[ConversationView]:
    """List the caller's conversations, the latest first."""
    found = await repository.list_conversations(session, access, limit=limit, after=after)
    return [_view(conversation) for conversation in found]


async def change(
    session: Session, access: Access, conversation_id: UUID, *, title: str
) -> ConversationView:
    """Give the conversation another title; raise InvalidInputError for one out of bounds."""
    title = clean_text(title, "title", TITLE_LIMIT)
    conversation = await repository.get_conversation(session, access, conversation_id, lock=True)
    return _view(await repository.rename_conversation(session, conversation, title))


async def archive(session: Session, access: Access, conversation_id: UUID) -> None:
    """Take the conversation out of the list; its messages stay readable by their id."""
    conversation = await repository.get_conversation(session, access, conversation_id, lock=True)
    await repository.archive_conversation(session, conversation)


async def list_messages(
    session: Session,
    access: Access,
    conversation_id: UUID,
    *,
    limit: int,
    after: Position | None = None,
) -> list[MessageView]:
    """List the conversation's messages in the order they were written."""
    conversation = await repository.get_conversation(session, access, conversation_id)
    found: Sequence[Message] = await repository.list_messages(
        session, conversation.id, limit=limit, after=after
    )
    return [
        MessageView(
            message.id,
            message.role,
            message.content,
            message.created_at,
            (message.message_metadata or {}).get("partial"),
        )
        for message in found
    ]


def _view(conversation: Conversation) -> ConversationView:
    return ConversationView(
        conversation.id,
        conversation.business_id,
        conversation.title,
        conversation.created_at,
        conversation.updated_at,
    )
