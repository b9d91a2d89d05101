"""The block of facts in the last system message that the planner works from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from domain.errors import ConfigurationError

_LINE = re.compile(r"^[ \t>*-]*(today|role):[ \t]*(\S+)[ \t]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class PlannerContext:
    """The business's own date of today, and the caller's role ("" if it was not told)."""

    today: date
    role: str


def read_context(system_texts: Sequence[str]) -> PlannerContext:
    """Read `today: YYYY-MM-DD` and `role: owner` from the last text that has such a line.

    Raises:
        ConfigurationError: no text tells today's date.
    """
    facts: dict[str, str] = {}
    for text in system_texts:
        # The first line of a kind counts: names of businesses may be quoted further down.
        found = {match[1]: match[2] for match in reversed(list(_LINE.finditer(text)))}
        facts = found or facts
    try:
        today = date.fromisoformat(facts["today"])
    except (KeyError, ValueError):
        message = (
            "The built-in planner needs today's date: put a line such as 'today: 2026-11-22' into "
            "the last system message."
        )
        raise ConfigurationError(message) from None
    return PlannerContext(today, facts.get("role", "").lower())
