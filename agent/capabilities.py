"""What the agent tells a front end about itself."""

from __future__ import annotations

from typing import Any

from ag_ui.core import (
    AgentCapabilities,
    HumanInTheLoopCapabilities,
    IdentityCapabilities,
    Tool,
    ToolsCapabilities,
    TransportCapabilities,
)
from langchain_core.language_models import BaseChatModel
from langchain_core.utils.function_calling import convert_to_openai_tool

from agent.model import name_of
from agent.prompts import prompt_version
from agent.tools.catalogue import CATALOGUE


def capabilities(model: BaseChatModel) -> dict[str, Any]:
    """Return the AG-UI capabilities as JSON; absent ones are left out."""
    functions = [convert_to_openai_tool(tool)["function"] for tool, _ in CATALOGUE]
    described = AgentCapabilities(
        identity=IdentityCapabilities(
            name="Vaultra",
            type="langgraph",
            description="Tells a small business how ready it is for funding.",
            metadata={"model": name_of(model), "promptVersion": prompt_version()},
        ),
        transport=TransportCapabilities(streaming=True, resumable=True),
        tools=ToolsCapabilities(
            supported=True,
            items=[Tool(**function) for function in functions],
            parallel_calls=True,
            client_provided=False,
        ),
        human_in_the_loop=HumanInTheLoopCapabilities(
            supported=True, approvals=True, approve_with_edits=True, interrupts=True
        ),
    )
    return described.model_dump(by_alias=True)
