"""What an attempt finds when it begins: its run's log and those before it, and a dead attempt's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import orjson
from ag_ui.core import TextMessageContentEvent

from agent.context import ERROR
from agent.events import Event, EventMapper, attempt_begun, encode, state_snapshot
from agent.parts import Part, ToolCallArgsPart, ToolCallEndPart, ToolCallStartPart, ToolResultPart
from agent.progress import Progress, Round, read_progress
from db.models import Run, ToolCallRecord
from db.repositories import conversations, runs
from db.repositories.integrations import find_integration
from db.run_tail import LoggedEvent
from db.session import Session
from domain.access import Access
from services.snapshots import is_stale

BROKEN_OFF = "\n\n_The answer broke off here; it begins again below._"
NOT_CARRIED_OUT = f"{ERROR} broken off before it began. Nothing was done."
INTERRUPTED = "interrupted"
_ALL = 1_000_000


@dataclass(frozen=True)
class Chain:
    """A run's past: its log, and the logs of runs whose question it goes on answering."""

    mapper: EventMapper
    progress: Progress
    last_seq: int
    earlier_ids: tuple[UUID, ...]


async def read_chain(session: Session, run: Run) -> Chain:
    """Read what has been logged for the run's question until now."""
    mapper = EventMapper(run.conversation_id, run.client_run_id)
    earlier = await runs.list_chain(session, run)
    logs = [await runs.list_events(session, one.id, after=0, limit=_ALL) for one in earlier]
    # Created with its first event; everything else is written by an attempt.
    own: list[LoggedEvent] = []
    if run.attempt > 0:
        own = await runs.list_events(session, run.id, after=0, limit=_ALL)
    waiting = read_progress([event.data for event in log] for log in logs)
    mapper.carry(call.call_id for call in waiting.unanswered)
    mapper.restore(event.data for event in own)
    return Chain(
        mapper=mapper,
        progress=read_progress([event.data for event in log] for log in [*logs, own]),
        last_seq=len(own) or 1,
        earlier_ids=tuple(one.id for one in earlier),
    )


async def close_dead_attempt(session: Session, run: Run, chain: Chain) -> list[Event]:
    """Store and return what closes an earlier attempt's half message and calls.

    A round of the model that was told in half is void and asked for again. Of a whole one, what
    was carried out has its result, and the rest of its calls will be.
    """
    if run.attempt == 1:
        return []
    records = await runs.list_tool_calls(session, run.id)
    progress, mapper = chain.progress, chain.mapper
    known = {call.call_id for one in progress.rounds for call in one.calls}
    untold = [record for record in records if record.call_id not in known]
    if not progress.has_output and not untold:
        return []
    carried_out = {record.call_id for record in records}
    begun = progress.rounds[-1] if progress.rounds else Round()
    void = not (begun.is_whole or untold or carried_out & {call.call_id for call in begun.calls})
    events = await _close_message(session, run, chain, void=void)
    for part in [*_told(untold), *_results(progress, records)]:
        events.extend(mapper.events_for(part))
    events.append(attempt_begun(run.attempt, void=void))
    for event in events:
        progress.take(orjson.loads(encode(event)))
    return events


async def _close_message(session: Session, run: Run, chain: Chain, *, void: bool) -> list[Event]:
    mapper = chain.mapper
    partial = INTERRUPTED if void else None
    events: list[Event] = []
    if mapper.message_id is not None:
        if void:
            broken_off = TextMessageContentEvent(
                message_id=str(mapper.message_id), delta=BROKEN_OFF
            )
            mapper.text += BROKEN_OFF
            events.append(broken_off)
        events.extend(mapper.close_message())
        await conversations.insert_answer(
            session, run, mapper.message_id, mapper.text, partial=partial
        )
        mapper.message_stored()
    if void:
        ids = [UUID(message_id) for message_id in chain.progress.rounds[-1].message_ids]
        await conversations.mark_partial(session, ids, INTERRUPTED)
    return events


def _told(records: list[ToolCallRecord]) -> list[Part]:
    """Return the parts of calls that were carried out before they were told."""
    parts: list[Part] = []
    for record in records:
        written = orjson.dumps(record.arguments).decode()
        parts.append(ToolCallStartPart(record.call_id, record.name))
        parts.append(ToolCallArgsPart(record.call_id, written))
        parts.append(ToolCallEndPart(record.call_id))
        if record.result is not None:
            parts.append(ToolResultPart(record.call_id, record.result))
    return parts


def _results(progress: Progress, records: Sequence[ToolCallRecord]) -> list[Part]:
    """Return the parts of what came of the last round's calls, and the ends of cut ones."""
    known = {record.call_id: record.result for record in records}
    written = {record.call_id: orjson.dumps(record.arguments).decode() for record in records}
    parts: list[Part] = []
    for call in progress.unanswered:
        result = known.get(call.call_id)
        if result is None and not call.is_asked:
            result = NOT_CARRIED_OUT
        if not call.is_asked and not call.arguments and call.call_id in written:
            parts.append(ToolCallArgsPart(call.call_id, written[call.call_id]))
        if not call.is_asked:
            parts.append(ToolCallEndPart(call.call_id))
        if result is not None:
            parts.append(ToolResultPart(call.call_id, result))
    return parts


async def read_opening_state(session: Session, run: Run, access: Access, now: datetime) -> Event:
    """Read what a front end shows around the conversation as its answer begins."""
    conversation = await conversations.get_conversation(session, access, run.conversation_id)
    account = await find_integration(session, access)
    synced_at = None if account is None else account.last_synced_at
    return opening_state(conversation.title, synced_at, now)


def opening_state(title: str | None, synced_at: datetime | None, now: datetime) -> Event:
    """Return what a front end shows around the conversation as its answer begins."""
    as_of = synced_at.isoformat() if synced_at else None
    return state_snapshot(title=title, as_of=as_of, stale=is_stale(synced_at, now))
