"""What travels through the graph during one run."""

from __future__ import annotations

from typing import Annotated, TypedDict

from langchain_core.messages import BaseMessage
from langgraph.graph.message import add_messages


class RunGraphState(TypedDict):
    """The messages that the model sees, and how often it was asked."""

    messages: Annotated[list[BaseMessage], add_messages]
    rounds: int
