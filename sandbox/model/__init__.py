"""A scripted model behind a real socket: what an OpenAI-compatible provider says, told beforehand.

A client cannot tell it from a provider: only the base URL changes. A script decides each answer,
and each fault that a provider can have::

    script = Script([
        Turn([ToolCalls([("get_readiness", {})])], user="readiness"),
        Turn([Text("You are at {score} of 100.")], after_tool="get_readiness"),
    ])
    async with serve(script) as model:
        ...  # model.url is the base URL, model.requests what the model was sent
"""

from sandbox.model.script import (
    Disconnect,
    Garbage,
    Gate,
    NoFinish,
    NotJson,
    Script,
    Stall,
    Status,
    Step,
    Text,
    ToolCalls,
    Turn,
    Usage,
)
from sandbox.model.script_file import load_script
from sandbox.model.server import ScriptedModel, create_app, serve

__all__ = [
    "Disconnect",
    "Garbage",
    "Gate",
    "NoFinish",
    "NotJson",
    "Script",
    "ScriptedModel",
    "Stall",
    "Status",
    "Step",
    "Text",
    "ToolCalls",
    "Turn",
    "Usage",
    "create_app",
    "load_script",
    "serve",
]
