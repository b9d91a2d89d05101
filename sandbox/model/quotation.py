"""Quoting the last tool result: `{totals[0].value}` in a script's text or arguments."""

from __future__ import annotations

import json
import re
from typing import Any

from sandbox.model.script import ScriptError

_PATH = r"(?:[A-Za-z_]\w*|\[\d+\])(?:\.[A-Za-z_]\w*|\[\d+\])*"
QUOTATION = re.compile(r"\{(" + _PATH + r")\}")
_STEP = re.compile(r"\w+")


def quote(text: str, result: str | None) -> str:
    """Replace each quotation by the value it names; raise ScriptError where there is none."""
    return QUOTATION.sub(lambda match: _shown(look_up(match[1], result)), text)


def quote_arguments(value: Any, result: str | None) -> Any:
    """Fill quotations throughout JSON-like arguments; a whole-string one keeps the value's type."""
    if isinstance(value, dict):
        return {key: quote_arguments(item, result) for key, item in value.items()}
    if isinstance(value, list):
        return [quote_arguments(item, result) for item in value]
    if not isinstance(value, str):
        return value
    whole = QUOTATION.fullmatch(value)
    return look_up(whole[1], result) if whole else quote(value, result)


def look_up(path: str, result: str | None) -> Any:
    """Return what stands at a path like `totals[0].value` of a JSON text."""
    try:
        found = json.loads(result or "")
        for step in _STEP.findall(path):
            found = found[int(step)] if step.isdigit() else found[step]
    except (ValueError, LookupError, TypeError) as error:
        raise ScriptError(f"The last tool result has nothing at {{{path}}} to quote.") from error
    return found


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
