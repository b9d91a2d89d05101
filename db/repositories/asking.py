"""Asking for a run in one statement, where nothing speaks against it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg
import orjson

from db.repositories.jobs import Entrypoint
from db.run_tail import LoggedEvent
from db.session import Database
from domain.access import PERMISSIONS, Permission
from domain.limits import RunLimits

_ASK = """
SELECT ask_for_run($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,
    $17)
"""
_ALLOWED = sorted(role.value for role, may in PERMISSIONS.items() if Permission.CONVERSE in may)


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run that is asked for: its ids, the messages that ask, and its first event."""

    run_id: UUID
    conversation_id: UUID
    client_run_id: str
    input_hash: str
    title: str | None
    messages: Sequence[tuple[UUID, str]]
    opening: LoggedEvent


async def ask_for_run(
    database: Database,
    user_id: UUID,
    business_id: UUID | None,
    new: NewRun,
    limits: RunLimits,
    now: datetime,
) -> bool:
    """Create the run with its messages, first event and job; tell whether it was done.

    It was not, and nothing has changed, unless the user may converse about the business, the
    conversation is theirs or new, none of its runs is unfinished, the ids are free, and the limits
    allow one more run. The
    migration that makes the function has the details.
    """
    try:
        [(done,)] = await database.fetch(
            _ASK,
            user_id,
            business_id,
            new.conversation_id,
            new.title,
            _ALLOWED,
            new.run_id,
            new.client_run_id,
            new.input_hash,
            [message_id for message_id, _ in new.messages],
            [content for _, content in new.messages],
            new.opening.type,
            new.opening.data,
            Entrypoint.RUN.value,
            orjson.dumps({"run_id": str(new.run_id)}),
            now,
            limits.a_minute,
            limits.a_day,
        )
    except asyncpg.UniqueViolationError:
        # Somebody was quicker, or an id belongs to somebody else.
        return False
    return bool(done)
