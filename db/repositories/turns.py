"""What every turn does between its question and its end, a statement each (decision 34)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
from uuid_utils.compat import uuid7

from db.event_writer import CHANNEL
from db.models import Run
from db.repositories import history
from db.repositories.history import Past
from db.repositories.jobs import Entrypoint
from db.repositories.runs import Attempt
from db.run_tail import LoggedEvent
from db.session import Database
from domain.access import Access, Role
from domain.runs import RunState, RunSupersededError

_BEGIN = """
WITH begun AS (
    UPDATE agent_runs AS run
    SET state = 'running', attempt = 1, model = $2, prompt_version = $3,
        started_at = clock_timestamp()
    FROM user_business_memberships AS member
    WHERE run.id = $1 AND run.state = 'queued' AND run.attempt = 0
        AND run.cancel_requested_at IS NULL AND run.answers_run_id IS NULL
        AND member.user_id = run.user_id AND member.business_id = run.business_id
    RETURNING run.id, run.business_id, run.conversation_id, run.user_id, run.client_run_id,
        run.state, run.attempt, run.created_at, member.role
)
SELECT {past}, begun.*, conversation.title, settings.without_approval
FROM begun
JOIN agent_conversations AS conversation ON conversation.id = begun.conversation_id
LEFT JOIN agent_settings AS settings ON settings.business_id = begun.business_id
{joins}
"""
_BEGIN = _BEGIN.format(
    past=history.PAST.format(question="begun"),
    joins=history.PAST_JOINS.format(question="begun"),
)
_END = "SELECT end_run($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"
_RECORD = """
INSERT INTO agent_tool_calls
    (id, run_id, call_id, name, arguments, status, result, created_at, finished_at)
SELECT $1, run.id, $4, $5, $6, 'succeeded', $7,
    clock_timestamp() - make_interval(secs => $8), clock_timestamp()
FROM agent_runs AS run
WHERE run.id = $2 AND run.attempt = $3
FOR KEY SHARE
ON CONFLICT (run_id, call_id) DO UPDATE SET call_id = excluded.call_id
RETURNING result
"""
_RUN_COLUMNS = (
    "id",
    "business_id",
    "conversation_id",
    "user_id",
    "client_run_id",
    "state",
    "attempt",
    "created_at",
)


@dataclass(frozen=True, slots=True)
class Begun:
    """A run whose first attempt has begun, and what stands around its answer."""

    run: Run
    access: Access
    title: str | None
    past: Past
    without_approval: frozenset[str]


async def begin_first_attempt(
    database: Database, run_id: UUID, *, model: str, prompt_version: str
) -> Begun | None:
    """Take over a run that nobody has attempted yet; None, with nothing changed, for any other.

    Also for one that was asked to stop, that goes on with another run's answer, or whose user is
    no member any more.
    """
    try:
        rows = await database.fetch(_BEGIN, run_id, model, prompt_version)
    except asyncpg.UniqueViolationError:
        # Another run of the conversation is active.
        return None
    if not rows:
        return None
    [row] = rows
    return Begun(
        run=Run(**{name: row[name] for name in _RUN_COLUMNS}),
        access=Access(row["user_id"], row["business_id"], Role(row["role"])),
        title=row["title"],
        past=Past(*row[: len(Past._fields)]),
        without_approval=frozenset(row["without_approval"] or ()),
    )


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ends its run; `said` is the message that is still to be stored.

    `partial` is why that message has no end: cancelled or failed.
    """

    attempt: Attempt
    state: RunState
    usage: dict[str, Any]
    error_code: str | None = None
    said: tuple[UUID, str] | None = None
    partial: str | None = None


async def end_run(
    database: Database, ending: Ending, events: Sequence[LoggedEvent], announcement: str | None
) -> None:
    """End the run, let the conversation's next one begin, and log and announce the events.

    Without an announcement, only this process hears of them.
    Raises RunSupersededError if another attempt has taken the run over, or the driver's error if
    a number of the log is taken; then nothing has changed.
    """
    said_id, said = ending.said or (None, None)
    [(is_ended,)] = await database.fetch(
        _END,
        ending.attempt.run_id,
        ending.attempt.number,
        ending.state.value,
        ending.error_code,
        ending.usage,
        said_id,
        said,
        None if ending.partial is None else {"partial": ending.partial},
        [event.seq for event in events],
        [event.type for event in events],
        [event.data for event in events],
        CHANNEL,
        announcement,
        Entrypoint.RUN.value,
    )
    if not is_ended:
        raise RunSupersededError


async def record_result(
    database: Database,
    attempt: Attempt,
    call: tuple[str, str, dict[str, Any]],
    result: str,
    *,
    seconds: float,
) -> str:
    """Store what a call (its id, tool and arguments) has read, and return it.

    The call took so many seconds. If it has a result already, that is returned and stays. Raises
    RunSupersededError if another attempt has taken the run over.
    """
    call_id, name, arguments = call
    rows = await database.fetch(
        _RECORD, uuid7(), *attempt, call_id, name, arguments, result, seconds
    )
    if not rows:
        raise RunSupersededError
    return str(rows[0]["result"])
