"""What OpenAI demands of a chat-completions request, as strictly as it does."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from sandbox.model.refusal import RefusedError
from sandbox.model.tool_schemas import check_tools

_ROLES = ("system", "developer", "user", "assistant", "tool")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_LONGEST_ID = 40


def check_request(body: dict[str, Any], models: Sequence[str]) -> None:
    """Raise RefusedError with OpenAI's words if the request is not in order."""
    model = _required(body, "model", str, "model")
    if models and model not in models:
        message = f"The model `{model}` does not exist or you do not have access to it."
        raise RefusedError(message, status=404, code="model_not_found")
    messages = _required(body, "messages", list, "messages")
    if not messages:
        message = "Invalid 'messages': expected an array with minimum length 1."
        raise RefusedError(message, param="messages", code="empty_array")
    for index, message in enumerate(messages):
        _check_message(message, f"messages[{index}]")
    _check_pairs(messages)
    check_tools(body)
    _check_stream(body)


def _required(holder: Any, name: str, kind: type, param: str) -> Any:
    value = holder.get(name) if isinstance(holder, dict) else None
    if value is None:
        message = f"Missing required parameter: '{param}'."
        raise RefusedError(message, param=param, code="missing_required_parameter")
    if not isinstance(value, kind):
        expected, got = kind.__name__, type(value).__name__
        message = f"Invalid type for '{param}': expected {expected}, but got {got} instead."
        raise RefusedError(message, param=param, code="invalid_type")
    return value


def _check_message(message: Any, place: str) -> None:
    role = _required(message, "role", str, f"{place}.role")
    if role not in _ROLES:
        text = f"Invalid value: '{role}'. Supported values are: {', '.join(map(repr, _ROLES))}."
        raise RefusedError(text, param=f"{place}.role", code="invalid_value")
    if role == "tool":
        _required(message, "tool_call_id", str, f"{place}.tool_call_id")
    if "tool_calls" in message:
        _check_calls(message, place)
        if message.get("content") is not None:
            _check_content(message["content"], f"{place}.content")
    elif role != "assistant" or not message.get("refusal"):
        _check_content(message.get("content"), f"{place}.content")


def _check_content(content: Any, param: str) -> None:
    if isinstance(content, str):
        return
    if not isinstance(content, list) or not content:
        got = "null" if content is None else type(content).__name__
        message = f"Invalid value for 'content': expected a string, got {got}."
        raise RefusedError(message, param=param, code="invalid_type")
    for index, part in enumerate(content):
        place = f"{param}[{index}]"
        _required(part, "type", str, f"{place}.type")
        if part["type"] == "text" and not _required(part, "text", str, f"{place}.text"):
            message = f"Invalid value for '{place}.text': text content must not be empty."
            raise RefusedError(message, param=f"{place}.text", code="invalid_value")


def _check_calls(message: dict[str, Any], place: str) -> None:
    calls = _required(message, "tool_calls", list, f"{place}.tool_calls")
    if message["role"] != "assistant" or not calls:
        text = f"Invalid '{place}.tool_calls': only assistant messages have them, and then some."
        raise RefusedError(text, param=f"{place}.tool_calls", code="invalid_value")
    for index, call in enumerate(calls):
        param = f"{place}.tool_calls[{index}]"
        _check_id(_required(call, "id", str, f"{param}.id"), f"{param}.id")
        _required(call, "type", str, f"{param}.type")
        function = _required(call, "function", dict, f"{param}.function")
        _check_name(_required(function, "name", str, f"{param}.function.name"), param)
        _required(function, "arguments", str, f"{param}.function.arguments")


def _check_id(call_id: str, param: str) -> None:
    if not 1 <= len(call_id) <= _LONGEST_ID:
        message = (
            f"Invalid '{param}': expected a string of 1 to {_LONGEST_ID} characters, "
            f"but got {len(call_id)}."
        )
        raise RefusedError(message, param=param, code="string_above_max_length")


def _check_name(name: str, param: str) -> None:
    if not _NAME.fullmatch(name):
        message = (
            f"Invalid '{param}.function.name': string does not match pattern. "
            f"Expected a string that matches the pattern '^{_NAME.pattern}$'."
        )
        raise RefusedError(message, param=f"{param}.function.name", code="invalid_value")


def _check_pairs(messages: Sequence[dict[str, Any]]) -> None:
    """Every call is answered by a tool message before anything else is said, and only calls are.

    An id is used once. OpenAI says so of one message's calls, others of all of a conversation's.
    """
    waiting: list[str] = []
    used: set[str] = set()
    for index, message in enumerate(messages):
        if message["role"] == "tool":
            _take_answer(waiting, message["tool_call_id"], f"messages.[{index}].role")
            continue
        _check_answered(waiting, f"messages.[{index}].role")
        waiting = []
        for call in message.get("tool_calls", ()):
            _check_unused(call["id"], used, f"messages.[{index}].tool_calls")
            waiting.append(call["id"])
    _check_answered(waiting, f"messages.[{len(messages) - 1}].role")


def _check_unused(call_id: str, used: set[str], param: str) -> None:
    if call_id in used:
        message = f"Duplicate value for 'tool_call_id' of '{call_id}' in {param}."
        raise RefusedError(message, param=param, code="invalid_value")
    used.add(call_id)


def _take_answer(waiting: list[str], call_id: str, param: str) -> None:
    if call_id not in waiting:
        # "preceeding" is how OpenAI spells it, and what people search their logs for.
        message = (
            "Invalid parameter: messages with role 'tool' must be a response to a preceeding "
            "message with 'tool_calls'."
        )
        raise RefusedError(message, param=param)
    waiting.remove(call_id)


def _check_answered(waiting: Sequence[str], param: str) -> None:
    if waiting:
        message = (
            "An assistant message with 'tool_calls' must be followed by tool messages responding "
            "to each 'tool_call_id'. The following tool_call_ids did not have response messages: "
            f"{', '.join(waiting)}"
        )
        raise RefusedError(message, param=param)


def _check_stream(body: dict[str, Any]) -> None:
    if body.get("stream_options") is not None and body.get("stream") is not True:
        message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise RefusedError(message, param="stream_options")
    if body.get("n") not in (None, 1):
        raise RefusedError("This server answers with one choice: leave 'n' at 1.", param="n")
