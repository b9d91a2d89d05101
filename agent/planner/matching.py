"""Which of the stored recommendations a person means."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agent.planner.intents import Reference
from agent.planner.results import Recommendation
from agent.planner.wording import normalise

_WORD = re.compile(r"[^\W_][\w'-]{2,}")
# So many first letters make "refunds" and "refunded" the same word.
_STEM = 5


def find_meant(reference: Reference, candidates: Sequence[Recommendation]) -> Recommendation | None:
    """Return the one recommendation that is meant, or None if that is not beyond doubt.

    Words must match the title, at least half of them, and no other title as well.
    """
    if reference.several or not candidates:
        return None
    if reference.identifier is not None:
        return _only([c for c in candidates if c.id.lower().startswith(reference.identifier)])
    if reference.ordinal is not None:
        return _at(reference.ordinal, candidates)
    if not reference.words:
        return _only(candidates)
    return _by_words(reference.words, candidates)


def _only(found: Sequence[Recommendation]) -> Recommendation | None:
    return found[0] if len(found) == 1 else None


def _at(ordinal: int, candidates: Sequence[Recommendation]) -> Recommendation | None:
    if ordinal == -1:
        return candidates[-1]
    return candidates[ordinal - 1] if 1 <= ordinal <= len(candidates) else None


def _by_words(words: Sequence[str], candidates: Sequence[Recommendation]) -> Recommendation | None:
    wanted = {word[:_STEM] for word in words}
    shared = [len(wanted & _stems(candidate.title)) for candidate in candidates]
    best = max(shared)
    if best * 2 < len(wanted) or shared.count(best) > 1:
        return None
    return candidates[shared.index(best)]


def _stems(title: str) -> set[str]:
    return {word[:_STEM] for word in _WORD.findall(normalise(title))}
