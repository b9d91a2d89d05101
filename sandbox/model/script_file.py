"""Scripts as YAML files, for the command line.

::

    models: [scripted-model]            # optional: any other name is then refused
    turns:
      - user: readiness                 # part of the last user message
        repeat: true                    # otherwise a turn answers once
        steps:
          - tool_calls:
              - get_readiness: {}
      - after_tool: get_readiness       # a tool's name, or "*"
        repeat: true
        usage: {prompt_tokens: 900, completion_tokens: 20}
        steps:
          - stall: 0.2
          - text: {text: "You are at {score} of 100.", chunk: 8, delay: 0.05}

A step is its kind alone (`garbage`), its kind with its first setting (`status: 429`), or its kind
with all its settings. The kinds are text, tool_calls, stall, status, not_json, garbage, disconnect
and no_finish; their settings are the fields of the classes in `sandbox.model.script`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypedDict, TypeVar

import msgspec
import yaml

from sandbox.model.script import (
    Disconnect,
    Garbage,
    NoFinish,
    NotJson,
    Script,
    ScriptError,
    Stall,
    Status,
    Step,
    Text,
    ToolCalls,
    Turn,
    Usage,
)

_KINDS: Mapping[str, type[Step]] = {
    "text": Text,
    "tool_calls": ToolCalls,
    "stall": Stall,
    "status": Status,
    "not_json": NotJson,
    "garbage": Garbage,
    "disconnect": Disconnect,
    "no_finish": NoFinish,
}


T = TypeVar("T")


class _TurnSettings(TypedDict, total=False):
    user: str
    after_tool: str
    repeat: bool
    usage: Usage


def load_script(path: Path) -> Script:
    """Read a script; raise ScriptError, naming the turn and the step, if it cannot be played."""
    try:
        # to_builtins turns YAML's dates into ISO strings: tool arguments are JSON.
        content = msgspec.to_builtins(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ScriptError(f"{path} cannot be read: {error}") from error
    settings = _settings(content, Script, str(path))
    turns = _list(settings.pop("turns", None), "turns")
    read = [_turn(turn, f"turns[{index}]") for index, turn in enumerate(turns)]
    return Script(turns=read, models=_convert(settings.get("models", []), list[str]))


def _turn(content: Any, place: str) -> Turn:
    settings = _settings(content, Turn, place)
    steps = _list(settings.pop("steps", None), f"{place}.steps")
    read = [_step(step, f"{place}.steps[{index}]") for index, step in enumerate(steps)]
    try:
        return Turn(read, **_convert(settings, _TurnSettings))
    except ScriptError as error:
        raise ScriptError(f"{place}: {error}") from error


def _step(content: Any, place: str) -> Step:
    named = {content: {}} if isinstance(content, str) else content
    if not isinstance(named, dict) or len(named) != 1 or next(iter(named)) not in _KINDS:
        raise ScriptError(f"{place}: write one kind of step, of {', '.join(_KINDS)}.")
    [(name, value)] = named.items()
    kind = _KINDS[name]
    settings = _settings(_by_name(value, kind), kind, place)
    if kind is ToolCalls:
        settings["calls"] = _calls(settings.get("calls"), place)
    try:
        return _convert(settings, kind)
    except ScriptError as error:
        raise ScriptError(f"{place}: {error}") from error


def _by_name(value: Any, kind: type[Step]) -> Any:
    if isinstance(value, dict):
        return value
    first = [] if value is None else [field.name for field in fields(kind)][:1]
    return dict.fromkeys(first, value)


def _calls(content: Any, place: str) -> list[tuple[str, dict[str, Any]]]:
    calls = _list(content, place)
    if not all(isinstance(call, dict) and len(call) == 1 for call in calls):
        raise ScriptError(f"{place}: write each call as `- name: {{argument: value}}`.")
    return [(name, arguments or {}) for call in calls for name, arguments in call.items()]


def _convert(content: Any, kind: type[T]) -> T:
    try:
        return msgspec.convert(content, kind)
    except msgspec.ValidationError as error:
        raise ScriptError(str(error)) from error


def _settings(content: Any, kind: type, place: str) -> dict[str, Any]:
    names = [field.name for field in fields(kind)]
    if not isinstance(content, dict) or not set(content) <= set(names):
        raise ScriptError(f"{place}: settings are {', '.join(names) or 'none'}.")
    return dict(content)


def _list(content: Any, place: str) -> list[Any]:
    if not isinstance(content, list) or not content:
        raise ScriptError(f"{place}: write a list with at least one entry.")
    return content
