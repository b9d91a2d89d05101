"""Tools over the recommendations."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from langgraph.prebuilt import ToolRuntime
from pydantic import Field

from agent.context import AgentContext, Session
from agent.tools.base import agent_tool
from domain.access import Access, Permission
from domain.advice import Actor
from services import recommendations

Status = Literal["pending", "accepted", "dismissed"]
Priority = Literal["low", "medium", "high"]
Category = Literal["cash_flow", "risk", "revenue", "operations", "data"]


@agent_tool
async def list_recommendations(
    runtime: ToolRuntime[AgentContext, Any],
    status: Literal["pending", "accepted", "dismissed", "all"] = "pending",
) -> str:
    """List the recommendations, the most important first.

    Args:
        status: Which ones to list.
    """

    async def work(session: Session, access: Access) -> object:
        return await recommendations.list_recommendations(session, access, status=status)

    return await runtime.context.perform(runtime, Permission.READ, work)


@agent_tool
async def create_recommendation(
    title: Annotated[str, Field(min_length=3, max_length=255)],
    description: Annotated[str, Field(min_length=3, max_length=4000)],
    category: Category,
    runtime: ToolRuntime[AgentContext, Any],
    priority: Priority = "medium",
) -> str:
    """Create a recommendation, when the user asks for one to be noted.

    Args:
        title: What to do, in a few words.
        description: Why, and how.
        category: What it is about.
        priority: How important it is.
    """

    async def work(session: Session, access: Access) -> object:
        return await recommendations.create(
            session,
            access,
            title=title,
            description=description,
            category=category,
            priority=priority,
            actor=Actor.AGENT,
        )

    return await runtime.context.perform(runtime, Permission.WRITE_RECOMMENDATIONS, work)


@agent_tool
async def update_recommendation(
    recommendation_id: UUID,
    runtime: ToolRuntime[AgentContext, Any],
    status: Status | None = None,
    priority: Priority | None = None,
) -> str:
    """Accept, dismiss or reopen a recommendation, or change its priority.

    Args:
        recommendation_id: The id, as list_recommendations gives it.
        status: The new status, if it is to change.
        priority: The new priority, if it is to change.
    """

    async def work(session: Session, access: Access) -> object:
        return await recommendations.update(
            session,
            access,
            recommendation_id,
            status=status,
            priority=priority,
            actor=Actor.AGENT,
        )

    return await runtime.context.perform(runtime, Permission.WRITE_RECOMMENDATIONS, work)
