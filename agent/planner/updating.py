"""Requests to accept, dismiss or reopen a recommendation, or to change its priority."""

from __future__ import annotations

import re
from dataclasses import replace

from agent.planner.capabilities import ACCEPT_OR_DISMISS, SAY_IT_PLAINLY
from agent.planner.creating import LEVELS
from agent.planner.intents import (
    Clarify,
    Intent,
    Reference,
    Status,
    StatusFilter,
    UpdateRecommendation,
)
from agent.planner.wording import any_of, words_of

_START = (
    r"(?:^|[.!?;]\s*|,\s*)(?:(?:please|ok(?:ay)?|yes|now|then|and|also|so|kindly|go ahead and|hi"
    r"|hello|hey|can you|could you|would you|will you|you can|i want to|i want you to|i would like"
    r" to|i would like you to|let us|let me|i will|we will),? )*"
)
_OBJECT = r"\b(?P<object>[^.!?;]*)"

Act = tuple[re.Pattern[str], Status]


def _acts(*verbs: tuple[str, Status]) -> tuple[Act, ...]:
    return tuple((re.compile(rf"{_START}(?:{words}){_OBJECT}"), status) for words, status in verbs)


_ACTS = _acts(
    ("accept|approve", "accepted"),
    ("dismiss|reject|decline", "dismissed"),
    ("re-?open|restore|un-?dismiss", "pending"),
)
# Said of other things too, so that the object must name a recommendation.
_LOOSE_ACTS = _acts(
    ("take on|agree to|agree with|follow", "accepted"),
    ("discard|get rid of|ignore|delete|remove|close|drop|skip", "dismissed"),
    ("bring back", "pending"),
)
_MARK = re.compile(
    rf"{_START}(?:mark|set|change|move|turn)\b(?P<object>[^.!?;]*?)(?: (?:as|to|into))+ (?:be )?"
    r"(?P<status>accepted|approved|dismissed|rejected|pending|open|done|completed?|finished)\b"
)
_MARKS: dict[str, Status] = {
    "accepted": "accepted",
    "approved": "accepted",
    "dismissed": "dismissed",
    "rejected": "dismissed",
    "pending": "pending",
    "open": "pending",
}
# Work that was done is no state of a recommendation.
_DONE = re.compile(
    rf"{_START}(?:(?:i|we) )?(?:have |already |just )*(?:did|done|finished|completed|implemented)"
    rf"{_OBJECT}"
)
_SET_PRIORITY = re.compile(
    rf"{_START}(?:set|make|change|mark|give|raise|lower)\b(?P<object>[^.!?;]*?)"
    r"(?: (?:to|as|a|an|priority))* (?P<level>high|medium|low|urgent)\b(?:[ -]priority)?"
)
_NEGATED = re.compile(
    r"\b(?:do not|not|never|without|should (?:i|we)|what if|if (?:i|we)|no longer|what happens)\b"
)
_MENTIONED = re.compile(
    r"\b(?:accept|approve|dismiss|reject|decline|re-?open|restore)\w*\b"
    r".*\b(?:recommendations?|suggestions?|ones?|it)\b"
)

_ORDINAL_WORDS = (
    "first 1st top",
    "second 2nd",
    "third 3rd",
    "fourth 4th",
    "fifth 5th",
    "sixth 6th",
    "seventh 7th",
    "eighth 8th",
    "ninth 9th",
    "tenth 10th",
)
_CARDINAL_WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_PLACES = {word: n for n, words in enumerate(_ORDINAL_WORDS, start=1) for word in words.split()}
_PLACES |= {"last": -1}
_CARDINALS = {word: n for n, word in enumerate(_CARDINAL_WORDS, start=1)}
_PLACE = re.compile(
    rf"\b(?:{any_of(_PLACES)})\b"
    rf"|(?:\b(?:number|no\.?|nr\.?|recommendation|item)|#) ?(?:\d{{1,2}}|{any_of(_CARDINALS)})\b"
    r"|(?<![\w-])\d{1,2}(?![\w-])"
)
_THING = r"(?:recommendations?|suggestions?|tasks?|to-?dos?|action items?)"
_NAMED = re.compile(rf"\b{_THING}\b|\b(?!no )\w+ ones?\b")
_TAIL = r"(?:\W|please|for me|now|too|then|as well|and|the|all|of|them|these|those|it)*$"
_POINTED_AT = re.compile(
    rf"^\W*(?:it|that|this|them|those|these|all|everything|both)\b{_TAIL}"
    rf"|^\W*(?:the )?(?:{_PLACE.pattern}){_TAIL}"
    rf"|^\W*(?:the )?(?:{_PLACE.pattern})(?:,| and) (?:the )?(?:{_PLACE.pattern}){_TAIL}"
)
_IDENTIFIER = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){0,3}(?:-[0-9a-f]{12})?\b")
_SEVERAL = re.compile(r"\b(?:all|every|everything|both|each|them)\b")
_AMONG: tuple[tuple[re.Pattern[str], StatusFilter], ...] = (
    (re.compile(r"\bdismissed\b"), "dismissed"),
    (re.compile(r"\baccepted\b"), "accepted"),
)
_NOT_A_NAME = frozenset(
    words_of(
        """
        about accept accepted again all and any are called can close could dismiss dismissed
        everything for from have high into item low mark medium now number one ones open our pending
        please priority recommendation recommendations regarding reject set should status suggestion
        suggestions task tasks thank thanks that the them then there this those to-do todo was which
        with would you your
        """
    )
)
_WORD = re.compile(r"[^\W_][\w'-]{2,}")
_ANSWER = re.compile(
    r"^(?:(?:ok(?:ay)?|and|also|then|now|please|yes|i mean|i meant),? )*"
    rf"(?P<object>(?:the )?.{{0,60}}\b(?:one|recommendation)|(?:the )?(?:{_PLACE.pattern}))\W*$"
)


