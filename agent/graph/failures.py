"""What the model is told when a tool call fails.

Without postponed annotations: ToolNode reads from the handler's annotation which errors are its
to explain, and takes a postponed union for no error at all.
"""

from langgraph.prebuilt.tool_node import ToolInvocationError

from agent.context import explain_error
from domain.errors import VaultraError


def explain_tool_error(error: VaultraError | ToolInvocationError) -> str:
    """Return the sentence that the model sees; other errors are bugs and stop the run."""
    if isinstance(error, VaultraError):
        return explain_error(error)
    return f"Error: {error.message}"
