"""The objects of OpenAI's chat-completions protocol, as JSON-ready dictionaries and bytes."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sandbox.model.plan import Action, Chunk
from sandbox.model.script import Usage

DONE = b"data: [DONE]\n\n"
COMMENT = b": still thinking\n\n"
# OpenAI's rule of thumb for English text: help.openai.com, "What are tokens and how to count them".
_CHARACTERS_A_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Envelope:
    """What all chunks of one answer share; `created` is Unix time in seconds."""

    model: str
    include_usage: bool
    id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(14)}")
    created: int = field(default_factory=lambda: int(time.time()))

    def frame(self, chunk: Chunk) -> bytes:
        """Return the data line of one chunk."""
        choice = {"index": 0, "delta": chunk.delta, "logprobs": None}
        choice["finish_reason"] = chunk.finish_reason
        usage = {"usage": None} if self.include_usage else {}
        return data_line(json.dumps({**self._head("chunk"), "choices": [choice], **usage}))

    def usage_frame(self, usage: Usage) -> bytes:
        """Return the data line that carries the usage and no choice."""
        content = {**self._head("chunk"), "choices": [], "usage": usage_body(usage)}
        return data_line(json.dumps(content))

    def completion(self, actions: Iterable[Action], usage: Usage) -> dict[str, Any]:
        """Return the whole answer at once, for a request without streaming."""
        chunks = [action for action in actions if isinstance(action, Chunk)]
        choice = {"index": 0, "message": _message(chunks), "logprobs": None}
        choice["finish_reason"] = chunks[-1].finish_reason
        return {**self._head(""), "choices": [choice], "usage": usage_body(usage)}

    def _head(self, kind: str) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": ".".join(filter(None, ("chat.completion", kind))),
            "created": self.created,
            "model": self.model,
            "service_tier": "default",
            "system_fingerprint": None,
        }


def data_line(content: str) -> bytes:
    """Return an event of the stream; OpenAI ends lines with LF."""
    return f"data: {content}\n\n".encode()


def estimated_usage(body: dict[str, Any], actions: Iterable[Action]) -> Usage:
    """Estimate the tokens of a request and its answer from their length."""
    asked = json.dumps([body["messages"], body.get("tools", [])])
    said = "".join(json.dumps(act.delta) for act in actions if isinstance(act, Chunk))
    return Usage(
        prompt_tokens=-(-len(asked) // _CHARACTERS_A_TOKEN),
        completion_tokens=-(-len(said) // _CHARACTERS_A_TOKEN),
    )


def usage_body(usage: Usage) -> dict[str, Any]:
    """Return OpenAI's usage object."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def model_list(names: Iterable[str]) -> dict[str, Any]:
    """Return the body of GET /v1/models."""
    data = [{"id": name, "object": "model", "created": 0, "owned_by": "script"} for name in names]
    return {"object": "list", "data": data}


def _message(chunks: Iterable[Chunk]) -> dict[str, Any]:
    said: list[str] = []
    calls: list[dict[str, Any]] = []
    for chunk in chunks:
        said.append(chunk.delta.get("content") or "")
        for part in chunk.delta.get("tool_calls", ()):
            _add_call_part(calls, part)
    message = {"role": "assistant", "content": "".join(said) or (None if calls else "")}
    return {
        **message,
        "refusal": None,
        "annotations": [],
        **({"tool_calls": calls} if calls else {}),
    }


def _add_call_part(calls: list[dict[str, Any]], part: dict[str, Any]) -> None:
    if "id" in part:
        calls.append({"id": part["id"], "type": "function", "function": {**part["function"]}})
    else:
        calls[part["index"]]["function"]["arguments"] += part["function"]["arguments"]
