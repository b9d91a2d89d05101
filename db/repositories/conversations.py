"""Conversations and their messages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from db.models import Conversation, Message, Run
from db.session import Session
from domain.access import Access
from domain.errors import NotFoundError


async def find_conversation(
    session: Session, access: Access, conversation_id: UUID, *, lock: bool = False
) -> Conversation | None:
    """Return the caller's conversation; with `lock`, nobody else starts or ends a run in it."""
    query = select(Conversation).where(
        Conversation.id == conversation_id,
        Conversation.business_id == access.business_id,
        Conversation.user_id == access.user_id,
    )
    if lock:
        query = query.with_for_update(key_share=True)
    return (await session.execute(query)).scalar_one_or_none()


async def get_conversation(
    session: Session, access: Access, conversation_id: UUID, *, lock: bool = False
) -> Conversation:
    """Return the caller's conversation or raise NotFoundError."""
    found = await find_conversation(session, access, conversation_id, lock=lock)
    if found is None:
        raise NotFoundError("There is no such conversation.")
    return found


async def find_business_id(session: Session, user_id: UUID, conversation_id: UUID) -> UUID | None:
    """Return which business the user's conversation is about."""
    query = select(Conversation.business_id).where(
        Conversation.id == conversation_id, Conversation.user_id == user_id
    )
    return (await session.execute(query)).scalar_one_or_none()


async def rename_conversation(
    session: Session, conversation: Conversation, title: str
) -> Conversation:
    """Store another title; return the conversation with the time of the change."""
    conversation.title = title
    await session.flush()
    await session.refresh(conversation)
    return conversation


async def archive_conversation(session: Session, conversation: Conversation) -> None:
    """Take the conversation out of the list."""
    conversation.archived_at = func.clock_timestamp()
    await session.flush()


async def create_conversation(
    session: Session, access: Access, conversation_id: UUID, title: str | None
) -> bool:
    """Create the conversation; return False if the id is taken, by whomever."""
    statement = (
        insert(Conversation)
        .values(
            id=conversation_id,
            business_id=access.business_id,
            user_id=access.user_id,
            title=title,
        )
        .on_conflict_do_nothing(index_elements=[Conversation.id])
        .returning(Conversation.id)
    )
    return (await session.execute(statement)).scalar_one_or_none() is not None


async def list_conversations(
    session: Session,
    access: Access,
    *,
    limit: int,
    after: tuple[datetime, UUID] | None = None,
) -> Sequence[Conversation]:
    """List the caller's conversations, the latest first, from behind a (time, id) on."""
    query = (
        select(Conversation)
        .where(
            Conversation.business_id == access.business_id,
            Conversation.user_id == access.user_id,
            Conversation.archived_at.is_(None),
        )
        .order_by(Conversation.updated_at.desc(), Conversation.id.desc())
        .limit(limit)
    )
    if after is not None:
        query = query.where(tuple_(Conversation.updated_at, Conversation.id) < after)
    return (await session.execute(query)).scalars().all()


async def touch_conversation(session: Session, conversation: Conversation) -> None:
    """Move the conversation to the head of its list."""
    conversation.updated_at = func.clock_timestamp()
    await session.flush()


async def insert_message(
    session: Session,
    *,
    message_id: UUID,
    conversation_id: UUID,
    role: str,
    content: str,
    run_id: UUID | None = None,
    partial: str | None = None,
) -> bool:
    """Store a message; return False if the id is taken, by whomever.

    `partial` is why it has no end: cancelled, failed or interrupted.
    """
    statement = (
        insert(Message)
        .values(
            id=message_id,
            conversation_id=conversation_id,
            role=role,
            content=content,
            run_id=run_id,
            message_metadata=None if partial is None else {"partial": partial},
            # now() is the transaction's start: two messages of one would tie.
            created_at=func.clock_timestamp(),
        )
        .on_conflict_do_nothing(index_elements=[Message.id])
        .returning(Message.id)
    )
    return (await session.execute(statement)).scalar_one_or_none() is not None


async def insert_answer(
    session: Session, run: Run, message_id: UUID, content: str, *, partial: str | None = None
) -> None:
    """Store what the assistant has said in a run, unless it is stored; `partial` as above."""
    await insert_message(
        session,
        message_id=message_id,
        conversation_id=run.conversation_id,
        role="assistant",
        content=content,
        run_id=run.id,
        partial=partial,
    )


async def mark_partial(session: Session, ids: Sequence[UUID], partial: str) -> None:
    """Note of messages that are stored already why they have no end."""
    await session.execute(
        update(Message).where(Message.id.in_(ids)).values(message_metadata={"partial": partial})
    )


async def list_known_ids(
    session: Session, conversation_id: UUID, ids: Sequence[UUID]
) -> frozenset[UUID]:
    """Return those of the ids that are messages of the conversation."""
    query = select(Message.id).where(
        Message.conversation_id == conversation_id, Message.id.in_(ids)
    )
    return frozenset((await session.execute(query)).scalars())


async def list_messages(
    session: Session,
    conversation_id: UUID,
    *,
    limit: int,
    after: tuple[datetime, UUID] | None = None,
) -> Sequence[Message]:
    """List the messages in the order they were written, from behind a (time, id) on."""
    query = (
        select(Message)
        .where(Message.conversation_id == conversation_id)
        .order_by(Message.created_at, Message.id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(tuple_(Message.created_at, Message.id) > after)
    return (await session.execute(query)).scalars().all()
