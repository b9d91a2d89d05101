"""What the agent can do."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from agent.capabilities import capabilities
from api.deps import State, UserId

router = APIRouter(prefix="/v1", tags=["runs"])


@router.get("/agent/capabilities")
async def get_capabilities(state: State, user_id: UserId) -> dict[str, Any]:  # noqa: ARG001
    """Describe the agent to a front end: its tools, what it streams, how it is resumed."""
    return capabilities(state.agent.model)
