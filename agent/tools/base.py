"""Tools as LangChain has them, without what it finds out anew at each call.

It evaluates the annotations of the functions that it calls, and dumps the validated arguments with
the whole of the run's state among them: a third of what a tool call took.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast, get_type_hints

from langchain_core.tools import StructuredTool
from pydantic import BaseModel


class AgentTool(StructuredTool):
    """A tool whose function is a coroutine and whose arguments are a pydantic model's."""

    def _parse_input(
        self,
        tool_input: str | dict[str, Any],
        tool_call_id: str | None,  # noqa: ARG002 - for tools that take it as an argument
    ) -> dict[str, Any]:
        """Return the arguments, validated; raises ValidationError."""
        schema = cast("type[BaseModel]", self.args_schema)
        parsed = schema.model_validate(tool_input)
        return {name: getattr(parsed, name) for name in schema.model_fields}

    async def _arun(self, *args: Any, **kwargs: Any) -> Any:
        assert self.coroutine is not None
        return await self.coroutine(*args, **kwargs)


AgentTool._arun.__annotations__ = get_type_hints(AgentTool._arun)  # noqa: SLF001 - evaluated once


def agent_tool(function: Callable[..., Awaitable[str]]) -> AgentTool:
    """Make a tool of the function; its docstring tells the model what it and its arguments are."""
    tool = AgentTool.from_function(
        coroutine=function, parse_docstring=True, error_on_invalid_docstring=True
    )
    return cast("AgentTool", tool)
