"""How an answer comes about step by step: calls go out, their answers come back."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

from agent.planner.section import Section
from agent.planner.transcript import Call, ToolAnswer

EndT = TypeVar("EndT")

# Yields the calls it needs the answers of, receives these answers, returns what it is for.
Asking = Generator[tuple[Call, ...], tuple[ToolAnswer, ...], EndT]
Steps = Asking[Section]
CALCULATOR = "calculate"
