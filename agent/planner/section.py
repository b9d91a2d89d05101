"""A part of an answer, and the line about the data's age that ends the whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from agent.planner.figures import moment_words


@dataclass(frozen=True, slots=True)
class Section:
    """Markdown that answers one intent, with the time that its data is from."""

    text: str
    as_of: datetime | None = None
    stale: bool = False


def answer_text(sections: Sequence[Section]) -> str:
    """Join the sections and say at the end, once, how old the data is."""
    parts = [section.text for section in sections]
    moments = {section.as_of for section in sections if section.as_of is not None}
    if moments:
        stale = any(section.stale for section in sections)
        words = " and ".join(sorted(map(moment_words, moments)))
        hint = " It is stale: sync Stripe for newer figures." if stale else ""
        parts.append(f"_Data as of {words}._{hint}")
    return "\n\n".join(parts)
