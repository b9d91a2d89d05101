"""What travels through the graph during one run."""

from __future__ import annotations

from typing import Annotated, TypedDict

from langchain_core.messages import BaseMessage
from langgraph.graph.message import add_messages


class RunGraphState(TypedDict):
    """The messages that the model sees, how often it was asked, whether the planner took over.

    `resumed` is what an earlier attempt, or the run before an approval, has come to; `answered`
    holds the results of those calls of its last round that have theirs, by call.
    """

    resumed: list[BaseMessage]
    answered: dict[str, str]
    messages: Annotated[list[BaseMessage], add_messages]
    rounds: int
    fell_back: bool
