"""Tools about the business itself, and exact arithmetic."""

from __future__ import annotations

from typing import Annotated, Any

from langgraph.prebuilt import ToolRuntime
from pydantic import Field

from agent.context import AgentContext, Session
from agent.tools.base import agent_tool
from domain.access import Access, Permission
from services import arithmetic, businesses


@agent_tool
async def get_business_profile(runtime: ToolRuntime[AgentContext, Any]) -> str:
    """Read what is known about the business: name, industry, currency, time zone, history."""

    async def work(session: Session, access: Access) -> object:
        return await businesses.profile(session, access)

    return await runtime.context.perform(runtime, Permission.READ, work)


@agent_tool
async def calculate(
    expression: Annotated[str, Field(min_length=1, max_length=200)],
    runtime: ToolRuntime[AgentContext, Any],
) -> str:
    """Calculate exactly, in decimals, over figures that were already read.

    Args:
        expression: Numbers, + - * /, parentheses, min(), max(), round(x, digits).
    """

    async def work(_session: Session, _access: Access) -> object:
        return arithmetic.calculate(expression)

    return await runtime.context.perform(runtime, Permission.READ, work)
