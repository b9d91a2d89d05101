"""Tools over the readiness score."""

from __future__ import annotations

from typing import Any

from langgraph.prebuilt import ToolRuntime

from agent.context import AgentContext, Session
from agent.tools.base import agent_tool
from domain.access import Access, Permission
from services import readiness


@agent_tool
async def get_readiness(runtime: ToolRuntime[AgentContext, Any]) -> str:
    """Read the current readiness score (0-100), its tier, confidence and what binds it."""

    async def work(session: Session, access: Access) -> object:
        return await readiness.current(session, access, now=runtime.context.clock())

    return await runtime.context.perform(runtime, Permission.READ, work)


@agent_tool
async def explain_readiness(runtime: ToolRuntime[AgentContext, Any]) -> str:
    """Explain the current score: each component's value, points won and lost, caps, sources."""

    async def work(session: Session, access: Access) -> object:
        return await readiness.explain_current(session, access, now=runtime.context.clock())

    return await runtime.context.perform(runtime, Permission.READ, work)


@agent_tool
async def recompute_readiness(runtime: ToolRuntime[AgentContext, Any]) -> str:
    """Compute the score again from the stored snapshots, and store it."""

    async def work(session: Session, access: Access) -> object:
        return await readiness.recompute(
            session, access, now=runtime.context.clock(), rates=runtime.context.rates
        )

    return await runtime.context.perform(runtime, Permission.RECOMPUTE, work)
