"""What waits for a person's word, and what a business lets the agent do without it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from agent import approvals, interrupts
from api.deps import BusinessAccess, ConversationAccess, DbSession

router = APIRouter(prefix="/v1", tags=["runs"])


class OpenInterrupts(BaseModel):
    """What a conversation waits for; answered by `resume` of the next run."""

    items: list[dict[str, Any]]


class AgentSettings(BaseModel):
    """How a business wants its agent."""

    without_approval: list[str] = Field(max_length=50)


@router.get("/conversations/{conversation_id}/interrupts")
async def list_interrupts(
    session: DbSession, access: ConversationAccess, conversation_id: UUID
) -> OpenInterrupts:
    """List the open interrupts of a conversation, as its run told them; none is the usual case."""
    found = await interrupts.list_interrupts(session, access, conversation_id)
    return OpenInterrupts(items=found)


@router.get("/businesses/{business_id}/agent-settings")
async def get_settings(session: DbSession, access: BusinessAccess) -> AgentSettings:
    """Read how the business wants its agent."""
    tools = await approvals.tools_without_approval(session, access)
    return AgentSettings(without_approval=tools)


@router.put("/businesses/{business_id}/agent-settings")
async def put_settings(
    session: DbSession, access: BusinessAccess, wanted: AgentSettings
) -> AgentSettings:
    """Say which tools the agent may use without asking. Needs owner or admin."""
    tools = await approvals.let_without_approval(session, access, wanted.without_approval)
    return AgentSettings(without_approval=tools)
