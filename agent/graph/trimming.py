"""How much of a conversation a model is given: the latest whole turns, within a budget of tokens.

What is trimmed is a function of the turns alone, and trimming what is left trims nothing more: a
run that is repeated sees what it saw before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.graph.turns import Turn

# A tenth of the 128,000 tokens that models of today read at least, so that it fits beside the
# prompt, the tools and eight rounds of results of 5,000 tokens each; and what a person would
# scroll back for: some twenty turns that each read a year's figures.
BUDGET_TOKENS = 12_000
# A turn of a few words costs its reading too, and the query has to end somewhere.
MAX_TURNS = 40
# Trimming goes below what is allowed: providers bill less for a beginning that they know, and
# this way it stays the same for several turns.
KEPT_TOKENS = 9_000
KEPT_TURNS = 30


@dataclass(frozen=True)
class Trimmed:
    """The turns as a model is given them, and those (whole) that it no longer is."""

    kept: tuple[Turn, ...]
    dropped: tuple[Turn, ...]


def trim(turns: Sequence[Turn]) -> Trimmed:
    """Shorten long results of older turns, then drop the oldest turns, until the rest fits.

    The latest turn stays whole unless it is over the budget by itself.
    """
    if _fits(turns, BUDGET_TOKENS, MAX_TURNS):
        return Trimmed(tuple(turns), ())
    least = [*(turn.shortened() for turn in turns[:-1]), *turns[-1:]]
    first = 0
    if not _fits(least, BUDGET_TOKENS, MAX_TURNS):
        while first < len(turns) - 1 and not _fits(least[first:], KEPT_TOKENS, KEPT_TURNS):
            first += 1
    kept = _shortened_from_the_oldest(turns[first:], least[first:])
    if _tokens(kept) > BUDGET_TOKENS:
        # Only the latest turn is left.
        kept = [kept[0].shortened()]
    if _tokens(kept) > BUDGET_TOKENS:
        kept = []
    return Trimmed(tuple(kept), tuple(turns[: len(turns) - len(kept)]))


def _fits(turns: Sequence[Turn], tokens: int, number: int) -> bool:
    return len(turns) <= number and _tokens(turns) <= tokens


def _tokens(turns: Sequence[Turn]) -> int:
    return sum(turn.tokens for turn in turns)


def _shortened_from_the_oldest(whole: Sequence[Turn], least: Sequence[Turn]) -> list[Turn]:
    shortened = list(whole)
    for index, turn in enumerate(least[:-1]):
        if _tokens(shortened) <= BUDGET_TOKENS:
            break
        shortened[index] = turn
    return shortened
