"""The single entry to runs: ask for one, answer what one has asked, cancel one.

A run's life is in the database. Asking, ending and cancelling lock the conversation first and
the run second, so they happen one after the other; the run's job executes it (`agent.execution`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from agent.deciding import Answer, decide
from agent.event_log import Opening, number, topic_of
from agent.events import run_started
from agent.run_life import queue_job, request_cancel
from agent.runtime import AgentRuntime
from config.logs import redact
from db.models import Conversation, Run
from db.repositories import conversations, runs
from db.run_tail import LoggedEvent
from db.session import Session
from domain.access import Access, Permission
from domain.errors import (
    ApprovalPendingError,
    InvalidInputError,
    RunActiveError,
    RunIdReusedError,
)
from domain.runs import RunState
from services.run_limits import count_run

__all__ = [
    "Answer",
    "RunRequest",
    "UserMessage",
    "WhenBusy",
    "cancel",
    "open_run",
    "state_of",
    "submit",
]

WhenBusy = Literal["enqueue", "reject", "interrupt"]
TITLE_LENGTH = 80


@dataclass(frozen=True)
class UserMessage:
    """A message as the client sends it; ids other than ours are kept where they are free."""

    id: UUID
    content: str


@dataclass(frozen=True)
class RunRequest:
    """One request to run: the client's ids, the user's messages, and a hash of the body.

    `resume` answers what the conversation's waiting run has asked; then nothing else is asked.
    """

    conversation_id: UUID
    client_run_id: str
    messages: tuple[UserMessage, ...]
    input_hash: str
    when_busy: WhenBusy = "enqueue"
    resume: tuple[Answer, ...] = ()


def title_of(request: RunRequest) -> str | None:
    """Return what the conversation is called after this request, unless it has a title."""
    asked = request.messages[-1].content if request.messages else ""
    return " ".join(asked.split())[:TITLE_LENGTH] or None


def opening_of(request: RunRequest) -> LoggedEvent:
    """Return the event that a run begins with."""
    [event] = number([run_started(request.conversation_id, request.client_run_id)], 0)
    return event


async def submit(runtime: AgentRuntime, access: Access, request: RunRequest) -> bool:
    """Create the run and the job that executes it, or attach to the run of the same id.

    Returns whether the run is new. Raises InvalidInputError, NotFoundError, NotPermittedError,
    RateLimitedError or a ConflictError; then nothing has changed.
    """
    return await open_run(runtime, access, request) is not None


async def open_run(runtime: AgentRuntime, access: Access, request: RunRequest) -> Opening | None:
    """Do what `submit` does; return what a new run is followed by, None if it is not new."""
    access.require(Permission.CONVERSE)
    run_id = runs.new_run_id()
    # Before the commit, for a worker may begin right after it.
    news = runtime.notifications.news_of(topic_of(run_id))
    async with runtime.database.unit_of_work() as session:
        conversation = await _open_conversation(session, access, request)
        known = await runs.find_run(session, access, request.client_run_id)
        if known is None:
            if not request.resume:
                # An answer to a question of ours is never one too many.
                await count_run(session, access, runtime.run_limits, runtime.clock())
            event = await _create_run(session, runtime, access, request, run_id)
            await conversations.touch_conversation(session, conversation)
            return Opening(run_id, event, news)
        if known.input_hash != request.input_hash:
            raise RunIdReusedError
    return None


async def _open_conversation(session: Session, access: Access, request: RunRequest) -> Conversation:
    wanted = request.conversation_id
    title = title_of(request)
    conversation = await conversations.find_conversation(session, access, wanted, lock=True)
    if conversation is None:
        await conversations.create_conversation(session, access, wanted, title)
        # Whoever created it, the lock is needed; somebody else's is not found.
        conversation = await conversations.get_conversation(session, access, wanted, lock=True)
    # One that was created empty is named after its first question.
    conversation.title = conversation.title or title
    return conversation


async def _create_run(
    session: Session, runtime: AgentRuntime, access: Access, request: RunRequest, run_id: UUID
) -> LoggedEvent:
    messages = await _new_messages(session, request)
    resumed = await decide(
        session, access, request.conversation_id, request.resume, now=runtime.clock()
    )
    goes_on = resumed is not None
    busy = not goes_on and await _make_way(session, request)
    inserted = await runs.insert_run(
        session,
        access,
        run_id,
        conversation_id=request.conversation_id,
        client_run_id=request.client_run_id,
        input_hash=request.input_hash,
        answers_run_id=(resumed.answers_run_id or resumed.id) if resumed else None,
        job_id=None if busy else await queue_job(session, run_id),
    )
    if inserted is None:
        raise RunIdReusedError
    for message in messages:
        await _store_user_message(session, request.conversation_id, run_id, message)
    event = opening_of(request)
    await runs.append_events(session, run_id, [event])
    return event


async def _new_messages(session: Session, request: RunRequest) -> list[UserMessage]:
    ids = [message.id for message in request.messages]
    known = await conversations.list_known_ids(session, request.conversation_id, ids)
    new = [message for message in request.messages if message.id not in known]
    if request.resume:
        if new:
            raise InvalidInputError("Answer the approvals first, and ask in a request of its own.")
        return []
    if not new:
        raise InvalidInputError("There is no new user message in this request.")
    if any(redact(message.content) != message.content for message in new):
        raise InvalidInputError(
            "The message holds something that looks like a secret key, so it was not stored.",
            hint="Take the key out, and revoke it if it was a real one.",
        )
    return new


async def _make_way(session: Session, request: RunRequest) -> bool:
    """Tell whether the new run has to wait; with `interrupt`, ask the others to stop."""
    unfinished = await runs.list_unfinished(session, request.conversation_id)
    waiting = next((r for r in unfinished if r.state == RunState.AWAITING_APPROVAL), None)
    if waiting is not None and request.when_busy != "interrupt":
        raise ApprovalPendingError(
            f"Run {waiting.client_run_id} of this conversation waits for an approval.",
            hint="Answer it with resume, cancel the run, or send whenBusy=interrupt.",
        )
    if unfinished and request.when_busy == "reject":
        active = unfinished[0].client_run_id
        raise RunActiveError(f"This conversation is still answering run {active}.")
    if request.when_busy == "interrupt":
        for run in unfinished:
            await request_cancel(session, run)
    return any(run.state != RunState.CANCELLED for run in unfinished)


async def _store_user_message(
    session: Session, conversation_id: UUID, run_id: UUID, message: UserMessage
) -> None:
    stored = await conversations.insert_message(
        session,
        message_id=message.id,
        conversation_id=conversation_id,
        role="user",
        content=message.content,
        run_id=run_id,
    )
    if not stored:
        raise InvalidInputError("A message id of this request is taken. Use a new one.")


async def cancel(runtime: AgentRuntime, access: Access, client_run_id: str) -> RunState:
    """Ask the run to stop and return its state; a run that has ended stays as it is."""
    async with runtime.database.unit_of_work() as session:
        run = await runs.get_run(session, access, client_run_id)
        run = await runs.lock_conversation_of(session, run)
        await request_cancel(session, run)
        state = RunState(run.state)
        run_id = run.id
    runtime.notifications.wake(topic_of(run_id))
    return state


async def state_of(runtime: AgentRuntime, access: Access, client_run_id: str) -> Run:
    """Return the caller's run or raise NotFoundError."""
    async with runtime.database.unit_of_work() as session:
        return await runs.get_run(session, access, client_run_id)
