"""The peer: the same turn as people write it today, from the libraries' own tutorials.

LangGraph with ChatOpenAI and a ToolNode, FastAPI with sse-starlette, and LangGraph's PostgreSQL
checkpointer for the conversation. Each token is an event. Unlike Vaultra, it keeps no log of
events, so a stream that breaks cannot be resumed, and a run ends with its request; nobody has to
sign in, and there are no tenants.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI
from langchain_core.messages import AIMessageChunk, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool
from pydantic import BaseModel
from sse_starlette import EventSourceResponse

# What AsyncPostgresSaver asks of its connections.
CONNECTION = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}


class Message(BaseModel):
    """A message as the client sends it."""

    role: str
    content: str


class Question(BaseModel):
    """The body of a request."""

    threadId: str  # noqa: N815 - the name on the wire
    messages: list[Message]


@tool
def calculate(expression: str) -> str:
    """Calculate a product, such as 2 * 21."""
    first, second = expression.split("*")
    return json.dumps({"result": str(int(first) * int(second))})


def build_graph(model_url: str, checkpointer: BaseCheckpointSaver[Any]) -> CompiledStateGraph[Any]:
    """Return the graph: the model and its tools in turn."""
    model = ChatOpenAI(model="scripted", base_url=model_url, api_key="sk-test", streaming=True)
    asked = model.bind_tools([calculate])

    async def call_model(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await asked.ainvoke(state["messages"])]}

    return (
        StateGraph(MessagesState)
        .add_node("model", call_model)
        .add_node("tools", ToolNode([calculate]))
        .add_edge(START, "model")
        .add_conditional_edges("model", tools_condition)
        .add_edge("tools", "model")
        .compile(checkpointer=checkpointer)
    )


async def events_of(graph: CompiledStateGraph[Any], asked: Question) -> AsyncIterator[Any]:
    """Yield the answer's events."""
    yield event("RUN_STARTED")
    messages = [(message.role, message.content) for message in asked.messages]
    stream = graph.astream(
        {"messages": messages},
        {"configurable": {"thread_id": asked.threadId}},
        stream_mode="messages",
    )
    async for message, _ in stream:
        if isinstance(message, ToolMessage):
            yield event("TOOL_CALL_RESULT", content=message.content)
        elif isinstance(message, AIMessageChunk) and message.text:
            yield event("TEXT_MESSAGE_CONTENT", messageId=message.id, delta=message.text)
    yield event("RUN_FINISHED")


def event(kind: str, **more: Any) -> dict[str, str]:
    """Return an event as sse-starlette takes it."""
    return {"data": json.dumps({"type": kind, **more})}


def create_app(model_url: str, database_url: str) -> FastAPI:
    """Return the server."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncConnectionPool(
            database_url, min_size=5, max_size=20, kwargs=CONNECTION, open=False
        ) as pool:
            checkpointer = AsyncPostgresSaver(pool)  # type: ignore[arg-type]
            await checkpointer.setup()
            app.state.graph = build_graph(model_url, checkpointer)
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/v1/runs")
    async def turn(asked: Question) -> EventSourceResponse:
        return EventSourceResponse(events_of(app.state.graph, asked))

    return app


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model-url", required=True)
    parser.add_argument("--database-url", required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    app = create_app(options.model_url, options.database_url)
    uvicorn.run(app, port=options.port, log_level="error")


if __name__ == "__main__":
    main()