def updated(
    text: str, previous: UpdateRecommendation | None, pointed: Reference | None
) -> Intent | None:
    """Return the change to a recommendation that the normalised text asks for, if it does.

    `previous` is the change that the message before asked for: "the second one" repeats it.
    `pointed` is the recommendation that "it" means. What is only talked about ("should I accept
    it?") yields a question back.
    """
    intent = _marked(text) or _prioritised(text) or _acted(text)
    if intent is not None:
        return Clarify(_SAY_ACCEPT) if _NEGATED.search(text) else _resolved(intent, pointed)
    if _NEGATED.search(text) and _MENTIONED.search(text):
        return Clarify(_SAY_ACCEPT)
    return _repeated(text, previous)


_SAY_ACCEPT = f"{SAY_IT_PLAINLY}“accept the first one”."


def _resolved(intent: Intent, pointed: Reference | None) -> Intent:
    unnamed = isinstance(intent, UpdateRecommendation) and intent.reference == Reference()
    if not isinstance(intent, UpdateRecommendation) or not unnamed or pointed is None:
        return intent
    return replace(intent, reference=pointed)


def _marked(text: str) -> Intent | None:
    done = _DONE.search(text)
    if done and _is_recommendation(done["object"]):
        return Clarify(ACCEPT_OR_DISMISS)
    match = _MARK.search(text)
    if match is None or not _is_recommendation(match["object"]):
        return None
    status = _MARKS.get(match["status"])
    return _change(match["object"], status) if status else Clarify(ACCEPT_OR_DISMISS)


def _prioritised(text: str) -> Intent | None:
    match = _SET_PRIORITY.search(text)
    if match is None or not _is_recommendation(match["object"]):
        return None
    level = LEVELS[match["level"]]
    return UpdateRecommendation(_reference(match["object"]), "pending", priority=level)


def _acted(text: str) -> Intent | None:
    for pattern, status in _ACTS:
        match = pattern.search(text)
        if match and _is_recommendation(match["object"]):
            return _change(match["object"], status)
    for pattern, status in _LOOSE_ACTS:
        match = pattern.search(text)
        if match and _NAMED.search(match["object"]):
            return _change(match["object"], status)
    return None


def _is_recommendation(words: str) -> bool:
    """Tell whether the object of a verb can be a recommendation, and not data or instructions."""
    return any(pattern.search(words) for pattern in (_NAMED, _POINTED_AT, _IDENTIFIER))


def _change(target: str, status: Status) -> UpdateRecommendation:
    reference = _reference(target)
    default: StatusFilter = "all" if status == "pending" or reference.identifier else "pending"
    among = next((value for pattern, value in _AMONG if pattern.search(target)), default)
    return UpdateRecommendation(reference, among, status=status)


def _repeated(text: str, previous: UpdateRecommendation | None) -> Intent | None:
    match = _ANSWER.match(text) if previous else None
    if match is None or previous is None:
        return None
    reference = _reference(match["object"])
    if reference.is_empty:
        return None
    return UpdateRecommendation(reference, previous.among, previous.status, previous.priority)


def _reference(words: str) -> Reference:
    found = _IDENTIFIER.search(words)
    places = _PLACE.findall(words)
    several = _SEVERAL.search(words) is not None or len(places) > 1
    if found:
        return Reference(identifier=found[0], several=several)
    if places:
        return Reference(ordinal=_place_of(places[0]), several=several)
    named = tuple(word for word in _WORD.findall(words) if word not in _NOT_A_NAME)
    return Reference(words=named, several=several)


def _place_of(words: str) -> int:
    word = re.split(r"[ #]", words)[-1]
    return int(word) if word.isdecimal() else (_PLACES | _CARDINALS)[word]
