"""Runs: start or attach, follow, read, cancel."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from ag_ui.core import RunAgentInput
from fastapi import APIRouter, Header, Query
from pydantic import BaseModel
from sse_starlette import EventSourceResponse

from agent import runs
from agent.asking import open_at_once
from agent.event_log import follow_opened, follow_pages, require_events
from api.deps import RunAccess, State, UserId
from api.schemas.runs import read_props, read_request
from api.sse import stream
from db.models import Run
from db.session import Session
from domain.access import Access
from domain.errors import InvalidInputError, NotFoundError
from services import businesses, conversations, model_usage

router = APIRouter(prefix="/v1", tags=["runs"])
# The largest number that the log's column holds.
MAX_POSITION = 2**31 - 1
_POSITION = re.compile(r"[0-9]{1,10}")
EVENT_STREAM: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {}}, "description": "AG-UI events."}
}


class RunView(BaseModel):
    """Where a run stands."""

    id: str
    conversation_id: UUID
    state: str
    model: str | None
    prompt_version: str | None
    usage: dict[str, Any] | None
    error_code: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@router.post("/runs", responses=EVENT_STREAM, response_class=EventSourceResponse)
async def start_run(state: State, user_id: UserId, body: RunAgentInput) -> EventSourceResponse:
    """Answer the last user message, or attach to the run of the same id; streams its events."""
    props = read_props(body)
    request = read_request(body, props)
    opening = await open_at_once(state.agent, user_id, props.business_id, request)
    if opening is None:
        access = await _access(state, user_id, props.business_id, request.conversation_id)
        opening = await runs.open_run(state.agent, access, request)
    if opening is not None:
        state.metrics.runs_asked.inc()
        events = follow_opened(state.database, state.agent.notifications, opening)
        return stream(events, state.metrics)
    await require_events(state.database, access, request.client_run_id, after=0)
    return _follow(state, access, request.client_run_id, 0)


async def _access(
    state: State, user_id: UUID, business_id: UUID | None, conversation_id: UUID
) -> Access:
    async with state.database.unit_of_work() as session:
        business_id = business_id or await conversations.find_business_id(
            session, user_id, conversation_id
        )
        if business_id is None:
            return await _access_to_only_business(session, user_id)
        return await businesses.access_for(session, user_id, business_id)


async def _access_to_only_business(session: Session, user_id: UUID) -> Access:
    mine = await businesses.list_for_user(session, user_id)
    if not mine:
        raise NotFoundError("You are a member of no business. Create one first.")
    if len(mine) > 1:
        raise InvalidInputError("Say which business: forwardedProps.businessId.")
    return Access(user_id, mine[0].id, mine[0].role)


def _follow(state: State, access: Access, run_id: str, after: int) -> EventSourceResponse:
    database, notifications = state.database, state.agent.notifications
    events = follow_pages(database, notifications, access, run_id, after=after)
    return stream(events, state.metrics)


@router.get("/runs/{run_id}", response_model_exclude_none=True)
async def get_run(state: State, access: RunAccess, run_id: str) -> RunView:
    """Read where a run stands, and what it has used."""
    run = await runs.state_of(state.agent, access, run_id)
    async with state.database.unit_of_work() as session:
        return _view(run, await model_usage.of_run(session, access, run))


def _view(run: Run, usage: dict[str, Any] | None) -> RunView:
    return RunView(
        id=run.client_run_id,
        conversation_id=run.conversation_id,
        state=run.state,
        model=run.model,
        prompt_version=run.prompt_version,
        usage=usage,
        error_code=run.error_code,
        created_at=run.created_at,
        started_at=run.started_at,
        finished_at=run.finished_at,
    )


@router.get("/runs/{run_id}/events", responses=EVENT_STREAM, response_class=EventSourceResponse)
async def follow_run(
    state: State,
    access: RunAccess,
    run_id: str,
    after: Annotated[int, Query(ge=0, le=MAX_POSITION)] = 0,
    last_event_id: Annotated[str | None, Header()] = None,
) -> EventSourceResponse:
    """Replay the run's events behind `after` or `Last-Event-ID`, then follow it."""
    position = _position(after, last_event_id)
    await require_events(state.database, access, run_id, after=position)
    return _follow(state, access, run_id, position)


def _position(after: int, last_event_id: str | None) -> int:
    """Return the later one: a browser reconnects to the address that it used at first."""
    if not last_event_id:
        return after
    if not _POSITION.fullmatch(last_event_id) or int(last_event_id) > MAX_POSITION:
        raise InvalidInputError("Last-Event-ID must be the number of an event.")
    return max(after, int(last_event_id))


@router.post("/runs/{run_id}/cancel", status_code=202)
async def cancel_run(state: State, access: RunAccess, run_id: str) -> dict[str, str]:
    """Ask a run to stop; what it has said so far is kept."""
    return {"id": run_id, "state": (await runs.cancel(state.agent, access, run_id)).value}
