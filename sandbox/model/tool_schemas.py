"""What OpenAI demands of the tools in a request."""

from __future__ import annotations

import re
from typing import Any

from sandbox.model.refusal import RefusedError

_NAME = re.compile(r"^[a-zA-Z0-9_-]{1,64}$")
_MOST_TOOLS = 128


def check_tools(body: dict[str, Any]) -> None:
    """Refuse tools that OpenAI would refuse, and tool settings without tools."""
    if "tools" not in body:
        _check_no_tool_settings(body)
        return
    tools = body["tools"]
    if not isinstance(tools, list) or not 1 <= len(tools) <= _MOST_TOOLS:
        message = f"Invalid 'tools': expected an array of 1 to {_MOST_TOOLS} tools."
        raise RefusedError(message, param="tools", code="invalid_value")
    for index, tool in enumerate(tools):
        _check_tool(tool, f"tools[{index}]")


def _check_no_tool_settings(body: dict[str, Any]) -> None:
    for name in ("tool_choice", "parallel_tool_calls"):
        if name in body:
            message = f"Invalid value for '{name}': only allowed when 'tools' are specified."
            raise RefusedError(message, param=name)


def _check_tool(tool: Any, place: str) -> None:
    if not isinstance(tool, dict) or tool.get("type") != "function":
        message = f"Invalid value for '{place}.type': expected 'function'."
        raise RefusedError(message, param=f"{place}.type", code="invalid_value")
    function = tool.get("function")
    if not isinstance(function, dict):
        message = f"Missing required parameter: '{place}.function'."
        raise RefusedError(message, param=f"{place}.function", code="missing_required_parameter")
    _check_name(function.get("name"), f"{place}.function.name")
    if "parameters" in function:
        _check_parameters(function, f"{place}.function.parameters")


def _check_name(name: Any, param: str) -> None:
    if not isinstance(name, str) or not _NAME.match(name):
        message = f"Invalid '{param}': expected a string that matches '{_NAME.pattern}'."
        raise RefusedError(message, param=param, code="invalid_value")


def _check_parameters(function: dict[str, Any], param: str) -> None:
    schema = function["parameters"]
    kind = schema.get("type") if isinstance(schema, dict) else None
    fault = f"schema must be a JSON Schema of 'type: \"object\"', got 'type: {kind!r}'."
    if kind == "object":
        fault = _fault(schema, strict=function.get("strict") is True, context=())
    if fault:
        message = f"Invalid schema for function '{function['name']}': {fault}"
        raise RefusedError(message, param=param, code="invalid_function_parameters")


def _fault(schema: Any, *, strict: bool, context: tuple[str, ...]) -> str:
    """Return the first fault found in a schema or below it; empty if there is none."""
    if not isinstance(schema, dict):
        return f"In context={context}, schema must be an object."
    own = _object_fault(schema, strict=strict) if schema.get("type") == "object" else ""
    if schema.get("type") == "array" and "items" not in schema:
        own = "array schema missing items."
    if own:
        return f"In context={context}, {own}"
    parts = (_fault(part, strict=strict, context=(*context, *at)) for at, part in _parts(schema))
    return next(filter(None, parts), "")


def _object_fault(schema: dict[str, Any], *, strict: bool) -> str:
    if not isinstance(schema.get("properties"), dict):
        return "object schema missing properties."
    if strict and schema.get("additionalProperties") is not False:
        return "'additionalProperties' is required to be supplied and to be false."
    missing = sorted(set(schema["properties"]) - set(schema.get("required", ())))
    if strict and missing:
        return f"'required' must include every key in properties. Missing '{missing[0]}'."
    return ""


def _parts(schema: dict[str, Any]) -> list[tuple[tuple[str, ...], Any]]:
    named = [
        ((word, name), part)
        for word in ("properties", "$defs")
        for name, part in schema.get(word, {}).items()
    ]
    choices = [(("anyOf", str(place)), part) for place, part in enumerate(schema.get("anyOf", ()))]
    items = [(("items",), schema["items"])] if "items" in schema else []
    return [*named, *choices, *items]
