"""What is left of a question when all that was recognised is struck out.

A filter that figures cannot be narrowed to ("revenue from the Berlin store") must be told, and a
message that is mostly something else must not be answered with a figure that it happens to name.
"""

from __future__ import annotations

import re

from agent.planner.wording import BLANK, words_of

# Words that change nothing about which figure is meant.
_FILLERS = frozenset(
    words_of(
        """
        about across actual actually again against all also altogether amount amounts and another
        any anything approximately are around asap ask available average because been being better
        between big bigger boss break bring broken brought business but calculate can chart check
        cheers collect collected come company compare compared comparison complete compute could
        count curious currently data day days dear did difference display does doing done down
        during each earlier earn earned else end ended ending ends every exact exactly far fewer
        figure figures find first for from full fully gave generally get gimme give given gives
        going gone good got graph had happen happened has have having hear hello help hey high
        higher hiya hmm how info information interested into its itself just kind kindly know last
        lately learn less let like list little look looked looking looks lot low lower made make
        mean might mine money month monthly months more much must need new now number numbers
        obtain okay one only onto open our ours out over overall overview part per period please
        plot pls possible present print provide pull put quarter quarterly question quick quickly
        quite rather read really receive received recent recently regarding remind report result
        results right rough roughly same say see sell set shall share shop should show shows
        simply since smaller sold some something sort split state stats still store stripe such
        sum table take tell terms than thank thanks that the their them then there these thing
        things think this those through thx time today together too took total totals try trying
        turn under until update updates using value values vaultra versus very view want wanted
        was well were what whats when where which while who whole will wish with within wonder
        wondering worse would year yearly years yes yet you your
        """
    )
)
_WORD = re.compile(r"[^\W\d_][\w'-]*")
_NARROWING = re.compile(
    rf"\b(?:by|per|from|at|in|on|with|without|excluding|except|via|only|among|for|of)"
    rf" (?:(?:the|my|our|a|an|all|each|every) )?(?P<words>[^\W\d_][^{BLANK}.,;:?!()]*)"
)
_MOST_WORDS_NAMED = 4


def unknown_words(rest: str) -> tuple[str, ...]:
    """Return the words of the remaining text that could change what is meant."""
    return tuple(
        word for word in _WORD.findall(rest) if len(word) > 2 and word.strip("'-") not in _FILLERS
    )


def significant_words(title: str) -> tuple[str, ...]:
    """Return the words of a title that tell it from others."""
    return unknown_words(title.lower())


def narrowings(rest: str) -> tuple[str, ...]:
    """Return expressions that narrow a figure in a way that nothing recognised: "berlin store"."""
    return tuple(
        _without_loose_end(match["words"].split()[:_MOST_WORDS_NAMED])
        for match in _NARROWING.finditer(rest)
        if unknown_words(match["words"])
    )


def _without_loose_end(words: list[str]) -> str:
    while len(words) > 1 and len(words[-1]) < 5 and not unknown_words(words[-1]):
        words = words[:-1]
    return " ".join(words)


def is_mostly_unknown(rest: str, *, recognised: int, strict: bool = False) -> bool:
    """Tell whether more unknown words are left than were recognised, narrowings apart.

    People introduce their questions, so the clearest of the clauses in which something was
    recognised decides; with `strict` (for requests that change something) all of the text does.
    """
    if strict:
        return len(unknown_words(_NARROWING.sub(" ", rest))) > recognised
    clauses = (part for part in re.split(r"[.,?!;]", rest) if BLANK in part)
    unknown = (len(unknown_words(_NARROWING.sub(" ", part))) for part in clauses)
    return min(unknown, default=0) > recognised
