"""Approvals as AG-UI's interrupts."""

from __future__ import annotations

from functools import cache
from typing import Any
from uuid import UUID

from ag_ui.core import Interrupt
from langchain_core.utils.function_calling import convert_to_openai_tool

from agent.tools.catalogue import TOOLS
from db.models import Approval
from db.repositories import approvals as stored
from db.repositories import conversations
from db.session import Session
from domain.access import Access


def interrupt_of(approval: Approval) -> Interrupt:
    """Return the approval as AG-UI asks for it."""
    return Interrupt(
        id=str(approval.id),
        reason="tool_call",
        message=approval.message,
        tool_call_id=approval.call_id,
        response_schema=_response_schema(approval.tool),
        expires_at=approval.expires_at.isoformat(),
        metadata={
            "tool": approval.tool,
            "arguments": approval.arguments,
            "argumentsHash": approval.arguments_hash,
        },
    )


@cache
def _response_schema(tool: str) -> dict[str, Any]:
    """Return the JSON Schema of an answer: yes or no, and perhaps other arguments as a whole."""
    parameters = convert_to_openai_tool(TOOLS[tool])["function"]["parameters"]
    return {
        "type": "object",
        "properties": {
            "approved": {"type": "boolean"},
            "editedArgs": {**parameters, "description": "All of the arguments, in place of these."},
        },
        "required": ["approved"],
    }


async def list_interrupts(
    session: Session, access: Access, conversation_id: UUID
) -> list[dict[str, Any]]:
    """Return what the caller's conversation waits for, as `RUN_FINISHED` told it, by AG-UI."""
    await conversations.get_conversation(session, access, conversation_id)
    waiting = await stored.list_open(session, access, conversation_id)
    return [
        {"runId": run_id, **interrupt_of(one).model_dump(by_alias=True)} for run_id, one in waiting
    ]
