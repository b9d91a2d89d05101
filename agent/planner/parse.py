"""From a person's words to what they ask for; no language model, and never a guess."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

from agent.planner.arithmetic import expression_in
from agent.planner.capabilities import RECOMPUTE_AFTER_SYNC, SAY_IT_PLAINLY
from agent.planner.creating import created
from agent.planner.hearing import listen
from agent.planner.intents import Ask, Calculation, Clarify, Intent, Talk, Unavailable
from agent.planner.memory import Memory
from agent.planner.questions import figure_questions
from agent.planner.residue import is_mostly_unknown
from agent.planner.small_talk import small_talk
from agent.planner.topics import Placed, find_requests
from agent.planner.unavailable import find_topics
from agent.planner.updating import updated
from agent.planner.wording import Scan, normalise, phrase

_MOST_INTENTS = 4
# A follow-up leans on something recent; older messages cannot change the answer.
_MESSAGES_REMEMBERED = 20
_LONGEST_MESSAGE = 2000

# Attempts to steer a model: there is none here to steer, so the message is not a question.
_STEERING = re.compile(
    r"\b(?:ignore|disregard|forget|override)\b[^.]{0,30}\b(?:instructions?|rules|prompts?|previous"
    r"|above|guidelines)\b"
    r"|\bsystem prompt\b|\b(?:your|hidden|initial) (?:instructions|prompt)\b|\bdeveloper mode\b"
    r"|\bjailbreak\b|\byou are now\b|\bpretend (?:to be|you)\b|\bact as\b|\brole-?play\b"
    r"|\b(?:api|secret) keys?\b|\bpasswords?\b|\bdrop table\b|<\w+|\bother business(?:es)?\b"
)
_OFF_TOPIC = re.compile(
    r"\b(?:poem|joke|story|song|essay|haiku|translate|recipe|weather|python|javascript|code|lyrics"
    r"|president|capital of)\b"
)
# Small words that English does not have: two different ones make another language.
_FOREIGN = phrase(
    r"wie|ist|mein|meine|meinen|der|das|und|im|hoch|wir|waren",
    r"quel|quelle|est|mon|mes|les|dans|avec|pour|combien|notre|nos|du|le|et",
    r"cual|cuál|como|cómo|mi|mis|el|los|las|fue|fueron|qué|que|nuestro|nuestros",
    r"qual|meu|minha|foi|quanto|il|mio|di|hoeveel|mijn|het|een",
)
_NOT_LATIN = re.compile(r"[\u0370-\u1dff\u2e80-\uffdc]")
_LATIN = re.compile(r"[a-z]")
_SECOND_REQUEST = re.compile(
    r"(?:,|[.!?;])?(?: (?:and|then))* (?=(?:show|tell|what|how|list|give|recompute|sync)\b)"
)
_HEDGED = re.compile(
    r"\b(?:do not|never|should (?:i|we)|how (?:do|can|would|to)|what if|what happens"
    r"|if (?:i|we|it|they|the|not|so|needed|necessary|possible)"
    r"|who (?:can|may)|(?:can|may) (?:a |an )?(?:viewers?|anyone|admins?|owners?))\b"
)
# A question about a change is no request to make it.
_ASKED_ABOUT = re.compile(
    r"\W*(?:(?:so|and|but|hey|hi|ok(?:ay)?),? )*(?:when|did|has|have|is|was|were|does)\b"
)
_ASKED = re.compile(rf"{_ASKED_ABOUT.pattern}|\W*(?:why|who|what|which|how|are|do)\b")

_CHANGES: frozenset[Intent] = frozenset((Ask.SYNC, Ask.RECOMPUTE))


def understand(texts: Sequence[str], today: date) -> tuple[Intent, ...]:
    """Return what the last of a person's messages asks for; the earlier ones serve follow-ups.

    Never empty: a message that is not understood yields `Talk.NOT_UNDERSTOOD`.
    """
    if not texts:
        return (Talk.HELP,)
    memory = Memory()
    for text in texts[-1 - _MESSAGES_REMEMBERED : -1]:
        memory = _remember(text, today, memory)
    return read(texts[-1], today, memory)


def _remember(text: str, today: date, memory: Memory) -> Memory:
    intents = read(text, today, memory)
    periods = listen(Scan(normalise(text[:_LONGEST_MESSAGE])), today, memory).dates.periods
    return memory.after(intents, named=periods[-1].period if periods else None)


def read(original: str, today: date, memory: Memory) -> tuple[Intent, ...]:
    """Return what one message asks for, given what earlier ones were about."""
    original = original[:_LONGEST_MESSAGE]
    text = normalise(original)
    if _is_no_question(text):
        return (Talk.NOT_UNDERSTOOD,)
    if expression := expression_in(original):
        return (Calculation(expression),)
    if alone := small_talk(text) or created(original):
        return (alone,)
    first, then = _parts(text)
    if change := updated(first, memory.update, memory.pointed):
        return (change, *_several(then, today, memory))
    return _several(text, today, memory) or (Talk.NOT_UNDERSTOOD,)


def _is_no_question(text: str) -> bool:
    """Tell whether the message is empty, in another language, or meant to steer a model."""
    return not text or _is_foreign(text) or _STEERING.search(text) is not None


def _parts(text: str) -> tuple[str, str]:
    """Split "accept the first one and show my revenue" before what comes second."""
    second = _SECOND_REQUEST.search(text)
    return (text[: second.start()], text[second.end() :]) if second else (text, "")


def _is_foreign(text: str) -> bool:
    if len(_NOT_LATIN.findall(text)) > len(_LATIN.findall(text)):
        return True
    return len(set(_FOREIGN.findall(text))) > 1


def _several(text: str, today: date, memory: Memory) -> tuple[Intent, ...]:
    if _OFF_TOPIC.search(text):
        return ()
    scan = Scan(text)
    placed = find_requests(scan, after_readiness=memory.readiness)
    unavailable = [Unavailable(topic) for topic in find_topics(scan)]
    heard = listen(scan, today, memory)
    recognised = len(placed) + heard.recognised
    changes = any(p.intent in _CHANGES for p in placed)
    if placed and is_mostly_unknown(heard.rest, recognised=recognised, strict=changes):
        return ()
    # Without a figure of its own, a message about something else does not continue on figures.
    if heard.names_figures or not (placed or unavailable):
        asked = figure_questions(heard, today, memory)
        placed += [Placed(heard.start, intent) for intent in asked]
    in_order = sorted(placed, key=lambda p: p.start)
    ordered = [_as_request(p, text) for p in in_order] + unavailable
    if set(ordered) >= _CHANGES:
        ordered[ordered.index(Ask.RECOMPUTE)] = Clarify(RECOMPUTE_AFTER_SYNC)
    return tuple(dict.fromkeys(ordered))[:_MOST_INTENTS]


def _as_request(placed: Placed, text: str) -> Intent:
    """Return the intent, or what is said instead where a change was only talked about."""
    if placed.intent not in _CHANGES:
        return placed.intent
    sentence = re.split(r"[.?!;]", text[: placed.start])[-1]
    if placed.intent is Ask.SYNC and _ASKED_ABOUT.match(sentence):
        return Ask.SYNC_STATUS
    if _HEDGED.search(text) or _ASKED.match(sentence):
        example = "sync Stripe" if placed.intent is Ask.SYNC else "recompute my score"
        return Clarify(f"{SAY_IT_PLAINLY}“{example}”.")
    return placed.intent
