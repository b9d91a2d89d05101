"""What travels through the graph during one run."""

from __future__ import annotations

from typing import Annotated, TypedDict

from langchain_core.messages import BaseMessage
from langgraph.graph.message import add_messages


class RunGraphState(TypedDict):
    """The messages that the model sees, how often it was asked, whether the planner took over."""

    messages: Annotated[list[BaseMessage], add_messages]
    rounds: int
    fell_back: bool
