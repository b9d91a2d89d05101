"""The graph: load context, then model and tools in turn, until an answer in text or a question."""

from __future__ import annotations

from functools import cache

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.prebuilt import ToolNode

from agent.context import AgentContext
from agent.graph.calls import run_call
from agent.graph.failures import explain_tool_error
from agent.graph.nodes import (
    after_context,
    after_model,
    after_tools,
    call_model,
    load_context,
)
from agent.graph.state import RunGraphState
from agent.tools.catalogue import CATALOGUE

AgentGraph = CompiledStateGraph[RunGraphState, AgentContext, RunGraphState, RunGraphState]


@cache
def build_graph() -> AgentGraph:
    """Return the compiled graph; it holds no state of its own."""
    tools = ToolNode(
        [tool for tool, _ in CATALOGUE],
        handle_tool_errors=explain_tool_error,
        awrap_tool_call=run_call,
    )
    return (
        StateGraph(RunGraphState, context_schema=AgentContext)
        .add_node("load_context", load_context)
        .add_node("model", call_model)
        .add_node("tools", tools)
        .add_edge(START, "load_context")
        .add_conditional_edges("load_context", after_context)
        .add_conditional_edges("model", after_model, {"tools": "tools", "__end__": END})
        .add_conditional_edges("tools", after_tools, {"model": "model", "__end__": END})
        .compile()
    )
