"""Tools over the Stripe sync."""

from __future__ import annotations

from typing import Any

from langgraph.prebuilt import ToolRuntime

from agent.context import AgentContext, Session
from agent.tools.base import agent_tool
from domain.access import Access, Permission
from services import syncs


@agent_tool
async def trigger_stripe_sync(runtime: ToolRuntime[AgentContext, Any]) -> str:
    """Start fetching what is new from Stripe; a sync that is already running is joined."""

    async def work(session: Session, access: Access) -> object:
        return await syncs.request_sync(session, access, now=runtime.context.clock())

    return await runtime.context.perform(runtime, Permission.SYNC, work)


@agent_tool
async def get_sync_status(runtime: ToolRuntime[AgentContext, Any]) -> str:
    """Read how fresh the data is and how far a running sync has got."""

    async def work(session: Session, access: Access) -> object:
        return await syncs.sync_status(session, access, now=runtime.context.clock())

    return await runtime.context.perform(runtime, Permission.READ, work)
