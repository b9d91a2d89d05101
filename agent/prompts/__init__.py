"""The system prompt: static text, byte-stable; what changes per run comes last, as context."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources


@cache
def system_prompt() -> str:
    """Return the static part of the prompt."""
    return resources.files(__package__).joinpath("system.md").read_text(encoding="utf-8")


@cache
def prompt_version() -> str:
    """Return the hash that is stored with each answer."""
    return hashlib.sha256(system_prompt().encode()).hexdigest()[:16]
